/// A record that was read back: header and payload, in place.
@frozen
public struct RecordView {
    public let sequence: SequenceNumber
    /// 1 to 8, `RecordLayout.rejectedLine` or `RecordLayout.retryNote`.
    public let kind: UInt8
    public let flags: UInt8
    public let originator: UInt16
    public let received: Timestamp
    public let offset: UInt64
    /// Of an event: a tuple of binary COPY.
    public let payload: UnsafeRawBufferPointer

    @inlinable
    init(
        sequence: SequenceNumber, kind: UInt8, flags: UInt8, originator: UInt16, received: Timestamp, offset: UInt64,
        payload: UnsafeRawBufferPointer
    ) {
        self.sequence = sequence
        self.kind = kind
        self.flags = flags
        self.originator = originator
        self.received = received
        self.offset = offset
        self.payload = payload
    }
}

/// What stands in bytes that were written as a chunk but do not fit the format: the checksum held, so the writer erred.
public struct MalformedChunk: Error, CustomStringConvertible {
    public let what: String
    public init(_ what: String) { self.what = what }
    public var description: String { "malformed chunk: \(what)" }
}

/// Reads one chunk in place. Every length is checked against the bytes that are there; nothing is copied.
@frozen
public struct ChunkReader {
    /// The whole chunk.
    public let bytes: UnsafeRawBufferPointer
    public let recordCount: Int
    public let firstSequence: SequenceNumber
    @usableFromInline let recordBytes: Int
    @usableFromInline let originatorBytes: Int
    @usableFromInline let positionBytes: Int
    /// Bit *n* for kind *n*, bit 0 for rejected lines and retry notes: what the mover of dead letters looks for.
    public let present: UInt32

    /// Reads the chunk at the start of `bytes`, whose first record has the number `firstSequence`.
    public init(_ bytes: UnsafeRawBufferPointer, firstSequence: SequenceNumber) throws(MalformedChunk) {
        guard bytes.count >= RecordLayout.chunkHeader else { throw MalformedChunk("shorter than its header") }
        let length = Int(bytes.littleEndian(0, as: UInt32.self))
        recordCount = Int(bytes.littleEndian(4, as: UInt32.self))
        recordBytes = Int(bytes.littleEndian(8, as: UInt32.self))
        originatorBytes = Int(bytes.littleEndian(12, as: UInt32.self))
        positionBytes = Int(bytes.littleEndian(16, as: UInt32.self))
        present = bytes.littleEndian(24)
        self.firstSequence = firstSequence
        guard length <= bytes.count, length == RecordLayout.chunkHeader + recordBytes + originatorBytes + positionBytes,
            recordCount <= recordBytes / RecordLayout.recordHeader
        else { throw MalformedChunk("its lengths do not add up") }
        self.bytes = bytes.part(0, length)
    }

    /// Whether any of its records is an event of this kind.
    public func holds(_ kind: EventKind) -> Bool { present & 1 << UInt32(kind.rawValue) != 0 }

    /// Calls `body` with each record, in order.
    @inlinable
    public func forEachRecord(_ body: (RecordView) throws -> Void) throws {
        var at = RecordLayout.chunkHeader
        let end = at + recordBytes
        var sequence = firstSequence
        for _ in 0..<recordCount {
            guard at + RecordLayout.recordHeader <= end else {
                throw MalformedChunk("a record begins behind the records")
            }
            let length = Int(bytes.littleEndian(at, as: UInt32.self))
            guard length >= RecordLayout.recordHeader, length <= end - at else {
                throw MalformedChunk("a record is longer than the records")
            }
            try body(
                RecordView(
                    sequence: sequence, kind: bytes[at + 4], flags: bytes[at + 5],
                    originator: bytes.littleEndian(at + 6),
                    received: Timestamp(microseconds: bytes.littleEndian(at + 8)), offset: bytes.littleEndian(at + 16),
                    payload: bytes.part(at + RecordLayout.recordHeader, length - RecordLayout.recordHeader)))
            at += length
            sequence = sequence.advanced(by: 1)
        }
    }

    /// The originators, at the indices that records name.
    public func originators() throws(MalformedChunk) -> [RecordOriginator] {
        var found: [RecordOriginator] = []
        var at = RecordLayout.chunkHeader + recordBytes
        let end = at + originatorBytes
        while at < end {
            guard at + RecordLayout.originatorHeader <= end else { throw MalformedChunk("an originator is cut off") }
            let inputLength = Int(bytes.littleEndian(at + 2, as: UInt16.self))
            let pathLength = Int(bytes.littleEndian(at + 4, as: UInt32.self))
            let text = at + RecordLayout.originatorHeader
            guard inputLength + pathLength <= end - text, let kind = RecordOriginator.Kind(rawValue: bytes[at]) else {
                throw MalformedChunk("an originator is not one")
            }
            let hasPeer = bytes[at + 1] & 1 != 0
            found.append(
                RecordOriginator(
                    kind: kind, input: String(decoding: bytes.part(text, inputLength), as: UTF8.self),
                    path: bytes[at + 1] & 2 != 0
                        ? String(decoding: bytes.part(text + inputLength, pathLength), as: UTF8.self) : nil,
                    uid: hasPeer ? bytes.littleEndian(at + 8) : nil, pid: hasPeer ? bytes.littleEndian(at + 12) : nil))
            at = text + inputLength + pathLength
        }
        return found
    }

    /// Calls `body` with the key and value of each source position; an empty value forgets the source.
    public func forEachPosition(_ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Void) throws {
        var at = RecordLayout.chunkHeader + recordBytes + originatorBytes
        let end = bytes.count
        while at < end {
            guard at + RecordLayout.positionHeader <= end else { throw MalformedChunk("a source position is cut off") }
            let keyLength = Int(bytes.littleEndian(at, as: UInt16.self))
            let valueLength = Int(bytes.littleEndian(at + 4, as: UInt32.self))
            let key = at + RecordLayout.positionHeader
            guard keyLength + valueLength <= end - key else { throw MalformedChunk("a source position is too long") }
            try body(bytes.part(key, keyLength), bytes.part(key + keyLength, valueLength))
            at = key + keyLength + valueLength
        }
    }
}
