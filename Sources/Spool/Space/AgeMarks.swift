import OperationLogs

/// When records were written, for the age of the oldest one that is not delivered: a mark a group, thinned out as the
/// backlog grows, so that the memory stays the same.
struct AgeMarks: Sendable {
    private static let capacity = 1024
    private var marks: [(first: SequenceNumber, written: Timestamp)] = []

    /// Takes note that records from `first` on were written at that time.
    mutating func add(_ first: SequenceNumber, _ written: Timestamp) {
        if marks.count == Self.capacity {
            marks = marks.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
        }
        marks.append((first, written))
    }

    mutating func add(_ later: AgeMarks) {
        for mark in later.marks { add(mark.first, mark.written) }
    }

    /// Lets go what lies before `sequence`.
    mutating func pass(_ sequence: SequenceNumber) {
        let keep = marks.lastIndex { $0.first <= sequence } ?? 0
        if keep > 0 { marks.removeFirst(keep) }
    }

    /// When the record was written, or a little earlier.
    func written(_ sequence: SequenceNumber) -> Timestamp? {
        (marks.last { $0.first <= sequence } ?? marks.first)?.written
    }
}
