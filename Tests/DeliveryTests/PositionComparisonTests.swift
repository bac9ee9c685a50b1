import OperationLogs
import Testing

@testable import Delivery

/// Each case of the table that compares a position row with the spool.
struct PositionComparisonTests {
    private let run = UniqueID(high: 1, low: 1)
    private let stranger = UniqueID(high: 9, low: 9)
    private let origin = RecordOrigin(run: UniqueID(high: 1, low: 1), chain: 50)
    private let other = RecordOrigin(run: UniqueID(high: 1, low: 1), chain: 51)

    private func verdict(
        row: UInt64?, of origin: RecordOrigin? = nil, owner: UniqueID? = nil, known: UInt64,
        knownOrigin: RecordOrigin? = nil, own: RecordOrigin? = nil, isLost: Bool = false, durable: UInt64 = 100,
        floor: UInt64 = 0, firstKept: UInt64? = nil
    ) -> PositionVerdict {
        let found = row.map {
            FencedRow(
                row: PositionRow(
                    lane: .castErrors, position: SequenceNumber($0), run: (origin ?? self.origin).run,
                    chain: (origin ?? self.origin).chain, owner: owner ?? run),
                ownOrigin: own, firstKept: firstKept.map { SequenceNumber($0) }, isLost: isLost)
        }
        return PositionVerdict.of(
            found,
            known: LanePosition(
                lane: .castErrors, position: SequenceNumber(known),
                origin: known == 0 ? nil : knownOrigin ?? self.origin),
            floor: SequenceNumber(floor), durable: SequenceNumber(durable), runs: [run])
    }

    @Test func `no row and nothing delivered is new`() { #expect(verdict(row: nil, known: 0) == .new) }

    @Test func `no row though something was delivered waits`() {
        #expect(verdict(row: nil, known: 7) == .mustWait(.rowMissing))
    }

    @Test func `a row where the cursor is goes on`() {
        #expect(verdict(row: 7, known: 7) == .atCursor)
        #expect(verdict(row: 0, of: RecordOrigin(run: .zero, chain: 0), known: 0) == .atCursor)
    }

    @Test func `a row where the cursor is but of another history is of a fork`() {
        #expect(verdict(row: 7, of: other, known: 7) == .forked(.otherHistory))
    }

    @Test func `a row ahead of the cursor in the same history goes on from the row`() {
        #expect(verdict(row: 9, known: 7, own: origin) == .ahead)
    }

    @Test func `a row ahead of the cursor in another history is of a fork`() {
        #expect(verdict(row: 9, known: 7, own: other) == .forked(.otherHistory))
    }

    @Test func `a row ahead whose record is no longer in the spool waits`() {
        #expect(verdict(row: 9, known: 7, own: nil) == .mustWait(.unprovable))
    }

    @Test func `a row at a damaged record goes on from it if a run of this spool wrote the record`() {
        let ours = RecordOrigin(run: run, chain: 50)
        #expect(verdict(row: 9, of: ours, known: 7, isLost: true) == .ahead)
        #expect(verdict(row: 9, of: ours, known: 7, isLost: false) == .mustWait(.unprovable))
        let foreign = RecordOrigin(run: UniqueID(high: 77, low: 77), chain: 50)
        #expect(verdict(row: 9, of: foreign, known: 7, isLost: true) == .mustWait(.unprovable))
    }

    @Test func `a row beyond the end of the spool is of a fork`() {
        #expect(verdict(row: 101, known: 7, own: origin) == .forked(.beyondSpool))
    }

    @Test func `a row behind what was delivered goes back, if what it lacks is kept`() {
        #expect(verdict(row: 6, known: 7, own: origin) == .behind)
        #expect(verdict(row: 6, known: 7, own: other) == .forked(.otherHistory))
        let gone = { verdict(row: 3, known: 7, firstKept: $0) }
        #expect(gone(6) == .mustWait(.notKept(SequenceNumber(4), SequenceNumber(5))))
        #expect(gone(60) == .mustWait(.notKept(SequenceNumber(4), SequenceNumber(7))))
        // Only the row's own record is no longer kept.
        #expect(gone(4) == .behind)
        let foreign = RecordOrigin(run: UniqueID(high: 77, low: 77), chain: 50)
        #expect(verdict(row: 3, of: foreign, known: 7, firstKept: 4) == .mustWait(.unprovable))
        #expect(gone(nil) == .mustWait(.notKept(SequenceNumber(4), SequenceNumber(7))))
    }

    @Test func `a row at 0 goes back to the first record of this name, if that is kept`() {
        let zero = RecordOrigin(run: .zero, chain: 0)
        #expect(verdict(row: 0, of: zero, known: 7, firstKept: 1) == .behind)
        #expect(
            verdict(row: 0, of: zero, known: 7, firstKept: 5)
                == .mustWait(.notKept(SequenceNumber(1), SequenceNumber(4))))
        #expect(verdict(row: 0, of: zero, known: 7, floor: 4, firstKept: 5) == .behind)
    }

    @Test func `a row behind which nothing is left to go to it goes back, whatever is kept`() {
        for firstKept in [nil, 8, 60] as [UInt64?] {
            #expect(verdict(row: 3, known: 7, floor: 7, firstKept: firstKept) == .behind)
            #expect(verdict(row: 3, known: 7, floor: 59, firstKept: firstKept) == .behind)
        }
        #expect(
            verdict(row: 3, known: 7, floor: 6, firstKept: 60)
                == .mustWait(.notKept(SequenceNumber(7), SequenceNumber(7))))
    }

    @Test func `a row that was set back to a damaged record goes back, and names what of the rest is not kept`() {
        let back = { verdict(row: 3, known: 7, isLost: true, firstKept: $0) }
        #expect(back(4) == .behind)
        #expect(back(6) == .mustWait(.notKept(SequenceNumber(4), SequenceNumber(5))))
        #expect(back(nil) == .mustWait(.notKept(SequenceNumber(4), SequenceNumber(7))))
        let foreign = RecordOrigin(run: UniqueID(high: 77, low: 77), chain: 50)
        #expect(verdict(row: 3, of: foreign, known: 7, isLost: true, firstKept: 5) != .behind)
    }

    @Test func `an owner that this spool never had is of a fork, wherever the row is`() {
        for row in [0, 7, 9, 101] as [UInt64] {
            #expect(verdict(row: row, owner: stranger, known: 7) == .forked(.foreignOwner))
        }
    }
}
