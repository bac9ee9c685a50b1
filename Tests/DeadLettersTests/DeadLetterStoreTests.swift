import DeadLetters
import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import Synchronization
import Testing

@Suite struct DeadLetterStoreTests {
    @Test func `what was appended is listed after a reopening, oldest first`() throws {
        let scratch = try ScratchDirectory()
        let first = try openStore(scratch.storage)
        try first.append([letter(5), letter(9)])
        try first.append([letter(7, .rejectedByDatabase)])
        try first.append([letter(12), letter(2, .rejectedByDatabase)])
        #expect(try listedIDs(scratch.storage) == [2, 5, 7, 9, 12])

        let again = try openStore(scratch.storage)
        #expect(again.count == 5)
        #expect(again.bytes == first.bytes)
        #expect(again.movedUpTo == SequenceNumber(12))
        try again.append([letter(13)])
        #expect(
            try listed(scratch.storage) == [
                letter(2, .rejectedByDatabase), letter(5), letter(7, .rejectedByDatabase), letter(9), letter(12),
                letter(13),
            ])
    }

    @Test func `it is known whether any record of a range became a letter`() throws {
        let scratch = try ScratchDirectory()
        try openStore(scratch.storage).append([letter(5), letter(9), letter(7, .rejectedByDatabase)])
        let store = try openStore(scratch.storage)
        try store.append([letter(20)])
        func holds(_ first: UInt64, _ next: UInt64?) throws -> Bool {
            try store.holdsAny(from: SequenceNumber(first), before: next.map { SequenceNumber($0) })
        }
        for (first, next) in [(5, 6), (7, 8), (1, 6), (8, 21), (20, nil), (1, nil)] as [(UInt64, UInt64?)] {
            #expect(try holds(first, next))
        }
        for (first, next) in [(1, 5), (6, 7), (8, 9), (10, 20), (21, nil)] as [(UInt64, UInt64?)] {
            #expect(try !holds(first, next))
        }
    }

    @Test func `the journal holds blocks for letters to come, after an append and after a start`() throws {
        let scratch = try ScratchDirectory()
        func blockBytes() -> Int {
            var status = stat()
            return stat("\(scratch.path)/dead-letters/0000000001.dead", &status) == 0 ? Int(status.st_blocks) * 512 : -1
        }
        try openStore(scratch.storage).append([letter(5)])
        #expect(blockBytes() >= 1 << 20)
        let length = try scratch.bytes(of: "0000000001.dead").count
        // Cut to its own length, it holds nothing any more.
        try scratch.letters.open("0000000001.dead", .writing).truncate(to: UInt64(length))
        #expect(blockBytes() < 1 << 20)
        let again = try openStore(scratch.storage)
        #expect(blockBytes() >= 1 << 20)
        try again.append([letter(6)])
        #expect(try listedIDs(scratch.storage) == [5, 6])
    }

    @Test func `the format is the one that is documented`() throws {
        let scratch = try ScratchDirectory()
        try openStore(scratch.storage).append([letter(5), letter(4, .rejectedByDatabase)])
        let text = String(decoding: try scratch.bytes(of: "0000000001.dead"), as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(lines.count == 4 && lines[3].isEmpty)
        #expect(lines[0] == "opslogd-dead-letters 1 \(spool) crc32c=ead1b018")
        #expect(lines[1].dropFirst(8) == " d \(letter(5).json)")
        #expect(lines[2].dropFirst(8) == " r \(letter(4, .rejectedByDatabase).json)")
        let checksum = Array(lines[1].utf8.dropFirst(9)).withUnsafeBytes { CRC32C.of($0) }
        #expect(UInt32(lines[1].prefix(8), radix: 16) == checksum)
    }

    @Test func `a second append of an id is nothing, before and after a reopening`() throws {
        let scratch = try ScratchDirectory()
        let store = try openStore(scratch.storage)
        try store.append([letter(5), letter(5), letter(6, .rejectedByDatabase)])
        let size = store.bytes
        try store.append([letter(5), letter(3), letter(6, .rejectedByDatabase)])
        #expect(store.bytes == size)
        let again = try openStore(scratch.storage)
        try again.append([letter(5), letter(6, .rejectedByDatabase), letter(8)])
        #expect(try listedIDs(scratch.storage) == [5, 6, 8])
        #expect(again.count == 3)
    }

    @Test func `a refusal is held until it is forgotten, and forgotten ones are not read back`() throws {
        let scratch = try ScratchDirectory()
        let store = try openStore(scratch.storage)
        #expect(!store.holdsRefusal(of: SequenceNumber(4)))
        try store.append([4, 9, 6].map { letter($0, .rejectedByDatabase) } + [letter(5)])
        #expect((1...10).filter { store.holdsRefusal(of: SequenceNumber($0)) } == [4, 6, 9])
        func mayHold(_ first: UInt64, _ last: UInt64) -> Bool {
            store.mayHoldRefusals(from: SequenceNumber(first), through: SequenceNumber(last))
        }
        #expect(mayHold(1, 4) && mayHold(6, 6) && mayHold(7, 100) && mayHold(0, .max))
        #expect(!mayHold(1, 3) && !mayHold(5, 5) && !mayHold(7, 8) && !mayHold(10, .max))
        store.forgetRefusals(upTo: SequenceNumber(6))
        #expect((1...10).filter { store.holdsRefusal(of: SequenceNumber($0)) } == [9])
        let again = try openStore(scratch.storage, lowestPosition: 4)
        #expect((1...10).filter { again.holdsRefusal(of: SequenceNumber($0)) } == [6, 9])
        #expect(again.count == 4)
    }

    @Test func `refusals that were forgotten are recalled from all files, those of another spool are not`() throws {
        let scratch = try ScratchDirectory()
        let other = UniqueID(high: 9, low: 9)
        try openStore(scratch.storage, spool: other).append([letter(6, .rejectedByDatabase)])
        let store = try openStore(scratch.storage, rotationBytes: 1)
        for id in [3, 5, 8] as [UInt64] { try store.append([letter(id, .rejectedByDatabase), letter(id + 100)]) }
        store.forgetRefusals(upTo: SequenceNumber(8))
        try store.recallRefusals(after: SequenceNumber(3))
        #expect((1...110).filter { store.holdsRefusal(of: SequenceNumber($0)) } == [5, 8])
    }

    @Test func `files rotate, and everything is still there`() throws {
        let scratch = try ScratchDirectory()
        let store = try openStore(scratch.storage, rotationBytes: 1000)
        for id in 1...20 { try store.append([letter(UInt64(id))]) }
        let names = try scratch.letters.names()
        #expect(names.count >= 5)
        #expect(names.first == "0000000001.dead")
        for name in names { #expect(try scratch.letters.open(name, .reading).length() <= 1000) }
        #expect(try listedIDs(scratch.storage) == Array(1...20))
        let again = try openStore(scratch.storage, rotationBytes: 1000)
        try again.append([letter(20), letter(21)])
        #expect(try listedIDs(scratch.storage) == Array(1...21))
    }

    @Test func `an append larger than a file is one file`() throws {
        let scratch = try ScratchDirectory()
        let store = try openStore(scratch.storage, rotationBytes: 1000)
        try store.append([letter(1)])
        try store.append((2...50).map { letter($0) })
        try store.append([letter(51)])
        #expect(try scratch.letters.names().count == 3)
        #expect(try listedIDs(scratch.storage) == Array(1...51))
    }

    @Test func `a letter larger than the scan's buffer is read back`() throws {
        let scratch = try ScratchDirectory()
        let long = [UInt8](repeating: 7, count: 700_000)
        try openStore(scratch.storage).append([letter(1, .invalidJSON, line: long), letter(2)])
        #expect(try listed(scratch.storage).map(\.line.count) == [700_000, letter(2).line.count])
        #expect(try openStore(scratch.storage).count == 2)
    }

    @Test func `an append is one write and one sync, however many letters`() throws {
        let scratch = try ScratchDirectory()
        let faults = FaultyStorage.Faults()
        let store = try openStore(FaultyStorage(real: scratch.storage, faults: faults))
        for round in 1...3 {
            try store.append((1...100).map { letter(UInt64(round * 100 + $0)) })
            #expect(faults.writes.load(ordering: .relaxed) == round)
            #expect(faults.syncs.load(ordering: .relaxed) == round)
        }
        try store.append([letter(300)])
        #expect(faults.syncs.load(ordering: .relaxed) == 3)
    }

    @Test func `a full disk keeps nothing of the append, and the next try keeps all of it`() throws {
        let scratch = try ScratchDirectory()
        let faults = FaultyStorage.Faults()
        let store = try openStore(FaultyStorage(real: scratch.storage, faults: faults))
        for id in [1, 4] as [UInt64] {
            faults.write.store(ENOSPC, ordering: .relaxed)
            let error = #expect(throws: SystemError.self) { try store.append([letter(id), letter(id + 1)]) }
            #expect(error?.isOutOfSpace == true)
            #expect(try listedIDs(scratch.storage) == (id == 1 ? [] : [1]))
            faults.write.store(0, ordering: .relaxed)
            try store.append([letter(id)])
        }
        #expect(try listedIDs(scratch.storage) == [1, 4])
        #expect(try openStore(scratch.storage).count == 2)
    }

    @Test func `after a failed sync nothing is kept any more`() throws {
        let scratch = try ScratchDirectory()
        let faults = FaultyStorage.Faults()
        let store = try openStore(FaultyStorage(real: scratch.storage, faults: faults))
        try store.append([letter(1)])
        faults.sync.store(ENOSPC, ordering: .relaxed)
        #expect(throws: DeadLetterStoreError.self) { try store.append([letter(2)]) }
        faults.sync.store(0, ordering: .relaxed)
        let error = #expect(throws: DeadLetterStoreError.self) { try store.append([letter(3)]) }
        #expect(error?.description.contains("fdatasync") == true)
        #expect(store.count == 1 && store.movedUpTo == SequenceNumber(1))
    }

    @Test func `a failed write that cannot be taken back ends the store`() throws {
        let scratch = try ScratchDirectory()
        let faults = FaultyStorage.Faults()
        let store = try openStore(FaultyStorage(real: scratch.storage, faults: faults))
        faults.write.store(ENOSPC, ordering: .relaxed)
        faults.truncate.store(EIO, ordering: .relaxed)
        #expect(throws: DeadLetterStoreError.self) { try store.append([letter(2)]) }
        faults.write.store(0, ordering: .relaxed)
        #expect(throws: DeadLetterStoreError.self) { try store.append([letter(2)]) }
    }

    @Test func `a file of another spool is listed, and says nothing of this one`() throws {
        let scratch = try ScratchDirectory()
        try openStore(scratch.storage).append([letter(50), letter(60, .rejectedByDatabase)])
        let other = try openStore(scratch.storage, spool: UniqueID(high: 1, low: 2))
        #expect(other.count == 2)
        #expect(other.movedUpTo == .zero)
        #expect(!other.holdsRefusal(of: SequenceNumber(60)))
        try other.append([letter(70)])
        #expect(try scratch.letters.names().count == 2)
        #expect(try listedIDs(scratch.storage) == [50, 60, 70])
    }

    @Test func `the last record with a dead letter is known without opening the store, and is of this spool`() throws {
        let scratch = try ScratchDirectory()
        func newest() throws -> UInt64 {
            try DeadLetterStore<DirectoryStorage>.newest(in: scratch.storage, spool: spool).rawValue
        }
        #expect(try newest() == 0, "no store")
        try openStore(scratch.storage).append([letter(5), letter(9, .rejectedByDatabase), letter(7)])
        #expect(try newest() == 9)
        try openStore(scratch.storage, spool: UniqueID(high: 1, low: 2)).append([letter(70)])
        #expect(try newest() == 9)
        try openStore(scratch.storage).append([letter(12)])
        #expect(try newest() == 12)
    }

    @Test func `a file of a later version is not touched`() throws {
        let scratch = try ScratchDirectory()
        let bytes = Array("opslogd-dead-letters 2 \(spool) and more crc32c=2dab48dc\nanything".utf8)
        try scratch.write(bytes, to: "0000000001.dead")
        let error = #expect(throws: DeadLetterStoreError.self) { _ = try openStore(scratch.storage) }
        #expect(error == .unknownVersion(file: "0000000001.dead", version: "2"))
        #expect(throws: DeadLetterStoreError.self) { _ = try listedIDs(scratch.storage) }
        #expect(throws: DeadLetterStoreError.self) {
            try DeadLetterStore<DirectoryStorage>.newest(in: scratch.storage, spool: spool)
        }
        #expect(try scratch.bytes(of: "0000000001.dead") == bytes)
    }

    @Test func `appends are counted by reason, and the gauge shows what is held`() throws {
        let scratch = try ScratchDirectory()
        let registry = Registry()
        let store = try openStore(scratch.storage, registry: registry)
        try store.append([letter(1), letter(2), letter(3, .tooDeep), letter(2)])
        let families = registry.read()
        let total = try #require(families.first { $0.name == "opslogd_dead_letters_total" })
        var counts: [String: UInt64] = [:]
        for series in total.series {
            if case .counter(let count) = series.reading, count > 0 { counts[series.labels[0].value] = count }
        }
        #expect(counts == ["missing_field": 2, "too_deep": 1])
        let gauge = try #require(families.first { $0.name == "opslogd_dead_letters" })
        guard case .gauge(3) = gauge.series[0].reading else { Issue.record("not 3"); return }
    }

    @Test func `threads that append beside each other lose nothing`() async throws {
        let scratch = try ScratchDirectory()
        let store = try openStore(scratch.storage, rotationBytes: 5000)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for thread in 0..<4 as Range<UInt64> {
                group.addTask {
                    for id in 1...25 as ClosedRange<UInt64> {
                        try store.append([letter(thread * 1000 + id, .rejectedByDatabase)])
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(store.count == 100)
        #expect(try listedIDs(scratch.storage).count == 100)
        #expect(try openStore(scratch.storage).count == 100)
    }
}
