import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

private func settlement(_ disk: DiskState) throws -> SpoolSettlement<SimulatedDisk> {
    try #require(try SpoolSettlement(SimulatedDisk(disk), host: testHost, now: Timestamp(microseconds: 0)))
}

/// Lines 1 to 100 of a file are in the segments; 101 to 180 were, and are lost with them.
///
/// - Parameter delivered: up to which line the database has them.
/// - Parameter cursor: up to which the cursor says so.
private func rolledBack(delivered: UInt64, cursor: UInt64) throws -> (disk: DiskState, model: LossModel) {
    let disk = DiskState()
    var model = LossModel(lines: 100)
    model.isDatabaseThere = false
    try model.live(try model.open(disk))
    model.isDatabaseThere = true
    let image = SegmentImage(disk)
    model.lines = 180
    model.isDatabaseThere = false
    let writer = try model.open(disk)
    try model.live(writer)
    model.isDatabaseThere = true
    if cursor > 0 {
        try model.deliver(writer, upTo: cursor)
        try writer.core.withLock { core throws(SpoolError) in
            let slot = writer.inbox.withLock { $0.slot(run: writer.run) }
            try core.saveCursor(slot, now: writer.now)
        }
    }
    try model.deliver(writer, upTo: delivered)
    image.restore(to: disk)
    return (disk, model)
}

private func checkNothingIsLostInSilence(_ model: LossModel, _ disk: DiskState, _ place: String = "") throws {
    #expect(model.database.doubled == [], "\(place)")
    let losses = try SpoolInspector(SimulatedDisk(disk)).losses()
    for line in 1...model.lines where model.database.rows[line] == nil {
        let isNamed = losses.contains { loss in
            loss.state == .setAside && loss.sources.contains { $0.from <= line && line < $0.upTo ?? .max }
        }
        #expect(isNamed, "\(place): line \(line) is lost in silence")
    }
}

@Suite struct MissingSegmentsTests {
    /// Delivered, and known to the cursor: nothing of the gap but its run; all; a part; more than the cursor knows; less
    /// than the segments hold.
    static let positions: [(UInt64, UInt64)] = [(180, 180), (150, 150), (180, 101), (180, 40), (150, 0), (60, 40)]

