import Glibc
import LinuxSystem
import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

/// A spool of several segments with the lines 1 to 180 of one file, of which the first so many are delivered.
func lossSpool(delivering delivered: UInt64, segments: Int = 3) throws -> (disk: DiskState, model: LossModel) {
    let disk = DiskState()
    var model = LossModel(lines: segments > 1 ? 180 : 20)
    model.isDatabaseThere = false
    let writer = try model.open(disk)
    try model.live(writer)
    model.isDatabaseThere = true
    if delivered > 0 { try model.deliver(writer, upTo: delivered) }
    // As if killed: no seal, and of what was delivered the cursor knows nothing.
    #expect(writer.map.snapshot.segments.count >= segments)
    return (disk, model)
}

func damage(_ disk: DiskState, _ records: ClosedRange<UInt64>) {
    for node in disk.segmentNodes() {
        for (offset, frame) in frames(disk, node) where frame.kind == .group {
            guard records.contains(frame.firstSequence.rawValue) else { continue }
            disk.edit(node) { $0[offset + FrameHeader.length + 40] ^= 1 }
        }
    }
}

@Suite struct LossTests {
    /// In the first segment, met by a reader; across two segments; in the last one with groups behind; at the very end.
    static let places: [ClosedRange<UInt64>] = [10...12, 1...1, 97...101, 160...165, 179...180, 180...180]

    @Test(arguments: places)
    func `a range above every position is read again by itself, each line once`(range: ClosedRange<UInt64>) throws {
        var (disk, model) = try lossSpool(delivering: range.lowerBound - 1)
        damage(disk, range)
        try model.run(disk)
        #expect(model.database.counts == Array(1...180) && model.database.doubled == [])
        // A second start changes nothing.
        try model.run(disk)
        #expect(model.database.counts == Array(1...180) && model.database.doubled == [])
        #expect(try SpoolInspector(SimulatedDisk(disk)).losses().allSatisfy { $0.state == .closed })
    }

    @Test(arguments: places)
    func `the same with the database away at first, over several starts`(range: ClosedRange<UInt64>) throws {
        var (disk, model) = try lossSpool(delivering: range.lowerBound - 1)
        damage(disk, range)
        model.isDatabaseThere = false
        model.lines += 3
        for _ in 0..<3 { try model.run(disk) }
        #expect(try SpoolInspector(SimulatedDisk(disk)).losses().contains { $0.state == .undecided })
        model.isDatabaseThere = true
        for _ in 0..<2 { try model.run(disk) }
        #expect(model.database.counts == Array(1...183) && model.database.doubled == [])
    }

    /// After a fault that passed, or put back from a copy.
    @Test(arguments: places)
    func `a place that is whole again brings no line beside those that are read again`(
        range: ClosedRange<UInt64>
    ) throws {
        var (disk, model) = try lossSpool(delivering: range.lowerBound - 1)
        damage(disk, range)
        model.isDatabaseThere = false
        try model.run(disk)
        damage(disk, range)
        model.isDatabaseThere = true
        for _ in 0..<2 { try model.run(disk) }
        #expect(model.database.counts == Array(1...180) && model.database.doubled == [])
    }

    @Test(arguments: [160...165, 170...178] as [ClosedRange<UInt64>])
    func `a place that is whole again before anything was decided is delivered, and nothing waits for it`(
        range: ClosedRange<UInt64>
    ) throws {
        var (disk, model) = try lossSpool(delivering: range.lowerBound - 1)
        model.isDatabaseThere = false
        damage(disk, range)
        try model.run(disk)
        #expect(try SpoolInspector(SimulatedDisk(disk)).losses().contains { $0.state == .undecided })
        damage(disk, range)
        try model.run(disk)
        #expect(try SpoolInspector(SimulatedDisk(disk)).losses().allSatisfy { $0.state == .closed })
        model.isDatabaseThere = true
        try model.run(disk)
        #expect(model.database.counts == Array(1...180) && model.database.doubled == [])
    }

    /// What stands behind both tells the positions of both: the first seems to have held the lines of the other too.
    @Test func `a dead letter of a range that follows at once keeps the lines of both from coming again`() throws {
        let (disk, model) = try lossSpool(delivering: 160)
        damage(disk, 170...172)
        let writer = try model.open(disk)
        try writer.account { first, next in first.rawValue <= 172 && 172 < next?.rawValue ?? .max }
        try writer.compared(
            [LanePosition(lane: .castErrors, position: SequenceNumber(160), origin: nil)], isAccepted: true)
        #expect(writer.losses.contains { $0.sources.contains { $0.from <= 172 && 172 < $0.upTo ?? .max } })
        #expect(writer.losses.allSatisfy { $0.state != .readAgain })
    }

