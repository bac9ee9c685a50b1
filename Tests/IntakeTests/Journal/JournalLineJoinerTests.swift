import Instruments
import LinuxSystem
import OperationLogs
import SimulatedWorld
import Testing

@testable import Intake

/// Lines that journald has cut, put together again.
@Suite struct JournalLineJoinerTests {
    private func parts(_ name: String, _ count: Int) -> [String] {
        let text = Array(JournalScene.line(name).utf8)
        let size = (text.count + count - 1) / count
        return stride(from: 0, to: text.count, by: size).map {
            String(decoding: text[$0..<min($0 + size, text.count)], as: UTF8.self)
        }
    }

    private func write(_ scene: JournalScene, _ part: String, _ stream: String, isLast: Bool) {
        scene.journal.write(part, lineBreak: isLast ? nil : "line-max", stream: stream)
    }

    @Test func `parts of two streams that come by turns are two lines`() throws {
        let scene = JournalScene()
        let (a, b) = (parts("aaa", 3), parts("bbb", 3))
        for index in 0..<3 {
            write(scene, a[index], "s1", isLast: index == 2)
            write(scene, b[index], "s2", isLast: index == 2)
            scene.journal.write(JournalScene.line("c\(index)"), stream: "s3")
        }
        try scene.start()
        #expect(scene.texts == ["c0", "c1", "aaa", "bbb", "c2"])
        #expect(scene.spool.lines[2].offset == scene.journal.entries[0].moment.realtime)
    }

    @Test func `wherever it dies between the parts, each line is there once`() throws {
        for restart in 0..<9 {
            let scene = JournalScene()
            let (a, b) = (parts("aaa", 3), parts("bbb", 3))
            try scene.start()
            for index in 0..<3 {
                for place in 0..<3 {
                    switch place {
                    case 0: write(scene, a[index], "s1", isLast: index == 2)
                    case 1: write(scene, b[index], "s2", isLast: index == 2)
                    default: scene.journal.write(JournalScene.line("c\(index)"), stream: "s3")
                    }
                    scene.tell()
                    if 3 * index + place == restart {
                        scene.kill()
                        try scene.start()
                    }
                }
            }
            #expect(scene.texts.sorted() == ["aaa", "bbb", "c0", "c1", "c2"], "\(restart)")
            #expect(scene.warnings.isEmpty)
        }
    }

    @Test func `after a restart a line begins with its own first part, not with a line before`() throws {
        let scene = JournalScene()
        let (a, b) = (parts("aaa", 2), parts("bbb", 2))
        write(scene, a[0], "s1", isLast: false)
        scene.journal.write(JournalScene.line("before"), stream: "s2")
        write(scene, b[0], "s2", isLast: false)
        try scene.start()
        scene.kill()
        write(scene, b[1], "s2", isLast: true)
        write(scene, a[1], "s1", isLast: true)
        try scene.start()
        #expect(scene.texts == ["before", "bbb", "aaa"])
    }

    @Test func `an overlong line of many parts is one dead letter`() throws {
        let scene = JournalScene()
        for _ in 0..<40 { write(scene, String(repeating: "x", count: 4000), "s1", isLast: false) }
        write(scene, "x", "s1", isLast: true)
        scene.journal.write(["next"])
        try scene.start()
        #expect(scene.texts == ["line_too_long", "next"])
    }

    @Test func `a rest that does not come ends the line after a minute`() throws {
        let scene = JournalScene()
        write(scene, "{\"event\":", "s1", isLast: false)
        write(scene, JournalScene.line("whole"), "s2", isLast: false)
        try scene.start()
        scene.clock.pass(milliseconds: 59_000)
        scene.read()
        #expect(scene.texts.isEmpty)
        scene.clock.pass(milliseconds: 1000)
        scene.read()
        #expect(scene.texts == ["incomplete_line", "whole"])
        scene.kill()
        try scene.start()
        #expect(scene.texts == ["incomplete_line", "whole"])
    }

    @Test func `lines that end together are each there once, in whatever chunk it dies`() throws {
        for chunks in 1...6 {
            let scene = JournalScene()
            scene.options.maxLineBytes = 1 << 20
            scene.spool.die(afterChunks: chunks)
            let names = (0..<8).map { String(repeating: "\($0)", count: 400_000) }
            for (index, name) in names.enumerated() {
                write(scene, JournalScene.line(name), "s\(index)", isLast: false)
            }
            for _ in 0..<2 {
                try scene.start()
                scene.clock.pass(milliseconds: 60_000)
                scene.read()
                scene.kill()
            }
            #expect(scene.texts.map { $0.first } == names.map { $0.first }, "\(chunks)")
        }
    }

