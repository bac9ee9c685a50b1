import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

/// What can be told of lines that were lost, from what stands around the place, and what cannot.
@Suite struct LossEvidenceTests {
    @Test func `where nothing tells how far a file had been read before, no line of it is read again`() throws {
        var (disk, model) = try lossSpool(delivering: 0)
        // What is delivered is freed.
        model.keep = 0
        let writer = try model.open(disk)
        let firsts = writer.map.snapshot.segments.map(\.first.rawValue)
        try model.deliver(writer, upTo: firsts[2] - 1)
        writer.movedDeadLetters(upTo: SequenceNumber(firsts[2] - 1))
        try writer.stopNow()
        let isThere = try model.open(disk).map.snapshot.segments.map(\.first.rawValue)
        #expect(isThere == Array(firsts[2...]))
        let first = try #require(disk.segmentNodes().first)
        disk.edit(first) { for copy in [0, 2048] { $0[copy + 20] ^= 1 } }
        for _ in 0..<2 { try model.run(disk) }
        #expect(model.database.doubled == [])
        #expect((UInt64(1)...180).filter { model.database.rows[$0] == nil } == Array(firsts[2]..<firsts[3]))
    }

    @Test(arguments: [true, false])
    func `a source that is met behind several places may have stood in the first, if records did`(areRecords: Bool) {
        var gaps = PositionGaps()
        gaps.lost(0, hasRecords: areRecords, [:])
        for loss in 1...2 { gaps.lost(loss, hasRecords: true, [:]) }
        gaps.take(snapshot: [[1]: [2]])
        #expect(gaps.found.map(\.loss) == [areRecords ? 0 : 1])
    }

    @Test(arguments: [true, false])
    func `two damaged places of which one hides what the other began with double nothing`(isSnapshot: Bool) throws {
        // The end of the third segment, and the snapshot of the last; the third is delivered up to just before its end.
        let (prepared, source) = try lossSpool(delivering: 0)
        let segments = try source.open(prepared).map.snapshot.segments
        let last = segments[3].first.rawValue
        for delivered in [last - 3, last - 2, last - 1] {
            var (disk, model) = try lossSpool(delivering: delivered)
            damage(disk, last - 2...last - 1)
            let node = disk.segmentNodes()[3]
            if isSnapshot {
                disk.edit(node) { $0[4096 + 128 + 2] ^= 1 }
            } else {
                damage(disk, last...last + 1)
            }
            for _ in 0..<3 { try model.run(disk) }
            #expect(model.database.doubled == [], "delivered up to \(delivered)")
            let losses = try SpoolInspector(SimulatedDisk(disk)).losses()
            for line in UInt64(1)...180 where model.database.rows[line] == nil {
                let isNamed = losses.contains { loss in
                    loss.sources.contains { $0.from <= line && line < $0.upTo ?? .max }
                }
                #expect(isNamed, "line \(line), delivered up to \(delivered)")
            }
        }
    }

