import OperationLogs
import Testing

@testable import DeadLetters

@Suite struct StoredLetterTests {
    private func read(_ json: String) -> DeadLetter? { Array(json.utf8).withUnsafeBytes { StoredLetter.read($0) } }

    @Test(arguments: [
        letter(1), letter(18_446_744_073_709_551_615, .rejectedByDatabase), letter(3, .lineTooLong, event: nil),
        letter(4, .invalidUTF8, line: [0xff, 0xfe, 0x00, 0x0a]), letter(5, .invalidUTF8, line: [0xc3]),
        letter(6, .invalidJSON, line: Array(0...0x7f)),
        letter(7, .invalidJSON, line: Array("\u{202e}right\u{2066} \u{1f600} \u{9f} e\u{301} \u{fffd} \"\\".utf8)),
        letter(8, line: []), letter(9, input: "name \"quoted\"\n"),
    ])
    func `a letter comes back as it went in`(_ letter: DeadLetter) {
        #expect(read(letter.json) == letter)
    }

    @Test func `a socket's letter comes back with its peer`() {
        var socket = letter(2)
        socket.source = RecordOriginator(kind: .socket, input: "pipelines", uid: 1000, pid: 4_000_000_000)
        #expect(read(socket.json) == socket)
    }

    @Test(
        arguments: [
            0, -1, 1, 86_399_999_999, 951_782_400_000_000, -63_082_281_600_000_000, -71_000_000_000_000_000,
            300_000_000_000_000_000, 820_454_400_123_456,
        ] as [Int64])
    func `every time comes back`(_ microseconds: Int64) {
        let time = Timestamp(microseconds: microseconds)
        #expect(Timestamp(stored: time.rfc3339) == time)
    }

    @Test(arguments: [
        "", "T", "2026-02-30T00:00:00.000000Z", "2026-01-01T00:00:00Z", "2026-01-01T24:00:00.000000Z",
        "2026-1-01T00:00:00.000000Z", "99999999999999999999-01-01T00:00:00.000000Z",
    ])
    func `what is not a time is none`(_ text: String) {
        #expect(Timestamp(stored: text) == nil)
    }

    @Test func `nothing cut off or with a byte changed is taken for a letter of the same text`() {
        let sample = letter(6, .invalidJSON, line: Array("a\tb\u{1}\"".utf8))
        let whole = Array(sample.json.utf8)
        for length in whole.indices {
            #expect(whole[..<length].withUnsafeBytes { StoredLetter.read($0) } == nil)
        }
        for place in whole.indices {
            for flip in [UInt8(1), 0x10, 0x80] {
                var changed = whole
                changed[place] ^= flip
                #expect(changed.withUnsafeBytes { StoredLetter.read($0) } != sample, "byte \(place)")
            }
        }
        #expect(read(sample.json + " ") == nil)
    }
}
