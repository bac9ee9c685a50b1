/// One statement of the SQL in `sql/`, and the object that it makes.
struct SchemaStatement: Hashable {
    enum Object: Hashable {
        case schema(String)
        case table(String)
        case index(String, table: String, columns: [String])
        /// The version record.
        case comment
    }

    var object: Object
    /// As it stands in the file, without the comments before it.
    var text: String

    /// The statements of a script: each begins at the start of a line and ends with a line that ends with `;`. That is
    /// how `sql/` is written; it is not a parser of SQL.
    /// - Returns: nil if a statement makes something of which `schema apply` knows nothing.
    static func all(in script: String) -> [SchemaStatement]? {
        var statements: [SchemaStatement] = []
        var lines: [Substring] = []
        for line in script.split(separator: "\n", omittingEmptySubsequences: true) {
            if lines.isEmpty, line.hasPrefix("--") { continue }
            lines.append(line)
            guard line.hasSuffix(";") else { continue }
            let text = lines.joined(separator: "\n")
            guard let object = object(of: text) else { return nil }
            statements.append(SchemaStatement(object: object, text: text))
            lines = []
        }
        return lines.isEmpty ? statements : nil
    }

    private static func object(of text: String) -> Object? {
        let words = text.split { " \n(),;".contains($0) }.map(String.init).filter {
            !["IF", "NOT", "EXISTS"].contains($0)
        }
        guard words.count >= 3 else { return nil }
        switch (words[0], words[1]) {
        case ("CREATE", "SCHEMA"): return .schema(words[2])
        case ("CREATE", "TABLE"): return unqualified(words[2]).map { .table($0) }
        case ("COMMENT", "ON"): return .comment
        case ("CREATE", "INDEX"):
            guard words.count > 5, words[3] == "ON", let table = unqualified(words[4]) else { return nil }
            return .index(words[2], table: table, columns: Array(words[5...]))
        default: return nil
        }
    }

    private static func unqualified(_ name: String) -> String? {
        let prefix = "operation_logs."
        return name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : nil
    }
}
