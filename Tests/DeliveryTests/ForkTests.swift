import OperationLogs
import SimulatedWorld
import Testing

@testable import Delivery

/// Copied and rolled-back spools, and a database that was set back: no row is lost, and none is there twice.
struct ForkTests {
    private func events(_ range: ClosedRange<Int>, _ origin: String) -> [TestRecord] {
        range.map { .event(.castErrors, "\(origin)\($0)") }
    }

    /// A spool with ten delivered records whose daemon has stopped.
    private func delivered() throws -> DeliveryWorld {
        let world = DeliveryWorld()
        world.append([events(1...10, "image ")])
        #expect(try world.run())
        return world
    }

    private func rows(_ world: DeliveryWorld) -> [[UInt8]] { world.database.state.tables[.castErrors] ?? [] }

    private func expectRows(
        _ world: DeliveryWorld, _ records: [TestRecord], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let found = rows(world).map { String(describing: $0) }.sorted()
        let expected = records.map { String(describing: $0.payload) }.sorted()
        #expect(found == expected, sourceLocation: sourceLocation)
        #expect(world.database.violations.isEmpty, sourceLocation: sourceLocation)
    }

    @Test func `a golden image on three hosts: the first keeps the name, the others go on under their own`() throws {
        let image = try delivered()
        let hosts = (1...3).map { _ in image.copy() }
        var names: Set<UniqueID> = []
        for round in 0..<3 {
            for (number, host) in hosts.enumerated() {
                if round != 1 { host.restart(high: UInt64(200 + number)) }
                host.append([events(round * 10...round * 10 + 4, "host \(number) ")])
                #expect(try host.run())
                names.insert(host.ledger.spool)
            }
        }
        #expect(hosts[0].ledger.spool == image.ledger.spool)
        #expect(names.count == 3)
        let own = (0..<3).flatMap { host in
            (0..<3).flatMap { events($0 * 10...$0 * 10 + 4, "host \(host) ") }
        }
        expectRows(image, events(1...10, "image ") + own)
    }

    @Test func `the ledger hears what the rows say before anything is sent, and whether they fit`() throws {
        let world = try delivered()
        #expect(world.ledger.comparisons.map(\.highest.rawValue) == [0, 0])
        #expect(world.ledger.comparisons.map(\.isAccepted) == [false, true])
        world.restart(lagging: 5)
        #expect(try world.run())
        #expect(world.ledger.comparisons.suffix(2).map(\.highest.rawValue) == [10, 10])
        // A copy that has delivered further: the rows are known not to fit before the new name's are made.
        let copy = world.copy()
        world.restart()
        world.append([events(11...14, "")])
        #expect(try world.run())
        copy.restart(high: 300)
        copy.append([events(1...2, "copy ")])
        let before = copy.ledger.comparisons.count
        #expect(try copy.run())
        let heard = copy.ledger.comparisons.dropFirst(before)
        #expect(heard.first?.highest.rawValue == 14 && heard.first?.isAccepted == false)
        #expect(heard.last?.highest.rawValue == 0 && heard.last?.isAccepted == true)
    }

    @Test func `what was undelivered in the image goes to the database once, by the first`() throws {
        let image = try delivered()
        image.append([events(11...20, "image ")])
        let hosts = (1...2).map { _ in image.copy() }
        for (number, host) in hosts.enumerated() {
            host.restart(high: UInt64(200 + number))
            host.append([events(1...5, "host \(number) ")])
            #expect(try host.run())
        }
        expectRows(image, events(1...20, "image ") + events(1...5, "host 0 ") + events(1...5, "host 1 "))
    }

    @Test func `what another copy has not delivered yet is left to it, and said`() throws {
        let image = try delivered()
        image.append([events(11...20, "image ")])
        let (first, second) = (image.copy(), image.copy())
        first.restart(high: 201)
        // It owns the rows, and delivers nothing yet.
        first.database.fault = { $0 == .copy(.castErrors) ? .error("42P01") : nil }
        #expect(try !first.run(forMilliseconds: 5000))
        first.database.fault = { _ in nil }
        second.restart(high: 202)
        second.append([events(1...5, "second ")])
        #expect(try second.run())
        #expect(second.messages.contains { $0.contains("records 11 to 20") && $0.contains("left to the other") })
        expectRows(image, events(1...10, "image ") + events(1...5, "second "))
        #expect(try first.run())
        expectRows(image, events(1...20, "image ") + events(1...5, "second "))
    }

    /// A world that has delivered ten more records, and a copy from before, which is started now.
    private func rolledBack() throws -> (world: DeliveryWorld, backup: DeliveryWorld) {
        let world = try delivered()
        let backup = world.copy()
        world.restart()
        world.append([events(11...20, "lost ")])
        #expect(try world.run())
        backup.restart(high: 300)
        return (world, backup)
    }

    @Test func `a spool that was rolled back between two starts sends nothing twice, and what is new under a new name`()
        throws
    {
        let (world, backup) = try rolledBack()
        // Fewer new records than the lost ones, and then more.
        backup.append([events(1...4, "new ")])
        #expect(try backup.run())
        backup.append([events(5...30, "new ")])
        #expect(try backup.run())
        #expect(backup.ledger.spool != world.ledger.spool)
        expectRows(world, events(1...10, "image ") + events(11...20, "lost ") + events(1...30, "new "))
    }

