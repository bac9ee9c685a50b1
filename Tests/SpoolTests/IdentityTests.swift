import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

private let elsewhere = SpoolHost(machine: "other", directoryInode: 1, directoryBirthNanoseconds: 2)

private func settlement(_ disk: DiskState, host: SpoolHost = testHost) throws -> SpoolSettlement<SimulatedDisk> {
    try #require(try SpoolSettlement(SimulatedDisk(disk), host: host, now: Timestamp(microseconds: 0)))
}

/// Twelve rejected lines in a spool that has stopped.
private func stopped() throws -> DiskState {
    let disk = DiskState()
    let writer = try openSimulated(disk)
    writer.append(chunk(1...12))
    try writer.settle()
    try writer.stopNow()
    return disk
}

private func crash(_ disk: DiskState, after operations: Int, _ body: () throws -> Void) -> Bool {
    disk.contents.withLock { $0.failsFrom = $0.operations + operations }
    defer { disk.contents.withLock { $0.failsFrom = .max } }
    do {
        try body()
        return false
    } catch {
        return true
    }
}

@Test(arguments: [
    SpoolHost(machine: "other", directoryInode: 1, directoryBirthNanoseconds: 2),
    SpoolHost(machine: "m", directoryInode: 9, directoryBirthNanoseconds: 2),
    SpoolHost(machine: "m", directoryInode: 1, directoryBirthNanoseconds: 9),
])
func `a spool on another machine or in another directory is opened once it was adopted`(host: SpoolHost) throws {
    let disk = try stopped()
    let refusal = #expect(throws: SpoolError.self) { _ = try openSimulated(disk, host: host) }
    #expect(refusal?.exitStatus == 78 && refusal?.description.contains("opslogd spool adopt") == true)
    var settling = try settlement(disk, host: host)
    guard case .hostAccepted = try settling.adopt().first else {
        Issue.record("nothing was accepted")
        return
    }
    settling = try settlement(disk, host: host)
    #expect(try settling.adopt() == [.nothingToDo])
    let writer = try openSimulated(disk, host: host)
    #expect(writer.spool == writer.birthName && writer.runs.count == 2)
    // Back to where it was, it is a copy again.
    #expect(throws: SpoolError.self) { _ = try openSimulated(disk) }
}

@Test func `a fork is durable at once, keeps the files, and starts its lanes anew behind what is counted`() throws {
    let disk = try stopped()
    let writer = try openSimulated(disk)
    writer.committed(
        [LanePosition(lane: .castErrors, position: SequenceNumber(5), origin: RecordOrigin(run: writer.run, chain: 1))],
        settled: SequenceNumber(4))
    var counted = Dictionary(uniqueKeysWithValues: EventKind.allCases.map { ($0, SequenceNumber(7)) })
    counted[.castErrors] = SequenceNumber(9)
    try writer.fork(counted: counted)
    let name = writer.spool
    #expect(name != writer.birthName && writer.settled == SequenceNumber(7))
    // No clean stop.
    let second = try openSimulated(disk)
    #expect(second.spool == name && second.birthName == writer.birthName)
    #expect(second.lanes.allSatisfy { $0.position == .zero && $0.origin == nil })
    #expect(second.settled == SequenceNumber(7))
    #expect(second.floor(of: .castErrors) == SequenceNumber(9) && second.floor(of: .backupLogs) == SequenceNumber(7))
    #expect(try second.makeReader().readNumbers() == Array(1...12))
    second.append(chunk(13...14))
    try second.settle()
    #expect(try openSimulated(disk).makeReader().readNumbers() == Array(1...14))
}

@Test func `a crash at any operation of a fork leaves the old name with its cursor, or the new one without rows`()
    throws
{
    for operations in 0..<8 {
        let disk = try stopped()
        let writer = try openSimulated(disk)
        writer.committed(
            [LanePosition(lane: .castErrors, position: SequenceNumber(5), origin: nil)], settled: SequenceNumber(5))
        let counted = Dictionary(uniqueKeysWithValues: EventKind.allCases.map { ($0, SequenceNumber(8)) })
        let hasCrashed = crash(disk, after: operations) { try writer.fork(counted: counted) }
        let after = try openSimulated(disk)
        if after.spool == after.birthName {
            #expect(hasCrashed && after.floor(of: .castErrors) == .zero)
            #expect(after.settled <= SequenceNumber(5))
        } else {
            #expect(after.settled == SequenceNumber(8) && after.lanes.allSatisfy { $0.position == .zero })
        }
    }
}

@Test func `a rewind is durable at once, and refused if what it needs is not kept`() throws {
    let disk = try stopped()
    let writer = try openSimulated(disk)
    writer.deliver(SequenceNumber(12))
    let lanes = EventKind.allCases.map { LanePosition(lane: $0, position: SequenceNumber(3), origin: nil) }
    try writer.rewind(lanes, settled: SequenceNumber(3))
    #expect(writer.settled == SequenceNumber(3))
    #expect(try openSimulated(disk).settled == SequenceNumber(3))

    let small = DiskState()
    let full = try openSimulated(small)
    for first in stride(from: UInt64(1), to: 40, by: 4) {
        full.append(chunk(first...(first + 3), fill: 8000))
        try full.settle()
    }
    full.deliver(SequenceNumber(40))
    try full.stopNow()
    let first = try #require(full.status.first.rawValue > 1 ? full.status.first : nil)
    let refused = #expect(throws: SpoolError.self) { try full.rewind(lanes, settled: .zero) }
    #expect(refused?.description.contains("records 1 to \(first.rawValue - 1) are no longer kept") == true)
    #expect(full.settled == SequenceNumber(40))
}

