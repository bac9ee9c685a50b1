import DeadLetters
import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import Synchronization
import Testing

@Suite struct DeadLetterMoverTests {
    private let line = Array("{\"event\":\"cast_errors\"}".utf8)

    private func mover<Disk: Storage>(
        _ spool: MemorySpool, _ store: DeadLetterStore<Disk>, _ diagnostics: Diagnostics = .silent
    ) throws -> DeadLetterMover<Disk, SystemTime> {
        try DeadLetterMover(
            source: spool.source(), ledger: spool, store: store, clock: SystemTime(), diagnostics: diagnostics,
            pauseMilliseconds: 10)
    }

    /// Runs it on a thread of its own until `body` has returned; throws what `run` threw.
    private func running<Disk: Storage, Clock: TimeSource>(
        _ mover: DeadLetterMover<Disk, Clock>, _ body: () throws -> Void
    ) throws {
        let ended = try EventDescriptor()
        let failure = Outcome()
        WorkerThread.start("mover") {
            do { try mover.run() } catch { failure.error.withLock { $0 = error } }
            ended.signal()
        }
        let outcome = Result { try body() }
        mover.stop()
        #expect(ended.wait(milliseconds: 20_000), "the mover did not stop")
        try outcome.get()
        if let error = failure.error.withLock({ $0 }) { throw error }
    }

    /// No time passes: what is gathered is settled when it is full, or at the end.
    private struct StillTime: TimeSource {
        func realtimeMicroseconds() -> Int64 { 0 }
        func monotonicNanoseconds() -> UInt64 { 0 }
    }

    private final class Outcome: Sendable {
        let error = Mutex<(any Error)?>(nil)
    }

    private func eventually(_ what: String, _ isSo: () throws -> Bool) throws {
        for _ in 0..<10_000 {
            if try isSo() { return }
            usleep(2000)
        }
        Issue.record("\(what) did not come about within twenty seconds")
    }

