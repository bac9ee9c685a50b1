import Delivery
import OperationLogs
import Testing

@testable import PostgreSQL

struct RoleTests {
    private static let spool = UniqueID.random()
    private static let run = UniqueID.random()

    /// One whole batch over every table, as delivery does it.
    private static func deliver(_ session: LibpqSession) throws {
        let lanes = EventKind.allCases
        try session.begin()
        try session.insertPositions(spool: spool, lanes: lanes, host: "h", owner: run)
        #expect(try session.takeOwnership(spool: spool, lanes: lanes, owner: run) == 8)
        try session.commit()
        try session.begin()
        #expect(try session.lockPositions(spool: spool, lanes: lanes).count == 8)
        for (kind, values, _) in CopyTests.rows where kind != .pipelineWatermarks {
            var tuples = Tuples()
            tuples.add(values)
            try session.copy(kind, tuples)
        }
        for status in ["first", "second"] {
            try session.upsert([
                Watermark(
                    sequence: SequenceNumber(1), pipeline: Array("p".utf8), lastProcessed: Timestamp(microseconds: 1),
                    status: Array(status.utf8), updatedAt: Timestamp(microseconds: 2))
            ])
        }
        let moves = lanes.map {
            PositionMove(lane: $0, from: .zero, to: SequenceNumber(9), origin: RecordOrigin(run: run, chain: 3))
        }
        #expect(try session.move(spool: spool, owner: run, moves) == 8)
        try session.commit()
    }

    private static let minimalGrants = """
        GRANT USAGE ON SCHEMA operation_logs TO ROLE;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA operation_logs TO ROLE;
        GRANT INSERT ON operation_logs.data_quality_errors, operation_logs.dedup_conflicts,
            operation_logs.authority_conflicts, operation_logs.cast_errors, operation_logs.upsert_failures,
            operation_logs.concurrency_issues, operation_logs.backup_logs TO ROLE;
        GRANT SELECT, INSERT, UPDATE ON operation_logs.pipeline_watermarks, operation_logs.spool_positions TO ROLE
        """

    static func minimalRole(_ database: TestDatabase) throws -> String {
        let role = SharedServer.uniqueName("shipper")
        let grants = minimalGrants.replacing("ROLE", with: role)
        try database.run("CREATE ROLE \(role) LOGIN; \(grants)")
        return role
    }

    @Test func `a role with the documented privileges and no others can deliver everything`() throws {
        let database = try TestDatabase()
        let role = try Self.minimalRole(database)
        let session = try database.session(user: role)
        try Self.deliver(session)
        for kind in EventKind.allCases {
            #expect(try database.count(kind.name) == 1)
            #expect(try session.obstacle(of: kind) == nil)
        }
        #expect(try Schema.check(conninfo: database.conninfo(user: role)) == [])
        #expect(throws: SchemaProblem.self) {
            try database.run("DROP TABLE operation_logs.backup_logs")
            _ = try Schema.apply(conninfo: database.conninfo(user: role))
        }
    }

    @Test(arguments: [
        "search_path = 'evil, public'", "DateStyle = 'German, DMY'", "TimeZone = 'Asia/Kathmandu'",
        "default_transaction_read_only = on", "default_transaction_isolation = serializable",
        "default_transaction_deferrable = on", "lc_messages = 'C'", "client_min_messages = error",
        "IntervalStyle = sql_standard", "bytea_output = escape", "standard_conforming_strings = off",
        "client_encoding = LATIN1", "synchronous_commit = off", "row_security = off", "statement_timeout = 2000",
        "array_nulls = off", "transform_null_equals = on", "default_tablespace = ''",
    ])
    func `odd settings of a role and its database do not matter`(_ setting: String) throws {
        let database = try TestDatabase()
        let role = try Self.minimalRole(database)
        // A table and functions that a search_path which is not pinned would find first.
        try database.run(
            """
            CREATE SCHEMA evil;
            GRANT USAGE ON SCHEMA evil TO PUBLIC;
            CREATE TABLE evil.spool_positions (x INT);
            CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'evil'; END $$;
            ALTER ROLE \(role) SET \(setting);
            """)
        try Self.deliver(try database.session(user: role))
        let shown = try database.run(
            "SET TimeZone = 'UTC'; SELECT ts, incoming_row FROM operation_logs.dedup_conflicts")
        #expect(shown == [["1999-12-31 23:59:59.999999+00", "[null]"]])
    }

    @Test(arguments: [
        ("off", "on"), ("local", "on"), ("remote_write", "on"), ("on", "on"), ("remote_apply", "remote_apply"),
    ])
    func `synchronous_commit is raised and never lowered, and only within the transaction`(
        _ setting: (before: String, within: String)
    ) throws {
        let database = try TestDatabase()
        try database.run("ALTER DATABASE \(database.name) SET synchronous_commit = \(setting.before)")
        try database.run(
            """
            CREATE TABLE public.seen (value TEXT);
            CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN INSERT INTO public.seen VALUES (pg_catalog.current_setting('synchronous_commit')); RETURN NEW; END $$;
            CREATE TRIGGER see BEFORE INSERT ON operation_logs.cast_errors FOR EACH ROW EXECUTE FUNCTION public.see()
            """)
        let session = try database.session()
        try session.begin()
        try session.copy(.castErrors, Tuples.castErrors(1))
        try session.commit()
        #expect(try database.run("SELECT value FROM public.seen") == [[setting.within]])
        #expect(try database.run("SHOW synchronous_commit") == [[setting.before]])
    }

    @Test func `nothing stays on the server's side after a transaction`() throws {
        let database = try TestDatabase()
        let session = try database.session()
        let settings = "SELECT name, setting FROM pg_catalog.pg_settings WHERE source = 'session' ORDER BY name"
        let before = try session.withConnection { open throws(DatabaseFailure) in
            let answer = try open.run(settings, [], binaryResult: false)
            return (0..<answer.rowCount).map { "\(answer.text($0, 0) ?? "") = \(answer.text($0, 1) ?? "")" }
        }
        try Self.deliver(session)
        let after = try session.withConnection { open throws(DatabaseFailure) in
            let answer = try open.run(settings, [], binaryResult: false)
            return (0..<answer.rowCount).map { "\(answer.text($0, 0) ?? "") = \(answer.text($0, 1) ?? "")" }
        }
        #expect(before == after)
        let statements = try session.withConnection { open throws(DatabaseFailure) in
            try open.run("SELECT name FROM pg_catalog.pg_prepared_statements WHERE name <> ''", [], binaryResult: false)
                .rowCount
        }
        #expect(statements == 0)
    }

    @Test func `the server says who it is`() throws {
        let database = try TestDatabase()
        let role = SharedServer.uniqueName("nobody")
        try database.run("CREATE ROLE \(role) LOGIN")
        let session = try LibpqSession(conninfo: database.conninfo(user: role))
        let identity = try session.connect()
        let known = try database.run("SELECT system_identifier::text FROM pg_control_system()")
        #expect(identity.systemIdentifier.map { "\($0)" } == known.first?.first)
        #expect(identity.timeline == 1)
        #expect(!identity.isInRecovery)
        #expect(try database.run("SHOW server_version") == [[identity.version]])

        try database.run(
            "REVOKE EXECUTE ON FUNCTION pg_control_system(), pg_control_checkpoint() FROM PUBLIC")
        let reduced = try session.connect()
        #expect(reduced.systemIdentifier == nil && reduced.timeline == nil && reduced.version == identity.version)
    }
}
