import Instruments
import LinuxSystem
import OperationLogs
import Spool
import Synchronization

/// A few operations on a spool, and what must be there after a crash at any point of them.
package struct SmallWorkload: Sendable {
    package enum Operation: String, CaseIterable, Sendable {
        /// A group of one chunk.
        case append
        /// A group of several pages: after two of them the segment is full.
        case appendLarge
        /// Everything durable is delivered, the cursor saved, and what is not kept freed.
        case deliver
        case stopAndStart
    }

    package let operations: [Operation]

    package init(_ operations: [Operation]) { self.operations = operations }

    /// Every workload of so many operations.
    package static func all(ofLength length: Int) -> [SmallWorkload] {
        var workloads: [[Operation]] = [[]]
        for _ in 0..<length { workloads = workloads.flatMap { done in Operation.allCases.map { done + [$0] } } }
        return workloads.map(SmallWorkload.init)
    }

    /// Crashes at each operation on the disk, with each outcome, and recovers; and crashes again behind the recovery.
    ///
    /// - Returns: how many states were looked at.
    /// - Throws: `BrokenPromise`.
    package func crashEverywhere() throws -> Int {
        let whole = DiskState()
        var course = Course()
        try course.run(operations, on: whole)
        guard course.acknowledged == course.appended else {
            throw BrokenPromise("without a fault \(course.acknowledged) of \(course.appended) are acknowledged")
        }
        var states = 0
        for point in 0...whole.operations {
            let disk = DiskState()
            disk.fail(from: point)
            var course = Course()
            try? course.run(operations, on: disk)
            let choices = CrashChoices(disk)
            for outcome in 0..<choices.count {
                do {
                    try course.check(choices.disk(outcome))
                } catch {
                    throw BrokenPromise(
                        "\(operations.map(\.rawValue)): crash at operation \(point) of \(whole.operations) on the disk, "
                            + "outcome \(outcome) of \(choices.count): \(error)")
                }
                states += 1
            }
        }
        return states
    }
}

/// What was done to a spool, and what it said.
private struct Course {
    private(set) var appended: UInt64 = 0
    private(set) var acknowledged: UInt64 = 0
    private var delivered: UInt64 = 0

    private typealias Writer = SpoolWriter<SimulatedDisk, SimulatedTime>

    private final class Receipt: DurabilityReceipt {
        private let last = Atomic<UInt64>(0)

        var ticket: UInt64 { last.load(ordering: .relaxed) }
        func durable(upTo ticket: UInt64) { last.store(ticket, ordering: .relaxed) }
    }

    private static var options: SpoolOptions {
        var options = SpoolOptions(
            maxBytes: 96 << 10, segmentBytes: 16 << 10, minFreeBytes: 0, keepDeliveredBytes: 0)
        options.smallestSegmentBytes = 16 << 10
        return options
    }

    private static func open(_ disk: DiskState, _ time: SimulatedTime) throws -> Writer {
        let ids = Mutex(SplitMix64(seed: UInt64(disk.operations)))
        return try Writer.open(
            disk: SimulatedDisk(disk), time: time, options: options, host: SimulatedDaemon.host, diagnostics: .silent,
            registry: Registry(), randomID: { ids.withLock { UniqueID(high: $0.next(), low: $0.next()) } })
    }

    mutating func run(_ operations: [SmallWorkload.Operation], on disk: DiskState) throws {
        let receipt = Receipt()
        let time = SimulatedTime()
        defer { acknowledged = receipt.ticket }
        var writer = try Self.open(disk, time)
        for operation in operations {
            switch operation {
            case .append, .appendLarge:
                appended += 2
                writer.append(Self.chunk(appended, fill: operation == .append ? 10 : 3500, receipt))
            case .deliver:
                delivered = writer.status.durable.rawValue
                writer.committed(
                    [LanePosition(lane: .castErrors, position: SequenceNumber(delivered), origin: nil)],
                    settled: SequenceNumber(delivered))
                writer.movedDeadLetters(upTo: SequenceNumber(delivered))
                time.advance(milliseconds: 1500)
            case .stopAndStart:
                writer.stop()
                while try writer.turn() != .ended {}
                writer = try Self.open(disk, time)
            }
            while try writer.turn() == .again {}
        }
    }

    /// Two rejected lines, and a source's position at the second.
    private static func chunk(_ last: UInt64, fill: Int, _ receipt: Receipt) -> RecordChunk {
        let builder = ChunkBuilder()
        let originator = builder.add(RecordOriginator(kind: .file, input: "i", path: "/f"))
        for number in last - 1...last {
            let line = Array("\(number)".utf8) + [UInt8](repeating: 0x20, count: fill)
            line.withUnsafeBytes {
                builder.appendRejection(
                    .invalidJSON, event: nil, detail: "", line: $0, isTruncated: false, originator: originator,
                    received: Timestamp(microseconds: 0), offset: number)
            }
        }
        builder.addPosition(key: Array("s".utf8), value: Array("\(last)".utf8))
        return builder.close(ticket: last, receipt: receipt)
    }

    func check(_ disk: DiskState) throws {
        let time = SimulatedTime()
        let durable = try look(try Self.open(disk, time))
        // What recovery has said is durable: the next crash leaves it, whatever else it takes.
        var nothing = SplitMix64(seed: 0)
        disk.crash(keeping: 0, using: &nothing)
        let again = try look(try Self.open(disk, time))
        guard again == durable else {
            throw BrokenPromise(
                "\(durable) records were there after the recovery, and \(again) after a crash behind it")
        }
    }

    private func look(_ writer: Writer) throws -> UInt64 {
        let durable = writer.status.durable.rawValue
        guard durable >= acknowledged, durable <= appended else {
            throw BrokenPromise("\(durable) records; \(acknowledged) were acknowledged, \(appended) appended")
        }
        let first = writer.status.first.rawValue
        guard first <= delivered + 1, writer.settled.rawValue <= delivered else {
            throw BrokenPromise("begins at \(first), settled \(writer.settled); \(delivered) were delivered")
        }
        var found: [UInt64] = []
        let reader = writer.makeReader()
        while let group = try reader.next() {
            try group.forEachChunk { chunk in
                try chunk.forEachRecord { record in
                    let line = try RejectedLine(record.payload).line
                    found.append(UInt64(String(decoding: line.prefix { $0 != 0x20 }, as: UTF8.self)) ?? 0)
                }
            }
        }
        guard found.elementsEqual(first..<durable + 1) else {
            throw BrokenPromise("reads \(found), and should read \(first) to \(durable)")
        }
        let position = writer.recoveredPositions.map { String(decoding: $0.value, as: UTF8.self) }
        guard position == (durable == 0 ? [] : ["\(durable)"]) else {
            throw BrokenPromise("the source stands at \(position), the records at \(durable)")
        }
        return durable
    }
}
