import OperationLogs
import Testing

@testable import Spool

// Numbers that no writer gives, behind checksums that hold: they are refused where they are read, since what follows adds
// to them and subtracts from them.

private let salt = UniqueID(high: 1, low: 2)

private func segmentHeader(_ change: (inout SegmentHeader) -> Void = { _ in }) -> SegmentHeader {
    var header = SegmentHeader(
        salt: salt, spool: salt, firstSequence: SequenceNumber(1), chain: 5, made: Timestamp(microseconds: 0),
        fileLength: 8192, previousFirst: .zero, previousSeal: 0, run: salt, isRecycled: false)
    change(&header)
    return header
}

private func read(_ change: (inout SegmentHeader) -> Void) -> SegmentHeader.Reading {
    segmentHeader(change).bytes.withUnsafeBytes(SegmentHeader.read)
}

@Test func `a segment's header with an impossible number or length does not verify`() {
    #expect(read { $0.firstSequence = .largest } == .valid(segmentHeader { $0.firstSequence = .largest }))
    #expect(read { $0.fileLength = 4096 } == .valid(segmentHeader { $0.fileLength = 4096 }))
    #expect(read { $0.firstSequence = .zero } == .invalid)
    #expect(read { $0.firstSequence = SequenceNumber(1 << 63) } == .invalid)
    #expect(read { $0.fileLength = 4095 } == .invalid)
    #expect(read { $0.fileLength = .max } == .invalid)
    #expect(read { $0.previousSeal = .max } == .invalid)
}

@Test(arguments: [(0, 0), (1 << 63, 0), (.max, 0), (1, (1 << 40) + 1), (1, Int.max)] as [(UInt64, Int)])
func `a frame with an impossible number or length does not verify`(first: UInt64, payload: Int) {
    var frame = FrameHeader(
        kind: .group, firstSequence: SequenceNumber(1), run: salt, chain: 5, latestFilledIn: Timestamp(microseconds: 0),
        written: Timestamp(microseconds: 0))
    func isRead() -> Bool {
        frame.bytes(salt: salt, offset: 4096).withUnsafeBytes { FrameHeader($0, salt: salt, offset: 4096) } != nil
    }
    #expect(isRead())
    frame.firstSequence = SequenceNumber(first)
    frame.payloadLength = payload
    #expect(!isRead())
}

@Test func `a cursor's slot with an impossible number does not verify`() {
    func isRead(_ change: (inout CursorSlot) -> Void) -> Bool {
        var slot = CursorSlot.beginning(spool: salt)
        change(&slot)
        return slot.bytes.withUnsafeBytes(CursorSlot.read) != nil
    }
    #expect(isRead { $0.settled = .largest })
    #expect(!isRead { $0.settled = SequenceNumber(1 << 63) })
    #expect(!isRead { $0.moved = SequenceNumber(.max) })
    #expect(!isRead { $0.generation = .max })
    #expect(!isRead { $0.lanes[7].position = SequenceNumber(.max) })
}
