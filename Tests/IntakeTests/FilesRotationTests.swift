import Glibc
import Testing

@testable import Intake

@Suite struct FilesRotationTests {
    @Test func `lines of a file become durable with their offsets`() throws {
        let scene = try FileScene()
        try scene.append(["a", "b"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b"]))
        try scene.append(["c"], to: "x.log")
        #expect(scene.settles(on: ["a", "b", "c"]))
        let length = UInt64(FileScene.line("a").utf8.count)
        #expect(scene.spool.lines.map(\.offset) == [0, length, 2 * length])
        #expect(scene.spool.lines.allSatisfy { $0.path == scene.path("x.log") })
        #expect(scene.spool.filePositions.map(\.mark.offset) == [3 * length])
    }

    @Test func `a renamed file is read to its end, and the new one under its name from the beginning`() throws {
        let scene = try FileScene()
        try scene.start()
        try scene.append(["a"], to: "x.log")
        #expect(scene.settles(on: ["a"]))
        try scene.rename("x.log", "x.log.1")
        try scene.append(["c"], to: "x.log")
        try scene.append(["b"], to: "x.log.1")
        #expect(scene.settles(on: ["a", "b", "c"]))
        try scene.restart()
        try scene.append(["d"], to: "x.log.1")
        try scene.append(["e"], to: "x.log")
        #expect(scene.settles(on: ["a", "b", "c", "d", "e"]))
    }

    @Test func `a file moved out of sight is read as long as its writer writes`() throws {
        let scene = try FileScene()
        mkdir(scene.path("away"), 0o755)
        try scene.append(["a"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        try scene.rename("x.log", "away/old")
        try scene.append(["b"], to: "away/old")
        #expect(scene.settles(on: ["a", "b"]))
        usleep(50_000)
        try scene.append(["c"], to: "away/old")
        #expect(scene.settles(on: ["a", "b", "c"]))
        #expect(scene.eventually { scene.spool.filePositions.isEmpty }, "forgotten once it is quiet")
    }

    @Test func `a deleted file is read to its end and then forgotten`() throws {
        let scene = try FileScene()
        try scene.append(["a"], to: "x.log")
        let writer = open(scene.path("x.log"), O_WRONLY | O_APPEND | O_CLOEXEC)
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        scene.remove("x.log")
        let line = Array(FileScene.line("b").utf8)
        #expect(write(writer, line, line.count) == line.count)
        #expect(scene.settles(on: ["a", "b"]))
        close(writer)
        #expect(scene.eventually { scene.spool.filePositions.isEmpty && scene.input?.status.files.isEmpty == true })
        try scene.append(["c"], to: "x.log")
        #expect(scene.settles(on: ["a", "b", "c"]))
    }

    @Test func `several rotations while it was stopped are all caught up with`() throws {
        let scene = try FileScene()
        try scene.append(["a"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        scene.stop()
        try scene.append(["b"], to: "x.log")
        try scene.rename("x.log", "x.log.1")
        try scene.append(["c"], to: "x.log")
        try scene.rename("x.log.1", "x.log.2")
        try scene.append(["d"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b", "c", "d"]))
        #expect(scene.spool.texts == ["a", "b", "c", "d"], "the older is read first")
    }

    @Test func `a file rotated into another directory while it was stopped is found there`() throws {
        let scene = try FileScene()
        mkdir(scene.path("old"), 0o755)
        scene.options.rotated = [scene.path("old") + "/*"]
        try scene.append(["a"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        scene.stop()
        try scene.append(["b"], to: "x.log")
        try scene.rename("x.log", "old/whatever")
        try scene.append(["c"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b", "c"]))
    }

    @Test func `a last line without an end waits, and counts once its file is rotated and quiet`() throws {
        let scene = try FileScene()
        let line = FileScene.line("b")
        try scene.append(["a"], to: "x.log")
        try scene.appendRaw(String(line.dropLast()), to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        usleep(300_000)
        #expect(scene.spool.texts == ["a"], "it waits for as long as it is named")
        try scene.rename("x.log", "x.1")
        #expect(scene.settles(on: ["a", "b"]))
        try scene.appendRaw("{\"event\":", to: "y.log")
        try scene.rename("y.log", "y.1")
        #expect(scene.settles(on: ["a", "b", "incomplete_line"]))
        try scene.restart()
        #expect(scene.settles(on: ["a", "b", "incomplete_line"]))
    }

    @Test func `a last line is none that was begun since the last look, however long ago that was`() throws {
        let scene = try FileScene()
        scene.limits.maxWatches = 0
        scene.limits.pollMilliseconds = 1000
        scene.limits.quietMilliseconds = 300
        let lines = ["b", "c"].map(FileScene.line)
        try scene.append(["a"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        try scene.appendRaw(String(lines[0].prefix(9)), to: "x.log")
        try scene.rename("x.log", "x.log.1")
        #expect(scene.eventually { scene.input?.status.files.first?.state == .rotated })
        try scene.appendRaw(String(lines[0].dropFirst(9)) + String(lines[1].prefix(9)), to: "x.log.1")
        usleep(450_000)
        try scene.appendRaw(String(lines[1].dropFirst(9)), to: "x.log.1")
        #expect(scene.settles(on: ["a", "b", "c"]), "\(scene.spool.lines)")
    }

    @Test func `a line that is written in pieces is one line`() throws {
        let scene = try FileScene()
        try scene.start()
        let line = Array(FileScene.line("pieces"))
        for piece in stride(from: 0, to: line.count, by: 7) {
            try scene.appendRaw(String(line[piece..<min(piece + 7, line.count)]), to: "x.log")
            usleep(2000)
            if piece == 21 { try scene.restart() }
        }
        #expect(scene.settles(on: ["pieces"]))
        #expect(scene.spool.lines.map(\.offset) == [0])
    }

    @Test func `deletion and recreation with the same inode number read both`() throws {
        let scene = try FileScene()
        try scene.start()
        var wanted: [String] = []
        for round in 0..<8 {
            try scene.append(["r\(round)"], to: "x.log")
            wanted.append("r\(round)")
            #expect(scene.settles(on: wanted))
            if round % 3 == 2 {
                scene.stop()
                scene.remove("x.log")
                try scene.append(["s\(round)"], to: "x.log")
                wanted.append("s\(round)")
                try scene.start()
                #expect(scene.settles(on: wanted))
            }
            scene.remove("x.log")
        }
    }
}
