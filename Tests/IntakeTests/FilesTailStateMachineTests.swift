import Testing

@testable import Intake

@Suite struct FilesTailStateMachineTests {
    private func machine(_ standing: TailStateMachine.Standing = .named) -> TailStateMachine {
        TailStateMachine(
            standing: standing, now: 0, timings: TailStateMachine.Timings(holdBack: 10, quiet: 20, grace: 100))
    }

    private let readToTheEnd = TailStateMachine.Event.read(grew: true, leavesUnfinishedLine: false, reachedEnd: true)

    @Test func `a named file at its end waits without a deadline`() {
        var file = machine()
        #expect(file.event(.read(grew: true, leavesUnfinishedLine: false, reachedEnd: false), now: 1) == .nothing)
        #expect(file.isReady)
        #expect(file.event(.read(grew: true, leavesUnfinishedLine: true, reachedEnd: true), now: 2) == .nothing)
        #expect(!file.isReady && file.deadline == nil)
        #expect(file.event(.timePassed, now: 1000) == .nothing)
        #expect(file.event(.mayHaveGrown, now: 1001) == .nothing)
        #expect(file.isReady)
    }

    @Test func `other content before the position begins the file again`() {
        var file = machine()
        _ = file.event(.read(grew: true, leavesUnfinishedLine: true, reachedEnd: true), now: 1)
        #expect(file.event(.foundOtherContent, now: 2) == .startAgain)
        #expect(file.isReady && !file.hasUnfinishedLine)
    }

    @Test func `a renamed file ends its last line once it is quiet, and its descriptor is closed later`() {
        var file = machine()
        _ = file.event(.read(grew: true, leavesUnfinishedLine: true, reachedEnd: true), now: 1)
        #expect(file.event(.standing(.renamed), now: 5) == .nothing)
        #expect(file.isReady, "it is read once more")
        #expect(file.event(.read(grew: false, leavesUnfinishedLine: true, reachedEnd: true), now: 6) == .nothing)
        #expect(file.deadline == 25)
        #expect(file.event(.timePassed, now: 24) == .nothing)
        #expect(file.event(.timePassed, now: 25) == .finishLine)
        #expect(file.event(.read(grew: false, leavesUnfinishedLine: false, reachedEnd: true), now: 25) == .nothing)
        #expect(file.deadline == 105)
        #expect(file.event(.timePassed, now: 105) == .closeDescriptor)
        #expect(file.deadline == nil)
        _ = file.event(.mayHaveGrown, now: 200)
        #expect(file.isReady)
    }

    @Test func `a line that goes on begins the quiet time again`() {
        var file = machine(.renamed)
        _ = file.event(.read(grew: true, leavesUnfinishedLine: true, reachedEnd: true), now: 10)
        _ = file.event(.mayHaveGrown, now: 25)
        _ = file.event(.read(grew: true, leavesUnfinishedLine: true, reachedEnd: true), now: 25)
        #expect(file.deadline == 45)
        _ = file.event(.mayHaveGrown, now: 30)
        _ = file.event(.read(grew: false, leavesUnfinishedLine: true, reachedEnd: true), now: 30)
        #expect(file.deadline == 45, "a look that finds nothing new does not")
    }

    @Test func `a file without a name is forgotten after its grace, and nothing before`() {
        var file = machine()
        _ = file.event(readToTheEnd, now: 1)
        _ = file.event(.standing(.gone), now: 10)
        _ = file.event(readToTheEnd, now: 50)
        #expect(file.deadline == 150)
        #expect(file.event(.timePassed, now: 150) == .nothing)
        #expect(file.isReady, "it may have been written to a moment ago: a last read tells")
        var grown = file
        #expect(grown.event(.read(grew: true, leavesUnfinishedLine: false, reachedEnd: true), now: 150) == .nothing)
        #expect(grown.deadline == 250)
        #expect(
            file.event(.read(grew: false, leavesUnfinishedLine: false, reachedEnd: true), now: 150) == .forget)
        #expect(file.phase == .finished)
        #expect(file.event(.mayHaveGrown, now: 151) == .nothing)
        #expect(!file.isReady)
    }

    @Test func `a name that comes back ends the waiting`() {
        var file = machine()
        _ = file.event(.standing(.gone), now: 10)
        _ = file.event(readToTheEnd, now: 11)
        _ = file.event(.standing(.named), now: 12)
        _ = file.event(readToTheEnd, now: 13)
        #expect(file.deadline == nil)
    }

    @Test func `a held file is not read before its time, and a growing one is held longer`() {
        var file = machine()
        #expect(file.event(.looksLikeCopy, now: 5) == .nothing)
        #expect(file.isHeld && !file.isReady && file.deadline == 15)
        #expect(file.event(.mayHaveGrown, now: 6) == .nothing)
        #expect(file.isHeld)
        _ = file.event(.looksLikeCopy, now: 12)
        #expect(file.event(.timePassed, now: 15) == .nothing)
        #expect(file.isHeld)
        #expect(file.event(.timePassed, now: 22) == .nothing)
        #expect(file.isReady)
    }

    @Test func `a held file that is released is read at once`() {
        var file = machine()
        _ = file.event(.looksLikeCopy, now: 5)
        _ = file.event(.released, now: 6)
        #expect(file.isReady)
    }
}
