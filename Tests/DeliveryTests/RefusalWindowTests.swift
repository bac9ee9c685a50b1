import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Delivery

/// A table that refuses most of its rows is at fault itself.
struct RefusalWindowTests {
    private static func refusal(_ message: String = "violates check") -> ServerError {
        ServerError(sqlstate: "23514", message: message, constraint: "positive")
    }

    private static func window(_ fates: [(isRefused: Bool, rows: Int)]) -> RefusalWindow {
        var window = RefusalWindow()
        var next = SequenceNumber.zero
        for fate in fates {
            if !fate.isRefused { window.noteAccepted(fate.rows) }
            for _ in 0..<(fate.isRefused ? fate.rows : 0) {
                next = next.advanced(by: 1)
                window.noteRefused(next)
            }
        }
        return window
    }

    @Test func `more than half of the last rows, and at least 20, are too many`() {
        #expect(!Self.window([(true, 19)]).isBeyondReason)
        #expect(Self.window([(true, 20)]).isBeyondReason)
        #expect(!Self.window([(false, 20), (true, 20)]).isBeyondReason)
        #expect(Self.window([(false, 19), (true, 20)]).isBeyondReason)
        #expect(!Self.window([(false, 5_000_000), (true, 500)]).isBeyondReason)
        #expect(Self.window([(false, 5_000_000), (true, 501)]).isBeyondReason)
        // The oldest no longer count.
        #expect(!Self.window([(true, 15), (false, 990), (true, 15)]).isBeyondReason)
    }

    @Test func `a row that is refused again counts once, and one that is taken begins anew`() {
        var window = RefusalWindow()
        for _ in 0..<100 { window.noteRefused(SequenceNumber(7)) }
        #expect(window.refused == 1)
        window = Self.window([(true, 20)])
        #expect(window.isBeyondReason)
        window.noteAccepted(1)
        #expect(!window.isBeyondReason && window.attempted == 1 && window.refused == 0)
    }

    @Test
    func `a table that refuses every row is held, not emptied into the dead letters, and goes on when it is mended`()
        throws
    {
        let world = DeliveryWorld()
        world.spool.append([(0..<2000).map { .event($0 % 2 == 0 ? .castErrors : .backupLogs, "\($0)") }])
        var isBroken = true
        world.database.refuse = { table, _ in table == .castErrors && isBroken ? Self.refusal() : nil }
        #expect(try !world.run(forMilliseconds: 600_000))
        #expect(world.deadLetters.letters.count == 19)
        #expect(world.database.state.tables[.backupLogs]?.count == 1000)
        let lane = try #require(world.coordinator?.status.lanes.first { $0.lane == .castErrors })
        #expect(lane.heldBecause?.contains("refused 20 of the last 20 rows") == true)
        #expect(lane.heldBecause?.contains("SQLSTATE 23514") == true)
        #expect((2...11).contains(world.messages.filter { $0.contains("cast_errors waits") }.count))
        // Probes come at intervals of up to 30 s, each of one row.
        #expect(world.value("opslogd_delivery_attempts_total", "refused") < 100)
        isBroken = false
        #expect(try world.run(forMilliseconds: 31_000))
        world.expectExactlyOnce()
        #expect(world.deadLetters.letters.count == 19)
        #expect(world.messages.contains("notice: cast_errors takes rows again"))
        #expect(world.coordinator?.status.state == "idle")
    }

    @Test func `watermarks are held in the same way`() throws {
        let world = DeliveryWorld()
        let payloads = (0..<60).map {
            EventTuples.watermark("p\($0)", lastProcessed: 1, status: "s\($0)", updatedAt: Int64($0))
        }
        world.spool.append([payloads.map { TestRecord(kind: EventKind.pipelineWatermarks.rawValue, payload: $0) }])
        var isBroken = true
        world.database.refuse = { table, _ in table == .pipelineWatermarks && isBroken ? Self.refusal() : nil }
        #expect(try !world.run(forMilliseconds: 600_000))
        #expect(world.deadLetters.letters.count == 19)
        isBroken = false
        try world.run()
        world.expectExactlyOnce()
        #expect(world.deadLetters.letters.count == 19)
    }

