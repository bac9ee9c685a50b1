import LinuxSystem
import OperationLogs
import Testing

@testable import Spool

private let salt = UniqueID(high: 1, low: 2)

private func sampleFrame() -> FrameHeader {
    var frame = FrameHeader(
        kind: .group, firstSequence: SequenceNumber(7), run: UniqueID(high: 3, low: 4), chain: 5,
        latestFilledIn: Timestamp(microseconds: -1), written: Timestamp(microseconds: 6))
    frame.recordCount = 9
    frame.payloadLength = 1001
    frame.payloadChecksum = 77
    return frame
}

@Test func `a segment's name holds its first sequence number`() {
    #expect(SegmentName.firstSequence(SegmentName.of(SequenceNumber(42))) == SequenceNumber(42))
    #expect(SegmentName.firstSequence("next") == nil)
    #expect(SegmentName.firstSequence("0000000000000000004x.seg") == nil)
}

@Test func `a frame header verifies at its own place in its own life of the segment only`() {
    let frame = sampleFrame()
    let bytes = frame.bytes(salt: salt, offset: 4096)
    func read(_ bytes: [UInt8], _ salt: UniqueID, _ offset: UInt64) -> FrameHeader? {
        bytes.withUnsafeBytes { FrameHeader($0, salt: salt, offset: offset) }
    }
    #expect(read(bytes, salt, 4096) == frame)
    #expect(read(bytes, salt, 4104) == nil, "moved")
    #expect(read(bytes, UniqueID(high: 1, low: 3), 4096) == nil, "of a former life")
    for bit in 0..<bytes.count * 8 {
        var flipped = bytes
        flipped[bit / 8] ^= 1 << UInt8(bit % 8)
        #expect(read(flipped, salt, 4096) == nil, "bit \(bit)")
    }
    #expect(frame.frameLength == 128 + 1008)
}

@Test func `the chain tells histories apart by every field`() {
    let frame = sampleFrame()
    var others = [FrameHeader](repeating: frame, count: 5)
    others[0].run = UniqueID(high: 3, low: 5)
    others[1].firstSequence = SequenceNumber(8)
    others[2].recordCount = 10
    others[3].payloadLength = 1002
    others[4].payloadChecksum = 78
    let chains = Set(others.map { $0.chain(after: 1) } + [frame.chain(after: 1), frame.chain(after: 2)])
    #expect(chains.count == 7)
}

@Test func `the same positions make the same snapshot`() {
    let keys = (0..<40).map { [UInt8](repeating: UInt8(97 + $0 % 7), count: 1 + $0) }
    let positions = Dictionary(uniqueKeysWithValues: keys.map { ($0, $0) })
    let bytes = Snapshot.bytes(positions: positions, pipelines: [])
    let read = bytes.withUnsafeBytes { Snapshot.read($0) }
    #expect(read?.positions.map(\.key) == keys.sorted { $0.lexicographicallyPrecedes($1) })
}

@Test func `a segment header is read back, and no other version is`() {
    let header = SegmentHeader(
        salt: salt, spool: UniqueID(high: 8, low: 9), firstSequence: SequenceNumber(11), chain: 12,
        made: Timestamp(microseconds: 13), fileLength: 4110, previousFirst: SequenceNumber(3), previousSeal: 15,
        run: UniqueID(high: 1, low: 1), isRecycled: true)
    var bytes = header.bytes
    #expect(bytes.withUnsafeBytes(SegmentHeader.read) == .valid(header))
    // The fields stand twice: one copy is enough, and one of another segment is none.
    bytes[4095] ^= 1
    #expect(bytes.withUnsafeBytes(SegmentHeader.read) == .damaged(header))
    #expect(bytes.withUnsafeBytes { SegmentHeader.read($0, named: SequenceNumber(12)) } == .invalid)
    bytes[8] = 2
    #expect(bytes.withUnsafeBytes(SegmentHeader.read) == .damaged(header))
    bytes[2048 + 8] = 2
    #expect(bytes.withUnsafeBytes(SegmentHeader.read) == .invalid)
    bytes[8] = 1
    bytes[9] = 0
    bytes[30] ^= 1
    #expect(bytes.withUnsafeBytes(SegmentHeader.read) == .invalid)
}