    @Test func `a line whose process goes, or another takes over its stream, ends there`() throws {
        for end in ["eof", "pid-change"] {
            let scene = JournalScene()
            let a = parts("aaa", 2)
            write(scene, a[0], "s1", isLast: false)
            scene.journal.write(a[1], lineBreak: end, stream: "s1")
            write(scene, a[0], "s1", isLast: false)
            scene.journal.write("half", lineBreak: end, stream: "s1")
            scene.journal.write(["next"])
            try scene.start()
            #expect(scene.texts == ["aaa", "incomplete_line", "next"])
        }
    }

    @Test func `of more lines than may wait the oldest ends, and memory stays bounded`() throws {
        let scene = JournalScene()
        for index in 0..<100 { write(scene, "x", "s\(index)", isLast: false) }
        scene.journal.write(["next"])
        try scene.start()
        #expect(scene.texts == [String](repeating: "incomplete_line", count: 84) + ["next"])
        #expect(scene.position?.unfinished.count == JournalPosition.mostUnfinished)

        var joiner = JournalLineJoiner(maxLineBytes: 1000, mostBytes: 3000)
        let place = JournalPlace(cursor: "c", moment: scene.journal.entries[0].moment, ordinal: 1)
        for index in 0..<10 {
            let stream = [UInt8(index)]
            joiner.begin(stream, at: place, from: JournalSender(), now: 0)
            let part = [UInt8](repeating: 0x78, count: 900)
            _ = stream.withUnsafeBytes { stream in part.withUnsafeBytes { joiner.go(on: stream, $0, .goesOn, now: 0) } }
            while joiner.removeSurplus() != nil {}
            #expect(joiner.lines.reduce(0) { $0 + $1.kept.count } <= 3000)
        }
    }

    @Test func `a journal that moves between two parts has the beginning under another number`() throws {
        for (before, behind) in [(0, 0), (2, 0), (0, 3), (2, 2)] {
            let scene = JournalScene()
            let a = parts("aaa", 2)
            func write(_ name: String) { scene.journal.write(JournalScene.line(name), at: 2_000_000, stream: "s2") }
            for index in 0..<before { write("b\(index)") }
            scene.journal.write(a[0], at: 2_000_000, lineBreak: "line-max", stream: "s1")
            for index in 0..<behind { write("c\(index)") }
            try scene.start()
            scene.journal.renumber()
            scene.tell(.filesChanged)
            scene.journal.write(a[1], at: 2_000_000, stream: "s1")
            scene.tell()
            let names = (0..<before).map { "b\($0)" } + (0..<behind).map { "c\($0)" }
            #expect(scene.texts == names + ["aaa"] && scene.warnings.isEmpty, "\(before) \(behind) \(scene.warnings)")
        }
    }

    @Test(arguments: 1...6)
    func `a line whose first entry cannot be placed at once is whole all the same`(_ call: Int) throws {
        let scene = JournalScene()
        let a = parts("aaa", 2)
        scene.journal.write(JournalScene.line("one"), stream: "s2")
        write(scene, a[0], "s1", isLast: false)
        write(scene, a[1], "s1", isLast: true)
        scene.journal.failsAt["cursor"] = call
        try scene.start()
        scene.clock.pass(milliseconds: 30_000)
        scene.read()
        #expect(scene.texts == ["one", "aaa"] && scene.lost == 0, "\(scene.warnings)")
    }

    @Test func `what is left of its time is not taken for a beginning that was removed`() throws {
        let scene = JournalScene()
        let a = parts("aaa", 3)
        for part in a[0...1] { scene.journal.write(part, at: 2_000_000, lineBreak: "line-max") }
        try scene.start()
        scene.stop()
        scene.journal.vacuum(1)
        write(scene, a[2], "s1", isLast: true)
        try scene.start()
        #expect(scene.texts == ["invalid_json"] && scene.lost == 1, "\(scene.warnings)")
    }

    @Test func `a beginning that was removed meanwhile is said`() throws {
        let scene = JournalScene()
        let a = parts("aaa", 2)
        write(scene, a[0], "s1", isLast: false)
        scene.journal.write(JournalScene.line("one"), stream: "s2")
        try scene.start()
        scene.stop()
        scene.journal.vacuum(1)
        write(scene, a[1], "s1", isLast: true)
        try scene.start()
        #expect(scene.texts == ["one", "invalid_json"] && scene.lost == 1)
        #expect(scene.warnings.count == 1 && scene.warnings[0].contains("beginning of a line"), "\(scene.warnings)")
    }
}
