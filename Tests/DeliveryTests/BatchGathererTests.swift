import OperationLogs
import SimulatedWorld
import Testing

@testable import Delivery

struct BatchGathererTests {
    private let all = EventKind.allCases

    private func turn(_ lanes: [EventKind], from: UInt64 = 0, limit: Int = 1000) -> Turn {
        Turn(
            lanes: lanes.map { Turn.Lane(lane: $0, fate: SequenceNumber(from)) }, from: SequenceNumber(from),
            rowLimit: limit)
    }

    private func rows(_ batch: Batch, _ kind: EventKind) -> [[UInt8]] { EventTuples.split(batch.tuples(kind)) }

    @Test func `rows are gathered by table, in order, with their range and origin`() throws {
        let spool = MemorySpool()
        spool.append([[.event(.castErrors, "a"), .rejected, .event(.backupLogs, "b")]])
        spool.append([[.event(.castErrors, "c")], [.event(.castErrors, "d"), .event(.backupLogs, "e")]])
        let batch = Batch()
        batch.begin(turn(all))
        try BatchGatherer(source: spool, deadLetters: MemoryDeadLetters()).fill(batch)
        #expect(rows(batch, .castErrors) == [spool.records[0], spool.records[3], spool.records[4]].map(\.payload))
        #expect(rows(batch, .backupLogs) == [spool.records[2], spool.records[5]].map(\.payload))
        let share = try #require(batch.summary.shares.first { $0.lane == .castErrors })
        #expect(share.rows == 3 && share.first.rawValue == 1 && share.last.rawValue == 5)
        #expect(share.origin == spool.origin(of: SequenceNumber(5)))
        #expect(batch.scannedTo.rawValue == 6)
        #expect(!batch.isFull)
    }

    @Test func `a batch ends in the middle of a group, and the next goes on there without reading it again`() throws {
        let spool = MemorySpool()
        spool.append([(0..<10).map { .event(.castErrors, "\($0)") }, (10..<30).map { .event(.castErrors, "\($0)") }])
        let gatherer = BatchGatherer(source: spool, deadLetters: MemoryDeadLetters())
        let batch = Batch()
        var from: UInt64 = 0
        var found: [[UInt8]] = []
        for _ in 0..<5 {
            batch.begin(turn(all, from: from, limit: 7))
            try gatherer.fill(batch)
            found += rows(batch, .castErrors)
            from = batch.scannedTo.rawValue
        }
        #expect(found == spool.records.map(\.payload))
        #expect(spool.groupsRead == 1)
    }

    @Test func `a batch that goes back in the group is gathered from it, and none of its records is there twice`()
        throws
    {
        let spool = MemorySpool()
        spool.append([(0..<10).map { .event(.castErrors, "\($0)") }, (10..<30).map { .event(.castErrors, "\($0)") }])
        spool.append([[.event(.castErrors, "30")]])
        let gatherer = BatchGatherer(source: spool, deadLetters: MemoryDeadLetters())
        let batch = Batch()
        // As where rows are refused: some, then those before the bad one, it alone, and so on; from any record.
        for (from, limit) in [(0, 25), (0, 12), (12, 1), (13, 8), (9, 3), (10, 100), (29, 1), (3, 30)] {
            batch.begin(turn(all, from: UInt64(from), limit: limit))
            try gatherer.fill(batch)
            let expected = spool.records[from..<min(from + limit, 31)].map(\.payload)
            #expect(rows(batch, .castErrors) == expected, "\(limit) from \(from)")
            #expect(batch.scannedTo.rawValue == UInt64(from + expected.count))
        }
        // Twice beyond the first group's end, and back.
        #expect(spool.groupsRead == 4)
        let other = try gatherer.withRecord(SequenceNumber(5)) { record, _ in Array(record.payload) }
        #expect(other == spool.records[4].payload && spool.groupsRead == 5)
        batch.begin(turn(all, from: 4, limit: 2))
        try gatherer.fill(batch)
        #expect(rows(batch, .castErrors) == spool.records[4..<6].map(\.payload) && spool.groupsRead == 5)
    }

    @Test func `records up to a lane's fate are passed over, for each lane its own`() throws {
        let spool = MemorySpool()
        spool.append([[.event(.castErrors, "a"), .event(.backupLogs, "b"), .event(.castErrors, "c")]])
        let batch = Batch()
        batch.begin(
            Turn(
                lanes: [
                    Turn.Lane(lane: .castErrors, fate: SequenceNumber(1)),
                    Turn.Lane(lane: .backupLogs, fate: .zero),
                ], from: .zero, rowLimit: 10))
        try BatchGatherer(source: spool, deadLetters: MemoryDeadLetters()).fill(batch)
        #expect(rows(batch, .castErrors) == [spool.records[2].payload])
        #expect(rows(batch, .backupLogs) == [spool.records[1].payload])
    }

    @Test func `lanes that are not asked for are passed over, and what they had counts as looked at`() throws {
        let spool = MemorySpool()
        spool.append([[.event(.castErrors, "a")], [.event(.backupLogs, "b")]])
        let batch = Batch()
        batch.begin(turn([.upsertFailures]))
        try BatchGatherer(source: spool, deadLetters: MemoryDeadLetters()).fill(batch)
        #expect(batch.summary.shares.isEmpty)
        #expect(batch.scannedTo.rawValue == 2)
    }

