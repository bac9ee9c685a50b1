import LinuxSystem
import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

private typealias Reserve = SpoolReserve<SimulatedDisk>

extension DiskState {
    fileprivate func fill() { contents.withLock { $0.capacityBlocks = $0.usedBlocks } }
    fileprivate func empty() { contents.withLock { $0.capacityBlocks = nil } }
    fileprivate var names: [String] { (try? SimulatedDisk(self).names()) ?? [] }
}

@Test(arguments: [true, false])
func `a disk that is full to the last block stops no start, no delivery and no stop`(holdsAhead: Bool) throws {
    let disk = DiskState()
    disk.contents.withLock { $0.holdsAhead = holdsAhead }
    let time = ManualTime()
    let receipt = NotedReceipt()
    var writer = try openSimulated(disk, time: time)
    #expect(disk.names.contains(Reserve.name))
    for number in UInt64(1)...7 {
        writer.append(chunk(number...number, fill: 12_000, receipt: receipt))
        try writer.settle()
    }
    #expect(receipt.last == 7)
    disk.fill()
    // The identity file passes its first block at about the thirtieth: then it needs the reserve, or blocks of its own.
    for start in 1...50 {
        writer = try openSimulated(disk, time: time)
        #expect(try writer.makeReader().readNumbers() == Array(1...7), "start \(start)")
        if start % 2 == 0 { try writer.stopNow() }
    }
    #expect(disk.names.contains(Reserve.name) == holdsAhead && writer.runs.count == 51)
    #expect(!disk.names.contains { $0.hasSuffix(".new") })
    writer = try openSimulated(disk, time: time)
    writer.deliver(SequenceNumber(5))
    time.advance(milliseconds: 1001)
    try writer.settle()
    #expect(
        writer.status.first > SequenceNumber(1) && writer.core.withLock { $0.cursor.saved.settled } == SequenceNumber(5)
    )
    disk.empty()
    writer.deliver(SequenceNumber(6))
    time.advance(milliseconds: 1001)
    try writer.settle()
    #expect(disk.names.contains(Reserve.name), "there is room for it again")
}

@Test func `without a block and without a reserve a start says so and changes nothing`() throws {
    let disk = DiskState()
    disk.contents.withLock { $0.holdsAhead = false }
    _ = try openSimulated(disk)
    disk.fill()
    var runs = 1
    func startAgain() throws {
        while runs < 200 {
            _ = try openSimulated(disk)
            runs += 1
            // What is left of the reserve goes to somebody else.
            if !disk.names.contains(Reserve.name) { disk.fill() }
        }
    }
    let refusal = #expect(throws: SpoolError.self) { try startAgain() }
    #expect(runs > 50 && refusal?.exitStatus == 74 && refusal?.description.contains("free space") == true)
    disk.empty()
    #expect(try openSimulated(disk).runs.count == runs + 1)
}

/// Two segments are filled, delivered in part, and used again, across two starts.
private func work(_ disk: DiskState, _ time: ManualTime, _ receipt: NotedReceipt, from first: UInt64) throws -> UInt64 {
    var next = first
    for _ in 1...2 {
        let writer = try openSimulated(disk, time: time)
        for _ in 1...6 {
            writer.append(chunk(next...next, fill: 12_000, receipt: receipt))
            next += 1
            try writer.settle()
            time.advance(milliseconds: 1001)
            try writer.settle()
        }
        writer.deliver(SequenceNumber(next - 4))
        time.advance(milliseconds: 1001)
        try writer.settle()
        try writer.stopNow()
        if writer.status.queuedChunks > 0 { next -= UInt64(writer.status.queuedChunks) }
    }
    return next
}

@Test func `any one call that meets a full disk is survived, and loses nothing`() throws {
    var call = 0
    while true {
        let disk = DiskState()
        let time = ManualTime()
        let receipt = NotedReceipt()
        let made = try work(disk, time, receipt, from: 1)
        disk.contents.withLock { $0.callsUntilFull = call }
        let end = try work(disk, time, receipt, from: made)
        let wasMet = disk.contents.withLock { contents in
            defer { contents.callsUntilFull = nil }
            return contents.callsUntilFull == nil
        }
        let writer = try openSimulated(disk, time: time)
        #expect(end == 25 && receipt.last == 24 && writer.status.durable == SequenceNumber(24), "call \(call)")
        let numbers = try writer.makeReader().readNumbers()
        #expect(numbers == Array((numbers.first ?? 0)...24), "call \(call)")
        #expect((numbers.first ?? 25) <= writer.settled.rawValue + 1, "call \(call)")
        if !wasMet { break }
        call += 1
    }
    #expect(call > 40)
}

@Test func `a reserve that a crash has cut short, or left under another name, is none`() throws {
    let disk = DiskState()
    _ = try openSimulated(disk)
    let directory = SimulatedDisk(disk)
    try directory.open(Reserve.name, .writing).truncate(to: 100)
    try directory.rename(Reserve.name, to: Reserve.newName)
    disk.fill()
    let writer = try openSimulated(disk)
    #expect(!disk.names.contains { $0.hasPrefix(Reserve.name) })
    disk.empty()
    writer.append(chunk(1...1))
    try writer.settle()
    #expect(try directory.open(Reserve.name, .reading).length() == 64 << 10)
}

@Test func `a shortage that comes and goes is said at its beginning, when it returns, and when it stays away`() {
    var trouble = SpaceTrouble()
    #expect(trouble.granted(now: 0) == nil)
    #expect(trouble.refused(now: 1000) == .short)
    #expect(trouble.refused(now: 2000) == nil)
    #expect(trouble.granted(now: 3000) == .over)
    #expect(trouble.granted(now: 3001) == nil)
    #expect(trouble.refused(now: 4000) == .shortAgain)
    for second in UInt64(5)...100 {
        #expect(trouble.granted(now: second * 1000) == nil)
        #expect(trouble.refused(now: second * 1000 + 500) == nil)
    }
    #expect(trouble.granted(now: 101_000) == nil)
    #expect(trouble.granted(now: 160_999) == nil)
    #expect(trouble.granted(now: 161_000) == .over)
    #expect(trouble.refused(now: 300_000) == .short)
}