@Test func `a dispute is settled by adopting: what the cursor does not know goes under a new name`() throws {
    let disk = try stopped()
    let writer = try openSimulated(disk)
    let lane = LanePosition(
        lane: .castErrors, position: SequenceNumber(6), origin: RecordOrigin(run: writer.run, chain: 1))
    writer.committed([lane], settled: SequenceNumber(4))
    try writer.dispute(true)
    #expect(try openSimulated(disk).isDisputed)
    var settling = try settlement(disk)
    guard case .goesOnAs(let name) = try settling.adopt().first else {
        Issue.record("there was nothing to settle")
        return
    }
    #expect(try settlement(disk).name == name)
    settling = try settlement(disk)
    #expect(try settling.adopt() == [.nothingToDo])
    let after = try openSimulated(disk)
    #expect(after.spool == name && !after.isDisputed && after.settled == SequenceNumber(4))
    #expect(after.floor(of: .castErrors) == SequenceNumber(6) && after.floor(of: .backupLogs) == SequenceNumber(4))
}

@Test func `a discard counts everything as settled, under a new name, and leaves the dead letters to be moved`() throws
{
    let disk = try stopped()
    let writer = try openSimulated(disk)
    writer.movedDeadLetters(upTo: SequenceNumber(2))
    try writer.stopNow()
    var settling = try settlement(disk, host: elsewhere)
    let undelivered = try settling.undelivered()
    #expect(undelivered.count == 0 && undelivered.end == SequenceNumber(12))
    #expect(settling.isInQuestion)
    var something = undelivered
    something.events[3] = 5
    let hasCrashed = crash(disk, after: 2) { _ = try settling.discard(something) }
    #expect(hasCrashed)
    // Said again.
    settling = try settlement(disk, host: elsewhere)
    _ = try settling.discard(something)
    let after = try openSimulated(disk, host: elsewhere)
    #expect(after.spool != after.birthName && after.settled == SequenceNumber(12))
    #expect(after.movedDeadLetters == SequenceNumber(2))
}

@Test func `a fork that counts records which the segments do not hold is a spool that was rolled back`() throws {
    let disk = try stopped()
    var file = try #require(try IdentityFile.read(SimulatedDisk(disk)))
    let counted = EventKind.allCases.map { _ in SequenceNumber(99) }
    try file.append(.fork(SpoolFork(name: .random(), time: "t", counted: counted)))
    let refused = #expect(throws: SpoolError.self) { _ = try openSimulated(disk) }
    #expect(refused?.description.contains("rolled back") == true)
}

@Test(arguments: [
    IdentityEntry.run(SpoolRun(id: UniqueID(high: 1, low: 2), firstSequence: SequenceNumber(3), time: "t")),
    .gap(SpoolGap(first: SequenceNumber(3), known: SequenceNumber(5), next: SequenceNumber(9), time: "t")),
    .host(elsewhere), .host(SpoolHost(machine: "", directoryInode: 7, directoryBirthNanoseconds: 0)),
    .fork(SpoolFork(name: UniqueID(high: 1, low: 2), time: "t", counted: (1...8).map { SequenceNumber($0) })),
    .dispute(true, time: "t"), .dispute(false, time: "t"),
])
func `a line of the identity is read as it was written, and no shorter one is`(entry: IdentityEntry) {
    #expect(IdentityEntry(entry.content) == entry)
    let words = entry.content.split(separator: " ", omittingEmptySubsequences: false)
    for count in 1..<words.count { #expect(IdentityEntry(words.prefix(count).joined(separator: " ")) == nil) }
    #expect(IdentityEntry(entry.content + " 1") == nil)
}

@Test func `the server that was delivered to is known to the next start, and a crash leaves it or the one before`()
    throws
{
    let before = DatabaseServer(systemIdentifier: 7_301_234_567_890_123_456, timeline: 1)
    let later = DatabaseServer(systemIdentifier: .max, timeline: .max)
    var left: Set<DatabaseServer?> = []
    for operations in 0..<6 {
        let disk = try stopped()
        let writer = try openSimulated(disk)
        #expect(writer.server == nil)
        try writer.note(before)
        #expect(writer.server == before)
        let hasCrashed = crash(disk, after: operations) { try writer.note(later) }
        loseUnsynced(disk)
        let next = try openSimulated(disk)
        #expect(hasCrashed ? next.server != nil : next.server == later)
        #expect(try next.makeReader().readNumbers() == Array(1...12))
        left.insert(next.server)
    }
    #expect(left == [before, later])
}

@Test func `what a rewind is to send again gives way to nothing, behind a power cut and with the database away`() throws
{
    let disk = DiskState()
    let options = testOptions(keep: 1 << 20)
    let before = try openSimulated(disk, options: options)
    for number in UInt64(1)...40 {
        before.append(chunk(number...number, fill: 8000))
        try before.settle()
    }
    before.deliver(SequenceNumber(40))
    try before.stopNow()
    let lanes = EventKind.allCases.map { LanePosition(lane: $0, position: SequenceNumber(3), origin: nil) }
    try openSimulated(disk, options: options).rewind(lanes, settled: SequenceNumber(3))
    loseUnsynced(disk)
    // As many lines as find room: delivered segments would be freed for them.
    let writer = try openSimulated(disk, options: options)
    for number in UInt64(41)...300 {
        writer.append(chunk(number...number, fill: 8000))
        try writer.settle()
    }
    #expect(!writer.isAccepting)
    let reader = writer.makeReader()
    try reader.seek(to: SequenceNumber(4))
    #expect(try reader.readNumbers().starts(with: 4...40))
}
