import OperationLogs

/// How far a journal has been read: what stands in the spool with the lines. <doc:JournalPositions> has the bytes.
struct JournalPosition: Sendable, Hashable {
    /// The beginning of a line that has not ended.
    struct Unfinished: Sendable, Hashable {
        /// The stream that it came on: the value of `_STREAM_ID`.
        var stream: [UInt8]
        /// The entry that holds its first part.
        var begin: JournalPlace
    }

    /// Every entry up to this one was seen, and its line is in the spool or was; nil: none.
    var seen: JournalPlace?
    /// Lines whose parts were seen and are not in the spool, in the order of their beginnings.
    var unfinished: [Unfinished] = []
    /// Lines that were written up to then may have been delivered before the spool was damaged, and are passed over;
    /// microseconds since 1970. Nil: none are.
    var passedUntil: UInt64?

    /// Journald's are 32 bytes.
    static let longestStream = 64
    static let mostUnfinished = 16
    private static let version: UInt8 = 1
    private static let (hasSeen, hasPassed): (UInt8, UInt8) = (1, 2)

    init(seen: JournalPlace?, unfinished: [Unfinished] = [], passedUntil: UInt64? = nil) {
        self.seen = seen
        self.unfinished = unfinished
        self.passedUntil = passedUntil
    }

    var encoded: [UInt8] {
        let flags = (seen == nil ? 0 : Self.hasSeen) | (passedUntil == nil ? 0 : Self.hasPassed)
        var bytes: [UInt8] = [Self.version, flags, UInt8(unfinished.count)]
        if let passedUntil { bytes.appendLittleEndian(passedUntil) }
        if let seen { bytes += seen.encoded }
        for line in unfinished { bytes += [UInt8(line.stream.count)] + line.stream + line.begin.encoded }
        return bytes
    }

    /// Nil where the bytes are not a position of a version that is known.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 3, bytes[0] == Self.version, bytes[1] & ~(Self.hasSeen | Self.hasPassed) == 0,
            Int(bytes[2]) <= Self.mostUnfinished, bytes[1] & Self.hasSeen > 0 || bytes[2] == 0
        else { return nil }
        var at = 3
        if bytes[1] & Self.hasPassed > 0 {
            guard bytes.count >= at + 8 else { return nil }
            passedUntil = bytes.withUnsafeBytes { $0.littleEndian(3) }
            at += 8
        }
        if bytes[1] & Self.hasSeen > 0 {
            guard let place = JournalPlace(bytes, at: &at) else { return nil }
            seen = place
        }
        for _ in 0..<bytes[2] {
            guard at < bytes.count else { return nil }
            let length = Int(bytes[at])
            at += 1
            guard length <= Self.longestStream, bytes.count - at >= length else { return nil }
            let stream = Array(bytes[at..<at + length])
            at += length
            guard let begin = JournalPlace(bytes, at: &at) else { return nil }
            unfinished.append(Unfinished(stream: stream, begin: begin))
        }
        guard at == bytes.count else { return nil }
    }
}

/// The key of an input's position: the input's name, a zero byte, and a word. Never as long as a file's.
enum JournalPositionKey {
    private static let mark: [UInt8] = Array("journal".utf8)

    static func key(input: String) -> [UInt8] { Array(input.utf8) + [0] + mark }

    /// The input whose position it is; nil of any other key.
    static func input(_ key: [UInt8]) -> String? {
        guard let end = key.firstIndex(of: 0), key[(end + 1)...].elementsEqual(mark) else { return nil }
        return String(validating: key[..<end], as: UTF8.self)
    }
}
