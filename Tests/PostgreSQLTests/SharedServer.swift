import Glibc
import LinuxSystem
import PrivatePostgreSQL
import Synchronization

@testable import PostgreSQL

/// One server for all tests of this process, started with the first, ended with the process.
enum SharedServer {
    struct Failure: Error {
        let words: String
    }

    private final class Running: Sendable {
        let directory: TemporaryDirectory
        let server: PrivateServer

        init() throws {
            directory = try TemporaryDirectory()
            server = try PrivateServer(directory: directory.path + "/pg", settings: .unsynced)
            try server.start()
            _ = try Schema.apply(conninfo: server.conninfo(database: "template1", user: "postgres"))
        }
    }

    private static let running = Mutex<Running?>(nil)
    private static let databases = Atomic<Int>(0)

    static func server() throws -> PrivateServer {
        try running.withLock { running in
            if let running { return running.server }
            let started = try Running()
            running = started
            atexit { SharedServer.running.withLock { $0 = nil } }
            return started.server
        }
    }

    /// A word that nobody else in this process uses, for databases and roles.
    static func uniqueName(_ prefix: String) -> String {
        "\(prefix)_\(databases.add(1, ordering: .relaxed).newValue)"
    }
}

/// A database of a test's own, with the schema unless it is to be empty.
struct TestDatabase {
    let server: PrivateServer
    let name: String

    /// - Parameter encoding: of its texts; nil: the server's, UTF-8.
    init(empty: Bool = false, encoding: String? = nil) throws {
        server = try SharedServer.server()
        name = SharedServer.uniqueName("test")
        let own = encoding.map { "ENCODING '\($0)' LC_COLLATE 'C' LC_CTYPE 'C'" } ?? ""
        let template = empty || encoding != nil ? "template0" : "template1"
        try Self.run("CREATE DATABASE \(name) TEMPLATE \(template) \(own)", conninfo: server.conninfo)
        if encoding != nil, !empty { _ = try Schema.apply(conninfo: conninfo) }
    }

    var conninfo: String { conninfo(user: "postgres") }
    func conninfo(user: String) -> String { server.conninfo(database: name, user: user) }

    func session(user: String = "postgres", limits: ConnectionLimits = ConnectionLimits()) throws -> LibpqSession {
        let session = try LibpqSession(conninfo: conninfo(user: user), limits: limits)
        _ = try session.connect()
        return session
    }

    /// Runs statements as the superuser, on a connection of their own, and gives the rows of the last.
    @discardableResult
    func run(_ statements: String) throws -> [[String?]] {
        try Self.run(statements, conninfo: conninfo)
    }

    @discardableResult
    static func run(_ statements: String, conninfo: String) throws -> [[String?]] {
        let connection = try LibpqConnection(
            conninfo: conninfo, limits: ConnectionLimits(), interruption: EventDescriptor())
        guard let answer = try connection.run(statements).last else { return [] }
        return (0..<answer.rowCount).map { row in (0..<answer.columnCount).map { answer.text(row, $0) } }
    }

    func count(_ table: String) throws -> Int {
        try run("SELECT count(*) FROM operation_logs.\(table)").first?.first?.flatMap { Int($0) } ?? -1
    }
}
