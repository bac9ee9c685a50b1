import LinuxSystem

/// The names of the store's files: their number in ten digits.
enum JournalFileName {
    private static let digits = 10
    private static let suffix = ".dead"

    static func of(_ number: UInt64) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text + suffix
    }

    /// Nil for a name that is none of the store's.
    static func number(_ name: String) -> UInt64? {
        guard name.hasSuffix(suffix) else { return nil }
        let text = name.dropLast(suffix.utf8.count)
        guard text.utf8.count >= digits, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return UInt64(text)
    }

    /// The numbers of the files in a directory, oldest first.
    static func numbers(in directory: some Storage) throws(SystemError) -> [UInt64] {
        try directory.names().compactMap(number).sorted()
    }
}
