/// Records of a lane that a restored database lacks, and that the spool no longer keeps: nobody can deliver them.
///
/// Delivery goes on without them on the operator's word only. The numbers are those of the whole spool, so that of the
/// lane itself there are at most so many.
public struct LaneGap: Sendable, Hashable {
    public var lane: EventKind
    /// The first number behind the lane's row.
    public var first: SequenceNumber
    /// The last one that may be missing: not behind what was delivered of the lane before.
    public var last: SequenceNumber
    /// Behind this number every record is kept, or known to be lost; not below `last`. The numbers between are no records
    /// of this lane.
    public var end: SequenceNumber

    public init(lane: EventKind, first: SequenceNumber, last: SequenceNumber, end: SequenceNumber) {
        self.lane = lane
        self.first = first
        self.last = last
        self.end = end
    }

    /// At most so many records.
    public var recordCount: UInt64 { last.rawValue - first.rawValue + 1 }

    /// Whether the same records are named.
    public func names(_ other: LaneGap) -> Bool {
        lane == other.lane && first == other.first && last == other.last
    }
}

extension Collection<LaneGap> {
    /// From where a lane goes on whose row stands at `position`, when these gaps were accepted. A row that stands further
    /// back than one that a gap was accepted for lacks more than was accepted: nothing is passed over then.
    public func passed(_ lane: EventKind, from position: SequenceNumber) -> SequenceNumber {
        var passed = position
        while let gap = first(where: {
            $0.lane == lane && $0.first.rawValue <= passed.rawValue + 1 && passed < $0.end
        }) { passed = gap.end }
        return passed
    }
}
