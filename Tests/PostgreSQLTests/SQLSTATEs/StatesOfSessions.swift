import Delivery
import Glibc
import LinuxSystem
import OperationLogs
import PrivatePostgreSQL

@testable import PostgreSQL

/// What a server raises because of other sessions, timeouts, quotas and logins.
extension RaisedState {
    static let ofSessions: [RaisedState] = [
        // MARK: Time
        .ofRows(
            "query canceled", "57014", "a statement takes longer than statement_timeout", .castErrors,
            trigger("PERFORM pg_sleep(20)"), limits: ConnectionLimits(statementMilliseconds: 100)),
        RaisedState("query canceled", "57014", "an administrator cancels the statement", lane: .castErrors) {
            let database = try TestDatabase()
            try database.run(trigger("PERFORM pg_sleep(20)"))
            let session = try database.session()
            try session.begin()
            database.once("wait_event = 'PgSleep'", do: "SELECT pg_cancel_backend(pid)")
            return try caught { try session.write(.castErrors) }
        },
        RaisedState("idle in transaction timeout", "25P03", "nothing is sent for too long", lane: .castErrors) {
            let database = try TestDatabase()
            let session = try database.session(limits: ConnectionLimits(idleMilliseconds: 100))
            try session.begin()
            try database.awaitEnd()
            return try caught { try session.write(.castErrors) }
        },
        RaisedState("idle session timeout", "57P05", "the connection is idle for too long") {
            let database = try TestDatabase()
            let role = try RoleTests.minimalRole(database)
            try database.run("ALTER ROLE \(role) SET idle_session_timeout = 100")
            let session = try database.session(user: role)
            try database.awaitEnd()
            return try caught { try session.begin() }
        },
        RaisedState("admin shutdown", "57P01", "an administrator ends the backend", lane: .castErrors) {
            let database = try TestDatabase()
            try database.run(trigger("PERFORM pg_sleep(20)"))
            let session = try database.session()
            try session.begin()
            database.once("wait_event = 'PgSleep'", do: "SELECT pg_terminate_backend(pid)")
            return try caught { try session.write(.castErrors) }
        },

        // MARK: Locks
        RaisedState("lock not available", "55P03", "somebody holds the table", lane: .castErrors) {
            let database = try TestDatabase()
            let holder = try database.session()
            try holder.begin()
            try holder.withConnection { open throws(DatabaseFailure) in
                _ = try open.run("LOCK TABLE operation_logs.cast_errors")
            }
            let session = try database.session(limits: ConnectionLimits(lockMilliseconds: 50))
            try session.begin()
            let failure = try caught { try session.write(.castErrors) }
            try holder.rollback()
            return failure
        },
        RaisedState(
            "transaction rollback", "40P01", "two sessions want the rows of each other", lane: .pipelineWatermarks
        ) {
            let database = try TestDatabase()
            try database.run("INSERT INTO operation_logs.pipeline_watermarks (pipeline_name) VALUES ('a'), ('b')")
            let session = try database.session()
            try session.begin()
            try session.upsert([watermark("a")])
            let conninfo = database.conninfo
            WorkerThread.start("deadlock") {
                _ = try? TestDatabase.run(
                    """
                    SET deadlock_timeout = '30s';
                    BEGIN;
                    UPDATE operation_logs.pipeline_watermarks SET status = 'x' WHERE pipeline_name = 'b';
                    UPDATE operation_logs.pipeline_watermarks SET status = 'x' WHERE pipeline_name = 'a';
                    COMMIT
                    """, conninfo: conninfo)
            }
            try database.wait("wait_event_type = 'Lock'")
            return try caught { try session.upsert([watermark("b")]) }
        },
        RaisedState("transaction rollback", "40001", "a position row moves to another partition") {
            let database = try TestDatabase()
            let spool = UniqueID.random()
            try database.run(
                """
                ALTER TABLE operation_logs.spool_positions RENAME TO former;
                CREATE TABLE operation_logs.spool_positions (LIKE operation_logs.former INCLUDING DEFAULTS)
                    PARTITION BY LIST (lane);
                CREATE TABLE public.low PARTITION OF operation_logs.spool_positions FOR VALUES IN (4);
                CREATE TABLE public.others PARTITION OF operation_logs.spool_positions DEFAULT
                """)
            let session = try database.session()
            try session.begin()
            try session.insertPositions(spool: spool, lanes: [.castErrors], host: "h", owner: spool)
            try session.commit()
            let conninfo = database.conninfo
            WorkerThread.start("mover") {
                _ = try? TestDatabase.run(
                    "BEGIN; UPDATE operation_logs.spool_positions SET lane = 100; SELECT pg_sleep(0.5); COMMIT",
                    conninfo: conninfo)
            }
            try database.wait("wait_event = 'PgSleep'")
            try session.begin()
            return try caught { _ = try session.lockPositions(spool: spool, lanes: [.castErrors]) }
        },

        // MARK: Logins
        RaisedState("insufficient resources", "53300", "a role has too many connections") {
            let database = try TestDatabase()
            let role = SharedServer.uniqueName("crowd")
            try database.run("CREATE ROLE \(role) LOGIN CONNECTION LIMIT 0")
            return try caught { _ = try database.session(user: role) }
        },
        RaisedState("not authorized", "28000", "the role may not log in") {
            let database = try TestDatabase()
            let role = SharedServer.uniqueName("locked")
            try database.run("CREATE ROLE \(role) NOLOGIN")
            return try caught { _ = try database.session(user: role) }
        },
        RaisedState("not authorized", "28P01", "the password is wrong") {
            let database = try TestDatabase()
            let role = SharedServer.uniqueName("scram")
            let place = database.server.path + "/data/pg_hba.conf"
            try database.run("CREATE ROLE \(role) LOGIN PASSWORD 'right'")
            let before = try database.run("SELECT pg_read_file('pg_hba.conf')").first?.first.flatMap { $0 } ?? ""
            guard let file = fopen(place, "w") else { throw SystemError.last("open", place) }
            fputs("local all \(role) scram-sha-256\n\(before)", file)
            fclose(file)
            try database.run("SELECT pg_reload_conf()")
            let conninfo = database.conninfo(user: role) + " password=wrong"
            for _ in 0..<500 {
                do {
                    _ = try LibpqSession(conninfo: conninfo).connect()
                } catch let failure as DatabaseFailure {
                    return failure
                }
                usleep(10_000)
            }
            throw SharedServer.Failure(words: "the password is not asked for")
        },
        RaisedState("no such database", "3D000", "the database does not exist") {
            let session = try LibpqSession(
                conninfo: SharedServer.server().conninfo(database: "no_such", user: "postgres"))
            return try caught { _ = try session.connect() }
        },
        RaisedState("anything else", "55000", "the database takes no connections") {
            let database = try TestDatabase()
            try TestDatabase.run(
                "ALTER DATABASE \(database.name) ALLOW_CONNECTIONS false", conninfo: database.server.conninfo)
            return try caught { _ = try LibpqSession(conninfo: database.conninfo).connect() }
        },

        // MARK: Memory
        RaisedState("out of memory", "53200", "a backend may take no more memory", lane: .castErrors) {
            let database = try TestDatabase()
            try database.run(trigger("found := length(repeat('x', 900000000))"))
            let session = try database.session()
            try session.begin()
            try database.wait("state = 'idle in transaction'")
            for backend in try database.backends("state = 'idle in transaction'") {
                try run("/usr/bin/prlimit", ["--pid", "\(backend)", "--as=\(600 << 20)"], user: serverUser)
            }
            return try caught { try session.write(.castErrors) }
        },
    ]
}

