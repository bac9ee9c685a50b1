import OperationLogs
import SimulatedWorld
import Testing

@testable import Delivery

@Suite struct ServerChangeTests {
    private func identity(_ systemIdentifier: UInt64?, timeline: UInt32?) -> ServerIdentity {
        ServerIdentity(systemIdentifier: systemIdentifier, timeline: timeline, isInRecovery: false, version: "15.0")
    }

    /// A world that has delivered to system 7, timeline 3.
    private func delivered() throws -> DeliveryWorld {
        let world = DeliveryWorld()
        world.database.server = identity(7, timeline: 3)
        world.append([events(1...10)])
        #expect(try world.run())
        return world
    }

    private func events(_ numbers: ClosedRange<Int>) -> [TestRecord] {
        numbers.map { .event(.castErrors, "row-\($0)") }
    }

    private func aboutServers(_ world: DeliveryWorld) -> [String] {
        world.messages.filter { $0.contains("server") }
    }

    @Test func `the first server is kept in mind before anything is sent to it`() throws {
        let world = DeliveryWorld()
        world.database.server = identity(7, timeline: 3)
        world.append([events(1...10)])
        try world.run(until: { world.database.copiedRows > 0 })
        #expect(world.ledger.server == DatabaseServer(systemIdentifier: 7, timeline: 3))
        #expect(try world.run())
        #expect(aboutServers(world).isEmpty)
        world.expectExactlyOnce()
    }

    private static let changes: [(UInt64, UInt32, String)] = [
        (8, 1, "warning: the database is on another server than the one that was delivered to (system identifier 8"),
        (7, 2, "warning: the database server is on timeline 2, and 3 was delivered to before"),
        (7, 4, "notice: the database server is on timeline 4, before on 3: a standby was promoted"),
    ]

    @Test(arguments: changes)
    func `another server with the same rows is said once, and delivered to`(
        system: UInt64, timeline: UInt32, words: String
    ) throws {
        let world = try delivered()
        world.database.server = identity(system, timeline: timeline)
        world.restart()
        world.append([events(11...20)])
        #expect(try world.run())
        #expect(aboutServers(world).count == 1 && aboutServers(world)[0].hasPrefix(words), "\(world.messages)")
        #expect(world.ledger.server == DatabaseServer(systemIdentifier: system, timeline: timeline))
        world.restart()
        world.append([events(21...30)])
        #expect(try world.run())
        #expect(aboutServers(world).count == 1)
        world.expectExactlyOnce()
    }

    @Test func `a second change within a minute is said too`() throws {
        let world = try delivered()
        for timeline: UInt32 in 4...5 {
            world.database.server = identity(7, timeline: timeline)
            world.database.fault = { [unowned world] step in
                guard step == .begin else { return nil }
                world.database.fault = { _ in nil }
                return .lostBefore
            }
            world.append([[.event(.castErrors, "later \(timeline)")]])
            #expect(try world.run())
        }
        #expect(aboutServers(world).count == 2, "\(world.messages)")
        world.expectExactlyOnce()
    }

    @Test func `another server without the rows is said, not delivered to, and not kept in mind`() throws {
        let world = try delivered()
        world.database.server = identity(8, timeline: 1)
        world.database.state = SimulatedDatabase.State()
        world.restart()
        world.append([events(11...20)])
        #expect(try !world.run(forMilliseconds: 50_000))
        #expect(world.database.state.tables.isEmpty)
        #expect(aboutServers(world).count == 1)
        #expect(world.messages.contains { $0.contains("a wrong or an empty database") })
        #expect(world.ledger.server == DatabaseServer(systemIdentifier: 7, timeline: 3))
    }

    @Test func `a role that may not ask who the server is delivers all the same`() throws {
        let world = try delivered()
        world.database.server = identity(nil, timeline: nil)
        world.restart()
        world.append([events(11...20)])
        #expect(try world.run())
        #expect(aboutServers(world).isEmpty)
        #expect(world.ledger.server == DatabaseServer(systemIdentifier: 7, timeline: 3))
        world.expectExactlyOnce()
    }
}