    @Test func `refusals that are kept are passed over, and asked for only where there may be one`() throws {
        let spool = MemorySpool()
        let deadLetters = MemoryDeadLetters()
        spool.append([(0..<5).map { .event(.castErrors, "\($0)") }, (5..<9).map { .event(.castErrors, "\($0)") }])
        let batch = Batch()
        batch.begin(turn(all))
        let gatherer = BatchGatherer(source: spool, deadLetters: deadLetters)
        try deadLetters.append([
            DeadLetter(
                id: SequenceNumber(7), time: Timestamp(microseconds: 0), reason: .rejectedByDatabase, detail: "",
                event: .castErrors, source: RecordOriginator(kind: .file, input: "i"), offset: 0, line: [])
        ])
        try gatherer.fill(batch)
        #expect(rows(batch, .castErrors).count == 8)
        #expect(!rows(batch, .castErrors).contains(spool.records[6].payload))
        #expect(deadLetters.asked == 4)
    }

    @Test func `bytes bound a batch, but one row always fits`() throws {
        let spool = MemorySpool()
        spool.append([(0..<3).map { .event(.castErrors, "\($0)", padding: Batch.maxBytes + 1) }])
        let gatherer = BatchGatherer(source: spool, deadLetters: MemoryDeadLetters())
        let batch = Batch()
        for number in 0..<3 {
            batch.begin(turn(all, from: UInt64(number)))
            try gatherer.fill(batch)
            #expect(batch.rows == 1)
            #expect(batch.isFull)
        }
    }

    @Test func `what becomes durable later joins the same batch`() throws {
        let spool = MemorySpool()
        let gatherer = BatchGatherer(source: spool, deadLetters: MemoryDeadLetters())
        let batch = Batch()
        batch.begin(turn(all))
        try gatherer.fill(batch)
        #expect(batch.rows == 0)
        spool.append([[.event(.castErrors, "a")]])
        try gatherer.fill(batch)
        spool.append([[.event(.castErrors, "b")]])
        try gatherer.fill(batch)
        #expect(rows(batch, .castErrors) == spool.records.map(\.payload))
        #expect(batch.scannedTo.rawValue == 2)
    }

    @Test func `records that are gone are an error and not passed over`() throws {
        let spool = MemorySpool()
        for name in ["a", "b", "c"] { spool.append([[.event(.castErrors, name)]]) }
        spool.forget(groups: 1)
        let batch = Batch()
        batch.begin(turn(all))
        let gatherer = BatchGatherer(source: spool, deadLetters: MemoryDeadLetters())
        #expect(throws: SpoolGap.self) { try gatherer.fill(batch) }
    }

    @Test(arguments: [0, 1, 2])
    func `records that are known to be lost are passed over, and those around them are not`(gone: Int) throws {
        let spool = MemorySpool()
        for name in ["a", "b", "c"] { spool.append([[.event(.castErrors, name), .event(.castErrors, name)]]) }
        let first = UInt64(2 * gone + 1)
        spool.forget(group: gone)
        spool.lost = first...first + 1
        let batch = Batch()
        batch.begin(turn(all))
        let gatherer = BatchGatherer(source: spool, deadLetters: MemoryDeadLetters())
        try gatherer.fill(batch)
        let left = spool.records.enumerated().filter { $0.offset / 2 != gone }.map(\.element.payload)
        #expect(rows(batch, .castErrors) == left)
        // Where nothing stands behind them yet, delivery has still nothing more to wait for.
        #expect(batch.scannedTo.rawValue == 6)
    }

    @Test func `a gap that is larger than what is lost is an error`() throws {
        let spool = MemorySpool()
        for name in ["a", "b", "c", "d"] { spool.append([[.event(.castErrors, name)]]) }
        spool.forget(group: 1)
        spool.forget(group: 1)
        spool.lost = 2...2
        let batch = Batch()
        batch.begin(turn(all))
        let gatherer = BatchGatherer(source: spool, deadLetters: MemoryDeadLetters())
        let gap = #expect(throws: SpoolGap.self) { try gatherer.fill(batch) }
        #expect(gap?.expected == SequenceNumber(3))
    }

    @Test func `a record of an unknown kind is an error and not passed over`() throws {
        let spool = MemorySpool()
        spool.append([[.event(.castErrors, "a"), TestRecord(kind: 9, payload: [1])]])
        let batch = Batch()
        batch.begin(turn(all))
        let gatherer = BatchGatherer(source: spool, deadLetters: MemoryDeadLetters())
        #expect(throws: UnknownRecordKind.self) { try gatherer.fill(batch) }
    }

    @Test func `receipts are counted in runs, however many times there are`() {
        var receipts = ReceiptTimes()
        for number in 0..<1000 { receipts.add(Timestamp(microseconds: Int64(number / 2))) }
        #expect(receipts.runs.count <= 256)
        #expect(receipts.runs.first == ReceiptTimes.Run(received: Timestamp(microseconds: 0), count: 2))
        #expect(receipts.runs.reduce(0) { $0 + $1.count } == 1000)
    }
}
