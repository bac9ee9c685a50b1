import Glibc
import LinuxSystem
import OperationLogs

/// The head of a frame: what stands before each group, snapshot and seal of a segment.
struct FrameHeader: Equatable, Sendable {
    static let length = 128
    static let alignment = 8
    /// More than any segment holds: with it lengths and offsets can be added without a look.
    static let longestPayload = 1 << 40
    private static let magic: UInt32 = 0x5246_4c4f
    private static let checksumOffset = 124

    enum Kind: UInt8, Sendable {
        case group = 1
        case snapshot = 2
        case seal = 3
    }

    var kind: Kind
    /// Of a seal: the log goes on in the next segment. False: a clean stop; it goes on behind the seal.
    var endsSegment = false
    /// Of a snapshot or seal: the number that comes next.
    var firstSequence: SequenceNumber
    var recordCount = 0
    var payloadLength = 0
    var payloadChecksum: UInt32 = 0
    var run: UniqueID
    /// Over all groups up to and including this one.
    var chain: UInt64
    var latestFilledIn: Timestamp
    var written: Timestamp

    /// The whole frame in the file, filled up to the alignment.
    var frameLength: UInt64 { Self.frameLength(payload: payloadLength) }
    /// The number behind the last record.
    var nextSequence: SequenceNumber { firstSequence.advanced(by: recordCount) }
    var origin: RecordOrigin { RecordOrigin(run: run, chain: chain) }

    static func frameLength(payload: Int) -> UInt64 {
        UInt64(length) + UInt64(payload + alignment - 1) / UInt64(alignment) * UInt64(alignment)
    }

    /// What the chain is after this group, if it was `before` ahead of it.
    func chain(after before: UInt64) -> UInt64 {
        var mix = ChainMix(before)
        mix.add(run.high)
        mix.add(run.low)
        mix.add(firstSequence.rawValue)
        mix.add(UInt64(recordCount))
        mix.add(UInt64(payloadLength))
        mix.add(UInt64(payloadChecksum))
        return mix.value
    }

    /// The header as it stands at `offset` of the segment whose salt is `salt`.
    func bytes(salt: UniqueID, offset: UInt64) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.length)
        bytes.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            base.storeLittleEndian(Self.magic, 0)
            base.storeLittleEndian(kind.rawValue, 4)
            base.storeLittleEndian(UInt8(endsSegment ? 1 : 0), 5)
            base.storeLittleEndian(firstSequence.rawValue, 8)
            base.storeLittleEndian(UInt32(recordCount), 16)
            base.storeLittleEndian(payloadChecksum, 20)
            base.storeLittleEndian(UInt64(payloadLength), 24)
            base.storeID(run, 32)
            base.storeLittleEndian(chain, 48)
            base.storeLittleEndian(latestFilledIn.microseconds, 56)
            base.storeLittleEndian(written.microseconds, 64)
            let whole = UnsafeRawBufferPointer(buffer)
            base.storeLittleEndian(Self.checksum(whole, salt: salt, offset: offset), Self.checksumOffset)
        }
        return bytes
    }

    /// Where the next header could stand, by its magic number: for a search through a whole segment.
    static func firstPossible(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        var at = start
        while at + length <= bytes.count {
            guard let found = memchr(base + at, Int32(magic & 0xff), bytes.count - length - at + 1) else { return nil }
            let offset = UnsafeRawPointer(found) - base
            if offset % alignment == 0, bytes.littleEndian(offset, as: UInt32.self) == magic { return offset }
            at = offset + 1
        }
        return nil
    }

    /// Reads a header; nil if it does not verify as the one of this place in this life of the segment, or
    /// holds a number that no writer gives.
    init?(_ bytes: UnsafeRawBufferPointer, salt: UniqueID, offset: UInt64) {
        guard bytes.count >= Self.length, bytes.littleEndian(0, as: UInt32.self) == Self.magic,
            bytes.littleEndian(Self.checksumOffset, as: UInt32.self)
                == Self.checksum(bytes, salt: salt, offset: offset),
            let kind = Kind(rawValue: bytes[4]), let length = Int(exactly: bytes.littleEndian(24, as: UInt64.self)),
            length <= Self.longestPayload
        else { return nil }
        let first = SequenceNumber(bytes.littleEndian(8, as: UInt64.self))
        guard first > .zero, first <= .largest else { return nil }
        self.kind = kind
        endsSegment = bytes[5] & 1 != 0
        firstSequence = first
        recordCount = Int(bytes.littleEndian(16, as: UInt32.self))
        payloadChecksum = bytes.littleEndian(20)
        payloadLength = length
        run = bytes.id(32)
        chain = bytes.littleEndian(48)
        latestFilledIn = Timestamp(microseconds: bytes.littleEndian(56))
        written = Timestamp(microseconds: bytes.littleEndian(64))
    }

    init(
        kind: Kind, endsSegment: Bool = false, firstSequence: SequenceNumber, run: UniqueID, chain: UInt64,
        latestFilledIn: Timestamp, written: Timestamp
    ) {
        self.kind = kind
        self.endsSegment = endsSegment
        self.firstSequence = firstSequence
        self.run = run
        self.chain = chain
        self.latestFilledIn = latestFilledIn
        self.written = written
    }

    private static func checksum(_ header: UnsafeRawBufferPointer, salt: UniqueID, offset: UInt64) -> UInt32 {
        var crc = CRC32C()
        let place = (salt.high.littleEndian, salt.low.littleEndian, offset.littleEndian)
        withUnsafeBytes(of: place) { crc.update($0) }
        crc.update(header.part(0, checksumOffset))
        return crc.value
    }
}

extension UnsafeMutableRawPointer {
    func storeID(_ id: UniqueID, _ offset: Int) {
        storeLittleEndian(id.high, offset)
        storeLittleEndian(id.low, offset + 8)
    }
}

extension UnsafeRawBufferPointer {
    func id(_ offset: Int) -> UniqueID {
        UniqueID(high: littleEndian(offset), low: littleEndian(offset + 8))
    }

    /// Whether nothing but zeros stands here.
    var isAllZeros: Bool {
        guard let base = baseAddress, count > 0 else { return true }
        // Each byte equals the next one, and the first is zero: at the speed of memory.
        return self[0] == 0 && memcmp(base, base + 1, count - 1) == 0
    }
}
