import OperationLogs

/// The events of one pipeline that may still have an effect on its row, whatever that row is, ascending by `updated_at`;
/// each column stands in at most one of them.
///
/// Why they are more than one, and at most three, is told in ``WatermarkMerge``. Applying a chain a second time, or to a
/// row that has a part of it already, changes nothing more.
///
/// - Parameter Text: how a status is held: in place, or as bytes of its own.
struct WatermarkChain<Text> {
    struct Step {
        /// Of the last event that came into this step.
        var sequence: UInt64
        var updatedAt: Timestamp
        var lastProcessed: Timestamp?
        var status: Text?
    }

    private(set) var steps: [Step]

    init(_ first: Step) { steps = [first] }

    /// Takes steps back that a chain had; nil if no chain can have had them.
    init?(_ steps: [Step]) {
        guard let first = steps.first else { return nil }
        self.init(first)
        for step in steps.dropFirst() { take(step) }
        let isSame = zip(self.steps, steps).allSatisfy { mine, given in
            (mine.lastProcessed == nil) == (given.lastProcessed == nil) && (mine.status == nil) == (given.status == nil)
        }
        guard isSame, self.steps.count == steps.count else { return nil }
    }

    /// Takes the next event of the pipeline, in the order of the spool.
    mutating func take(_ event: Step) {
        let newest = steps.count - 1
        guard event.updatedAt >= steps[newest].updatedAt else { return }
        if event.updatedAt == steps[newest].updatedAt {
            steps[newest].sequence = event.sequence
        } else {
            steps.append(Step(sequence: event.sequence, updatedAt: event.updatedAt))
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

    private mutating func carry(_ status: Text) {
        for earlier in steps.indices.dropLast() { steps[earlier].status = nil }
        steps[steps.count - 1].status = status
    }
}

extension WatermarkChain: Sendable where Text: Sendable {}
extension WatermarkChain.Step: Sendable where Text: Sendable {}

extension WatermarkChain<[UInt8]> {
    /// The row as it is once the chain was applied to it.
    ///
    /// - Returns: nil if the row is newer than all of the chain.
    func applied(to row: PipelineWatermark?, of pipeline: [UInt8]) -> PipelineWatermark? {
        var row = row
        var isChanged = false
        for step in steps {
            if let known = row?.updatedAt, known > step.updatedAt { continue }
            row = PipelineWatermark(
                pipeline: pipeline, lastProcessed: step.lastProcessed ?? row?.lastProcessed,
                status: step.status ?? row?.status, updatedAt: step.updatedAt)
            isChanged = true
        }
        return isChanged ? row : nil
    }
}
