import OperationLogs

/// A lane as the state machine sees it.
struct LaneState: Sendable {
    let lane: EventKind
    /// Where its row in the database is.
    var position = SequenceNumber.zero
    /// Of the record at `position`; nil at 0.
    var origin: RecordOrigin?
    /// Records up to here never go under the spool's present name.
    var floor = SequenceNumber.zero
    /// Records that a restored database lacks and that the operator has given up.
    var gaps: [LaneGap] = []
    /// Every record of the lane up to here has its fate; not below `floor` or `position`.
    var fate = SequenceNumber.zero

    /// Whether it is delivered in transactions of its own, because it failed or is behind the others.
    var isAlone = false
    /// One of the next that many rows was refused together with the others; nil where none is suspected.
    var suspects: Int? {
        didSet { if suspects == nil { likelyGood = nil } }
    }
    /// How many rows stand before the one that the server seemed to refuse; nil where it named none.
    var likelyGood: Int?
    /// How many rows to try at once while it is alone and nothing is suspected.
    var rowsAlone: Int
    /// As many must go at once before it joins the others again: a row of so many was refused when it went with them, and
    /// each one that is costs the whole batch. Nil where it went alone for another reason.
    var rowsToRejoin: Int?
    /// How often that many must get through before more are tried: a try that is too large costs a timeout.
    var commitsBeforeGrowth = 0
    /// Why it waits; nil if it does not.
    var hold: Hold?
    /// Of the last rows that were tried.
    var refusals = RefusalWindow()

    /// A lane that waits until somebody mends something, or until a lock is let go.
    struct Hold: Sendable {
        var reason: String
        var backoff: Backoff
        /// Monotonic milliseconds.
        var retryAt: UInt64
    }

    /// How many rows a probe of a held lane takes.
    static let probeRows = 100

    /// Whether it may go with the others again once it is where they are.
    func mayRejoin(durable: SequenceNumber) -> Bool {
        guard hold == nil, suspects == nil else { return false }
        return fate >= durable || rowsToRejoin.map { rowsAlone >= $0 } ?? true
    }

    /// How many rows the lane's next transaction of its own may take.
    var rowLimit: Int {
        let suspected = suspects.map { max(1, likelyGood ?? $0 / 2) } ?? rowsAlone
        if refusals.isBeyondReason { return 1 }
        return max(1, hold == nil ? suspected : min(suspected, Self.probeRows))
    }

    /// Every record of the lane up to here has its fate, if its row stands at `position`.
    func passed(from position: SequenceNumber) -> SequenceNumber { gaps.passed(lane, from: max(position, floor)) }

    var known: LanePosition { LanePosition(lane: lane, position: position, origin: origin) }
}
