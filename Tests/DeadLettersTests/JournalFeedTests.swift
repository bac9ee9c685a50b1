import Instruments
import LinuxSystem
import OperationLogs
import Synchronization
import Testing

@testable import DeadLetters

/// What the store tells whoever shows its letters elsewhere: everything that is durable, in its order, and nothing else.
@Suite struct JournalFeedTests {
    private let time = Timestamp(microseconds: 800_000_000_000_000)

    private func news(_ feed: JournalFeed<DirectoryStorage>, bytes: Int = 1 << 20) throws -> [DeadLetterNews] {
        var all: [DeadLetterNews] = []
        while true {
            let next = try feed.next(bytes: bytes)
            if next.isEmpty { return all }
            all += next
        }
    }

    private func end(_ id: UInt64, _ fate: LetterFate) -> LetterEnd {
        LetterEnd(id: SequenceNumber(id), fate: fate, time: time)
    }

    @Test func `letters and endings come in their order, and again after a rewind`() throws {
        let scratch = try ScratchDirectory()
        let store = try openStore(scratch.storage)
        let feed = JournalFeed(of: store)
        #expect(try news(feed) == [])
        try store.append([letter(5), letter(3, .rejectedByDatabase)])
        #expect(try news(feed) == [.letter(letter(5)), .letter(letter(3, .rejectedByDatabase))])
        try store.end([end(5, .retried(as: SequenceNumber(9)))])
        try store.append([letter(7)])
        let later: [DeadLetterNews] = [
            .ended(
                DeadLetterEnding(
                    id: SequenceNumber(5), fate: .retried, time: time, successor: SequenceNumber(9))),
            .letter(letter(7)),
        ]
        #expect(try news(feed) == later)
        #expect(!feed.holds(SequenceNumber(5)) && feed.holds(SequenceNumber(3)) && feed.holds(SequenceNumber(7)))
        try store.end([end(7, .discarded)])
        #expect(
            try news(feed) == [.ended(DeadLetterEnding(id: SequenceNumber(7), fate: .discarded, time: time))])
        feed.rewind()
        #expect(try news(feed).count == 5)
        #expect(!feed.holds(SequenceNumber(5)) && feed.holds(SequenceNumber(3)) && !feed.holds(SequenceNumber(7)))
    }

    @Test func `files that came after one another are read on, in pieces of any size`() throws {
        let scratch = try ScratchDirectory()
        let store = try openStore(scratch.storage, rotationBytes: 2000)
        let feed = JournalFeed(of: store)
        var found: [DeadLetterNews] = []
        for id in UInt64(1)...100 {
            try store.append([letter(id)])
            if id % 7 == 0 { found += try news(feed, bytes: 1) }
        }
        found += try news(feed, bytes: 1)
        let all = (1...100).map { DeadLetterNews.letter(letter($0)) }
        #expect(try scratch.letters.names().count > 5)
        #expect(found == all)
        let again = JournalFeed(of: try openStore(scratch.storage, rotationBytes: 2000))
        #expect(try news(again) == all)
    }

    @Test func `what is written but not durable is not told`() throws {
        let scratch = try ScratchDirectory()
        let store = try openStore(scratch.storage)
        let feed = JournalFeed(of: store)
        try store.append([letter(5)])
        #expect(try news(feed).count == 1)
        // As an append looks that has written and not synced yet.
        var lines: [UInt8] = []
        JournalEntry.write(.movedLine, letter(6).json, to: &lines)
        let file = try scratch.letters.open("0000000001.dead", .writing)
        let length = try file.length()
        let written = lines.withUnsafeBytes { part in
            Result { () throws(SystemError) in try file.write([part], at: length) }
        }
        try written.get()
        #expect(try news(feed) == [])
        // The append, which writes the same, is done.
        try store.append([letter(6)])
        #expect(try news(feed) == [.letter(letter(6))])
    }

    @Test func `another spool's letters are not told, and a tombstone without words is a drop`() throws {
        let scratch = try ScratchDirectory()
        try openStore(scratch.storage, spool: UniqueID(high: 9, low: 9)).append([letter(5)])
        let store = try openStore(scratch.storage)
        let feed = JournalFeed(of: store)
        #expect(try news(feed) == [])
        try store.append([letter(8)])
        var lines: [UInt8] = []
        JournalEntry.tombstone(SequenceNumber(8), to: &lines)
        try store.journal.withLock { try store.write(lines, &$0) }
        #expect(
            try news(feed) == [
                .letter(letter(8)), .ended(DeadLetterEnding(id: SequenceNumber(8), fate: .dropped)),
            ])
    }

    @Test func `a file that is dropped or written anew while it is read is read to its end`() throws {
        let scratch = try ScratchDirectory()
        let long = [UInt8](repeating: 0x78, count: 1000)
        let store = try DeadLetterStore(
            in: scratch.storage, spool: spool, lowestPosition: .zero, registry: .init(), diagnostics: .silent,
            limits: DeadLetterLimits(maxBytes: 1 << 20, whenFull: .dropOldest, inputs: ["legacy-loader"]))
        let feed = JournalFeed(of: store)
        try store.append((1...40).map { letter($0, line: long) })
        var found = try feed.next(bytes: 1)
        for first in stride(from: UInt64(41), to: 2000, by: 20) {
            try store.append((first..<first + 20).map { letter($0, line: long) })
            try store.tidy(time, firstKept: SequenceNumber(10_000))
        }
        #expect(try !scratch.letters.names().contains("0000000001.dead"))
        found += try news(feed)
        let ids = found.compactMap { if case .letter(let letter) = $0 { letter.id.rawValue } else { nil } }
        #expect(Set(ids).isSuperset(of: 1...40))
        #expect(ids == ids.sorted() && ids.last == 2000)
    }

    @Test func `letters that are dropped are told of as such, once all that was kept before has been told`() throws {
        let scratch = try ScratchDirectory()
        let long = [UInt8](repeating: 0x78, count: 1000)
        let store = try DeadLetterStore(
            in: scratch.storage, spool: spool, lowestPosition: .zero, registry: .init(), diagnostics: .silent,
            limits: DeadLetterLimits(maxBytes: 1 << 20, whenFull: .dropOldest, inputs: ["legacy-loader"]))
        let feed = JournalFeed(of: store)
        for first in stride(from: UInt64(1), to: 2000, by: 20) {
            try store.append((first..<first + 20).map { letter($0, line: long) })
            // Some are told of at once, others not before their file is gone.
            if first % 300 == 1 { _ = try feed.next(bytes: 1) }
            try store.tidy(time, firstKept: SequenceNumber(10_000))
        }
        _ = try news(feed)
        let kept = Set(try listedIDs(scratch.storage))
        #expect(kept.count < 1500)
        for id in UInt64(1)...2000 { #expect(feed.holds(SequenceNumber(id)) == kept.contains(id), "\(id)") }
    }

    @Test func `what is passed over is not the end, however much it is`() throws {
        let scratch = try ScratchDirectory()
        let long = [UInt8](repeating: 0x78, count: 1000)
        let other = try openStore(scratch.storage, spool: UniqueID(high: 9, low: 9), rotationBytes: 4 << 20)
        try other.append((1...700).map { letter($0, line: long) })
        let store = try openStore(scratch.storage)
        try store.append([letter(5)])
        #expect(try JournalFeed(of: store).next(bytes: 1000) == [.letter(letter(5))])
    }
}
