import Instruments
import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

private func fill(_ writer: SimulatedWriter, _ numbers: ClosedRange<UInt64>, _ receipt: NotedReceipt) throws {
    for number in numbers {
        writer.append(chunk(number...number, fill: 12_000, receipt: receipt))
        try writer.settle()
    }
}

@Test func `a spool at max_bytes holds back, and goes on when records are delivered`() throws {
    let notes = NotedDiagnostics()
    let receipt = NotedReceipt()
    let writer = try openSimulated(
        DiskState(), options: testOptions(max: 128 << 10), diagnostics: notes.diagnostics)
    try fill(writer, 1...20, receipt)
    let held = receipt.last
    #expect(held < 20 && writer.status.shortage == .maxBytes && !writer.isAccepting)
    #expect(writer.status.bytes <= 128 << 10)
    #expect(try writer.settle() == .wait(milliseconds: nil), "no timer runs while only a delivery can help")
    let reader = writer.makeReader()
    while held < 20, receipt.last < 20 {
        while let group = try reader.next() { writer.deliver(group.lastSequence) }
        try writer.settle()
    }
    #expect(writer.isAccepting && notes.texts(.warning).count >= 1 && notes.texts(.notice).count >= 1)
    while let group = try reader.next() { writer.deliver(group.lastSequence) }
    #expect(writer.settled == SequenceNumber(20))
}

@Test func `a full disk is waited out, and nothing is lost`() throws {
    let disk = DiskState()
    let time = ManualTime()
    let notes = NotedDiagnostics()
    let receipt = NotedReceipt()
    let writer = try openSimulated(disk, time: time, diagnostics: notes.diagnostics)
    try fill(writer, 1...2, receipt)
    disk.contents.withLock { $0.available = 1000 }
    try fill(writer, 3...9, receipt)
    #expect(receipt.last < 9 && writer.status.shortage == .minFree)
    #expect(try writer.settle() == .wait(milliseconds: 1000))
    time.advance(milliseconds: 1000)
    #expect(try writer.settle() == .wait(milliseconds: 1000))
    disk.contents.withLock { $0.available = 1 << 40 }
    time.advance(milliseconds: 1000)
    try writer.settle()
    #expect(receipt.last == 9 && writer.isAccepting)
    #expect(notes.texts(.warning).count == 1 && notes.texts(.notice).count == 1)
    #expect(try writer.makeReader().readNumbers() == Array(1...9))
}

@Test func `delivered segments are used again, and their old groups never come back`() throws {
    let disk = DiskState()
    let time = ManualTime()
    let writer = try openSimulated(disk, time: time)
    let receipt = NotedReceipt()
    for round in UInt64(0)..<10 {
        try fill(writer, round * 5 + 1...round * 5 + 5, receipt)
        writer.deliver(SequenceNumber(round * 5 + 5))
        time.advance(milliseconds: 1001)
        try writer.settle()
    }
    #expect(writer.map.snapshot.segments.last?.header.isRecycled == true)
    #expect(writer.status.segments == 1 && writer.status.bytes <= 128 << 10)
    let next = try openSimulated(disk, time: time)
    #expect(next.recovery.contains("nothing of it is torn"))
    #expect(next.status.durable == SequenceNumber(50))
    #expect(next.positionText == ["s": "50"])
}

private func watermarks(_ numbers: ClosedRange<UInt64>, source: String) -> RecordChunk {
    let builder = ChunkBuilder()
    let originator = builder.add(RecordOriginator(kind: .socket, input: "i"))
    var encoder = LineEncoder(
        LineEncoder.Options(
            maxLineBytes: 1 << 20, maxFutureMicroseconds: .max / 2, counting: .lines, takesControlLines: false,
            reportsRejections: false), watermarkClock: WatermarkClock(notBefore: Timestamp(microseconds: 0)))
    for number in numbers {
        Array("{\"event\":\"pipeline_watermarks\",\"pipeline_name\":\"\(number)\"}\n".utf8).withUnsafeBytes {
            _ = encoder.encode(
                $0, offset: number, originator: originator, received: Timestamp(microseconds: 0), into: builder)
        }
    }
    builder.addPosition(key: Array(source.utf8), value: Array("\(numbers.upperBound)".utf8))
    return builder.close(ticket: numbers.upperBound, receipt: nil)
}

/// Keeps what it is told of watermarks, in words.
private final class NotedWatermarks: DurableWatermarks {
    let noted = Mutex<[String]>([])

    func recovered(_ entries: [(key: [UInt8], value: [UInt8])], before first: SequenceNumber) {
        noted.withLock { $0 = entries.map { String(decoding: $0.value, as: UTF8.self) } + ["before \(first)"] }
    }

    func durable(_ chunk: ChunkReader, settled: SequenceNumber) {
        noted.withLock { $0.append("\(chunk.firstSequence.rawValue) of \(chunk.recordCount)") }
    }

    func entries(settled: SequenceNumber) -> [(key: [UInt8], value: [UInt8])] {
        noted.withLock { noted in
            noted.removeAll { $0.hasPrefix("before") }
            return noted.map { (key: [1], value: Array($0.utf8)) } + [
                (key: [2], value: Array("settled \(settled)".utf8))
            ]
        }
    }
}

