import LinuxSystem
import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

/// Frames whose own checksums are right, at the place where they stand, and which do not belong into this history.
enum Forgery: CaseIterable {
    /// The number of the first record is wrong; the chain over it is what it should be then.
    case sequence
    /// The chain is wrong, and nothing else.
    case chain

    var words: String { self == .sequence ? "stands where" : "the checksum chained over all groups does not follow" }

    fileprivate func applied(to frame: FrameHeader, chainBefore: UInt64) -> FrameHeader {
        var forged = frame
        switch self {
        case .sequence:
            forged.firstSequence = frame.firstSequence.advanced(by: 1)
            forged.chain = forged.chain(after: chainBefore)
        case .chain:
            forged.chain ^= 1
        }
        return forged
    }

    /// Forges the middle group of a segment, or its last one.
    fileprivate func apply(_ disk: DiskState, _ node: Int, last isLast: Bool) throws {
        let bytes = disk.contents.withLock { $0.nodes[node]?.bytes ?? [] }
        guard case .valid(let header) = bytes.withUnsafeBytes(SegmentHeader.read) else {
            Issue.record("not a segment")
            return
        }
        var groups: [(offset: UInt64, frame: FrameHeader, chainBefore: UInt64)] = []
        var chain = header.chain
        var offset = UInt64(SegmentHeader.length)
        while Int(offset) + FrameHeader.length <= bytes.count,
            let frame = bytes.withUnsafeBytes({
                FrameHeader($0.part(Int(offset), FrameHeader.length), salt: header.salt, offset: offset)
            })
        {
            if frame.kind == .group { groups.append((offset, frame, chain)) }
            chain = frame.chain
            offset += frame.frameLength
        }
        try #require(groups.count >= 3)
        let group = groups[isLast ? groups.count - 1 : groups.count / 2]
        let forged = applied(to: group.frame, chainBefore: group.chainBefore)
        let head = forged.bytes(salt: header.salt, offset: group.offset)
        #expect(head.withUnsafeBytes { FrameHeader($0, salt: header.salt, offset: group.offset) } == forged)
        let at = Int(group.offset)
        disk.edit(node) { $0.replaceSubrange(at..<at + head.count, with: head) }
    }
}

@Test(arguments: Forgery.allCases, [false, true])
func `a start stops at a group that does not follow the one before, and touches nothing`(
    forgery: Forgery, isLast: Bool
) throws {
    let disk = try threeSegments(stopping: false)
    let writer = try openSimulated(disk)
    // Three groups at least in the segment that a start reads whole.
    for number in UInt64(13)...15 {
        writer.append(chunk(number...number))
        try writer.settle()
    }
    let node = try #require(disk.segmentNodes().last)
    try forgery.apply(disk, node, last: isLast)
    let refused = refusal(disk)
    #expect(refused?.exitStatus == 74)
    #expect(refused?.description.contains(forgery.words) == true, "\(String(describing: refused))")
    #expect(refused?.description.contains("\n") == false, "one line")
}

@Test(arguments: Forgery.allCases, [false, true])
func `a reader refuses a group that does not follow the one before`(forgery: Forgery, isLast: Bool) throws {
    let disk = try threeSegments()
    // A start reads the last segment whole, and not this one.
    let node = try #require(disk.segmentNodes().first)
    try forgery.apply(disk, node, last: isLast)
    let writer = try openSimulated(disk)
    let reader = writer.makeReader()
    var found: [UInt64] = []
    let refused = #expect(throws: SpoolError.self) {
        while let group = try reader.next() { found += try numbers(group) }
    }
    #expect(refused?.exitStatus == 74 && refused?.description.contains(forgery.words) == true)
    #expect(found == Array(1..<UInt64(found.count + 1)) && found.count < 6, "what stands before it is read: \(found)")
    #expect(throws: SpoolError.self) { _ = try reader.next() }
}

@Test(arguments: Forgery.allCases)
func `a start stops at a seal that the next segment does not follow, and touches nothing`(forgery: Forgery) throws {
    let disk = try threeSegments(stopping: false)
    let entry = try openSimulated(disk).map.snapshot.segments[0]
    let offset = try #require(entry.sealOffset)
    let node = try #require(disk.segmentNodes().first)
    let bytes = disk.contents.withLock { Array($0.nodes[node]?.bytes.dropFirst(Int(offset)) ?? []) }
    var seal = try #require(bytes.withUnsafeBytes { FrameHeader($0, salt: entry.header.salt, offset: offset) })
    switch forgery {
    case .sequence: seal.firstSequence = seal.firstSequence.advanced(by: 1)
    case .chain: seal.chain ^= 1
    }
    let head = seal.bytes(salt: entry.header.salt, offset: offset)
    disk.edit(node) { $0.replaceSubrange(Int(offset)..<Int(offset) + head.count, with: head) }
    let refused = refusal(disk)
    #expect(refused?.exitStatus == 74)
    #expect(refused?.description.contains("does not go on where this one ends") == true)
}

@Test func `a reader holds nothing from behind the durable end`() throws {
    var options = testOptions(max: 16 << 20)
    options.segmentBytes = 1 << 20
    let writer = try openSimulated(DiskState(), options: options)
    let reader = writer.makeReader()
    // The second group lies across the end of the first read, so that another is made while nothing stands behind it.
    writer.append(chunk(1...10, fill: 20_000))
    try writer.settle()
    writer.append(chunk(11...14, fill: 20_000))
    try writer.settle()
    #expect(writer.map.snapshot.segments.count == 1)
    #expect(try reader.readNumbers() == Array(1...14))
    for number in UInt64(15)...20 {
        writer.append(chunk(number...number))
        try writer.settle()
        #expect(try reader.readNumbers() == [number])
    }
}
