/// A pattern of absolute paths, as a shell has it: `*`, `?` and `[…]` within a component, in directories too.
///
/// A name that begins with a dot is matched only by a pattern that does.
struct PathPattern: Sendable, Hashable {
    /// Without slashes; `/var/log/*.ndjson` has three.
    let components: [String]

    init(_ text: String) {
        components = text.split(separator: "/").map(String.init)
    }

    static func isWild(_ component: String) -> Bool {
        component.utf8.contains { $0 == 0x2a || $0 == 0x3f || $0 == 0x5b }
    }

    func matches(path: String) -> Bool {
        let parts = path.split(separator: "/")
        return parts.count == components.count
            && zip(components, parts).allSatisfy { Self.matches(name: String($1), $0) }
    }

    /// Whether one component matches, in linear time for each `*`.
    static func matches(name: String, _ component: String) -> Bool {
        let name = Array(name.utf8)
        let pattern = Array(component.utf8)
        if name.first == 0x2e, pattern.first != 0x2e { return false }
        var at = 0
        var within = 0
        // Where to try again if what follows the last star does not match.
        var star: (pattern: Int, name: Int)?
        while at < name.count {
            if within < pattern.count, pattern[within] == 0x2a {
                star = (within, at)
                within += 1
            } else if let next = matchOne(pattern, within, name, at) {
                within = next
                at += characterLength(name, at)
            } else if let last = star {
                let resumed = last.name + characterLength(name, last.name)
                star = (last.pattern, resumed)
                within = last.pattern + 1
                at = resumed
            } else {
                return false
            }
        }
        return pattern[within...].allSatisfy { $0 == 0x2a }
    }

    /// The position in the pattern behind what matches the character at `at`; nil if it does not match.
    private static func matchOne(_ pattern: [UInt8], _ within: Int, _ name: [UInt8], _ at: Int) -> Int? {
        guard within < pattern.count else { return nil }
        switch pattern[within] {
        case 0x3f: return within + 1
        case 0x5b: return matchSet(pattern, within, scalar(name, at)) ?? literal(pattern, within, name, at)
        default: return literal(pattern, within, name, at)
        }
    }

    private static func literal(_ pattern: [UInt8], _ within: Int, _ name: [UInt8], _ at: Int) -> Int? {
        let length = characterLength(name, at)
        guard pattern.count - within >= length,
            pattern[within..<within + length].elementsEqual(name[at..<at + length])
        else { return nil }
        return within + length
    }

    /// `[abc]`, `[a-z]`, `[!…]`; nil where it does not match or has no end (it is a literal bracket then).
    private static func matchSet(_ pattern: [UInt8], _ within: Int, _ character: UInt32) -> Int? {
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
    private static func characterLength(_ bytes: [UInt8], _ at: Int) -> Int {
        let length =
            switch bytes[at] {
            case 0xf0...: 4
            case 0xe0...: 3
            case 0xc0...: 2
            default: 1
            }
        return min(length, bytes.count - at)
    }

    private static func scalar(_ bytes: [UInt8], _ at: Int) -> UInt32 {
        bytes[at..<at + characterLength(bytes, at)].reduce(0) { $0 << 8 | UInt32($1) }
    }
}
