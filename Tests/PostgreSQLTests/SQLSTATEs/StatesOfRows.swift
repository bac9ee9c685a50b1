import OperationLogs
import PostgreSQL

/// What a server raises because of a row, of its table, or of what hangs on the table.
extension RaisedState {
    static let ofRows: [RaisedState] = [
        // MARK: Columns of another kind
        .ofRows(
            "protocol violation", "08P01", "a column is wider than the value", .concurrencyIssues,
            tuples: RaisedState.concurrencyIssue(pid: .text("12"))),
        .ofRows(
            "incorrect binary data format", "22P03", "a column is narrower than the value", .concurrencyIssues,
            tuples: RaisedState.concurrencyIssue(pid: .time(12))),
        .ofRows(
            "bad COPY file format", "22P04", "a row has fewer columns than were named", .castErrors,
            tuples: {
                var tuples = Tuples()
                tuples.add([.text("A"), .text("B")])
                return tuples
            }()),

        // MARK: Values
        .ofRows(
            "data exception", "22001", "a text is too long", .castErrors,
            "ALTER TABLE operation_logs.cast_errors ALTER COLUMN symbol TYPE VARCHAR(2)"),
        .ofRows("data exception", "22021", "a text holds a NUL", .castErrors, tuples: castError(.text("a\0b"))),
        .ofRows(
            "data exception", "22P02", "a text is no value of an enum", .castErrors,
            """
            CREATE TYPE public.side AS ENUM ('bid', 'ask');
            ALTER TABLE operation_logs.cast_errors ALTER COLUMN symbol TYPE public.side USING 'bid'
            """),
        .ofRows(
            "data exception", "22008", "a time is beyond the calendar", .castErrors,
            tuples: castError(.text("A"), time: .max - 1)),
        .ofRows(
            "data exception", "22P05", "a JSON text holds \\u0000", .dedupConflicts,
            tuples: dedupConflict(json: #"{"a":"\u0000"}"#)),
        .ofRows(
            "data exception", "22003", "a JSON number is too large", .dedupConflicts,
            tuples: dedupConflict(json: "1e400000")),
        .ofTrigger("data exception", "22012", "a trigger divides by zero", "found := 1 / (SELECT 0)"),

        // MARK: Constraints
        .ofRows(
            "constraint violation", "23514", "a CHECK", .castErrors,
            "ALTER TABLE operation_logs.cast_errors ADD CONSTRAINT none CHECK (symbol = '')"),
        .ofRows(
            "constraint violation", "23514", "a CHECK of a domain", .castErrors,
            """
            CREATE DOMAIN public.empty AS TEXT CHECK (VALUE = '');
            ALTER TABLE operation_logs.cast_errors ALTER COLUMN symbol TYPE public.empty
            """),
        .ofRows(
            "constraint violation", "23502", "NOT NULL", .castErrors,
            "ALTER TABLE operation_logs.cast_errors ALTER COLUMN symbol SET NOT NULL", tuples: castError(.null)),
        .ofRows(
            "constraint violation", "23503", "a foreign key", .castErrors,
            """
            CREATE TABLE public.symbols (symbol TEXT PRIMARY KEY);
            ALTER TABLE operation_logs.cast_errors ADD FOREIGN KEY (symbol) REFERENCES public.symbols
            """),
        .ofRows(
            "constraint violation", "23503", "a foreign key that is initially deferred shows before COMMIT",
            .castErrors,
            """
            CREATE TABLE public.symbols (symbol TEXT PRIMARY KEY);
            ALTER TABLE operation_logs.cast_errors ADD FOREIGN KEY (symbol) REFERENCES public.symbols
                DEFERRABLE INITIALLY DEFERRED
            """),
        .ofRows(
            "constraint violation", "23505", "a unique index", .castErrors,
            """
            CREATE UNIQUE INDEX one_symbol ON operation_logs.cast_errors (symbol);
            INSERT INTO operation_logs.cast_errors (symbol) VALUES ('IBM')
            """),
        .ofRows(
            "constraint violation", "23505", "a unique constraint that is initially deferred shows before COMMIT",
            .castErrors,
            """
            ALTER TABLE operation_logs.cast_errors ADD UNIQUE (symbol) DEFERRABLE INITIALLY DEFERRED;
            INSERT INTO operation_logs.cast_errors (symbol) VALUES ('IBM')
            """),
        .ofRows(
            "constraint violation", "23505", "a unique index on watermarks beside the key", .pipelineWatermarks,
            """
            CREATE UNIQUE INDEX one_time ON operation_logs.pipeline_watermarks (updated_at);
            INSERT INTO operation_logs.pipeline_watermarks (pipeline_name, updated_at) VALUES ('o', '2000-01-01Z')
            """),
        .ofRows(
            "constraint violation", "23P01", "an exclusion constraint", .castErrors,
            """
            ALTER TABLE operation_logs.cast_errors ADD EXCLUDE USING hash (symbol WITH =);
            INSERT INTO operation_logs.cast_errors (symbol) VALUES ('IBM')
            """),
        .ofRows(
            "serial key already taken", "23505", "the key's sequence fell behind", .castErrors,
            "INSERT INTO operation_logs.cast_errors (error_id) VALUES (1)"),
        .ofRows(
            "serial key already taken", "23505", "the sequence of a partition's key fell behind", .castErrors,
            partitioned + """
                ; CREATE TABLE operation_logs.cast_errors_2000 PARTITION OF operation_logs.cast_errors
                    FOR VALUES FROM ('1999-01-01') TO ('2001-01-01');
                INSERT INTO operation_logs.cast_errors (error_id, log_time) VALUES (1, '2000-01-01 00:00:00.000001Z')
                """),
        .ofRows("no partition for the row", "23514", "the table has no partition", .castErrors, partitioned),

        // MARK: Limits
        .ofRows(
            "program limit exceeded", "54000", "a text is too large for an index", .castErrors,
            "CREATE INDEX ON operation_logs.cast_errors (symbol)",
            tuples: castError(.text((0..<6000).map { "\($0 * 7919 % 104_729)" }.joined()))),
        .ofRows(
            "stack depth exceeded", "54001", "a JSON text is nested deep", .dedupConflicts,
            tuples: dedupConflict(
                json: String(repeating: "[", count: 40_000) + String(repeating: "]", count: 40_000))),
    ]

    /// The table in its partitioned form, without any partition.
    static let partitioned = """
        DROP TABLE operation_logs.cast_errors;
        CREATE TABLE operation_logs.cast_errors (
            error_id BIGSERIAL, symbol TEXT, column_name TEXT, raw_value TEXT, target_type TEXT, error_detail TEXT,
            log_time TIMESTAMPTZ DEFAULT now(), PRIMARY KEY (error_id, log_time)) PARTITION BY RANGE (log_time)
        """

    // MARK: - Triggers

    /// A trigger that raises says what it means by the state of its choice; what the server itself finds amiss within a
    /// trigger is as it is without one.
    static let ofTriggers: [RaisedState] =
        [
            ("P0001", "RAISE without a state", "RAISE EXCEPTION 'no'"),
            ("P0004", "ASSERT", "ASSERT false"),
            ("P0002", "a query of the trigger's finds no row", "SELECT 1 INTO STRICT found WHERE false"),
            ("42P01", "RAISE with a state of class 42", "RAISE EXCEPTION 'no' USING ERRCODE = '42P01'"),
            ("ZZ001", "RAISE with a state of its own", "RAISE EXCEPTION 'no' USING ERRCODE = 'ZZ001'"),
            ("23514", "RAISE of check_violation", "RAISE EXCEPTION 'no' USING ERRCODE = 'check_violation'"),
            ("22P04", "RAISE with a state of COPY's", "RAISE EXCEPTION 'no' USING ERRCODE = '22P04'"),
            ("28000", "RAISE with a state of a login", "RAISE EXCEPTION 'no' USING ERRCODE = '28000'"),
            ("XX001", "RAISE with a state of damage", "RAISE EXCEPTION 'no' USING ERRCODE = 'XX001'"),
        ].map { ofTrigger("raised by a trigger", $0.0, $0.1, $0.2) }
        + [
            ("40001", "RAISE of serialization_failure"), ("53400", "RAISE of configuration_limit_exceeded"),
            ("40003", "RAISE of statement_completion_unknown"), ("08006", "RAISE of connection_failure"),
        ].map { state, how in
            ofTrigger(
                "raised by a trigger, to be tried again", state, how, "RAISE EXCEPTION 'no' USING ERRCODE = '\(state)'")
        }
        + [
            ofTrigger(
                "missing table, column or privilege", "42P01", "a trigger writes into a table that is gone",
                "INSERT INTO public.audit VALUES (1)"),
            ofTrigger(
                "object in use", "55006", "a trigger truncates the table that is written",
                "TRUNCATE operation_logs.cast_errors"),
            ofRows(
                "anything else", "XX000", "a trigger leaves the row out", .castErrors,
                trigger("RETURN NULL")),
            // Quotas of temporary space are the server's resources.
            ofTrigger(
                "insufficient resources", "53400", "a trigger sorts more than temp_file_limit",
                """
                SET LOCAL temp_file_limit = 64; SET LOCAL work_mem = 64;
                PERFORM x FROM generate_series(1, 100000) AS x ORDER BY x DESC OFFSET 99999
                """),
        ]

    // MARK: - Catalogue

    static let ofCatalogue: [RaisedState] = [
        .ofRows(
            "missing table, column or privilege", "42P01", "the table is gone", .castErrors,
            "DROP TABLE operation_logs.cast_errors"),
        .ofRows(
            "missing table, column or privilege", "42703", "a column is gone", .castErrors,
            "ALTER TABLE operation_logs.cast_errors DROP COLUMN symbol"),
        .ofRows(
            "missing table, column or privilege", "42809", "the table is a view", .castErrors,
            """
            DROP TABLE operation_logs.cast_errors;
            CREATE VIEW operation_logs.cast_errors AS SELECT '' AS symbol, '' AS column_name, '' AS raw_value,
                '' AS target_type, '' AS error_detail, now() AS log_time
            """),
        .ofRows(
            "missing table, column or privilege", "42P10", "the watermarks' key is gone", .pipelineWatermarks,
            "ALTER TABLE operation_logs.pipeline_watermarks DROP CONSTRAINT pipeline_watermarks_pkey"),
        .ofRows(
            "missing table, column or privilege", "42804", "a watermark's column is of another type",
            .pipelineWatermarks,
            """
            ALTER TABLE operation_logs.pipeline_watermarks DROP COLUMN updated_at;
            ALTER TABLE operation_logs.pipeline_watermarks ADD COLUMN updated_at INTEGER
            """),
        .ofRows("no such schema", "3F000", "the schema is gone", .castErrors, "DROP SCHEMA operation_logs CASCADE"),
        ofRole("missing table, column or privilege", "42501", "the privilege is taken away") { role in
            "REVOKE INSERT ON operation_logs.cast_errors FROM \(role)"
        },
        ofRole("not supported for this table", "0A000", "row-level security is active") { _ in
            "ALTER TABLE operation_logs.cast_errors ENABLE ROW LEVEL SECURITY"
        },
        .ofRows(
            "connection exception", "08001", "a foreign table whose server is away", .castErrors,
            """
            CREATE EXTENSION postgres_fdw;
            CREATE SERVER away FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '/nonexistent');
            CREATE USER MAPPING FOR PUBLIC SERVER away;
            DROP TABLE operation_logs.cast_errors;
            CREATE FOREIGN TABLE operation_logs.cast_errors (
                symbol TEXT, column_name TEXT, raw_value TEXT, target_type TEXT, error_detail TEXT,
                log_time TIMESTAMPTZ) SERVER away
            """),
    ]

    /// As the daemon's role with the documented privileges.
    private static func ofRole(
        _ label: String, _ state: String, _ how: String, preparation: @escaping @Sendable (String) -> String
    ) -> RaisedState {
        RaisedState(label, state, how, lane: .castErrors) {
            let database = try TestDatabase()
            let role = try RoleTests.minimalRole(database)
            try database.run(preparation(role))
            let session = try database.session(user: role)
            try session.begin()
            return try caught { try session.write(.castErrors) }
        }
    }
}
