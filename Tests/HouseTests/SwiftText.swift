/// Swift source with its comments and the contents of its strings blanked out, line by line: what the compiler sees.
struct SwiftText {
    let lines: [String]

    init(_ text: String) {
        var code = ""
        var state = State.code
        var rest = Substring(text)
        while let character = rest.first {
            let (taken, next, shown) = Self.step(state, rest, character)
            code += shown
            state = next
            rest = rest.dropFirst(taken)
        }
        lines = code.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    private enum State: Equatable {
        case code
        case lineComment
        case blockComment(depth: Int)
        case string
        case longString
    }

    /// How many characters to take, the state behind them, and what is left of them.
    private static func step(
        _ state: State, _ rest: Substring, _ character: Character
    ) -> (taken: Int, next: State, shown: String) {
        let kept = character == "\n" ? "\n" : ""
        switch state {
        case .code:
            if rest.hasPrefix("//") { return (2, .lineComment, "") }
            if rest.hasPrefix("/*") { return (2, .blockComment(depth: 1), "") }
            if rest.hasPrefix("\"\"\"") { return (3, .longString, "\"\"") }
            if character == "\"" { return (1, .string, "\"") }
            return (1, .code, String(character))
        case .lineComment:
            return (1, character == "\n" ? .code : .lineComment, kept)
        case .blockComment(let depth):
            if rest.hasPrefix("/*") { return (2, .blockComment(depth: depth + 1), "") }
            if rest.hasPrefix("*/") { return (2, depth == 1 ? .code : .blockComment(depth: depth - 1), "") }
            return (1, state, kept)
        case .string:
            if character == "\\" { return (2, .string, "") }
            // A string that does not end on its line is none that this reader understands: go on with code.
            return (1, character == "\"" || character == "\n" ? .code : .string, character == "\"" ? "\"" : kept)
        case .longString:
            if character == "\\" { return (1, .longString, "") }
            if rest.hasPrefix("\"\"\"") { return (3, .code, "") }
            return (1, .longString, kept)
        }
    }

    /// The modules that are imported.
    var imports: [String] {
        lines.compactMap { line in
            var words = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
            while let first = words.first, first.hasPrefix("@") || Self.accessLevels.contains(first) {
                words.removeFirst()
            }
            guard words.first == "import", words.count > 1 else { return nil }
            words.removeFirst()
            if Self.declarationWords.contains(words[0]), words.count > 1 { words.removeFirst() }
            return words[0].split(whereSeparator: { $0 == "." || $0 == ";" }).first.map(String.init)
        }
    }

    /// The names of the types that are declared outside of others: on lines that are not indented.
    var outerTypes: [String] {
        lines.flatMap { line -> [String] in
            guard line.first?.isWhitespace == false else { return [] }
            let words = line.split(whereSeparator: { " \t:<{(=,".contains($0) }).map(String.init)
            return zip(words, words.dropFirst()).compactMap { Self.typeWords.contains($0) ? $1 : nil }
        }
    }

    private static let accessLevels: Set = ["public", "internal", "package", "private", "fileprivate"]
    private static let typeWords: Set = ["struct", "class", "enum", "protocol", "actor", "typealias"]
    private static let declarationWords: Set = [
        "struct", "class", "enum", "protocol", "typealias", "func", "var", "let",
    ]
}
