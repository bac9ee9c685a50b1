import OperationLogs

/// Decides every step of delivery: connect, fence, gather, send, and what a failure means. No I/O, no clock, no lock.
///
/// The database's position rows are the truth: each lane's row moves in the transaction that holds the lane's rows. So
/// after anything that leaves doubt (a lost connection, a COMMIT without an answer, a row that is not as expected) the
/// machine forgets what it had gathered, locks all rows, compares them with the spool, and goes on from there.
///
/// Lanes travel together until one fails. It then goes *alone*, in transactions of its own, between those of the
/// others: so that it can be halved until its refused row is found, or tried again at intervals, without holding up the
/// rest. It joins them again when it has caught up.
public struct DeliveryStateMachine: Sendable {
    enum Phase: Sendable {
        case unconnected
        case fencing(Fence)
        case choosing
        case gathering(Turn, until: UInt64?)
        case sending(Sending)
        case rollingBack(Aftermath)
        case explaining(EventKind)
        case refusing(EventKind)
        /// What follows, if it is a dispute that is recorded: the obstacle to wait for.
        case recording(HistoryFinding, then: String?)
        /// Nothing to do, or a wait; then `Aftermath`.
        case waiting(Aftermath)
    }

    /// A transaction under way.
    struct Sending: Sendable {
        var batch: BatchSummary
        var statements: [Statement]
        var next = 0
        var statement: Statement { statements[next] }
    }

    /// What follows a rollback or a wait.
    enum Aftermath: Sendable {
        case choose
        case connect
        case wait(Int)
        case explain(EventKind)
        case refuse(EventKind, SequenceNumber, ServerError)
        case record(HistoryFinding, then: String?)
    }

    let options: DeliveryOptions
    let run: UniqueID
    /// Oldest first; the last is `run`.
    let runs: [DaemonRun]

    var phase = Phase.unconnected
    var lanes: [LaneState]
    /// What the spool's ledger was last told.
    var settled: SequenceNumber
    /// Whether the position rows must be compared before anything is sent.
    var mustFence = true
    /// Whether this run has owned the position rows.
    var hasOwned = false
    /// Whether it was found that this spool's history and the database's cannot be told apart.
    var isDisputed: Bool
    /// Whose COMMIT was sent, and its outcome is not known.
    var unknownOutcome: BatchSummary?
    /// What a restored database lacks and nobody can deliver.
    var gap = GapSearch()
    /// Whether the last COMMIT was answered with a warning that it is not replicated.
    var isUnreplicated = false
    /// Set by the shell: what is there goes at once.
    var isDraining = false

    /// Rows of a batch at most: less than the option says after a batch was too much for the server.
    var rowLimit: Int
    var commitsSinceResize = 0
    static let commitsBeforeGrowth = 8
    var retry: Backoff
    var operatorRetry: Backoff
    var random: SplitMix64
    /// Which of the turns that were due was the last: 0 for the lanes together, else a lane's number.
    var lastTurn = 0

    var server: ServerIdentity?
    /// The one that was delivered to last, as it is kept beyond this run.
    var knownServer: DatabaseServer?
    var isConnected = false
    /// Why nothing at all is delivered; nil if something can be.
    var obstacle: String?
    var lastError: (text: String, milliseconds: UInt64)?
    var retryAt: UInt64?
    var saidAt: [String: UInt64] = [:]
    var batches = 0
    var eventsDelivered = 0
    private(set) var effects: [Effect] = []

    /// - Parameters:
    ///   - runs: of this spool, oldest first, `run` the last.
    ///   - known: where the cursor says that the lanes' rows are.
    ///   - floors: records up to here never go under the spool's present name.
    ///   - gaps: records that a restored database lacks and that the operator has given up.
    ///   - settled: up to here every record has its fate.
    ///   - isDisputed: whether it was found before that the histories cannot be told apart.
    ///   - server: the one that was delivered to last.
    ///   - seed: of the jitter.
    public init(
        run: UniqueID, runs: [DaemonRun], known: [LanePosition], floors: [EventKind: SequenceNumber] = [:],
        gaps: [LaneGap] = [], settled: SequenceNumber, isDisputed: Bool = false, server: DatabaseServer? = nil,
        options: DeliveryOptions,
        seed: UInt64
    ) {
        self.run = run
        knownServer = server
        self.runs = runs
        self.isDisputed = isDisputed
        self.options = options
        self.settled = settled
        rowLimit = options.batchEvents
        retry = Backoff(
            initialMilliseconds: options.retryInitialMilliseconds, maxMilliseconds: options.retryMaxMilliseconds)
        operatorRetry = Backoff(initialMilliseconds: 1000, maxMilliseconds: 30_000)
        random = SplitMix64(seed: seed)
        lanes = EventKind.allCases.map { kind in
            var lane = LaneState(lane: kind, rowsAlone: options.batchEvents)
            if let known = known.first(where: { $0.lane == kind }) {
                lane.position = known.position
                lane.origin = known.origin
            }
            lane.floor = floors[kind] ?? .zero
            lane.gaps = gaps.filter { $0.lane == kind }
            lane.fate = max(lane.passed(from: lane.position), settled)
            return lane
        }
    }

