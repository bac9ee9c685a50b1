import DeadLetters
import LinuxSystem
import OperationLogs
import Testing

/// What a power cut leaves of an append that made a file: its later pages without its first one. What lay in the hole is
/// moved again, whatever happens before that is done.
@Suite struct JournalHoleTests {
    private let name = "0000000001.dead"

    /// Four letters, of which the first line, the first letter and half of the second are zeros.
    private func torn() throws -> ScratchDirectory {
        let scratch = try ScratchDirectory()
        try openStore(scratch.storage).append((1...4).map { letter(UInt64($0)) })
        var bytes = try scratch.bytes(of: name)
        let ends = bytes.indices.filter { bytes[$0] == 0x0a }
        for place in 0..<ends[1] + 30 { bytes[place] = 0 }
        try scratch.write(bytes, to: name)
        return scratch
    }

    @Test func `letters that were lost with the first line are taken again, and those behind them are not`() throws {
        let scratch = try torn()
        let told = Told()
        let store = try openStore(scratch.storage, diagnostics: told.diagnostics)
        #expect(store.movedUpTo == .zero && told.all.count == 1)
        try store.append((1...5).map { letter(UInt64($0)) })
        #expect(try listedIDs(scratch.storage).sorted() == [1, 2, 3, 4, 5])
        let again = try openStore(scratch.storage)
        #expect(again.movedUpTo == SequenceNumber(5))
        try again.append((1...6).map { letter(UInt64($0)) })
        #expect(try listedIDs(scratch.storage).sorted() == [1, 2, 3, 4, 5, 6])
    }

    @Test func `a file that was begun since without a moved line does not hide the hole`() throws {
        let scratch = try torn()
        try openStore(scratch.storage).append([letter(9, .rejectedByDatabase)])
        #expect(try scratch.letters.names() == [name, "0000000002.dead"])
        let store = try openStore(scratch.storage)
        #expect(store.movedUpTo == .zero)
        try store.append((1...4).map { letter(UInt64($0)) })
        #expect(try listedIDs(scratch.storage).sorted() == [1, 2, 3, 4, 9])
        #expect(try openStore(scratch.storage).movedUpTo == SequenceNumber(4))
    }

    @Test func `a second hole, in what was moved again, leaves the first one open`() throws {
        let scratch = try torn()
        try openStore(scratch.storage).append((1...6).map { letter(UInt64($0)) })
        let second = "0000000002.dead"
        var bytes = try scratch.bytes(of: second)
        let ends = bytes.indices.filter { bytes[$0] == 0x0a }
        for place in 0..<ends[2] - 30 { bytes[place] = 0 }
        try scratch.write(bytes, to: second)
        let store = try openStore(scratch.storage)
        #expect(store.movedUpTo == .zero)
        try store.append((1...6).map { letter(UInt64($0)) })
        #expect(try listedIDs(scratch.storage).sorted() == [1, 2, 3, 4, 5, 6])
    }
}
