import OperationLogs
import SimulatedWorld
import Testing

@testable import Delivery

/// Refused rows at any place of a batch of 10,000: each is found, in a bounded number of transactions.
struct IsolationTests {
    static let rows = 10_000

    /// Which rows are refused.
    enum Pattern: Sendable, CustomTestStringConvertible {
        case places([Int])
        case every(Int, from: Int)
        case random(Int, seed: UInt64)

        var places: Set<Int> {
            switch self {
            case .places(let places): return Set(places)
            case .every(let step, let first): return Set(stride(from: first, to: rows, by: step))
            case .random(let count, let seed):
                var random = SplitMix64(seed: seed)
                return Set((0..<rows).shuffled(using: &random).prefix(count))
            }
        }

        var testDescription: String {
            switch self {
            case .places(let places): "\(places.count) at \(places.prefix(4))"
            case .every(let step, let first): "every \(step) from \(first)"
            case .random(let count, let seed): "\(count) at random, \(seed)"
            }
        }
    }

    static let patterns: [Pattern] =
        [
            .places([]), .places([0]), .places([rows - 1]), .places([0, rows - 1]), .places([4999, 5000]),
            .places([5000, 5001]), .places(Array(0..<19)), .places(Array(5000..<5300)),
            .places(Array(rows - 300..<rows)), .every(25, from: 24),
        ] + (1...6).map { .random(1 + $0 * $0, seed: UInt64($0)) }

    @Test(arguments: patterns)
    func `each refused row becomes a dead letter, all others arrive once, in a bounded number of transactions`(
        pattern: Pattern
    ) throws {
        let world = DeliveryWorld(DeliveryOptions(batchEvents: Self.rows, host: "t"))
        // In many groups: a batch is gathered again from its first row on after each refusal.
        for first in stride(from: 0, to: Self.rows, by: 50) {
            world.spool.append([(first..<first + 50).map { .event(.castErrors, "\($0)") }])
        }
        let places = pattern.places
        let refused = Set(places.map { world.spool.records[$0].payload })
        world.database.refuse = { _, row in
            refused.contains(row) ? ServerError(sqlstate: "23514", message: "no", constraint: "c") : nil
        }
        try world.run()
        world.expectExactlyOnce()
        #expect(world.deadLetters.letters.keys.sorted() == places.map { UInt64($0 + 1) }.sorted())
        let attempts = ["refused", "committed", "retried", "held", "unknown"].reduce(0) {
            $0 + Int(world.value("opslogd_delivery_attempts_total", $1))
        }
        #expect(attempts <= Self.mostAttempts(places.count), "\(attempts)")
    }

    @Test func `tables that refuse rows time and again do not travel together`() throws {
        let world = DeliveryWorld(DeliveryOptions(batchEvents: 2000, host: "t"))
        let tables = EventKind.allCases.filter { $0 != .pipelineWatermarks }
        for first in stride(from: 0, to: 20_000, by: 50) {
            world.spool.append([(first..<first + 50).map { .event(tables[$0 % tables.count], "\($0)") }])
        }
        let refused = Set(stride(from: 60, to: 20_000, by: 101).map { world.spool.records[$0].payload })
        world.database.namesRows = true
        world.database.refuse = { _, row in
            refused.contains(row) ? ServerError(sqlstate: "23514", message: "no", constraint: "c") : nil
        }
        try world.run()
        world.expectExactlyOnce()
        #expect(world.deadLetters.letters.count == refused.count)
        // Of 50 records each.
        #expect(world.spool.groupsRead <= 10_000, "\(world.spool.groupsRead)")
    }

    /// For each refused row a descent by halves, at most, and the way up again behind it.
    static func mostAttempts(_ refused: Int) -> Int { 2 * refused * 14 + 14 }
}
