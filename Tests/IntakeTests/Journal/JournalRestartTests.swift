import Instruments
import LinuxSystem
import OperationLogs
import SimulatedWorld
import Testing

@testable import Intake

/// No line lost and none twice, wherever the input dies, and whatever becomes of the journal meanwhile.
@Suite struct JournalRestartTests {
    @Test func `wherever it dies, each line is there once`() throws {
        let names = (0..<60).map { "n\($0)" }
        for chunks in 1...14 {
            let scene = JournalScene()
            scene.limits.entriesInTurn = 5
            scene.spool.die(afterChunks: chunks)
            // Several of one time, as they come of one read.
            for (index, name) in names.enumerated() {
                scene.journal.write(JournalScene.line(name), at: 1_000_000 + UInt64(index / 3) * 1000)
            }
            try scene.start()
            scene.kill()
            try scene.start()
            #expect(scene.texts == names, "\(chunks)")
            #expect(scene.warnings.isEmpty)
        }
    }

    @Test func `after a stop nothing comes twice, and what came meanwhile comes`() throws {
        let scene = JournalScene()
        scene.journal.write(["one"])
        try scene.start()
        scene.stop()
        scene.journal.write(["two"])
        try scene.start()
        scene.tell(.filesChanged)
        scene.journal.write(["three"])
        scene.tell(.filesChanged)
        #expect(scene.texts == ["one", "two", "three"])
        #expect(scene.warnings.isEmpty)
    }

    @Test func `entries that get other numbers are known by their time, also those of one time`() throws {
        for seen in 1...5 {
            let scene = JournalScene()
            let names = ["a", "same", "same", "same", "b"]
            func write(_ range: Range<Int>) {
                for index in range {
                    scene.journal.write(
                        JournalScene.line(names[index]),
                        at: [1_000_000, 2_000_000, 2_000_000, 2_000_000, 3_000_000][index])
                }
            }
            write(0..<seen)
            try scene.start()
            scene.kill()
            write(seen..<5)
            scene.journal.renumber()
            try scene.start()
            #expect(scene.texts == names, "\(seen)")
        }
    }

    @Test func `an entry of the same time is not taken for one that was removed`() throws {
        let scene = JournalScene()
        for name in ["one", "two"] { scene.journal.write(JournalScene.line(name), at: 1_000_000) }
        try scene.start()
        scene.stop()
        for name in ["three", "four"] { scene.journal.write(JournalScene.line(name), at: 1_000_000) }
        scene.journal.vacuum(2)
        try scene.start()
        #expect(scene.texts == ["one", "two", "three", "four"] && scene.lost == 0)
    }

    @Test func `what was removed before it was read is said once, with its range, and counted`() throws {
        let scene = JournalScene()
        scene.journal.write(["one"])
        try scene.start()
        scene.stop()
        scene.journal.write(["two", "three", "four"])
        scene.journal.vacuum(3)
        try scene.start()
        #expect(scene.texts == ["one", "four"])
        #expect(scene.lost == 2)
        #expect(scene.warnings.count == 1 && scene.warnings[0].contains("up to 2 entries"), "\(scene.warnings)")
        scene.stop()
        scene.journal.write(["five"])
        try scene.start()
        #expect(scene.texts == ["one", "four", "five"] && scene.warnings.count == 1)
    }

    @Test(arguments: 1...3)
    func `what was removed is told though the next entry cannot be placed at once`(_ call: Int) throws {
        let scene = JournalScene()
        scene.journal.write(["one"])
        try scene.start()
        scene.stop()
        scene.journal.write(["two", "three", "four", "five"])
        scene.journal.vacuum(3)
        scene.limits.entriesInTurn = 1
        scene.journal.failsAt["cursor"] = call
        try scene.start()
        scene.clock.pass(milliseconds: 30_000)
        scene.read()
        #expect(scene.texts == ["one", "four", "five"] && scene.lost == 2)
        let said = scene.warnings.filter { $0.contains("may have been removed") }
        #expect(said.count == 1 && said[0].contains("up to 2 entries"), "\(scene.warnings)")
    }