@Test func `a version is believed where a checksum over it holds, and is damage otherwise`() {
    func read(_ bytes: [UInt8]) -> SegmentHeader.Reading { bytes.withUnsafeBytes(SegmentHeader.read) }
    func put(_ crc: Range<Int>, at place: Int, in bytes: inout [UInt8]) {
        let value = bytes.withUnsafeBytes { CRC32C.of(UnsafeRawBufferPointer(rebasing: $0[crc])) }
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: value.littleEndian, toByteOffset: place, as: UInt32.self) }
    }
    let header = SegmentHeader(
        salt: salt, spool: UniqueID(high: 8, low: 9), firstSequence: SequenceNumber(11), chain: 12,
        made: Timestamp(microseconds: 13), fileLength: 4110, previousFirst: SequenceNumber(3), previousSeal: 15,
        run: UniqueID(high: 1, low: 1), isRecycled: true)
    // A bit of the version in one copy, and any byte of the other.
    for (version, other) in [(8, 2048), (12, 2048), (2048 + 8, 0), (2048 + 12, 0)] {
        for at in other..<other + 128 {
            var bytes = header.bytes
            bytes[version] ^= 2
            #expect(read(bytes) == .damaged(header))
            bytes[at] ^= 1
            #expect(read(bytes) == .invalid, "\(version), \(at)")
        }
    }
    // Another version says so by the checksum over the whole, or by that of either copy of the fields.
    for place in [8, 12] {
        var bytes = header.bytes
        bytes[place] = 7
        put(0..<4092, at: 4092, in: &bytes)
        #expect(read(bytes) == .unknownVersion(major: 7))
        for copy in [0, 2048] {
            var bytes = header.bytes
            for other in [0, 2048] { bytes[other + place] = 7 }
            put(copy..<copy + 124, at: copy + 124, in: &bytes)
            #expect(read(bytes) == .unknownVersion(major: 7))
        }
    }
}

@Test func `another segment's fields in a header's place are noticed`() {
    func header(_ first: UInt64) -> SegmentHeader {
        SegmentHeader(
            salt: salt, spool: UniqueID(high: 8, low: 9), firstSequence: SequenceNumber(first), chain: 12,
            made: Timestamp(microseconds: 13), fileLength: 4110, previousFirst: SequenceNumber(3), previousSeal: 15,
            run: UniqueID(high: 1, low: 1), isRecycled: true)
    }
    var bytes = header(11).bytes
    bytes.replaceSubrange(0..<512, with: header(12).bytes[0..<512])
    #expect(bytes.withUnsafeBytes { SegmentHeader.read($0, named: SequenceNumber(11)) } == .damaged(header(11)))
    // One without the copy, as an earlier build wrote it.
    var former = header(11).bytes
    for at in Array(124..<128) + Array(2048..<2176) { former[at] = 0 }
    let crc = former.withUnsafeBytes { CRC32C.of(UnsafeRawBufferPointer(rebasing: $0[..<4092])) }
    former.withUnsafeMutableBytes { $0.storeBytes(of: crc.littleEndian, toByteOffset: 4092, as: UInt32.self) }
    #expect(former.withUnsafeBytes(SegmentHeader.read) == .valid(header(11)))
}

@Test func `a snapshot gives back positions and pipelines`() throws {
    let bytes = Snapshot.bytes(positions: [[1]: [2, 3]], pipelines: [(key: [4], value: [])])
    let read = try #require(bytes.withUnsafeBytes(Snapshot.read))
    #expect(read.positions.map(\.key) == [[1]] && read.positions.map(\.value) == [[2, 3]])
    #expect(read.pipelines.map(\.key) == [[4]] && read.pipelines.map(\.value) == [[]])
    #expect(bytes.dropLast().withUnsafeBytes { Snapshot.read($0) } == nil)
}

@Test func `a cursor slot is read back, and not with any bit changed`() {
    var slot = CursorSlot.beginning(spool: salt)
    slot.generation = 3
    slot.settled = SequenceNumber(5)
    slot.lanes[2] = LanePosition(
        lane: slot.lanes[2].lane, position: SequenceNumber(4), origin: RecordOrigin(run: salt, chain: 6))
    let bytes = slot.bytes
    #expect(bytes.withUnsafeBytes(CursorSlot.read) == slot)
    for bit in stride(from: 0, to: bytes.count * 8, by: 7) {
        var flipped = bytes
        flipped[bit / 8] ^= 1 << UInt8(bit % 8)
        #expect(flipped.withUnsafeBytes(CursorSlot.read) == nil, "bit \(bit)")
    }
}

@Test func `an identity loses a torn last line only`() {
    var identity = SpoolIdentity(spool: salt, host: testHost)
    let run = SpoolRun(id: salt, firstSequence: SequenceNumber(1), time: "t")
    let head = Array(identity.head.map(ChecksummedLine.of).joined().utf8)
    let whole = head + Array(ChecksummedLine.of(IdentityEntry.run(run).content).utf8)
    let empty = identity
    identity.runs = [run]
    #expect(SpoolIdentity.read(whole) == .valid(identity, goodBytes: whole.count))
    for cut in head.count..<whole.count {
        #expect(SpoolIdentity.read(Array(whole.prefix(cut))) == .valid(empty, goodBytes: head.count))
    }
    var damaged = whole
    damaged[3] ^= 1
    #expect(SpoolIdentity.read(damaged) == .damaged(offset: 0))
    guard case .damaged = SpoolIdentity.read(Array(head.dropLast())) else {
        Issue.record("an identity without its directory is none")
        return
    }
}
