/// A durable group, read back.
public struct RecordGroup {
    public let firstSequence: SequenceNumber
    public let recordCount: Int
    public let origin: RecordOrigin
    /// Whole chunks, one behind the other; valid until the source is asked again.
    public let payload: UnsafeRawBufferPointer

    public init(firstSequence: SequenceNumber, recordCount: Int, origin: RecordOrigin, payload: UnsafeRawBufferPointer)
    {
        self.firstSequence = firstSequence
        self.recordCount = recordCount
        self.origin = origin
        self.payload = payload
    }

    /// The last record's number.
    public var lastSequence: SequenceNumber { SequenceNumber(firstSequence.rawValue + UInt64(recordCount) - 1) }

    public func holds(_ sequence: SequenceNumber) -> Bool { firstSequence <= sequence && sequence <= lastSequence }

    /// Calls `body` with each chunk, in order.
    public func forEachChunk(_ body: (ChunkReader) throws -> Void) throws {
        var at = 0
        var sequence = firstSequence
        while at < payload.count {
            let chunk = try ChunkReader(payload.part(at, payload.count - at), firstSequence: sequence)
            try body(chunk)
            at += chunk.bytes.count
            sequence = sequence.advanced(by: chunk.recordCount)
        }
    }
}

/// Reads what is durable, in the order of the spool. Delivery and the mover of dead letters each have one of their own,
/// used by one thread.
public protocol RecordSource: AnyObject {
    /// The number of the last durable record.
    var durable: SequenceNumber { get }
    /// The next group read will be the one that holds `sequence`, or the first behind it.
    func seek(to sequence: SequenceNumber) throws
    /// The next durable group with records; nil if there is none yet.
    func next() throws -> RecordGroup?
    /// The run and chain of the group that holds the record; nil if it is no longer, or not yet, in the spool.
    func origin(of sequence: SequenceNumber) throws -> RecordOrigin?
    /// The last of the records that are lost from `sequence` on without a gap: damaged on the disk, and noted as such;
    /// nil if that record is not known to be lost. A place is noted before a group behind it is handed out.
    func lastLost(from sequence: SequenceNumber) -> SequenceNumber?
    /// Calls `wake` whenever more has become durable; on the spool's thread.
    func onDurable(_ wake: @escaping @Sendable () -> Void)
}

extension RecordSource {
    /// Of a source that loses nothing.
    public func lastLost(from sequence: SequenceNumber) -> SequenceNumber? { nil }
}
