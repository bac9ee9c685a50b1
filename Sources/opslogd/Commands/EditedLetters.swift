import OperationLogs

/// The lines of dead letters as somebody edits them: each behind a remark that names it.
struct EditedLetters {
    /// What somebody has left there.
    struct Reading {
        /// What is sent in place of each.
        var lines: [(id: SequenceNumber, line: [UInt8]?)] = []
        /// Of these only the beginning is kept, and still no more stands there: there is no line to send.
        var beginnings: [DeadLetter] = []
    }

    private let letters: [DeadLetter]

    /// - Parameter left: is told of each that cannot be edited, and why.
    init(_ letters: [DeadLetter], left: (SequenceNumber, String) -> Void) {
        var editable: [DeadLetter] = []
        for letter in letters {
            if let why = Self.hindrance(to: letter) { left(letter.id, why) } else { editable.append(letter) }
        }
        self.letters = editable
    }

    /// Opens them in the user's editor, in a file that stays where what was edited could not be sent.
    ///
    /// - Parameter body: sends what was left there, and says whether the edits are no longer needed.
    func edit(_ body: (Reading) throws -> Bool) throws {
        if letters.isEmpty {
            _ = try body(Reading())
            return
        }
        try EditorFile(Array(Self.text(of: letters).utf8)).edit { try body(Self.reading($0, of: letters)) }
    }

    /// Why a line can be mended in no editor, nor by its keys, and what helps instead; nil if an editor can hold it.
    static func hindrance(to letter: DeadLetter) -> String? {
        let fault: String
        if shown(letter) == nil {
            fault = "its line is not UTF-8"
        } else if letter.line.contains(0x0a) {
            fault = "a line feed stands in the middle of its line"
        } else {
            return nil
        }
        let source =
            letter.isTruncated
            ? "only its first \(letter.line.count) bytes are kept: take the whole line from where it came"
            : "write it into a file with 'opslogd dead-letters export --lines --output FILE \(letter.id.rawValue)'"
        return "\(fault), and neither --edit nor --set can mend that; \(source), mend it there, send it with "
            + "'opslogd send FILE' or through its own input, and discard this one"
    }

    /// Its line, if it is a text: of one that was cut off, without the character that was cut in two.
    private static func shown(_ letter: DeadLetter) -> String? {
        if let text = String(validating: letter.line, as: UTF8.self) { return text }
        guard letter.isTruncated else { return nil }
        // A character has four bytes at most.
        return (1...3).lazy.compactMap { String(validating: letter.line.dropLast($0), as: UTF8.self) }.first
    }

    static func text(of letters: [DeadLetter]) -> String {
        var text = """
            # Each line is sent in place of the dead letter that is named above it.
            # A dead letter that is removed with its remark, or has no line, stays as it is. So does one of which only
            # the beginning is kept, unless its line is changed: then it counts as the whole one.
            # A line that begins with # or \\, or is blank, has a \\ put in front; that is taken away before it is sent.

            """
        for letter in letters {
            let kept = letter.isTruncated ? " (only the first \(letter.line.count) bytes are kept)" : ""
            text += "\n# \(letter.id) \(letter.reason.name): \(Printable.text(letter.detail))\(kept)\n"
            text += quoted(shown(letter) ?? "") + "\n"
        }
        return text
    }

    /// - Throws: where a line cannot be told to belong to one of them: nothing is sent then.
    static func reading(_ bytes: [UInt8], of letters: [DeadLetter]) throws -> Reading {
        let edited = Dictionary(letters.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var reading = Reading()
        var named: DeadLetter?
        var seen: Set<SequenceNumber> = []
        for (index, line) in bytes.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
            let text = String(decoding: line, as: UTF8.self)
            if line.first == remarkMark {
                let word = text.dropFirst().split(separator: " ").first.map(String.init) ?? ""
                // The remarks at the head begin with no number.
                if let id = SequenceNumber(argument: word), word.count == 20 {
                    guard let letter = edited[id], seen.insert(id).inserted else {
                        throw refusal(index, "\(id) is not one of those that are edited, or stands there twice")
                    }
                    named = letter
                }
                continue
            }
            if text.allSatisfy(\.isWhitespace) { continue }
            guard let letter = named else {
                throw refusal(index, "no remark above this line names a dead letter of its own")
            }
            named = nil
            let given = Array(line.first == quotingMark ? line.dropFirst() : line)
            if letter.isTruncated, withoutEnd(given) == withoutEnd(Array((shown(letter) ?? "").utf8)) {
                reading.beginnings.append(letter)
            } else {
                reading.lines.append((letter.id, given))
            }
        }
        return reading
    }

    private static let remarkMark = UInt8(ascii: "#")
    /// No JSON object begins with it, so that hardly a line needs it.
    private static let quotingMark = UInt8(ascii: "\\")

    /// So that a line is not taken for a remark, for none at all, or for one that was quoted.
    private static func quoted(_ line: String) -> String {
        let first = line.utf8.first
        let needsMark = first == remarkMark || first == quotingMark || line.allSatisfy(\.isWhitespace)
        return needsMark ? "\\" + line : line
    }

    /// Editors may take blanks away from a line's end: that changes nothing.
    private static func withoutEnd(_ line: [UInt8]) -> ArraySlice<UInt8> {
        let blanks: [UInt8] = [0x20, 0x09, 0x0d]
        let last = line.lastIndex { !blanks.contains($0) }
        return last.map { line[...$0] } ?? []
    }

    private static func refusal(_ index: Int, _ what: String) -> CommandFailure {
        CommandFailure(.notSo, "line \(index + 1) of the edited file: \(what); nothing was sent")
    }
}
