import LinuxSystem
import OperationLogs

/// The kinds of entry, by the letter that stands in the line.
enum JournalEntryKind: UInt8, Sendable {
    /// `d`: moved here from a rejected line of the spool.
    case movedLine = 0x64
    /// `r`: the database refused the row.
    case refusal = 0x72
    /// `t`: the dead letter of this id is over.
    case tombstone = 0x74
    /// `m`: every line up to this id was moved, though those that were may stand here no more.
    case movedMark = 0x6d
}

/// An intact entry and where its line stands. The format is in <doc:StoreFormat>.
struct JournalEntry: Sendable, Hashable {
    /// Nil for a kind that this version does not know.
    var kind: JournalEntryKind?
    var id: SequenceNumber
    /// Of the line, in its file.
    var offset: UInt64
    /// Of the line, without its end.
    var length: Int

    /// Checksum and a space.
    static let checksumBytes = 9
    /// Checksum, kind and their spaces.
    static let headBytes = 11
    /// Everything up to the quotation mark behind the id: what is needed to know an entry.
    static let prefixBytes = headBytes + 7 + 20 + 1

    private static let idKey = Array("{\"id\":\"".utf8)
    private static let hexDigits = Array("0123456789abcdef".utf8)

    /// Appends a line with its checksum and its end.
    static func write(_ kind: JournalEntryKind, _ json: String, to bytes: inout [UInt8]) {
        let start = bytes.count
        bytes.append(contentsOf: [UInt8](repeating: 0x20, count: checksumBytes))
        bytes.append(kind.rawValue)
        bytes.append(0x20)
        bytes.append(contentsOf: json.utf8)
        let checksum = bytes.withUnsafeBytes {
            CRC32C.of(UnsafeRawBufferPointer(rebasing: $0[(start + checksumBytes)...]))
        }
        for place in 0..<8 {
            bytes[start + place] = hexDigits[Int(checksum >> (28 - 4 * UInt32(place)) & 15)]
        }
        bytes.append(0x0a)
    }

    /// Appends the mark that every line up to an id was moved.
    static func mark(_ id: SequenceNumber, to bytes: inout [UInt8]) { write(.movedMark, id, to: &bytes) }

    /// Appends a tombstone that says nothing but that the dead letter is over: where there is no room for more.
    static func tombstone(_ id: SequenceNumber, to bytes: inout [UInt8]) { write(.tombstone, id, to: &bytes) }

    private static func write(_ kind: JournalEntryKind, _ id: SequenceNumber, to bytes: inout [UInt8]) {
        var object = JSONObjectWriter()
        object.add("id", text: id.description)
        write(kind, object.text, to: &bytes)
    }

    /// Reads a line from its first bytes.
    ///
    /// - Parameters:
    ///   - prefix: the first `prefixBytes` of the line, or the whole line if it is shorter.
    ///   - checksum: over everything behind the first space.
    /// - Returns: nil if the checksum fails or the line is no entry.
    init?(prefix: [UInt8], checksum: UInt32, offset: UInt64, length: Int) {
        guard prefix.count >= Self.prefixBytes, prefix[8] == 0x20, prefix[10] == 0x20,
            prefix[Self.prefixBytes - 1] == 0x22,
            Self.hexadecimal(prefix[..<8]) == checksum,
            prefix[Self.headBytes..<Self.headBytes + 7].elementsEqual(Self.idKey)
        else { return nil }
        var id: UInt64 = 0
        for digit in prefix[Self.headBytes + 7..<Self.prefixBytes - 1] {
            guard (0x30...0x39).contains(digit) else { return nil }
            let (tens, overflowed) = id.multipliedReportingOverflow(by: 10)
            let (sum, carried) = tens.addingReportingOverflow(UInt64(digit - 0x30))
            guard !overflowed, !carried else { return nil }
            id = sum
        }
        kind = JournalEntryKind(rawValue: prefix[9])
        self.id = SequenceNumber(id)
        self.offset = offset
        self.length = length
    }

    /// Lower case only, as it is written: one line has one spelling.
    private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt32? {
        var value: UInt32 = 0
        for digit in digits {
            guard let place = hexDigits.firstIndex(of: digit) else { return nil }
            value = value << 4 | UInt32(place)
        }
        return value
    }
}
