import OperationLogs

/// How Delivery is set up. What the keys of `delivery:` in the configuration say.
public struct DeliveryOptions: Sendable, Hashable {
    /// Rows in a transaction, at most.
    public var batchEvents: Int
    /// The longest wait for a fuller batch; 0: what is there goes at once.
    public var batchWaitMilliseconds: Int
    /// The bound of the first wait after a passing failure; each next bound is twice as large.
    public var retryInitialMilliseconds: Int
    public var retryMaxMilliseconds: Int
    /// Among which the tables are shared out: from 1 to 8, as many as there are tables.
    public var connections: Int
    /// Of this machine, for people who look into `operation_logs.spool_positions`.
    public var host: String

    public init(
        batchEvents: Int = 20_000, batchWaitMilliseconds: Int = 0, retryInitialMilliseconds: Int = 100,
        retryMaxMilliseconds: Int = 30_000, connections: Int = 1, host: String
    ) {
        self.batchEvents = max(1, batchEvents)
        self.batchWaitMilliseconds = max(0, batchWaitMilliseconds)
        self.retryInitialMilliseconds = retryInitialMilliseconds
        self.retryMaxMilliseconds = retryMaxMilliseconds
        self.connections = min(max(1, connections), EventKind.allCases.count)
        self.host = host
    }
}
