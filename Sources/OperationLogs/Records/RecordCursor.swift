/// Reads the records of one chunk one by one, so that a reader can pause in the middle and go on later.
///
/// Valid for as long as the chunk's bytes are.
@frozen
public struct RecordCursor {
    @usableFromInline let bytes: UnsafeRawBufferPointer
    @usableFromInline let end: Int
    @usableFromInline var at: Int
    @usableFromInline var left: Int
    /// The number of the record that `next()` returns.
    public var sequence: SequenceNumber

    @inlinable
    public init(_ chunk: ChunkReader) {
        bytes = chunk.bytes
        at = RecordLayout.chunkHeader
        end = at + chunk.recordBytes
        left = chunk.recordCount
        sequence = chunk.firstSequence
    }

    /// The next record, in place; nil behind the last.
    @inlinable
    public mutating func next() throws(MalformedChunk) -> RecordView? {
        guard left > 0 else { return nil }
        guard at &+ RecordLayout.recordHeader <= end else { throw MalformedChunk("a record begins behind the records") }
        let length = Int(bytes.littleEndian(at, as: UInt32.self))
        guard length >= RecordLayout.recordHeader, length <= end &- at else {
            throw MalformedChunk("a record is longer than the records")
        }
        let record = RecordView(
            sequence: sequence, kind: bytes[at + 4], flags: bytes[at + 5], originator: bytes.littleEndian(at + 6),
            received: Timestamp(microseconds: bytes.littleEndian(at + 8)), offset: bytes.littleEndian(at + 16),
            payload: bytes.part(at + RecordLayout.recordHeader, length - RecordLayout.recordHeader))
        at &+= length
        left &-= 1
        sequence = sequence.advanced(by: 1)
        return record
    }
}
