/// The payload of a record which notes that the one before it is a dead letter's, sent again.
public struct RetryNote: Sendable, Hashable {
    /// The id of the dead letter, which is over.
    public let letter: SequenceNumber
    /// What became of it: an event, or a line that was rejected anew.
    public let successor: SequenceNumber

    /// - Returns: nil if the record is no such note.
    public init?(_ record: RecordView) throws(MalformedChunk) {
        guard record.kind == RecordLayout.retryNote else { return nil }
        guard record.payload.count == MemoryLayout<UInt64>.size else {
            throw MalformedChunk("a retry note is not as long as a number")
        }
        letter = SequenceNumber(record.payload.littleEndian(0))
        successor = SequenceNumber(record.sequence.rawValue &- 1)
    }
}