    @Test(arguments: places)
    func `a range that straddles a position is set aside, and nothing comes twice`(range: ClosedRange<UInt64>) throws {
        var (disk, model) = try lossSpool(delivering: range.lowerBound)
        let known = model.database.counts
        damage(disk, range)
        model.lines += 3
        for _ in 0..<3 { try model.run(disk) }
        #expect(model.database.doubled == [])
        let losses = try SpoolInspector(SimulatedDisk(disk)).losses()
        for line in 1...model.lines where model.database.rows[line] == nil {
            #expect(!known.contains(line))
            let isNamed = losses.contains { loss in
                loss.state == .setAside && loss.sources.contains { $0.from <= line && line < $0.upTo ?? .max }
            }
            #expect(isNamed, "line \(line) is lost in silence")
        }
        // The next lines are read as ever.
        model.lines += 2
        try model.run(disk)
        #expect(model.database.rows[model.lines] == 1 && model.database.doubled == [])
    }

    @Test(arguments: places)
    func `on the operator's word its lines are read again, each once more`(range: ClosedRange<UInt64>) throws {
        var (disk, model) = try lossSpool(delivering: range.lowerBound)
        let before = model.database.counts
        damage(disk, range)
        model.lines += 3
        try model.run(disk)
        let numbers = try SpoolInspector(SimulatedDisk(disk)).losses().filter { $0.state == .setAside }.map(\.number)
        #expect(!numbers.isEmpty)
        for number in numbers {
            var word = try SpoolRereading(SimulatedDisk(disk))
            let now = Timestamp(microseconds: 0)
            #expect(try word.ask(number, now: now, isMeant: false) == .asked)
            #expect(try word.ask(number, now: now, isMeant: true) == .asked)
            #expect(try word.ask(number, now: now, isMeant: true) == .askedBefore)
            #expect(try word.ask(number + 100, now: now, isMeant: true) == .unknown)
        }
        for _ in 0..<3 { try model.run(disk) }
        #expect(model.database.counts == Array(1...model.lines))
        #expect(model.database.doubled.allSatisfy { before.contains($0) && range.contains($0) })
        #expect(model.database.rows.values.allSatisfy { $0 <= 2 })
        var word = try SpoolRereading(SimulatedDisk(disk))
        #expect(try word.ask(numbers[0], now: Timestamp(microseconds: 0), isMeant: true) == .nothingLeft)
    }

    @Test(arguments: places, [true, false])
    func `a crash at any operation of noting, deciding and reading again leaves each line once`(
        range: ClosedRange<UInt64>, isFree: Bool
    ) throws {
        var (disk, model) = try lossSpool(delivering: range.lowerBound - (isFree ? 1 : 0))
        damage(disk, range)
        model.lines += 2
        try crashingEverywhere(disk, model, seed: 5) { model, disk in
            try model.run(disk)
        } _: { model, disk, place in
            #expect(model.database.doubled == [], "\(place)")
            let losses = try SpoolInspector(SimulatedDisk(disk)).losses()
            for line in 1...model.lines where model.database.rows[line] == nil {
                let isNamed = losses.contains { loss in
                    loss.sources.contains { $0.from <= line && line < $0.upTo ?? .max }
                }
                #expect(isNamed && !isFree, "\(place): line \(line)")
            }
        }
    }

    @Test(arguments: places)
    func `a crash at any operation of reading again on a word leaves each line once more`(range: ClosedRange<UInt64>)
        throws
    {
        var (disk, model) = try lossSpool(delivering: range.lowerBound)
        damage(disk, range)
        model.lines += 2
        try model.run(disk)
        let before = model.database.rows
        try crashingEverywhere(disk, model, seed: 9) { model, disk in
            var word = try SpoolRereading(SimulatedDisk(disk))
            for loss in try SpoolInspector(SimulatedDisk(disk)).losses() where loss.state == .setAside {
                _ = try word.ask(loss.number, now: Timestamp(microseconds: 0), isMeant: true)
            }
            try model.run(disk)
        } _: { model, _, place in
            #expect(model.database.counts == Array(1...model.lines), "\(place)")
            for (line, count) in model.database.rows {
                #expect(count <= (before[line] ?? 0) + 1, "\(place): line \(line)")
            }
        }
    }

    @Test func `what was delivered by a commit that the cursor does not know counts as delivered`() throws {
        // The cursor says nothing, the rows say all.
        var (disk, model) = try lossSpool(delivering: 180)
        damage(disk, 179...180)
        model.lines += 5
        for _ in 0..<2 { try model.run(disk) }
        #expect(model.database.doubled == [])
        let losses = try SpoolInspector(SimulatedDisk(disk)).losses()
        #expect(losses.contains { $0.state == .setAside && $0.sources.map(\.from) == [179] })
    }

    @Test func `dead letters behind the cursor count as a fate`() throws {
        let (disk, model) = try lossSpool(delivering: 9)
        damage(disk, 160...160)
        let writer = try model.open(disk)
        try writer.account { first, next in first == SequenceNumber(160) && next == SequenceNumber(161) }
        try writer.compared([], isAccepted: true)
        #expect(writer.losses.map(\.state) == [.setAside])
    }

