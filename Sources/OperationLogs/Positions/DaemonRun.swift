/// A start of the daemon on a spool: its records are those from `firstSequence` up to the next run's.
public struct DaemonRun: Sendable, Hashable {
    public var id: UniqueID
    /// The number that its first record has, or would have.
    public var firstSequence: SequenceNumber

    public init(id: UniqueID, firstSequence: SequenceNumber) {
        self.id = id
        self.firstSequence = firstSequence
    }
}
