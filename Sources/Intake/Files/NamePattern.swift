import Glibc

/// A pattern of one name: `*`, `?` and `[…]`, by characters of UTF-8.
///
/// A name that begins with a dot is matched only by a pattern that does.
struct NamePattern: Sendable, Hashable {
    private static let (star, question, bracket): (UInt8, UInt8, UInt8) = (0x2a, 0x3f, 0x5b)

    private let bytes: [UInt8]
    private let isWild: Bool

    init(_ text: String) {
        bytes = Array(text.utf8)
        isWild = bytes.contains(where: Self.isWild)
    }

    static func isWild(_ byte: UInt8) -> Bool { byte == star || byte == question || byte == bracket }

    func matches(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { matches(UnsafeRawBufferPointer($0)) }
    }

    func matches(_ name: UnsafeRawBufferPointer) -> Bool {
        guard isWild else { return name.isSame(as: bytes) }
        return bytes.withUnsafeBytes { Self.matches(name, $0) }
    }

    /// In linear time for each star.
    private static func matches(_ name: UnsafeRawBufferPointer, _ pattern: UnsafeRawBufferPointer) -> Bool {
        if name.first == 0x2e, pattern.first != 0x2e { return false }
        var at = 0
        var within = 0
        // Where to try again if what follows the last star does not match.
        var again: (within: Int, at: Int)?
        while at < name.count {
            let wanted = within < pattern.count ? pattern[within] : nil
            if wanted == star {
                within += 1
                again = (within, at)
            } else if wanted == question {
                within += 1
                at += characterLength(name, at)
            } else if wanted == bracket, let next = matchSet(pattern, within, scalar(name, at)) {
                within = next
                at += characterLength(name, at)
            } else if wanted == name[at] {
                // Byte by byte: no character begins with what another one goes on with.
                within += 1
                at += 1
            } else if let last = again {
                (within, at) = (last.within, last.at + characterLength(name, last.at))
                again = (within, at)
            } else {
                return false
            }
        }
        while within < pattern.count, pattern[within] == star { within += 1 }
        return within == pattern.count
    }

    /// `[abc]`, `[a-z]`, `[!…]`: the position behind it; nil where it does not match or has no end (it is a literal bracket
    /// then).
    private static func matchSet(_ pattern: UnsafeRawBufferPointer, _ within: Int, _ character: UInt32) -> Int? {
        var at = within + 1
        let negated = at < pattern.count && (pattern[at] == 0x21 || pattern[at] == 0x5e)
        if negated { at += 1 }
        var found = false
        var isFirst = true
        while at < pattern.count {
            if pattern[at] == 0x5d, !isFirst { return found != negated ? at + 1 : nil }
            isFirst = false
            let low = scalar(pattern, at)
            at += characterLength(pattern, at)
            var high = low
            if at + 1 < pattern.count, pattern[at] == 0x2d, pattern[at + 1] != 0x5d {
                high = scalar(pattern, at + 1)
                at += 1 + characterLength(pattern, at + 1)
            }
            if low <= character, character <= high { found = true }
        }
        return nil
    }

    /// Names are UTF-8 here: what is not was left out when the directory was read.
    private static func characterLength(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> Int {
        let length =
            switch bytes[at] {
            case 0xf0...: 4
            case 0xe0...: 3
            case 0xc0...: 2
            default: 1
            }
        return min(length, bytes.count - at)
    }

    private static func scalar(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> UInt32 {
        var value: UInt32 = 0
        for index in at..<at + characterLength(bytes, at) { value = value << 8 | UInt32(bytes[index]) }
        return value
    }
}