    @Test(arguments: positions)
    func `a spool whose last segments are missing goes on once it was adopted, and no line comes twice`(
        delivered: UInt64, cursor: UInt64
    ) throws {
        var (disk, model) = try rolledBack(delivered: delivered, cursor: cursor)
        let before = disk.operations
        let isAhead = cursor > 100
        if isAhead {
            let refused = refusal(disk)
            #expect(refused?.exitStatus == 78 && refused?.description.contains("opslogd spool adopt") == true)
        } else {
            // Another run has begun behind the end, and knows it.
            var file = try #require(try IdentityFile.read(SimulatedDisk(disk)))
            try file.append(.run(SpoolRun(id: .random(), firstSequence: SequenceNumber(181), time: "t")))
            #expect(refusal(disk)?.exitStatus == 78)
        }
        var settling = try settlement(disk)
        let missing = try #require(try settling.missing())
        #expect(missing.last == SequenceNumber(100) && missing.first == SequenceNumber(101))
        #expect(missing.lastKnown == SequenceNumber(isAhead ? cursor : 180))
        if isAhead { #expect(disk.operations == before, "looking changes nothing") }
        let outcomes = try settling.adopt()
        let next = SequenceNumber((isAhead ? cursor : 180) + 1 + SpoolGap.margin)
        #expect(outcomes == [.goesOnAt(next)])
        #expect(try settlement(disk).missing() == nil, "and once is enough")
        settling = try settlement(disk)
        #expect(try settling.adopt() == [.nothingToDo])

        model.lines += 3
        let notes = NotedDiagnostics()
        let writer = try model.run(disk, diagnostics: notes.diagnostics)
        #expect(writer.runs.last?.firstSequence == next && writer.spool == writer.birthName)
        #expect(notes.texts(.error).contains { $0.contains("101") && $0.contains("is lost") })
        let lost = try #require(writer.status.lostRanges.first)
        #expect(writer.status.lostRanges.count == 1 && lost.first == SequenceNumber(101) && lost.next == next)
        #expect(lost.recordCount == missing.lastKnown.rawValue - 100)
        #expect(writer.status.undeliveredEvents == 0)
        let findings = try SpoolInspector(SimulatedDisk(disk)).verify().findings
        #expect(findings.contains { $0.firstSequence == SequenceNumber(101) && $0.lastSequence == missing.lastKnown })
        try checkNothingIsLostInSilence(model, disk)
        if delivered <= 100 { #expect(model.database.counts == Array(1...183), "nothing of it was delivered") }

        // The next lines are read as ever, by this start and the next ones, and nothing is noted again.
        for _ in 0..<2 {
            model.lines += 2
            let again = NotedDiagnostics()
            let writer = try model.run(disk, diagnostics: again.diagnostics)
            #expect(again.texts(.error) == [] && writer.status.lostRanges == [lost])
            #expect(model.database.rows[model.lines] == 1)
        }
        try checkNothingIsLostInSilence(model, disk)
    }

    @Test(arguments: [(180, 180), (180, 101), (150, 140)] as [(UInt64, UInt64)])
    func `a crash at any operation of adopting and of the start behind it leaves each line once`(
        delivered: UInt64, cursor: UInt64
    ) throws {
        var (disk, model) = try rolledBack(delivered: delivered, cursor: cursor)
        model.lines += 2
        try crashingEverywhere(disk, model, seed: 3) { model, disk in
            var settling = try settlement(disk)
            _ = try settling.adopt()
            try model.run(disk)
        } _: { model, disk, place in
            try checkNothingIsLostInSilence(model, disk, place)
            #expect(try settlement(disk).missing() == nil, "\(place)")
        }
    }

    @Test func `while the database is away nothing is read or counted, and then as ever`() throws {
        var (disk, model) = try rolledBack(delivered: 180, cursor: 120)
        var settling = try settlement(disk)
        _ = try settling.adopt()
        model.isDatabaseThere = false
        let writer = try model.open(disk)
        #expect(writer.status.undeliveredEvents == 0, "numbers that were never given are no events")
        try model.live(writer)
        try writer.stopNow()
        model.isDatabaseThere = true
        try model.run(disk)
        try checkNothingIsLostInSilence(model, disk)
    }

    @Test func `segments that are lost again need another word, and other numbers`() throws {
        var (disk, model) = try rolledBack(delivered: 180, cursor: 150)
        let image = SegmentImage(disk)
        var settling = try settlement(disk)
        let first = try settling.adopt()
        model.lines += 5
        // Killed: the cursor knows nothing of what was delivered since.
        try model.live(try model.open(disk))
        image.restore(to: disk)
        #expect(refusal(disk)?.exitStatus == 78)
        settling = try settlement(disk)
        let second = try settling.adopt()
        guard case .goesOnAt(let before) = first.first, case .goesOnAt(let next) = second.first else {
            Issue.record("\(first) and \(second)")
            return
        }
        #expect(next.rawValue >= before.rawValue + SpoolGap.margin)
        model.lines += 5
        for _ in 0..<2 { try model.run(disk) }
        try checkNothingIsLostInSilence(model, disk)
    }

    @Test func `segments that are put back after the word was given are gone on with as if it had not been`() throws {
        var (disk, model) = try rolledBack(delivered: 0, cursor: 0)
        _ = try model.open(disk)
        let older = SegmentImage(disk)
        model.lines = 190
        let writer = try model.run(disk)
        let newer = SegmentImage(disk)
        older.restore(to: disk)
        var settling = try settlement(disk)
        guard case .goesOnAt = try settling.adopt().first else {
            Issue.record("nothing was missing")
            return
        }
        newer.restore(to: disk)
        model.lines += 2
        let next = try model.run(disk)
        #expect(next.runs.last?.firstSequence == writer.status.durable.advanced(by: 1))
        #expect(next.status.lostRanges == [] && model.database.counts == Array(1...192))
        #expect(model.database.doubled == [])
    }

    @Test(arguments: [true, false])
    func `segments that are all missing, with the positions of all files in them`(isMoved: Bool) throws {
        var (disk, model) = try rolledBack(delivered: 150, cursor: 150)
        if isMoved {
            var slot = try #require(try CursorFile<SimulatedFile>.read(SimulatedDisk(disk)))
            slot.moved = slot.settled
            var cursor = try CursorFile(SimulatedDisk(disk), continuing: slot)
            try cursor.save(slot)
        }
        disk.contents.withLock { contents in
            contents.directories["segments"]?.entries = [:]
            contents.directories["segments"]?.durable = [:]
        }
        #expect(refusal(disk)?.exitStatus == 78)
        var settling = try settlement(disk)
        #expect(try settling.missing()?.first == SequenceNumber(isMoved ? 151 : 1))
        _ = try settling.adopt()
        model.lines += 3
        try model.run(disk)
        try checkNothingIsLostInSilence(model, disk)
        model.lines += 2
        let writer = try model.run(disk)
        #expect(model.database.rows[model.lines] == 1 && writer.status.lostRanges.count <= 1)
        try checkNothingIsLostInSilence(model, disk)
    }

    @Test func `numbers go on behind the dead letters, too`() throws {
        let (disk, _) = try rolledBack(delivered: 180, cursor: 150)
        var settling = try settlement(disk)
        let outcomes = try settling.adopt(deadLetter: SequenceNumber(170))
        #expect(outcomes == [.goesOnAt(SequenceNumber(171 + SpoolGap.margin))])
    }

    @Test func `a number of which there is a dead letter is not given again behind a damaged end`() throws {
        let disk = DiskState()
        let writer = try openSimulated(disk)
        for number in UInt64(1)...4 {
            writer.append(chunk(number...number))
            try writer.settle()
        }
        // The groups of 3 and 4; what became of them stands in no cursor yet.
        let end = try #require(disk.segmentNodes().first)
        let places = try SpoolInspector(SimulatedDisk(disk)).framePlaces().filter(\.holdsRecords)
        disk.edit(end) { bytes in for place in places.suffix(2) { bytes[Int(place.offset)] ^= 1 } }
        let before = disk.operations
        #expect(throws: SpoolError.self) { _ = try openSimulated(disk, deadLetter: SequenceNumber(3)) }
        #expect(disk.operations == before, "a start that stops changes nothing")
        var settling = try settlement(disk)
        let missing = try #require(try settling.missing(deadLetter: SequenceNumber(3)))
        #expect(missing.sign == "there is a dead letter of record 00000000000000000003")
        #expect(missing.first == SequenceNumber(3) && missing.lastKnown == SequenceNumber(3))
        let next = SequenceNumber(4 + SpoolGap.margin)
        let outcomes = try settling.adopt(deadLetter: SequenceNumber(3))
        #expect(outcomes == [.goesOnAt(next)])
        for _ in 0..<2 {
            let writer = try openSimulated(disk, deadLetter: SequenceNumber(3))
            #expect(writer.status.lostRanges.map(\.first) == [SequenceNumber(3)])
            #expect(writer.status.durable.rawValue + 1 == next.rawValue, "nothing was appended")
        }
    }

    @Test func `without room for a segment the start says so, and goes on once there is some`() throws {
        var (disk, model) = try rolledBack(delivered: 180, cursor: 150)
        var settling = try settlement(disk)
        _ = try settling.adopt()
        disk.contents.withLock { $0.available = 0 }
        let refused = #expect(throws: SpoolError.self) { _ = try model.open(disk) }
        #expect(refused?.description.contains("no room for the segment from which the spool goes on") == true)
        disk.contents.withLock { $0.available = 1 << 40 }
        try model.run(disk)
        try checkNothingIsLostInSilence(model, disk)
    }
}
