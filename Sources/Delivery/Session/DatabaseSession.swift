import OperationLogs

/// One connection to a database, as Delivery drives it: step by step, each answer awaited and read.
///
/// Used by one thread. Each call blocks until its answer is there, the connection is lost, its time is up, or the
/// session is interrupted. After any failure the transaction is gone; after `.connectionLost` and `.timedOut` the
/// connection is too.
public protocol DatabaseSession: AnyObject {
    /// Opens the connection anew.
    func connect() throws(DatabaseFailure) -> ServerIdentity
    /// Closes it, whatever its state.
    func disconnect()
    /// Wakes a blocked call, which then throws `.interrupted`; from any thread.
    func interrupt()

    /// Which tables, columns and privileges are missing for this lane, in words; nil if it can be delivered.
    func obstacle(of lane: EventKind) throws(DatabaseFailure) -> String?

    /// Compares all tables with what is delivered, and takes up how the rows of each are to be sent.
    func compareTables() throws(DatabaseFailure) -> [TableRemark]

    /// Begins a transaction: READ COMMITTED, READ WRITE, with its timeouts and `synchronous_commit` set locally.
    func begin() throws(DatabaseFailure)
    /// Locks the position rows of the lanes, in lane order, and reads them. Lanes without a row are left out.
    func lockPositions(spool: UniqueID, lanes: [EventKind]) throws(DatabaseFailure) -> [PositionRow]
    /// Inserts rows at position 0 for lanes that have none.
    func insertPositions(spool: UniqueID, lanes: [EventKind], host: String, owner: UniqueID) throws(DatabaseFailure)
    /// Makes this run the owner of the rows.
    /// - Returns: how many rows were changed.
    func takeOwnership(spool: UniqueID, lanes: [EventKind], owner: UniqueID) throws(DatabaseFailure) -> Int
    /// COPY … FROM STDIN (FORMAT binary) into the table of a kind; `tuples` is without header and trailer.
    ///
    /// - Parameter following: whose rows come next, in this order, unless the transaction is given up. Their COPY may be sent
    ///   along with this one's, which spares each a round trip; an error of theirs is still thrown by their own call.
    func copy(_ kind: EventKind, tuples: UnsafeRawBufferPointer, rows: Int, following: [EventKind])
        throws(DatabaseFailure)
    /// One INSERT … ON CONFLICT DO UPDATE … WHERE for watermarks with distinct pipelines, in sorted order.
    func upsert(_ watermarks: [Watermark]) throws(DatabaseFailure)
    /// SET CONSTRAINTS ALL IMMEDIATE, then moves the rows, each only from the position and owner given.
    /// - Returns: how many rows were changed; anything but `moves.count` must not be committed.
    func move(spool: UniqueID, owner: UniqueID, _ moves: [PositionMove]) throws(DatabaseFailure) -> Int
    /// Sends COMMIT and returns without waiting for the answer, so that the next batch can be gathered meanwhile.
    func sendCommit() throws(DatabaseFailure)
    /// Awaits the answer to COMMIT. A failure with no SQLSTATE, 08007 or 40003 leaves the outcome unknown.
    func awaitCommit() throws(DatabaseFailure) -> CommitAnswer
    func rollback() throws(DatabaseFailure)
}

/// Who answered: to tell a restored, promoted or wrong database. All from functions that need no grant.
public struct ServerIdentity: Sendable, Hashable {
    public var systemIdentifier: UInt64?
    public var timeline: UInt32?
    public var isInRecovery: Bool
    /// As `server_version` shows it.
    public var version: String

    public init(systemIdentifier: UInt64?, timeline: UInt32?, isInRecovery: Bool, version: String) {
        self.systemIdentifier = systemIdentifier
        self.timeline = timeline
        self.isInRecovery = isInRecovery
        self.version = version
    }
}

/// What of a table differs from the schema, in a sentence that says what will happen, or what to do.
public struct TableRemark: Sendable, Hashable {
    public var sentence: String
    /// Whether rows wait until it is mended.
    public var isObstacle: Bool

    public init(sentence: String, isObstacle: Bool) {
        self.sentence = sentence
        self.isObstacle = isObstacle
    }
}

/// A row of `operation_logs.spool_positions`.
public struct PositionRow: Sendable, Hashable {
    public var lane: EventKind
    public var position: SequenceNumber
    public var run: UniqueID
    public var chain: UInt64
    public var owner: UniqueID

    public init(lane: EventKind, position: SequenceNumber, run: UniqueID, chain: UInt64, owner: UniqueID) {
        self.lane = lane
        self.position = position
        self.run = run
        self.chain = chain
        self.owner = owner
    }
}

/// A lane's row, moved from one position to a later one.
public struct PositionMove: Sendable, Hashable {
    public var lane: EventKind
    public var from: SequenceNumber
    public var to: SequenceNumber
    /// Of the record at `to`.
    public var origin: RecordOrigin

    public init(lane: EventKind, from: SequenceNumber, to: SequenceNumber, origin: RecordOrigin) {
        self.lane = lane
        self.from = from
        self.to = to
        self.origin = origin
    }
}

/// The newest watermark of a pipeline within a batch, merged from its events; nil columns keep the row's value.
public struct Watermark: Sendable, Hashable {
    public var sequence: SequenceNumber
    /// UTF-8.
    public var pipeline: [UInt8]
    public var lastProcessed: Timestamp?
    public var status: [UInt8]?
    public var updatedAt: Timestamp

    public init(
        sequence: SequenceNumber, pipeline: [UInt8], lastProcessed: Timestamp?, status: [UInt8]?, updatedAt: Timestamp
    ) {
        self.sequence = sequence
        self.pipeline = pipeline
        self.lastProcessed = lastProcessed
        self.status = status
        self.updatedAt = updatedAt
    }
}

public struct CommitAnswer: Sendable, Hashable {
    /// Of a warning of class 01: committed here, but not replicated. Its segments are kept until one without it.
    public var warning: String?

    public init(warning: String?) { self.warning = warning }
}

/// Why a call to the database failed.
public enum DatabaseFailure: Error, Sendable, Hashable {
    /// The server answered with an error.
    case server(ServerError)
    /// No connection, or it broke; libpq's own words, for the log.
    case connectionLost(String)
    /// The server gave no answer in time.
    case timedOut(String)
    /// `interrupt()` was called.
    case interrupted
}

extension DatabaseFailure: CustomStringConvertible {
    /// For people: the server's or libpq's own words.
    public var description: String {
        switch self {
        case .server(let error): "\(error.message) (\(error.sqlstate))"
        case .connectionLost(let words), .timedOut(let words): words
        case .interrupted: "interrupted"
        }
    }
}

/// An error as the server reports it; never its DETAIL or CONTEXT, which carry users' data.
public struct ServerError: Sendable, Hashable {
    public var sqlstate: String
    /// The primary message, in the server's language.
    public var message: String
    public var table: String?
    public var column: String?
    public var constraint: String?
    /// Whether a function of the database's own raised it on purpose (RAISE, ASSERT), with a state of its choice.
    public var isRaised: Bool
    /// Of a COPY: at which of its rows, from 1, the server seems to have been. For a good guess only: nothing is refused
    /// that was not sent alone.
    public var row: Int?

    public init(
        sqlstate: String, message: String, table: String? = nil, column: String? = nil, constraint: String? = nil,
        isRaised: Bool = false, row: Int? = nil
    ) {
        self.sqlstate = sqlstate
        self.message = message
        self.table = table
        self.column = column
        self.constraint = constraint
        self.isRaised = isRaised
        self.row = row
    }
}