    /// Damage of the segment that is written, while it is; and of one before it.
    @Test(arguments: [170...172, 60...62] as [ClosedRange<UInt64>], [true, false])
    func `damage that the running daemon meets is accounted for at once`(range: ClosedRange<UInt64>, isFree: Bool)
        throws
    {
        var (disk, model) = try lossSpool(delivering: range.lowerBound - (isFree ? 1 : 0))
        model.lines = 185
        model.isDatabaseThere = false
        let writer = try model.open(disk)
        // The dead letters' reader waits, so that the damage is met by Delivery.
        try writer.account { _, _ in false }
        let row = LanePosition(lane: .castErrors, position: model.database.position, origin: nil)
        try writer.compared([row], isAccepted: true)
        damage(disk, range)
        model.isDatabaseThere = true
        let segments = writer.map.snapshot.segments.count
        try model.deliver(writer)
        let losses = writer.losses
        #expect(losses.first?.state == (isFree ? .readAgain : .setAside))
        #expect(losses.first?.sources.map(\.from) == [range.lowerBound])
        #expect(losses.first?.sources.map(\.upTo) == [range.upperBound + 1])
        let isLast = range.lowerBound > 150
        #expect(
            writer.map.snapshot.segments.count == segments + (isLast ? 1 : 0), "positions behind it are noted at once")
        // Killed here: nothing is in doubt, since the snapshot behind the damage tells all.
        for _ in 0..<2 { try model.run(disk) }
        #expect(model.database.doubled == [])
        let missing = (UInt64(1)...185).filter { model.database.rows[$0] == nil }
        #expect(missing == (isFree ? [] : Array(range.lowerBound + 1...range.upperBound)))
    }

    @Test func `what cannot be noted on a full disk keeps the inputs waiting, whatever the database says`() throws {
        let (disk, model) = try lossSpool(delivering: 9)
        let writer = try model.open(disk)
        let accounts = try #require(writer.damage.accounts)
        let range = LostRange(
            segment: "00000000000000000001.seg", offset: 8192, endOffset: 9000, first: SequenceNumber(160),
            next: SequenceNumber(161))
        let evidence = LossEvidence(segments: writer.segmentsDirectory, entries: writer.map.snapshot.segments)
        let entry = try #require(writer.map.snapshot.segments.last)
        let scan = try SegmentScan(writer.segmentsDirectory.open(entry.name, .reading), entry.header)
        func note() throws {
            _ = try accounts.note(range, evidence: evidence, last: scan)
        }
        disk.contents.withLock {
            $0.callFaults = CallFaults(.init(call: .write, nth: 1, code: ENOSPC, isForGood: false))
        }
        try note()
        try writer.account { _, _ in false }
        try writer.compared([], isAccepted: true)
        #expect(writer.orders(for: "in").wait?.contains("no room to note it") == true && writer.losses.count == 1)
        #expect(try SpoolInspector(SimulatedDisk(disk)).losses().isEmpty)
        // Once there is some, the writer notes it by itself.
        while case .again = try writer.turn() {}
        #expect(writer.losses.count == 1 && writer.orders(for: "in").wait == nil)
        #expect(try SpoolInspector(SimulatedDisk(disk)).losses().count == 1)
    }

    @Test(arguments: [160...160, 180...180] as [ClosedRange<UInt64>])
    func `a start that meets a full disk notes the loss all the same, in place of the reserve`(
        range: ClosedRange<UInt64>
    )
        throws
    {
        let (disk, model) = try lossSpool(delivering: 9)
        damage(disk, range)
        let contents = disk.contents.withLock { $0 }
        for calls in 0..<80 {
            disk.contents.withLock {
                $0 = contents
                $0.callsUntilFull = calls
            }
            guard let writer = try? model.open(disk) else { continue }
            #expect(writer.losses.count == 1 && writer.orders(for: "in").wait?.contains("no room") == false, "\(calls)")
        }
    }

    @Test(arguments: [true, false], [0, 1, 2])
    func `a segment that is gone, or whose header is, gives its lines back from the file`(isGone: Bool, index: Int)
        throws
    {
        var (disk, model) = try lossSpool(delivering: 0)
        let firsts = try model.open(disk).map.snapshot.segments.map(\.first.rawValue)
        let node = disk.segmentNodes()[index]
        if isGone {
            disk.contents.withLock { $0.edit("segments") { entries in entries = entries.filter { $0.value != node } } }
        } else {
            disk.edit(node) { for copy in [0, 2048] { $0[copy + 20] ^= 1 } }
        }
        for _ in 0..<2 { try model.run(disk) }
        #expect(model.database.doubled == [])
        let missing = (UInt64(1)...180).filter { model.database.rows[$0] == nil }
        // Nothing stands before the first segment that could tell which lines were in it.
        #expect(missing == (index == 0 && isGone ? Array(firsts[0]..<firsts[1]) : []))
    }
}
