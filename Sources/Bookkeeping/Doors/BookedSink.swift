import OperationLogs
import Synchronization

/// The spool's door with somebody who counts: what each input hands over, chunk by chunk, before the spool has it.
///
/// The numbers are the inputs' own, as their chunks were closed with; what the spool gives back later is counted from its
/// bytes. So the two can differ, and must not.
public final class BookedSink: RecordSink {
    fileprivate struct State {
        var inputs: [String: Int] = [:]
        var names: [String] = []
        var read: [Int] = []
        var retried: [Int] = []
        /// Handed over and not seen in the spool yet, in the order in which the spool gets them.
        var underWay: HandedChunks = HandedChunks()
        var isOpen = true
    }

    private let spool: any RecordSink
    private let state = Mutex(State())

    /// - Parameter spool: to which the chunks go on, and what inputs have to ask.
    public init(before spool: any RecordSink) {
        self.spool = spool
    }

    public func gate(for input: String) -> (any IntakeGate)? { spool.gate(for: input) }

    public func append(_ chunk: RecordChunk) {
        guard chunk.recordCount > 0 else { return spool.append(chunk) }
        let shares = Self.shares(of: chunk)
        // Under one lock, so that the order here is the spool's.
        state.withLock { state in
            if state.isOpen { state.take(shares, of: chunk) }
            spool.append(chunk)
        }
    }

    /// A chunk is one input's; only dead letters that are sent again share one, and each of them has a note.
    private static func shares(of chunk: RecordChunk) -> [(input: String, count: Int)] {
        let lines = chunk.countsByKind.reduce(0, +)
        // The chunk was closed a moment ago by this thread: what cannot be read back is the spool's to report.
        guard let reader = try? ChunkReader(chunk.bytes, firstSequence: .zero),
            let originators = try? reader.originators(), let first = originators.first
        else { return [("", lines)] }
        guard lines < chunk.recordCount else { return [(first.input, lines)] }
        var counts: [String: Int] = [:]
        try? reader.forEachRecord { record in
            guard record.kind != RecordLayout.retryNote, Int(record.originator) < originators.count else { return }
            counts[originators[Int(record.originator)].input, default: 0] += 1
        }
        return counts.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// What was handed over in this run.
    struct Reading {
        var names: [String]
        var read: [Int]
        var retried: [Int]
        var underWay: [Int]
    }

    var reading: Reading {
        state.withLock {
            Reading(
                names: $0.names, read: $0.read, retried: $0.retried, underWay: $0.underWay.counts($0.names.count))
        }
    }

    /// A chunk was met in the spool: takes it off what is under way.
    ///
    /// - Parameter shares: by input, in the order of their names.
    func met(_ shares: [(input: String, count: Int)], records: Int) {
        state.withLock { state in
            let known = shares.map { (state.index(of: $0.input), $0.count) }
            state.underWay.met(
                known.sorted { $0.0 < $1.0 }.map { HandedChunks.Share(input: $0.0, count: $0.1) }, records)
        }
    }

    /// So many records are not there to be met.
    ///
    /// - Returns: whose they were, as far as they were handed over in this run.
    func missed(_ records: Int) -> [(input: String, count: Int)] {
        state.withLock { state in
            state.underWay.missed(records).map { (state.names[$0.input], $0.count) }
        }
    }

    /// Nobody asks any more.
    func close() {
        state.withLock {
            $0.isOpen = false
            $0.underWay = HandedChunks()
        }
    }
}

extension BookedSink.State {
    fileprivate mutating func index(of input: String) -> Int {
        if let known = inputs[input] { return known }
        inputs[input] = names.count
        names.append(input)
        read.append(0)
        retried.append(0)
        return names.count - 1
    }

    fileprivate mutating func take(_ shares: [(input: String, count: Int)], of chunk: RecordChunk) {
        let isRetried = chunk.countsByKind.reduce(0, +) < chunk.recordCount
        var handed: [HandedChunks.Share] = []
        for share in shares {
            let index = index(of: share.input)
            if isRetried { retried[index] += share.count } else { read[index] += share.count }
            handed.append(HandedChunks.Share(input: index, count: share.count))
        }
        underWay.append(handed.sorted { $0.input < $1.input }, chunk.recordCount)
    }
}
