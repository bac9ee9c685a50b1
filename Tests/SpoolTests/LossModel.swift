import Instruments
import LinuxSystem
import OperationLogs
import SimulatedWorld
import Synchronization

@testable import Spool

/// Positions of the tests' one file: the number of the last line that was read, as text. Lines are numbered from 1, and
/// a line's number is also its offset.
struct NumberedLines: SourcePositionReading {
    var inputs: [String] { ["in"] }

    func input(of key: [UInt8]) -> String? { key.first == UInt8(ascii: "s") ? "in" : nil }

    /// It reads again in one go, and tells nobody how far it has got.
    func rereading(of key: [UInt8]) -> (range: Int, source: Int)? { nil }
    func range(of gap: PositionGap, rereading bytes: SourceRange) -> SourceRange? { nil }

    func range(of gap: PositionGap) -> SourceRange? {
        guard input(of: gap.key) != nil else { return nil }
        func number(_ value: [UInt8]?) -> UInt64? { value.flatMap { UInt64(String(decoding: $0, as: UTF8.self)) } }
        let from = (number(gap.before) ?? 0) + 1
        let after = number(gap.after)
        let upTo = gap.firstLines.map(\.offset).min() ?? after.map { $0 + 1 }
        if let upTo, upTo <= from { return nil }
        return SourceRange(
            input: "in", path: "/f", from: from, upTo: upTo, isExact: after != nil, key: gap.key,
            identity: gap.after ?? gap.before ?? [])
    }
}

/// What the tests' database has: each line's rows, and how far it has got.
struct ModelDatabase {
    var rows: [UInt64: Int] = [:]
    var position = SequenceNumber.zero

    var counts: [UInt64] { rows.keys.sorted() }
    var doubled: [UInt64] { rows.filter { $0.value > 1 }.keys.sorted() }
}

/// A file of numbered lines, an input that reads it as orders say, and a delivery, over a spool on a simulated disk.
struct LossModel {
    var lines: UInt64
    /// Of chunks when lines are read anew.
    var linesInChunk: UInt64 = 1
    var fill = 1000
    var keep: UInt64 = 1 << 20
    var database = ModelDatabase()
    var isDatabaseThere = true

    static let key = Array("s".utf8)

    func open(_ disk: DiskState, diagnostics: Diagnostics = .silent) throws(SpoolError) -> SimulatedWriter {
        try SimulatedWriter.open(
            disk: SimulatedDisk(disk), time: ManualTime(), options: testOptions(max: 8 << 20, keep: keep),
            host: testHost,
            diagnostics: diagnostics, registry: Registry(), sources: NumberedLines())
    }

    /// One run of a daemon, to its orderly stop.
    @discardableResult
    mutating func run(_ disk: DiskState, diagnostics: Diagnostics = .silent) throws -> SimulatedWriter {
        let writer = try open(disk, diagnostics: diagnostics)
        try live(writer)
        try writer.stopNow()
        return writer
    }

    mutating func live(_ writer: SimulatedWriter) throws {
        try writer.account { _, _ in false }
        if isDatabaseThere {
            try writer.compared([row], isAccepted: false)
            let durable = writer.status.durable
            // As Delivery's fork rule has it.
            if database.position > durable {
                try writer.fork(counted: Dictionary(uniqueKeysWithValues: EventKind.allCases.map { ($0, durable) }))
                database.position = durable
                try writer.compared([], isAccepted: true)
            } else {
                try writer.compared([row], isAccepted: true)
            }
        }
        try read(writer)
        try deliver(writer)
        // What the readers have met meanwhile.
        try readAgain(writer, writer.orders(for: "in").rereadings, upTo: lines)
        try deliver(writer)
    }

    private var row: LanePosition {
        LanePosition(lane: .castErrors, position: database.position, origin: RecordOrigin(run: .zero, chain: 0))
    }

