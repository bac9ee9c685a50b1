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
            let step = event.step(sequence)
            if index == chains.count {
                chains.append(Chain(pipeline: event.pipeline, events: WatermarkChain(step)))
            } else {
                chains[index].events.take(step)
            }
        }
        chains.sort { $0.pipeline.lexicographicallyPrecedes($1.pipeline) }
        var sent = 0
        for chain in chains {
            for (round, step) in chain.events.steps.enumerated() {
                if round == rounds.count { rounds.append([]) }
                rounds[round].append(chain.watermark(step))
                sent += 1
            }
        }
        superseded = sequences.count - sent
    }

    /// The merged events of one pipeline.
    private struct Chain {
        let pipeline: UnsafeRawBufferPointer
        var events: WatermarkChain<UnsafeRawBufferPointer>

        func watermark(_ step: WatermarkChain<UnsafeRawBufferPointer>.Step) -> Watermark {
            Watermark(
                sequence: SequenceNumber(step.sequence), pipeline: Array(pipeline), lastProcessed: step.lastProcessed,
                status: step.status.map(Array.init), updatedAt: step.updatedAt)
        }
    }
}
