import OperationLogs

/// How far a file has been read, and how to know it again: what stands in the spool with the lines. <doc:FilePositions>
/// has the bytes.
struct FilePosition: Sendable, Hashable {
    /// How many of the file's first bytes the fingerprint covers at most.
    static let fingerprintBytes = 1024

    struct Flags: OptionSet, Sendable, Hashable {
        let rawValue: UInt8
        /// Leading NUL bytes are still being skipped: the file was truncated under a writer that kept its offset.
        static let skippingNULs = Flags(rawValue: 1)
        /// The file no longer has the name under which it was read.
        static let isRotated = Flags(rawValue: 2)
        /// Reading goes on behind the next line end: what stands before it belongs to a line that was set aside.
        static let skippingLine = Flags(rawValue: 4)
        /// What stands behind the position may have been read, before the spool was damaged, and could not be set aside yet.
        static let inDoubt = Flags(rawValue: 8)
        static let all: Flags = [.skippingNULs, .isRotated, .skippingLine, .inDoubt]
    }

    var inode: UInt64
    /// Nanoseconds since 1970; 0 where the file system keeps none.
    var birthNanoseconds: Int64
    /// Means something within `boot` only.
    var device: UInt64
    /// 16 bytes.
    var boot: [UInt8]
    var flags: Flags
    var mark: ContentMark
    /// The largest size that was seen: what is known to stand behind the position.
    var sizeSeen: UInt64
    /// Of the first min(offset, 1024) bytes.
    var fingerprint: UInt64
    /// Of the lines among those.
    var beginning: ContentBeginning
    /// Where reading under this key began: what stands before was read under another, or passed over.
    var takenFrom: UInt64
    /// The last name.
    var path: String

    var fingerprintLength: Int { Int(min(mark.offset, UInt64(Self.fingerprintBytes))) }

    /// The bytes, as <doc:FilePositions> describes them.
    var encoded: [UInt8] {
        var bytes: [UInt8] = [3, flags.rawValue, UInt8(mark.tail.count), UInt8(beginning.lineEnds.count)]
        for number in [
            UInt64(inode), UInt64(bitPattern: birthNanoseconds), device, mark.offset, mark.hashedFrom, mark.hash.state,
            mark.hash.pending, sizeSeen, fingerprint,
        ] {
            withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
        }
        bytes += boot
        withUnsafeBytes(of: takenFrom.littleEndian) { bytes.append(contentsOf: $0) }
        bytes += beginning.encoded + mark.tail + Array(path.utf8)
        return bytes
    }

    /// Up to version 2; behind it is `takenFrom` since version 3.
    private static let numbersLength = 4 + 9 * 8 + 16

    /// Nil where the bytes are not a position of a version that is known.
    init?(_ bytes: [UInt8]) {
        guard let version = bytes.first, 1...3 ~= version else { return nil }
        let headLength = Self.numbersLength + (version == 3 ? 8 : 0)
        guard bytes.count >= headLength else { return nil }
        // Version 1 has no hashes of the beginning, and a zero there.
        let lineEnds = Int(bytes[3])
        guard lineEnds <= ContentBeginning.mostLines, version > 1 || lineEnds == 0 else { return nil }
        let fixedLength = headLength + ContentBeginning.lineEndBytes * lineEnds
        let tailLength = Int(bytes[2])
        let flags = Flags(rawValue: bytes[1])
        guard tailLength <= ContentMark.tailBytes, bytes.count >= fixedLength + tailLength,
            Flags.all.isSuperset(of: flags)
        else { return nil }
        let numbers: [UInt64] = bytes.withUnsafeBytes { raw in (0..<9).map { raw.littleEndian(4 + 8 * $0) } }
        let (offset, hashedFrom) = (numbers[3], numbers[4])
        takenFrom = version == 3 ? bytes.withUnsafeBytes { $0.littleEndian(Self.numbersLength) } : hashedFrom
        guard hashedFrom <= offset, takenFrom <= offset else { return nil }
        inode = numbers[0]
        birthNanoseconds = Int64(bitPattern: numbers[1])
        device = numbers[2]
        self.flags = flags
        boot = Array(bytes[(Self.numbersLength - 16)..<Self.numbersLength])
        mark = ContentMark(
            offset: offset, hashedFrom: hashedFrom,
            hash: ContentHash(state: numbers[5], pending: numbers[6], count: offset - hashedFrom),
            tail: Array(bytes[fixedLength..<fixedLength + tailLength]))
        sizeSeen = numbers[7]
        fingerprint = numbers[8]
        beginning = bytes[headLength..<fixedLength].withUnsafeBytes { ContentBeginning(encoded: $0) }
        path = String(decoding: bytes[(fixedLength + tailLength)...], as: UTF8.self)
    }

    init(
        inode: UInt64, birthNanoseconds: Int64, device: UInt64, boot: [UInt8], flags: Flags, mark: ContentMark,
        sizeSeen: UInt64, fingerprint: UInt64, beginning: ContentBeginning, takenFrom: UInt64, path: String
    ) {
        self.inode = inode
        self.birthNanoseconds = birthNanoseconds
        self.device = device
        self.boot = boot
        self.flags = flags
        self.mark = mark
        self.sizeSeen = sizeSeen
        self.fingerprint = fingerprint
        self.beginning = beginning
        self.takenFrom = takenFrom
        self.path = path
    }
}

/// The keys of an input's positions: the input's name, a zero byte, and 16 bytes that name one content of one file.
enum FilePositionKey {
    /// The key of a new file.
    static func new(input: String, id: UniqueID) -> [UInt8] {
        var key = Array(input.utf8) + [0]
        for half in [id.high, id.low] { withUnsafeBytes(of: half.littleEndian) { key.append(contentsOf: $0) } }
        return key
    }

    /// The key of ``FileInputMark``.
    static func mark(input: String) -> [UInt8] { Array(input.utf8) + [0] }
}
