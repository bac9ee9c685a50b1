import Delivery
import Glibc
import LinuxSystem
import OperationLogs
import Testing

@testable import PostgreSQL

/// COPYs of several tables that are sent as one string.
struct AnnouncedCopyTests {
    private let database: TestDatabase
    private let session: LibpqSession

    init() throws {
        database = try TestDatabase()
        session = try database.session(limits: ConnectionLimits(lockMilliseconds: 300))
        // How rows are to be sent is asked once, before the first.
        _ = try session.compareTables()
    }

    private func tuples(_ kind: EventKind) throws -> Tuples {
        var tuples = Tuples()
        tuples.add(try #require(CopyTests.rows.first { $0.0 == kind }).1)
        return tuples
    }

    private func copy(_ kind: EventKind, following: [EventKind] = []) throws {
        try session.copy(kind, try tuples(kind), following: following)
    }

    /// Whether some backend has begun to write to a table.
    private func isBegun(_ kind: EventKind) throws -> Bool {
        try database.run(
            """
            SELECT count(*) FROM pg_locks JOIN pg_class ON pg_class.oid = relation
                JOIN pg_database ON pg_database.oid = database AND datname = current_database()
            WHERE relname = '\(kind.name)' AND mode = 'RowExclusiveLock' AND granted
            """) != [["0"]]
    }

    /// The session is of use, and nothing of the transaction before is left.
    private func expectAFreshStart(_ count: Int = 0) throws {
        try session.begin()
        try copy(.castErrors, following: [.backupLogs])
        try copy(.backupLogs)
        try session.commit()
        #expect(try database.count("cast_errors") == count + 1)
        #expect(try database.count("backup_logs") == count + 1)
    }

    @Test func `the server begins the next table without being asked once more`() throws {
        try session.begin()
        try copy(.castErrors, following: [.upsertFailures, .backupLogs])
        var tries = 0
        while try !isBegun(.upsertFailures), tries < 100 {
            usleep(20_000)
            tries += 1
        }
        #expect(try isBegun(.upsertFailures))
        #expect(try !isBegun(.backupLogs))
        try copy(.upsertFailures, following: [.backupLogs])
        try copy(.backupLogs)
        try session.commit()
        for kind in [EventKind.castErrors, .upsertFailures, .backupLogs] { #expect(try database.count(kind.name) == 1) }
        try expectAFreshStart(1)
    }

    @Test func `a table that is not there is told by its own call`() throws {
        try database.run("DROP TABLE operation_logs.upsert_failures")
        try session.begin()
        try copy(.castErrors, following: [.upsertFailures, .backupLogs])
        let error = try serverError { try copy(.upsertFailures, following: [.backupLogs]) }
        #expect(error.sqlstate == "42P01")
        try session.rollback()
        try expectAFreshStart()
    }

    @Test func `a locked table is told by its own call`() throws {
        let locker = try LibpqConnection(
            conninfo: database.conninfo, limits: ConnectionLimits(), interruption: EventDescriptor())
        _ = try locker.run("BEGIN; LOCK TABLE operation_logs.upsert_failures IN ACCESS EXCLUSIVE MODE")
        try session.begin()
        try copy(.castErrors, following: [.upsertFailures])
        let error = try serverError { try copy(.upsertFailures) }
        #expect(error.sqlstate == "55P03")
        try session.rollback()
        _ = try locker.run("COMMIT")
        try expectAFreshStart()
    }

    @Test func `a refused row ends what was announced behind it`() throws {
        try database.run("ALTER TABLE operation_logs.upsert_failures ADD CONSTRAINT none CHECK (symbol <> 'IBM')")
        try session.begin()
        try copy(.castErrors, following: [.upsertFailures, .backupLogs])
        let error = try serverError { try copy(.upsertFailures, following: [.backupLogs]) }
        #expect(error.sqlstate == "23514")
        #expect(error.constraint == "none")
        try session.rollback()
        try expectAFreshStart()
    }

    @Test func `a row that is refused amid many ends what was announced behind it`() throws {
        try database.run("ALTER TABLE operation_logs.cast_errors ADD CONSTRAINT none CHECK (symbol <> 'S7')")
        try session.begin()
        let many = Tuples.castErrors(20_000, detail: String(repeating: "x", count: 500))
        let error = try serverError { try session.copy(.castErrors, many, following: [.upsertFailures, .backupLogs]) }
        #expect(error.constraint == "none")
        try session.rollback()
        try expectAFreshStart()
    }

    @Test func `rows that a trigger leaves out end what was announced behind them`() throws {
        try database.run(
            """
            CREATE FUNCTION public.skip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
            CREATE TRIGGER skip BEFORE INSERT ON operation_logs.upsert_failures
                FOR EACH ROW EXECUTE FUNCTION public.skip()
            """)
        try session.begin()
        try copy(.castErrors, following: [.upsertFailures, .backupLogs])
        let error = try serverError { try copy(.upsertFailures, following: [.backupLogs]) }
        #expect(error.message.contains("took 0 of 1 rows"))
        try session.rollback()
        try expectAFreshStart()
    }

    @Test func `a table whose columns were altered since ends what was announced behind it`() throws {
        try database.run("ALTER TABLE operation_logs.upsert_failures ALTER COLUMN symbol TYPE VARCHAR(40)")
        try session.begin()
        try copy(.castErrors, following: [.upsertFailures, .backupLogs])
        let error = try serverError { try copy(.upsertFailures, following: [.backupLogs]) }
        #expect(error.sqlstate == "55006")
        try session.rollback()
        // By a new plan.
        try session.begin()
        try copy(.upsertFailures)
        try session.commit()
        #expect(try database.count("upsert_failures") == 1)
        try expectAFreshStart()
    }

    @Test func `rows of a table that takes none are not announced`() throws {
        try database.run("ALTER TABLE operation_logs.upsert_failures ALTER COLUMN symbol TYPE INTEGER USING NULL")
        _ = try session.compareTables()
        try session.begin()
        try copy(.castErrors, following: [.upsertFailures, .backupLogs])
        let error = try serverError { try copy(.upsertFailures, following: [.backupLogs]) }
        #expect(error.sqlstate == "42804")
        // Long enough for the server to begin what it was sent.
        usleep(100_000)
        #expect(try !isBegun(.upsertFailures))
        try session.rollback()
        try expectAFreshStart()
    }

    @Test func `rows that are written anew for their table are announced like others`() throws {
        try database.run("ALTER TABLE operation_logs.concurrency_issues ALTER COLUMN pid TYPE BIGINT")
        _ = try session.compareTables()
        try session.begin()
        try copy(.castErrors, following: [.concurrencyIssues, .backupLogs])
        try copy(.concurrencyIssues, following: [.backupLogs])
        try copy(.backupLogs)
        try session.commit()
        #expect(
            try database.run("SELECT pid FROM operation_logs.concurrency_issues") == [["-2147483648"]])
        try expectAFreshStart(1)
    }

    @Test(arguments: [[], [EventKind.backupLogs]])
    func `a record that cannot be written anew ends its COPY and what was announced`(_ following: [EventKind]) throws {
        try database.run("ALTER TABLE operation_logs.concurrency_issues ALTER COLUMN pid TYPE BIGINT")
        _ = try session.compareTables()
        var malformed = Tuples()
        malformed.add([.text("three"), .text("columns"), .text("only")])
        try session.begin()
        let error = try serverError { try session.copy(.concurrencyIssues, malformed, following: following) }
        #expect(error.sqlstate == "XX000")
        try session.rollback()
        try expectAFreshStart()
    }

    @Test func `nothing is announced on a connection that is opened anew`() throws {
        try session.begin()
        try copy(.castErrors, following: [.upsertFailures, .backupLogs])
        _ = try session.connect()
        #expect(try database.count("cast_errors") == 0)
        try session.begin()
        try copy(.upsertFailures)
        try session.commit()
        try expectAFreshStart()
    }

    @Test func `what was announced can be given up`() throws {
        try session.begin()
        try copy(.castErrors, following: [.upsertFailures, .backupLogs])
        try session.rollback()
        #expect(try database.count("cast_errors") == 0)
        try session.begin()
        try copy(.castErrors, following: [.upsertFailures])
        // Without a rollback of its own.
        try expectAFreshStart()
    }
}
