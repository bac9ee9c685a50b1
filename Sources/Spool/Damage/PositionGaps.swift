import OperationLogs

/// Finds out, while a segment is read, which positions moved across a place that was lost: for each source the last one
/// before it and the first one behind it.
struct PositionGaps: Sendable {
    struct Found: Sendable {
        /// Which of the places, in their order.
        var loss: Int
        var gap: PositionGap
    }

    private(set) var found: [Found] = []
    /// A source that was not met since a place was lost.
    private struct Pending {
        var loss: Int
        var hasRecords: Bool
        /// Its position before the place.
        var before: [UInt8]
    }

    private var pending: [[UInt8]: Pending] = [:]
    private var known: Set<[UInt8]> = []
    /// The first in which lines of a source can have stood that is met for the first time: with records, if there is one.
    /// They may have stood in a later one: but if any of the first was delivered, so may they.
    private var first: Int?
    private var hasFirstRecords = false

    /// Whether anything was lost so far.
    var isActive: Bool { first != nil }

    /// Sources whose newest positions may have stood in that place, or one before it.
    func doubtful(upTo loss: Int) -> [(key: [UInt8], before: [UInt8])] {
        pending.filter { $0.value.loss <= loss }.inOrder.map { ($0.key, $0.value.before) }
    }

    /// Whether a source was not met again since that place.
    func isPending(since loss: Int) -> Bool { pending.values.contains { $0.loss == loss } }

    /// - Parameters:
    ///   - hasRecords: else no lines were lost there, but positions may have been.
    ///   - positions: as they are known before the place.
    mutating func lost(_ loss: Int, hasRecords: Bool, _ positions: [[UInt8]: [UInt8]]) {
        if first == nil || hasRecords && !hasFirstRecords { first = loss }
        hasFirstRecords = hasFirstRecords || hasRecords
        for (key, value) in positions {
            known.insert(key)
            let isLines = pending[key].map { !$0.hasRecords && hasRecords } ?? true
            guard isLines else { continue }
            pending[key] = Pending(loss: loss, hasRecords: hasRecords, before: pending[key]?.before ?? value)
        }
    }

    /// Takes the positions of a chunk behind the place.
    mutating func take(_ chunk: ChunkReader) throws(MalformedChunk) {
        guard first != nil else { return }
        var entries: [(key: [UInt8], value: [UInt8])] = []
        do {
            try chunk.forEachPosition { key, value in entries.append((Array(key), Array(value))) }
            let isNews = entries.contains { pending[$0.key] != nil || !known.contains($0.key) }
            guard isNews else { return }
            let lines = try Self.firstLines(chunk)
            let values = entries.map(\.value)
            for (key, value) in entries {
                meet(key, value.isEmpty ? nil : value) { before, after in
                    PositionGap(key: key, before: before, after: after, firstLines: lines, positions: values)
                }
            }
        } catch let error as MalformedChunk {
            throw error
        } catch {
            throw MalformedChunk("\(error)")
        }
    }

    /// Takes the positions that are known behind the place, with no lines: those of a snapshot.
    mutating func take(snapshot positions: [[UInt8]: [UInt8]]) {
        guard first != nil else { return }
        let keys = Set(pending.keys).union(positions.keys)
        for key in keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            meet(key, positions[key]) { PositionGap(key: key, before: $0, after: $1) }
        }
    }

    private mutating func meet(_ key: [UInt8], _ value: [UInt8]?, _ gap: ([UInt8]?, [UInt8]?) -> PositionGap) {
        if let waiting = pending.removeValue(forKey: key) {
            if waiting.before != value { found.append(Found(loss: waiting.loss, gap: gap(waiting.before, value))) }
        } else if let first, let value, known.insert(key).inserted {
            found.append(Found(loss: first, gap: gap(nil, value)))
        }
    }

    private static func firstLines(_ chunk: ChunkReader) throws -> [(originator: RecordOriginator, offset: UInt64)] {
        let originators = try chunk.originators()
        var firsts: [UInt16: UInt64] = [:]
        try chunk.forEachRecord { record in
            firsts[record.originator] = min(firsts[record.originator] ?? .max, record.offset)
        }
        return firsts.sorted { $0.key < $1.key }.compactMap { index, offset in
            Int(index) < originators.count ? (originators[Int(index)], offset) : nil
        }
    }
}
