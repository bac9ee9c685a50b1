/// Where a record stands in the history of its spool: the run of the daemon that wrote it, and the checksum chained
/// over all groups up to its own. Two spools that agree here have the same history up to here.
public struct RecordOrigin: Sendable, Hashable {
    public var run: UniqueID
    public var chain: UInt64

    public init(run: UniqueID, chain: UInt64) {
        self.run = run
        self.chain = chain
    }
}

/// A lane is a table: its number is the kind's. Every record of the lane up to `position` has its fate.
public struct LanePosition: Sendable, Hashable {
    public var lane: EventKind
    public var position: SequenceNumber
    /// Of the record at `position`; nil at position 0.
    public var origin: RecordOrigin?

    public init(lane: EventKind, position: SequenceNumber, origin: RecordOrigin?) {
        self.lane = lane
        self.position = position
        self.origin = origin
    }
}
