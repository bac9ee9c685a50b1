import LinuxSystem
import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

private func randomEntries(_ random: inout SplitMix64) -> [LossEntry] {
    var entries: [LossEntry] = []
    var made = 0
    for _ in 0..<Int.random(in: 5...60, using: &random) {
        if made == 0 || Int.random(in: 0..<4, using: &random) == 0 {
            made += 1
            let segment = SegmentName.of(SequenceNumber(UInt64.random(in: 1...3, using: &random)))
            let isDoubtful = Bool.random(using: &random)
            entries.append(
                .range(
                    made,
                    LossNotice(
                        name: "\(segment)-4096-\(made)-\(made + 1)", spool: .zero, time: "t", until: 7,
                        isDoubtful: isDoubtful)))
            for source in 1...2 {
                let bytes = SourceRange(
                    input: "in", path: "/f", from: UInt64(made * 10), upTo: UInt64(made * 10 + source),
                    isExact: Bool.random(using: &random), key: [UInt8(source)], identity: [9])
                if Bool.random(using: &random) { entries.append(.source(made, source, bytes)) }
            }
            if isDoubtful { entries.append(.doubt(made, key: [1])) }
            entries.append(.noted(made, .open))
            continue
        }
        // As things happen: what is open is decided, once; what waits gets a word; what is due is read.
        let number = Int.random(in: 1...made, using: &random)
        guard let loss = book(entries).losses[number] else { continue }
        switch Int.random(in: 0..<5, using: &random) {
        case 0 where loss.verdict == .open: entries.append(.decided(number, .aside, inputs: ["in", "other"]))
        case 1 where loss.verdict == .open: entries.append(.decided(number, .free, inputs: []))
        case 2 where loss.halted.contains("in"): entries.append(.over(number, input: "in"))
        case 2: entries.append(.certain(number, key: [1]))
        case 3 where loss.isWaitingForWord: entries.append(.reread(number, time: "r"))
        case 4:
            if let index = loss.due.first { entries.append(.done(number, index)) }
            if loss.rests {
                entries.append(.resting(number, at: SequenceNumber(UInt64.random(in: 1...99, using: &random))))
            }
        default: break
        }
    }
    return entries
}

private func book(_ entries: [LossEntry]) -> LossBook {
    var book = LossBook()
    for entry in entries { book.take(entry) }
    return book
}

@Test func `the account of losses that is written anew is the same account`() {
    for seed in UInt64(1)...3000 {
        var random = SplitMix64(seed: seed)
        let before = book(randomEntries(&random))
        #expect(book(before.entries) == before, "seed \(seed)")
        #expect(before.entries.allSatisfy { LossEntry($0.content) == $0 }, "seed \(seed)")
    }
}

@Test func `what is left to happen is never forgotten, nor the last number`() {
    for seed in UInt64(1)...3000 {
        var random = SplitMix64(seed: seed)
        let before = book(randomEntries(&random))
        let after = before.forgetting(before: SequenceNumber(50))
        #expect(after.orders(for: "in") == before.orders(for: "in"), "seed \(seed)")
        #expect(after.next == before.next)
        for loss in before.losses.values
        where loss.isWaitingForWord || loss.restsAt.map({ $0 >= SequenceNumber(50) }) ?? true {
            #expect(after.losses[loss.number] == loss, "seed \(seed)")
        }
    }
}

@Test func `of accounts that wait for a word the newest are kept`() {
    var all = LossBook()
    let count = LossBook.waitingKept + 5
    for number in 1...count {
        let bytes = SourceRange(
            input: "in", path: "/f", from: UInt64(number), upTo: UInt64(number + 1), isExact: true, key: [1],
            identity: [])
        let notice = LossNotice(name: "s-\(number)-1-2", spool: .zero, time: "t", until: 0, isDoubtful: false)
        for entry in [
            LossEntry.range(number, notice), .source(number, 1, bytes), .noted(number, .open),
            .decided(number, .aside, inputs: []), .resting(number, at: SequenceNumber(3)),
        ] {
            all.take(entry)
        }
    }
    #expect(all.forgetting(before: SequenceNumber(3)).count == count)
    #expect(all.forgetting(before: SequenceNumber(4)).losses.keys.sorted() == Array(6...count))
}

