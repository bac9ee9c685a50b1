import Instruments
import LinuxSystem
import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

/// The frames of a segment, by their headers, on a disk that is whole.
func frames(_ disk: DiskState, _ node: Int) -> [(offset: Int, frame: FrameHeader)] {
    let bytes = disk.contents.withLock { $0.nodes[node]?.bytes ?? [] }
    guard case .valid(let header) = bytes.withUnsafeBytes({ SegmentHeader.read($0) }) else { return [] }
    var found: [(offset: Int, frame: FrameHeader)] = []
    var offset = SegmentHeader.length
    while offset + FrameHeader.length <= bytes.count,
        let frame = bytes.withUnsafeBytes({
            FrameHeader($0.part(offset, FrameHeader.length), salt: header.salt, offset: UInt64(offset))
        })
    {
        found.append((offset, frame))
        offset += Int(frame.frameLength)
    }
    return found
}

/// Where the payload of the group with this record stands.
private func payload(of record: UInt64, _ disk: DiskState) throws -> (node: Int, offset: Int) {
    for node in disk.segmentNodes() {
        for (offset, frame) in frames(disk, node)
        where frame.kind == .group && frame.firstSequence.rawValue <= record && record < frame.nextSequence.rawValue {
            return (node, offset + FrameHeader.length)
        }
    }
    throw SpoolError(.damaged, "no such record")
}

private func flip(_ disk: DiskState, _ place: (node: Int, offset: Int)) {
    disk.edit(place.node) { $0[place.offset] ^= 1 }
}

@Suite struct DamageTests {
    @Test(arguments: [false, true], [UInt64(2), 7, 10, 11])
    func `a damaged group is named and counted, and what stands around it is read`(
        isHeader: Bool, record: UInt64
    ) throws {
        let disk = try threeSegments()
        var place = try payload(of: record, disk)
        if isHeader { place.offset -= 100 }
        flip(disk, place)
        let verified = try SpoolInspector(SimulatedDisk(disk)).verify()
        let number = SequenceNumber(record)
        #expect(verified.findings.contains { $0.firstSequence == number && $0.lastSequence == number })
        let notes = NotedDiagnostics()
        let writer = try openSimulated(disk, diagnostics: notes.diagnostics)
        #expect(try writer.makeReader().readNumbers() == (1...12).filter { $0 != record })
        #expect(writer.status.lostRanges.map(\.first) == [number])
        #expect(writer.status.lostRanges.map(\.recordCount) == [1])
        #expect(notes.texts(.error).contains { $0.contains("record \(record) is lost") })
        #expect(writer.makeReader().lastLost(from: number) == number)
        #expect(writer.makeReader().lastLost(from: number.advanced(by: 1)) == nil)
        let name = try #require(writer.status.lostRanges.first?.copyName)
        #expect(try SimulatedDisk(disk).directory("quarantine").names() == [name])
        // It goes on, and a second start says and copies nothing twice.
        writer.append(chunk(13...13))
        try writer.settle()
        try writer.stopNow()
        let again = NotedDiagnostics()
        let next = try openSimulated(disk, diagnostics: again.diagnostics)
        #expect(try next.makeReader().readNumbers() == (1...13).filter { $0 != record })
        #expect(again.texts(.error).isEmpty && next.status.lostRanges.map(\.first) == [number])
        #expect(try SimulatedDisk(disk).directory("quarantine").names() == [name])
    }

    @Test func `two readers that meet one place note it once`() throws {
        let disk = try threeSegments()
        flip(disk, try payload(of: 2, disk))
        let registry = Registry()
        let writer = try SimulatedWriter.open(
            disk: SimulatedDisk(disk), time: ManualTime(), options: testOptions(), host: testHost,
            diagnostics: .silent, registry: registry)
        #expect(try writer.makeReader().readNumbers() == [1] + Array(3...12))
        #expect(try writer.makeReader().readNumbers() == [1] + Array(3...12))
        #expect(registry.counter("opslogd_spool_lost_records_total", help: "").value == 1)
        #expect(writer.status.lostRanges.count == 1)
    }

    @Test func `a missing segment is a range, and one before the first another`() throws {
        for index in [0, 1] {
            let disk = try threeSegments()
            let segments = try openSimulated(disk).map.snapshot.segments.map(\.first.rawValue)
            let gone = disk.segmentNodes()[index]
            disk.contents.withLock { $0.edit("segments") { entries in entries = entries.filter { $0.value != gone } } }
            #expect(try !SpoolInspector(SimulatedDisk(disk)).verify().isWhole)
            let writer = try openSimulated(disk)
            let kept = (1...12).filter { $0 < segments[index] || $0 >= segments[index + 1] }
            #expect(try writer.makeReader().readNumbers() == kept)
            let lost = try #require(writer.status.lostRanges.first)
            #expect(lost.first.rawValue == segments[index] && lost.next.rawValue == segments[index + 1])
        }
    }

