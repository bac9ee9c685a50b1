import OperationLogs
import Testing

@testable import opslogd

/// What people leave in the file that `dead-letters retry --edit` opens.
@Suite struct EditedLettersTests {
    private let ids: Set<SequenceNumber> = [SequenceNumber(1), SequenceNumber(2)]

    private func lines(_ text: String) throws -> [String] {
        try EditedLetters.lines(in: Array(text.utf8), of: ids).map {
            "\($0.id.rawValue) \(String(decoding: $0.line ?? [], as: UTF8.self))"
        }
    }

    private func letter(_ id: UInt64, _ line: String) -> DeadLetter {
        DeadLetter(
            id: SequenceNumber(id), time: Timestamp(microseconds: 0), reason: .missingField, detail: "column_name\nis",
            event: nil,
            source: RecordOriginator(kind: .file, input: "i"), offset: 0, line: Array(line.utf8))
    }

    @Test func `what was not touched comes back as it was`() throws {
        let text = EditedLetters.text(of: [letter(1, #"{"a":1}"#), letter(2, " é ")])
        #expect(try lines(text) == [#"1 {"a":1}"#, "2  é "])
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

    @Test func `what no editor keeps as it is stays out`() {
        var left: [UInt64] = []
        var bytes = letter(1, "")
        bytes.line = [0xff]
        _ = EditedLetters([bytes, letter(2, "a\nb"), letter(3, "c")]) { id, _ in left.append(id.rawValue) }
        #expect(left == [1, 2])
    }
}
