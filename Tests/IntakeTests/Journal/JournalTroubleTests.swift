import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import SimulatedWorld
import Testing

@testable import Intake

/// A journal that cannot be read, or not wholly: said once, tried again, and nothing lost by it.
@Suite struct JournalTroubleTests {
    @Test func `a journal that cannot be opened is said once, and tried again every 30 s`() throws {
        let scene = JournalScene()
        scene.journal.write(["one"])
        scene.journal.fails["open"] = SimulatedJournal.trouble(EACCES)
        try scene.start()
        for _ in 0..<3 {
            #expect(scene.board.status.wait?.contains("Permission denied") == true)
            scene.clock.pass(milliseconds: 30_000)
            scene.read()
        }
        #expect(scene.texts.isEmpty && scene.messages.list.count == 1, "\(scene.messages.list)")
        scene.journal.fails = [:]
        scene.clock.pass(milliseconds: 29_000)
        scene.read()
        #expect(scene.texts.isEmpty)
        scene.clock.pass(milliseconds: 1000)
        scene.read()
        #expect(scene.texts == ["one"] && scene.board.status.wait == nil && scene.messages.list.count == 2)
    }

    @Test func `one that is not there yet is looked for every two seconds`() throws {
        let scene = JournalScene()
        scene.journal.fails["open"] = SimulatedJournal.trouble(ENOENT)
        try scene.start()
        scene.journal.fails = [:]
        scene.journal.write(["one"])
        scene.clock.pass(milliseconds: 2000)
        scene.read()
        #expect(scene.texts == ["one"])
    }

    @Test(arguments: ["next", "seek", "cursor", "moment", "open"])
    func `a call that fails now and then loses nothing and doubles nothing`(_ call: String) throws {
        let scene = JournalScene()
        let names = (0..<100).map { "n\($0)" }
        scene.limits.entriesInTurn = 7
        try scene.start()
        for (index, name) in names.enumerated() {
            // Every other one of the time of the one before.
            let time = scene.journal.entries.last?.moment.monotonic
            scene.journal.write(JournalScene.line(name), at: index % 2 == 0 ? nil : time)
            if index % 3 == 0 { scene.journal.failsOnce[call] = SimulatedJournal.trouble(EIO) }
            scene.tell(index % 5 == 0 ? .filesChanged : .appended)
            scene.clock.pass(milliseconds: 30_000)
            scene.read()
        }
        scene.journal.failsOnce = [:]
        scene.stop()
        try scene.start()
        #expect(scene.texts == names)
    }

    @Test(arguments: ["next", "cursor", "moment"])
    func `whichever call of many fails, of entries that came at once each is there once`(_ call: String) throws {
        let names = (0..<6).map { "n\($0)" }
        for number in 1...20 {
            let scene = JournalScene()
            for name in names { scene.journal.write(JournalScene.line(name), at: 1_000_000) }
            scene.journal.failsAt[call] = number
            try scene.start()
            scene.clock.pass(milliseconds: 30_000)
            scene.read()
            #expect(scene.texts == names, "\(number)")
        }
    }

    @Test func `an entry whose field cannot be read is passed over, said and counted`() throws {
        let scene = JournalScene()
        scene.journal.write(["one"])
        try scene.start()
        scene.journal.write(["two"])
        scene.journal.failsOnce["field MESSAGE"] = SimulatedJournal.trouble(EBADMSG)
        scene.tell()
        scene.journal.write(["three"])
        scene.tell()
        #expect(scene.texts == ["one", "three"] && scene.lost == 1 && scene.warnings.count == 1)
    }

    @Test func `files that are left out are named once, and looked at again`() throws {
        let scene = JournalScene()
        scene.journal.write(["one"])
        scene.journal.leftOut = [SimulatedJournal.trouble(EACCES)]
        try scene.start()
        #expect(scene.texts == ["one"] && scene.board.status.wait != nil)
        for _ in 0..<3 {
            scene.clock.pass(milliseconds: 30_000)
            scene.read()
        }
        #expect(scene.warnings.count == 1 && scene.journal.opened == 4)
        scene.journal.leftOut = []
        scene.clock.pass(milliseconds: 30_000)
        scene.read()
        #expect(scene.board.status.wait == nil && scene.texts == ["one"])
    }

