import OperationLogs

/// Decides, from position rows that are not this spool's alone, which of its records another history has too. Values
/// only.
///
/// A copy of a spool, or a spool that was set back, has whole runs of the original, and then runs of its own. So the
/// common part ends where a run ends: behind the last of our runs that the rows or the cursor show to be known there,
/// before the first that was not. Where that is not enough to tell, nothing is decided: a record would be lost or sent
/// twice.
struct ForkRule {
    enum Verdict: Hashable {
        /// Records up to here are common: delivered up to the rows' positions, and the other history's to deliver beyond.
        /// Later ones are ours alone.
        case forked(common: SequenceNumber)
        case undecidable(Doubt)
    }

    enum Doubt: Hashable {
        /// It was so before, and nobody has settled it.
        case disputed
        /// The other history was copied while the present run was writing: nobody knows at which of its records.
        case copiedLive
        /// A record of one run is another one there: two daemons went on from one state in memory.
        case sameRun(EventKind)
        /// A row stands behind what was delivered: the database was set back, too.
        case movedBack(EventKind)
        /// Records of whole runs of which nobody knows whether the other history has them.
        case runsBetween(SequenceNumber, SequenceNumber)
        /// The rows do not fit any history of copies.
        case contradictory
    }

    let run: UniqueID
    /// Oldest first; the last is `run`.
    let runs: [DaemonRun]
    let durable: SequenceNumber
    /// Up to here every record has its fate.
    let settled: SequenceNumber
    /// Whether this run has owned the rows: then who owns them now has taken them from it, and knows it.
    let hasOwned: Bool
    let isDisputed: Bool

    /// - Parameters:
    ///   - rows: of all lanes.
    ///   - known: where the lanes' rows were last known to be.
    func verdict(_ rows: [FencedRow], known: [LanePosition]) -> Verdict {
        if isDisputed { return .undecidable(.disputed) }
        if hasOwned { return .undecidable(.copiedLive) }
        let current = runs.count - 1
        /// The last run that is known to be common, and the first that is known not to be.
        var common = known.compactMap { $0.origin.flatMap { index(of: $0.run) } }.max() ?? -1
        var different = current
        for found in rows where found.row.position > .zero {
            let row = found.row
            let known = known.first { $0.lane == row.lane }
            if let known, row.position < known.position { return .undecidable(.movedBack(row.lane)) }
            guard let named = index(of: row.run) else {
                // The record at this position is another one there. Ours is of this run or an earlier one.
                different = min(different, holder(of: row.position))
                continue
            }
            if named == current { return .undecidable(.copiedLive) }
            if row.position > last(of: named) {
                // The run went on there beyond where it ends here, and what follows it here is not there.
                different = min(different, named + 1)
            } else if !found.isProven(by: known) {
                return .undecidable(.sameRun(row.lane))
            }
            common = max(common, named)
        }
        guard common < different else { return .undecidable(.contradictory) }
        let end = SequenceNumber(runs[different].firstSequence.rawValue - 1)
        let unsure = max(settled.rawValue + 1, runs[common + 1].firstSequence.rawValue)
        if unsure <= end.rawValue { return .undecidable(.runsBetween(SequenceNumber(unsure), end)) }
        return .forked(common: end)
    }

    private func index(of id: UniqueID) -> Int? { runs.firstIndex { $0.id == id } }

    private func last(of index: Int) -> SequenceNumber {
        index + 1 < runs.count ? SequenceNumber(runs[index + 1].firstSequence.rawValue - 1) : durable
    }

    /// The run that has, or had, the record of this number here. A run without records is passed over.
    private func holder(of sequence: SequenceNumber) -> Int {
        runs.lastIndex { $0.firstSequence <= sequence } ?? 0
    }
}

extension ForkRule.Doubt {
    var sentence: String {
        switch self {
        case .disputed: "it was found before that this cannot be decided"
        case .copiedLive: "it was copied while this daemon ran, nobody knows at which record"
        case .sameRun(let lane): "the row of \(lane.name) names another record of one and the same run: a live snapshot"
        case .movedBack(let lane): "the row of \(lane.name) was set back, too"
        case .runsBetween(let first, let last):
            "nothing shows whether the other one has the records \(first.rawValue) to \(last.rawValue)"
        case .contradictory: "the rows fit no copy of this spool"
        }
    }
}