    @Test func `rejected lines arrive with everything that the record says`() throws {
        let scratch = try ScratchDirectory()
        let spool = MemorySpool()
        let store = try openStore(scratch.storage)
        spool.append(events: 3)
        spool.append(rejections: [[line, [0xff]], [Array("third".utf8)]])
        try running(try mover(spool, store)) {}
        let found = try listed(scratch.storage)
        #expect(found.map(\.id.rawValue) == [4, 5, 6])
        #expect(
            found[0]
                == DeadLetter(
                    id: SequenceNumber(4), time: Timestamp(microseconds: 42), reason: .missingField,
                    detail: "column_name is required", event: .castErrors,
                    source: RecordOriginator(kind: .file, input: "loader", path: "/var/log/a.ndjson"), offset: 0,
                    line: line))
        #expect(found.map(\.line) == [line, [0xff], Array("third".utf8)])
        #expect(found.map(\.isTruncated) == [false, true, false])
        #expect(found[1].offset == 100)
    }

    @Test func `lines arrive while it runs, and the ledger passes stretches without any`() throws {
        let scratch = try ScratchDirectory()
        let spool = MemorySpool()
        let store = try openStore(scratch.storage)
        let mover = try mover(spool, store)
        try running(mover) {
            for round in 1...20 {
                spool.append(events: 10)
                spool.append(rejections: [[line]])
                try eventually("round \(round)") { spool.movedDeadLetters.rawValue == UInt64(round * 11) }
                #expect(store.count == round)
            }
            spool.append(events: 1000)
            try eventually("the stretch") { spool.movedDeadLetters.rawValue == 1220 }
            #expect(mover.status == DeadLettersStatus(held: 20, bytes: store.bytes, movedUpTo: SequenceNumber(1220)))
        }
    }

    @Test func `the ledger passes records that are lost, also where nothing stands behind them yet`() throws {
        let scratch = try ScratchDirectory()
        let spool = MemorySpool()
        let store = try openStore(scratch.storage)
        let mover = try mover(spool, store)
        spool.append(rejections: [[line]])
        spool.lose(5)
        try running(mover) {
            try eventually("the lost records") { spool.movedDeadLetters.rawValue == 6 }
            spool.append(rejections: [[line]])
            try eventually("the line behind them") { spool.movedDeadLetters.rawValue == 7 }
            #expect(store.count == 2)
        }
    }

    @Test func `a backlog is moved with few syncs and in pieces of bounded size`() throws {
        let scratch = try ScratchDirectory()
        let spool = MemorySpool()
        let faults = FaultyStorage.Faults()
        let store = try openStore(FaultyStorage(real: scratch.storage, faults: faults))
        for _ in 0..<40 { spool.append(rejections: [(0..<10).map { _ in [UInt8](repeating: 0x61, count: 10_000) }]) }
        let mover = try DeadLetterMover(
            source: spool.source(), ledger: spool, store: store, clock: StillTime(), diagnostics: .silent)
        try running(mover) {}
        #expect(store.count == 400)
        // 4 MB, in appends of a mebibyte.
        #expect((4...5).contains(faults.syncs.load(ordering: .relaxed)))
        #expect(spool.movedDeadLetters.rawValue == 400)
    }

    @Test func `a crash between append and note leaves each letter once`() throws {
        let scratch = try ScratchDirectory()
        let spool = MemorySpool()
        spool.append(rejections: [[line, line], [line]])
        try running(try mover(spool, try openStore(scratch.storage))) {}
        for noted in [0, 1, 2] as [UInt64] {
            spool.forgetMoved(to: noted)
            let store = try openStore(scratch.storage)
            try running(try mover(spool, store)) {}
            #expect(try listedIDs(scratch.storage) == [1, 2, 3])
            #expect(spool.movedDeadLetters.rawValue == 3)
        }
    }

    @Test func `letters that a torn end has taken are moved again, although the ledger is ahead of them`() throws {
        let scratch = try ScratchDirectory()
        let spool = MemorySpool()
        for _ in 0..<3 { spool.append(rejections: [[line, line]]) }
        try running(try mover(spool, try openStore(scratch.storage))) {}
        let whole = try scratch.bytes(of: "0000000001.dead")
        for damage in [0, 200, 700] {
            var bytes = whole
            if damage == 0 { bytes.removeLast(300) } else { bytes[damage] ^= 1 }
            try scratch.write(bytes, to: "0000000001.dead")
            try running(try mover(spool, try openStore(scratch.storage))) {}
            #expect(try listedIDs(scratch.storage) == [1, 2, 3, 4, 5, 6], "damage at \(damage)")
        }
    }

    @Test func `without damage nothing in front of the ledger's note is looked at`() throws {
        let scratch = try ScratchDirectory()
        let spool = MemorySpool()
        spool.append(rejections: [[line, line], [line]])
        spool.forgetMoved(to: 2)
        try running(try mover(spool, try openStore(scratch.storage))) {}
        #expect(try listedIDs(scratch.storage) == [3])
    }

    @Test func `a spool that was set back behind the dead letters is told, and no new line is taken for an old one`()
        throws
    {
        let scratch = try ScratchDirectory()
        try openStore(scratch.storage).append([letter(5)])
        let spool = MemorySpool()
        spool.append(events: 3)
        let told = Told()
        let mover = try mover(spool, try openStore(scratch.storage), told.diagnostics)
        try running(mover) {
            spool.append(rejections: [[line, line, line]])
            try eventually("the word") { told.all.count == 1 }
        }
        #expect(mover.status.obstacle != nil)
        #expect(spool.movedDeadLetters == .zero)
        #expect(try listedIDs(scratch.storage) == [5])
    }

    @Test func `a full disk is waited out with one word about it`() throws {
        let scratch = try ScratchDirectory()
        let spool = MemorySpool()
        let faults = FaultyStorage.Faults()
        let told = Told()
        let store = try openStore(FaultyStorage(real: scratch.storage, faults: faults))
        let mover = try mover(spool, store, told.diagnostics)
        faults.write.store(ENOSPC, ordering: .relaxed)
        try running(mover) {
            spool.append(rejections: [[line]])
            try eventually("five tries") { faults.writes.load(ordering: .relaxed) >= 5 }
            #expect(told.all.count == 1)
            #expect(mover.status.obstacle != nil)
            #expect(spool.movedDeadLetters == .zero)
            faults.write.store(0, ordering: .relaxed)
            try eventually("the move") { spool.movedDeadLetters.rawValue == 1 }
        }
        #expect(mover.status.obstacle == nil)
        #expect(told.all.count == 2)
        #expect(try listedIDs(scratch.storage) == [1])
    }

    @Test func `stopped while the disk is full, it leaves everything to the next start`() throws {
        let scratch = try ScratchDirectory()
        let spool = MemorySpool()
        let faults = FaultyStorage.Faults()
        faults.write.store(ENOSPC, ordering: .relaxed)
        let store = try openStore(FaultyStorage(real: scratch.storage, faults: faults))
        try running(try mover(spool, store)) {
            spool.append(rejections: [[line]])
            try eventually("a try") { faults.writes.load(ordering: .relaxed) >= 1 }
            spool.append(rejections: [[line]])
        }
        #expect(spool.movedDeadLetters == .zero)
        #expect(try listedIDs(scratch.storage).isEmpty)
        try running(try mover(spool, try openStore(scratch.storage))) {}
        #expect(try listedIDs(scratch.storage) == [1, 2])
    }

    @Test func `a failed sync ends the mover, and the ledger hears nothing`() throws {
        let scratch = try ScratchDirectory()
        let spool = MemorySpool()
        let faults = FaultyStorage.Faults()
        faults.sync.store(EIO, ordering: .relaxed)
        let store = try openStore(FaultyStorage(real: scratch.storage, faults: faults))
        spool.append(rejections: [[line]])
        let mover = try mover(spool, store)
        #expect(throws: DeadLetterStoreError.self) { try running(mover) {} }
        #expect(spool.movedDeadLetters == .zero)
    }

    @Test func `an idle mover stays blocked, and stops at once`() throws {
        let scratch = try ScratchDirectory()
        let spool = MemorySpool()
        let mover = try mover(spool, try openStore(scratch.storage))
        try running(mover) {
            usleep(200_000)
            #expect(spool.state.withLock { $0.notes } == 0)
        }
    }
}
