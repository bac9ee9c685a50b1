/// The second one of two equal keys in a mapping, found in the text.
///
/// Yams says which key stands twice and where the first is, not where the second is.
struct RepeatedKey {
    let place: Place
    /// The text with this key replaced by as many private characters, so that all other places stay true.
    let textWithoutIt: String

    /// After so many the file is given up.
    static let most = 100
    private static let privateCharacters: ClosedRange<UInt32> = 0xE000...0xE0FF

    /// Whether this is what a repeated key was replaced by.
    static func stands(in key: String) -> Bool {
        key.unicodeScalars.first.map { privateCharacters.contains($0.value) } ?? false
    }

    /// Nil if it cannot be told: a key in quotes, say.
    static func find(_ key: String, firstAt first: Place, in text: String) -> RepeatedKey? {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { Array($0.unicodeScalars) }
        let wanted = Array(key.unicodeScalars)
        guard !wanted.isEmpty, lines.indices.contains(first.line - 1) else { return nil }

        func isKey(_ line: Int, _ column: Int) -> Bool {
            let scalars = lines[line][column...]
            guard scalars.starts(with: wanted) else { return false }
            return scalars.dropFirst(wanted.count).first { $0 != " " } == ":"
        }
        func replaced(_ line: Int, _ column: Int) -> RepeatedKey {
            // Each replacement is another word, since several of them may stand in one mapping.
            let word = Unicode.Scalar(privateCharacters.lowerBound + UInt32(line % 256)) ?? "\u{E000}"
            lines[line].replaceSubrange(
                column..<column + wanted.count, with: repeatElement(word, count: wanted.count))
            let text = lines.map { line in String(String.UnicodeScalarView(line)) }.joined(separator: "\n")
            return RepeatedKey(place: Place(line: line + 1, column: column + 1), textWithoutIt: text)
        }

        let firstLine = first.line - 1
        let before = lines[firstLine].prefix(first.column - 1).last { $0 != " " }
        if before == "{" || before == "," {
            // Within braces: further on in the same line.
            for column in lines[firstLine].indices.dropFirst(first.column)
            where [" ", ",", "{"].contains(lines[firstLine][column - 1]) && isKey(firstLine, column) {
                return replaced(firstLine, column)
            }
        }
        // A block: at the same column of a later line.
        for line in lines.indices.dropFirst(first.line)
        where lines[line].count >= first.column && lines[line].prefix(first.column - 1).allSatisfy({ $0 == " " })
            && isKey(line, first.column - 1)
        {
            return replaced(line, first.column - 1)
        }
        return nil
    }
}
