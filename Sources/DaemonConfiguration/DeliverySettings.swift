/// Which database the rows go to.
public struct DatabaseSettings: Sendable, Hashable {
    /// A libpq connection string or URI. Empty: what the PG* variables, the service file and libpq's defaults say.
    /// May hold a password, so it is never logged.
    public var conninfo = ""
    /// Whether a private PostgreSQL under the state directory is started and used.
    public var embedded = false

    public init() {}
}

/// How rows go from the spool to the database.
public struct DeliverySettings: Sendable, Hashable {
    /// The pause after a failure: random, up to a bound that doubles from `initial` to `max`.
    public struct Retry: Sendable, Hashable {
        public var initial = Duration.milliseconds(100)
        public var max = Duration.seconds(30)

        public init() {}
    }

    /// The most rows of one transaction.
    public var batchEvents = 20_000
    /// The longest wait for a fuller batch; zero: what is there goes at once.
    public var batchWait = Duration.zero
    /// Among which the eight tables are shared out.
    public var connections = 1
    public var retry = Retry()
    /// How long delivery goes on at the stop.
    public var stopDrain = Duration.seconds(5)
    /// How far ahead of the time of receipt an event's own time may lie.
    public var maxFuture = Duration.seconds(86_400)

    public init() {}
}
