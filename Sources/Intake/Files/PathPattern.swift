import Glibc

/// A pattern of absolute paths, as a shell has it: `*`, `?` and `[…]` within a component, in directories too.
///
/// A name that begins with a dot is matched only by a pattern that does.
struct PathPattern: Sendable, Hashable {
    /// Without slashes; `/var/log/*.ndjson` has three.
    let components: [String]
    private let matchers: [NamePattern]

    init(_ text: String) {
        components = text.split(separator: "/").map(String.init)
        matchers = components.map(NamePattern.init)
    }

    static func isWild(_ component: String) -> Bool { component.utf8.contains(where: NamePattern.isWild) }

    /// Asked of every name of every directory at each look, so nothing is made of the path for it.
    func matches(path: String) -> Bool {
        var path = path
        return path.withUTF8 { matches(UnsafeRawBufferPointer($0)) }
    }

    /// One of a single component is held against the name alone, in whatever directory.
    func matches(pathOrNameOf path: String) -> Bool {
        guard matchers.count == 1 else { return matches(path: path) }
        let name = path.utf8.lastIndex(of: 0x2f).map { path[path.utf8.index(after: $0)...] } ?? path[...]
        return matchers[0].matches(String(name))
    }

    private func matches(_ path: UnsafeRawBufferPointer) -> Bool {
        var rest = Self.withoutSlashes(path)
        for matcher in matchers {
            guard let base = rest.baseAddress, !rest.isEmpty else { return false }
            let count = memchr(base, 0x2f, rest.count).map { UnsafeRawPointer($0) - base } ?? rest.count
            guard matcher.matches(UnsafeRawBufferPointer(start: base, count: count)) else { return false }
            rest = Self.withoutSlashes(UnsafeRawBufferPointer(start: base + count, count: rest.count - count))
        }
        return rest.isEmpty
    }

    private static func withoutSlashes(_ path: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var count = 0
        while count < path.count, path[count] == 0x2f { count += 1 }
        return UnsafeRawBufferPointer(rebasing: path[count...])
    }

    /// Whether one component matches.
    static func matches(name: String, _ component: String) -> Bool { NamePattern(component).matches(name) }
}
