import OperationLogs
import SimulatedWorld
import Testing

@testable import Delivery

/// The whole of delivery against the simulated database.
struct ExactlyOnceTests {
    @Test func `every record of a mixed backlog reaches its table once and in order`() throws {
        let world = DeliveryWorld(DeliveryOptions(batchEvents: 50, host: "test"))
        for group in 0..<20 { world.spool.append([Schedule.records(group * 10, 17), Schedule.records(group, 3)]) }
        try world.run()
        world.expectExactlyOnce()
        #expect(world.value("opslogd_database_up") == 1)
        #expect(world.value("opslogd_delivery_lag_seconds") == world.value("opslogd_delivery_lag_seconds"))
    }

    @Test(arguments: 0..<40)
    func `random faults, refusals, missing tables and crashes lose nothing and repeat nothing`(block: Int) throws {
        for seed in UInt64(block * 25)..<UInt64(block * 25 + 25) { try Schedule(seed: seed).play() }
    }
}

/// A random course of events from a seed.
struct Schedule {
    private var random: SplitMix64
    private let seed: UInt64

    init(seed: UInt64) {
        self.seed = seed
        random = SplitMix64(seed: seed)
    }

    static func records(_ start: Int, _ count: Int) -> [TestRecord] {
        (start..<start + count).map { number in
            switch number % 10 {
            case 8: .rejected
            case 9, 6: watermark(number)
            default:
                .event(
                    EventKind.allCases[number % 10] == .pipelineWatermarks
                        ? .backupLogs : EventKind.allCases[number % 8], "\(start)-\(number)")
            }
        }
    }

    static func watermark(_ number: Int) -> TestRecord {
        TestRecord(
            kind: EventKind.pipelineWatermarks.rawValue,
            payload: EventTuples.watermark(
                "p\(number % 3)", lastProcessed: number % 2 == 0 ? Int64(number) : nil,
                status: number % 4 < 2 ? "s\(number)" : nil, updatedAt: Int64((number * 31) % 23)))
    }

    func play() throws {
        var copy = self
        try copy.course()
    }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    private mutating func course() throws {
        let world = DeliveryWorld(
            DeliveryOptions(
                batchEvents: Int.random(in: 1...40, using: &random),
                batchWaitMilliseconds: chance(20) ? 50 : 0, host: "test"))
        world.seed = seed
        var next = 0
        func grow(_ world: DeliveryWorld, _ random: inout SplitMix64) {
            var chunks: [[TestRecord]] = []
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let count = Int.random(in: 1...12, using: &random)
                chunks.append(Self.records(next, count))
                next += count
            }
            world.spool.append(chunks)
        }
        let bad = Int.random(in: 2...60, using: &random)
        let refusals = chance(50)
        world.database.refuse = { kind, row in
            // A row is refused by its contents, so always or never. Watermarks are never: merged, they differ.
            guard refusals, kind != .pipelineWatermarks, row.reduce(0, { ($0 &* 31 &+ Int($1)) & 0xffff }) % bad == 0
            else { return nil }
            return ServerError(sqlstate: "23514", message: "check", constraint: "c")
        }
        let rate = Int.random(in: 0...15, using: &random)
        var faults = SplitMix64(seed: seed &+ 77)
        world.database.fault = { step in
            guard Int.random(in: 0..<100, using: &faults) < rate else { return nil }
            switch Int.random(in: 0..<9, using: &faults) {
            case 0, 1: return .lostBefore
            case 2, 3: return .lostAfter
            case 4: return .timedOut
            case 5: return .error("40001")
            case 6: return .error("55P03")
            case 7: return .error("57P01")
            default:
                // An error of a row or a table comes of writing only.
                if case .copy = step { return .error("42501") }
                return .error("53200")
            }
        }
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            for _ in 0..<Int.random(in: 0...4, using: &random) { grow(world, &random) }
            if chance(30), let table = EventKind.allCases.randomElement(using: &random) {
                world.database.missing.insert(table)
            }
            if chance(30) { world.database.missing = [] }
            if chance(20) { world.database.isUp.toggle() }
            if chance(15) { world.deadLetters.failures = 2 }
            var steps = Int.random(in: 0...120, using: &random)
            _ = try world.run(forMilliseconds: 20_000) {
                steps -= 1
                return steps < 0
            }
            if chance(50) {
                world.ledger.restart(lagging: Int.random(in: 0...3, using: &random), after: world.spool.durable)
                _ = world.start()
            }
        }
        // Everything is mended: now all of it must arrive.
        world.database.missing = []
        world.database.isUp = true
        world.deadLetters.failures = 0
        world.database.fault = { _ in nil }
        _ = world.start()
        let isDone = try world.run()
        #expect(isDone, "seed \(seed)")
        world.expectExactlyOnce("seed \(seed)")
    }
}
