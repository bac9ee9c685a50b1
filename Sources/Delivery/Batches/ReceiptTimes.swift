import OperationLogs

/// When the rows of a batch were received, for the lag from receipt to commit: runs of equal times, since the lines of
/// one read call share theirs.
struct ReceiptTimes {
    struct Run: Hashable {
        var received: Timestamp
        var count: Int
    }

    private(set) var runs: [Run] = []
    /// Beyond this many runs, times are counted to the last one: the histogram is no finer than that.
    private static let mostRuns = 256

    @inline(__always)
    mutating func add(_ received: Timestamp) {
        let last = runs.count &- 1
        if last >= 0, runs[last].received == received || runs.count == Self.mostRuns {
            runs[last].count &+= 1
        } else {
            runs.append(Run(received: received, count: 1))
        }
    }

    mutating func clear() { runs.removeAll(keepingCapacity: true) }
}
