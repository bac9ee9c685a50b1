import Delivery
import Glibc
import LinuxSystem
import OperationLogs
import PostgreSQL
import PrivatePostgreSQL
import Synchronization
import Testing

/// With servers of their own, since these end them.
@Suite(.serialized)
struct LostConnectionTests {
    private static let spool = UniqueID.random()
    private static let run = UniqueID.random()

    /// Each step of a batch, on a session in a transaction that has its position rows.
    private static let steps: [(String, @Sendable (LibpqSession) throws -> Void)] = [
        ("begin", { try $0.begin() }),
        ("lockPositions", { _ = try $0.lockPositions(spool: spool, lanes: [.castErrors]) }),
        ("insertPositions", { try $0.insertPositions(spool: spool, lanes: [.backupLogs], host: "h", owner: run) }),
        ("takeOwnership", { _ = try $0.takeOwnership(spool: spool, lanes: [.castErrors], owner: run) }),
        ("copy", { try $0.copy(.castErrors, Tuples.castErrors(5000, detail: String(repeating: "x", count: 500))) }),
        (
            "upsert",
            {
                try $0.upsert([
                    Watermark(
                        sequence: .zero, pipeline: [97], lastProcessed: nil, status: nil,
                        updatedAt: Timestamp(microseconds: 0))
                ])
            }
        ),
        (
            "move",
            {
                let origin = RecordOrigin(run: run, chain: 1)
                _ = try $0.move(
                    spool: spool, owner: run,
                    [PositionMove(lane: .castErrors, from: .zero, to: SequenceNumber(1), origin: origin)])
            }
        ),
        ("commit", { try $0.commit() }),
        ("rollback", { try $0.rollback() }),
        ("obstacle", { _ = try $0.obstacle(of: .castErrors) }),
    ]

    private final class Server {
        let directory: TemporaryDirectory
        let server: PrivateServer

        init() throws {
            directory = try TemporaryDirectory()
            server = try PrivateServer(directory: directory.path + "/pg", settings: .unsynced)
            try server.start()
            _ = try Schema.apply(conninfo: server.conninfo)
        }

        func preparedSession(limits: ConnectionLimits = ConnectionLimits()) throws -> LibpqSession {
            let session = try LibpqSession(conninfo: server.conninfo, limits: limits)
            _ = try session.connect()
            try session.begin()
            try session.insertPositions(spool: spool, lanes: [.castErrors], host: "h", owner: run)
            return session
        }
    }

    @Test func `a server stopped or killed before any step is a lost connection, and a new one can be opened`() throws {
        let own = try Server()
        for (index, (name, step)) in Self.steps.enumerated() {
            let session = try own.preparedSession()
            if index.isMultiple(of: 2) { own.server.stop(.fast) } else { own.server.crash() }
            let thrown = #expect(throws: DatabaseFailure.self, "\(name)") { try step(session) }
            #expect(thrown?.isConnectionLost == true, "\(name): \(String(describing: thrown))")
            #expect(throws: DatabaseFailure.self) { _ = try session.connect() }
            #expect(throws: DatabaseFailure.self) { try session.begin() }
            try own.server.start()
            _ = try session.connect()
            try session.begin()
            #expect(try session.lockPositions(spool: Self.spool, lanes: [.castErrors]) == [])
            try session.rollback()
        }
    }

    @Test func `a COMMIT whose answer is lost is a lost connection, and the row tells what became of it`() throws {
        let own = try Server()
        let session = try own.preparedSession()
        try session.sendCommit()
        // By now the server has committed: the answer is in our socket's queue, or on its way.
        while try TestDatabase.run(
            "SELECT count(*) FROM operation_logs.spool_positions", conninfo: own.server.conninfo) == [["0"]]
        { usleep(1000) }
        session.interrupt()
        session.disconnect()
        let thrown = #expect(throws: DatabaseFailure.self) { _ = try session.awaitCommit() }
        #expect(thrown?.isConnectionLost == true)
        _ = try? session.connect()
        _ = try session.connect()
        try session.begin()
        #expect(try session.lockPositions(spool: Self.spool, lanes: [.castErrors]).count == 1)
        try session.rollback()
    }

