/// Gathers records into a chunk. Owned by one input, on one thread.
///
/// The parser writes records in place through the module's own `arena`; nothing here allocates per record, except when
/// the arena grows.
public final class ChunkBuilder {
    // One thread owns a builder: checking each access for another one would cost as much as writing a field.
    @exclusivity(unchecked) var arena: ByteArena
    @exclusivity(unchecked) public private(set) var recordCount = 0
    @exclusivity(unchecked) private var countsByKind = [Int](repeating: 0, count: 9)
    private var hasRetryNote = false
    @exclusivity(unchecked) private var latestReceipt = Timestamp(microseconds: .min)
    private var originators = ByteArena(capacity: 256)
    @exclusivity(unchecked) private var originatorCount = 0
    private var positions = ByteArena(capacity: 256)
    @exclusivity(unchecked) private var positionCount = 0
    private let expectedBytes: Int

    /// - Parameter expectedBytes: what to allocate for a chunk at first; a chunk of lone lines needs little.
    public init(expectedBytes: Int = 4096) {
        self.expectedBytes = max(expectedBytes, 2 * RecordLayout.chunkHeader)
        arena = ByteArena(capacity: expectedBytes)
        arena.count = RecordLayout.chunkHeader
    }

    /// Whether there is nothing to close: no record and no position.
    public var isEmpty: Bool { recordCount == 0 && positionCount == 0 }
    public var recordBytes: Int { arena.count - RecordLayout.chunkHeader }
    /// Whether the chunk should be closed now: it has reached its size, or one of its tables is full.
    public var isFull: Bool {
        arena.count >= RecordLayout.fullChunk || originatorCount >= 65_000 || positionCount >= 65_000
    }

    /// Adds an originator, whose index its records name. Add one for each connection or file that has records in this
    /// chunk, once.
    public func add(_ originator: RecordOriginator) -> UInt16 {
        let index = UInt16(originatorCount)
        originatorCount += 1
        let input = String(originator.input.prefix(256))
        let path = originator.path ?? ""
        let hasPeer = originator.uid != nil
        originators.appendLittleEndian(originator.kind.rawValue)
        originators.appendLittleEndian(UInt8((hasPeer ? 1 : 0) | (originator.path != nil ? 2 : 0)))
        originators.appendLittleEndian(UInt16(input.utf8.count))
        originators.appendLittleEndian(UInt32(path.utf8.count))
        originators.appendLittleEndian(originator.uid ?? 0)
        originators.appendLittleEndian(originator.pid ?? 0)
        originators.append(input)
        originators.append(path)
        return index
    }

    /// Forgets the originators of a chunk that got nothing from them; their indices are void.
    public func forgetOriginators() {
        guard isEmpty else { return }
        originators.count = 0
        originatorCount = 0
    }

    /// Adds the position of a source, which becomes durable together with the records of this chunk.
    ///
    /// - Parameters:
    ///   - key: names the source for good; at most 65,535 bytes. Opaque to the spool.
    ///   - value: replaces the source's former value; empty forgets the source.
    public func addPosition(key: [UInt8], value: [UInt8]) {
        positions.appendLittleEndian(UInt16(key.count))
        positions.appendLittleEndian(UInt16(0))
        positions.appendLittleEndian(UInt32(value.count))
        key.withUnsafeBytes { positions.append($0) }
        value.withUnsafeBytes { positions.append($0) }
        positionCount += 1
    }

    /// Appends a rejected line.
    ///
    /// - Parameters:
    ///   - line: without its end; more than 64 KiB are cut off if it is overlong.
    ///   - isTruncated: whether `line` is not the whole line.
    public func appendRejection(
        _ reason: RejectionReason, event: EventKind?, detail: String, line: UnsafeRawBufferPointer, isTruncated: Bool,
        originator: UInt16, received: Timestamp, offset: UInt64
    ) {
        var detail = detail
        detail.withUTF8 { detail in
            let length = RecordLayout.recordHeader + RecordLayout.rejectionHeader + detail.count + line.count
            arena.reserve(length)
            writeHeader(
                length: length, kind: RecordLayout.rejectedLine, flags: 0, originator: originator, received: received,
                offset: offset)
            arena.count += RecordLayout.recordHeader
            arena.appendLittleEndian(reason.rawValue)
            arena.appendLittleEndian(event?.rawValue ?? 0)
            arena.appendLittleEndian(UInt8(isTruncated ? 1 : 0))
            arena.appendLittleEndian(UInt8(0))
            arena.appendLittleEndian(UInt32(detail.count))
            arena.appendLittleEndian(UInt32(line.count))
            arena.append(UnsafeRawBufferPointer(detail))
            arena.append(line)
        }
        recordCount += 1
        countsByKind[0] += 1
    }

