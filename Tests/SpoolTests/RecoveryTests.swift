import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

/// A spool of three segments: records 1 to 12, fat, stopped cleanly if asked.
func threeSegments(stopping: Bool = true) throws -> DiskState {
    let disk = DiskState()
    let writer = try openSimulated(disk)
    for number in UInt64(1)...12 {
        writer.append(chunk(number...number, fill: 12_000))
        try writer.settle()
    }
    if stopping { try writer.stopNow() }
    #expect(writer.status.segments == 3)
    return disk
}

extension DiskState {
    /// The segment files, oldest first, as node numbers.
    func segmentNodes() -> [Int] {
        contents.withLock { contents in
            let entries = contents.directories["segments"]?.entries ?? [:]
            return entries.filter { $0.key.hasSuffix(".seg") }.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    func edit(_ node: Int, _ body: @Sendable (inout [UInt8]) -> Void) {
        contents.withLock { contents in
            guard var bytes = contents.nodes[node]?.bytes else { return }
            body(&bytes)
            contents.nodes[node]?.bytes = bytes
        }
    }
}

func refusal(_ disk: DiskState) -> SpoolError? {
    let before = disk.contents.withLock { $0.nodes.mapValues(\.bytes) }
    var refused: SpoolError?
    do throws(SpoolError) { _ = try openSimulated(disk) } catch { refused = error }
    let after = disk.contents.withLock { $0.nodes.mapValues(\.bytes) }
    #expect(before == after, "a start that stops touches nothing")
    return refused
}

@Test func `every case of the table has its remedy`() {
    #expect(RecoveryCase.allCases.filter { $0.remedy == .goOn } == [.whole, .cleanEnd, .unsealedEnd, .recycledBytes])
    #expect(RecoveryCase.allCases.filter { $0.remedy == .cut } == [.tornTail])
    #expect(RecoveryCase.unknownVersion.remedy == .stop(exitStatus: 78))
    #expect(
        RecoveryCase.allCases.filter { $0.remedy == .passOver }
            == [.missingSegment, .unsealedSegment, .damageInside, .shortFile])
    #expect(RecoveryCase.readError.remedy == .stop(exitStatus: 74))
}

@Test func `the end of a segment is judged by what stands there`() {
    #expect(TailFacts(endsWithOwnSeal: true).recoveryCase == .whole)
    #expect(TailFacts(endsWithStopSeal: true, slotIsZero: true, restIsZero: true).recoveryCase == .cleanEnd)
    #expect(TailFacts(slotIsZero: true, restIsZero: true).recoveryCase == .unsealedEnd)
    #expect(TailFacts(slotIsZero: true, restIsZero: false, isRecycled: true).recoveryCase == .recycledBytes)
    #expect(TailFacts(slotIsZero: true, restIsZero: false).recoveryCase == .tornTail)
    #expect(TailFacts(slotIsZero: false, isRecycled: true).recoveryCase == .tornTail)
    #expect(TailFacts(isEmpty: true, slotIsZero: true, restIsZero: true).recoveryCase == .tornTail)
    #expect(TailFacts(isShort: true, slotIsZero: true, restIsZero: true).recoveryCase == .tornTail)
}

@Test func `whole: a crash between a segment's seal and the next one loses nothing`() throws {
    let disk = try threeSegments()
    let last = try #require(disk.segmentNodes().last)
    disk.contents.withLock { contents in
        contents.edit("segments") { entries in entries = entries.filter { $0.value != last } }
    }
    var identityOnly = try? openSimulated(disk)
    #expect(identityOnly?.recovery.hasPrefix("the last segment is full and sealed") == true)
    identityOnly = nil
    let writer = try openSimulated(disk)
    let durable = writer.status.durable.rawValue
    writer.append(chunk(durable + 1...durable + 1))
    try writer.settle()
    #expect(try writer.makeReader().readNumbers() == Array(1...durable + 1))
}

@Test func `a last file without header or of a former life is removed`() throws {
    for isFormerLife in [false, true] {
        let disk = DiskState()
        let writer = try openSimulated(disk)
        writer.append(chunk(1...2))
        try writer.settle()
        // The segment's own seal, as a rotation writes it, and then a file that never got a record.
        try writer.core.withLock { core throws(SpoolError) in
            _ = try core.makeSegment(holding: 1, delivered: .zero, now: writer.now)
        }
        let nodes = disk.segmentNodes()
        let first = try #require(nodes.first)
        let header = disk.contents.withLock { Array($0.nodes[first]?.bytes.prefix(4096) ?? []) }
        disk.edit(nodes[1]) { bytes in
            for at in bytes.indices { bytes[at] = isFormerLife && at < 4096 ? header[at] : 0 }
        }
        let notes = NotedDiagnostics()
        let next = try openSimulated(disk, diagnostics: notes.diagnostics)
        let crash = isFormerLife ? "a crash while it was recycled" : "a crash while it was made"
        #expect(notes.texts(.warning).first?.contains(crash) == true)
        next.append(chunk(3...3))
        try next.settle()
        #expect(try next.makeReader().readNumbers() == [1, 2, 3])
    }
}

@Test(arguments: [true, false])
func `an unknown major version stops with 78, and one of which no checksum knows is damage`(isWritten: Bool) throws {
    let disk = try threeSegments()
    disk.edit(disk.segmentNodes()[1]) { bytes in
        for copy in [0, 2048] { bytes[copy + 8] = 9 }
        guard isWritten else { return }
        let crc = bytes.withUnsafeBytes { CRC32C.of(UnsafeRawBufferPointer(rebasing: $0[..<4092])) }
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: crc.littleEndian, toByteOffset: 4092, as: UInt32.self) }
    }
    if isWritten { return #expect(refusal(disk)?.exitStatus == 78) }
    let notes = NotedDiagnostics()
    _ = try openSimulated(disk, diagnostics: notes.diagnostics)
    #expect(notes.texts(.warning).contains { $0.contains("neither its header nor the copy in it verifies") })
}

