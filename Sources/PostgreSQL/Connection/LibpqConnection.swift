import CLibpq
import Delivery
import Glibc
import LinuxSystem
import OperationLogs

/// One libpq connection in non-blocking mode. Every wait is a `poll` on its socket and on the interruption, with a
/// deadline. Used by one thread.
///
/// After a failure other than `.server` it is of no use and must be let go.
final class LibpqConnection {
    private(set) var connection: OpaquePointer
    private let interruption: EventDescriptor
    private let limits: ConnectionLimits
    private let warning = CommitWarning()
    /// Tables whose COPY the server has been sent and whose rows it has not, the next first.
    var announcedCopies: [EventKind] = []

    /// Opens a connection.
    ///
    /// Names are resolved by libpq within its start call: while the resolver is silent neither the deadline nor an
    /// interruption gets through.
    init(conninfo: String, limits: ConnectionLimits, interruption: EventDescriptor) throws(DatabaseFailure) {
        self.interruption = interruption
        self.limits = limits
        // Of words given twice the later wins. Before the conninfo stand defaults: without a limit of TCP's own a host
        // that swallows everything would keep libpq from the next one of a list, and a cut that nobody reports from us.
        // Behind it stands client_encoding, ours whatever the conninfo says. As a parameter of the connection it passes
        // through PgBouncer, where a SET would stay behind on the server's connection.
        let words: [(String, String)] = [
            ("fallback_application_name", "opslogd"), ("tcp_user_timeout", "\(limits.connectMilliseconds)"),
            ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
            ("dbname", conninfo), ("client_encoding", "UTF8"),
        ]
        connection = try Self.start(words)
        while true {
            warning.receive(from: connection)
            // Verbose for the opening only: that is how an error in it shows its SQLSTATE.
            PQsetErrorVerbosity(connection, PQERRORS_VERBOSE)
            let hosts = HostList(of: connection)
            do throws(DatabaseFailure) {
                try finishConnecting()
                break
            } catch {
                guard case .timedOut = error, let others = hosts.without(hostOf: connection) else { throw error }
                let next = try Self.start(words + others.words)
                PQfinish(connection)
                connection = next
            }
        }
        PQsetnonblocking(connection, 1)
    }

    private static func start(_ words: [(String, String)]) throws(DatabaseFailure) -> OpaquePointer {
        let started = withCStrings(words.map(\.0)) { names in
            withCStrings(words.map(\.1)) { values in PQconnectStartParams(names, values, 1) }
        }
        guard let started else { throw .connectionLost("libpq is out of memory") }
        return started
    }

