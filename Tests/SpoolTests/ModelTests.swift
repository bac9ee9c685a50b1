import Foundation
import OperationLogs
import SimulatedWorld
import Testing

@testable import Spool

/// Random actions against a list that knows what must be there.
private struct SpoolModel {
    var generator: SplitMix64
    let disk = DiskState()
    let time = ManualTime()
    let receipt = NotedReceipt()
    var writer: SimulatedWriter
    /// The last number that was appended to the writer, and the last that was acknowledged.
    var appended: UInt64 = 0
    var delivered: UInt64 = 0
    var crashes: UInt64 = 0

    static func options(_ seed: UInt64) -> SpoolOptions {
        testOptions(max: (seed % 3 + 2) * (64 << 10), keep: seed % 2 == 0 ? 0 : 64 << 10)
    }
    let options: SpoolOptions

    init(seed: UInt64) throws {
        generator = SplitMix64(seed: seed)
        options = Self.options(seed)
        writer = try openSimulated(disk, time: time, options: options)
    }

    mutating func act() throws {
        switch Int.random(in: 0..<20, using: &generator) {
        case 0..<8:
            let last = appended + UInt64.random(in: 1...4, using: &generator)
            writer.append(
                chunk(
                    appended + 1...last, fill: [0, 100, 4000].randomElement(using: &generator) ?? 0,
                    source: "s\(last % 3)", receipt: receipt))
            appended = last
        case 8..<13: try writer.settle()
        case 13..<16: try deliver()
        case 16: time.advance(milliseconds: 1001)
        case 17:
            try writer.stopNow()
            try reopen()
        case 18:
            // The disk goes away in the middle of something.
            disk.fail(from: disk.operations + Int.random(in: 0...6, using: &generator))
            _ = try? writer.settle()
            try crash()
        default: try crash()
        }
    }

    private mutating func deliver() throws {
        let reader = writer.makeReader()
        try reader.seek(to: SequenceNumber(delivered + 1))
        for _ in 0..<Int.random(in: 1...5, using: &generator) {
            guard let group = try reader.next() else { break }
            #expect(group.firstSequence.rawValue <= delivered + 1)
            delivered = group.lastSequence.rawValue
        }
        writer.deliver(SequenceNumber(delivered))
    }

    private mutating func crash() throws {
        disk.crash(keeping: [0, 0.3, 0.7, 1].randomElement(using: &generator) ?? 0, using: &generator)
        crashes += 1
        try reopen()
    }

    private mutating func reopen() throws {
        writer = try openSimulated(disk, time: time, options: options)
        let durable = writer.status.durable.rawValue
        #expect(durable >= receipt.last && durable <= appended)
        #expect(durable >= delivered && writer.settled.rawValue <= delivered)
        #expect(writer.status.first.rawValue <= delivered + 1)
        let first = writer.status.first.rawValue
        let expected = first <= durable ? Array(first...durable) : []
        #expect(try writer.makeReader().readNumbers() == expected)
        let newest = writer.positionText.values.compactMap(UInt64.init).max() ?? 0
        #expect(newest == durable)
        // What was not acknowledged is still with its input, which reads on from the recovered position.
        appended = durable
        if durable > 0 { receipt.durable(upTo: durable) }
    }
}

/// `OPSLOGD_MODELS` sets how many histories are tried.
private let histories = ProcessInfo.processInfo.environment["OPSLOGD_MODELS"].flatMap(UInt64.init) ?? 1000

@Test(arguments: 0..<4)
func `no random history of appends, deliveries, stops and crashes loses or repeats a record`(shard: UInt64) throws {
    var crashes: UInt64 = 0
    for seed in shard * histories / 4..<(shard + 1) * histories / 4 {
        var model = try SpoolModel(seed: seed)
        do {
            for _ in 0..<40 { try model.act() }
        } catch {
            Issue.record("seed \(seed): \(error)")
        }
        crashes += model.crashes
    }
    #expect(crashes > histories / 4)
}
