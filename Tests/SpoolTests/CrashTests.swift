import Instruments
import LinuxSystem
import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

/// A workload with rotation, delivery, freeing and a stop, and what it was told.
private struct Workload {
    var acknowledged: UInt64 = 0
    var appended: UInt64 = 0
    var delivered: UInt64 = 0

    mutating func run(_ disk: DiskState, from first: UInt64, fat: Bool) {
        let receipt = NotedReceipt()
        defer { acknowledged = max(acknowledged, receipt.last) }
        do {
            let time = ManualTime()
            let writer = try openSimulated(disk, time: time, options: testOptions(max: 192 << 10))
            var next = first
            for step in 0..<9 {
                let last = next + 2
                writer.append(chunk(next...last, fill: fat ? 5000 : 10, source: "s\(step % 2)", receipt: receipt))
                appended = last
                next = last + 1
                try writer.settle()
                if step % 3 == 2 {
                    let reader = writer.makeReader()
                    try reader.seek(to: SequenceNumber(delivered + 1))
                    while let group = try reader.next() { delivered = group.lastSequence.rawValue }
                    writer.deliver(SequenceNumber(delivered))
                    time.advance(milliseconds: 1500)
                    try writer.settle()
                }
            }
            try writer.stopNow()
        } catch {
            // The machine has gone; what matters is what it leaves.
        }
    }

    /// Opens what the crash left, and checks it against what was acknowledged.
    mutating func check(_ disk: DiskState, _ place: String) throws {
        let writer = try openSimulated(disk, options: testOptions(max: 192 << 10))
        let durable = writer.status.durable.rawValue
        #expect(durable >= acknowledged && durable <= appended, "\(place): \(durable), \(acknowledged) acknowledged")
        let first = writer.status.first.rawValue
        #expect(first <= delivered + 1, "\(place): undelivered records were freed")
        #expect(writer.settled.rawValue <= delivered)
        let found = try writer.makeReader().readNumbers()
        #expect(found == (first <= durable ? Array(first...durable) : []), "\(place)")
        let newest = writer.positionText.values.compactMap(UInt64.init).max() ?? 0
        #expect(newest == durable, "\(place): the positions stand at \(newest), the records at \(durable)")
        try writer.stopNow()
    }
}

private func crashEverywhere(fat: Bool, keeping share: Double, seed: UInt64) throws {
    var generator = SplitMix64(seed: seed)
    let whole = DiskState()
    var clean = Workload()
    clean.run(whole, from: 1, fat: fat)
    #expect(clean.acknowledged == clean.appended)
    let operations = whole.operations
    for operation in 0...operations {
        let disk = DiskState()
        disk.fail(from: operation)
        var workload = Workload()
        workload.run(disk, from: 1, fat: fat)
        disk.crash(keeping: share, using: &generator)
        // The recovery is interrupted too, at some point of its own.
        disk.fail(from: disk.operations + Int.random(in: 0...9, using: &generator))
        _ = try? openSimulated(disk)
        disk.crash(keeping: share, using: &generator)
        try workload.check(disk, "crash at operation \(operation) of \(operations), seed \(seed)")
    }
}

@Test(arguments: [0.0, 0.5, 1.0])
func `a crash at any operation loses nothing acknowledged and repeats nothing`(share: Double) throws {
    try crashEverywhere(fat: false, keeping: share, seed: 7)
}

@Test(arguments: [0.0, 0.5, 1.0])
func `a crash at any operation of rotation, recycling and freeing loses nothing`(share: Double) throws {
    try crashEverywhere(fat: true, keeping: share, seed: 11)
}

@Test func `a group torn at any byte is cut, reported, and its numbers are used again`() throws {
    let disk = DiskState()
    let before = try openSimulated(disk)
    before.append(chunk(1...2))
    try before.settle()
    let end = Int(before.map.snapshot.durableEnd)
    before.append(chunk(3...5))
    try before.settle()
    let length = Int(before.map.snapshot.durableEnd) - end
    let node = try SimulatedDisk(disk, path: "segments").open(before.map.snapshot.segments[0].name, .reading).node
    let whole = disk.contents.withLock { $0 }
    for kept in 0..<length {
        disk.contents.withLock { contents in
            contents = whole
            for at in end + kept..<end + length { contents.nodes[node]?.bytes[at] = 0 }
        }
        let notes = NotedDiagnostics()
        let writer = try openSimulated(disk, diagnostics: notes.diagnostics)
        // The last bytes of the frame may be zeros that fill it up: then nothing is torn.
        let isWhole = writer.status.durable == SequenceNumber(5)
        #expect(isWhole ? kept > length - 32 : writer.status.durable == SequenceNumber(2), "\(kept) bytes kept")
        #expect(notes.texts(.warning).count == (isWhole || kept == 0 ? 0 : 1))
        writer.append(chunk(3...4))
        try writer.settle()
        if !isWhole { #expect(try writer.makeReader().readNumbers() == Array(1...4)) }
        if !isWhole, kept > 0 {
            #expect(try SimulatedDisk(disk).directory("torn").names().count == 1)
            let again = try openSimulated(disk)
            #expect(again.recovery.contains("nothing of it is torn"), "nothing torn is found twice")
        }
    }
}

@Test func `after a failed sync nothing is acknowledged and nothing is tried again`() throws {
    let disk = DiskState()
    let receipt = NotedReceipt()
    let writer = try openSimulated(disk)
    writer.append(chunk(1...1, receipt: receipt))
    try writer.settle()
    disk.contents.withLock { $0.failsNextSync = true }
    writer.append(chunk(2...2, receipt: receipt))
    #expect(throws: SpoolError.self) { try writer.settle() }
    writer.append(chunk(3...3, receipt: receipt))
    #expect(throws: SpoolError.self) { try writer.settle() }
    #expect(receipt.tickets == [1])
    #expect(!writer.isAccepting && writer.status.failure?.contains("fdatasync") == true)
    // The page cache still holds the group; recovery takes it and makes it durable anew.
    let next = try openSimulated(disk)
    #expect(next.status.durable == SequenceNumber(2))
    var generator = SplitMix64(seed: 1)
    disk.crash(keeping: 0, using: &generator)
    #expect(try openSimulated(disk).makeReader().readNumbers() == [1, 2])
}