@Test func `an account over many damaged ends does not grow, once words were given`() throws {
    let disk = DiskState()
    var model = LossModel(lines: 0)
    model.keep = 0
    var lengths: [Int] = []
    for round in 0..<60 {
        model.lines += 70
        let writer = try model.open(disk)
        try model.live(writer)
        writer.movedDeadLetters(upTo: model.database.position)
        if round % 2 == 0 {
            // Killed, and the last group damaged: it looks like a torn end, and was delivered.
            let last = writer.status.durable.rawValue
            damage(disk, last...last)
        } else {
            try writer.stopNow()
            var word = try SpoolRereading(SimulatedDisk(disk))
            for loss in try SpoolInspector(SimulatedDisk(disk)).losses() {
                _ = try word.ask(loss.number, now: Timestamp(microseconds: 0), isMeant: true)
            }
        }
        lengths.append(try LineFile.bytes(SimulatedDisk(disk), name: "losses")?.count ?? 0)
    }
    try model.run(disk)
    #expect(model.database.counts == Array(1...model.lines) && model.database.rows.values.allSatisfy { $0 <= 2 })
    let losses = try SpoolInspector(SimulatedDisk(disk)).losses()
    #expect((losses.map(\.number).max() ?? 0) >= 29, "each was noted")
    #expect(lengths.suffix(30).max() ?? 0 <= (lengths.prefix(30).max() ?? 0) + 256, "\(lengths)")
}

@Test func `a crash while past losses are forgotten leaves all of them, or those that are left`() throws {
    func prepared() throws -> DiskState {
        let disk = DiskState()
        var file = try LossFile(SimulatedDisk(disk))
        let first = SequenceNumber(1)
        try file.prepare(first: first, next: first)
        for number in 1...20 {
            let notice = LossNotice(name: "s-\(number)-1-2", spool: .zero, time: "t", until: 0, isDoubtful: false)
            try file.append([.range(number, notice), .noted(number, .open), .decided(number, .free, inputs: [])])
        }
        return disk
    }
    var counts: Set<Int> = []
    for operation in 0...12 {
        for seed in UInt64(1)...10 {
            let disk = try prepared()
            disk.fail(from: disk.operations + operation)
            var file = try LossFile(SimulatedDisk(disk))
            try? file.prepare(first: SequenceNumber(1), next: SequenceNumber(5))
            try? file.prepare(first: SequenceNumber(6), next: SequenceNumber(7))
            var generator = SplitMix64(seed: seed)
            disk.crash(keeping: 0.5, using: &generator)
            var next = try LossFile(SimulatedDisk(disk))
            counts.insert(next.book.count)
            #expect(next.book.next == 21)
            try next.prepare(first: SequenceNumber(6), next: SequenceNumber(7))
            try next.append([.over(20, input: "in")])
            #expect(try LossFile(SimulatedDisk(disk)).book == next.book)
        }
    }
    #expect(counts == [1, 20])
}

/// A place that grows over positions behind it is noted again, or they would not be known to be in doubt.
@Test func `a range covers the doubts that were noted with it, as long as its inputs have not gone on`() {
    let notice = LossNotice(name: "0-4096-1-2", spool: .zero, time: "t", until: 7, isDoubtful: true)
    var entries: [LossEntry] = [.range(1, notice), .doubt(1, key: [1]), .noted(1, .open)]
    #expect(
        book(entries).isInDoubt(notice.name, with: [[1]]) && !book(entries).isInDoubt(notice.name, with: [[1], [2]]))
    entries += [.decided(1, .aside, inputs: ["in"]), .certain(1, key: [1])]
    #expect(book(entries).isInDoubt(notice.name) && !book(entries).isInDoubt(notice.name, with: [[1]]))
    #expect(!book(entries + [.over(1, input: "in")]).isInDoubt(notice.name))
}