    /// Appends the note that the record before it is what became of a dead letter that was sent again: with the group in
    /// which both stand, and not before, the dead letter is over.
    ///
    /// - Parameters:
    ///   - letter: its id.
    ///   - received: when it was sent again.
    public func appendRetryNote(of letter: SequenceNumber, originator: UInt16, received: Timestamp) {
        let length = RecordLayout.recordHeader + MemoryLayout<UInt64>.size
        arena.reserve(length)
        writeHeader(
            length: length, kind: RecordLayout.retryNote, flags: 0, originator: originator, received: received,
            offset: 0)
        arena.count += RecordLayout.recordHeader
        arena.appendLittleEndian(letter.rawValue)
        recordCount += 1
        hasRetryNote = true
    }

    /// Writes a record's header at the end of the arena, which has room for it; does not advance.
    @inline(__always)
    func writeHeader(length: Int, kind: UInt8, flags: UInt8, originator: UInt16, received: Timestamp, offset: UInt64) {
        let base = arena.base + arena.count
        base.storeLittleEndian(UInt32(truncatingIfNeeded: length), 0)
        base.storeLittleEndian(kind, 4)
        base.storeLittleEndian(flags, 5)
        base.storeLittleEndian(originator, 6)
        base.storeLittleEndian(received.microseconds, 8)
        base.storeLittleEndian(offset, 16)
    }

    /// Takes note of an event that was written in place.
    ///
    /// - Parameter receiptFilledIn: the `updated_at` of a watermark that came without one.
    @inline(__always)
    func countEvent(_ kind: EventKind, receiptFilledIn: Timestamp?) {
        recordCount &+= 1
        countsByKind[Int(kind.rawValue)] &+= 1
        if let receiptFilledIn, receiptFilledIn > latestReceipt { latestReceipt = receiptFilledIn }
    }

    /// Closes the chunk and begins the next one.
    public func close(ticket: UInt64, receipt: (any DurabilityReceipt)?) -> RecordChunk {
        let recordBytes = recordBytes
        arena.append(originators.bytes)
        arena.append(positions.bytes)
        let base = arena.base
        let total = arena.count
        var present: UInt32 = 0
        for (kind, count) in countsByKind.enumerated() where count > 0 { present |= 1 << UInt32(kind) }
        if hasRetryNote { present |= 1 }
        base.storeLittleEndian(UInt32(total), 0)
        base.storeLittleEndian(UInt32(recordCount), 4)
        base.storeLittleEndian(UInt32(recordBytes), 8)
        base.storeLittleEndian(UInt32(originators.count), 12)
        base.storeLittleEndian(UInt32(positions.count), 16)
        base.storeLittleEndian(UInt16(originatorCount), 20)
        base.storeLittleEndian(UInt16(positionCount), 22)
        base.storeLittleEndian(present, 24)
        base.storeLittleEndian(UInt32(0), 28)
        // After a large chunk another is likely; a lone line needs little.
        let isLarge = total > ChunkMemory.blockBytes / 2
        let taken =
            isLarge
            ? arena.take(replacingWith: ChunkMemory.shared.take(), capacity: ChunkMemory.blockBytes)
            : arena.take(
                replacingWith: .allocate(byteCount: expectedBytes, alignment: 16), capacity: expectedBytes)
        let chunk = RecordChunk(
            taking: taken.0, capacity: taken.1, count: total, recordCount: recordCount, countsByKind: countsByKind,
            latestReceipt: latestReceipt, ticket: ticket, receipt: receipt)
        arena.count = RecordLayout.chunkHeader
        recordCount = 0
        for kind in countsByKind.indices { countsByKind[kind] = 0 }
        hasRetryNote = false
        latestReceipt = Timestamp(microseconds: .min)
        originators.count = 0
        originatorCount = 0
        positions.count = 0
        positionCount = 0
        return chunk
    }
}