extension TestDatabase {
    /// Other sessions in this database for which the condition on `pg_stat_activity` holds.
    func backends(_ condition: String = "true") throws -> [Int32] {
        try TestDatabase.run(
            "SELECT pid FROM pg_stat_activity WHERE datname = '\(name)' AND \(condition)", conninfo: server.conninfo
        ).compactMap { $0.first.flatMap { $0 }.flatMap { Int32($0) } }
    }

    func wait(_ condition: String) throws {
        for _ in 0..<1000 {
            if try !backends(condition).isEmpty { return }
            usleep(10_000)
        }
        throw SharedServer.Failure(words: "no session comes to \(condition)")
    }

    /// Waits until no session is left in the database.
    func awaitEnd() throws {
        for _ in 0..<1000 {
            if try backends().isEmpty { return }
            usleep(10_000)
        }
        throw SharedServer.Failure(words: "the session does not end")
    }

    /// On a thread of its own: once a session meets the condition, `statement` is run for it.
    func once(_ condition: String, do statement: String) {
        let (conninfo, name) = (server.conninfo, name)
        WorkerThread.start("administrator") {
            for _ in 0..<1000 {
                let done = try? TestDatabase.run(
                    "\(statement) FROM pg_stat_activity WHERE datname = '\(name)' AND \(condition)", conninfo: conninfo)
                if done?.isEmpty == false { return }
                usleep(10_000)
            }
        }
    }
}
