import LinuxSystem
import OperationLogs

/// The first 4,096 bytes of a segment.
struct SegmentHeader: Equatable, Sendable {
    static let length = 4096
    static let majorVersion: UInt16 = 1
    static let minorVersion: UInt16 = 0
    private static let magic: [UInt8] = Array("OPSLGSEG".utf8)
    private static let checksumOffset = 4092
    private static let longestFile: UInt64 = 1 << 40
    /// The fields stand twice, in different sectors, each time with a checksum of their own: without the salt that they
    /// hold, nothing in the file can be read.
    private static let copyOffset = 2048
    private static let fieldsChecksumOffset = 124
    private static let fieldsLength = 128

    /// New with each life of the file: what verified before does not any more.
    var salt: UniqueID
    var spool: UniqueID
    var firstSequence: SequenceNumber
    /// The chain before the first group.
    var chain: UInt64
    var made: Timestamp
    var fileLength: UInt64
    /// The segment before: its first sequence number and where its seal stands; zeros if there was none.
    var previousFirst: SequenceNumber
    var previousSeal: UInt64
    var run: UniqueID
    /// Whether the blocks had a former life, so that bytes behind the end mean nothing.
    var isRecycled: Bool

    enum Reading: Equatable {
        case valid(SegmentHeader)
        /// The whole does not verify, but one of the two copies of its fields does.
        case damaged(SegmentHeader)
        /// A header, of a format that this version does not know.
        case unknownVersion(major: UInt16)
        /// No header, or one that does not verify.
        case invalid
    }

    var bytes: [UInt8] {
        var bytes = Self.magic + [UInt8](repeating: 0, count: Self.length - Self.magic.count)
        bytes.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            base.storeLittleEndian(Self.majorVersion, 8)
            base.storeLittleEndian(Self.minorVersion, 10)
            base.storeLittleEndian(RecordLayout.version, 12)
            base.storeID(salt, 16)
            base.storeID(spool, 32)
            base.storeLittleEndian(firstSequence.rawValue, 48)
            base.storeLittleEndian(chain, 56)
            base.storeLittleEndian(made.microseconds, 64)
            base.storeLittleEndian(fileLength, 72)
            base.storeLittleEndian(previousFirst.rawValue, 80)
            base.storeLittleEndian(previousSeal, 88)
            base.storeID(run, 96)
            base.storeLittleEndian(UInt32(isRecycled ? 1 : 0), 112)
            let whole = UnsafeRawBufferPointer(buffer)
            base.storeLittleEndian(CRC32C.of(whole.part(0, Self.fieldsChecksumOffset)), Self.fieldsChecksumOffset)
            (base + Self.copyOffset).copyMemory(from: base, byteCount: Self.fieldsLength)
            base.storeLittleEndian(CRC32C.of(whole.part(0, Self.checksumOffset)), Self.checksumOffset)
        }
        return bytes
    }

    static func read(_ bytes: UnsafeRawBufferPointer) -> Reading { read(bytes, named: nil) }

    /// A version is believed where a checksum over it holds, be it that of the whole or that of a copy of the fields: in
    /// every version they stand where they stand in this one. Otherwise a version that is not known is damage.
    ///
    /// - Parameter first: what the file's name says: a copy of the fields that came from another segment is none of this.
    static func read(_ bytes: UnsafeRawBufferPointer, named first: SequenceNumber?) -> Reading {
        guard bytes.count >= length else { return .invalid }
        if bytes.prefix(magic.count).elementsEqual(magic),
            bytes.littleEndian(checksumOffset, as: UInt32.self) == CRC32C.of(bytes.part(0, checksumOffset))
        {
            if let other = versionReading(bytes) { return other }
            if hasOneSetOfFields(bytes) { return fields(bytes).map { .valid($0) } ?? .invalid }
        }
        var other: Reading?
        for copy in [bytes.part(0, fieldsLength), bytes.part(copyOffset, fieldsLength)] {
            guard copy.prefix(magic.count).elementsEqual(magic),
                copy.littleEndian(fieldsChecksumOffset, as: UInt32.self)
                    == CRC32C.of(copy.part(0, fieldsChecksumOffset))
            else { continue }
            other = other ?? versionReading(copy)
            guard versionReading(copy) == nil, let header = fields(copy) else { continue }
            if first == nil || header.firstSequence == first { return .damaged(header) }
        }
        return other ?? .invalid
    }

    /// Fields with their checksum behind them leave a CRC in one state, whatever they say: the checksum over the whole does
    /// not notice another segment's in their place. The copy may be missing, as the first version wrote none.
    private static func hasOneSetOfFields(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let copy = bytes.part(copyOffset, fieldsLength)
        return copy.elementsEqual(bytes.part(0, fieldsLength))
            || copy.isAllZeros && bytes.littleEndian(fieldsChecksumOffset, as: UInt32.self) == 0
    }

    /// nil if both versions are known.
    private static func versionReading(_ bytes: UnsafeRawBufferPointer) -> Reading? {
        let major = bytes.littleEndian(8, as: UInt16.self)
        guard major == majorVersion else { return .unknownVersion(major: major) }
        let records = bytes.littleEndian(12, as: UInt16.self)
        return records == RecordLayout.version ? nil : .unknownVersion(major: records)
    }

    /// nil for numbers that no writer gives: what follows adds and subtracts them.
    private static func fields(_ bytes: UnsafeRawBufferPointer) -> SegmentHeader? {
        let first = SequenceNumber(bytes.littleEndian(48, as: UInt64.self))
        let fileLength = bytes.littleEndian(72, as: UInt64.self)
        let previousSeal = bytes.littleEndian(88, as: UInt64.self)
        guard first > .zero, first <= .largest, (UInt64(length)...longestFile).contains(fileLength),
            previousSeal <= longestFile
        else { return nil }
        return SegmentHeader(
            salt: bytes.id(16), spool: bytes.id(32), firstSequence: first, chain: bytes.littleEndian(56),
            made: Timestamp(microseconds: bytes.littleEndian(64)), fileLength: fileLength,
            previousFirst: SequenceNumber(bytes.littleEndian(80, as: UInt64.self)), previousSeal: previousSeal,
            run: bytes.id(96), isRecycled: bytes.littleEndian(112, as: UInt32.self) != 0)
    }
}

/// What a segment's file is called.
enum SegmentName {
    static let suffix = ".seg"
    /// A segment that has not got its name yet, or is to be used again.
    static let unnamed = "next"

    static func of(_ first: SequenceNumber) -> String { first.description + suffix }

    /// The first sequence number that the name holds; nil if it is no segment's name.
    static func firstSequence(_ name: String) -> SequenceNumber? {
        guard name.hasSuffix(suffix), name.utf8.count == 20 + suffix.utf8.count,
            name.utf8.prefix(20).allSatisfy({ (0x30...0x39).contains($0) }),
            let number = UInt64(name.prefix(20))
        else { return nil }
        return SequenceNumber(number)
    }
}
