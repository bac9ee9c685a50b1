import Delivery
import Glibc
import LinuxSystem
import OperationLogs
import Testing

/// Delivery, as the daemon has it, to tables that differ.
struct ExistingTablesDeliveryTests {
    private static func issue(_ pid: Int) -> String {
        #"{"event":"concurrency_issues","lock_type":"l","pid":\#(pid)}"#
    }
    private static func conflict(_ number: Int) -> String {
        #"{"event":"dedup_conflicts","symbol":"\#(number)","ts":"2024-01-01T00:00:00Z","existing_row":{"n":\#(number)}}"#
    }

    private static func pids(_ rig: DeliveryRig) throws -> [String?] {
        try rig.database.run("SELECT round(pid)::text FROM operation_logs.concurrency_issues ORDER BY issue_id").map {
            $0[0]
        }
    }

    @Test func `a table whose types change while it is delivered to gets every row, and no row becomes a dead letter`()
        throws
    {
        let rig = try DeliveryRig()
        defer { rig.stop() }
        rig.append([Self.issue(0), Self.conflict(0)])
        try rig.awaitFate(of: 2)
        var count = 1
        let changes = [
            ("bigint", "json"), ("numeric", "text"), ("integer", "jsonb"), ("numeric", "json"), ("bigint", "jsonb"),
            ("integer", "text"), ("integer", "json"),
        ]
        for (pid, row) in changes {
            try rig.database.run(
                """
                ALTER TABLE operation_logs.concurrency_issues ALTER pid TYPE \(pid);
                ALTER TABLE operation_logs.dedup_conflicts ALTER existing_row TYPE \(row) USING existing_row::\(row)
                """)
            rig.append((count..<count + 10).flatMap { [Self.issue($0), Self.conflict($0)] })
            count += 10
            try rig.awaitFate(of: count * 2)
        }
        #expect(rig.letters.value.isEmpty, "\(rig.letters.value.map(\.detail))")
        #expect(try Self.pids(rig) == (0..<count).map { "\($0)" })
        let rows = try rig.database.run(
            """
            SELECT existing_row::jsonb = jsonb_build_object('n', symbol::int), count(*)
            FROM operation_logs.dedup_conflicts GROUP BY 1
            """)
        #expect(rows == [["t", "\(count)"]])
    }

    @Test func `a value that is too long for its column is the row's fault, a column that nobody fills the table's`()
        throws
    {
        let rig = try DeliveryRig()
        defer { rig.stop() }
        // After the tables were compared.
        rig.append([Self.issue(1)])
        try rig.awaitFate(of: 1)
        try rig.database.run(
            """
            ALTER TABLE operation_logs.cast_errors ALTER symbol TYPE varchar(3);
            ALTER TABLE operation_logs.backup_logs ADD tenant TEXT NOT NULL
            """)
        let symbols = (0..<2000).map { $0 % 500 == 123 ? "LONG\($0)" : "\($0 % 1000)" }
        rig.append(
            symbols.map { #"{"event":"cast_errors","symbol":"\#($0)","column_name":"c"}"# }
                + (0..<100).map { #"{"event":"backup_logs","backup_type":"\#($0)","status":"s"}"# })
        try rig.waitUntil("the rows of the one") { try rig.database.count("cast_errors") == 1996 }
        try rig.waitUntil("the other is held") { rig.hold(of: .backupLogs) != nil }
        #expect(rig.letters.value.map(\.sqlstate) == ["22001", "22001", "22001", "22001"])
        #expect(rig.hold(of: .backupLogs)?.contains("no event fills operation_logs.backup_logs.tenant") == true)
        #expect(try rig.database.count("backup_logs") == 0)
        try rig.database.run("ALTER TABLE operation_logs.backup_logs ALTER tenant SET DEFAULT 'none'")
        try rig.awaitFate(of: 2101)
        #expect(rig.letters.value.count == 4)
        let found = try rig.database.run(
            "SELECT count(*), bool_and(backup_type::int = backup_id - 1) FROM operation_logs.backup_logs")
        #expect(found[0][0] == "100")
        #expect(rig.hold(of: .backupLogs) == nil)
    }

    @Test func `what differs is said at the start, once, and shows in the log with what to do`() throws {
        let rig = try DeliveryRig(
            prepare: """
                ALTER TABLE operation_logs.cast_errors ALTER symbol TYPE varchar(3);
                ALTER TABLE operation_logs.concurrency_issues ALTER pid TYPE smallint
                """)
        defer { rig.stop() }
        let expected = [
            "notice: operation_logs.cast_errors: events with values that do not fit become dead letters: symbol "
                + "character varying(3)",
            "warning: rows will wait: operation_logs.concurrency_issues.pid is smallint and not INTEGER: "
                + "ALTER TABLE operation_logs.concurrency_issues ALTER COLUMN pid TYPE INTEGER",
        ]
        try rig.waitUntil("both are said") { Set(expected).isSubset(of: rig.said.value) }
        rig.append([Self.issue(1)])
        try rig.waitUntil("the table waits") { rig.hold(of: .concurrencyIssues)?.contains("smallint") == true }
        // Connected again, it has nothing new to say.
        try rig.database.run(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
                AND pid <> pg_backend_pid();
            ALTER TABLE operation_logs.concurrency_issues ALTER pid TYPE integer
            """)
        try rig.awaitFate(of: 1)
        for sentence in expected { #expect(rig.said.value.filter { $0 == sentence }.count == 1) }
        #expect(rig.letters.value.isEmpty)
    }
}
