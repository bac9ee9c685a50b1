import Glibc
import LinuxSystem
import OperationLogs
import PostgreSQL
import Testing

/// The connection is cut behind each byte of a batch's dialogue, and of the opening before it, in each direction: each row
/// is there once.
@Suite(.serialized)
struct CutConnectionTests {
    /// Sweeps that go on at once, each over its share of the bytes: most of their time is the servers' and the disk's.
    private static let shares = 4

    private struct Sweep: Sendable {
        var direction: CuttingProxy.Direction
        var isOfOpening = false
        var silentMilliseconds = 0
        /// Of the cuts.
        var step = 1
        var share = 0

        /// One batch for each cut, from the first of its bytes on, until a batch is through before the cut comes.
        /// - Returns: how many bytes the dialogue has, at least, and everything that is wrong in the database.
        func run() throws -> (bytes: Int, problems: [String]) {
            var limits = ConnectionLimits()
            if silentMilliseconds > 0 {
                limits = ConnectionLimits(
                    connectMilliseconds: 2000, statementMilliseconds: 20_000, lockMilliseconds: 20_000,
                    answerMilliseconds: silentMilliseconds / 2)
            }
            let rig = try DeliveryRig(limits: limits)
            defer { rig.stop() }
            rig.append(lines(0))
            try rig.awaitFate(of: 4)
            var batches = 1
            var bytes = share * step
            while true {
                // What was committed last has been answered to its end, or the cut would meet that.
                if !isOfOpening { usleep(500) }
                rig.proxy.arm(
                    CuttingProxy.Cut(
                        direction: direction, bytes: bytes, silentMilliseconds: silentMilliseconds,
                        isOfOpening: isOfOpening))
                rig.append(lines(batches))
                batches += 1
                try rig.awaitFate(of: batches * 4)
                guard rig.proxy.disarm() else { break }
                bytes += step * shares
            }
            return (bytes, try problems(rig.database, batches))
        }
    }

    /// Of every statement that a batch can have.
    private static func lines(_ number: Int) -> [String] {
        [
            #"{"event":"cast_errors","symbol":"\#(number)","column_name":"a"}"#,
            #"{"event":"backup_logs","backup_type":"\#(number)","status":"s"}"#,
            #"{"event":"cast_errors","symbol":"\#(number)","column_name":"b"}"#,
            #"{"event":"pipeline_watermarks","pipeline_name":"p","status":"\#(number)","updated_at":"2024-01-01T00:00:00Z"}"#,
        ]
    }

    /// What is not as it must be after so many batches.
    private static func problems(_ database: TestDatabase, _ batches: Int) throws -> [String] {
        let wrong = try database.run(
            """
            SELECT n, c.rows, b.rows FROM generate_series(0, \(batches - 1)) AS n
                LEFT JOIN (SELECT symbol, count(*) AS rows FROM operation_logs.cast_errors GROUP BY symbol) AS c
                    ON c.symbol = n::text
                LEFT JOIN (SELECT backup_type, count(*) AS rows FROM operation_logs.backup_logs GROUP BY backup_type) AS b
                    ON b.backup_type = n::text
            WHERE c.rows IS DISTINCT FROM 2 OR b.rows IS DISTINCT FROM 1
            """)
        var problems = wrong.map { "batch \($0[0] ?? ""): \($0[1] ?? "no") and \($0[2] ?? "no") rows" }
        if try database.count("cast_errors") != 2 * batches { problems.append("rows that nobody sent") }
        let unordered = try database.run(
            """
            SELECT count(*) FROM (SELECT symbol::int AS n, lag(symbol::int) OVER (ORDER BY error_id) AS before
                FROM operation_logs.cast_errors) AS o WHERE n < before
            """)
        if unordered != [["0"]] { problems.append("rows out of order") }
        let watermark = try database.run("SELECT status FROM operation_logs.pipeline_watermarks")
        if watermark != [["\(batches - 1)"]] { problems.append("the watermark is \(watermark)") }
        return problems
    }

    /// Both directions at once, in shares.
    /// - Returns: how many bytes there are of each.
    private static func all(_ sweep: (CuttingProxy.Direction) -> Sweep) async throws
        -> [CuttingProxy.Direction: Int]
    {
        let found = Locked<[CuttingProxy.Direction: Int]>([:])
        let problems = Locked<[String]>([])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for direction in CuttingProxy.Direction.allCases {
                for share in 0..<shares {
                    var one = sweep(direction)
                    one.share = share
                    group.addTask { [one] in
                        try await WorkerThread.run("sweep") {
                            let (bytes, wrong) = try one.run()
                            found.change { $0[direction] = max($0[direction] ?? 0, bytes) }
                            problems.change { $0 += wrong.map { "\(direction.rawValue), \(one.share): \($0)" } }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(problems.value == [])
        return found.value
    }

    @Test func `a connection cut behind any byte of a batch loses and doubles nothing`() async throws {
        let bytes = try await Self.all { Sweep(direction: $0) }
        #expect(bytes[.toServer] ?? 0 > 1500 && bytes[.toClient] ?? 0 > 400, "\(bytes)")
    }

    /// The opening and the comparison of the position rows come before the batch. All bytes with OPSLOGD_CUTS=all.
    @Test func `a connection cut behind a byte of its opening loses and doubles nothing`() async throws {
        let step = getenv("OPSLOGD_CUTS").map { String(cString: $0) } == "all" ? 1 : 61
        let bytes = try await Self.all { Sweep(direction: $0, isOfOpening: true, step: step) }
        #expect(bytes[.toServer] ?? 0 > 3000 && bytes[.toClient] ?? 0 > 800, "\(bytes)")
    }

    /// Nothing is closed: the session's own limit ends the wait, and the next one waits for the locks of the old one.
    @Test func `a connection that falls silent behind a byte loses and doubles nothing`() async throws {
        let bytes = try await Self.all {
            Sweep(direction: $0, silentMilliseconds: 400, step: $0 == .toServer ? 83 : 29)
        }
        #expect(bytes[.toServer] ?? 0 > 1500 && bytes[.toClient] ?? 0 > 400, "\(bytes)")
    }
}
