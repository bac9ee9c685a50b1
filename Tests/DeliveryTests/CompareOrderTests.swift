import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Delivery

/// The database is set back while there is nothing to deliver, and somebody asks.
struct CompareOrderTests {
    private let world = DeliveryWorld()

    private func rows() -> Int { world.database.state.tables[.castErrors]?.count ?? 0 }

    private func order() -> OrderOutcome? {
        let answer = Mutex<OrderOutcome?>(nil)
        world.coordinator?.orders.give(.compare) { outcome in answer.withLock { $0 = outcome } }
        _ = try? world.run(forMilliseconds: 1)
        return answer.withLock { $0 }
    }

    @Test func `what the database lacks is delivered again as soon as somebody asks`() throws {
        world.append([(0..<5).map { .event(.castErrors, "\($0)") }])
        #expect(try world.run(forMilliseconds: 1000))
        let backup = world.database.state
        world.append([(5..<9).map { .event(.castErrors, "\($0)") }])
        #expect(try world.run(forMilliseconds: 1000))
        world.database.setBack(to: backup)
        #expect(try world.run(forMilliseconds: 600_000))
        #expect(rows() == 5, "with nothing to deliver nobody looks")
        #expect(order() == .comparing)
        #expect(try world.run(forMilliseconds: 1000))
        #expect(rows() == 9)
        #expect(world.coordinator?.status.isCompared == true)
        world.expectExactlyOnce()
    }

    @Test func `as long as it cannot be compared, that is said`() throws {
        world.append([(0..<5).map { .event(.castErrors, "\($0)") }])
        #expect(try world.run(forMilliseconds: 1000))
        world.database.isUp = false
        #expect(order() == .comparing)
        #expect(try !world.run(forMilliseconds: 60_000))
        #expect(world.coordinator?.status.isCompared == false)
        world.database.isUp = true
        #expect(try world.run(forMilliseconds: 60_000))
        #expect(world.coordinator?.status.isCompared == true)
        world.expectExactlyOnce()
    }
}
