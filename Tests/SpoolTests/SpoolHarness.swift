import Instruments
import LinuxSystem
import OperationLogs
import SimulatedWorld
import Synchronization

@testable import Spool

/// A clock that tests set.
final class ManualTime: TimeSource {
    private let nanoseconds = Atomic<UInt64>(1_000_000_000_000)

    func advance(milliseconds: UInt64) { nanoseconds.add(milliseconds * 1_000_000, ordering: .relaxed) }
    func monotonicNanoseconds() -> UInt64 { nanoseconds.load(ordering: .relaxed) }
    func realtimeMicroseconds() -> Int64 {
        1_700_000_000_000_000 + Int64(nanoseconds.load(ordering: .relaxed) / 1000)
    }
}

/// Notes what it is told.
final class NotedReceipt: DurabilityReceipt {
    private let noted = Mutex<[UInt64]>([])

    var tickets: [UInt64] { noted.withLock { $0 } }
    var last: UInt64 { tickets.last ?? 0 }
    func durable(upTo ticket: UInt64) { noted.withLock { $0.append(ticket) } }
}

/// Collects what the spool tells people.
final class NotedDiagnostics: Sendable {
    private let noted = Mutex<[(Diagnostics.Severity, String)]>([])

    var diagnostics: Diagnostics {
        Diagnostics { severity, text in self.noted.withLock { $0.append((severity, text)) } }
    }
    func texts(_ severity: Diagnostics.Severity) -> [String] {
        noted.withLock { $0.filter { $0.0 == severity }.map(\.1) }
    }
}

typealias SimulatedWriter = SpoolWriter<SimulatedDisk, ManualTime>

/// A chunk with one rejected line a number, and the position of the source `source` at the last of them.
func chunk(
    _ numbers: ClosedRange<UInt64>, fill: Int = 0, source: String = "s", ticket: UInt64? = nil,
    receipt: (any DurabilityReceipt)? = nil
) -> RecordChunk {
    let builder = ChunkBuilder()
    let originator = builder.add(RecordOriginator(kind: .file, input: "i", path: "/f"))
    for number in numbers {
        let line = Array("\(number)".utf8) + [UInt8](repeating: 0x20, count: fill)
        line.withUnsafeBytes {
            builder.appendRejection(
                .invalidJSON, event: nil, detail: "", line: $0, isTruncated: false, originator: originator,
                received: Timestamp(microseconds: 0), offset: number)
        }
    }
    builder.addPosition(key: Array(source.utf8), value: Array("\(numbers.upperBound)".utf8))
    return builder.close(ticket: ticket ?? numbers.upperBound, receipt: receipt)
}

let testHost = SpoolHost(machine: "m", directoryInode: 1, directoryBirthNanoseconds: 2)

/// Segments of 64 KiB, so that rotation and recycling happen often.
func testOptions(
    max: UInt64 = 1 << 20, keep: UInt64 = 0, sync: SpoolOptions.Sync = .group, minFree: UInt64 = 0
) -> SpoolOptions {
    var options = SpoolOptions(
        maxBytes: max, segmentBytes: 64 << 10, minFreeBytes: minFree, sync: sync, keepDeliveredBytes: keep)
    options.smallestSegmentBytes = 64 << 10
    return options
}

func openSimulated(
    _ disk: DiskState, time: ManualTime = ManualTime(), options: SpoolOptions = testOptions(),
    diagnostics: Diagnostics = .silent, host: SpoolHost = testHost, deadLetter: SequenceNumber = .zero,
    watermarks: (any DurableWatermarks)? = nil
) throws(SpoolError) -> SimulatedWriter {
    try SimulatedWriter.open(
        disk: SimulatedDisk(disk), time: time, options: options, host: host, deadLetter: deadLetter,
        diagnostics: diagnostics, registry: Registry(), watermarks: watermarks)
}

extension SpoolWriter {
    /// Takes turns until there is nothing to do.
    @discardableResult
    func settle() throws -> SpoolTurn {
        while true {
            let outcome = try turn()
            if outcome != .again { return outcome }
        }
    }

    func stopNow() throws {
        stop()
        while try turn() != .ended {}
    }

    /// Everything up to here is delivered, as Delivery and the mover would say it.
    func deliver(_ sequence: SequenceNumber) {
        committed([LanePosition(lane: .castErrors, position: sequence, origin: nil)], settled: sequence)
        movedDeadLetters(upTo: sequence)
    }

    var positionText: [String: String] {
        var texts: [String: String] = [:]
        for (key, value) in recoveredPositions {
            texts[String(decoding: key, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
        }
        return texts
    }
}

/// The numbers in the lines of a group.
func numbers(_ group: RecordGroup) throws -> [UInt64] {
    var found: [UInt64] = []
    try group.forEachChunk { chunk in
        try chunk.forEachRecord { record in
            let line = try RejectedLine(record.payload).line
            found.append(UInt64(String(decoding: line.prefix { $0 != 0x20 }, as: UTF8.self)) ?? 0)
        }
    }
    return found
}

extension RecordSource {
    /// All that follows.
    func readNumbers() throws -> [UInt64] {
        var found: [UInt64] = []
        while let group = try next() { found += try numbers(group) }
        return found
    }
}
