import Instruments
import LinuxSystem
import OperationLogs
import SimulatedWorld
import Testing

@testable import Intake

/// What becomes of entries, from the first start on.
@Suite struct JournalReadingTests {
    @Test func `lines that matching units print become records, with the unit and the time as their source`() throws {
        let scene = JournalScene()
        scene.journal.write(["one"])
        scene.journal.write(JournalScene.line("other"), unit: "backup.service")
        scene.journal.write(JournalScene.line("none"), unit: nil)
        scene.journal.write(JournalScene.line("syslog"), transport: "syslog")
        scene.journal.write("chatter")
        scene.journal.write(JournalScene.line("two"), unit: "loader@later.service")
        try scene.start()
        #expect(scene.texts == ["one", "invalid_json", "two"])
        #expect(scene.spool.lines.map(\.path) == ["loader@a.service", "loader@a.service", "loader@later.service"])
        #expect(scene.spool.lines.first?.offset == scene.journal.entries[0].moment.realtime)
        #expect(scene.board.status.isAtEnd && scene.warnings.isEmpty)
    }

    @Test func `a unit that appears later counts, and is read as soon as it is told`() throws {
        let scene = JournalScene()
        scene.journal.write(["one"])
        try scene.start()
        scene.journal.write(JournalScene.line("new"), unit: "loader@new.service")
        scene.tell()
        #expect(scene.texts == ["one", "new"])
    }

    @Test(arguments: [
        (["loader"], "loader.service", true), (["loader"], "loader", false), (["load?r@*"], "loader@x.timer", true),
        (["loader@*.service"], "loader@.service", true), (["a.timer", "b"], "b.service", true),
        (["loader@*.service"], "Loader@x.service", false), (["*"], "opslogd.service", false),
        (["*"], "opslogd2.service", true),
    ])
    func `units are matched as systemctl does, and the daemon's own is never taken`(
        _ patterns: [String], _ unit: String, _ isTaken: Bool
    ) throws {
        var options = JournalInputOptions(name: "a", units: patterns)
        options.ownUnit = "opslogd.service"
        var selection = JournalSelection(options)
        // A second time from what is remembered, after others.
        for _ in 0..<2 {
            #expect(Array(unit.utf8).withUnsafeBytes { selection.takes(unit: $0) } == isTaken)
            for index in 0..<100 { _ = Array("u\(index)".utf8).withUnsafeBytes { selection.takes(unit: $0) } }
        }
    }

    @Test func `with identifiers both have to match, and with identifiers alone no unit is needed`() throws {
        for (units, wanted) in [(["loader@*.service"], ["one"]), ([], ["one", "none"])] {
            let scene = JournalScene()
            scene.options.units = units
            scene.options.identifiers = ["load*"]
            scene.journal.write(["one"])
            scene.journal.write(JournalScene.line("two"), identifier: "python3")
            scene.journal.write(JournalScene.line("none"), unit: nil)
            try scene.start()
            #expect(scene.texts == wanted)
        }
    }

    @Test func `the daemon's own unit feeds nothing, whatever the patterns say`() throws {
        let scene = JournalScene()
        scene.options.units = ["*"]
        scene.options.ownUnit = "opslogd.service"
        scene.journal.write("intake: input units: …", unit: "opslogd.service")
        scene.journal.write(["one"])
        try scene.start()
        #expect(scene.texts == ["one"])
    }

    @Test func `what is no event is a dead letter, and what is empty is nothing`() throws {
        let scene = JournalScene()
        scene.journal.write("")
        scene.journal.write("  ")
        scene.journal.write("{\"event\":\"cast_errors\",\n\"column_name\":\"a\"}")
        scene.journal.write("{\"opslogd\":{\"ack\":true}}")
        scene.journal.write(JournalScene.line(String(repeating: "x", count: 5000)))
        scene.journal.write(JournalScene.line(String(repeating: "x", count: 4000)))
        scene.journal.write("{\"event\":\"cast_errors\"", lineBreak: "eof")
        scene.journal.write(JournalScene.line("last"), lineBreak: "eof")
        scene.journal.write(JournalScene.line("nul"), lineBreak: "nul")
        scene.journal.write(nil)
        try scene.start()
        #expect(
            scene.texts == [
                "invalid_json", "missing_event", "line_too_long", String(repeating: "x", count: 4000),
                "incomplete_line",
                "last", "nul",
            ])
    }

    @Test func `with start_at end what is there is left out, also after a start that died`() throws {
        for dies in [false, true] {
            let scene = JournalScene()
            scene.options.startAt = .end
            scene.journal.write(["old", "older"])
            try scene.start()
            #expect(scene.texts.isEmpty)
            if dies { scene.kill() } else { scene.stop() }
            scene.journal.write(["new"])
            try scene.start()
            #expect(scene.texts == ["new"])
        }
    }

    @Test func `with start_at end an empty journal is read from its first entry on`() throws {
        let scene = JournalScene()
        scene.options.startAt = .end
        try scene.start()
        scene.kill()
        scene.journal.write(["first"])
        try scene.start()
        #expect(scene.texts == ["first"])
    }

    @Test func `a full spool stops the reading, and it goes on`() throws {
        let scene = JournalScene()
        scene.limits.windowBytes = 2000
        scene.limits.entriesInTurn = 4
        scene.spool.setAcknowledging(false)
        let names = (0..<500).map { "n\($0)" }
        scene.journal.write(names)
        try scene.start()
        #expect(scene.journal.looks < 100)
        while scene.texts.count < names.count {
            let before = scene.journal.looks
            scene.turn()
            scene.turn()
            #expect(scene.journal.looks - before < 100)
            scene.spool.acknowledgeAll()
        }
        #expect(scene.texts == names)
    }

    @Test func `the position moves on while no line is taken, but not with every entry`() throws {
        let scene = JournalScene()
        scene.journal.write(["one"])
        try scene.start()
        let chunks = scene.spool.chunks
        for _ in 0..<10 { scene.journal.write("other", unit: "cron.service") }
        scene.tell()
        #expect(scene.spool.chunks == chunks)
        scene.clock.pass(milliseconds: 300_000)
        scene.read()
        #expect(scene.spool.chunks == chunks + 1)
        #expect(scene.position?.seen?.cursor == scene.journal.entries.last?.cursor)
    }
}
