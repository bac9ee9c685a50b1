import LinuxSystem
import OperationLogs

/// The operator's word on lines of a lost range that are set aside, given while no daemon runs on the spool.
///
/// It is one line of the file `losses`: a crash leaves it said or not said, and said again it changes nothing. The next
/// run of the daemon reads the lines, each once.
public struct SpoolRereading<Disk: Storage> {
    public enum Outcome: Sendable, Hashable {
        /// From the next start on they are read again.
        case asked
        /// The word was given before, and the daemon has not carried it out yet.
        case askedBefore
        /// Nothing of the range is left to be read again.
        case nothingLeft
        /// The daemon reads them by itself, or decides when it has asked the database.
        case notForYou(LossSummary.State)
        case unknown
    }

    private var file: LossFile<Disk>

    /// - Parameter disk: `state_directory/spool`; the caller holds its `SpoolLock`.
    public init(_ disk: Disk) throws(SpoolError) {
        file = try LossFile(disk)
    }

    /// Has the lines of a range read again, those that were delivered before included.
    ///
    /// - Parameter isMeant: false only asks what would come of it.
    public mutating func ask(_ number: Int, now: Timestamp, isMeant: Bool) throws(SpoolError) -> Outcome {
        guard let loss = file.book.losses[number] else { return .unknown }
        switch LossSummary(loss).state {
        case .closed: return .nothingLeft
        case .asked: return .askedBefore
        case .undecided: return .notForYou(.undecided)
        case .readAgain: return .notForYou(.readAgain)
        case .setAside:
            if isMeant { try file.append([.reread(number, time: now.rfc3339)]) }
            return .asked
        }
    }
}

extension SpoolInspector {
    /// Every lost range, and what became of the lines of files in it.
    public func losses() throws(SpoolError) -> [LossSummary] {
        try LossFile(disk).book.inOrder.map { LossSummary($0) }
    }
}
