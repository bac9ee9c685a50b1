import OperationLogs
import SimulatedWorld
import Testing

@testable import Delivery

/// Merging against applying the events one by one, for random events and every row that could be there.
struct WatermarkMergeTests {
    struct Event {
        var pipeline: String
        var lastProcessed: Int64?
        var status: String?
        var updatedAt: Int64
    }

    private func merge(_ events: [Event]) throws -> WatermarkMerge {
        let tuples = events.flatMap {
            EventTuples.watermark(
                $0.pipeline, lastProcessed: $0.lastProcessed, status: $0.status, updatedAt: $0.updatedAt)
        }
        return try tuples.withUnsafeBytes {
            try WatermarkMerge(tuples: $0, sequences: (0..<UInt64(events.count)).map { $0 + 10 })
        }
    }

    private func apply(_ merge: WatermarkMerge, to base: SimulatedDatabase.State) -> SimulatedDatabase.State {
        var state = base
        for watermark in merge.rounds.joined() {
            state.apply(
                String(decoding: watermark.pipeline, as: UTF8.self),
                lastProcessed: watermark.lastProcessed?.microseconds,
                status: watermark.status.map { String(decoding: $0, as: UTF8.self) },
                updatedAt: watermark.updatedAt.microseconds)
        }
        return state
    }

    @Test func `merged events give what they give one by one, whatever the row was`() throws {
        var random = SplitMix64(seed: 42)
        for _ in 0..<20_000 {
            let events = (0..<Int.random(in: 1...7, using: &random)).map { number in
                Event(
                    pipeline: "p\(Int.random(in: 0...1, using: &random))",
                    lastProcessed: Bool.random(using: &random) ? Int64(number) : nil,
                    status: Bool.random(using: &random) ? "s\(number)" : nil,
                    updatedAt: Int64.random(in: 1...5, using: &random))
            }
            let merged = try merge(events)
            for updatedAt in [nil] + (0...6).map(Optional.init) {
                var base = SimulatedDatabase.State()
                base.watermarks["p0"] = SimulatedDatabase.StoredWatermark(
                    lastProcessed: -1, status: "base", updatedAt: updatedAt.map(Int64.init))
                var reference = base
                for event in events {
                    reference.apply(
                        event.pipeline, lastProcessed: event.lastProcessed, status: event.status,
                        updatedAt: event.updatedAt)
                }
                #expect(apply(merged, to: base).watermarks == reference.watermarks, "\(events) on \(base.watermarks)")
            }
            #expect(merged.rounds.count <= 3)
            for (round, keys) in merged.rounds.map({ $0.map(\.pipeline) }).enumerated() {
                #expect(keys == keys.sorted { $0.lexicographicallyPrecedes($1) })
                #expect(Set(keys).count == keys.count)
                // The first round locks every row that a later one touches.
                if round > 0 { #expect(Set(keys).isSubset(of: merged.rounds[0].map(\.pipeline))) }
            }
            #expect(merged.superseded == events.count - merged.rounds.joined().count)
        }
    }

    @Test func `many complete events of a pipeline become one upsert`() throws {
        let events = (0..<100).map {
            Event(pipeline: "p\($0 % 2)", lastProcessed: Int64($0), status: "s\($0)", updatedAt: Int64($0))
        }
        let merged = try merge(events)
        #expect(merged.rounds.map { $0.map { String(decoding: $0.pipeline, as: UTF8.self) } } == [["p0", "p1"]])
        #expect(merged.rounds.first?.last?.sequence == SequenceNumber(109))
        #expect(merged.superseded == 98)
    }

    @Test func `a status that a newer event does not carry has an upsert of its own`() throws {
        let merged = try merge([
            Event(pipeline: "p", lastProcessed: nil, status: "running", updatedAt: 1),
            Event(pipeline: "p", lastProcessed: 5, status: nil, updatedAt: 2),
        ])
        #expect(merged.rounds.map { $0.map(\.updatedAt.microseconds) } == [[1], [2]])
    }

    @Test func `bytes that are no watermark are refused`() {
        let whole = EventTuples.watermark("p", lastProcessed: 1, status: "s", updatedAt: 2)
        for length in 0..<whole.count {
            #expect(throws: MalformedChunk.self) {
                try whole[..<length].withUnsafeBytes { _ = try WatermarkTuple($0) }
            }
        }
        let nameless = EventTuples.tuple([nil, nil, nil, EventTuples.bigEndian(Int64(1))])
        #expect(throws: MalformedChunk.self) { try nameless.withUnsafeBytes { _ = try WatermarkTuple($0) } }
        let timeless = EventTuples.tuple([[1], [1, 2], nil, EventTuples.bigEndian(Int64(1))])
        #expect(throws: MalformedChunk.self) { try timeless.withUnsafeBytes { _ = try WatermarkTuple($0) } }
    }

    @Test func `a table of pipelines tells many names apart`() {
        var table = PipelineTable(capacity: 1000)
        let names = (0..<1000).map { Array("pipeline-\($0)".utf8) }
        // The table compares names in place: they are kept until it is no more used.
        var copies: [UnsafeMutableRawBufferPointer] = []
        defer { for copy in copies { copy.deallocate() } }
        for (index, name) in names.enumerated() {
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: name.count, alignment: 1)
            copy.copyBytes(from: name)
            copies.append(copy)
            #expect(table.index(of: UnsafeRawBufferPointer(copy)) == index)
        }
        for (index, name) in names.enumerated() {
            #expect(name.withUnsafeBytes { table.index(of: $0) } == index)
        }
    }
}
