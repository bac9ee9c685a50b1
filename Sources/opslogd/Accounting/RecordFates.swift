import DeadLetters
import Delivery
import OperationLogs
import Spool

/// What became of a record, as the spool's own files, the dead letters and the database's position rows tell it.
///
/// Its parts are read in this order: where the spool stands, then the dead letters and the rows. The first lags the others
/// and never leads them, so beside a running daemon nothing is taken for missing that is only on its way.
struct RecordFates {
    enum Fate: Hashable {
        /// In its table, or a newer watermark has overtaken it.
        case delivered
        /// It has, or had, a dead letter.
        case deadLetter
        /// Durable, and without a fate.
        case inSpool
        /// Counts as done under the spool's former name: it was delivered under that one, is another history's, or was
        /// discarded.
        case passedOver
        /// Delivered, as the spool has it; but the database's row is behind it.
        case notInDatabase
        /// Said to be done, and no table and no dead letter has it.
        case stranded
        /// A note that a dead letter was sent again: no line.
        case note
    }

    let standing: SpoolStanding
    let letters: LetterRegister
    /// nil where the database was not asked.
    let rows: [EventKind: PositionRow]?

    func fate(_ kind: UInt8, _ sequence: SequenceNumber) -> Fate {
        if kind == RecordLayout.retryNote { return .note }
        guard let lane = EventKind(rawValue: kind) else {
            if letters.holdsRejected(sequence) { return .deadLetter }
            // Dropped ones may stand there no more.
            if sequence > standing.moved { return .inSpool }
            return sequence <= letters.droppedUpTo ? .deadLetter : .stranded
        }
        if letters.holdsAny(sequence) { return .deadLetter }
        if let floor = standing.floors[lane], sequence <= floor { return .passedOver }
        let known = standing.positions[lane]?.position ?? .zero
        let position = rows.map { $0[lane]?.position ?? .zero } ?? known
        if sequence <= position { return .delivered }
        if sequence <= known { return .notInDatabase }
        return sequence <= standing.settled ? .stranded : .inSpool
    }
}
