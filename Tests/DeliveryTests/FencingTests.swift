import OperationLogs
import SimulatedWorld
import Testing

@testable import Delivery

/// What happens before the first batch, and after every doubt.
struct FencingTests {
    private func delivered(_ count: Int = 10) throws -> DeliveryWorld {
        let world = DeliveryWorld()
        world.append([(0..<count).map { .event(.castErrors, "\($0)") }])
        try world.run()
        world.expectExactlyOnce()
        return world
    }

    @Test func `a new spool makes eight rows that it owns, before anything is delivered`() throws {
        let world = DeliveryWorld()
        try world.run()
        #expect(world.database.state.positions.count == 8)
        #expect(
            world.database.state.positions.values.allSatisfy { $0.position == .zero && $0.owner == world.ledger.run })
    }

    @Test func `a new run takes the rows over and goes on from them, though its cursor lags`() throws {
        let world = try delivered()
        world.ledger.restart(lagging: 100, after: world.spool.durable)
        world.spool.append([[.event(.castErrors, "more")]])
        _ = world.start()
        try world.run()
        world.expectExactlyOnce()
        #expect(world.database.state.positions.values.allSatisfy { $0.owner == world.ledger.run })
    }

    /// Nothing is delivered, it is said at once and once a minute, and it goes on when the cause is gone.
    private func expectWaiting(
        _ words: String, _ spoil: (DeliveryWorld) -> Void, mend: (DeliveryWorld) -> Void,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let world = try delivered()
        let good = world.database.state
        spoil(world)
        let spoiled = world.database.state
        world.spool.append([[.event(.castErrors, "more")]])
        world.start()
        #expect(try !world.run(forMilliseconds: 150_000), sourceLocation: sourceLocation)
        #expect(world.database.state.tables == spoiled.tables, sourceLocation: sourceLocation)
        #expect(world.database.state.positions == spoiled.positions, sourceLocation: sourceLocation)
        let state = world.coordinator?.status.state ?? ""
        #expect(state.contains(words), "\(state)", sourceLocation: sourceLocation)
        let said = world.messages.filter { $0.contains(words) }.count
        #expect((2...4).contains(said), "said \(said) times in 150 s", sourceLocation: sourceLocation)
        world.database.state = good
        mend(world)
        #expect(try world.run(), sourceLocation: sourceLocation)
        world.expectExactlyOnce(sourceLocation: sourceLocation)
        #expect(world.coordinator?.status.state == "idle", sourceLocation: sourceLocation)
    }

    @Test func `an empty database waits`() throws {
        try expectWaiting("wrong or an empty database") {
            $0.database.state = SimulatedDatabase.State()
        } mend: { _ in
        }
    }

    @Test func `rows that are missing in part wait`() throws {
        try expectWaiting("is missing") {
            $0.database.state.positions[.backupLogs] = nil
        } mend: { _ in
        }
    }

    @Test(arguments: ["42P01", "3F000", "42501"])
    func `position rows that cannot be read hold everything until they can`(state: String) throws {
        let world = DeliveryWorld()
        world.spool.append([[.event(.castErrors, "a")]])
        var isMissing = true
        world.database.fault = { isMissing && $0 == .lock ? .error(state) : nil }
        #expect(try !world.run(forMilliseconds: 90_000))
        #expect(world.coordinator?.status.state.hasPrefix("waits: said \(state)") == true)
        #expect(world.messages.filter { $0.contains(state) }.count == 2)
        #expect(world.value("opslogd_delivery_attempts_total", "held") > 2)
        isMissing = false
        try world.run()
        world.expectExactlyOnce()
        #expect(world.messages.contains { $0.hasPrefix("notice: delivery goes on") })
    }

    @Test func `position rows that an older session still holds are waited for`() throws {
        let world = DeliveryWorld()
        world.spool.append([[.event(.castErrors, "a")]])
        var times = 3
        world.database.fault = {
            guard $0 == .lock, times > 0 else { return nil }
            times -= 1
            return .error("55P03")
        }
        #expect(try world.run())
        world.expectExactlyOnce()
        #expect(world.messages.contains { $0.contains("another session still holds the position rows") })
    }

    @Test func `a wrong password is waited out and then goes on by itself`() throws {
        let world = DeliveryWorld()
        var isWrong = true
        world.database.fault = { isWrong && $0 == .connect ? .error("28P01") : nil }
        world.spool.append([[.event(.castErrors, "a")]])
        #expect(try !world.run(forMilliseconds: 75_000))
        #expect(world.coordinator?.status.state.contains("28P01") == true)
        #expect(world.messages.filter { $0.contains("28P01") }.count == 2)
        isWrong = false
        #expect(try world.run(forMilliseconds: 31_000))
        world.expectExactlyOnce()
        #expect(world.coordinator?.status.state == "idle")
    }

    @Test func `a database that is away is tried again for ever, at intervals that grow to the largest`() throws {
        let world = DeliveryWorld(DeliveryOptions(retryInitialMilliseconds: 100, retryMaxMilliseconds: 5000, host: "t"))
        world.database.isUp = false
        world.spool.append([[.event(.castErrors, "a")]])
        #expect(try !world.run(forMilliseconds: 3_600_000))
        // Half of the largest wait on average.
        #expect((1000...2000).contains(world.value("opslogd_delivery_attempts_total", "retried")))
        #expect((59...61).contains(world.messages.count))
        #expect(world.coordinator?.status.state == "waits for the database")
        #expect(world.value("opslogd_database_up") == 0)
        world.database.isUp = true
        #expect(try world.run(forMilliseconds: 5001))
        world.expectExactlyOnce()
    }
}
