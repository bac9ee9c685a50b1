import LinuxSystem
import OperationLogs

/// The first line of a file: whose dead letters stand in it, and in which version of the format.
///
/// Its checksum stands behind it in every version. Without one, another spool's name would be a bit away, and with it all
/// that the file says of this spool; and so would another version. Lines of the first days have none.
struct JournalHeader: Sendable, Hashable {
    var spool: UniqueID
    /// Of the line as it was read.
    var isChecked = true

    static let formatName = "opslogd-dead-letters"
    static let version = "1"

    /// The line with its end.
    var line: [UInt8] {
        let content = "\(Self.formatName) \(Self.version) \(spool)"
        return Array((isChecked ? Self.checked(content) + "\n" : content + "\n").utf8)
    }

    private static let tail = " crc32c="

    private static func checked(_ content: String) -> String {
        var content = content
        let digits = String(content.withUTF8 { CRC32C.of(UnsafeRawBufferPointer($0)) }, radix: 16)
        return content + tail + String(repeating: "0", count: 8 - digits.utf8.count) + digits
    }

    /// What stands in front of the checksum; nil if there is none, or it fails.
    private static func verified(_ line: String) -> String? {
        let content = String(decoding: line.utf8.dropLast(tail.utf8.count + 8), as: UTF8.self)
        return line == checked(content) ? content : nil
    }

    enum Reading: Sendable, Hashable {
        case header(JournalHeader)
        /// Written by a later opslogd.
        case unknownVersion(String)
        case damaged
    }

    /// Reads a first line without its end.
    static func read(_ line: [UInt8]) -> Reading {
        let text = String(decoding: line, as: UTF8.self)
        let verified = verified(text)
        let words = (verified ?? text).split(separator: " ", omittingEmptySubsequences: false)
        guard words.count >= 2, words[0] == formatName, !words[1].isEmpty,
            words[1].utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else { return .damaged }
        guard words[1] == version else { return verified == nil ? .damaged : .unknownVersion(String(words[1])) }
        guard words.count == 3, let spool = UniqueID(words[2]) else { return .damaged }
        return .header(JournalHeader(spool: spool, isChecked: verified != nil))
    }
}
