import Delivery
import Glibc
import LinuxSystem
import OperationLogs
import PrivatePostgreSQL
import Testing

@testable import PostgreSQL

/// Through PgBouncer in transaction pooling, where each transaction may meet another server connection.
struct PgBouncerTests {
    static let program = ["/usr/sbin/pgbouncer"].first { access($0, X_OK) == 0 } ?? onPath

    private static var onPath: String? {
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        return path.split(separator: ":").map { $0 + "/pgbouncer" }.first { access($0, X_OK) == 0 }
    }

    private final class Pooler {
        let directory: TemporaryDirectory
        private let child: ChildProcess

        init(_ server: PrivateServer) throws {
            directory = try TemporaryDirectory()
            chmod(directory.path, 0o777)
            let file = directory.path + "/pgbouncer.ini"
            guard let opened = fopen(file, "w") else { throw SystemError.last("open", file) }
            fputs(
                """
                [databases]
                * = host=\(server.path) port=5432 user=postgres
                [pgbouncer]
                unix_socket_dir = \(directory.path)
                listen_port = 6432
                auth_type = any
                pool_mode = transaction
                default_pool_size = 2
                """, opened)
            fclose(opened)
            // It does not run as root either. Its log goes where nobody looks, unless a test is being mended.
            let user = geteuid() == 0 ? ChildProcess.User(named: "postgres") : nil
            child = try ChildProcess.start(
                ChildProcess.Start(
                    program: PgBouncerTests.program ?? "", arguments: ["-q", file],
                    environment: ["LD_LIBRARY_PATH": getenv("LD_LIBRARY_PATH").map { String(cString: $0) } ?? ""],
                    directory: "/", output: Descriptor(owning: open("/dev/null", O_WRONLY)), user: user,
                    guardSignal: SIGTERM))
        }

        deinit {
            child.signal(SIGTERM)
            _ = child.wait()
        }

        func session(database: String) throws -> LibpqSession {
            let session = try LibpqSession(
                conninfo: "host=\(directory.path) port=6432 user=postgres dbname=\(database)")
            for _ in 0..<200 {
                if (try? session.connect()) != nil { return session }
                usleep(20_000)
            }
            _ = try session.connect()
            return session
        }
    }

    @Test(.enabled(if: program != nil, "PgBouncer is not installed: apt-get install pgbouncer"))
    func `sessions that share server connections deliver without leaving anything on them`() throws {
        let database = try TestDatabase()
        let pooler = try Pooler(database.server)
        let spool = UniqueID.random()
        let run = UniqueID.random()
        var backups = Tuples()
        backups.add(try #require(CopyTests.rows.first { $0.0 == .backupLogs }).1)
        let sessions = try (0..<4).map { _ in try pooler.session(database: database.name) }
        for round in 0..<20 {
            let session = sessions[round % sessions.count]
            try session.begin()
            if round == 0 {
                try session.insertPositions(spool: spool, lanes: [.castErrors], host: "h", owner: run)
            }
            let rows = try session.lockPositions(spool: spool, lanes: [.castErrors])
            #expect(rows.map(\.position) == [SequenceNumber(UInt64(round))])
            try session.copy(.castErrors, Tuples.castErrors(100), following: [.backupLogs])
            try session.copy(.backupLogs, backups)
            try session.upsert([
                Watermark(
                    sequence: .zero, pipeline: [97], lastProcessed: Timestamp(microseconds: Int64(round)), status: nil,
                    updatedAt: Timestamp(microseconds: 0))
            ])
            let origin = RecordOrigin(run: run, chain: UInt64(round))
            let move = PositionMove(
                lane: .castErrors, from: SequenceNumber(UInt64(round)), to: SequenceNumber(UInt64(round + 1)),
                origin: origin)
            #expect(try session.move(spool: spool, owner: run, [move]) == 1)
            try session.commit()
            #expect(try session.obstacle(of: .castErrors) == nil)
            // One that is given up while the server waits for rows.
            try session.begin()
            try session.copy(.castErrors, Tuples.castErrors(1), following: [.backupLogs])
            try session.rollback()
        }
        #expect(try database.count("cast_errors") == 2000)
        #expect(try database.count("backup_logs") == 20)
        let settings = try sessions[0].withConnection { open throws(DatabaseFailure) in
            try open.run("SELECT current_setting('search_path'), current_setting('statement_timeout')")
        }
        #expect(settings.last?.text(0, 0) == "\"$user\", public")
        #expect(settings.last?.text(0, 1) == "0")
    }
}