    /// Takes an event, and says what to do next.
    public mutating func handle(_ event: Event, at now: Moment) -> Action {
        switch (phase, event) {
        case (_, .started): return connect()
        case (.unconnected, .connected(let server)): return connected(server, now)
        case (.unconnected, .failed(let failure)): return connectFailed(failure, now)
        case (.fencing(let fence), _): return fencing(fence, event, now)
        case (.gathering(let turn, let until), .gathered(let batch)): return gathered(batch, turn, until, now)
        case (.sending(let sending), _): return answered(sending, event, now)
        case (.rollingBack(let aftermath), .done): return follow(aftermath, now)
        case (.rollingBack(let aftermath), .failed):
            // With the connection, the transaction is gone too. A wait that was due is kept.
            mustFence = true
            isConnected = false
            if case .wait(let milliseconds) = aftermath { return wait(milliseconds, then: .connect, now) }
            return wait(retry.next(using: &random), then: .connect, now)
        case (.explaining(let lane), .explained(let text)):
            if let text { self[lane].hold?.reason = text }
            sayHeld(lane, now)
            return choose(now)
        case (.explaining(let lane), .failed(let failure)):
            sayHeld(lane, now)
            return lostOutsideTransaction(failure, now)
        case (.refusing(let lane), .refusalKept): return refusalKept(lane, now)
        case (.refusing(let lane), .refusalFailed(let text)): return refusalFailed(lane, text, now)
        case (.recording(let finding, let reason), .recorded): return recorded(finding, reason, now)
        case (.recording, .recordFailed(let text)): return waitForOperator(text, now)
        case (.waiting(let aftermath), _):
            retryAt = nil
            return follow(aftermath, now)
        default:
            // An answer to a question that was not asked: the session is not to be trusted with this transaction.
            mustFence = true
            return wait(retry.next(using: &random), then: .connect, now)
        }
    }

    /// What has come up since it was last asked.
    public mutating func takeEffects() -> [Effect] {
        defer { effects.removeAll(keepingCapacity: true) }
        return effects
    }

    mutating func emit(_ effect: Effect) { effects.append(effect) }

    subscript(lane: EventKind) -> LaneState {
        get { lanes[Int(lane.rawValue) - 1] }
        set { lanes[Int(lane.rawValue) - 1] = newValue }
    }

    mutating func follow(_ aftermath: Aftermath, _ now: Moment) -> Action {
        switch aftermath {
        case .choose: return choose(now)
        case .connect: return connect()
        case .wait(let milliseconds): return wait(milliseconds, then: .choose, now)
        case .explain(let lane):
            phase = .explaining(lane)
            return .explain(lane)
        case .refuse(let lane, let sequence, let error):
            phase = .refusing(lane)
            return .refuse(lane, sequence, error)
        case .record(let finding, let reason):
            phase = .recording(finding, then: reason)
            return .record(finding)
        }
    }

    mutating func wait(_ milliseconds: Int, then aftermath: Aftermath, _ now: Moment) -> Action {
        phase = .waiting(aftermath)
        retryAt = now.milliseconds + UInt64(milliseconds)
        return .wait(milliseconds: milliseconds)
    }

    mutating func rollBack(then aftermath: Aftermath) -> Action {
        phase = .rollingBack(aftermath)
        return .execute(.rollback)
    }

    mutating func connect() -> Action {
        phase = .unconnected
        mustFence = true
        isConnected = false
        emit(.databaseUp(false))
        return .connect
    }

    private mutating func connected(_ server: ServerIdentity, _ now: Moment) -> Action {
        self.server = server
        isConnected = true
        emit(.databaseUp(true))
        sayWhatIsNew(of: server, now)
        return choose(now)
    }

    /// Says a thing that stays true once a minute, and at once if it was not said before.
    mutating func sayOnceAMinute(_ key: String, _ now: Moment, _ effect: Effect) {
        if let said = saidAt[key], now.milliseconds < said + 60_000 { return }
        saidAt[key] = now.milliseconds
        emit(effect)
    }

    private mutating func sayHeld(_ lane: EventKind, _ now: Moment) {
        guard let hold = self[lane].hold else { return }
        sayOnceAMinute(
            lane.name, now,
            .warning("\(lane.name) waits: \(hold.reason); its events stay in the spool, the other tables go on"))
    }
}
