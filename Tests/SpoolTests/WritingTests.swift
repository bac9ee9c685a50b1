import OperationLogs
import SimulatedWorld
import Testing

@testable import Spool

@Test func `what is appended is read back in order and acknowledged after its sync`() throws {
    let disk = DiskState()
    let receipt = NotedReceipt()
    let writer = try openSimulated(disk)
    let reader = writer.makeReader()
    for first in stride(from: UInt64(1), to: 100, by: 10) {
        writer.append(chunk(first...first + 9, receipt: receipt))
    }
    #expect(receipt.tickets.isEmpty)
    #expect(try reader.next() == nil)
    try writer.settle()
    #expect(receipt.tickets == [100])
    #expect(try reader.readNumbers() == Array(1...100))
    #expect(writer.status.groups == 1)
    #expect(reader.durable == SequenceNumber(100))
}

@Test func `a clean stop and a start go on where it ended`() throws {
    let disk = DiskState()
    let first = try openSimulated(disk)
    first.append(chunk(1...3))
    try first.stopNow()
    let second = try openSimulated(disk)
    #expect(second.recovery.hasPrefix("the last run stopped in order;"))
    #expect(second.positionText == ["s": "3"])
    #expect(second.runs.count == 2 && second.runs[0].id == first.run && second.spool == first.spool)
    second.append(chunk(4...6))
    try second.settle()
    #expect(try second.makeReader().readNumbers() == Array(1...6))
    // Nothing was stopped: the third start finds no seal, and nothing under way.
    let third = try openSimulated(disk)
    #expect(third.recovery.contains("nothing of it is torn"))
    #expect(try third.makeReader().readNumbers() == Array(1...6))
}
