/// The targets of a package manifest with what they depend on, as far as the house's rules need it.
struct Manifest {
    struct Target: Equatable {
        var kind: String
        var name: String
        /// Targets and products.
        var dependencies: [String]
    }

    let targets: [Target]

    init(_ text: String) {
        targets = ["target", "executableTarget", "testTarget", "systemLibrary"].flatMap { kind in
            Self.bodies(of: ".\(kind)(", in: text).compactMap { body in
                guard let name = Self.quoted(after: "name:", in: body) else { return nil }
                return Target(kind: kind, name: name, dependencies: Self.dependencies(in: body))
            }
        }
    }

    subscript(name: String) -> Target? { targets.first { $0.name == name } }

    /// What stands between each `opening` and the bracket that closes it.
    private static func bodies(of opening: String, in text: String) -> [Substring] {
        var found: [Substring] = []
        var rest = Substring(text)
        while let start = rest.firstRange(ofText: opening) {
            let body = balanced(rest[start.upperBound...])
            found.append(body)
            rest = rest[start.upperBound...]
        }
        return found
    }

    private static func balanced(_ text: Substring) -> Substring {
        var depth = 1
        for index in text.indices {
            if "([".contains(text[index]) { depth += 1 }
            if ")]".contains(text[index]) { depth -= 1 }
            if depth == 0 { return text[..<index] }
        }
        return text
    }

    private static func dependencies(in body: Substring) -> [String] {
        guard let list = bodies(of: "dependencies: [", in: String(body)).first else { return [] }
        // Of a product, the name counts and the package does not.
        return list.split(separator: ",").compactMap { part in
            if let package = part.firstRange(ofText: "package:") {
                return quoted(after: "", in: part[..<package.lowerBound])
            }
            return quoted(after: "", in: part)
        }
    }

    private static func quoted(after word: String, in text: Substring) -> String? {
        let start = word.isEmpty ? text.startIndex : text.firstRange(ofText: word)?.upperBound
        guard let start, let opening = text[start...].firstIndex(of: "\"") else { return nil }
        return text[text.index(after: opening)...].split(separator: "\"", omittingEmptySubsequences: false).first.map(
            String.init)
    }
}

extension Substring {
    /// Where a text first stands, without regular expressions or Foundation.
    func firstRange(ofText wanted: String) -> Range<Index>? {
        indices.lazy.filter { self[$0...].hasPrefix(wanted) }.first.map { $0..<index($0, offsetBy: wanted.count) }
    }
}
