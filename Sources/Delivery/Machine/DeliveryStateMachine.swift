import OperationLogs

/// Decides every step of delivery: connect, fence, gather, send, and what a failure means. No I/O, no clock, no lock.
///
/// The database's position rows are the truth: each lane's row moves in the transaction that holds the lane's rows. So
/// after anything that leaves doubt (a lost connection, a COMMIT without an answer, a row that is not as expected) the
/// machine forgets what it had gathered, locks all rows, compares them with the spool, and goes on from there.
///
/// There may be several connections, each with lanes of its own: what is said here of all lanes holds for those of a
/// connection. The comparison is the first one's, for all.
///
/// Lanes travel together until one fails. It then goes *alone*, in transactions of its own, between those of the
/// others: so that it can be halved until its refused row is found, or tried again at intervals, without holding up the
/// rest. It joins them again when it has caught up, and takes many rows at once again.
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

    var connections: [ConnectionState]
    /// The one whose event is handled.
    var current = 0
    var lanes: [LaneState]
    /// What the spool's ledger was last told.
    var settled: SequenceNumber
    /// Whether the position rows must be compared before anything is sent.
    var mustFence = true
    /// Whether this run has owned the position rows.
    var hasOwned = false
    /// Whether it was found that this spool's history and the database's cannot be told apart.
    var isDisputed: Bool
    /// What a restored database lacks and nobody can deliver.
    var gap = GapSearch()
    var commitsSent = 0
    /// The number of the last COMMIT that was sent when one was answered with a warning that it is not replicated. Nil:
    /// all that was committed is.
    var unreplicated: Int?
    /// Set by the shell: what is there goes at once.
    var isDraining = false

    static let commitsBeforeGrowth = 8
    var random: SplitMix64

    /// The server that was delivered to last, as it is kept beyond this run.
    var knownServer: DatabaseServer?
    var lastError: (text: String, milliseconds: UInt64)?
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
        connections = Array(repeating: ConnectionState(options), count: options.connections)
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

    /// Takes an event of a connection, and says what to do next with it.
    public mutating func handle(_ event: Event, of connection: Int = 0, at now: Moment) -> Action {
        current = connection
        let (wasInDoubt, wasAtRest) = (mustFence, self.connection.isAtRest)
        defer { wakeOthers(wasInDoubt: wasInDoubt, wasAtRest: wasAtRest) }
        return decide(event, now)
    }

    private mutating func decide(_ event: Event, _ now: Moment) -> Action {
        switch (connection.phase, event) {
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
            connection.isConnected = false
            if case .wait(let milliseconds) = aftermath { return wait(milliseconds, then: .connect, now) }
            return wait(nextRetry(), then: .connect, now)
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
            connection.retryAt = nil
            return follow(aftermath, now)
        default:
            // An answer to a question that was not asked: the session is not to be trusted with this transaction.
            mustFence = true
            return wait(nextRetry(), then: .connect, now)
        }
    }

    /// A batch of this connection that is in the database since it was last asked.
    public mutating func takeDelivered(of connection: Int = 0) -> BatchSummary? {
        defer { connections[connection].delivered = nil }
        return connections[connection].delivered
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
            connection.phase = .explaining(lane)
            return .explain(lane)
        case .refuse(let lane, let sequence, let error):
            connection.phase = .refusing(lane)
            return .refuse(lane, sequence, error)
        case .record(let finding, let reason):
            connection.phase = .recording(finding, then: reason)
            return .record(finding)
        }
    }

    mutating func wait(_ milliseconds: Int, then aftermath: Aftermath, _ now: Moment) -> Action {
        connection.phase = .waiting(aftermath)
        connection.retryAt = now.milliseconds + UInt64(milliseconds)
        return .wait(milliseconds: milliseconds)
    }

    mutating func rollBack(then aftermath: Aftermath) -> Action {
        connection.phase = .rollingBack(aftermath)
        return .execute(.rollback)
    }

    mutating func connect() -> Action {
        connection.phase = .unconnected
        // Nothing is in doubt by a connection that sent nothing yet.
        if !connection.isNew { mustFence = true }
        disconnected()
        return .connect
    }

    mutating func disconnected() {
        connection.isConnected = false
        emit(.databaseUp(connections.contains(where: \.isConnected)))
    }

    private mutating func connected(_ server: ServerIdentity, _ now: Moment) -> Action {
        connection.server = server
        connection.isConnected = true
        connection.isNew = false
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
