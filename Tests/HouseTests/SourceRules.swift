/// What holds for every source file.
enum SourceRules {
    static let longestFileLines = 400

    static func tooLong(path: String, text: String) -> [String] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).count - (text.hasSuffix("\n") ? 1 : 0)
        return lines > longestFileLines
            ? ["\(path): \(lines) lines; split it by idea, \(longestFileLines) at most"] : []
    }

    /// A name that says nothing of what stands in a file or folder.
    static func vagueNames(path: String) -> [String] {
        let words = ["util", "helper", "manager", "common", "misc", "placeholder"]
        return path.split(separator: "/").compactMap { part in
            // The parts of a camel-case name, so that "Commonality" is judged by its own words only.
            let parts = part.lowercasedWords
            let vague = words.first { word in parts.contains { $0 == word || $0 == word + "s" || $0 == word + "ities" }
            }
            return vague.map { "\(path): \($0) names no idea" }
        }
    }

    /// What would end the process, or hide that something is missing.
    static func traps(path: String, text: String) -> [String] {
        SwiftText(text).lines.enumerated().flatMap { number, line in
            ["try!", "as!", "fatalError("].filter { line.contains($0) }.map { "\(path):\(number + 1): \($0)" }
        }
    }

    /// Work that was left for later.
    static func leftovers(path: String, text: String) -> [String] {
        // Put together, so that this file does not find itself.
        let marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X:", "not " + "implemented"]
        return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().flatMap { number, line in
            marks.filter { line.contains($0) }.map { "\(path):\(number + 1): \($0)" }
        }
    }

    /// Names of things beside this checkout: the project stands alone.
    static func outsideNames(path: String, text: String) -> [String] {
        ["../" + "shared", "contract" + ".md", "/wo" + "rk/"].filter { text.contains($0) }.map { "\(path): \($0)" }
    }

    /// A type named like a module makes `Module.Type` mean something else wherever both are seen. Nested ones do not.
    static func typesNamedLikeModules(path: String, text: String, modules: Set<String>) -> [String] {
        SwiftText(text).outerTypes.filter { modules.contains($0) }.map {
            "\(path): the type \($0) is named like a module"
        }
    }

    /// The file of an article: `Name` of the own module, or `/Module/Name`.
    static func article(_ name: String, from module: String) -> String {
        let parts = name.split(separator: "/").map(String.init)
        let owner = parts.count > 1 ? parts[0] : module
        return "Sources/\(owner)/\(owner).docc/\(parts.last ?? name).md"
    }

    /// Articles that a file names as `<doc:Name>`.
    static func articles(in text: String) -> [String] {
        text.split(separator: "<").filter { $0.hasPrefix("doc:") }.compactMap {
            $0.dropFirst(4).split(separator: ">", omittingEmptySubsequences: false).first.map(String.init)
        }
    }
}

extension Substring {
    /// `SpoolHelpers.swift` is spool, helpers, swift.
    fileprivate var lowercasedWords: [String] {
        var words: [String] = [""]
        for character in self {
            if !character.isLetter {
                words.append("")
            } else if character.isUppercase {
                words.append(character.lowercased())
            } else {
                words[words.count - 1].append(character)
            }
        }
        return words
    }
}
