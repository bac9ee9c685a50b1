import OperationLogs

/// An entry of a journal, and how to find it again: by its cursor, or, where the same entries stand in other files under
/// other cursors, by its time. <doc:JournalPositions>
struct JournalPlace: Sendable, Hashable {
    /// As libsystemd gives it.
    var cursor: String
    var moment: JournalMoment
    /// Which it is among the entries of one boot and microsecond, from 1: lines that are read at once get one time.
    var ordinal: UInt32

    /// The number that journald gave it, and the id of the numbering; nil where the cursor says it otherwise.
    var number: (numbering: Substring, sequence: UInt64)? {
        var numbering: Substring?
        var sequence: UInt64?
        for part in cursor.split(separator: ";") {
            if part.hasPrefix("s=") { numbering = part.dropFirst(2) }
            if part.hasPrefix("i=") { sequence = UInt64(part.dropFirst(2), radix: 16) }
        }
        guard let numbering, let sequence else { return nil }
        return (numbering, sequence)
    }

    /// How many entries were written between an earlier place and this one, whoever wrote them; nil where their numbers
    /// do not tell.
    func entries(since earlier: JournalPlace) -> UInt64? {
        guard let (numbering, sequence) = number, let before = earlier.number, before.numbering == numbering,
            sequence > before.sequence
        else { return nil }
        return sequence - before.sequence - 1
    }

    /// Whether it has a number that was given before, to the earlier place or to an entry before that.
    func isNumberedAgain(behind earlier: JournalPlace) -> Bool {
        guard let (numbering, sequence) = number, let before = earlier.number else { return false }
        return before.numbering == numbering && sequence <= before.sequence
    }
}

// MARK: Bytes

extension JournalPlace {
    /// Longer ones are no cursors: libsystemd's have about 130 bytes.
    static let longestCursor = 1024
    private static let fixedBytes = 16 + 8 + 8 + 4 + 2

    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        for number in [moment.boot.high, moment.boot.low, moment.monotonic, moment.realtime] {
            bytes.appendLittleEndian(number)
        }
        bytes.appendLittleEndian(ordinal)
        let text = Array(cursor.utf8.prefix(Self.longestCursor))
        bytes.appendLittleEndian(UInt16(text.count))
        return bytes + text
    }

    /// - Parameter at: where it begins; behind it afterwards.
    init?(_ bytes: [UInt8], at: inout Int) {
        guard bytes.count - at >= Self.fixedBytes else { return nil }
        let begin = at
        let (numbers, ordinal, length): ([UInt64], UInt32, UInt16) = bytes.withUnsafeBytes { raw in
            (
                (0..<4).map { raw.littleEndian(begin + 8 * $0) }, raw.littleEndian(begin + 32),
                raw.littleEndian(begin + 36)
            )
        }
        let end = begin + Self.fixedBytes + Int(length)
        // A zero byte would end it early where it is handed to C.
        guard length > 0, length <= Self.longestCursor, end <= bytes.count, ordinal > 0,
            let cursor = String(validating: bytes[(begin + Self.fixedBytes)..<end], as: UTF8.self),
            !cursor.utf8.contains(0)
        else { return nil }
        self.cursor = cursor
        moment = JournalMoment(
            boot: UniqueID(high: numbers[0], low: numbers[1]), monotonic: numbers[2], realtime: numbers[3])
        self.ordinal = ordinal
        at = end
    }
}
