import Delivery
import Glibc
import LinuxSystem
import OperationLogs
import PrivatePostgreSQL

@testable import PostgreSQL

/// What a server raises because something is wrong with it or its disk. Each has servers of its own.
extension RaisedState {
    static let ofServers: [RaisedState] = [
        RaisedState("cannot connect now", "57P03", "the server is shutting down") {
            let own = try OwnServer()
            let session = try own.session()
            guard let postmaster = own.server.processID else { throw SharedServer.Failure(words: "no server") }
            // It waits for the sessions that there are, and takes no further ones.
            kill(postmaster, SIGTERM)
            for _ in 0..<500 {
                do {
                    _ = try own.session()
                } catch let failure as DatabaseFailure {
                    withExtendedLifetime(session) {}
                    return failure
                }
                usleep(10_000)
            }
            throw SharedServer.Failure(words: "the server takes connections still")
        },
        RaisedState("table corrupted", "XX001", "a page of the table is damaged", lane: .castErrors) {
            try writing(afterDamage: "operation_logs.cast_errors", at: 8, [UInt8](repeating: 0xff, count: 16))
        },
        RaisedState("index corrupted", "XX002", "a page of its index is zeroed", lane: .castErrors) {
            try writing(
                afterDamage: "operation_logs.cast_errors_pkey", at: 8192, [UInt8](repeating: 0, count: 8192))
        },
        RaisedState("insufficient resources", "53100", "the server's disk is full", lane: .castErrors) {
            try writing(withFailing: "pwrite64,pwritev,pwritev2,fallocate", "ENOSPC")
        },
        RaisedState("server I/O error", "58030", "the server's disk fails", lane: .castErrors) {
            try writing(withFailing: "pread64,preadv,preadv2", "EIO")
        },
        RaisedState("read-only transaction", "25006", "the server is a standby") {
            let pair = try StandbyPair()
            return try caught { try pair.standby.session().begin() }
        },
        RaisedState("database dropped", "57P04", "a standby follows DROP DATABASE") {
            let pair = try StandbyPair()
            try TestDatabase.run("CREATE DATABASE short_lived", conninfo: pair.primary.server.conninfo)
            let conninfo = pair.standby.server.conninfo(database: "short_lived", user: "postgres")
            let session = try LibpqSession(conninfo: conninfo)
            for _ in 0..<500 where (try? session.connect()) == nil { usleep(20_000) }
            let (primary, standby) = (pair.primary.server.conninfo, pair.standby.server.conninfo)
            WorkerThread.start("dropper") {
                let sleepers = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
                for _ in 0..<500 where (try? TestDatabase.run(sleepers, conninfo: standby))?.isEmpty != false {
                    usleep(20_000)
                }
                _ = try? TestDatabase.run("DROP DATABASE short_lived", conninfo: primary)
            }
            return try caught {
                try session.withConnection { open throws(DatabaseFailure) in
                    _ = try open.run("SELECT pg_sleep(30)")
                }
            }
        },
    ]

    /// A row is in the table, and a part of a file of its is overwritten while the server is down.
    private static func writing(afterDamage relation: String, at offset: Int, _ bytes: [UInt8]) throws
        -> DatabaseFailure
    {
        let own = try OwnServer()
        try TestDatabase.run(
            "INSERT INTO operation_logs.cast_errors (symbol) VALUES ('A')", conninfo: own.server.conninfo)
        let file = try TestDatabase.run(
            "SELECT current_setting('data_directory') || '/' || pg_relation_filepath('\(relation)')",
            conninfo: own.server.conninfo)
        guard let path = file.first?.first.flatMap({ $0 }) else { throw SharedServer.Failure(words: "no file") }
        own.server.stop()
        let descriptor = open(path, O_WRONLY)
        guard descriptor >= 0, pwrite(descriptor, bytes, bytes.count, off_t(offset)) == bytes.count else {
            throw SystemError.last("pwrite", path)
        }
        close(descriptor)
        try own.server.start()
        let session = try own.session()
        try session.begin()
        return try caught { try session.write(.castErrors) }
    }

