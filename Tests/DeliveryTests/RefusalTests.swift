import OperationLogs
import SimulatedWorld
import Testing

@testable import Delivery

/// Rows that the database refuses, and tables that somebody has to mend.
struct RefusalTests {
    private func refuse(_ world: DeliveryWorld, _ rows: Set<[UInt8]>, _ kind: EventKind = .castErrors) {
        world.database.refuse = { table, row in
            table == kind && rows.contains(row)
                ? ServerError(sqlstate: "23514", message: "violates check", constraint: "positive") : nil
        }
    }

    @Test func `a refused row becomes a dead letter and the rows around it arrive`() throws {
        let world = DeliveryWorld(DeliveryOptions(batchEvents: 5000, host: "t"))
        world.spool.append([(0..<4000).map { .event($0 % 2 == 0 ? .castErrors : .backupLogs, "\($0)", received: 77) }])
        refuse(world, [world.spool.records[1234].payload])
        try world.run()
        world.expectExactlyOnce()
        let letter = try #require(world.deadLetters.letters[1235])
        #expect(world.deadLetters.letters.count == 1)
        #expect(letter.reason == .rejectedByDatabase && letter.sqlstate == "23514" && letter.event == .castErrors)
        #expect(letter.detail == "violates check (constraint positive)")
        #expect(letter.time == Timestamp(microseconds: 77) && letter.offset == 123_400)
        #expect(letter.source == RecordOriginator(kind: .file, input: "loader", path: "/x.log"))
        #expect(
            String(decoding: letter.line, as: UTF8.self)
                == #"{"event":"cast_errors","symbol":"1234","column_name":"x","log_time":"2000-01-01T00:00:00.000007Z"}"#
        )
        // 2,000 rows of the table are halved down to one in eleven steps.
        #expect(world.value("opslogd_delivery_attempts_total", "refused") <= 12)
        #expect(world.database.copiedRows < 4000 * 4)
    }

    @Test func `refusals that no table can meet again are let go, and one that a held table can is kept`() throws {
        let world = DeliveryWorld()
        try world.run()
        world.spool.append([[.event(.backupLogs, "held"), .event(.castErrors, "bad"), .event(.castErrors, "good")]])
        var isHeld = true
        world.database.refuse = { [unowned world] table, row in
            if table == .backupLogs, isHeld { return ServerError(sqlstate: "42501", message: "no") }
            return row == world.spool.records[1].payload ? ServerError(sqlstate: "22003", message: "bad") : nil
        }
        try world.run(forMilliseconds: 5000)
        #expect(world.deadLetters.letters[2] != nil && world.deadLetters.forgotten < SequenceNumber(1))
        isHeld = false
        try world.run()
        world.expectExactlyOnce()
        #expect(world.deadLetters.forgotten == SequenceNumber(3))
    }

    @Test func `k refused rows among n take in the order of k log n attempts`() throws {
        let world = DeliveryWorld(DeliveryOptions(batchEvents: 5000, host: "t"))
        world.spool.append([(0..<5000).map { .event(.castErrors, "\($0)") }])
        refuse(world, Set(stride(from: 100, to: 5000, by: 250).map { world.spool.records[$0].payload }))
        try world.run()
        world.expectExactlyOnce()
        #expect(world.deadLetters.letters.count == 20)
        let attempts =
            world.value("opslogd_delivery_attempts_total", "refused")
            + world.value("opslogd_delivery_attempts_total", "committed")
        #expect(attempts < 20 * 2 * 13)
    }

    @Test(arguments: [0, 1, -1, 3, 10_000])
    func `a row that the server names takes few attempts, and a wrong name refuses nothing`(error offset: Int) throws {
        let world = DeliveryWorld(DeliveryOptions(batchEvents: 5000, host: "t"))
        world.spool.append([(0..<5000).map { .event(.castErrors, "\($0)") }])
        let bad = Set(stride(from: 100, to: 5000, by: 250).map { world.spool.records[$0].payload })
        var row = 0
        world.database.fault = { step in
            if step == .begin { row = 0 }
            return nil
        }
        world.database.refuse = { _, payload in
            row += 1
            return bad.contains(payload)
                ? ServerError(sqlstate: "23514", message: "no", constraint: "c", row: row + offset) : nil
        }
        try world.run()
        world.expectExactlyOnce()
        #expect(world.deadLetters.letters.count == bad.count)
        let refused = world.value("opslogd_delivery_attempts_total", "refused")
        // Each is met, and then sent alone.
        if offset == 0 { #expect(refused <= 20 * 2 + 12) }
        #expect(refused < 20 * 2 * 13)
    }

    @Test func `a refused watermark becomes a dead letter and the others count`() throws {
        let world = DeliveryWorld()
        let payloads = (0..<20).map {
            EventTuples.watermark("p\($0)", lastProcessed: 1, status: "s\($0)", updatedAt: Int64($0))
        }
        world.spool.append([payloads.map { TestRecord(kind: EventKind.pipelineWatermarks.rawValue, payload: $0) }])
        refuse(world, [payloads[13]], .pipelineWatermarks)
        try world.run()
        world.expectExactlyOnce()
        #expect(world.deadLetters.letters.keys.sorted() == [14])
    }

    @Test func `a refusal that was kept before a crash is not sent again`() throws {
        let world = DeliveryWorld()
        world.spool.append([(0..<10).map { .event(.castErrors, "\($0)") }])
        refuse(world, [world.spool.records[3].payload])
        // The crash: just after the dead letter is kept.
        try world.run { world.deadLetters.letters.count == 1 }
        world.ledger.restart(lagging: 9, after: world.spool.durable)
        world.database.refuse = { _, _ in nil }
        _ = world.start()
        try world.run()
        world.expectExactlyOnce()
        #expect(world.deadLetters.letters.count == 1)
        #expect(world.database.state.tables[.castErrors]?.count == 9)
    }

    @Test func `a dead letter that cannot be kept holds its table and no other`() throws {
        let world = DeliveryWorld()
        world.spool.append([(0..<20).map { .event($0 % 2 == 0 ? .castErrors : .backupLogs, "\($0)") }])
        refuse(world, [world.spool.records[4].payload])
        world.deadLetters.failures = 1000
        #expect(try !world.run(forMilliseconds: 60_000))
        #expect(world.database.state.tables[.backupLogs]?.count == 10)
        #expect(world.database.state.tables[.castErrors]?.count == 2)
        let lane = world.coordinator?.status.lanes.first { $0.lane == .castErrors }
        #expect(lane?.heldBecause?.contains("the disk is full") == true)
        world.deadLetters.failures = 0
        try world.run()
        world.expectExactlyOnce()
    }

    @Test func `a store that can keep nothing any more ends delivery, and with it the daemon`() throws {
        let world = DeliveryWorld()
        world.spool.append([(0..<5).map { .event(.castErrors, "\($0)") }])
        refuse(world, [world.spool.records[3].payload])
        world.deadLetters.isUnusable = true
        #expect(throws: MemoryDeadLetters.Unusable.self) { try world.run() }
        world.deadLetters.isUnusable = false
        _ = world.start()
        try world.run()
        world.expectExactlyOnce()
    }

    @Test func `a store that does not hold what it has kept holds the table, and the row is not sent without end`()
        throws
    {
        let world = DeliveryWorld()
        world.spool.append([(0..<20).map { .event($0 % 2 == 0 ? .castErrors : .backupLogs, "\($0)") }])
        refuse(world, [world.spool.records[4].payload])
        world.deadLetters.isForgetful = true
        var steps = 0
        let isDone = try world.run(forMilliseconds: 60_000) {
            steps += 1
            return steps > 5000
        }
        #expect(!isDone && steps <= 5000)
        #expect(world.database.state.tables[.backupLogs]?.count == 10)
        let lane = world.coordinator?.status.lanes.first { $0.lane == .castErrors }
        #expect(lane?.heldBecause?.contains("does not hold record \(SequenceNumber(5))") == true)
        #expect((1...2).contains(world.messages.filter { $0.contains("cast_errors waits") }.count))
        world.deadLetters.isForgetful = false
        try world.run()
        world.expectExactlyOnce()
        #expect(world.deadLetters.letters.keys.sorted() == [5])
    }

    @Test func `a missing table holds its lane alone, says so once a minute, and goes on when it is there`() throws {
        let world = DeliveryWorld(DeliveryOptions(batchEvents: 100, host: "t"))
        world.database.missing = [.castErrors]
        world.spool.append([(0..<1000).map { .event($0 % 2 == 0 ? .castErrors : .backupLogs, "\($0)") }])
        #expect(try !world.run(forMilliseconds: 119_000))
        #expect(world.database.state.tables[.backupLogs]?.count == 500)
        #expect(world.database.state.tables[.castErrors] == nil)
        #expect(world.ledger.settled == .zero)
        let status = try #require(world.coordinator?.status)
        #expect(status.state == "idle; held up: cast_errors")
        #expect(
            status.lanes.first { $0.lane == .castErrors }?.heldBecause == "table operation_logs.cast_errors is missing")
        #expect((0...30_000).contains(status.nextTryMilliseconds ?? -1))
        #expect(world.messages.filter { $0.contains("cast_errors waits") }.count == 2)
        // After 1, 2, 4, 8, 16 and then every 30 seconds.
        #expect((6...9).contains(world.value("opslogd_delivery_attempts_total", "held")))
        world.database.missing = []
        world.spool.append([(0..<50).map { .event(.backupLogs, "later \($0)") }])
        #expect(try world.run(forMilliseconds: 31_000))
        world.expectExactlyOnce()
        #expect(world.messages.contains("notice: cast_errors takes rows again"))
        #expect(world.coordinator?.status.state == "idle")
        #expect(world.deadLetters.letters.isEmpty)
    }

    @Test func `a locked table is left out and the others go on`() throws {
        let world = DeliveryWorld()
        var isLocked = true
        world.database.fault = { isLocked && $0 == .copy(.castErrors) ? .error("55P03") : nil }
        world.spool.append([(0..<100).map { .event($0 % 2 == 0 ? .castErrors : .backupLogs, "\($0)") }])
        #expect(try !world.run(forMilliseconds: 60_000))
        #expect(world.database.state.tables[.backupLogs]?.count == 50)
        // However long it lasts, the others' batches stay large.
        #expect(try !world.run(forMilliseconds: 3_600_000))
        let commits = world.database.commits
        world.spool.append([(0..<5000).map { .event(.backupLogs, "later \($0)") }])
        #expect(try !world.run(forMilliseconds: 1000))
        #expect(world.database.commits == commits + 1)
        isLocked = false
        #expect(try world.run(forMilliseconds: 31_000))
        world.expectExactlyOnce()
    }

    @Test(arguments: ["XX000", "XX001", "0A000", "22P04", "99999"])
    func `an error that no row is to blame for drops nothing`(state: String) throws {
        let world = DeliveryWorld()
        var isBroken = true
        world.database.fault = { isBroken && $0 == .copy(.castErrors) ? .error(state) : nil }
        world.spool.append([(0..<10).map { .event($0 % 2 == 0 ? .castErrors : .backupLogs, "\($0)") }])
        #expect(try !world.run(forMilliseconds: 100_000))
        #expect(world.deadLetters.letters.isEmpty)
        #expect(world.database.state.tables[.backupLogs]?.count == 5)
        isBroken = false
        try world.run()
        world.expectExactlyOnce()
    }

    @Test func `a constraint that shows only when the rows are moved is put down to its table`() throws {
        let world = DeliveryWorld()
        world.spool.append([(0..<64).map { .event($0 % 2 == 0 ? .castErrors : .backupLogs, "\($0)") }])
        let bad = world.spool.records[20].payload
        // Deferred, and without the table's name: each table has to go alone to be told.
        var copied: Set<[UInt8]> = []
        world.database.refuse = { _, row in
            copied.insert(row)
            return nil
        }
        world.database.fault = { step in
            if step == .begin { copied = [] }
            return step == .move && copied.contains(bad)
                ? .error(ServerError(sqlstate: "23503", message: "violates foreign key", constraint: "f")) : nil
        }
        try world.run()
        world.expectExactlyOnce()
        #expect(world.deadLetters.letters.keys.sorted() == [21])
    }

    @Test func `a trigger that raises while the position rows are moved refuses no row`() throws {
        let world = DeliveryWorld()
        try world.run()
        var isBroken = true
        world.database.fault = { isBroken && $0 == .move ? .error(Self.raised) : nil }
        world.append([[.event(.castErrors, "lone")]])
        #expect(try !world.run(forMilliseconds: 60_000))
        world.append([[.event(.castErrors, "another"), .event(.backupLogs, "of another table")]])
        #expect(try !world.run(forMilliseconds: 60_000))
        #expect(world.deadLetters.letters.isEmpty)
        isBroken = false
        try world.run()
        world.expectExactlyOnce()
    }

    private static let raised = ServerError(sqlstate: "P0001", message: "no", isRaised: true)
}
