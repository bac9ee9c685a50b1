import OperationLogs

/// The first line of a file: whose dead letters stand in it, and in which version of the format.
struct JournalHeader: Sendable, Hashable {
    var spool: UniqueID

    static let formatName = "opslogd-dead-letters"
    static let version = "1"

    /// The line with its end.
    var line: [UInt8] { Array("\(Self.formatName) \(Self.version) \(spool)\n".utf8) }

    enum Reading: Sendable, Hashable {
        case header(JournalHeader)
        /// Written by a later opslogd.
        case unknownVersion(String)
        case damaged
    }

    /// Reads a first line without its end.
    static func read(_ line: [UInt8]) -> Reading {
        let words = String(decoding: line, as: UTF8.self).split(separator: " ", omittingEmptySubsequences: false)
        guard words.count >= 2, words[0] == formatName, !words[1].isEmpty,
            words[1].utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else { return .damaged }
        guard words[1] == version else { return .unknownVersion(String(words[1])) }
        guard words.count == 3, let spool = UniqueID(words[2]) else { return .damaged }
        return .header(JournalHeader(spool: spool))
    }
}
