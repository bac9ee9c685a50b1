/// Reads what libpq says of a connection that could not be opened: the one place where an SQLSTATE comes as text only.
enum OpeningError {
    /// The state in `… FATAL:  28P01: password authentication failed …`; the severity's word follows lc_messages, the
    /// shape does not. Of several hosts, the last one's.
    static func sqlstate(in text: String) -> String? {
        let bytes = Array(text.utf8)
        var found: String?
        for start in bytes.indices.dropFirst(3) where start + 6 <= bytes.count {
            let state = bytes[start..<start + 5]
            let isState = state.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) }
            if isState, bytes[start - 3..<start].elementsEqual(":  ".utf8), bytes[start + 5] == 0x3a {
                found = String(decoding: state, as: UTF8.self)
            }
        }
        return found
    }

    static func withoutState(_ state: String, _ text: String) -> String {
        let marked = "  \(state): "
        guard let range = text.firstRange(of: marked) else { return text }
        return text[..<range.lowerBound] + "  " + text[range.upperBound...]
    }

    /// What went wrong, on one line, without the DETAIL, HINT, CONTEXT and LOCATION that the server adds. Each of these can
    /// be of many lines, and hold users' data; the place in the server's source is the last of them.
    static func sentence(_ text: String, or other: String = "the connection broke") -> String {
        var kept: [String] = []
        var isAddition = false
        for line in text.split(separator: "\n") {
            if line.hasPrefix("LOCATION:") {
                isAddition = false
                continue
            }
            if ["DETAIL:", "HINT:", "QUERY:", "CONTEXT:", "STATEMENT:"].contains(where: { line.hasPrefix($0) }) {
                isAddition = true
            }
            if isAddition { continue }
            kept.append(line.split(separator: "\t", omittingEmptySubsequences: true).joined(separator: " "))
        }
        return kept.isEmpty ? other : kept.joined(separator: "; ")
    }
}
