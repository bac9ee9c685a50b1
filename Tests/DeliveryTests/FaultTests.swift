import OperationLogs
import SimulatedWorld
import Testing

@testable import Delivery

/// Each call fails once, in each way; and what follows from a lost COMMIT.
struct FaultTests {
    static let faults: [SimulatedDatabase.Fault] = [
        .lostBefore, .lostAfter, .timedOut, .error("40001"), .error("53200"), .error("57P01"), .error("55P03"),
        .error("40003"), .error("25P02"), .error("42501"),
    ]

    @Test(arguments: faults)
    func `each call to the database fails once in turn, and every row arrives once`(
        fault: SimulatedDatabase.Fault
    ) throws {
        var call = 0
        while true {
            let world = DeliveryWorld(DeliveryOptions(batchEvents: 12, host: "t"))
            world.spool.append([Schedule.records(0, 17), Schedule.records(17, 8)])
            var left = call
            world.database.fault = { _ in
                left -= 1
                return left == -1 ? fault : nil
            }
            #expect(try world.run(), "call \(call)")
            world.expectExactlyOnce("call \(call)")
            #expect(world.deadLetters.letters.isEmpty)
            if left >= 0 { break }
            call += 1
        }
        #expect(call > 15)
    }

    @Test(arguments: [SimulatedDatabase.Step.sendCommit, .awaitCommit], [true, false])
    func `a COMMIT whose answer is lost is settled by the position rows`(
        step: SimulatedDatabase.Step, hasHappened: Bool
    ) throws {
        let world = DeliveryWorld()
        try world.run()
        world.spool.append([(0..<5).map { .event(.castErrors, "\($0)") }])
        var isFirst = true
        world.database.fault = {
            guard $0 == step, isFirst else { return nil }
            isFirst = false
            return hasHappened ? .lostAfter : .lostBefore
        }
        try world.run()
        world.expectExactlyOnce()
        #expect(world.database.copiedRows == (hasHappened ? 5 : 10))
        #expect(world.value("opslogd_delivery_attempts_total", "unknown") == 1)
        #expect(world.value("opslogd_events_delivered_total", "cast_errors") == 5)
        #expect(world.coordinator?.status.eventsDelivered == 5)
    }

    @Test(arguments: ["23514", "42P01", "XX000"])
    func `after a COMMIT that the server refused the position rows are asked, whatever the reason was`(
        state: String
    ) throws {
        let world = DeliveryWorld()
        try world.run()
        world.spool.append([(0..<4).map { .event(.castErrors, "\($0)") }])
        var steps: [SimulatedDatabase.Step] = []
        var isRefused = false
        world.database.fault = { step in
            if isRefused { steps.append(step) }
            guard step == .awaitCommit, !isRefused else { return nil }
            isRefused = true
            return .error(state, table: "cast_errors")
        }
        try world.run()
        world.expectExactlyOnce()
        let begin = try #require(steps.firstIndex(of: .begin))
        // Taking the rows over is part of asking for all of them, and of nothing else.
        #expect(steps.dropFirst(begin).prefix(3) == [.begin, .lock, .own], "\(steps)")
    }

    @Test func `a connection that ended while it was idle is opened again at once`() throws {
        let world = DeliveryWorld()
        try world.run()
        world.session.disconnect()
        world.spool.append([[.event(.castErrors, "a")]])
        let before = world.time.monotonicNanoseconds()
        try world.run()
        world.expectExactlyOnce()
        #expect(world.time.monotonicNanoseconds() == before)
    }

    @Test(arguments: ["57014", "55P03", "53200"])
    func `batches are halved until they get through, and grow again`(state: String) throws {
        let world = DeliveryWorld(DeliveryOptions(batchEvents: 64, host: "t"))
        world.spool.append([(0..<500).map { .event(.castErrors, "\($0)") }])
        var rows = 0
        var isTight = true
        var sizes: [Int] = []
        world.database.fault = { [unowned world] step in
            if step == .begin { rows = world.database.copiedRows }
            guard step == .copy(.castErrors) else { return nil }
            sizes.append(world.database.copiedRows - rows)
            return isTight && world.database.copiedRows - rows > 10 ? .error(state) : nil
        }
        try world.run()
        world.expectExactlyOnce()
        #expect(sizes.first == 64)
        #expect(sizes.filter { $0 > 10 }.count < sizes.count / 4)
        isTight = false
        world.spool.append([(500..<1800).map { .event(.castErrors, "\($0)") }])
        try world.run()
        world.expectExactlyOnce()
        #expect(sizes.contains(64) && sizes.suffix(4).contains(64))
    }

