/// The partitions of a table, as far as they say which rows it takes.
struct Partitions {
    /// From `first` up to and without `end`, as the server prints them.
    struct Range {
        var first: String
        var end: String
        var holdsNow: Bool
        /// Whether it ends within a week.
        var endsSoon: Bool
    }

    /// The time that the table is partitioned by; nil if it is by something else.
    var rangeColumn: String?
    /// Whether there is a partition for every row.
    var takesEverything: Bool
    var ranges: [Range] = []

    /// The last of the partitions that follow one another without a gap from the one of now on; nil if there is none for
    /// now.
    var lastWithoutGap: Range? {
        guard var last = ranges.first(where: \.holdsNow) else { return nil }
        while let next = ranges.first(where: { $0.first == last.end }) { last = next }
        return last
    }
}
