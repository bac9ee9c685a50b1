import Testing

@testable import Spool

private func situation(
    _ now: UInt64 = 0, room: Int = 1000, stopping: Bool = false, cursorChangedAt: UInt64? = nil
) -> GroupCommitStateMachine.Situation {
    .init(now: now, room: room, isStopping: stopping, cursorChangedAt: cursorChangedAt)
}

@Test func `a lone chunk goes at once, and what is queued goes together`() {
    var machine = GroupCommitStateMachine(groupBytes: 100, gatherMilliseconds: 0)
    #expect(machine.next(situation(), queued: []) == .wait(milliseconds: nil))
    #expect(machine.next(situation(), queued: [10]) == .write(chunks: 1))
    #expect(machine.next(situation(), queued: [40, 40, 40]) == .write(chunks: 2))
    #expect(machine.next(situation(), queued: [400, 40]) == .write(chunks: 1), "one chunk that is bigger")
    #expect(machine.next(situation(room: 70), queued: [40, 40]) == .write(chunks: 1))
    #expect(machine.next(situation(room: 30), queued: [40, 10]) == .makeSegment(payload: 40))
}

@Test func `with an interval lines are gathered that long, but not beyond a full group or the stop`() {
    var machine = GroupCommitStateMachine(groupBytes: 100, gatherMilliseconds: 20)
    #expect(machine.next(situation(5), queued: [10]) == .wait(milliseconds: 20))
    #expect(machine.next(situation(15), queued: [10, 10]) == .wait(milliseconds: 10))
    #expect(machine.next(situation(25), queued: [10, 10]) == .write(chunks: 2))
    #expect(machine.next(situation(30), queued: [60, 60]) == .write(chunks: 1))
    #expect(machine.next(situation(31, stopping: true), queued: [60]) == .write(chunks: 1))
}

@Test func `the cursor is saved a second after it changed, and at once while space is short`() {
    var machine = GroupCommitStateMachine(groupBytes: 100, gatherMilliseconds: 0)
    #expect(machine.next(situation(400, cursorChangedAt: 0), queued: []) == .wait(milliseconds: 600))
    #expect(machine.next(situation(1000, cursorChangedAt: 0), queued: [10]) == .saveCursor)
    machine.spaceRefused(.maxBytes, now: 2000)
    #expect(machine.next(situation(2000), queued: [10]) == .wait(milliseconds: nil))
    #expect(machine.next(situation(2000, cursorChangedAt: 2000), queued: [10]) == .saveCursor)
    #expect(machine.next(situation(2001, room: 0), queued: [10]) == .makeSegment(payload: 10))
}

@Test func `a full disk is looked at each second, and does not hold up a stop`() {
    var machine = GroupCommitStateMachine(groupBytes: 100, gatherMilliseconds: 0)
    machine.spaceRefused(.diskFull, now: 100)
    #expect(machine.next(situation(300, room: 0), queued: [10]) == .wait(milliseconds: 800))
    #expect(machine.next(situation(1100, room: 0), queued: [10]) == .makeSegment(payload: 10))
    machine.spaceRefused(.diskFull, now: 1100)
    #expect(machine.next(situation(1200, room: 0, stopping: true), queued: [10]) == .finish)
    machine.spaceGranted()
    #expect(machine.next(situation(1200, stopping: true), queued: []) == .finish)
}