@Test func `positions and watermarks outlive the segments in which they were written`() throws {
    let disk = DiskState()
    let time = ManualTime()
    let writer = try openSimulated(disk, time: time, watermarks: NotedWatermarks())
    writer.append(watermarks(1...2, source: "quiet"))
    writer.append(chunk(3...3, source: "busy"))
    try writer.settle()
    for number in UInt64(4)...20 {
        writer.append(chunk(number...number, fill: 12_000, source: "busy"))
        try writer.settle()
    }
    writer.append(watermarks(21...21, source: "busy"))
    writer.deliver(SequenceNumber(20))
    time.advance(milliseconds: 1001)
    try writer.settle()
    #expect(writer.status.first > SequenceNumber(3), "the segment of the quiet source is gone")
    let told = NotedWatermarks()
    let next = try openSimulated(disk, time: time, watermarks: told)
    #expect(next.positionText == ["quiet": "2", "busy": "21"])
    let words = told.noted.withLock { $0 }
    #expect(words.first == "1 of 2", "\(words)")
    #expect(words.last == "21 of 1", "what stands behind the snapshot is told too: \(words)")
}

@Test func `delivered segments are kept up to their bytes and give way to new ones`() {
    func segment(_ first: UInt64, age: Int64) -> SegmentRetention.Candidate {
        SegmentRetention.Candidate(
            first: SequenceNumber(first), last: SequenceNumber(first + 9), bytes: 100, ageSeconds: age)
    }
    let closed = [segment(1, age: 50), segment(11, age: 20), segment(21, age: 10), segment(31, age: 5)]
    var options = testOptions(max: 500)
    options.keepDeliveredBytes = 200
    var retention = SegmentRetention(options: options)
    #expect(retention.expired(closed, delivered: SequenceNumber(40)) == 2)
    #expect(retention.expired(closed, delivered: SequenceNumber(20)) == 0)
    #expect(retention.expired(closed, delivered: SequenceNumber(39)) == 1)
    options.keepDeliveredAgeSeconds = 30
    retention = SegmentRetention(options: options)
    #expect(retention.expired(closed, delivered: SequenceNumber(40)) == 1)
    func room(_ delivered: UInt64, available: UInt64 = 10_000, all: Bool = false) -> SegmentRetention.Room {
        retention.room(
            for: 100, closed: closed, delivered: SequenceNumber(delivered), activeBytes: 100, spareBytes: 0,
            available: available, isAllDelivered: all)
    }
    #expect(room(40) == .init(freed: 1, shortage: nil))
    #expect(room(0) == .init(freed: 0, shortage: .maxBytes))
    #expect(room(40, available: 0) == .init(freed: 1, shortage: nil))
    #expect(room(0, available: 0).shortage == .maxBytes)
}

@Test func `kept segments that give way are logged and counted`() throws {
    let notes = NotedDiagnostics()
    let writer = try openSimulated(
        DiskState(), options: testOptions(max: 192 << 10, keep: 1 << 20), diagnostics: notes.diagnostics)
    for round in UInt64(0)..<6 {
        try fill(writer, round * 5 + 1...round * 5 + 5, NotedReceipt())
        writer.deliver(SequenceNumber(round * 5 + 5))
    }
    #expect(writer.status.keptSegmentsGivenUp > 0 && writer.status.bytes <= 192 << 10)
    #expect(notes.texts(.notice).contains { $0.contains("gave way") })
}

/// Which of the two has gone on, while the other one stands still.
@Test(arguments: [true, false])
func `a segment is freed when its records are delivered and its rejected lines are moved, not before`(
    isDelivered: Bool
) throws {
    let time = ManualTime()
    let writer = try openSimulated(DiskState(), time: time)
    try fill(writer, 1...15, NotedReceipt())
    #expect(writer.status.segments == 3)
    let end = SequenceNumber(15)
    func delivered() { writer.committed([], settled: end) }
    func moved() { writer.movedDeadLetters(upTo: end) }
    func save() throws {
        time.advance(milliseconds: 1001)
        try writer.settle()
    }
    isDelivered ? delivered() : moved()
    try save()
    let saved = writer.core.withLock { $0.cursor.saved }
    #expect(saved.settled == (isDelivered ? end : .zero) && saved.moved == (isDelivered ? .zero : end))
    #expect(writer.status.segments == 3 && writer.status.first == SequenceNumber(1))
    isDelivered ? moved() : delivered()
    try save()
    #expect(writer.status.segments == 1)
}

@Test func `no kept segment gives way by a cursor that is not durable`() throws {
    let disk = DiskState()
    let writer = try openSimulated(disk, options: testOptions(max: 192 << 10, keep: 1 << 20))
    var last: UInt64 = 0
    while writer.status.segments < 3 || writer.core.withLock({ $0.active?.room ?? 0 }) > 12_500 {
        last += 1
        try fill(writer, last...last, NotedReceipt())
    }
    let receipt = NotedReceipt()
    writer.deliver(SequenceNumber(last))
    let calls = try disk.calls {
        writer.append(chunk(last + 1...last + 1, fill: 20_000, receipt: receipt))
        try writer.settle()
    }
    let cursor = "pwritev fdatasync"
    #expect(calls.hasPrefix("\(cursor) rename fsync"), "\(calls)")
    #expect(receipt.last == last + 1 && writer.status.keptSegmentsGivenUp > 0)
}
