import Delivery
import OperationLogs
import PostgreSQL
import Testing

/// What is said of tables that take rows, but not every one, or not for long.
struct TableNotesTests {
    private static func check(_ statements: String) throws -> [SchemaFinding] {
        let database = try TestDatabase()
        try database.run(statements)
        let findings = try Schema.check(conninfo: database.conninfo)
        // The daemon says the same when it connects.
        #expect(try database.session().compareTables().map(\.sentence) == findings.map(\.sentence))
        return findings
    }

    static let notes: [(String, String)] = [
        (
            "ALTER TABLE operation_logs.cast_errors ALTER symbol SET NOT NULL, ALTER raw_value SET NOT NULL",
            "operation_logs.cast_errors: events without symbol, raw_value become dead letters: NOT NULL"
        ),
        (
            "ALTER TABLE operation_logs.cast_errors ALTER symbol TYPE varchar(10)",
            "operation_logs.cast_errors: events with values that do not fit become dead letters: symbol character "
                + "varying(10)"
        ),
        (
            """
            ALTER TABLE operation_logs.cast_errors ADD CONSTRAINT upper CHECK (symbol = upper(symbol)),
                ADD CONSTRAINT once UNIQUE (symbol, raw_value)
            """, "operation_logs.cast_errors: events that violate a constraint become dead letters: once, upper"
        ),
        (
            "ALTER TABLE operation_logs.upsert_failures ALTER ts TYPE timestamp",
            "operation_logs.upsert_failures: times are written in UTC to ts: no time zone there"
        ),
        (
            """
            DROP TABLE operation_logs.upsert_failures; CREATE TABLE operation_logs.upsert_failures (
                table_name TEXT, symbol TEXT, ts TIMESTAMPTZ, error_detail TEXT, log_time TIMESTAMPTZ DEFAULT now())
                PARTITION BY RANGE (ts)
            """,
            "operation_logs.upsert_failures is partitioned by ts without a default partition: an event that no partition "
                + "takes holds the table until there is one"
        ),
    ]

    @Test(arguments: notes.indices)
    func `what will become of some rows is said, and stops nothing`(_ index: Int) throws {
        let (statements, sentence) = Self.notes[index]
        let findings = try Self.check(statements)
        #expect(findings.map(\.sentence) == [sentence])
        #expect(findings.allSatisfy { $0.kind == .note })
    }

    @Test func `a column that only a trigger fills is no obstacle`() throws {
        let findings = try Self.check(
            """
            ALTER TABLE operation_logs.cast_errors ADD tenant TEXT NOT NULL;
            CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.tenant := ''t''; RETURN NEW; END';
            CREATE TRIGGER fill BEFORE INSERT ON operation_logs.cast_errors FOR EACH ROW EXECUTE FUNCTION fill()
            """)
        #expect(findings.isEmpty, "\(findings)")
    }

    /// A table that is partitioned by `log_time`, with partitions from and to so many days from now.
    private static func partitioned(_ partitions: [(String, String)], type: String = "TIMESTAMPTZ", rest: String = "")
        -> String
    {
        let bounds = partitions.enumerated().map { index, partition in
            let (first, end) = partition
            return """
                EXECUTE format('CREATE TABLE operation_logs.part_\(index) PARTITION OF operation_logs.upsert_failures
                    FOR VALUES FROM (%s) TO (%s)', \(bound(first)), \(bound(end)));
                """
        }
        func bound(_ days: String) -> String {
            Int(days) == nil ? "'\(days)'" : "quote_literal(date_trunc('hour', now()) + interval '\(days) days')"
        }
        return """
            DROP TABLE operation_logs.upsert_failures; CREATE TABLE operation_logs.upsert_failures (
                table_name TEXT, symbol TEXT, ts TIMESTAMPTZ, error_detail TEXT, log_time \(type) DEFAULT now())
                PARTITION BY RANGE (log_time);
            DO $$ BEGIN \(bounds.joined(separator: "\n")) END $$; \(rest)
            """
    }

    @Test func `partitions that are missing now are an obstacle, those of next week are worth a word`() throws {
        let none = try Self.check(Self.partitioned([]))
        #expect(none.count == 1 && none[0].kind == .schema)
        #expect(none[0].sentence.contains("upsert_failures has no partition for the log_time of now"))
        let past = try Self.check(Self.partitioned([("-60", "-30"), ("-30", "-1"), ("1", "90")]))
        #expect(past.count == 1 && past[0].kind == .schema)
        let soon = try Self.check(Self.partitioned([("-1", "1"), ("1", "3"), ("4", "90")]))
        #expect(soon.count == 1 && soon[0].kind == .note, "\(soon)")
        #expect(soon[0].sentence.contains("has no partition for log_time from "))
        for enough in [
            Self.partitioned([("-1", "1"), ("1", "3"), ("3", "90")]), Self.partitioned([("MINVALUE", "MAXVALUE")]),
            Self.partitioned(
                [], rest: "CREATE TABLE operation_logs.rest PARTITION OF operation_logs.upsert_failures DEFAULT"),
        ] {
            #expect(try Self.check(enough) == [])
        }
        let unzoned = try Self.check(Self.partitioned([("-1", "3")], type: "TIMESTAMP"))
        #expect(unzoned.map(\.kind) == [.note, .note], "\(unzoned)")
    }
}
