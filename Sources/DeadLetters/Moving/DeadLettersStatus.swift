import OperationLogs

/// The dead letters as `opslogd status` shows them.
public struct DeadLettersStatus: Sendable, Hashable {
    /// Dead letters that were neither retried nor discarded.
    public var held: Int
    /// Of the store's files.
    public var bytes: UInt64
    /// Every rejected line of the spool up to here stands in the store.
    public var movedUpTo: SequenceNumber
    /// Why rejected lines wait in the spool; nil while they are moved.
    public var obstacle: String?

    public init(held: Int, bytes: UInt64, movedUpTo: SequenceNumber, obstacle: String? = nil) {
        self.held = held
        self.bytes = bytes
        self.movedUpTo = movedUpTo
        self.obstacle = obstacle
    }
}
