import Instruments
import LinuxSystem
import OperationLogs
import Synchronization
import Testing

@testable import DeadLetters

/// A store of bounded size: what goes is counted and said, and never comes back; what waits goes on.
@Suite struct RetentionTests {
    private let now = Timestamp(microseconds: 800_000_000_000_000)
    private let long = [UInt8](repeating: 0x78, count: 1000)

    private func store(
        _ scratch: ScratchDirectory, _ limits: DeadLetterLimits, _ told: Told = Told(), registry: Registry = Registry()
    ) throws -> DeadLetterStore<DirectoryStorage> {
        try DeadLetterStore(
            in: scratch.storage, spool: spool, lowestPosition: .zero, registry: registry,
            diagnostics: told.diagnostics, limits: limits)
    }

    private func limits(
        _ whenFull: DeadLetterLimits.WhenFull, inputs: [String] = ["legacy-loader", "other"], age: Int64? = nil
    ) -> DeadLetterLimits {
        DeadLetterLimits(maxBytes: 1 << 20, maxAgeSeconds: age, whenFull: whenFull, inputs: inputs)
    }

    private func letters(_ ids: ClosedRange<UInt64>, _ reason: RejectionReason = .missingField, time: Int64 = 0)
        -> [DeadLetter]
    {
        ids.map { letter($0, reason, line: long, time: time) }
    }

    /// What stands on disk, all files of the store together.
    private func diskBytes(_ scratch: ScratchDirectory) throws -> UInt64 {
        try scratch.letters.names().reduce(0) { try $0 + scratch.letters.open($1, .reading).length() }
    }

    @Test func `the oldest go when the space is used up, counted and said, and the newest stay`() throws {
        let scratch = try ScratchDirectory()
        let told = Told()
        let registry = Registry()
        let store = try store(scratch, limits(.dropOldest), told, registry: registry)
        for first in stride(from: UInt64(1), to: 3000, by: 20) {
            try store.append(letters(first...first + 19))
            try store.tidy(now, firstKept: SequenceNumber(10_000))
        }
        #expect(try diskBytes(scratch) <= 1 << 20)
        #expect(store.bytes == (try diskBytes(scratch)))
        let left = try listedIDs(scratch.storage)
        #expect(left == Array((left.first ?? 0)...3000), "the newest, without a gap")
        #expect(left.count > 500)
        #expect(store.count == left.count)
        #expect(told.all.allSatisfy { $0.contains("dropped") && $0.contains("dead_letters.max_bytes") })
        let said = told.all.compactMap { $0.split(separator: " ").dropFirst().first.flatMap { Int($0) } }.reduce(0, +)
        #expect(said == 3000 - left.count)
        let reopened = try self.store(scratch, limits(.dropOldest))
        #expect(reopened.count == left.count)
        #expect(reopened.movedUpTo == SequenceNumber(3000))
    }