@Test func `a read error stops and cuts nothing`() throws {
    let disk = try threeSegments(stopping: false)
    disk.contents.withLock { $0.failsReads = true }
    #expect(refusal(disk)?.exitStatus == 74)
    disk.contents.withLock { $0.failsReads = false }
    #expect(try openSimulated(disk).makeReader().readNumbers() == Array(1...12))
}

@Test func `a spool behind its cursor or on another machine is not delivered`() throws {
    let disk = try threeSegments()
    let rolledBack = disk.contents.withLock { $0 }
    let writer = try openSimulated(disk)
    writer.append(chunk(13...14))
    try writer.settle()
    writer.deliver(SequenceNumber(14))
    try writer.stopNow()
    let newer = disk.contents.withLock { $0 }
    disk.contents.withLock { contents in
        // The segments of before, with the cursor of after.
        contents.directories["segments"] = rolledBack.directories["segments"]
        for node in rolledBack.directories["segments"]?.entries.values.map({ $0 }) ?? [] {
            contents.nodes[node] = rolledBack.nodes[node]
        }
    }
    #expect(refusal(disk)?.description.contains("rolled back") == true)
    disk.contents.withLock { $0 = newer }
    let elsewhere = SpoolHost(machine: "other", directoryInode: 1, directoryBirthNanoseconds: 2)
    let copied = #expect(throws: SpoolError.self) { _ = try openSimulated(disk, host: elsewhere) }
    #expect(copied?.exitStatus == 78 && copied?.description.contains("copied") == true)
}

@Test func `a cursor with one torn slot goes on with the other`() throws {
    let disk = try threeSegments()
    let time = ManualTime()
    let writer = try openSimulated(disk, time: time)
    for settled in [UInt64(3), 5] {
        writer.deliver(SequenceNumber(settled))
        time.advance(milliseconds: 1001)
        try writer.settle()
    }
    let cursor = try #require(disk.contents.withLock { $0.directories[""]?.entries["cursor"] })
    let newest = try #require(try CursorFile<SimulatedFile>.read(SimulatedDisk(disk)))
    #expect(newest.settled == SequenceNumber(5))
    disk.edit(cursor) { $0[Int(newest.generation % 2) * 4096 + 100] ^= 1 }
    #expect(try openSimulated(disk).settled == SequenceNumber(3))
    // The start has written the torn slot anew: either of them may be torn from here on.
    for slot in 0..<2 {
        disk.edit(cursor) { $0[slot * 4096 + 100] ^= 1 }
        #expect(try CursorFile<SimulatedFile>.read(SimulatedDisk(disk))?.settled == SequenceNumber(3))
        disk.edit(cursor) { $0[slot * 4096 + 100] ^= 1 }
    }
}

@Test(arguments: 1...6)
func `a torn end is told by the start that meets it, though that start fails`(nth: Int) throws {
    let disk = try threeSegments()
    let last = try #require(disk.segmentNodes().last)
    disk.edit(last) { bytes in
        let end = bytes.lastIndex { $0 != 0 } ?? 0
        bytes[end + 100] = 1
    }
    let noted = NotedDiagnostics()
    disk.contents.withLock {
        $0.callFaults = CallFaults(.init(call: .synchronize, nth: nth, code: EIO, isForGood: false))
    }
    _ = try? openSimulated(disk, diagnostics: noted.diagnostics)
    disk.contents.withLock { $0.callFaults = CallFaults() }
    try openSimulated(disk, diagnostics: noted.diagnostics).stopNow()
    #expect(noted.texts(.warning).contains { $0.contains("torn or damaged end") }, "sync \(nth)")
}
