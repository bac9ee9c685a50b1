import LinuxSystem
import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

/// What counts must be on disk, also where only the page cache said so.

/// A chunk that says how far a source has got, and holds no record.
private func positionChunk(_ value: Int) -> RecordChunk {
    let builder = ChunkBuilder()
    builder.addPosition(key: Array("quiet".utf8), value: Array("\(value)".utf8))
    return builder.close(ticket: UInt64(value), receipt: nil)
}

/// The machine goes down: of what was not synced, nothing is left.
func loseUnsynced(_ disk: DiskState) {
    var generator = SplitMix64(seed: 1)
    disk.crash(keeping: 0, using: &generator)
}

@Test func `segments full of positions alone take each other's place, and nothing around them is lost`() throws {
    let disk = DiskState()
    let time = ManualTime()
    let writer = try openSimulated(disk, time: time)
    let reader = writer.makeReader()
    writer.append(chunk(1...1))
    for value in 1...1500 {
        writer.append(positionChunk(value))
        try writer.settle()
    }
    #expect(writer.status.segments == 2 && writer.status.durable == SequenceNumber(1))
    #expect(try reader.readNumbers() == [1])
    writer.append(chunk(2...2))
    try writer.settle()
    #expect(try reader.readNumbers() == [2])
    #expect(try writer.makeReader().readNumbers() == [1, 2])

    loseUnsynced(disk)
    let next = try openSimulated(disk, time: time)
    #expect(next.positionText == ["s": "2", "quiet": "1500"])
    for value in 1501...3000 {
        next.append(positionChunk(value))
        try next.settle()
    }
    next.append(chunk(3...3))
    next.deliver(SequenceNumber(2))
    time.advance(milliseconds: 1001)
    try next.stopNow()
    let last = try openSimulated(disk, time: time)
    #expect(last.positionText == ["s": "3", "quiet": "3000"])
    #expect(last.status.durable == SequenceNumber(3))
    #expect(try last.makeReader().readNumbers().last == 3)
}

@Test func `a spool that begins with positions alone goes on from its first segment`() throws {
    let disk = DiskState()
    for start in [0, 600, 1200] {
        let writer = try openSimulated(disk)
        for value in start + 1...start + 600 {
            writer.append(positionChunk(value))
            try writer.settle()
        }
        #expect(writer.status.segments == 1)
        try writer.stopNow()
    }
    let writer = try openSimulated(disk)
    #expect(writer.positionText == ["quiet": "1800"])
    writer.append(chunk(1...1))
    try writer.settle()
    #expect(try writer.makeReader().readNumbers() == [1])
}

@Test func `a cursor that a crash left in the page cache is on disk before a start relies on it`() throws {
    let disk = DiskState()
    let time = ManualTime()
    let writer = try openSimulated(disk, time: time)
    writer.append(chunk(1...9))
    try writer.settle()
    writer.deliver(SequenceNumber(9))
    time.advance(milliseconds: 1001)
    disk.contents.withLock { $0.failsNextSync = true }
    #expect(throws: SpoolError.self) { try writer.settle() }

    let next = try openSimulated(disk, time: time)
    #expect(next.settled == SequenceNumber(9))
    loseUnsynced(disk)
    let last = try openSimulated(disk, time: time)
    #expect(last.settled == SequenceNumber(9) && last.movedDeadLetters == SequenceNumber(9))
}

@Test func `a reader that looks ahead in the segment being written goes on where it is`() throws {
    let disk = DiskState()
    let writer = try openSimulated(disk)
    writer.append(chunk(1...3))
    try writer.settle()
    let reader = writer.makeReader()
    #expect(try reader.readNumbers() == [1, 2, 3])
    writer.append(chunk(4...5))
    try writer.settle()
    writer.append(chunk(6...6))
    try writer.settle()
    try reader.seek(to: SequenceNumber(6))
    #expect(try reader.readNumbers() == [6])
    try reader.seek(to: SequenceNumber(2))
    #expect(try reader.readNumbers() == [1, 2, 3, 4, 5, 6])
}

@Test func `nothing counts before its bytes and its name are synced, and nothing goes before the cursor is`() throws {
    let disk = DiskState()
    let time = ManualTime()
    var opened: SimulatedWriter?
    let identity = "open pwritev fdatasync rename fsync"
    // Its line in the identity, and the cursor under its name.
    let newRun = "pwritev fdatasync pwritev fdatasync"
    #expect(
        try disk.calls { opened = try openSimulated(disk, time: time) }
            == "\(identity) fsync fsync \(identity) \(newRun) \(identity)",
        "identity, both directories, cursor, run, reserve")
    let writer = try #require(opened)
    func fill(_ numbers: ClosedRange<UInt64>) throws {
        for number in numbers {
            writer.append(chunk(number...number, fill: 20_000))
            try writer.settle()
        }
    }
    let segment = "open fallocate pwritev pwritev fdatasync rename fsync"
    let group = "pwritev fdatasync"
    let seal = "pwritev fdatasync"
    #expect(try disk.calls { try fill(1...1) } == "\(segment) \(group)")
    #expect(
        try disk.calls { try fill(2...4) }
            == "\(group) \(group) open fallocate \(seal) pwritev pwritev fdatasync rename fsync \(group)")
    writer.deliver(SequenceNumber(4))
    time.advance(milliseconds: 1001)
    let cursor = "pwritev fdatasync"
    #expect(try disk.calls { try writer.settle() } == "\(cursor) rename fsync")
    #expect(try disk.calls { try writer.stopNow() } == "\(seal) \(cursor)")
    let lastGroup = "pwritev fdatasync"
    #expect(
        try disk.calls { opened = try openSimulated(disk, time: time) }
            == "unlink \(lastGroup) fsync fsync \(cursor) \(newRun)", "the file to be used again, and the rest")

    // A torn end is copied aside, synced, before it is overwritten, synced.
    let end = Int(writer.map.snapshot.durableEnd)
    let name = try #require(writer.map.snapshot.segments.last?.name)
    let node = try SimulatedDisk(disk, path: "segments").open(name, .reading).node
    disk.contents.withLock { $0.nodes[node]?.bytes[end + 5] = 7 }
    #expect(
        try disk.calls { opened = try openSimulated(disk, time: time) }
            == "open pwritev fdatasync rename fsync pwritev fdatasync \(lastGroup) fsync fsync \(cursor) \(newRun)")
}