    @Test func `what was dropped does not come back while the spool keeps its record`() throws {
        let scratch = try ScratchDirectory()
        var store = try store(scratch, limits(.dropOldest))
        try store.append(letters(1...100, .rejectedByDatabase))
        for first in stride(from: UInt64(101), to: 3000, by: 100) { try store.append(letters(first...first + 99)) }
        try store.tidy(now, firstKept: SequenceNumber(51))
        let left = try listedIDs(scratch.storage)
        #expect((left.first ?? 0) > 1000)
        store = try self.store(scratch, limits(.dropOldest))
        #expect(store.count == left.count)
        for id in 51...100 { #expect(store.holdsRefusal(of: SequenceNumber(UInt64(id)))) }
        // Neither by the database again, nor from the spool.
        try store.append(letters(51...100, .rejectedByDatabase) + letters(500...600))
        #expect(try listedIDs(scratch.storage) == left)
        // What the spool no longer keeps leaves nothing behind.
        #expect(!store.holdsRefusal(of: SequenceNumber(50)))
    }

    @Test func `letters go when they are too old, those of one file together`() throws {
        let scratch = try ScratchDirectory()
        let told = Told()
        let store = try store(scratch, limits(.wait, age: 3600), told)
        var clock = now.microseconds
        func wait(minutes: Int64) throws {
            clock += minutes * 60_000_000
            try store.tidy(Timestamp(microseconds: clock), firstKept: .zero)
        }
        for round in 0..<20 {
            try store.append([letter(UInt64(round + 1), time: clock - now.microseconds)])
            try wait(minutes: 5)
        }
        // Of the last hour, and of at most a sixteenth of that before.
        #expect(try listedIDs(scratch.storage) == Array(9...20))
        #expect(store.count == 12)
        #expect(told.all.allSatisfy { $0.contains("dead_letters.max_age") })
        try wait(minutes: 70)
        #expect(try listedIDs(scratch.storage) == [])
        #expect(store.count == 0)
        #expect(try self.store(scratch, limits(.wait)).movedUpTo == SequenceNumber(20))
    }

    @Test func `an input that has used up its share waits, alone, until some of its letters are over`() throws {
        let scratch = try ScratchDirectory()
        let told = Told()
        let store = try store(scratch, limits(.wait), told)
        let gate = try #require(store.gate(for: "legacy-loader"))
        let other = try #require(store.gate(for: "other"))
        #expect(store.gate(for: "gone") == nil)
        let woken = Atomic<Int>(0)
        gate.onOpen { woken.add(1, ordering: .relaxed) }
        var last: UInt64 = 0
        while !gate.isClosed {
            try store.append(letters(last + 1...last + 10))
            last += 10
        }
        #expect((350...420).contains(last), "half of a mebibyte, in letters of some 1,300 bytes")
        #expect(!other.isClosed)
        #expect(told.all.count == 1)
        // What was under way is kept; a row that the database refuses waits.
        try store.append(letters(last + 1...last + 10))
        #expect(throws: DeadLettersFull.self) { try store.append(letters(9001...9001, .rejectedByDatabase)) }
        #expect(!store.holdsRefusal(of: SequenceNumber(9001)))
        try store.append([letter(9002, .rejectedByDatabase, input: "other")])
        #expect(try self.store(scratch, limits(.wait)).isFull(for: "legacy-loader"), "after a restart too")

        try store.end((1...last).map { LetterEnd(id: SequenceNumber($0), fate: .discarded, time: now) })
        try store.tidy(now, firstKept: .zero)
        #expect(!gate.isClosed)
        #expect(woken.load(ordering: .relaxed) == 1)
        #expect(told.all.count == 2)
        try store.append(letters(9001...9001, .rejectedByDatabase))
        #expect(try listedIDs(scratch.storage) == Array(last + 1...last + 10) + [9001, 9002])
        #expect(!(try self.store(scratch, limits(.wait)).isFull(for: "legacy-loader")))
    }

    @Test func `letters behind a damaged first line make room when they are over`() throws {
        let scratch = try ScratchDirectory()
        var store = try store(scratch, limits(.wait, inputs: ["legacy-loader"]))
        for first in stride(from: UInt64(1), to: 900, by: 20) { try store.append(letters(first...first + 19)) }
        for name in try scratch.letters.names() {
            var bytes = try scratch.bytes(of: name)
            bytes[3] ^= 1
            try scratch.write(bytes, to: name)
        }
        store = try self.store(scratch, limits(.wait, inputs: ["legacy-loader"]))
        #expect(store.isFull(for: "legacy-loader"))
        try store.end((1...800).map { LetterEnd(id: SequenceNumber($0), fate: .discarded, time: now) })
        try store.tidy(now, firstKept: .zero)
        #expect(!store.isFull(for: "legacy-loader"))
        #expect(store.count == 100)
    }

    @Test func `a refused row is kept while what is on its way would use up the share`() throws {
        let scratch = try ScratchDirectory()
        let store = try store(scratch, limits(.wait))
        let gate = try #require(store.gate(for: "legacy-loader"))
        // Handed to a spool that is full of rows before them.
        gate.rejected(lines: 1000, bytes: 1 << 20)
        #expect(gate.isClosed)
        try store.append(letters(1...1, .rejectedByDatabase))
        #expect(try listedIDs(scratch.storage) == [1])
    }

    @Test func `what inputs that are gone have left takes from the shares of the others`() throws {
        let scratch = try ScratchDirectory()
        let store = try store(scratch, limits(.wait, inputs: ["a\"b"]))
        let gate = try #require(store.gate(for: "a\"b"))
        try store.append(letters(1...600))
        #expect(!gate.isClosed)
        try store.append((601...800).map { letter($0, line: long, input: "a\"b") })
        #expect(gate.isClosed)
    }

    @Test func `the space of what is over is freed, and everything else stays, in its order`() throws {
        let scratch = try ScratchDirectory()
        let registry = Registry()
        let store = try store(scratch, limits(.dropOldest), registry: registry)
        for first in stride(from: UInt64(1), to: 700, by: 20) { try store.append(letters(first...first + 19)) }
        let kept = (1...700).map { UInt64($0) }.filter { $0 % 10 == 3 }
        try store.end(
            (1...700).map { UInt64($0) }.filter { $0 % 10 != 3 }
                .map { LetterEnd(id: SequenceNumber($0), fate: .discarded, time: now) })
        for first in stride(from: UInt64(701), to: 1000, by: 20) { try store.append(letters(first...first + 19)) }
        try store.tidy(now, firstKept: SequenceNumber(600))
        #expect(try diskBytes(scratch) <= 1 << 20)
        #expect(store.bytes == (try diskBytes(scratch)))
        #expect(try listedIDs(scratch.storage) == kept + Array(701...1000), "nothing was dropped")
        for line in try listed(scratch.storage) { #expect(line.line == long) }
        #expect(store.count == kept.count + 300)
        let reopened = try self.store(scratch, limits(.dropOldest))
        #expect(reopened.count == kept.count + 300)
        #expect(reopened.movedUpTo == SequenceNumber(1000))
        #expect(reopened.isEnded(SequenceNumber(650)), "its record is still in the spool")
        // As damage would have it: the lines come from the spool once more.
        try reopened.append(letters(601...700))
        #expect(try listedIDs(scratch.storage) == kept + Array(701...1000))
    }

    @Test func `a file of tombstones that are still needed is left as it is`() throws {
        let scratch = try ScratchDirectory()
        let store = try store(scratch, limits(.wait))
        try store.append(letters(1...600))
        for first in stride(from: UInt64(1), to: 600, by: 20) {
            try store.end(
                (first..<first + 20).map { LetterEnd(id: SequenceNumber($0), fate: .discarded, time: now) })
        }
        try store.append(letters(601...800))
        #expect(store.bytes > 1 << 20)
        try store.tidy(now, firstKept: .zero)
        #expect(store.bytes == (try diskBytes(scratch)))
        #expect(try diskBytes(scratch) < 400_000)
        #expect(try listedIDs(scratch.storage) == Array(601...800))
        #expect(try self.store(scratch, limits(.wait)).isEnded(SequenceNumber(1)))
    }

    @Test func `a file with damage in it is not written anew`() throws {
        let scratch = try ScratchDirectory()
        var store = try store(scratch, limits(.wait))
        for first in stride(from: UInt64(1), to: 900, by: 20) { try store.append(letters(first...first + 19)) }
        try store.end((1...800).map { LetterEnd(id: SequenceNumber($0), fate: .discarded, time: now) })
        let name = "0000000002.dead"
        var bytes = try scratch.bytes(of: name)
        bytes[5000] ^= 1
        try scratch.write(bytes, to: name)
        store = try self.store(scratch, limits(.wait))
        try store.append(letters(1001...1020))
        try store.tidy(now, firstKept: SequenceNumber(10_000))
        #expect(try scratch.bytes(of: name) == bytes)
        #expect(try diskBytes(scratch) < 700_000)
    }

    @Test func `a draft that a crash has left is taken away`() throws {
        let scratch = try ScratchDirectory()
        try store(scratch, limits(.wait)).append(letters(1...3))
        try scratch.write([1, 2, 3], to: "0000000001.dead.new")
        _ = try store(scratch, limits(.wait))
        #expect(try scratch.letters.names() == ["0000000001.dead"])
        #expect(try listedIDs(scratch.storage) == [1, 2, 3])
    }
}