    @Test func `a header that is damaged is read from its copy; one that is lost loses its segment alone`() throws {
        let disk = try threeSegments()
        let second = disk.segmentNodes()[1]
        disk.edit(second) { $0[20] ^= 1 }
        let notes = NotedDiagnostics()
        #expect(try openSimulated(disk, diagnostics: notes.diagnostics).makeReader().readNumbers() == Array(1...12))
        #expect(notes.texts(.warning).contains { $0.contains("its header is damaged") })
        #expect(try !SpoolInspector(SimulatedDisk(disk)).verify().isWhole)
        disk.edit(second) { $0[2048 + 20] ^= 1 }
        let writer = try openSimulated(disk)
        let segments = writer.map.snapshot.segments.map(\.first.rawValue)
        #expect(try writer.makeReader().readNumbers() == (1...12).filter { $0 < segments[1] || $0 >= segments[2] })
        // Passed over, it is freed like any other.
        writer.deliver(SequenceNumber(12))
        try writer.stopNow()
        #expect(writer.status.segments == 1)
    }

    @Test func `the last segment's header lost with its copy stops with 74`() throws {
        let disk = try threeSegments()
        let last = try #require(disk.segmentNodes().last)
        disk.edit(last) { for copy in [0, 2048] { $0[copy + 20] ^= 1 } }
        #expect(refusal(disk)?.exitStatus == 74)
        let cut = try threeSegments()
        cut.edit(try #require(cut.segmentNodes().last)) { $0.removeLast($0.count) }
        #expect(refusal(cut)?.exitStatus == 74)
    }

    @Test func `positions whose snapshot is damaged come from the segment before, and are written anew`() throws {
        let disk = try threeSegments()
        let whole = try openSimulated(try threeSegments()).positionText
        let last = try #require(disk.segmentNodes().last)
        disk.edit(last) { $0[4096 + 128 + 2] ^= 1 }
        let writer = try openSimulated(disk)
        #expect(writer.positionText == whole && !whole.isEmpty)
        #expect(writer.map.snapshot.segments.count == 4)
        #expect(try writer.makeReader().readNumbers() == Array(1...12))
        writer.deliver(SequenceNumber(12))
        try writer.stopNow()
        #expect(try openSimulated(disk).positionText == whole)
    }

    @Test func `a file that was cut loses what stood behind the cut`() throws {
        let disk = try threeSegments()
        let first = disk.segmentNodes()[0]
        let groups = frames(disk, first).filter { $0.frame.kind == .group }
        let cut = groups[1].offset + 200
        disk.edit(first) { $0.removeLast($0.count - cut) }
        let writer = try openSimulated(disk)
        let next = writer.map.snapshot.segments[1].first.rawValue
        #expect(try writer.makeReader().readNumbers() == [1] + Array(next...12))
        #expect(writer.status.lostRanges.map(\.first.rawValue) == [2])
    }

    @Test func `damage that reaches the end of what is durable stops the reader`() throws {
        let disk = DiskState()
        let writer = try openSimulated(disk)
        for number in UInt64(1)...3 {
            writer.append(chunk(number...number, fill: 1000))
            try writer.settle()
        }
        flip(disk, try payload(of: 3, disk))
        let reader = writer.makeReader()
        let refused = #expect(throws: SpoolError.self) { _ = try reader.readNumbers() }
        #expect(refused?.exitStatus == 74)
        // Something behind it makes it damage inside.
        writer.append(chunk(4...4))
        try writer.settle()
        #expect(try writer.makeReader().readNumbers() == [1, 2, 4])
    }

    @Test(arguments: [false, true])
    func `damage just before a torn end keeps its numbers, whatever is done or not done behind it`(isHeader: Bool)
        throws
    {
        let disk = try threeSegments(stopping: false)
        // Both payloads; or the header of the one before, so that nothing tells its chain.
        var place = try payload(of: 11, disk)
        if isHeader { place.offset -= 100 }
        let end = try payload(of: 12, disk)
        flip(disk, place)
        flip(disk, end)
        // Killed before anything is written behind it.
        for _ in 0..<3 {
            let writer = try openSimulated(disk)
            #expect(try writer.makeReader().readNumbers() == Array(1...10))
            #expect(writer.status.lostRanges.map(\.first.rawValue) == [11] && writer.status.durable.rawValue == 11)
            // Delivery looks for a record behind it.
            let reader = writer.makeReader()
            try reader.seek(to: SequenceNumber(12))
            #expect(try reader.next() == nil)
        }
        let writer = try openSimulated(disk)
        writer.append(chunk(12...12))
        try writer.settle()
        #expect(try writer.makeReader().readNumbers() == Array(1...10) + [12])
        let reader = writer.makeReader()
        try reader.seek(to: SequenceNumber(12))
        #expect(try reader.readNumbers() == [12])
        try writer.stopNow()
        #expect(try openSimulated(disk).makeReader().readNumbers() == Array(1...10) + [12])
    }

    @Test func `a crash at any write of a start that cuts an end behind damage leaves the numbers as they are`() throws
    {
        let disk = try threeSegments(stopping: false)
        flip(disk, try payload(of: 11, disk))
        flip(disk, try payload(of: 12, disk))
        let contents = disk.contents.withLock { $0 }
        let before = disk.operations
        _ = try openSimulated(disk)
        let operations = disk.operations - before
        var generator = SplitMix64(seed: 3)
        for operation in 0...operations {
            disk.contents.withLock { $0 = contents }
            disk.fail(from: before + operation)
            _ = try? openSimulated(disk)
            disk.crash(keeping: 0.5, using: &generator)
            let writer = try openSimulated(disk)
            #expect(writer.status.durable.rawValue == 11, "a crash at operation \(operation)")
            #expect(try writer.makeReader().readNumbers() == Array(1...10))
        }
    }
}
