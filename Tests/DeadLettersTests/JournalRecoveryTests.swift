import Glibc
import LinuxSystem
import OperationLogs
import Synchronization
import Testing

@testable import DeadLetters

@Suite struct JournalRecoveryTests {
    private let name = "0000000001.dead"

    @Test func `what a crash left in the page cache is written and synced before it counts as kept`() throws {
        let scratch = try ScratchDirectory()
        let storage = FaultyStorage(real: scratch.storage, faults: FaultyStorage.Faults())
        let first = try openStore(storage)
        storage.faults.sync.store(EIO, ordering: .relaxed)
        #expect(throws: DeadLetterStoreError.self) { try first.append([letter(1), letter(2, .rejectedByDatabase)]) }
        // The lines stand there, though nothing says that they are on disk: a start may not rely on them either.
        #expect(throws: SystemError.self) { try openStore(storage) }
        storage.faults.sync.store(0, ordering: .relaxed)
        let before = (
            storage.faults.writes.load(ordering: .relaxed), storage.faults.syncs.load(ordering: .relaxed),
            storage.faults.directorySyncs.load(ordering: .relaxed)
        )
        let store = try openStore(storage)
        #expect(store.movedUpTo == SequenceNumber(1) && store.holdsRefusal(of: SequenceNumber(2)))
        #expect(storage.faults.writes.load(ordering: .relaxed) > before.0)
        #expect(storage.faults.syncs.load(ordering: .relaxed) > before.1)
        #expect(storage.faults.directorySyncs.load(ordering: .relaxed) > before.2)
        #expect(try listedIDs(storage) == [1, 2])
    }

    @Test func `no bit of the first line makes the letters another spool's, or a later version's`() throws {
        let scratch = try ScratchDirectory()
        let letters = [letter(1), letter(2), letter(3, .rejectedByDatabase)]
        try openStore(scratch.storage).append(letters)
        let whole = try scratch.bytes(of: name)
        let headerEnd = try #require(whole.firstIndex(of: 0x0a)) + 1
        let storage = FaultyStorage(real: scratch.storage, faults: FaultyStorage.Faults(skipsSyncs: true))
        for bit in 0..<headerEnd * 8 {
            for other in try scratch.letters.names() where other != name { try scratch.letters.remove(other) }
            var damaged = whole
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            try scratch.write(damaged, to: name)
            let told = Told()
            let store = try openStore(storage, diagnostics: told.diagnostics)
            #expect(told.all.count == 1, "bit \(bit): it is said")
            #expect(store.holdsRefusal(of: SequenceNumber(3)), "bit \(bit)")
            try store.append(letters)
            #expect(try openStore(storage).count == 3, "bit \(bit): each stands there once")
            #expect(try listedIDs(storage) == [1, 2, 3], "bit \(bit)")
        }
    }

    @Test func `a first line without a checksum, of the first days, is read, and written on behind`() throws {
        let scratch = try ScratchDirectory()
        try openStore(scratch.storage).append([letter(1)])
        let whole = try scratch.bytes(of: name)
        let headerEnd = try #require(whole.firstIndex(of: 0x0a)) + 1
        let header = Array("opslogd-dead-letters 1 \(spool)\n".utf8)
        try scratch.write(header, to: name)
        let told = Told()
        try openStore(scratch.storage, diagnostics: told.diagnostics).append([letter(1)])
        #expect(try scratch.bytes(of: name) == header + whole[headerEnd...])
        try openStore(scratch.storage, diagnostics: told.diagnostics).append([letter(2)])
        #expect(try listedIDs(scratch.storage) == [1, 2] && told.all.isEmpty)
        #expect(try scratch.letters.names() == [name])
    }

