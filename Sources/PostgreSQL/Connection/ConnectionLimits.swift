/// How long a session waits for what.
public struct ConnectionLimits: Sendable, Hashable {
    /// For a connection to each host and address, unless the conninfo (or its service, or PGCONNECT_TIMEOUT) names a
    /// `connect_timeout`.
    public var connectMilliseconds: Int
    /// `statement_timeout` of each transaction: the server's own limit for one statement.
    public var statementMilliseconds: Int
    /// `lock_timeout` of each transaction.
    public var lockMilliseconds: Int
    /// `idle_in_transaction_session_timeout` of each transaction: how long a server keeps the locks of a daemon that
    /// has gone silent between two statements.
    public var idleMilliseconds: Int
    /// The longest silence of the server while an answer is due, or while it takes no more data. No less than
    /// `statementMilliseconds` and `lockMilliseconds` together, so that a server that is alive answers with its own error
    /// first: what it says of one table's rows comes when it has the lock on the next.
    public var answerMilliseconds: Int

    public init(
        connectMilliseconds: Int = 10_000, statementMilliseconds: Int = 60_000, lockMilliseconds: Int = 10_000,
        idleMilliseconds: Int = 60_000, answerMilliseconds: Int = 70_000
    ) {
        self.connectMilliseconds = connectMilliseconds
        self.statementMilliseconds = statementMilliseconds
        self.lockMilliseconds = lockMilliseconds
        self.idleMilliseconds = idleMilliseconds
        self.answerMilliseconds = answerMilliseconds
    }

    /// For somebody who waits for an answer and is better off without one than with one that comes late.
    public static let lookup = ConnectionLimits(
        connectMilliseconds: 3000, statementMilliseconds: 3000, lockMilliseconds: 3000, idleMilliseconds: 10_000,
        answerMilliseconds: 5000)
}