    @Test func `a crash after the fork was made durable goes on under the new name`() throws {
        let (world, backup) = try rolledBack()
        backup.append([events(1...4, "new ")])
        let name = backup.ledger.spool
        try backup.run(until: { backup.ledger.spool != name })
        let forked = backup.ledger.spool
        #expect(forked != name && backup.database.state.rows[forked] == nil)
        backup.restart(high: 300)
        #expect(try backup.run())
        #expect(backup.ledger.spool == forked)
        expectRows(world, events(1...10, "image ") + events(11...20, "lost ") + events(1...4, "new "))
    }

    @Test func `a spool that was copied while its daemon ran waits, also after a restart, and then does as it is told`()
        throws
    {
        let world = try delivered()
        let thief = world.copy()
        thief.restart(high: 400)
        thief.append([events(1...5, "thief ")])
        #expect(try thief.run())
        let before = rows(world)
        world.append([events(11...15, "own ")])
        #expect(try !world.run(forMilliseconds: 150_000))
        #expect(world.coordinator?.status.state.contains("opslogd spool adopt") == true)
        #expect((2...4).contains(world.messages.filter { $0.contains("a copy of the spool") }.count))
        world.restart()
        #expect(try !world.run(forMilliseconds: 5000))
        #expect(rows(world) == before)
        // The operator adopts.
        world.ledger.fork(counted: [.castErrors: SequenceNumber(10)])
        world.restart()
        #expect(try world.run())
        expectRows(
            world, events(1...10, "image ") + events(1...5, "thief ") + events(11...15, "own "))
    }

    @Test func `two daemons that go on from one memory wait`() throws {
        let world = try delivered()
        let twin = world.copy()
        twin.append([events(1...3, "twin ")])
        _ = twin.start()
        #expect(try twin.run())
        world.append([events(11...15, "own ")])
        let before = rows(world)
        #expect(try !world.run(forMilliseconds: 5000))
        #expect(rows(world) == before)
        #expect(world.ledger.isDisputed)
    }

    @Test func `a dispute ends when the rows fit again`() throws {
        let world = try delivered()
        let good = world.database.state
        world.database.state.positions[.castErrors]?.owner = UniqueID(high: 66, low: 66)
        world.append([events(11...12, "own ")])
        #expect(try !world.run(forMilliseconds: 5000))
        #expect(world.ledger.isDisputed)
        world.database.state = good
        #expect(try world.run())
        #expect(!world.ledger.isDisputed)
        world.expectExactlyOnce()
    }

    // MARK: A database that was set back

    @Test(arguments: [0, 3, 10], [false, true])
    func `a database restored from a backup gets what it lacks again, once`(backupAt: Int, isRestarted: Bool) throws {
        let world = DeliveryWorld()
        #expect(try world.run())
        var backup = world.database.state
        for number in 1...10 {
            world.append([[.event(.castErrors, "\(number)"), .event(.backupLogs, "\(number)")]])
            #expect(try world.run())
            if number == backupAt { backup = world.database.state }
        }
        world.database.state = backup
        if isRestarted { world.restart() }
        world.append([[.event(.castErrors, "after")]])
        #expect(try world.run())
        world.expectExactlyOnce()
        #expect(world.messages.contains { $0.contains("set back") } == (backupAt < 10))
    }

    @Test func `a refused row that was passed before the backup is not sent again`() throws {
        let world = DeliveryWorld()
        #expect(try world.run())
        let backup = world.database.state
        world.database.refuse = { _, row in
            row == TestRecord.event(.castErrors, "bad").payload
                ? ServerError(sqlstate: "23514", message: "no", constraint: "c") : nil
        }
        world.append([[.event(.castErrors, "good"), .event(.castErrors, "bad"), .event(.castErrors, "last")]])
        #expect(try world.run())
        #expect(world.deadLetters.letters.count == 1)
        world.database.refuse = { _, _ in nil }
        world.database.state = backup
        world.append([[.event(.castErrors, "after")]])
        #expect(try world.run())
        world.expectExactlyOnce()
    }

    @Test func `what the spool no longer keeps is waited for, and named`() throws {
        let world = DeliveryWorld()
        #expect(try world.run())
        for number in 1...10 {
            world.append([[.event(.castErrors, "\(number)")]])
            #expect(try world.run())
        }
        let whole = world.database.state
        world.database.state.positions[.castErrors]?.position = SequenceNumber(2)
        world.database.state.tables[.castErrors]?.removeLast(8)
        world.spool.forget(groups: 5)
        world.restart()
        world.append([[.event(.castErrors, "after")]])
        let before = rows(world)
        #expect(try !world.run(forMilliseconds: 5000))
        #expect(
            world.coordinator?.status.state.contains("records 3 to 5") == true,
            "\(world.coordinator?.status.state ?? "")")
        #expect(rows(world) == before)
        world.database.state = whole
        #expect(try world.run())
    }

    @Test func `nothing is sent again before the ledger has gone back`() throws {
        let world = DeliveryWorld()
        #expect(try world.run())
        let backup = world.database.state
        world.append([events(1...5, "a")])
        #expect(try world.run())
        world.database.state = backup
        world.ledger.refusesRewind = true
        world.append([events(6...6, "a")])
        #expect(try !world.run(forMilliseconds: 5000))
        #expect(rows(world).isEmpty)
        #expect(world.coordinator?.status.state.contains("no longer kept") == true)
        world.ledger.refusesRewind = false
        #expect(try world.run())
        world.expectExactlyOnce()
    }
}