    @Test
    func `bytes are synced before they count, a new file's name too, and a torn end is noted before it goes`()
        throws
    {
        let scratch = try ScratchDirectory()
        let storage = FaultyStorage(real: scratch.storage, faults: FaultyStorage.Faults())
        func calls(_ body: () throws -> Void) rethrows -> String {
            storage.faults.calls.withLock { $0 = [] }
            try body()
            return storage.faults.calls.withLock { $0.joined(separator: " ") }
        }
        var store = try openStore(storage)
        #expect(try calls { try store.append([letter(1)]) } == "write sync directory")
        #expect(try calls { try store.append([letter(2)]) } == "write sync")
        store = try openStore(storage, rotationBytes: 1)
        #expect(try calls { try store.append([letter(3)]) } == "write sync directory", "a new file")
        let last = "0000000002.dead"
        try scratch.write(scratch.bytes(of: last) + [0x30], to: last)
        #expect(
            try calls { _ = try openStore(storage) }
                == "sync directory write truncate sync directory truncate sync write sync directory")
    }

    @Test func `a disk without room for the second writing does not keep the store from opening`() throws {
        let scratch = try ScratchDirectory()
        let storage = FaultyStorage(real: scratch.storage, faults: FaultyStorage.Faults())
        try openStore(storage).append([letter(1)])
        storage.faults.write.store(ENOSPC, ordering: .relaxed)
        #expect(try openStore(storage).movedUpTo == SequenceNumber(1))
        storage.faults.write.store(EIO, ordering: .relaxed)
        #expect(throws: SystemError.self) { try openStore(storage) }
    }

    @Test func `a start that ends right behind the cut does not hide from the next what was cut off`() throws {
        let scratch = try ScratchDirectory()
        try openStore(scratch.storage).append([letter(1), letter(2)])
        var bytes = try scratch.bytes(of: name)
        bytes[bytes.count - 10] ^= 1
        try scratch.write(bytes, to: name)
        let storage = FaultyStorage(real: scratch.storage, faults: FaultyStorage.Faults())
        storage.faults.sync.store(EIO, ordering: .relaxed)
        // Whichever sync it is that fails.
        for succeeding in 0..<4 {
            storage.faults.syncsLeft.store(succeeding, ordering: .relaxed)
            _ = try? openStore(storage)
        }
        let store = try openStore(scratch.storage)
        #expect(store.resumption(after: SequenceNumber(7)) == SequenceNumber(1))
        try store.append([letter(1), letter(2)])
        #expect(try listedIDs(scratch.storage) == [1, 2])
        try store.caughtUp()
        let later = try openStore(scratch.storage)
        #expect(later.resumption(after: SequenceNumber(7)) == SequenceNumber(7))
    }

    @Test func `an end torn at any byte is cut, reported and kept aside, and what stands before it is whole`() throws {
        let scratch = try ScratchDirectory()
        try openStore(scratch.storage).append([letter(1)])
        let kept = try scratch.bytes(of: name).count
        try openStore(scratch.storage).append([letter(2), letter(3, .invalidUTF8, line: [0xff])])
        let whole = try scratch.bytes(of: name)
        let headerEnd = try #require(whole.firstIndex(of: 0x0a)) + 1
        let secondEnd = try #require(whole[kept...].firstIndex(of: 0x0a)) + 1

        let storage = FaultyStorage(real: scratch.storage, faults: FaultyStorage.Faults(skipsSyncs: true))
        for length in 0...whole.count {
            try scratch.write(Array(whole[..<length]), to: name)
            let told = Told()
            let store = try openStore(storage, diagnostics: told.diagnostics)
            let intact = [headerEnd, kept, secondEnd, whole.count].last { $0 <= length } ?? 0
            let ids: [UInt64] = [kept: [1], secondEnd: [1, 2], whole.count: [1, 2, 3]][intact] ?? []
            #expect(try listedIDs(storage) == ids, "length \(length)")
            #expect(try scratch.bytes(of: name) == Array(whole[..<intact]), "length \(length)")
            #expect(told.all.count == (intact == length ? 0 : 1), "length \(length)")
            if intact < length {
                #expect(try scratch.bytes(of: "\(name).torn-\(intact)") == Array(whole[intact..<length]))
            }
            try store.append([letter(2), letter(3), letter(4)])
            #expect(
                try listedIDs(storage) == [1, 2, 3, 4].filter { $0 > 1 || ids.contains(1) }, "length \(length)")
            let again = Told()
            _ = try openStore(storage, diagnostics: again.diagnostics)
            #expect(again.all.isEmpty, "length \(length)")
        }
    }

    @Test func `every changed byte of a middle entry is reported, and everything else is listed`() throws {
        let scratch = try ScratchDirectory()
        try openStore(scratch.storage).append([letter(1), letter(2), letter(3)])
        let whole = try scratch.bytes(of: name)
        let ends = whole.indices.filter { whole[$0] == 0x0a }
        for place in ends[1] + 1..<ends[2] {
            var damaged = whole
            damaged[place] ^= 0x01
            try scratch.write(damaged, to: name)
            let told = Told()
            _ = try openStore(scratch.storage, diagnostics: told.diagnostics)
            #expect(!told.all.isEmpty && told.all.allSatisfy { $0.hasPrefix("error: dead-letters/\(name)") })
            #expect(try listedIDs(scratch.storage) == [1, 3], "byte \(place)")
            #expect(try DeadLetterList(in: scratch.storage).damage.isEmpty == false)
            #expect(try scratch.bytes(of: name) == damaged)
        }
    }

    @Test func `letters that were lost in the middle are taken again, and those behind them are not`() throws {
        let scratch = try ScratchDirectory()
        try openStore(scratch.storage).append([letter(1), letter(2), letter(3), letter(4)])
        var bytes = try scratch.bytes(of: name)
        let ends = bytes.indices.filter { bytes[$0] == 0x0a }
        for place in ends[1] + 1..<ends[2] { bytes[place] = 0 }
        try scratch.write(bytes, to: name)
        let store = try openStore(scratch.storage)
        #expect(store.movedUpTo == SequenceNumber(1))
        try store.append([letter(2), letter(3)])
        try store.append([letter(4), letter(5)])
        try store.append([letter(4), letter(6)])
        #expect(try listedIDs(scratch.storage) == [1, 2, 3, 4, 5, 6])
        #expect(store.count == 6)
        let again = try openStore(scratch.storage)
        try again.append([letter(2), letter(3), letter(4), letter(5), letter(6), letter(7)])
        #expect(try listedIDs(scratch.storage) == [1, 2, 3, 4, 5, 6, 7])
    }

    @Test func `a damaged first line is reported, its entries are listed, and a new file is begun`() throws {
        let scratch = try ScratchDirectory()
        try openStore(scratch.storage).append([letter(1), letter(2, .rejectedByDatabase)])
        var bytes = try scratch.bytes(of: name)
        bytes[3] ^= 1
        try scratch.write(bytes, to: name)
        let told = Told()
        let store = try openStore(scratch.storage, diagnostics: told.diagnostics)
        #expect(told.all.count == 1)
        #expect(store.holdsRefusal(of: SequenceNumber(2)))
        try store.append([letter(3)])
        #expect(try scratch.letters.names() == [name, "0000000002.dead"])
        #expect(try listedIDs(scratch.storage) == [1, 2, 3])
    }

    @Test func `a damaged end of a file that is not the last is reported and left as it is`() throws {
        let scratch = try ScratchDirectory()
        let store = try openStore(scratch.storage, rotationBytes: 900)
        for id in 1...4 { try store.append([letter(UInt64(id))]) }
        #expect(try scratch.letters.names().count == 2)
        var bytes = try scratch.bytes(of: name)
        bytes[bytes.count - 5] ^= 1
        try scratch.write(bytes, to: name)
        let told = Told()
        _ = try openStore(scratch.storage, diagnostics: told.diagnostics, rotationBytes: 900)
        #expect(told.all.count == 1)
        #expect(try listedIDs(scratch.storage) == [1, 3, 4])
        #expect(try scratch.bytes(of: name) == bytes)
    }

    @Test func `an end without a line end of a file that is not the last is damage, whatever is left of it`() throws {
        let scratch = try ScratchDirectory()
        let store = try openStore(scratch.storage, rotationBytes: 900)
        for id in 1...4 { try store.append([letter(UInt64(id))]) }
        let whole = try scratch.bytes(of: name)
        let ends = whole.indices.filter { whole[$0] == 0x0a }
        #expect(ends.count == 3)
        let storage = FaultyStorage(real: scratch.storage, faults: FaultyStorage.Faults(skipsSyncs: true))
        // Cut short, and as a sector that is lost leaves it.
        for place in 1..<whole.count {
            for left in [Array(whole[..<place]), whole[..<place] + [UInt8](repeating: 0, count: whole.count - place)]
            where !ends.contains(left.count - 1) {
                try scratch.write(left, to: name)
                let told = Told()
                _ = try openStore(storage, diagnostics: told.diagnostics, rotationBytes: 900)
                #expect(
                    !told.all.isEmpty && told.all.allSatisfy { $0.hasPrefix("error: dead-letters/\(name)") },
                    "\(left.count) bytes, \(place) of them as they were")
                let list = try DeadLetterList(in: storage)
                #expect(!list.damage.isEmpty, "\(left.count) bytes, \(place) of them as they were")
                let kept = ends.filter { $0 < place }.count
                #expect(try listedIDs(storage) == Array(1...4).filter { $0 < kept || $0 > 2 }.map { UInt64($0) })
                #expect(try scratch.bytes(of: name) == left)
            }
        }
    }

    @Test func `names that are not the store's are left alone`() throws {
        let scratch = try ScratchDirectory()
        for name in ["1.dead", "note.txt", "000000000x.dead", ".dead"] { try scratch.write([1], to: name) }
        try openStore(scratch.storage).append([letter(1)])
        #expect(try scratch.letters.names().count == 5)
        #expect(try listedIDs(scratch.storage) == [1])
    }

    /// The line that ends a dead letter.
    private func tombstone(_ id: UInt64, _ fate: String) -> [UInt8] {
        let object =
            "{\"id\":\"\(SequenceNumber(id))\",\"fate\":\"\(fate)\",\"time\":\"2026-11-20T12:34:56.123456Z\"}"
        let entry = Array("t \(object)".utf8)
        let checksum = String(entry.withUnsafeBytes { CRC32C.of($0) }, radix: 16)
        return Array("\(String(repeating: "0", count: 8 - checksum.count))\(checksum) ".utf8) + entry + [0x0a]
    }

    @Test func `a tombstone alone keeps its record from being sent, where the dead letter itself is lost`() throws {
        let scratch = try ScratchDirectory()
        try openStore(scratch.storage).append([letter(1), letter(2, .rejectedByDatabase)])
        var lines = try scratch.bytes(of: name)
        let refusal = try #require(lines.dropLast().lastIndex(of: 0x0a)) + 1
        lines.removeSubrange(refusal...)
        lines += tombstone(2, "retried")
        try scratch.write(lines, to: name)
        for _ in 0..<2 {
            let store = try openStore(scratch.storage)
            #expect(store.holdsRefusal(of: SequenceNumber(2)))
            #expect(store.mayHoldRefusals(from: SequenceNumber(1), through: SequenceNumber(9)))
            let size = store.bytes
            try store.append([letter(2, .rejectedByDatabase)])
            #expect(store.bytes == size, "the refusal counts as kept")
        }
        #expect(try !openStore(scratch.storage, lowestPosition: 2).holdsRefusal(of: SequenceNumber(2)))
    }

    @Test(arguments: ["retried", "discarded", "dropped"])
    func `a tombstone ends its dead letter, which is still never sent`(_ fate: String) throws {
        let scratch = try ScratchDirectory()
        try openStore(scratch.storage).append([letter(1), letter(2, .rejectedByDatabase), letter(3)])
        var lines = try scratch.bytes(of: name)
        lines += tombstone(2, fate) + tombstone(3, fate)
        try scratch.write(lines, to: name)
        let told = Told()
        let store = try openStore(scratch.storage, diagnostics: told.diagnostics)
        #expect(told.all.isEmpty)
        #expect(store.count == 1)
        #expect(store.holdsRefusal(of: SequenceNumber(2)))
        #expect(try listedIDs(scratch.storage) == [1])
    }
}