    // MARK: Damage of the spool

    private func doubtful(_ scene: JournalScene, keys: Set<[UInt8]>, upTo last: Int) {
        let time = Int64(scene.journal.entries[last].moment.realtime) * 1000
        scene.losses.order { $0.doubts = [PositionDoubt(range: 3, keys: keys, bornBefore: time)] }
    }

    @Test func `as long as it is not known what the spool lost, nothing is read`() throws {
        let scene = JournalScene()
        scene.journal.write(["one"])
        scene.losses.order { $0.wait = "the spool lost something" }
        #expect(try !scene.start())
        #expect(scene.journal.opened == 0 && scene.board.status.wait == "the spool lost something")
        scene.losses.order { $0.wait = nil }
        #expect(try scene.start())
        #expect(scene.texts == ["one"])
    }

    @Test(arguments: [true, false])
    func `lines that may have been delivered are passed over and counted, and later ones read`(_ isKnown: Bool) throws {
        let scene = JournalScene()
        let key = JournalPositionKey.key(input: "units")
        scene.journal.write(["one"])
        try scene.start()
        scene.stop()
        // Without any position left nobody knows where it had begun.
        if !isKnown { scene.spool.lose(key) }
        scene.journal.write(["two"])
        scene.journal.write("other", unit: "cron.service")
        scene.journal.write(["three", "four"])
        doubtful(scene, keys: isKnown ? [key] : [], upTo: 3)
        try scene.start()
        #expect(scene.texts == ["one", "four"])
        #expect(scene.lost == (isKnown ? 2 : 3))
        scene.read()
        #expect(scene.losses.told.over == [3])
        #expect(scene.warnings.count == 2 && scene.warnings[1].contains("passed over"), "\(scene.warnings)")
        scene.kill()
        try scene.start()
        #expect(scene.texts == ["one", "four"])
    }

    @Test(arguments: [true, false])
    func `what may have been delivered is passed over to its end, though the position moves in between`(
        _ isStopped: Bool
    ) throws {
        let scene = JournalScene()
        scene.limits.entriesInTurn = 2
        let names = (1...8).map { "n\($0)" }
        scene.journal.write(names)
        doubtful(scene, keys: [], upTo: 5)
        if !isStopped { scene.journal.failsAt["next"] = 4 }
        try scene.start(reading: false)
        scene.turn()
        if isStopped { scene.stop() } else { scene.turn() }
        #expect(scene.position?.seen != nil && scene.texts.isEmpty)
        // The spool knows a newer position by now.
        scene.losses.order { $0.doubts = [] }
        scene.kill()
        try scene.start()
        #expect(scene.texts == Array(names[6...]), "\(scene.warnings)")
        scene.kill()
        try scene.start()
        #expect(scene.texts == Array(names[6...]) && scene.position?.passedUntil == nil)
    }

    @Test func `with start_at end and no position left, what was written since the damage is read`() throws {
        let scene = JournalScene()
        scene.options.startAt = .end
        scene.journal.write(["one", "two"])
        doubtful(scene, keys: [], upTo: 0)
        try scene.start()
        #expect(scene.texts == ["two"])
    }

    @Test func `a position that is not in doubt is gone on from`() throws {
        let scene = JournalScene()
        scene.journal.write(["one"])
        try scene.start()
        scene.stop()
        scene.journal.write(["two"])
        doubtful(scene, keys: [[1, 2, 3]], upTo: 1)
        try scene.start()
        scene.read()
        #expect(scene.texts == ["one", "two"] && scene.losses.told.over == [3] && scene.warnings.isEmpty)
    }
}
