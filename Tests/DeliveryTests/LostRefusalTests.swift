import OperationLogs
import SimulatedWorld
import Testing

@testable import Delivery

@Test func `a refused row whose place is damaged before its dead letter is kept is passed over, and delivery goes on`()
    throws
{
    let world = DeliveryWorld()
    for number in 1...6 { world.append([[.event(.castErrors, "\(number)")]]) }
    let bad = world.spool.records[2].payload
    var tries = 0
    world.database.refuse = { [unowned world] _, row in
        guard row == bad else { return nil }
        tries += 1
        if world.spool.lost == nil, tries == 3 {
            world.spool.forget(group: 2)
            world.spool.lost = 3...3
        }
        return ServerError(sqlstate: "23514", message: "check", constraint: "c")
    }
    #expect(try world.run())
    #expect(world.spool.lost == 3...3, "it was damaged between two tries")
    let expected = world.spool.records.map(\.payload).filter { $0 != bad }
    #expect(world.database.state.tables[.castErrors] == expected)
    #expect(world.deadLetters.letters.isEmpty && world.ledger.settled == SequenceNumber(6))
}