    /// A call of the backend fails once, in the hands of strace.
    private static func writing(withFailing calls: String, _ error: String) throws -> DatabaseFailure {
        let own = try OwnServer()
        try TestDatabase.run(
            "INSERT INTO operation_logs.upsert_failures (symbol) VALUES ('A')", conninfo: own.server.conninfo)
        try own.server.restart()
        let session = try own.session()
        try session.begin()
        let backend = try TestDatabase.run(
            "SELECT pid FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'", conninfo: own.server.conninfo
        ).first?.first.flatMap { $0 }
        guard let backend else { throw SharedServer.Failure(words: "no backend") }
        let tracer = try ChildProcess.start(
            ChildProcess.Start(
                program: "/usr/bin/strace",
                arguments: [
                    "-qq", "-p", backend, "-e", "trace=\(calls)", "-e", "inject=\(calls):error=\(error):when=1",
                ],
                environment: [:], directory: "/", output: Descriptor(owning: open("/dev/null", O_WRONLY)),
                guardSignal: SIGTERM))
        defer {
            tracer.signal(SIGTERM)
            _ = tracer.wait()
        }
        for _ in 0..<500 where !isTraced(backend) { usleep(10_000) }
        return try caught { try session.write(.castErrors) }
    }

    /// Runs a program to its end.
    static func run(_ program: String, _ arguments: [String], user: ChildProcess.User? = nil) throws {
        let child = try ChildProcess.start(
            ChildProcess.Start(
                program: program, arguments: arguments, environment: [:], directory: "/",
                output: Descriptor(owning: dup(2)), user: user))
        guard child.wait() == 0 else { throw SharedServer.Failure(words: program) }
    }

    /// Whom a private server runs as, if not as this process.
    static var serverUser: ChildProcess.User? { geteuid() == 0 ? ChildProcess.User(named: "postgres") : nil }

    private static func isTraced(_ process: String) -> Bool {
        guard let file = fopen("/proc/\(process)/status", "r") else { return false }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, 256, file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if text.hasPrefix("TracerPid:") { return !text.hasSuffix("\t0\n") }
        }
        return false
    }
}

/// A server of a test's own, with the schema.
final class OwnServer {
    private let directory: TemporaryDirectory
    let server: PrivateServer

    init(settings: ServerSettings = .unsynced) throws {
        directory = try TemporaryDirectory()
        server = try PrivateServer(directory: directory.path + "/pg", settings: settings)
        try server.start()
        _ = try Schema.apply(conninfo: server.conninfo)
    }

    /// On a copy of another one's data, which follows it.
    fileprivate init(following primary: OwnServer) throws {
        directory = try TemporaryDirectory()
        var settings = ServerSettings.unsynced
        settings.values["primary_conninfo"] = "host=\(primary.server.path) user=postgres"
        server = try PrivateServer(directory: directory.path + "/pg", settings: settings)
        primary.server.stop()
        let data = server.path + "/data"
        for (program, arguments) in [
            ("/bin/cp", ["-a", primary.server.path + "/data", data]), ("/bin/touch", [data + "/standby.signal"]),
        ] {
            try RaisedState.run(program, arguments)
        }
        try primary.server.start()
        // As it reads the data's version, which was not there before.
        try server.start()
    }

    static func standby(of primary: OwnServer) throws -> OwnServer { try OwnServer(following: primary) }

    func session() throws -> LibpqSession {
        let session = try LibpqSession(conninfo: server.conninfo)
        _ = try session.connect()
        return session
    }
}

/// A primary, and a standby that streams from it.
final class StandbyPair {
    let primary: OwnServer
    let standby: OwnServer

    init() throws {
        primary = try OwnServer()
        standby = try OwnServer.standby(of: primary)
    }
}

extension DatabaseFailure {
    /// The SQLSTATE, wherever it stands: the end of a connection has it at the head of its words.
    var state: String? {
        switch self {
        case .server(let error): error.sqlstate
        case .connectionLost(let words):
            OpeningError.sqlstate(in: "FATAL:  " + words) ?? OpeningError.sqlstate(in: words)
        case .timedOut, .interrupted: nil
        }
    }
}
