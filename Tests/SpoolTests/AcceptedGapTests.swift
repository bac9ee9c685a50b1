import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

private func gap(_ lane: EventKind, _ first: UInt64, _ last: UInt64, end: UInt64? = nil) -> LaneGap {
    LaneGap(
        lane: lane, first: SequenceNumber(first), last: SequenceNumber(last), end: SequenceNumber(end ?? last))
}

/// Forty records in several segments, delivered, of which the first have been freed.
private func partlyFreed(_ disk: DiskState, time: ManualTime = ManualTime()) throws -> SimulatedWriter {
    let writer = try openSimulated(disk, time: time)
    for first in stride(from: UInt64(1), to: 40, by: 4) {
        time.advance(milliseconds: 60_000)
        writer.append(chunk(first...(first + 3), fill: 8000))
        try writer.settle()
    }
    return writer
}

@Test func `what was accepted is durable at once, stays with the spool, and is named by verify without being damage`()
    throws
{
    let disk = DiskState()
    let writer = try partlyFreed(disk)
    writer.deliver(SequenceNumber(40))
    try writer.stopNow()
    let first = writer.status.first.rawValue
    #expect(first > 8)
    let gaps = [gap(.castErrors, 3, 7, end: first - 1), gap(.backupLogs, 2, first - 1)]
    try writer.accept(gaps)
    try writer.accept([gap(.castErrors, 1, 2, end: first - 1)])
    #expect(writer.acceptedGaps.count == 3)
    let after = try openSimulated(disk)
    #expect(after.acceptedGaps == gaps + [gap(.castErrors, 1, 2, end: first - 1)])
    #expect(after.status.acceptedGaps.map(\.gaps.count) == [2, 1])
    #expect(after.passed(.castErrors, from: SequenceNumber(1)).rawValue == first - 1)
    #expect(after.passed(.pipelineWatermarks, from: SequenceNumber(2)) == SequenceNumber(2))
    let found = try SpoolInspector(SimulatedDisk(disk)).verify()
    #expect(found.isWhole && found.acceptedGaps == after.status.acceptedGaps)
}

@Test func `a gap is refused where more than that is gone`() throws {
    let disk = DiskState()
    let writer = try partlyFreed(disk)
    writer.deliver(SequenceNumber(40))
    try writer.stopNow()
    let first = writer.status.first.rawValue
    let refused = #expect(throws: SpoolError.self) {
        try writer.accept([gap(.backupLogs, 2, first - 1), gap(.castErrors, 1, 2, end: first - 2)])
    }
    #expect(refused?.description.contains("of cast_errors, records \(first - 1) to \(first - 1)") == true)
    #expect(writer.acceptedGaps.isEmpty)
    #expect(try openSimulated(disk).acceptedGaps.isEmpty)
}

@Test func `a crash at any operation leaves all lanes of a gap accepted, or none`() throws {
    let gaps = EventKind.allCases.map { gap($0, 1, 12) }
    for operations in 0..<8 {
        let disk = DiskState()
        let writer = try openSimulated(disk)
        writer.append(chunk(1...12))
        try writer.settle()
        disk.contents.withLock { $0.failsFrom = $0.operations + operations }
        let isDone = (try? writer.accept(gaps)) != nil
        disk.contents.withLock { $0.failsFrom = .max }
        var random = SplitMix64(seed: UInt64(operations))
        disk.crash(keeping: 0.5, using: &random)
        let found = try openSimulated(disk).acceptedGaps
        #expect(found == gaps || found.isEmpty && !isDone, "\(operations) operations")
    }
}

@Test func `a line that names no gap of ours is damage`() throws {
    let time = "2026-11-01T00:00:00.000000Z"
    #expect(IdentityEntry("accepted \(time) cast_errors 1 2 3") != nil)
    for words in [
        "", " cast_errors", " cast_errors 1 2", " cast_errors 0 2 3", " cast_errors 3 2 3", " cast_errors 1 3 2",
        " nothing 1 2 3", " cast_errors 1 2 3 backup_logs", " cast_errors 1 2 18446744073709551615",
    ] { #expect(IdentityEntry("accepted \(time)\(words)") == nil, "\(words)") }
}

@Test func `since when everything is kept moves on with what is freed, and is known again after a start`() throws {
    let disk = DiskState()
    let time = ManualTime()
    #expect(try openSimulated(DiskState(), time: time).status.refillableSince == nil)
    let writer = try partlyFreed(disk, time: time)
    let whole = try #require(writer.status.refillableSince)
    writer.deliver(SequenceNumber(40))
    try writer.settle()
    time.advance(milliseconds: 60_000)
    try writer.settle()
    let status = writer.status
    let since = try #require(status.refillableSince)
    // A minute passed before each group of four.
    let minutes = (since.microseconds - whole.microseconds) / 60_000_000
    #expect(status.first > SequenceNumber(8) && minutes == Int64(status.first.rawValue - 1) / 4)
    try writer.stopNow()
    #expect(try openSimulated(disk, time: time).status.refillableSince == writer.status.refillableSince)
}
