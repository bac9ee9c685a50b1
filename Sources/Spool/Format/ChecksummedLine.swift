import LinuxSystem

/// A line of text with its checksum behind it: of files that people may look at, and that are appended to.
enum ChecksummedLine {
    private static let tail = " crc32c="

    /// With its line end.
    static func of(_ content: String) -> String { "\(content)\(tail)\(checksum(content))\n" }

    /// What stands in a line without its end; nil if it does not verify.
    static func content(_ line: String) -> String? {
        guard line.utf8.count > tail.utf8.count + 8 else { return nil }
        let content = String(decoding: line.utf8.dropLast(tail.utf8.count + 8), as: UTF8.self)
        return line == content + tail + checksum(content) ? content : nil
    }

    /// The contents of all lines up to the first that does not verify.
    ///
    /// - Returns: also how many bytes they take, behind which a torn line stands if there is more; and whether more than
    ///   one line stands there: that is damage, since only the last one can be torn. Zeros behind it are none: a crash may
    ///   leave the length that an earlier torn line had.
    static func all(_ bytes: [UInt8]) -> (contents: [String], goodBytes: Int, isDamaged: Bool) {
        var contents: [String] = []
        var at = 0
        while at < bytes.count {
            guard let end = bytes[at...].firstIndex(of: 0x0a),
                let content = content(String(decoding: bytes[at..<end], as: UTF8.self))
            else { break }
            contents.append(content)
            at = end + 1
        }
        let end = bytes.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0
        let next = bytes[at...].firstIndex(of: 0x0a)
        return (contents, at, next.map { $0 + 1 != end } ?? false)
    }

    private static func checksum(_ content: String) -> String {
        var content = content
        let digits = String(content.withUTF8 { CRC32C.of(UnsafeRawBufferPointer($0)) }, radix: 16)
        return String(repeating: "0", count: 8 - digits.utf8.count) + digits
    }
}