    @Test func `rows that are to blame become dead letters at once, however many, as long as they are not most`() throws
    {
        let world = DeliveryWorld(DeliveryOptions(batchEvents: 300, host: "t"))
        world.spool.append([(0..<600).map { .event(.castErrors, "\($0)") }])
        let bad = Set(stride(from: 1, to: 600, by: 3).map { world.spool.records[$0].payload })
        world.database.refuse = { _, row in bad.contains(row) ? Self.refusal() : nil }
        #expect(try world.run(forMilliseconds: 1000))
        world.expectExactlyOnce()
        #expect(world.deadLetters.letters.count == bad.count)
    }

    @Test func `a restart gives a table that was held as many refusals again`() throws {
        let world = DeliveryWorld()
        world.spool.append([(0..<100).map { .event(.castErrors, "\($0)") }])
        world.database.refuse = { _, _ in Self.refusal() }
        #expect(try !world.run(forMilliseconds: 10_000))
        #expect(world.deadLetters.letters.count == 19)
        world.restart()
        #expect(try !world.run(forMilliseconds: 10_000))
        #expect(world.deadLetters.letters.count == 38)
    }

    /// What an order to release a table is answered with.
    private func release(_ lane: EventKind, in world: DeliveryWorld) throws -> OrderOutcome? {
        let answer = Answer()
        world.coordinator?.orders.give(.release(lane)) { answer.set($0) }
        // Before anything is due again.
        _ = try world.run(forMilliseconds: 1)
        return answer.outcome
    }

    private final class Answer: Sendable {
        private let held = Mutex<OrderOutcome?>(nil)
        func set(_ outcome: OrderOutcome) { held.withLock { $0 = outcome } }
        var outcome: OrderOutcome? { held.withLock { $0 } }
    }

    @Test func `an operator who blames the rows has the table refuse as many again, at once and without a restart`()
        throws
    {
        let world = DeliveryWorld()
        world.spool.append([(0..<60).map { .event(.castErrors, "\($0)") }])
        world.database.refuse = { _, _ in Self.refusal() }
        #expect(try !world.run(forMilliseconds: 600_000))
        #expect(world.deadLetters.letters.count == 19)
        #expect(
            world.coordinator?.status.lanes[3].heldBecause?.contains("'opslogd delivery release cast_errors'") == true)
        guard case .released(let reason) = try release(.castErrors, in: world) else {
            Issue.record("it was not released")
            return
        }
        #expect(reason.contains("refused 20 of the last 20 rows"))
        #expect(world.deadLetters.letters.count == 38)
        #expect(world.messages.contains { $0.contains("cast_errors is tried again at once") })
        #expect(try release(.castErrors, in: world) != nil && world.deadLetters.letters.count == 57)
        _ = try release(.castErrors, in: world)
        world.expectExactlyOnce()
        #expect(world.deadLetters.letters.count == 60)
    }

    @Test func `a table that waits to be mended is tried at once, and one that is not held is not touched`() throws {
        let world = DeliveryWorld()
        world.spool.append([[.event(.castErrors, "a"), .event(.backupLogs, "b")]])
        world.database.missing = [.castErrors]
        #expect(try !world.run(forMilliseconds: 600_000))
        #expect(try release(.backupLogs, in: world) == .notHeld(nil))
        guard case .released = try release(.castErrors, in: world) else {
            Issue.record("it was not released")
            return
        }
        // The reason is still there.
        #expect(world.coordinator?.status.lanes[3].heldBecause != nil)
        world.database.missing = []
        guard case .released = try release(.castErrors, in: world) else {
            Issue.record("it was not released")
            return
        }
        world.expectExactlyOnce()
        #expect(try release(.castErrors, in: world) == .notHeld(nil))
    }
}