    @Test func `a database that does not fit decides nothing but that something was delivered`() throws {
        var (disk, model) = try lossSpool(delivering: 9)
        damage(disk, 160...160)
        model.isDatabaseThere = false
        let writer = try model.open(disk)
        try writer.account { _, _ in false }
        try writer.compared([], isAccepted: false)
        #expect(writer.losses.map(\.state) == [.undecided] && writer.orders(for: "in").wait != nil)
        let row = LanePosition(lane: .castErrors, position: SequenceNumber(160), origin: nil)
        try writer.compared([row], isAccepted: false)
        #expect(writer.losses.map(\.state) == [.setAside])
        #expect(writer.orders(for: "in").wait == nil)
    }

    @Test func `a decision that cannot be noted is noted later, without another comparison`() throws {
        let (disk, model) = try lossSpool(delivering: 9)
        damage(disk, 160...160)
        let writer = try model.open(disk)
        try writer.account { _, _ in false }
        while case .again = try writer.turn() {}
        disk.contents.withLock {
            $0.callFaults = CallFaults(.init(call: .write, nth: 1, code: EINTR, isForGood: true))
        }
        #expect(throws: SpoolError.self) { try writer.compared([], isAccepted: true) }
        #expect(try writer.turn() == .wait(milliseconds: 1000) && writer.orders(for: "in").wait != nil)
        disk.contents.withLock { $0.callFaults = CallFaults() }
        #expect(try writer.turn() == .wait(milliseconds: nil) && writer.orders(for: "in").wait == nil)
        #expect(writer.losses.map(\.state) != [.undecided])
    }

    @Test func `under a new name nobody knows what the former one's rows said`() throws {
        let (disk, model) = try lossSpool(delivering: 9)
        damage(disk, 160...165)
        let writer = try model.open(disk)
        try writer.account { _, _ in false }
        try writer.fork(counted: [:])
        try writer.compared([], isAccepted: true)
        #expect(writer.losses.allSatisfy { $0.state != .readAgain })
    }

    @Test func `a later loss in which the note of a reading may have stood withdraws the word`() throws {
        var (disk, model) = try lossSpool(delivering: 10)
        damage(disk, 10...12)
        try model.run(disk)
        var word = try SpoolRereading(SimulatedDisk(disk))
        #expect(try word.ask(1, now: Timestamp(microseconds: 0), isMeant: true) == .asked)
        // Read again, delivered, and the daemon killed before it could say so; then that very group is damaged.
        let writer = try model.open(disk)
        let end = writer.status.durable.rawValue
        try model.live(writer)
        let text = disk.contents.withLock { contents in
            contents.directories[""]?.entries["losses"].flatMap { contents.nodes[$0]?.bytes } ?? []
        }
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        let kept = lines.filter { !$0.hasPrefix("done") }.joined(separator: "\n")
        disk.contents.withLock { contents in
            guard let node = contents.directories[""]?.entries["losses"] else { return }
            contents.nodes[node]?.bytes = Array(kept.utf8)
        }
        damage(disk, end + 1...end + 3)
        let rows = model.database.rows
        for _ in 0..<2 { try model.run(disk) }
        #expect(model.database.rows == rows)
        #expect(try SpoolInspector(SimulatedDisk(disk)).losses().first?.state == .setAside)
    }

    @Test func `entries of the list read back as they were written`() throws {
        let bytes = SourceRange(
            input: "a b%\n", path: "/x y/ü", from: 1, upTo: nil, isExact: true, key: [0, 255], identity: [])
        let notice = LossNotice(name: "a-1-2-end", spool: .zero, time: "t", until: -1, isDoubtful: true)
        let entries: [LossEntry] = [
            .range(1, notice), .source(1, 2, bytes), .doubt(1, key: [7]), .certain(1, key: []), .noted(1, .open),
            .cleared(1),
            .decided(1, .aside, inputs: ["", "a b"]), .decided(1, .free, inputs: []), .over(1, input: "ü"),
            .reread(1, time: "t"), .done(1, 2),
        ]
        for entry in entries { #expect(LossEntry(entry.content) == entry, "\(entry.content)") }
        for content in ["", "range", "range 0", "range 1", "source 1 1 a b c - exact 0 0", "doubt 1 xyz", "decided 1"] {
            #expect(LossEntry(content) == nil)
        }
    }

    @Test func `a list that is damaged in the middle stops the start, a torn line at its end does not`() throws {
        var (disk, model) = try lossSpool(delivering: 9)
        damage(disk, 10...12)
        try model.run(disk)
        func edit(_ body: @Sendable (inout [UInt8]) -> Void) {
            disk.contents.withLock { contents in
                guard let node = contents.directories[""]?.entries["losses"] else { return }
                var bytes = contents.nodes[node]?.bytes ?? []
                body(&bytes)
                contents.nodes[node]?.bytes = bytes
            }
        }
        edit { $0 += Array("over 1 x crc32c=0000".utf8) }
        try model.run(disk)
        #expect(model.database.doubled == [])
        edit { $0[20] ^= 1 }
        #expect(throws: SpoolError.self) { _ = try model.open(disk) }
    }
}
