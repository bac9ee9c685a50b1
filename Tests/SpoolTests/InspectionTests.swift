import LinuxSystem
import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

private func spool(stopping: Bool) throws -> (DiskState, SimulatedWriter) {
    let disk = DiskState()
    let writer = try openSimulated(disk)
    for number in UInt64(1)...12 {
        writer.append(chunk(number...number, fill: 12_000))
        try writer.settle()
    }
    if stopping { try writer.stopNow() }
    return (disk, writer)
}

@Test func `segments are listed with their records, beside the writer`() throws {
    let (disk, writer) = try spool(stopping: false)
    let inspector = try SpoolInspector(SimulatedDisk(disk))
    let listed = try inspector.segments()
    #expect(listed.map(\.firstSequence) == writer.map.snapshot.segments.map(\.first))
    #expect(listed.map(\.isSealed) == [true, true, false])
    #expect(listed.last?.lastSequence == SequenceNumber(12))
    var found: [UInt64] = []
    try inspector.forEachGroup(from: SequenceNumber(3)) { group in
        found += try numbers(group)
        return found.count < 8
    }
    #expect(found == Array(3...10))
    #expect(try inspector.firstUndelivered() == SequenceNumber(1))
    #expect(try inspector.identity()?.runs.count == 1)
    let verified = try inspector.verify()
    #expect(verified.findings.isEmpty && verified.segments == 3 && verified.lastSequence == SequenceNumber(12))
}

@Test func `verify names a flipped bit wherever it is, and a torn end as such`() throws {
    let (disk, writer) = try spool(stopping: false)
    let inspector = try SpoolInspector(SimulatedDisk(disk))
    let first = writer.map.snapshot.segments[0]
    let node = try SimulatedDisk(disk, path: "segments").open(first.name, .reading).node
    func flip(_ node: Int, _ at: Int) { disk.contents.withLock { $0.nodes[node]?.bytes[at] ^= 4 } }
    for at in [100, 4096 + 9, 6000, Int(first.sealOffset ?? 0) + 50] {
        flip(node, at)
        let found = try inspector.verify()
        #expect(!found.isWhole && found.findings[0].path.hasSuffix(first.name), "offset \(at)")
        flip(node, at)
    }
    #expect(try inspector.verify().isWhole)
    let last = try #require(writer.map.snapshot.segments.last)
    let lastNode = try SimulatedDisk(disk, path: "segments").open(last.name, .reading).node
    flip(lastNode, Int(writer.map.snapshot.durableEnd) - 100)
    let torn = try inspector.verify()
    #expect(torn.isWhole && torn.findings.map(\.kind) == [.tornEnd])
    #expect(torn.findings.first?.firstSequence == SequenceNumber(12))
}

@Test func `an event whose bytes were altered is not shown, and those around it are`() throws {
    let (disk, writer) = try spool(stopping: true)
    let first = writer.map.snapshot.segments[0]
    let node = try SimulatedDisk(disk, path: "segments").open(first.name, .reading).node
    // Within the line of the first record, behind the snapshot.
    disk.contents.withLock { contents in
        let bytes = contents.nodes[node]?.bytes ?? []
        if let line = bytes.indices.first(where: { bytes[$0...].prefix(9).elementsEqual("1        ".utf8) }) {
            contents.nodes[node]?.bytes[line] = 0x37
        }
    }
    var found: [UInt64] = []
    try SpoolInspector(SimulatedDisk(disk)).forEachGroup(from: SequenceNumber(1)) { group in
        found += try numbers(group)
        return true
    }
    #expect(found == Array(2...12))
}