    /// What a file input does.
    private func read(_ writer: SimulatedWriter) throws {
        let orders = writer.orders(for: "in")
        guard orders.wait == nil else { return }
        var position = writer.positionText["s"].flatMap(UInt64.init) ?? 0
        for doubt in orders.doubts {
            // The file is older than everything: without a position, it may have had one.
            let isDoubtful = doubt.keys.contains(Self.key) || writer.positionText["s"] == nil
            if isDoubtful, position < lines {
                let aside = SourceRange(
                    input: "in", path: "/f", from: position + 1, upTo: lines + 1, isExact: false, key: Self.key,
                    identity: Array("\(lines)".utf8))
                try writer.setAside([aside], range: doubt.range)
                position = lines
                try append(writer, nil, position: (Self.key, "\(lines)"))
            }
            try writer.passedOver(range: doubt.range, input: "in")
        }
        try readAgain(writer, orders.rereadings, upTo: position)
        while position < lines {
            let last = min(position + linesInChunk, lines)
            try append(writer, position + 1...last, position: (Self.key, "\(last)"))
            position = last
        }
    }

    /// - Parameter position: lines behind it are read in their turn.
    private func readAgain(_ writer: SimulatedWriter, _ orders: [Rereading], upTo position: UInt64) throws {
        for order in orders {
            let key = Array("progress \(order.range) \(order.source)".utf8)
            let text = writer.positionText[String(decoding: key, as: UTF8.self)]
            var next = max(order.bytes.from, text.flatMap(UInt64.init) ?? 0)
            let end = order.bytes.upTo ?? position + 1
            while next < end {
                try append(writer, next...next, position: (key, "\(next + 1)"))
                next += 1
            }
            try writer.readAgain(order)
        }
    }

    private func append(
        _ writer: SimulatedWriter, _ numbers: ClosedRange<UInt64>?, position: (key: [UInt8], value: String)
    ) throws {
        let builder = ChunkBuilder()
        let originator = builder.add(RecordOriginator(kind: .file, input: "in", path: "/f"))
        for number in numbers.map(Array.init) ?? [] {
            (Array("\(number)".utf8) + [UInt8](repeating: 0x20, count: fill)).withUnsafeBytes {
                builder.appendRejection(
                    .invalidJSON, event: nil, detail: "", line: $0, isTruncated: false, originator: originator,
                    received: Timestamp(microseconds: 0), offset: number)
            }
        }
        builder.addPosition(key: position.key, value: Array(position.value.utf8))
        writer.append(builder.close(ticket: 1, receipt: nil))
        try writer.settle()
    }

    mutating func deliver(_ writer: SimulatedWriter, upTo last: UInt64 = .max) throws {
        let reader = writer.makeReader()
        // The dead letters' reader goes ahead, whether the database is there or not.
        _ = try reader.readNumbers()
        guard isDatabaseThere else { return }
        try reader.seek(to: database.position.advanced(by: 1))
        while let group = try reader.next(), group.firstSequence.rawValue <= last {
            var sequence = group.firstSequence
            for line in try numbers(group) {
                if sequence > database.position { database.rows[line, default: 0] += 1 }
                sequence = sequence.advanced(by: 1)
            }
            database.position = group.lastSequence
        }
        writer.committed([row], settled: database.position)
    }
}

/// What a crash in the middle of something does.
func crashingEverywhere(
    _ prepared: DiskState, _ model: LossModel, seed: UInt64, _ run: (inout LossModel, DiskState) throws -> Void,
    _ check: (LossModel, DiskState, String) throws -> Void
) throws {
    let contents = prepared.contents.withLock { $0 }
    var clean = model
    let before = prepared.operations
    try run(&clean, prepared)
    let operations = prepared.operations - before
    try check(clean, prepared, "without a crash")
    var generator = SplitMix64(seed: seed)
    for operation in 0...operations {
        let disk = DiskState()
        disk.contents.withLock { $0 = contents }
        disk.fail(from: before + operation)
        var crashed = model
        try? run(&crashed, disk)
        disk.crash(keeping: 0.5, using: &generator)
        try run(&crashed, disk)
        try check(crashed, disk, "a crash at operation \(operation) of \(operations)")
    }
}