    @Test func `what was removed after it was read is no loss`() throws {
        let scene = JournalScene()
        scene.journal.write(["one"])
        scene.journal.write("other", unit: "cron.service")
        try scene.start()
        scene.stop()
        scene.journal.vacuum(2)
        try scene.start()
        scene.journal.write(["two"])
        scene.tell()
        #expect(scene.texts == ["one", "two"] && scene.lost == 0 && scene.warnings.isEmpty)
    }

    /// Six lines were read, of which the journal has lost four.
    private func sceneAfterPowerCut() throws -> (JournalScene, written: [String]) {
        let scene = JournalScene()
        let written = (0..<6).map { "n\($0)" }
        scene.journal.write(written)
        try scene.start()
        scene.kill()
        scene.journal.powerCut(losing: 4)
        return (scene, written)
    }

    @Test(arguments: 1...8)
    func `what a power cut took is numbered again, and nothing of the next boot is passed over`(_ since: Int) throws {
        let (scene, written) = try sceneAfterPowerCut()
        // More than were lost, and fewer, some of them while it reads.
        let next = (0..<since).map { "m\($0)" }
        for name in next.prefix(since / 2) {
            scene.journal.write(JournalScene.line(name), at: 1000, realtime: 1_764_000_100_000_000)
        }
        try scene.start()
        for (index, name) in next.enumerated().dropFirst(since / 2) {
            let time = UInt64(index) * 1000
            scene.journal.write(JournalScene.line(name), at: time, realtime: 1_764_000_100_000_000 + time)
        }
        scene.tell()
        #expect(scene.texts == written + next)
        #expect(scene.lost == 0 && scene.warnings.isEmpty)
        #expect(scene.messages.list.count { $0.contains("those lines are safe") } == 1, "\(scene.messages.list)")
    }

    @Test func `an entry of the next boot is no sign that those with lower numbers were seen`() throws {
        let (scene, written) = try sceneAfterPowerCut()
        let next = (0..<6).map { "m\($0)" }
        for name in next { scene.journal.write(JournalScene.line(name), at: 1000, realtime: 1_764_000_100_000_000) }
        // The one that has the number of the last that was seen is damaged.
        scene.journal.entries.remove(at: 5)
        try scene.start()
        #expect(scene.texts == written + next[..<3] + next[4...])
    }

    @Test func `a journal that begins anew is read, and what cannot be told is said`() throws {
        let scene = JournalScene()
        scene.journal.write(["one"])
        try scene.start()
        scene.stop()
        scene.journal.entries = []
        scene.journal.numbering = "b2"
        scene.journal.write(JournalScene.line("two"), at: 9_000_000)
        try scene.start()
        #expect(scene.texts == ["one", "two"])
        #expect(scene.warnings.count == 1 && scene.warnings[0].contains("how many cannot be told"), "\(scene.warnings)")
    }

    @Test func `entries that go while it reads are told by their numbers`() throws {
        let scene = JournalScene()
        scene.journal.write(["one"])
        try scene.start()
        scene.journal.write(["two", "three", "four"])
        scene.journal.entries.removeSubrange(1...2)
        scene.tell()
        #expect(scene.texts == ["one", "four"] && scene.lost == 2)
        #expect(scene.warnings.count == 1 && scene.warnings[0].contains("2 entries"), "\(scene.warnings)")
    }

    @Test func `with files that are left out, missing numbers are no loss`() throws {
        let scene = JournalScene()
        scene.journal.leftOut = [SimulatedJournal.trouble(13)]
        scene.journal.write(["one"])
        try scene.start()
        scene.journal.write(["two", "three"])
        scene.journal.entries.remove(at: 1)
        scene.tell()
        #expect(scene.texts == ["one", "three"] && scene.lost == 0 && scene.warnings.count == 1)
    }

    @Test func `a position of an unknown version is said`() throws {
        let scene = JournalScene()
        scene.journal.write(["one"])
        try scene.start()
        scene.stop()
        #expect(JournalPosition([9, 0, 0]) == nil)
        #expect(scene.position?.seen != nil)
    }
}
