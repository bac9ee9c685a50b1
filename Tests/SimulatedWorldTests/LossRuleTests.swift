import OperationLogs
import Testing

@testable import SimulatedWorld

/// The books are as strict as they say: only what was damaged and named may be missing.
struct LossRuleTests {
    private let entries = (1...4).map { number in
        Books.Entry(
            line: SimulatedLine(source: 0, number: number), kind: EventKind.castErrors.rawValue,
            payload: EventTuples.event(.castErrors, "s0-\(number)"))
    }

    private func difference(_ rows: [Int], damaged: Set<UInt64> = [], named: Set<UInt64> = []) -> String? {
        LossRule(damaged: damaged, named: named).difference(
            rows.map { entries[$0 - 1].payload },
            entries.enumerated().map { (sequence: $0.offset + 1, entry: $0.element) })
    }

    @Test func `without damage every row is there, once and in order`() {
        #expect(difference([1, 2, 3, 4]) == nil)
        for rows in [[1, 2, 3], [1, 3, 4], [1, 2, 2, 3, 4], [1, 2, 3, 4, 4], [2, 1, 3, 4], []] {
            #expect(difference(rows) != nil, "\(rows)")
        }
    }

    @Test func `what was damaged may be missing if it was named, and nothing else`() {
        #expect(difference([1, 3, 4], damaged: [2], named: [2, 3]) == nil)
        #expect(difference([1, 2, 3, 4], damaged: [2], named: [2]) == nil)
        #expect(difference([1, 3, 4], damaged: [2], named: [3])?.contains("nothing named it") == true)
        #expect(difference([1, 2, 4], damaged: [2], named: [2, 3])?.contains("it was whole") == true)
        #expect(difference([1, 2, 2, 3, 4], damaged: [2], named: [2]) != nil)
    }

    @Test func `a pipeline's row is that of its newest event, or of a lost one that was newer`() {
        let events = (0..<3).map { number in
            (
                sequence: number + 1,
                entry: Books.Entry(
                    line: SimulatedLine(source: 0, number: number), kind: EventKind.pipelineWatermarks.rawValue,
                    payload: EventTuples.watermark(
                        "p0", lastProcessed: 1, status: "s0-\(number)", updatedAt: Int64(number)))
            )
        }
        func isRight(_ status: Int, damaged: Set<UInt64> = []) -> Bool {
            let row = SimulatedDatabase.StoredWatermark(
                lastProcessed: 1, status: "s0-\(status)", updatedAt: Int64(status))
            return LossRule(damaged: damaged, named: damaged).isRight(row, of: events, pipeline: "p0")
        }
        #expect(isRight(2) && !isRight(1) && !isRight(0))
        #expect(isRight(2, damaged: [3]) && isRight(1, damaged: [3]) && !isRight(0, damaged: [3]))
        #expect(!LossRule(damaged: [], named: []).isRight(nil, of: events, pipeline: "p0"))
    }

    @Test func `a claim that records are gone is held against what is kept`() throws {
        let sentence = PositionSentence.notKept
        let wait = try #require(DeliveryWait(sentence))
        func falsehood(firstKept: UInt64, damaged: Set<UInt64> = [], mayLack: Bool = true) -> String? {
            wait.falsehood(
                SimulatedDatabase.State(), spool: .zero, firstKept: SequenceNumber(firstKept), damaged: damaged,
                mayLack: mayLack)
        }
        #expect(falsehood(firstKept: 13) == nil)
        #expect(falsehood(firstKept: 12)?.contains("record 12 is kept") == true)
        #expect(falsehood(firstKept: 1, damaged: Set(5...12)) == nil)
        #expect(falsehood(firstKept: 13, mayLack: false) != nil)
        #expect(DeliveryWait("idle") == nil)
    }
}

private enum PositionSentence {
    static let notKept =
        "waits: the position row of cast_errors stands at 4, though records up to 12 were delivered: the database was "
        + "restored from an older backup, and of what it lacks the spool no longer keeps the records 5 to 12; nothing is "
        + "delivered until this is settled: restore a newer backup"
}
