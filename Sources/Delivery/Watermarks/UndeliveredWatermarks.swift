import OperationLogs
import Synchronization

/// The newest undelivered watermark of each pipeline, merged as delivery merges them. Safe from any thread.
///
/// Bounded: beyond `limitBytes` no further pipeline is taken in, and until what was passed over is delivered, nobody
/// can say what is the newest of a pipeline that is not held.
public final class UndeliveredWatermarks: DurableWatermarks {
    /// What is known of a pipeline.
    package struct View: Sendable {
        /// nil: nothing of it is held.
        var chain: WatermarkChain<[UInt8]>?
        /// Whether all of the chain has its fate, as far as the daemon knows.
        var isSettled: Bool
        /// Whether undelivered events of it may have been passed over.
        var isIncomplete: Bool
        /// The last watermark, of any pipeline, that was let go since the database has it.
        var droppedThrough: SequenceNumber
    }

    public static let defaultLimitBytes = 8 << 20
    /// A longer name is not held. The database has no room for one in its index either.
    static let longestName = 4096

    private struct State {
        var chains: [[UInt8]: WatermarkChain<[UInt8]>] = [:]
        var bytes = 0
        var droppedThrough = SequenceNumber.zero
        /// The last event that was passed over for want of room; zero if there is none that is not delivered.
        var missingThrough = SequenceNumber.zero
    }

    private let limitBytes: Int
    private let state = Mutex(State())

    public init(limitBytes: Int = defaultLimitBytes) { self.limitBytes = limitBytes }

    public func recovered(_ entries: [(key: [UInt8], value: [UInt8])], before first: SequenceNumber) {
        var found = State()
        // A snapshot that says nothing was written by a version that kept nothing.
        var isComplete = false
        for (key, value) in entries {
            switch WatermarkEntry(key: key, value: value) {
            case .bounds(let dropped, let missing):
                (found.droppedThrough, found.missingThrough) = (dropped, missing)
                isComplete = true
            case .pipeline(let chain):
                found.chains[key] = chain
                found.bytes += Self.bytes(key, chain)
            case nil:
                // Of a later version: whatever it says, it says of records before this snapshot.
                found.missingThrough = SequenceNumber(first.rawValue - 1)
            }
        }
        if !isComplete { found.missingThrough = SequenceNumber(max(first.rawValue, 1) - 1) }
        state.withLock { [found] in $0 = found }
    }

    public func durable(_ chunk: ChunkReader, settled: SequenceNumber) {
        state.withLock { state in
            // The writer has just written the chunk, or verified it: what cannot be read is for delivery to report.
            try? chunk.forEachRecord { record in
                guard record.kind == EventKind.pipelineWatermarks.rawValue else { return }
                take(try WatermarkTuple(record.payload), record.sequence, settled, &state)
            }
        }
    }

    private func take(
        _ event: WatermarkTuple, _ sequence: SequenceNumber, _ settled: SequenceNumber, _ state: inout State
    ) {
        guard event.pipeline.count <= Self.longestName else { return }
        let name = Array(event.pipeline)
        let step = WatermarkChain<[UInt8]>.Step(
            sequence: sequence.rawValue, updatedAt: event.updatedAt, lastProcessed: event.lastProcessed,
            status: event.status.map(Array.init))
        if var chain = state.chains.removeValue(forKey: name) {
            state.bytes -= Self.bytes(name, chain)
            chain.take(step)
            state.bytes += Self.bytes(name, chain)
            state.chains[name] = chain
            return
        }
        if state.bytes >= limitBytes || state.missingThrough > .zero { drop(settled, &state) }
        // What was passed over before may be newer than this one.
        guard state.bytes < limitBytes, state.missingThrough == .zero else {
            state.missingThrough = sequence
            return
        }
        let chain = WatermarkChain(step)
        state.bytes += Self.bytes(name, chain)
        state.chains[name] = chain
    }

    public func entries(settled: SequenceNumber) -> [(key: [UInt8], value: [UInt8])] {
        state.withLock { state in
            drop(settled, &state)
            let bounds = WatermarkEntry.bounds(dropped: state.droppedThrough, missing: state.missingThrough)
            return [bounds.encoded(of: [])]
                + state.chains.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { name, chain in
                    WatermarkEntry.pipeline(chain).encoded(of: name)
                }
        }
    }

    /// Lets go what the database has.
    private func drop(_ settled: SequenceNumber, _ state: inout State) {
        if state.missingThrough <= settled { state.missingThrough = .zero }
        for (name, chain) in state.chains where chain.last <= settled {
            state.chains[name] = nil
            state.bytes -= Self.bytes(name, chain)
            state.droppedThrough = max(state.droppedThrough, chain.last)
        }
    }

    /// - Parameter settled: every record up to here has its fate.
    package func views(of pipelines: [[UInt8]], settled: SequenceNumber) -> [View] {
        state.withLock { state in
            if state.missingThrough > .zero { drop(settled, &state) }
            return pipelines.map { name in
                let chain = state.chains[name]
                let isMissing = chain == nil && state.missingThrough > .zero
                return View(
                    chain: chain, isSettled: chain.map { $0.last <= settled } ?? true,
                    isIncomplete: isMissing || name.count > Self.longestName,
                    droppedThrough: state.droppedThrough)
            }
        }
    }

    /// Roughly what it takes in memory.
    private static func bytes(_ name: [UInt8], _ chain: WatermarkChain<[UInt8]>) -> Int {
        chain.steps.reduce(name.count + 96) { $0 + 64 + ($1.status?.count ?? 0) }
    }
}

extension WatermarkChain {
    /// The number of the last event that has an effect.
    var last: SequenceNumber { SequenceNumber(steps.map(\.sequence).max() ?? 0) }
}
