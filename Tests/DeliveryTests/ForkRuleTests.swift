import OperationLogs
import Testing

@testable import Delivery

/// Each case of the rule that says which records another history has too.
///
/// Our runs: 1 has the records 1 to 100, 2 has 101 to 150, 3 is the present one, from 151 on; the spool ends at 160.
struct ForkRuleTests {
    private static func id(_ run: UInt64) -> UniqueID { UniqueID(high: run, low: run) }

    private struct Row {
        var position: UInt64
        var run: UInt64
        /// What the spool says of the record: the same, another chain, or nothing.
        var own: Own = .same
        enum Own { case same, otherChain, gone }
    }

    private func verdict(
        _ rows: [Row], settled: UInt64 = 100, known: [LanePosition] = [], hasOwned: Bool = false,
        isDisputed: Bool = false
    ) -> ForkRule.Verdict {
        let runs = [(1, 1), (2, 101), (3, 151)].map {
            DaemonRun(id: Self.id($0), firstSequence: SequenceNumber($1))
        }
        let rule = ForkRule(
            run: Self.id(3), runs: runs, durable: SequenceNumber(160), settled: SequenceNumber(settled),
            hasOwned: hasOwned, isDisputed: isDisputed)
        let found = zip(EventKind.allCases, rows).map { lane, row in
            FencedRow(
                row: PositionRow(
                    lane: lane, position: SequenceNumber(row.position), run: Self.id(row.run), chain: 7,
                    owner: Self.id(9)),
                ownOrigin: row.own == .gone
                    ? nil : RecordOrigin(run: Self.id(row.run), chain: row.own == .same ? 7 : 8))
        }
        return rule.verdict(found, known: known)
    }

    private func known(_ lane: EventKind, _ position: UInt64, _ run: UInt64) -> LanePosition {
        LanePosition(lane: lane, position: SequenceNumber(position), origin: RecordOrigin(run: Self.id(run), chain: 7))
    }

    @Test func `a foreign run beyond the last common one: common up to the run before the present one`() {
        #expect(
            verdict([Row(position: 155, run: 8), Row(position: 120, run: 2)]) == .forked(common: SequenceNumber(150)))
    }

    @Test func `a run that went on elsewhere beyond its end here is common up to its end`() {
        #expect(verdict([Row(position: 170, run: 2, own: .gone)]) == .forked(common: SequenceNumber(150)))
        #expect(verdict([Row(position: 120, run: 1, own: .otherChain)]) == .forked(common: SequenceNumber(100)))
    }

    @Test func `a row of ours that a copy owns: common up to the end of its run`() {
        #expect(verdict([Row(position: 140, run: 2)]) == .forked(common: SequenceNumber(150)))
    }

    @Test func `what the cursor knows to be delivered is common`() {
        #expect(
            verdict([Row(position: 165, run: 8, own: .gone)], known: [known(.backupLogs, 120, 2)])
                == .forked(common: SequenceNumber(150)))
    }

    @Test func `a foreign record within an earlier run: all of that run is ours alone`() {
        #expect(
            verdict([Row(position: 110, run: 8, own: .otherChain), Row(position: 90, run: 1)])
                == .forked(common: SequenceNumber(100)))
    }

    @Test func `runs of which nothing is known are undecidable, unless all of theirs is delivered`() {
        let rows = [Row(position: 170, run: 8, own: .gone), Row(position: 90, run: 1)]
        #expect(verdict(rows) == .undecidable(.runsBetween(SequenceNumber(101), SequenceNumber(150))))
        #expect(verdict(rows, settled: 150) == .forked(common: SequenceNumber(150)))
    }

    @Test func `the same run with another chain is undecidable`() {
        #expect(verdict([Row(position: 120, run: 2, own: .otherChain)]) == .undecidable(.sameRun(.dataQualityErrors)))
        #expect(verdict([Row(position: 120, run: 2, own: .gone)]) == .undecidable(.sameRun(.dataQualityErrors)))
    }

    @Test func `a copy that knows the present run was made while it wrote`() {
        #expect(verdict([Row(position: 155, run: 3)]) == .undecidable(.copiedLive))
        #expect(verdict([Row(position: 165, run: 3, own: .gone)]) == .undecidable(.copiedLive))
        #expect(verdict([Row(position: 140, run: 2)], hasOwned: true) == .undecidable(.copiedLive))
    }

    @Test func `a row behind what was delivered is undecidable`() {
        #expect(
            verdict([Row(position: 120, run: 2)], known: [known(.dataQualityErrors, 130, 2)])
                == .undecidable(.movedBack(.dataQualityErrors)))
    }

    @Test func `a foreign record within the part that is known to be common is undecidable`() {
        #expect(
            verdict([Row(position: 110, run: 8, own: .otherChain), Row(position: 140, run: 2)])
                == .undecidable(.contradictory))
    }

    @Test func `what was undecidable stays so`() {
        #expect(verdict([Row(position: 140, run: 2)], isDisputed: true) == .undecidable(.disputed))
    }
}
