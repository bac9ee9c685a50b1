import Delivery
import OperationLogs
import Testing

@testable import PostgreSQL

/// Tables that were there before, with columns of other types.
struct ExistingTypesTests {
    struct Existing: Sendable {
        var kind: EventKind
        /// What is done to the seed schema's table.
        var change: String
        var values: [Tuples.Value]
        /// What a query shows then.
        var shown: String
        var rows: [[String?]]
    }

    static let existing = [
        Existing(
            kind: .concurrencyIssues, change: "ALTER pid TYPE bigint",
            values: [.text("t"), .text("l"), .integer(-2_147_483_648), .null, .time(1)], shown: "pid",
            rows: [["-2147483648"]]),
        Existing(
            kind: .concurrencyIssues, change: "ALTER pid TYPE numeric(12, 2)",
            values: [.text("t"), .text("l"), .integer(2_147_483_647), .text("d"), .time(1)], shown: "pid, details",
            rows: [["2147483647.00", "d"]]),
        Existing(
            kind: .concurrencyIssues, change: "ALTER pid TYPE numeric",
            values: [.text("t"), .text("l"), .integer(-50_000), .null, .time(1)], shown: "pid", rows: [["-50000"]]),
        Existing(
            kind: .concurrencyIssues, change: "ALTER pid TYPE numeric",
            values: [.text("t"), .text("l"), .integer(0), .null, .time(1)], shown: "pid", rows: [["0"]]),
        Existing(
            kind: .dedupConflicts, change: "ALTER existing_row TYPE json, ALTER incoming_row TYPE text",
            values: [.text("s"), .time(1), .json(#"{"b":1.10,"a":"ü"}"#), .json("[null]"), .null, .time(1)],
            shown: "existing_row, incoming_row", rows: [[#"{"b":1.10,"a":"ü"}"#, "[null]"]]),
        Existing(
            kind: .dedupConflicts, change: "ALTER existing_row TYPE json",
            values: [.text("s"), .time(1), .null, .json("1"), .null, .time(1)], shown: "existing_row, incoming_row",
            rows: [[nil, "1"]]),
        Existing(
            kind: .backupLogs, change: "ALTER started_at TYPE timestamp, ALTER completed_at TYPE timestamp(3)",
            values: [.text("full"), .null, .text("done"), .time(0), .time(1500), .time(2)],
            shown: "started_at, completed_at", rows: [["2000-01-01 00:00:00", "2000-01-01 00:00:00.002"]]),
        Existing(
            kind: .castErrors, change: "ALTER symbol TYPE char(6), ALTER raw_value TYPE varchar(40)",
            values: [.text("AB"), .text("c"), .text("1e5"), .null, .null, .time(1)], shown: "symbol || '|', raw_value",
            rows: [["AB|", "1e5"]]),
        Existing(
            kind: .castErrors,
            change: """
                ADD CONSTRAINT c CHECK (true); CREATE DOMAIN ticker AS citext CHECK (VALUE <> '');
                CREATE DOMAIN own_ticker AS ticker; ALTER TABLE operation_logs.cast_errors ALTER symbol TYPE own_ticker
                """,
            values: [.text("aB"), .text("c"), .null, .null, .null, .time(1)], shown: "symbol, symbol = 'AB'",
            rows: [["aB", "t"]]),
        Existing(
            kind: .castErrors,
            change: """
                ADD CONSTRAINT c CHECK (true); CREATE TYPE target AS ENUM ('int', 'numeric');
                ALTER TABLE operation_logs.cast_errors ALTER target_type TYPE target USING NULL
                """,
            values: [.text("aB"), .text("c"), .null, .text("numeric"), .null, .time(1)], shown: "target_type",
            rows: [["numeric"]]),
    ]

    private static func alter(_ database: TestDatabase, _ kind: EventKind, _ change: String) throws {
        try database.run("CREATE EXTENSION IF NOT EXISTS citext; ALTER TABLE operation_logs.\(kind.name) \(change)")
    }

    @Test(arguments: existing.indices)
    func `a column of a type that can hold the values takes them`(_ index: Int) throws {
        let existing = Self.existing[index]
        let database = try TestDatabase()
        try Self.alter(database, existing.kind, existing.change)
        #expect(try Schema.check(conninfo: database.conninfo).filter(\.isObstacle).isEmpty)
        let session = try database.session()
        #expect(try session.compareTables().filter(\.isObstacle).isEmpty)
        var tuples = Tuples()
        tuples.add(existing.values)
        try session.begin()
        try session.copy(existing.kind, tuples)
        try session.commit()
        let shown = try database.run("SELECT \(existing.shown) FROM operation_logs.\(existing.kind.name)")
        #expect(shown == existing.rows)
    }

    @Test func `rows of many pieces are put into the other form, one behind the other`() throws {
        let database = try TestDatabase()
        try Self.alter(database, .concurrencyIssues, "ALTER pid TYPE bigint")
        let session = try database.session()
        var tuples = Tuples()
        let details = String(repeating: "x", count: 300)
        for row in 0..<2000 {
            tuples.add([.text("t"), .text("l"), row % 3 == 0 ? .null : .integer(Int32(row)), .text(details), .time(1)])
        }
        // Larger than a piece by itself.
        tuples.add([.text("t"), .text("l"), .integer(2000), .text(String(repeating: "y", count: 200_000)), .time(1)])
        try session.begin()
        try session.copy(.concurrencyIssues, tuples)
        try session.commit()
        let found = try database.run(
            """
            SELECT count(*), count(pid), sum(pid), sum(length(details)), bool_and(pid = issue_id - 1)
            FROM operation_logs.concurrency_issues
            """)
        let sum = (0...2000).filter { $0 % 3 != 0 }.reduce(0, +)
        #expect(found == [["2001", "1334", "\(sum)", "800000", "t"]])
    }

    @Test func `every number of 32 bits has its numeric`() throws {
        let database = try TestDatabase()
        try Self.alter(database, .concurrencyIssues, "ALTER pid TYPE numeric")
        var numbers: [Int32] = [.min, .max, 0, 1, -1, 9999, 10_000, 10_001, 100_000_000, 99_990_000, -1_000_000_000]
        var random = SplitMix64(seed: 1)
        numbers += (0..<2000).map { Int32.random(in: .min ... .max, using: &random) >> Int32($0 % 31) }
        var tuples = Tuples()
        for number in numbers { tuples.add([.text("t"), .text("l"), .integer(number), .null, .time(1)]) }
        let session = try database.session()
        try session.begin()
        try session.copy(.concurrencyIssues, tuples)
        try session.commit()
        let found = try database.run("SELECT pid::text FROM operation_logs.concurrency_issues ORDER BY issue_id")
        #expect(found.map { $0[0] } == numbers.map { "\($0)" })
    }

    @Test func `watermarks in columns without a time zone are in UTC, wherever the role is`() throws {
        let database = try TestDatabase()
        try database.run(
            """
            ALTER TABLE operation_logs.pipeline_watermarks ALTER last_processed_ts TYPE timestamp,
                ALTER updated_at TYPE timestamp, ALTER status TYPE varchar(20);
            ALTER DATABASE \(database.name) SET TimeZone = 'Asia/Tokyo'
            """)
        let session = try database.session()
        for second in [10, 5, 20] as [Int64] {
            try session.begin()
            try session.upsert([
                Watermark(
                    sequence: SequenceNumber(1), pipeline: Array("p".utf8),
                    lastProcessed: Timestamp(microseconds: second * 1_000_000), status: nil,
                    updatedAt: Timestamp(microseconds: second * 1_000_000))
            ])
            try session.commit()
        }
        let found = try database.run("SELECT last_processed_ts, updated_at FROM operation_logs.pipeline_watermarks")
        #expect(found == [["2000-01-01 00:00:20", "2000-01-01 00:00:20"]])
        let stored = try session.watermarks(spool: .zero, of: [Array("p".utf8)])
        #expect(stored.rows.first?.updatedAt == Timestamp(microseconds: 20_000_000))
    }

    @Test(arguments: [
        (EventKind.concurrencyIssues, "ALTER pid TYPE smallint", "pid is smallint and not INTEGER"),
        // Four bytes, like an integer: the server would take them for something else.
        (.concurrencyIssues, "ALTER pid TYPE real", "pid is real and not INTEGER"),
        (.castErrors, "ALTER symbol TYPE text[] USING NULL", "symbol is text[] and not TEXT"),
        (.castErrors, "ADD tenant integer NOT NULL", "tenant, which is NOT NULL and has no default"),
        (.backupLogs, "ALTER started_at TYPE date", "started_at is date and not TIMESTAMPTZ"),
        // Eight bytes, like a time.
        (.backupLogs, "DROP started_at, ADD started_at bigint", "started_at is bigint and not TIMESTAMPTZ"),
    ])
    func `nothing is sent to a table that would take no row, or other values, until it is mended`(
        kind: EventKind, change: String, words: String
    ) throws {
        let database = try TestDatabase()
        let session = try database.session()
        let row = try #require(CopyTests.rows.first { $0.0 == kind })
        var tuples = Tuples()
        tuples.add(row.1)
        try Self.alter(database, kind, change)
        #expect(try session.compareTables().contains { $0.isObstacle && $0.sentence.contains(words) })
        try session.begin()
        let failure = #expect(throws: DatabaseFailure.self) { try session.copy(kind, tuples) }
        guard case .server(let error)? = failure else { throw SharedServer.Failure(words: "\(failure as Any)") }
        #expect(error.sqlstate == "42804" && error.message.contains(words))
        try session.rollback()
        #expect(try session.obstacle(of: kind)?.contains(words) == true)
        // Mended, and asked about as delivery does before it tries again.
        try database.run("DROP TABLE operation_logs.\(kind.name)")
        _ = try Schema.apply(conninfo: database.conninfo)
        #expect(try session.obstacle(of: kind) == nil)
        try session.begin()
        try session.copy(kind, tuples)
        try session.commit()
        #expect(try database.count(kind.name) == 1)
    }
}
