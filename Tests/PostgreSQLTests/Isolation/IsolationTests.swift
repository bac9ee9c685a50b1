import Delivery
import Glibc
import LinuxSystem
import OperationLogs
import Testing

/// Rows that a real server refuses, at any place of a batch of 10,000.
@Suite(.serialized)
struct IsolationTests {
    private static let rows = 10_000
    /// Of the batch with the most refusals; all 10,000 with OPSLOGD_REFUSED=all.
    private static let often = getenv("OPSLOGD_REFUSED").map { String(cString: $0) } == "all" ? rows : 1000

    private static let patterns: [(name: String, rows: Int, places: Set<Int>)] = [
        ("none", rows, []), ("the first", rows, [0]), ("the last", rows, [rows - 1]),
        ("neighbours", rows, [5000, 5001, 5002]),
        ("both ends", rows, [0, rows - 1]), ("every hundredth", rows, Set(stride(from: 0, to: rows, by: 100))),
        ("every second", often, Set(stride(from: 1, to: often, by: 2))),
        ("at random", rows, Set((0..<60).map { ($0 * 7919 + $0 * $0 * 31) % rows })),
    ]

    private static func lines(_ rows: Int, _ places: Set<Int>) -> [String] {
        (0..<rows).map { row in
            #"{"event":"cast_errors","symbol":"\#(row)","column_name":"\#(places.contains(row) ? "bad" : "good")"}"#
        }
    }

    private static func rig(_ constraint: String = "CHECK (column_name <> 'bad')") throws -> DeliveryRig {
        let prepare = "ALTER TABLE operation_logs.cast_errors ADD CONSTRAINT never_bad \(constraint)"
        return try DeliveryRig(batchEvents: rows, prepare: prepare)
    }

    /// The rows in the table, by the order in which they came.
    private static func arrived(_ rig: DeliveryRig) throws -> [Int] {
        try rig.database.run("SELECT symbol FROM operation_logs.cast_errors ORDER BY error_id").compactMap {
            $0[0].flatMap { Int($0) }
        }
    }

    @Test(arguments: patterns.indices)
    func `each refused row becomes a dead letter with its state and constraint, all others arrive once and in order`(
        _ index: Int
    ) throws {
        let (name, rows, places) = Self.patterns[index]
        let rig = try Self.rig()
        defer { rig.stop() }
        let begun = SystemTime().monotonicNanoseconds()
        rig.append(Self.lines(rows, places))
        try rig.awaitFate(of: rows, milliseconds: 240_000)
        let seconds = Double(SystemTime().monotonicNanoseconds() - begun) / 1e9
        let letters = rig.letters.value
        #expect(letters.map { Int($0.id.rawValue) - 1 } == places.sorted())
        #expect(letters.allSatisfy { $0.sqlstate == "23514" && $0.event == .castErrors })
        #expect(letters.allSatisfy { $0.detail.hasSuffix("(constraint never_bad)") }, "\(letters.first?.detail ?? "")")
        #expect(try Self.arrived(rig) == (0..<rows).filter { !places.contains($0) })
        // For each refused row a descent by halves, at most, and the way up again behind it.
        #expect(rig.attempts <= 2 * places.count * 14 + 14, "\(name): \(rig.attempts)")
        print("refused rows, \(name): \(places.count) of \(rows), \(rig.attempts) transactions, \(seconds) s")
    }

    @Test func `a constraint that refuses every row holds its table, and all arrive when it is mended`() throws {
        let rig = try Self.rig("CHECK (column_name = 'bad')")
        defer { rig.stop() }
        rig.append(
            Self.lines(Self.rows, [])
                + (0..<100).map { #"{"event":"backup_logs","backup_type":"\#($0)","status":"s"}"# })
        try rig.waitUntil("the table is held") { rig.hold(of: .castErrors)?.contains("refused 20") == true }
        try rig.waitUntil("the other one goes on") { try rig.database.count("backup_logs") == 100 }
        #expect(rig.letters.value.count == 19)
        #expect(rig.hold(of: .castErrors)?.contains("never_bad") == true)
        // Some probes later it is still held, and nothing more was given up.
        usleep(2_500_000)
        #expect(rig.letters.value.count == 19 && rig.hold(of: .castErrors) != nil)
        try rig.database.run("ALTER TABLE operation_logs.cast_errors DROP CONSTRAINT never_bad")
        try rig.awaitFate(of: Self.rows + 100)
        #expect(try Self.arrived(rig) == Array(19..<Self.rows))
        #expect(rig.letters.value.count == 19 && rig.hold(of: .castErrors) == nil)
    }
}
