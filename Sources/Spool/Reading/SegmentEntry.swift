import OperationLogs

/// A segment as the running spool knows it.
struct SegmentEntry: Equatable, Sendable {
    var header: SegmentHeader
    /// Where the seal stands with which the segment ends; nil of the one that is being written.
    var sealOffset: UInt64?
    /// The number behind its last record; nil of the one that is being written.
    var next: SequenceNumber?
    /// When its last frame was written.
    var lastWritten: Timestamp

    var first: SequenceNumber { header.firstSequence }
    var bytes: UInt64 { header.fileLength }
    var name: String { SegmentName.of(first) }
}