    deinit { PQfinish(connection) }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Result
    ) -> Result {
        let copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        let pointers = copies.map { $0.map { UnsafePointer($0) } } + [nil]
        return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
    }

    /// Each host and address has the whole time.
    private func finishConnecting() throws(DatabaseFailure) {
        let milliseconds = connectMilliseconds
        func end() -> UInt64 { Self.now + UInt64(milliseconds) * 1_000_000 }
        var deadline = end()
        var target = HostList.target(of: connection)
        // "Behave as if PQconnectPoll had last said writing" (libpq, "Database Connection Control Functions").
        var state = PGRES_POLLING_WRITING
        if PQstatus(connection) == CONNECTION_BAD { throw openingFailure }
        while true {
            switch state {
            case PGRES_POLLING_OK: return
            case PGRES_POLLING_FAILED: throw openingFailure
            case PGRES_POLLING_READING: _ = try wait(POLLIN, until: deadline, for: "a connection", milliseconds)
            default: _ = try wait(POLLOUT, until: deadline, for: "a connection", milliseconds)
            }
            state = PQconnectPoll(connection)
            let next = HostList.target(of: connection)
            if next != target { (target, deadline) = (next, end()) }
        }
    }

    /// libpq heeds connect_timeout in its blocking calls only.
    private var connectMilliseconds: Int {
        guard let options = PQconninfo(connection) else { return limits.connectMilliseconds }
        defer { PQconninfoFree(options) }
        var option = options
        while let keyword = option.pointee.keyword {
            // At least two seconds, as libpq itself has it; zero or less waits for ever there, but not here.
            if String(cString: keyword) == "connect_timeout",
                let seconds = option.pointee.val.flatMap({ Int(String(cString: $0)) }), seconds > 0
            {
                return max(seconds, 2) * 1000
            }
            option += 1
        }
        return limits.connectMilliseconds
    }

    /// A refusal by the server itself keeps its SQLSTATE, so that a wrong password can be told from a server away.
    private var openingFailure: DatabaseFailure {
        let text = errorText
        return OpeningError.sqlstate(in: text).map {
            .server(ServerError(sqlstate: $0, message: OpeningError.withoutState($0, text)))
        } ?? .connectionLost(text)
    }

    /// The first line of what libpq says; what follows may be DETAIL or a place in the server's source.
    private var errorText: String {
        let text = String(cString: PQerrorMessage(connection))
        return OpeningError.sentence(text)
    }

    var isOpen: Bool { PQstatus(connection) == CONNECTION_OK }
    /// Whether the server holds a transaction for us, failed or not.
    var isInTransaction: Bool { PQtransactionStatus(connection) != PQTRANS_IDLE }
    /// `server_version` as the server reported it.
    var serverVersion: String { PQparameterStatus(connection, "server_version").map { String(cString: $0) } ?? "" }

    // MARK: - Waiting

    private static var now: UInt64 { SystemTime().monotonicNanoseconds() }

    private func wait(_ events: Int32, until deadline: UInt64, for what: String, _ milliseconds: Int)
        throws(DatabaseFailure) -> Int32
    {
        while true {
            let now = Self.now
            guard now < deadline else { throw .timedOut("waited \(milliseconds) ms for \(what) in vain") }
            var waiting = [
                pollfd(fd: PQsocket(connection), events: Int16(events), revents: 0),
                pollfd(fd: interruption.rawValue, events: Int16(POLLIN), revents: 0),
            ]
            let ready = poll(&waiting, 2, Int32(clamping: (deadline - now + 999_999) / 1_000_000))
            if ready < 0, errno != EINTR { throw .connectionLost(SystemError.last("poll", "database").description) }
            guard ready > 0 else { continue }
            if waiting[1].revents != 0 {
                interruption.clear()
                throw .interrupted
            }
            if waiting[0].revents != 0 { return Int32(waiting[0].revents) }
        }
    }

    func waitForServer(_ events: Int32, for what: String) throws(DatabaseFailure) -> Int32 {
        let deadline = Self.now + UInt64(limits.answerMilliseconds) * 1_000_000
        return try wait(events, until: deadline, for: what, limits.answerMilliseconds)
    }

    /// Sends what libpq has gathered. Reads meanwhile: a server that cannot get rid of its own words takes no more.
    func flush() throws(DatabaseFailure) {
        while true {
            switch PQflush(connection) {
            case 0: return
            case 1:
                let ready = try waitForServer(POLLIN | POLLOUT, for: "the database to take data")
                if ready & ~POLLOUT != 0 { try consume() }
            default: throw lost
            }
        }
    }

    func consume() throws(DatabaseFailure) {
        if PQconsumeInput(connection) == 0 { throw lost }
    }

    var lost: DatabaseFailure { .connectionLost(errorText) }

    /// The next result of what was sent; nil behind the last.
    func nextAnswer() throws(DatabaseFailure) -> ServerAnswer? {
        while PQisBusy(connection) != 0 {
            _ = try waitForServer(POLLIN, for: "the database's answer")
            try consume()
        }
        return PQgetResult(connection).map { ServerAnswer(owning: $0) }
    }

    /// Every result of what was sent, all read, before the first error among them is thrown.
    func answers() throws(DatabaseFailure) -> [ServerAnswer] {
        var all: [ServerAnswer] = []
        while let answer = try nextAnswer() {
            all.append(answer)
            // In COPY the server waits for us: the same result would come for ever.
            if answer.status == PGRES_COPY_IN || answer.status == PGRES_COPY_OUT { break }
        }
        if let failed = all.first(where: \.isFailure) { throw failure(of: failed) }
        return all
    }

    /// An error that ended the connection too is the connection's: nothing more can be asked on it.
    private func failure(of answer: ServerAnswer) -> DatabaseFailure {
        guard PQstatus(connection) == CONNECTION_OK else {
            let error = answer.error
            return .connectionLost(
                error.sqlstate.isEmpty
                    ? OpeningError.sentence(error.message, or: errorText) : "\(error.sqlstate): \(error.message)")
        }
        return .server(answer.error)
    }

    /// The next result of statements that were sent together. An error ends them: it is thrown when the end has been read.
    func nextOfString() throws(DatabaseFailure) -> ServerAnswer? {
        guard let answer = try nextAnswer() else { return nil }
        guard answer.isFailure else { return answer }
        while try nextAnswer() != nil {}
        throw failure(of: answer)
    }

    // MARK: - Statements

    /// Sends statements without parameters, several behind one another if need be, in one round trip.
    func send(_ statements: String) throws(DatabaseFailure) {
        guard PQsendQuery(connection, statements) == 1 else { throw lost }
        try flush()
    }

    func run(_ statements: String) throws(DatabaseFailure) -> [ServerAnswer] {
        try send(statements)
        return try answers()
    }

    /// Runs one statement with parameters, without a name and so without a trace on the connection.
    func run(_ statement: String, _ parameters: [BinaryParameter], binaryResult: Bool = true)
        throws(DatabaseFailure) -> ServerAnswer
    {
        let types = parameters.map(\.kind.rawValue)
        let lengths = parameters.map { Int32($0.bytes.count) }
        let formats = [Int32](repeating: 1, count: parameters.count)
        // One buffer for all values, so that their addresses hold during the call. libpq takes nil for NULL, which no
        // parameter here is: an empty value has an address too.
        let joined = parameters.flatMap(\.bytes) + [0]
        let sent = joined.withUnsafeBytes { bytes in
            var at = 0
            let values = parameters.map { parameter -> UnsafePointer<CChar>? in
                defer { at += parameter.bytes.count }
                return bytes.baseAddress.map { ($0 + at).assumingMemoryBound(to: CChar.self) }
            }
            return PQsendQueryParams(
                connection, statement, Int32(parameters.count), types, values, lengths, formats, binaryResult ? 1 : 0)
        }
        guard sent == 1 else { throw lost }
        try flush()
        guard let answer = try answers().last else { throw .connectionLost("the database gave no answer") }
        return answer
    }

    // MARK: - The end of a transaction

    /// Ends the transaction, if there is one.
    func rollBack() throws(DatabaseFailure) {
        try abandonCopies()
        if isInTransaction { _ = try run("ROLLBACK") }
    }

    /// The warning of class 01 that came since the last call.
    func takeWarning() -> String? {
        defer { warning.latest = nil }
        return warning.latest
    }
}