    @Test func `a backend ended by an administrator amid a transaction is a lost connection`() throws {
        let own = try Server()
        let session = try own.preparedSession()
        try TestDatabase.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'opslogd' AND pid <> pg_backend_pid()",
            conninfo: own.server.conninfo)
        let thrown = #expect(throws: DatabaseFailure.self) { try session.copy(.castErrors, Tuples.castErrors(1)) }
        #expect(thrown?.isConnectionLost == true)
    }

    @Test func `interrupt wakes a blocked call at once`() throws {
        let own = try Server()
        let holder = try own.preparedSession()
        try holder.commit()
        try holder.begin()
        _ = try holder.lockPositions(spool: Self.spool, lanes: [.castErrors])
        let session = try LibpqSession(conninfo: own.server.conninfo)
        _ = try session.connect()
        try session.begin()
        WorkerThread.start("interrupter") {
            usleep(100_000)
            session.interrupt()
        }
        let clock = SystemTime()
        let began = clock.monotonicNanoseconds()
        #expect(throws: DatabaseFailure.interrupted) {
            _ = try session.lockPositions(spool: Self.spool, lanes: [.castErrors])
        }
        #expect(clock.monotonicNanoseconds() - began < 5_000_000_000)
        _ = try session.connect()
    }

    @Test func `a server that does not answer is timed out, opening as well as in a transaction`() throws {
        let own = try Server()
        let limits = ConnectionLimits(connectMilliseconds: 200, statementMilliseconds: 100, answerMilliseconds: 300)
        let session = try own.preparedSession(limits: limits)
        own.server.suspend()
        let opening = #expect(throws: DatabaseFailure.self) {
            _ = try LibpqSession(conninfo: own.server.conninfo, limits: limits).connect()
        }
        #expect(opening?.isTimedOut == true)
        own.server.resume()

        // Synced replication to a standby that is not there: COMMIT waits, and no timeout of the server's ends it.
        try TestDatabase.run(
            "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", conninfo: own.server.conninfo)
        try TestDatabase.run("SELECT pg_reload_conf()", conninfo: own.server.conninfo)
        usleep(300_000)
        try session.sendCommit()
        let waiting = #expect(throws: DatabaseFailure.self) { _ = try session.awaitCommit() }
        #expect(waiting?.isTimedOut == true)
        let after = #expect(throws: DatabaseFailure.self) { try session.rollback() }
        #expect(after?.isConnectionLost == true)
    }

    @Test func `a COMMIT that is not replicated is committed with a warning`() throws {
        let own = try Server()
        try TestDatabase.run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", conninfo: own.server.conninfo)
        try TestDatabase.run("SELECT pg_reload_conf()", conninfo: own.server.conninfo)
        usleep(300_000)
        let session = try own.preparedSession()
        try session.sendCommit()
        let conninfo = own.server.conninfo
        WorkerThread.start("canceller") {
            for _ in 0..<100 {
                usleep(50_000)
                let cancelled = try? TestDatabase.run(
                    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
                    conninfo: conninfo)
                if cancelled?.isEmpty == false { return }
            }
        }
        let answer = try session.awaitCommit()
        #expect(answer.warning?.hasPrefix("01000") == true)
    }

    @Test func `a statement beyond its timeout is the server's error, and the session lives`() throws {
        let own = try Server()
        try TestDatabase.run(
            """
            CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_catalog.pg_sleep(5); RETURN NEW; END $$;
            CREATE TRIGGER slow BEFORE INSERT ON operation_logs.cast_errors
                FOR EACH ROW EXECUTE FUNCTION public.slow()
            """, conninfo: own.server.conninfo)
        let session = try own.preparedSession(limits: ConnectionLimits(statementMilliseconds: 200))
        let error = try serverError { try session.copy(.castErrors, Tuples.castErrors(1)) }
        #expect(error.sqlstate == "57014")
        try session.rollback()
        try session.begin()
        try session.rollback()
    }
}

extension DatabaseFailure {
    var isConnectionLost: Bool { if case .connectionLost = self { true } else { false } }
    var isTimedOut: Bool { if case .timedOut = self { true } else { false } }
}
