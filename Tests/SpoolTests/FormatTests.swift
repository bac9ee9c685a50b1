import OperationLogs
import Testing

@testable import Spool

@Test func `a segment's name holds its first sequence number`() {
    #expect(SegmentName.firstSequence(SegmentName.of(.init(42))) == .init(42))
    #expect(SegmentName.firstSequence("next") == nil)
    #expect(SegmentName.firstSequence("0000000000000000004x.seg") == nil)
}