    @Test func `what a COMMIT with a warning delivered stays in the spool until one without`() throws {
        let world = DeliveryWorld()
        try world.run()
        world.database.commitWarning = "standby gone"
        world.spool.append([(0..<5).map { .event(.castErrors, "\($0)") }])
        try world.run()
        #expect(world.database.state.tables[.castErrors]?.count == 5)
        #expect(world.ledger.settled == .zero)
        #expect(world.messages.filter { $0.contains("standby gone") }.count == 1)
        world.spool.append([[.rejected]])
        try world.run()
        #expect(world.ledger.settled == .zero)
        world.database.commitWarning = nil
        world.spool.append([[.event(.backupLogs, "a")]])
        try world.run()
        world.expectExactlyOnce()
        #expect(world.ledger.lanes.first { $0.lane == .castErrors }?.position.rawValue == 5)
    }

    @Test(arguments: [true, false])
    func `a lost COMMIT that the position rows confirm stays in the spool while they are not replicated`(
        isReplicated: Bool
    ) throws {
        let world = DeliveryWorld()
        try world.run()
        world.spool.append([(0..<5).map { .event(.castErrors, "\($0)") }])
        var isFirst = true
        world.database.fault = {
            guard $0 == .awaitCommit, isFirst else { return nil }
            isFirst = false
            return .lostAfter
        }
        world.database.commitWarning = isReplicated ? nil : "standby gone"
        try world.run()
        #expect(world.database.state.tables[.castErrors]?.count == 5)
        #expect(world.ledger.settled == (isReplicated ? SequenceNumber(5) : .zero))
        #expect(world.deadLetters.forgotten == world.ledger.settled)
        world.database.commitWarning = nil
        world.spool.append([[.event(.backupLogs, "a")]])
        try world.run()
        world.expectExactlyOnce()
    }

    @Test func `rejected lines alone are settled without a transaction`() throws {
        let world = DeliveryWorld()
        try world.run()
        let commits = world.database.commits
        world.spool.append([[.rejected, .rejected]])
        try world.run()
        #expect(world.ledger.settled.rawValue == 2)
        #expect(world.database.commits == commits)
    }

    @Test func `the next batch is gathered once, while the last one commits`() throws {
        let world = DeliveryWorld(DeliveryOptions(batchEvents: 10, host: "t"))
        for group in 0..<20 { world.spool.append([(0..<7).map { .event(.castErrors, "\(group) \($0)") }]) }
        try world.run()
        world.expectExactlyOnce()
        #expect(world.spool.groupsRead == 20)
        #expect(world.coordinator?.status.batches == 14)
    }

    @Test func `with batch_wait rows that come in time share a transaction`() throws {
        let world = DeliveryWorld(DeliveryOptions(batchWaitMilliseconds: 100, host: "t"))
        try world.run()
        let before = world.time.monotonicNanoseconds()
        world.spool.append([[.event(.castErrors, "a")]])
        try world.run()
        #expect(world.time.monotonicNanoseconds() - before == 100_000_000)
        world.expectExactlyOnce()
        world.coordinator?.drain()
        world.spool.append([[.event(.castErrors, "b")]])
        try world.run()
        #expect(world.time.monotonicNanoseconds() - before == 100_000_000)
        world.expectExactlyOnce()
    }

    @Test func `lag is counted once for each row, from its receipt to its commit`() throws {
        let world = DeliveryWorld()
        world.spool.append([[.event(.castErrors, "a", received: 0), .event(.backupLogs, "b", received: 500_000)]])
        try world.run()
        #expect(world.value("opslogd_delivery_lag_seconds") == 2)
    }
}
