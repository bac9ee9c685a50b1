import Delivery
import OperationLogs
import PostgreSQL
import Testing

struct CopyTests {
    /// A row of each kind with every column filled, and what the table must show in its columns' order.
    static let rows: [(EventKind, [Tuples.Value], [String])] = [
        (
            .dataQualityErrors,
            [.text("AAPL"), .time(0), .text("constraint_violation"), .text("x < 0"), .time(1)],
            ["AAPL", "2000-01-01 00:00:00+00", "constraint_violation", "x < 0", "2000-01-01 00:00:00.000001+00"]
        ),
        (
            .dedupConflicts,
            [.text("MSFT"), .time(-1), .json(#"{"a":1.10,"a":2}"#), .json("[null]"), .text("kept"), .time(1)],
            ["MSFT", "1999-12-31 23:59:59.999999+00", #"{"a": 2}"#, "[null]", "kept", "2000-01-01 00:00:00.000001+00"]
        ),
        (
            .authorityConflicts,
            [.text("IBM"), .time(0), .text("a"), .text("b"), .text("a"), .time(1)],
            ["IBM", "2000-01-01 00:00:00+00", "a", "b", "a", "2000-01-01 00:00:00.000001+00"]
        ),
        (
            .castErrors,
            [.text("IBM"), .text("price"), .text("1e5"), .text("int"), .text("no"), .time(1)],
            ["IBM", "price", "1e5", "int", "no", "2000-01-01 00:00:00.000001+00"]
        ),
        (
            .upsertFailures,
            [.text("bars"), .text("IBM"), .time(0), .text("no"), .time(1)],
            ["bars", "IBM", "2000-01-01 00:00:00+00", "no", "2000-01-01 00:00:00.000001+00"]
        ),
        (
            .concurrencyIssues,
            [.text("bars"), .text("AccessShareLock"), .integer(-2_147_483_648), .text("d"), .time(1)],
            ["bars", "AccessShareLock", "-2147483648", "d", "2000-01-01 00:00:00.000001+00"]
        ),
        (
            .pipelineWatermarks,
            [.text("eod"), .time(0), .text("ok"), .time(1)],
            ["eod", "2000-01-01 00:00:00+00", "ok", "2000-01-01 00:00:00.000001+00"]
        ),
        (
            .backupLogs,
            [.text("full"), .text("/b"), .text("done"), .time(0), .time(1), .time(2)],
            [
                "full", "/b", "done", "2000-01-01 00:00:00+00", "2000-01-01 00:00:00.000001+00",
                "2000-01-01 00:00:00.000002+00",
            ]
        ),
    ]

    @Test(arguments: rows.indices)
    func `every column of every kind arrives, and NULL stays NULL`(_ index: Int) throws {
        let (kind, values, expected) = Self.rows[index]
        let database = try TestDatabase()
        let session = try database.session()
        var tuples = Tuples()
        tuples.add(values)
        try session.begin()
        try session.copy(kind, tuples)
        if kind != .pipelineWatermarks {
            var nulls = Tuples()
            nulls.add(values.map { _ in .null })
            try session.copy(kind, nulls)
        }
        try session.commit()

        let columns = kind.columns.map(\.name).joined(separator: ", ")
        let found = try database.run(
            "SET TimeZone = 'UTC'; SELECT \(columns) FROM operation_logs.\(kind.name) ORDER BY \(kind.columns[0].name)")
        #expect(found.first == expected.map { $0 })
        if kind != .pipelineWatermarks { #expect(found.last == values.map { _ in nil }) }
        #expect(kind.columns.count == values.count)
    }

    @Test func `text of any characters arrives as it was`() throws {
        let database = try TestDatabase()
        let session = try database.session()
        let texts = [
            "", "\\N", "\\.", "tab\tline\nreturn\r", "'; DROP TABLE x; --", "\u{1}\u{1f}\u{7f}", "Zürich 東京 🦉",
            "\u{10FFFF}",
            String(repeating: "long ", count: 200_000),
        ]
        var tuples = Tuples()
        for text in texts {
            tuples.add([.text(text), .text("c"), .text(text), .null, .null, .time(0)])
        }
        try session.begin()
        try session.copy(.castErrors, tuples)
        try session.commit()
        let found = try database.run("SELECT symbol, raw_value FROM operation_logs.cast_errors ORDER BY error_id")
        #expect(found == texts.map { [$0, $0] })
    }

    @Test func `a large batch arrives whole, and its order is the table's`() throws {
        let database = try TestDatabase()
        let session = try database.session()
        try session.begin()
        try session.copy(.castErrors, Tuples.castErrors(50_000, detail: String(repeating: "x", count: 200)))
        try session.commit()
        let ordered = try database.run(
            "SELECT count(*), bool_and(symbol = 'S' || (error_id - 1)) FROM operation_logs.cast_errors")
        #expect(ordered == [["50000", "t"]])
    }

    @Test func `a refused row gives SQLSTATE and constraint, and the transaction can be begun anew`() throws {
        let database = try TestDatabase()
        try database.run("ALTER TABLE operation_logs.cast_errors ADD CONSTRAINT no_s7 CHECK (symbol <> 'S7')")
        let session = try database.session()
        try session.begin()
        let error = try serverError { try session.copy(.castErrors, Tuples.castErrors(10)) }
        #expect(error.sqlstate == "23514")
        #expect(error.table == "cast_errors")
        #expect(error.constraint == "no_s7")
        #expect(error.row == 8)

        try session.begin()
        try session.copy(.castErrors, Tuples.castErrors(7))
        try session.commit()
        #expect(try database.count("cast_errors") == 7)
    }

    @Test func `an error early in a large COPY is read after it and leaves the session usable`() throws {
        let database = try TestDatabase()
        try database.run("ALTER TABLE operation_logs.cast_errors ADD CONSTRAINT no_s7 CHECK (symbol <> 'S7')")
        let session = try database.session()
        try session.begin()
        let many = Tuples.castErrors(40_000, detail: String(repeating: "x", count: 500))
        #expect(try serverError { try session.copy(.castErrors, many) }.sqlstate == "23514")
        try session.rollback()
        try session.begin()
        try session.copy(.castErrors, Tuples.castErrors(1))
        try session.commit()
        #expect(try database.count("cast_errors") == 1)
    }

    @Test func `a deferred constraint shows at the COPY that breaks it, not at COMMIT`() throws {
        let database = try TestDatabase()
        try database.run(
            """
            CREATE TABLE public.symbols (symbol TEXT PRIMARY KEY);
            ALTER TABLE operation_logs.cast_errors ADD CONSTRAINT known FOREIGN KEY (symbol)
                REFERENCES public.symbols DEFERRABLE INITIALLY DEFERRED
            """)
        let session = try database.session()
        try session.begin()
        let error = try serverError { try session.copy(.castErrors, Tuples.castErrors(1)) }
        #expect(error.sqlstate == "23503")
        #expect(error.constraint == "known")
    }

    @Test func `data that are not of the column's type are refused as such`() throws {
        let database = try TestDatabase()
        let session = try database.session()
        var tuples = Tuples()
        tuples.add([.text("t"), .text("l"), .time(5), .null, .null])
        try session.begin()
        #expect(try serverError { try session.copy(.concurrencyIssues, tuples) }.sqlstate == "22P03")
    }

    @Test func `jsonb that PostgreSQL cannot hold is refused with its own SQLSTATE`() throws {
        let database = try TestDatabase()
        let session = try database.session()
        for (json, state) in [(#""\u0000""#, "22P05"), ("1e400000", "22003"), ("{", "22P02")] {
            var tuples = Tuples()
            tuples.add([.text("s"), .time(0), .json(json), .null, .null, .null])
            try session.begin()
            #expect(try serverError { try session.copy(.dedupConflicts, tuples) }.sqlstate == state)
        }
    }

    @Test func `rows that a trigger leaves out are noticed and never committed as delivered`() throws {
        let database = try TestDatabase()
        try database.run(
            """
            CREATE FUNCTION public.skip() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN IF NEW.symbol = 'S1' THEN RETURN NULL; END IF; RETURN NEW; END $$;
            CREATE TRIGGER skip BEFORE INSERT ON operation_logs.cast_errors
                FOR EACH ROW EXECUTE FUNCTION public.skip()
            """)
        let session = try database.session()
        try session.begin()
        let error = try serverError { try session.copy(.castErrors, Tuples.castErrors(3)) }
        #expect(error.sqlstate == "XX000")
        #expect(error.message.contains("took 2 of 3 rows"))
    }

    @Test func `COMMIT of a failed transaction is not taken for one`() throws {
        let database = try TestDatabase()
        try database.run("ALTER TABLE operation_logs.cast_errors ADD CONSTRAINT no_s0 CHECK (symbol <> 'S0')")
        let session = try database.session()
        try session.begin()
        _ = try serverError { try session.copy(.castErrors, Tuples.castErrors(1)) }
        try session.sendCommit()
        #expect(try serverError { _ = try session.awaitCommit() }.sqlstate == "25P02")
    }
}

/// The server's error that `body` must throw.
func serverError(_ body: () throws -> Void) throws -> ServerError {
    let thrown = #expect(throws: DatabaseFailure.self) { try body() }
    guard case .server(let error)? = thrown else {
        Issue.record("not the server's error: \(String(describing: thrown))")
        return ServerError(sqlstate: "", message: "")
    }
    return error
}
