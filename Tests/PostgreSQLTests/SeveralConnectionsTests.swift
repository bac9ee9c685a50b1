import Delivery
import Glibc
import LinuxSystem
import OperationLogs
import PostgreSQL
import Testing

/// Delivery over several connections to a real server, whose backends are ended at random: each row is there once, in the
/// order of its table.
@Suite(.serialized)
struct SeveralConnectionsTests {
    /// A line of each table but that of watermarks, and one of those.
    private static func lines(_ number: Int) -> [String] {
        [
            #"{"event":"data_quality_errors","symbol":"\#(number)","error_type":"e"}"#,
            #"{"event":"dedup_conflicts","symbol":"\#(number)","ts":"2024-01-01T00:00:00Z"}"#,
            #"{"event":"authority_conflicts","symbol":"\#(number)","source_a":"a","source_b":"b"}"#,
            #"{"event":"cast_errors","symbol":"\#(number)","column_name":"c"}"#,
            #"{"event":"upsert_failures","symbol":"\#(number)","table_name":"t"}"#,
            #"{"event":"concurrency_issues","lock_type":"\#(number)"}"#,
            #"{"event":"backup_logs","backup_type":"\#(number)","status":"s"}"#,
            #"{"event":"pipeline_watermarks","pipeline_name":"p","status":"\#(number)","updated_at":"2024-01-01T00:00:00Z"}"#,
        ]
    }

    /// The rows' numbers in the order of their keys.
    private static let questions = [
        "SELECT symbol FROM operation_logs.data_quality_errors ORDER BY error_id",
        "SELECT symbol FROM operation_logs.dedup_conflicts ORDER BY conflict_id",
        "SELECT symbol FROM operation_logs.authority_conflicts ORDER BY conflict_id",
        "SELECT symbol FROM operation_logs.cast_errors ORDER BY error_id",
        "SELECT symbol FROM operation_logs.upsert_failures ORDER BY failure_id",
        "SELECT lock_type FROM operation_logs.concurrency_issues ORDER BY issue_id",
        "SELECT backup_type FROM operation_logs.backup_logs ORDER BY backup_id",
    ]

    @Test(arguments: [2, 3, 8])
    func `backends that are ended at random double nothing, lose nothing and change no order`(connections: Int) throws {
        let rig = try DeliveryRig(connections: connections)
        defer { rig.stop() }
        var random = SplitMix64(seed: UInt64(connections))
        var count = 0
        var ended = 0
        // More rounds where everything is slow: then there is often no backend to end.
        while count < 3000 || ended <= 50, count < 30_000 {
            rig.append((0..<20).flatMap { Self.lines(count + $0) })
            count += 20
            usleep(UInt32.random(in: 0..<6000, using: &random))
            // One of its backends, wherever it is in its transaction.
            let gone = try rig.database.run(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1
                """)
            ended += gone.count
        }
        #expect(ended > 50, "only \(ended) backends were ended")
        #expect(rig.status.connections == connections)
        try rig.awaitFate(of: count * 8, milliseconds: 120_000)
        for question in Self.questions {
            let found = try rig.database.run(question).map { $0[0] }
            let isRight = found == (0..<count).map { "\($0)" }
            #expect(isRight, "\(question): \(found.count) rows of \(count)")
        }
        let watermark = try rig.database.run("SELECT status FROM operation_logs.pipeline_watermarks")
        #expect(watermark.map { $0[0] } == ["\(count - 1)"])
        #expect(rig.letters.value.isEmpty)
    }
}
