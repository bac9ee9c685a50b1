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
        status.isConnected = isConnected
        status.serverVersion = server?.version
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
        status.nextTryMilliseconds = retryAt.map { Int($0 - min($0, now)) }
        status.state = inWords
        return status
    }

    private var inWords: String {
        if let obstacle { return "waits: \(obstacle)" }
        let held = lanes.filter { $0.hold != nil }.map(\.lane.name)
        let others = held.isEmpty ? "" : "; held up: \(held.joined(separator: ", "))"
        switch phase {
        case .unconnected: return "connecting"
        case .waiting where !isConnected: return "waits for the database"
        case .waiting where retryAt != nil && held.isEmpty: return "waits before the next try"
        case .waiting: return "idle" + others
        case .fencing: return "comparing the position rows"
        default: return "delivering" + others
        }
    }
}
