import Delivery
import Glibc
import LinuxSystem
import OperationLogs
import Testing

@testable import PostgreSQL

/// One table that is locked, slow or gone: the others go on meanwhile, and everything arrives after.
@Suite(.serialized)
struct HeldTablesTests {
    private static let limits = ConnectionLimits(
        statementMilliseconds: 800, lockMilliseconds: 400, answerMilliseconds: 10_000)

    /// Rows of two tables in turn, of which one shows when each came.
    private final class Flow {
        let rig: DeliveryRig
        private(set) var count = 0

        init(_ limits: ConnectionLimits = HeldTablesTests.limits, connections: Int = 1) throws {
            rig = try DeliveryRig(
                limits: limits, connections: connections,
                prepare: "ALTER TABLE operation_logs.backup_logs ADD arrived timestamptz DEFAULT clock_timestamp()")
        }

        /// A row of each table every 10 ms, for so many rows.
        func go(_ rows: Int) {
            for _ in 0..<rows {
                rig.append([
                    #"{"event":"cast_errors","symbol":"\#(count)","column_name":"c"}"#,
                    #"{"event":"backup_logs","backup_type":"\#(count)","status":"s"}"#,
                ])
                count += 1
                usleep(10_000)
            }
        }

        /// The longest time in which no row of the other table came, in milliseconds.
        func longestGap() throws -> Int {
            let found = try rig.database.run(
                """
                SELECT (extract(epoch FROM max(gap)) * 1000)::int FROM (
                    SELECT arrived - lag(arrived) OVER (ORDER BY backup_id) AS gap FROM operation_logs.backup_logs) AS g
                """)
            return found.first?[0].flatMap { Int($0) } ?? .max
        }

        /// Everything arrives, the rows of the held table from one on, in order, none as a dead letter.
        func expectEverything(from first: Int = 0, sourceLocation: SourceLocation = #_sourceLocation) throws {
            try rig.awaitFate(of: count * 2, milliseconds: 60_000)
            let held = try rig.database.run("SELECT symbol FROM operation_logs.cast_errors ORDER BY error_id")
            #expect(held.map { $0[0] } == (first..<count).map { "\($0)" }, sourceLocation: sourceLocation)
            let others = try rig.database.run("SELECT backup_type FROM operation_logs.backup_logs ORDER BY backup_id")
            #expect(others.map { $0[0] } == (0..<count).map { "\($0)" }, sourceLocation: sourceLocation)
            #expect(rig.letters.value.isEmpty, sourceLocation: sourceLocation)
            #expect(rig.hold(of: .castErrors) == nil, sourceLocation: sourceLocation)
        }
    }

    @Test func `a table that a migration locks for long keeps the others from their rows for no longer than a timeout`()
        throws
    {
        let flow = try Flow()
        defer { flow.rig.stop() }
        flow.go(20)
        let locker = try LibpqConnection(
            conninfo: flow.rig.database.conninfo, limits: ConnectionLimits(), interruption: EventDescriptor())
        _ = try locker.run("BEGIN; LOCK TABLE operation_logs.cast_errors IN ACCESS EXCLUSIVE MODE")
        flow.go(500)
        #expect(flow.rig.hold(of: .castErrors)?.contains("55P03") == true)
        let others = try flow.rig.database.count("backup_logs")
        #expect(others > 400, "\(others) of \(flow.count)")
        _ = try locker.run("COMMIT")
        try flow.expectEverything()
        let gap = try flow.longestGap()
        print("locked table: the longest gap of another is \(gap) ms, lock_timeout \(Self.limits.lockMilliseconds) ms")
        #expect(gap < 400 + 2000)
    }

    @Test func `a locked table does not concern the tables of other connections at all`() throws {
        let limits = ConnectionLimits(
            statementMilliseconds: 60_000, lockMilliseconds: 60_000, answerMilliseconds: 90_000)
        let flow = try Flow(limits, connections: 3)
        defer { flow.rig.stop() }
        flow.go(20)
        try flow.rig.awaitFate(of: 40)
        let locker = try LibpqConnection(
            conninfo: flow.rig.database.conninfo, limits: ConnectionLimits(), interruption: EventDescriptor())
        _ = try locker.run("BEGIN; LOCK TABLE operation_logs.cast_errors IN ACCESS EXCLUSIVE MODE")
        flow.go(200)
        // The locked table's transaction still waits for its lock.
        try flow.rig.waitUntil("all rows of the other table") { try flow.rig.database.count("backup_logs") == 220 }
        #expect(flow.rig.hold(of: .castErrors) == nil)
        _ = try locker.run("COMMIT")
        try flow.expectEverything()
    }

    @Test func `a table with a trigger that takes its time gets its rows in batches that are done in time`() throws {
        let flow = try Flow()
        defer { flow.rig.stop() }
        try flow.rig.database.run(
            """
            CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN PERFORM pg_sleep(0.03); RETURN NEW; END';
            CREATE TRIGGER doze BEFORE INSERT ON operation_logs.cast_errors FOR EACH ROW EXECUTE FUNCTION doze()
            """)
        flow.go(250)
        try flow.expectEverything()
        let gap = try flow.longestGap()
        print(
            "slow trigger: the longest gap of another is \(gap) ms, \(Self.limits.statementMilliseconds) ms a statement"
        )
        // A batch together that is just done in time, one that is not, and a try of the slow table alone.
        #expect(gap < 3 * 800 + 2000)
    }

    @Test func `a table that is dropped and made again gets what came meanwhile`() throws {
        let flow = try Flow()
        defer { flow.rig.stop() }
        flow.go(20)
        try flow.rig.awaitFate(of: 40)
        try flow.rig.database.run("DROP TABLE operation_logs.cast_errors")
        flow.go(200)
        #expect(flow.rig.hold(of: .castErrors)?.contains("operation_logs.cast_errors is missing") == true)
        #expect(try flow.rig.database.count("backup_logs") > 150)
        _ = try Schema.apply(conninfo: flow.rig.database.conninfo)
        try flow.expectEverything(from: 20)
        let gap = try flow.longestGap()
        print("dropped table: the longest gap of another is \(gap) ms")
        #expect(gap < 2000)
    }
}
