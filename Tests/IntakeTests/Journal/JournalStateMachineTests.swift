import Testing

@testable import Intake

/// What is decided, and when.
@Suite struct JournalStateMachineTests {
    private static let timings = JournalStateMachine.Timings(retry: 300, absent: 20, unfinished: 60, position: 1000)

    private func opened(leavesOut: Bool = false) -> JournalStateMachine {
        var machine = JournalStateMachine(now: 0, timings: Self.timings)
        #expect(machine.event(.timePassed, now: 0) == .open)
        #expect(machine.event(.opened(leavesOut: leavesOut), now: 0) == .nothing)
        return machine
    }

    @Test func `a failure is waited out, an absence shortly`() {
        for (isAbsent, pause) in [(true, UInt64(20)), (false, 300)] {
            var machine = opened()
            _ = machine.event(.failed(isAbsent: isAbsent), now: 5)
            #expect(!machine.isOpen && machine.deadline == 5 + pause)
            #expect(machine.event(.filesChanged, now: 6) == .nothing)
            #expect(machine.event(.mayHaveGrown, now: 6) == .nothing && !machine.isReady)
            #expect(machine.event(.timePassed, now: 4 + pause) == .nothing)
            #expect(machine.event(.timePassed, now: 5 + pause) == .open)
        }
    }

    @Test func `at the end it waits without a time, until something comes`() {
        var machine = opened()
        #expect(machine.isReady && machine.deadline == nil)
        _ = machine.event(.reachedEnd(oldestPart: nil), now: 5)
        #expect(!machine.isReady && machine.deadline == nil)
        _ = machine.event(.mayHaveGrown, now: 6)
        #expect(machine.isReady)
        #expect(machine.event(.filesChanged, now: 7) == .reopen)
    }

    @Test func `the position is noted a while after the first entry that moved nothing`() {
        var machine = opened()
        #expect(machine.event(.passedEntries, now: 10) == .nothing)
        #expect(machine.event(.passedEntries, now: 500) == .nothing)
        _ = machine.event(.reachedEnd(oldestPart: nil), now: 500)
        #expect(machine.deadline == 1010)
        #expect(machine.event(.passedEntries, now: 1010) == .note)
        #expect(machine.deadline == nil)
        _ = machine.event(.passedEntries, now: 1100)
        _ = machine.event(.noted, now: 1200)
        #expect(machine.deadline == nil)
    }

    @Test func `a cut line is waited for only where all was read`() {
        var machine = opened()
        _ = machine.event(.reachedEnd(oldestPart: 10), now: 20)
        #expect(machine.deadline == 70)
        _ = machine.event(.mayHaveGrown, now: 30)
        #expect(machine.event(.timePassed, now: 100) == .nothing)
        _ = machine.event(.reachedEnd(oldestPart: 10), now: 100)
        #expect(machine.event(.timePassed, now: 100) == .endUnfinishedLines)
        #expect(machine.deadline == nil)
    }

    @Test func `files that are left out are looked at again`() {
        var machine = opened(leavesOut: true)
        _ = machine.event(.reachedEnd(oldestPart: nil), now: 1)
        #expect(machine.deadline == 300)
        #expect(machine.event(.timePassed, now: 300) == .reopen)
        _ = machine.event(.opened(leavesOut: false), now: 300)
        _ = machine.event(.reachedEnd(oldestPart: nil), now: 301)
        #expect(machine.deadline == nil)
    }
}
