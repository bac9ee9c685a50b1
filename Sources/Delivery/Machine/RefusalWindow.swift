import OperationLogs

/// How many of the last rows of a table the database refused: whether it is the rows that are to blame, or the table.
///
/// Kept for as long as the daemon runs: after a restart a table has to refuse as many again.
struct RefusalWindow: Sendable {
    /// Rows that count, at most.
    static let length = 1000
    /// Fewer refusals than that say nothing.
    static let fewest = 20

    /// Of rows with the same fate, one behind the other; the oldest first.
    private struct Run: Sendable {
        var isRefused: Bool
        var rows: Int
    }

    private var runs: [Run] = []
    private(set) var attempted = 0
    private(set) var refused = 0
    /// A row that could not be kept as a dead letter is refused again.
    private var last: SequenceNumber?

    /// More than half of the last rows were refused. Once it is so, it stays so until a row is taken.
    private(set) var isBeyondReason = false

    mutating func noteRefused(_ sequence: SequenceNumber) {
        guard sequence != last else { return }
        last = sequence
        add(Run(isRefused: true, rows: 1))
        if refused >= Self.fewest, refused * 2 > attempted { isBeyondReason = true }
    }

    mutating func noteAccepted(_ rows: Int) {
        // What was refused while the table was at fault says nothing of the rows to come.
        if isBeyondReason { self = RefusalWindow() }
        add(Run(isRefused: false, rows: min(rows, Self.length)))
    }

    private mutating func add(_ run: Run) {
        if runs.last?.isRefused == run.isRefused {
            runs[runs.count - 1].rows += run.rows
        } else {
            runs.append(run)
        }
        attempted += run.rows
        if run.isRefused { refused += run.rows }
        while attempted > Self.length, let oldest = runs.first {
            let gone = min(oldest.rows, attempted - Self.length)
            attempted -= gone
            if oldest.isRefused { refused -= gone }
            if gone == oldest.rows { runs.removeFirst() } else { runs[0].rows -= gone }
        }
    }
}
