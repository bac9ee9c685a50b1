import OperationLogs
import Testing

@testable import opslogd

/// What people leave in the file that `dead-letters retry --edit` opens.
@Suite struct EditedLettersTests {
    private func letter(_ id: UInt64, _ line: [UInt8], isTruncated: Bool = false) -> DeadLetter {
        DeadLetter(
            id: SequenceNumber(id), time: Timestamp(microseconds: 0), reason: .missingField, detail: "column_name\nis",
            event: nil,
            source: RecordOriginator(kind: .file, input: "i"), offset: 0, line: line, isTruncated: isTruncated)
    }

    private func letter(_ id: UInt64, _ line: String, isTruncated: Bool = false) -> DeadLetter {
        letter(id, Array(line.utf8), isTruncated: isTruncated)
    }

    /// What is sent of a text.
    private func lines(_ text: String, of letters: [DeadLetter]) throws -> [String] {
        try EditedLetters.reading(Array(text.utf8), of: letters).lines.map {
            "\($0.id.rawValue) \(String(decoding: $0.line ?? [], as: UTF8.self))"
        }
    }

    private func lines(_ text: String) throws -> [String] {
        try lines(text, of: [letter(1, "a"), letter(2, "b")])
    }

    @Test func `what was not touched comes back as it was`() throws {
        let letters = [letter(1, #"{"a":1}"#), letter(2, " é ")]
        #expect(try lines(EditedLetters.text(of: letters), of: letters) == [#"1 {"a":1}"#, "2  é "])
    }

    @Test(arguments: [
        "# 00000000000000000999 comment", "# 00000000000000000001 own", "# comment", "#", "\\# x", "\\", "\\\\", " \t",
        "\u{00a0}", "#\u{0301}",
    ])
    func `a line that looks like a remark, or like none, comes back as it was`(line: String) throws {
        let letters = [letter(1, line), letter(2, "{}")]
        #expect(try lines(EditedLetters.text(of: letters), of: letters) == ["1 \(line)", "2 {}"])
    }

    @Test func `a line that is gone, or gone with its remark, is not sent`() throws {
        #expect(try lines("# 00000000000000000001 x\n\n# 00000000000000000002 y\nb\n") == ["2 b"])
        #expect(try lines("# 00000000000000000002 y\n  \nb") == ["2 b"])
        #expect(try lines("") == [])
    }

    @Test(arguments: [
        "a\n", "# 00000000000000000001 x\na\nb\n", "# 00000000000000000003 x\na\n",
        "# 00000000000000000001 x\na\n# 00000000000000000001 x\nb\n",
    ])
    func `a line that is nobody's is refused`(text: String) {
        #expect(throws: CommandFailure.self) { _ = try lines(text) }
    }

    @Test(arguments: ["{\"a\":\"x", "# x", "{\"a\": "])
    func `a line that was cut off is not sent as it is`(line: String) throws {
        let letters = [letter(1, line, isTruncated: true), letter(2, "{}")]
        let text = EditedLetters.text(of: letters)
        for left in [text, text.replacing("{\"a\": \n", with: "{\"a\":\n")] {
            let reading = try EditedLetters.reading(Array(left.utf8), of: letters)
            #expect(reading.beginnings.map(\.id.rawValue) == [1])
            #expect(reading.lines.map(\.id.rawValue) == [2])
        }
    }

    @Test func `… and is whole once it is changed`() throws {
        let letters = [letter(1, #"{"a":"x"#, isTruncated: true)]
        let text = EditedLetters.text(of: letters).replacing(#"{"a":"x"#, with: #"{"a":"xy"}"#)
        let reading = try EditedLetters.reading(Array(text.utf8), of: letters)
        #expect(reading.beginnings.isEmpty)
        #expect(try lines(text, of: letters) == [#"1 {"a":"xy"}"#])
    }

    @Test func `one that was cut off within a character can be edited`() throws {
        let letters = [letter(1, Array("{\"a\":\"é".utf8.dropLast()), isTruncated: true)]
        let text = EditedLetters.text(of: letters)
        #expect(text.hasSuffix("\n{\"a\":\"\n"))
        #expect(try EditedLetters.reading(Array(text.utf8), of: letters).beginnings == letters)
        #expect(EditedLetters.hindrance(to: letters[0]) == nil)
    }

    @Test func `what no editor keeps as it is stays out, and is told what helps`() {
        var left: [UInt64] = []
        var reasons: [String] = []
        let letters = [
            letter(1, [0xff]), letter(2, "a\nb"), letter(3, "c"),
            letter(4, [0xff, 0x61, 0x62, 0x63], isTruncated: true),
        ]
        _ = EditedLetters(letters) {
            left.append($0.rawValue)
            reasons.append($1)
        }
        #expect(left == [1, 2, 4])
        #expect(reasons.allSatisfy { $0.contains("opslogd send FILE") && $0.contains("discard") })
        #expect(reasons.first?.contains("export --lines --output FILE 1'") == true)
        #expect(reasons.last?.contains("export") == false)
    }
}
