import OperationLogs

/// One of delivery's connections, as the state machine sees it.
struct ConnectionState: Sendable {
    var phase = DeliveryStateMachine.Phase.unconnected
    /// Nothing was ever sent over it in this run, or only what left no doubt: that it is opened puts nothing in doubt.
    var isNew = true
    var isConnected = false
    /// Whether it is to be opened anew, because another one found another server.
    var mustReopen = false
    /// Who answered when it was opened.
    var server: ServerIdentity?
    /// Whose COMMIT was sent, and its outcome is not known.
    var unknownOutcome: BatchSummary?
    /// Of the COMMIT that was sent last, among those of all connections.
    var commitNumber = 0
    /// In the database, and its engine was not told yet.
    var delivered: BatchSummary?

    /// Rows of a batch at most: less than the option says after a batch was too much for the server.
    var rowLimit: Int
    var commitsSinceResize = 0
    var retry: Backoff
    var operatorRetry = Backoff(initialMilliseconds: 1000, maxMilliseconds: 30_000)
    /// Monotonic milliseconds.
    var retryAt: UInt64?
    /// Which of the turns that were due was the last: 0 for the lanes together, else a lane's number.
    var lastTurn = 0
    /// Why nothing at all is delivered over it; nil if something can be.
    var obstacle: String?

    init(_ options: DeliveryOptions) {
        rowLimit = options.batchEvents
        retry = Backoff(
            initialMilliseconds: options.retryInitialMilliseconds, maxMilliseconds: options.retryMaxMilliseconds)
    }

    /// Whether nothing of it can reach the database before it has asked again what to do.
    var isAtRest: Bool {
        switch phase {
        case .unconnected, .waiting: true
        default: false
        }
    }
}

/// The lanes are shared out among the connections, for good: so the rows of a table go over one connection, in their
/// order. The position rows are compared by the first connection alone, for all lanes, while the others are at rest: what
/// it finds, a rewind or a fork, concerns them all.
extension DeliveryStateMachine {
    var connection: ConnectionState {
        get { connections[current] }
        set { connections[current] = newValue }
    }

    /// Whether it is the connection that compares.
    var isFirst: Bool { current == 0 }

    /// Whether this connection may ask for the position rows' locks: no other one holds any, or waits for some.
    var isAloneAtWork: Bool { connections.indices.allSatisfy { $0 == current || connections[$0].isAtRest } }

    /// Whether the lane's rows go over the present connection.
    func isOwn(_ lane: LaneState) -> Bool { home(of: lane.lane) == current }

    /// The connection over which a lane's rows go.
    func home(of lane: EventKind) -> Int { (Int(lane.rawValue) - 1) % connections.count }

    mutating func nextRetry() -> Int { connections[current].retry.next(using: &random) }

    /// Waits until the position rows are compared, or until the others are at rest so that they can be.
    mutating func park() -> Action {
        connection.phase = .waiting(.choose)
        return .park
    }

    /// Whoever waits for what this step has changed.
    mutating func wakeOthers(wasInDoubt: Bool, wasAtRest: Bool) {
        if mustFence != wasInDoubt {
            for other in connections.indices where other != current { emit(.wake(other)) }
        } else if mustFence, !isFirst, connection.isAtRest, !wasAtRest {
            emit(.wake(0))
        }
    }

    /// Two connections that reached two servers, one of them promoted meanwhile: nothing is sent until both are opened anew
    /// and reach the same.
    mutating func leaveOtherServer(_ now: Moment) -> Action? {
        if connection.mustReopen {
            connection.mustReopen = false
            return connect()
        }
        guard !isFirst, let own = connection.server?.server, let compared = connections[0].server?.server,
            own != compared
        else { return nil }
        connections[0].mustReopen = true
        emit(.wake(0))
        connection.isNew = true
        disconnected()
        sayOnceAMinute(
            "other server", now,
            .warning(
                "the connections reached two servers (system identifier \(compared.systemIdentifier), timeline "
                    + "\(compared.timeline), and \(own.systemIdentifier), \(own.timeline)), and are opened again"))
        return wait(nextRetry(), then: .connect, now)
    }
}
