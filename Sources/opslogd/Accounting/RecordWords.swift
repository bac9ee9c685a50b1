import DeadLetters
import OperationLogs
import Spool

/// What is said of a record, or of a dead letter, by its fate.
struct RecordWords {
    let files: StateFiles
    let standing: SpoolStanding
    let fates: RecordFates

    /// - Parameter asked: of which records it is told how their dead letters ended.
    init(_ files: StateFiles, _ standing: SpoolStanding, of asked: Set<SequenceNumber>) throws {
        self.files = files
        self.standing = standing
        fates = RecordFates(
            standing: standing, letters: try files.letterRegister(of: standing.birthName, endsOf: asked), rows: nil)
    }

    func line(_ record: RecordView, _ originator: RecordOriginator) throws -> TracedLine {
        let fate = fates.fate(record.kind, record.sequence)
        let kind = EventKind(rawValue: record.kind)
        var line = TracedLine(
            state: .inSpool, sentence: "", sequence: record.sequence, received: record.received,
            input: originator.input, path: originator.path, offset: record.offset, table: kind?.name,
            lanePosition: kind.flatMap { standing.positions[$0]?.position })
        if record.kind == RecordLayout.rejectedLine {
            let rejected = try RejectedLine(record.payload)
            line.reason = rejected.reason.name
            line.detail = rejected.detail
        }
        switch fate {
        case .delivered:
            line.state = .delivered
            line.sentence =
                kind == .pipelineWatermarks
                ? "delivered: the watermark is in its table, or a newer one has overtaken it"
                : "delivered: it is in its table"
        case .deadLetter: describeLetter(&line)
        case .inSpool:
            line.sentence =
                kind == nil
                ? "rejected, durable in the spool, and on its way to the dead letters"
                : "read and durable in the spool, and not delivered yet; see 'opslogd status' for what holds it up"
        case .passedOver:
            line.state = .passedOver
            line.sentence =
                "passed over: it was delivered under a former name of the spool, is left to another history, or was discarded"
        case .notInDatabase:
            line.state = .notInDatabase
            line.sentence = "delivered once, and the database was set back since; see 'opslogd reconcile'"
        case .stranded:
            line.state = .unaccounted
            line.sentence = "it counts as done, and is in no table and no dead letter; see 'opslogd reconcile'"
        case .note:
            line.state = .note
            line.sentence = "no line: a note that a dead letter was sent again, as the record before"
            if let note = try RetryNote(record) { line.detail = "the dead letter \(note.letter)" }
        }
        return line
    }

    private func describeLetter(_ line: inout TracedLine) {
        guard let sequence = line.sequence else { return }
        line.state = .deadLetter
        line.sentence = "a dead letter: see 'opslogd dead-letters show \(sequence.rawValue)'"
        if let letter = try? files.deadLetter({ $0.id == sequence }) {
            line.reason = letter.reason.name
            line.detail = letter.detail
        }
        guard fates.letters.isEnded(sequence) || sequence <= fates.letters.droppedUpTo && line.detail == nil else {
            return
        }
        line.state = .ended
        let end = fates.letters.ends[sequence]
        line.end = end
        let verb =
            end?.contains(#""fate":"retried""#) ?? false
            ? "was sent again" : end?.contains(#""fate":"discarded""#) ?? false ? "was discarded" : "was dropped"
        line.sentence = "a dead letter that is over: it \(verb)"
    }

    func line(_ letter: DeadLetter) -> TracedLine {
        TracedLine(
            state: .deadLetter, sentence: "a dead letter: see 'opslogd dead-letters show \(letter.id.rawValue)'",
            sequence: letter.id, received: letter.time, input: letter.source.input, path: letter.source.path,
            offset: letter.offset, table: letter.event?.name, reason: letter.reason.name, detail: letter.detail)
    }

    func absent(_ sequence: SequenceNumber, isBehind: Bool) -> TracedLine {
        if fates.letters.isEnded(sequence) {
            var line = TracedLine(state: .ended, sentence: "", sequence: sequence)
            describeLetter(&line)
            return line
        }
        if let range = standing.lostRanges.first(where: { $0.first <= sequence && sequence < $0.next }) {
            let isDone = sequence <= min(standing.settled, standing.moved)
            return TracedLine(
                state: .lost,
                sentence: "it stood in a damaged place of the spool, with \(range.records)"
                    + (isDone ? "; it may have been delivered before" : "") + "; see 'opslogd spool reread'",
                sequence: sequence)
        }
        if sequence == .zero || isBehind && sequence > max(standing.settled, standing.moved) {
            return TracedLine(state: .unknown, sentence: "there is no such record yet", sequence: sequence)
        }
        return TracedLine(
            state: .forgotten,
            sentence: "it had its fate, in a table or among the dead letters, and its segment is no longer kept",
            sequence: sequence)
    }
}

extension StateFiles {
    /// The first dead letter that is the one; nil if none is.
    func deadLetter(_ isIt: (DeadLetter) -> Bool) throws -> DeadLetter? {
        var found: DeadLetter?
        try forEachDeadLetter(DeadLetterFilter()) { letter in
            if isIt(letter) { found = letter }
            return found == nil
        }
        return found
    }
}
