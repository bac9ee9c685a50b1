import LinuxSystem
import OperationLogs
import Testing

@testable import DeadLetters

@Suite struct LetterRegisterTests {
    @Test func `it knows rejected lines, refusals and ends, and how the one that is asked for ended`() throws {
        let scratch = try ScratchDirectory()
        let store = try openStore(scratch.storage)
        try store.append([letter(1), letter(2), letter(5, .rejectedByDatabase)])
        try store.end([
            LetterEnd(id: SequenceNumber(2), fate: .retried(as: SequenceNumber(9)), time: Timestamp(microseconds: 0)),
            LetterEnd(id: SequenceNumber(5), fate: .discarded, time: Timestamp(microseconds: 0)),
        ])
        let register = try LetterRegister(in: scratch.storage, spool: spool, endsOf: [SequenceNumber(2)])
        func numbers(_ isIt: (SequenceNumber) -> Bool) -> [UInt64] {
            (0...10).filter { isIt(SequenceNumber($0)) }
        }
        #expect(numbers(register.holdsAny) == [1, 2, 5])
        #expect(numbers(register.isEnded) == [2, 5])
        #expect(register.holdsRejected(SequenceNumber(1)))
        #expect(register.ends.keys.map(\.rawValue) == [2])
        let end = try #require(register.ends[SequenceNumber(2)])
        #expect(end.contains(#""fate":"retried""#) && end.contains("00000000000000000009") && end.hasSuffix("}"))
    }

    @Test func `letters of another spool say nothing of this one's numbers`() throws {
        let scratch = try ScratchDirectory()
        try openStore(scratch.storage).append([letter(1)])
        let other = UniqueID(high: 7, low: 7)
        #expect(try !LetterRegister(in: scratch.storage, spool: other).holdsAny(SequenceNumber(1)))
    }
}
