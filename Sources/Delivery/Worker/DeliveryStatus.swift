import OperationLogs

/// How delivery stands, for `status`.
public struct DeliveryStatus: Sendable, Hashable {
    /// A table, and how far it has got.
    public struct Lane: Sendable, Hashable {
        public var lane: EventKind
        /// Of the table's newest record in the database.
        public var position: SequenceNumber
        /// Why it waits; nil if it does not.
        public var heldBecause: String?
    }

    public var isConnected = false
    /// How many there are, opened or not.
    public var connections = 1
    /// Of the server, as `server_version` shows it; nil before the first connection.
    public var serverVersion: String?
    /// In a sentence.
    public var state = "not started"
    public var lastError: String?
    public var lastErrorAt: Timestamp?
    public var lanes: [Lane] = []
    /// What a restored database lacks and is no longer kept: delivery waits until it is restored anew, or the operator
    /// accepts that.
    public var gap: [LaneGap] = []
    /// Whether the position rows were found to fit, and nothing has put that in doubt since.
    public var isCompared = false
    /// Every record up to here has its fate.
    public var settled = SequenceNumber.zero
    /// Since the daemon started.
    public var batches = 0
    public var eventsDelivered = 0
    /// Milliseconds until the next try; nil if none is due.
    public var nextTryMilliseconds: Int?

    public init() {}
}

extension DeliveryStateMachine {
    /// - Parameters:
    ///   - now: monotonic milliseconds.
    ///   - time: the same moment, by the clock.
    func status(now: UInt64, time: Timestamp) -> DeliveryStatus {
        var status = DeliveryStatus()
        status.isConnected = connections.contains(where: \.isConnected)
        status.connections = connections.count
        status.serverVersion = connections.lazy.compactMap(\.server).first?.version
        status.lastError = lastError?.text
        status.lastErrorAt = lastError.map {
            Timestamp(microseconds: time.microseconds - Int64(now - min(now, $0.milliseconds)) * 1000)
        }
        status.lanes = lanes.map {
            DeliveryStatus.Lane(lane: $0.lane, position: $0.position, heldBecause: $0.hold?.reason)
        }
        status.settled = settled
        status.gap = gap.found
        status.isCompared = !mustFence
        status.batches = batches
        status.eventsDelivered = eventsDelivered
        status.nextTryMilliseconds = connections.compactMap(\.retryAt).min().map { Int($0 - min($0, now)) }
        status.state = inWords
        return status
    }

    private var inWords: String {
        // What keeps the first connection from comparing keeps all.
        if let obstacle = connections[0].obstacle { return "waits: \(obstacle)" }
        let held = lanes.filter { $0.hold != nil }.map(\.lane.name)
        let obstacle = connections.lazy.compactMap(\.obstacle).first.map { "; one connection waits: \($0)" } ?? ""
        let others = (held.isEmpty ? "" : "; held up: \(held.joined(separator: ", "))") + obstacle
        let states = connections.map { state(of: $0, isAnyHeld: !held.isEmpty) }
        return switch states.max() ?? .idle {
        case .idle: "idle" + others
        case .pausing: "waits before the next try"
        case .delivering: "delivering" + others
        case .connecting: "connecting"
        case .away: "waits for the database"
        case .comparing: "comparing the position rows"
        }
    }

    /// What a connection does; what is said of all of them is the last of these.
    private enum ConnectionWords: Comparable { case idle, pausing, delivering, connecting, away, comparing }

    private func state(of connection: ConnectionState, isAnyHeld: Bool) -> ConnectionWords {
        switch connection.phase {
        case .unconnected: .connecting
        case .waiting where !connection.isConnected: .away
        case .waiting where connection.retryAt != nil && !isAnyHeld: .pausing
        case .waiting: .idle
        case .fencing: .comparing
        default: .delivering
        }
    }
}
