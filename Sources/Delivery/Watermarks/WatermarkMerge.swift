import OperationLogs

/// Merges the watermark events of a batch into as few upserts as say exactly the same.
///
/// The rule for one event: it changes the row if the row has no `updated_at`, or one that is not newer; a column that
/// the event does not carry keeps the row's value.
///
/// Applied one by one in the order of the spool to a row with `updated_at` *b*, an event has an effect exactly if its
/// own `updated_at` *u* is not below that of any earlier event of its pipeline, and not below *b*. What does not depend
/// on *b* is merged here:
///
/// - An event below an earlier one never has an effect, and goes.
/// - Events with equal *u* all have an effect or none: they become one, the later column winning.
/// - Of the rest, *u* ascends. Where two carry the same column, the earlier one's value never lasts, since whenever
///   it has an effect the later one has too; it goes.
///
/// What is left depends on *b*: if a status comes with *u* = 1 and a `last_processed_ts` alone with *u* = 2, then a row
/// with *b* = 1.5 takes the second and must keep its own status. No single upsert says that for every row. So a
/// pipeline has one upsert for each *u* that still contributes a column, and for the newest: at most three, as there
/// are two columns. They go in rounds, in ascending order of *u*.
///
/// Every pipeline has its first upsert in the first round, so that this round locks all rows in the order of their keys
/// and later ones lock nothing new: two daemons with common pipelines cannot deadlock.
struct WatermarkMerge {
    /// Each round has distinct pipelines, sorted by their bytes.
    private(set) var rounds: [[Watermark]] = []
    /// Events that have no upsert of their own: overtaken, or merged into a newer one.
    private(set) var superseded = 0

    /// - Parameters:
    ///   - tuples: watermark events in the order of the spool.
    ///   - sequences: their numbers.
    init(tuples: UnsafeRawBufferPointer, sequences: [UInt64]) throws(MalformedChunk) {
        var pipelines = PipelineTable(capacity: sequences.count)
        var chains: [Chain] = []
        var at = 0
        for sequence in sequences {
            let event = try WatermarkTuple(tuples.part(at, tuples.count - at))
            at += event.length
            let index = pipelines.index(of: event.pipeline)
            if index == chains.count {
                chains.append(Chain(event, sequence))
            } else {
                chains[index].take(event, sequence)
            }
        }
        chains.sort { $0.pipeline.lexicographicallyPrecedes($1.pipeline) }
        var sent = 0
        for chain in chains {
            for (round, step) in chain.steps.enumerated() {
                if round == rounds.count { rounds.append([]) }
                rounds[round].append(step.watermark(chain.pipeline))
                sent += 1
            }
        }
        superseded = sequences.count - sent
    }

    /// The events of one pipeline that may still have an effect, ascending by `updatedAt`; each column stands in at
    /// most one of them.
    private struct Chain {
        struct Step {
            var sequence: UInt64
            var updatedAt: Timestamp
            var lastProcessed: Timestamp?
            var status: UnsafeRawBufferPointer?

            func watermark(_ pipeline: UnsafeRawBufferPointer) -> Watermark {
                Watermark(
                    sequence: SequenceNumber(sequence), pipeline: Array(pipeline), lastProcessed: lastProcessed,
                    status: status.map(Array.init), updatedAt: updatedAt)
            }
        }

        let pipeline: UnsafeRawBufferPointer
        private(set) var steps: [Step]

        init(_ event: WatermarkTuple, _ sequence: UInt64) {
            pipeline = event.pipeline
            steps = [
                Step(
                    sequence: sequence, updatedAt: event.updatedAt, lastProcessed: event.lastProcessed,
                    status: event.status)
            ]
        }

        mutating func take(_ event: WatermarkTuple, _ sequence: UInt64) {
            let newest = steps.count - 1
            guard event.updatedAt >= steps[newest].updatedAt else { return }
            if event.updatedAt == steps[newest].updatedAt {
                steps[newest].sequence = sequence
            } else {
                steps.append(Step(sequence: sequence, updatedAt: event.updatedAt))
            }
            if let lastProcessed = event.lastProcessed { carry(lastProcessed) }
            if let status = event.status { carry(status) }
            prune()
        }

        /// Drops all steps but the newest that have no column left.
        private mutating func prune() {
            guard steps.count > 1, let newest = steps.popLast() else { return }
            steps.removeAll { $0.lastProcessed == nil && $0.status == nil }
            steps.append(newest)
        }

        private mutating func carry(_ lastProcessed: Timestamp) {
            for earlier in steps.indices.dropLast() { steps[earlier].lastProcessed = nil }
            steps[steps.count - 1].lastProcessed = lastProcessed
        }

        private mutating func carry(_ status: UnsafeRawBufferPointer) {
            for earlier in steps.indices.dropLast() { steps[earlier].status = nil }
            steps[steps.count - 1].status = status
        }
    }
}
