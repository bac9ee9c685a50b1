import OperationLogs

/// What may be missing: a record whose place in the spool was damaged, and which the daemon has named as lost. Anything
/// else is there, once, unaltered and in order.
struct LossRule {
    let damaged: Set<UInt64>
    let named: Set<UInt64>
    /// Lines of files with more than one record, of which one is whole.
    var repeated: Set<SimulatedLine> = []

    func mayLack(_ sequence: Int) -> Bool {
        damaged.contains(UInt64(sequence)) && named.contains(UInt64(sequence))
    }

    /// Compares what stands in a table with what should.
    ///
    /// - Parameter expected: with their sequence numbers, in order.
    /// - Returns: what is wrong; nil if nothing is.
    func difference(
        _ rows: [[UInt8]], _ expected: some Sequence<(sequence: Int, entry: Books.Entry)>
    ) -> String? {
        var left = rows[...]
        for (sequence, entry) in expected {
            // What was read again is delivered in its later place.
            let isGone = mayLack(sequence) && repeated.contains(entry.line)
            if left.first == entry.payload, !isGone {
                left.removeFirst()
            } else if !mayLack(sequence) {
                let why =
                    damaged.contains(UInt64(sequence)) ? "its place was damaged, and nothing named it" : "it was whole"
                return "record \(sequence), \(entry.line.name), does not follow; \(why)"
            }
        }
        return left.isEmpty ? nil : "\(left.count) rows follow that should not be there"
    }

    /// Whether a pipeline's row is what its events make of it, some of which may be lost.
    func isRight(
        _ row: SimulatedDatabase.StoredWatermark?, of events: [(sequence: Int, entry: Books.Entry)], pipeline: String
    ) -> Bool {
        // With the first so many of those that may be missing there, and then without: the newest one decides.
        var reference = SimulatedDatabase.State()
        for event in events where !mayLack(event.sequence) { reference.apply(event.entry.payload) }
        if reference.watermarks[pipeline] == row { return true }
        return events.contains { event in
            guard mayLack(event.sequence) else { return false }
            var with = SimulatedDatabase.State()
            for other in events where other.sequence == event.sequence || !mayLack(other.sequence) {
                with.apply(other.entry.payload)
            }
            return with.watermarks[pipeline] == row
        }
    }
}
