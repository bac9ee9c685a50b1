import OperationLogs

/// Frames of one segment that a reader has come by, so that it can go to one of them without passing all that stand before
/// it: where rows are refused, Delivery goes back time and again.
struct SegmentMarks {
    struct Mark {
        /// Where the frame stands.
        var offset: UInt64
        /// The number of its first record, and the chain before it.
        var first: SequenceNumber
        var chain: UInt64
    }

    /// Of a segment of any length.
    private static let most: UInt64 = 256

    private var marks: [Mark] = []
    private var distance: UInt64 = 0

    /// Forgets those of another segment.
    ///
    /// - Returns: where this one's first frame stands.
    mutating func begin(_ segment: SegmentEntry) -> Mark {
        let first = Mark(
            offset: UInt64(SegmentHeader.length), first: segment.first, chain: segment.header.chain)
        marks.removeAll(keepingCapacity: true)
        marks.append(first)
        distance = segment.bytes / Self.most
        return first
    }

    /// The reader stands before this frame. Kept if it is far enough behind the last that was.
    mutating func note(_ mark: Mark) {
        if let last = marks.last, mark.offset < last.offset + distance { return }
        marks.append(mark)
    }

    /// The last one from which `sequence` lies ahead; nil if it is in front of the segment.
    func last(before sequence: SequenceNumber) -> Mark? { marks.last { $0.first <= sequence } }
}
