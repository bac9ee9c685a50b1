import Glibc
import Testing

@testable import Intake

@Suite struct FilesTruncationTests {
    /// As logrotate's copytruncate does it.
    private func copyTruncate(_ scene: FileScene, _ name: String, to copy: String) throws {
        try scene.copy(name, copy)
        try scene.rewrite("", to: name)
    }

    @Test func `a file that is truncated and written anew is read from its beginning`() throws {
        let scene = try FileScene()
        try scene.append(["a", "b"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b"]))
        try scene.rewrite(FileScene.line("c"), to: "x.log")
        #expect(scene.settles(on: ["a", "b", "c"]))
        // To the same size, and then to a larger one.
        try scene.rewrite(FileScene.line("d"), to: "x.log")
        #expect(scene.settles(on: ["a", "b", "c", "d"]))
        try scene.rewrite(FileScene.line("e") + FileScene.line("f"), to: "x.log")
        #expect(scene.settles(on: ["a", "b", "c", "d", "e", "f"]))
        #expect(scene.spool.filePositions.count == 1)
        try scene.restart()
        try scene.append(["g"], to: "x.log")
        #expect(scene.settles(on: ["a", "b", "c", "d", "e", "f", "g"]))
    }

    @Test func `a file that is rewritten while it was stopped is read from its beginning`() throws {
        let scene = try FileScene()
        try scene.append(["a", "b"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b"]))
        scene.stop()
        try scene.rewrite(["c", "d", "e"].map(FileScene.line).joined(), to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b", "c", "d", "e"]))
        #expect(scene.spool.filePositions.count == 1)
    }

    @Test func `copytruncate with the copy under the pattern reads each line once`() throws {
        let scene = try FileScene(pattern: "x.log*")
        try scene.append(["a", "b"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b"]))
        try copyTruncate(scene, "x.log", to: "x.log.1")
        try scene.append(["c"], to: "x.log")
        #expect(scene.settles(on: ["a", "b", "c"]))
        usleep(1_200_000)
        #expect(scene.settles(on: ["a", "b", "c"]))
        try scene.restart()
        try scene.append(["d"], to: "x.log")
        #expect(scene.settles(on: ["a", "b", "c", "d"]))
        #expect(scene.warnings().isEmpty)
    }

    /// Two lines are durable, a third is under way: nothing is read from here on.
    private func sceneWithFullWindow(_ pattern: String) throws -> FileScene {
        let scene = try FileScene(pattern: pattern)
        scene.limits.windowBytes = 1
        try scene.append(["a", "b"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b"]))
        scene.spool.setAcknowledging(false)
        try scene.append(["c"], to: "x.log")
        #expect(scene.eventually { scene.spool.waiting > 0 })
        return scene
    }

    /// A line of another file is under way, and of the two of this one nothing is read from here on.
    private func sceneWithUnreadFile() throws -> FileScene {
        let scene = try FileScene()
        scene.limits.windowBytes = 1
        scene.spool.setAcknowledging(false)
        try scene.append(["a"], to: "y.log")
        try scene.start()
        #expect(scene.eventually { scene.spool.waiting > 0 && scene.input?.status.bytesUnderWay ?? 0 > 0 })
        try scene.append(["b", "c"], to: "x.log")
        return scene
    }

    @Test func `what was truncated before any of it was read is read from its copy`() throws {
        for pattern in ["x.log*", "x.log"] {
            let scene = try sceneWithFullWindow(pattern)
            // Of what follows, the second content is never seen by a read.
            try copyTruncate(scene, "x.log", to: "x.log.1")
            usleep(100_000)
            scene.spool.setAcknowledging(true)
            scene.spool.acknowledgeAll()
            #expect(scene.settles(on: ["a", "b", "c"]))
            scene.spool.setAcknowledging(false)
            try scene.append(["d"], to: "x.log")
            #expect(scene.eventually { scene.spool.waiting > 0 })
            try scene.append(["e", "f"], to: "x.log")
            usleep(50_000)
            try scene.rename("x.log.1", "x.log.2")
            try copyTruncate(scene, "x.log", to: "x.log.1")
            usleep(50_000)
            try scene.append(["g", "h", "i"], to: "x.log")
            usleep(50_000)
            try scene.rename("x.log.2", "x.log.3")
            try scene.rename("x.log.1", "x.log.2")
            try copyTruncate(scene, "x.log", to: "x.log.1")
            usleep(50_000)
            try scene.append(["j"], to: "x.log")
            usleep(50_000)
            scene.spool.setAcknowledging(true)
            scene.spool.acknowledgeAll()
            #expect(
                scene.settles(on: ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]), "\(pattern) \(scene.spool.texts)"
            )
        }
    }

    @Test func `copies of what was truncated before any of it was read are read after a kill too`() throws {
        for pattern in ["x.log*", "x.log"] {
            let scene = try sceneWithFullWindow(pattern)
            try scene.append(["d"], to: "x.log")
            usleep(50_000)
            try copyTruncate(scene, "x.log", to: "x.log.1")
            usleep(50_000)
            try scene.append(["e", "f", "g"], to: "x.log")
            usleep(50_000)
            try scene.rename("x.log.1", "x.log.2")
            try copyTruncate(scene, "x.log", to: "x.log.1")
            usleep(50_000)
            try scene.append(["h"], to: "x.log")
            usleep(50_000)
            scene.kill()
            scene.spool.setAcknowledging(true)
            try scene.start()
            #expect(
                scene.settles(on: ["a", "b", "c", "d", "e", "f", "g", "h"]),
                "\(pattern) \(scene.spool.texts) \(scene.messages.list)")
        }
    }

    @Test func `a line that has begun like those of a copy makes it no copy of what stands in the file`() throws {
        let scene = try sceneWithUnreadFile()
        #expect(scene.eventually { scene.input?.status.files.contains { $0.size > 0 && $0.position == 0 } ?? false })
        try copyTruncate(scene, "x.log", to: "x.log.1")
        let line = FileScene.line("d")
        try scene.appendRaw(String(line.prefix(6)), to: "x.log")
        usleep(50_000)
        scene.spool.setAcknowledging(true)
        scene.spool.acknowledgeAll()
        #expect(scene.settles(on: ["a", "b", "c"]), "\(scene.spool.texts) \(scene.messages.list)")
        try scene.appendRaw(String(line.dropFirst(6)), to: "x.log")
        #expect(scene.settles(on: ["a", "b", "c", "d"]), "\(scene.spool.texts) \(scene.messages.list)")
        #expect(scene.warnings().isEmpty)
    }

    @Test(arguments: [false, true])
    func `what was truncated before the first read is read from its copy, though the file is longer by then`(
        isKilled: Bool
    ) throws {
        let scene = try sceneWithUnreadFile()
        #expect(scene.eventually { scene.input?.status.files.count == 2 })
        usleep(100_000)
        try copyTruncate(scene, "x.log", to: "x.log.1")
        try scene.append(["d", "e", "f"], to: "x.log")
        usleep(100_000)
        try scene.append(["g"], to: "z.log")
        #expect(scene.eventually { scene.input?.status.files.count == 3 })
        usleep(50_000)
        if isKilled {
            scene.spool.makeDurableUnheard()
            scene.kill()
            scene.spool.setAcknowledging(true)
            try scene.start()
        } else {
            scene.spool.setAcknowledging(true)
            scene.spool.acknowledgeAll()
        }
        #expect(
            scene.settles(on: ["a", "b", "c", "d", "e", "f", "g"]), "\(scene.spool.texts) \(scene.messages.list)")
        usleep(1_200_000)
        #expect(scene.settles(on: ["a", "b", "c", "d", "e", "f", "g"]), "\(scene.spool.texts)")
        if !isKilled { #expect(scene.warnings().isEmpty) }
    }

    @Test func `what only the copy holds is read from the copy`() throws {
        for pattern in ["x.log*", "x.log"] {
            let scene = try FileScene(pattern: pattern)
            try scene.append(["a", "b"], to: "x.log")
            try scene.start()
            #expect(scene.settles(on: ["a", "b"]))
            scene.stop()
            try scene.append(["c"], to: "x.log")
            try copyTruncate(scene, "x.log", to: "x.log.1")
            try scene.append(["d"], to: "x.log")
            try scene.start()
            #expect(scene.settles(on: ["a", "b", "c", "d"]))
            #expect(scene.warnings().isEmpty)
        }
    }

    @Test func `a copy that is rotated on while a start looks for it is found`() throws {
        for round in 0..<24 {
            let scene = try FileScene()
            try scene.append(["a", "b"], to: "x.log")
            try scene.start()
            #expect(scene.settles(on: ["a", "b"]))
            scene.stop()
            try scene.append(["c"], to: "x.log")
            try copyTruncate(scene, "x.log", to: "x.log.1")
            try scene.append(["d"], to: "x.log")
            try scene.start()
            usleep(UInt32(round * 60))
            try scene.rename("x.log.1", "x.log.2")
            #expect(scene.settles(on: ["a", "b", "c", "d"]), "\(scene.spool.texts) \(scene.messages.list)")
            #expect(scene.warnings().isEmpty)
        }
    }

    @Test func `a copy outside the pattern gives back what was not read before the truncation`() throws {
        let scene = try FileScene()
        scene.limits.windowBytes = 1
        try scene.start()
        #expect(scene.eventually { scene.spool.chunks == 1 }, "the mark of the first start")
        scene.spool.setAcknowledging(false)
        try scene.append(["a"], to: "x.log")
        #expect(scene.eventually { scene.spool.waiting == 1 })
        // The window is full: this is not read before the file is cut.
        try scene.append(["b"], to: "x.log")
        try copyTruncate(scene, "x.log", to: "x.old")
        try scene.append(["c"], to: "x.log")
        scene.spool.setAcknowledging(true)
        scene.spool.acknowledgeAll()
        #expect(scene.settles(on: ["a", "b", "c"]), "\(scene.spool.lines) \(scene.messages.list)")
    }

    @Test func `a file that only looks like a copy is held back, and then read as any other`() throws {
        let scene = try FileScene()
        try scene.append(["a"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        try scene.append(["a", "b"], to: "y.log")
        usleep(150_000)
        #expect(scene.spool.texts == ["a"])
        #expect(scene.input?.status.files.map(\.state) == [.waiting, .held])
        #expect(scene.settles(on: ["a", "a", "b"]))
    }

    @Test func `a file that begins like a longer one is read as soon as it differs`() throws {
        let scene = try FileScene()
        scene.limits.holdBackMilliseconds = 60_000
        try scene.append(["a", "b", "c"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b", "c"]))
        try scene.append(["a"], to: "y.log")
        usleep(50_000)
        #expect(scene.spool.texts.count == 3)
        try scene.append(["z"], to: "y.log")
        #expect(scene.settles(on: ["a", "b", "c", "a", "z"]))
    }

    @Test func `what is lost in a truncation is reported with file and range, and counted`() throws {
        let scene = try FileScene()
        try scene.append(["a"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        try scene.appendRaw("{\"half\"", to: "x.log")
        #expect(scene.eventually { scene.input?.status.lagBytes == 7 })
        try scene.rewrite("", to: "x.log")
        #expect(scene.eventually { scene.input?.status.bytesLost == 7 })
        let length = FileScene.line("a").utf8.count
        #expect(scene.warnings().contains { $0.contains("x.log: bytes \(length) to \(length + 7)") })
    }

    @Test func `a remainder that was not found after a restart is reported with file and range`() throws {
        let scene = try FileScene()
        try scene.append(["a"], to: "x.log")
        try scene.appendRaw("{\"half\"", to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        #expect(scene.eventually { scene.input?.status.lagBytes == 7 })
        scene.stop()
        scene.remove("x.log")
        try scene.appendRaw("", to: "x.log.1.gz")
        try scene.start()
        #expect(scene.eventually { scene.input?.status.bytesLost == 7 })
        #expect(scene.warnings().contains { $0.contains("x.log.1.gz") })
        #expect(scene.eventually { scene.spool.filePositions.isEmpty })
    }

    @Test func `the hole that a writer with an old offset leaves is skipped`() throws {
        let scene = try FileScene()
        try scene.append(["a"], to: "x.log")
        let writer = open(scene.path("x.log"), O_WRONLY | O_CLOEXEC)
        defer { close(writer) }
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        let line = Array(FileScene.line("b").utf8)
        try scene.rewrite("", to: "x.log")
        #expect(pwrite(writer, line, line.count, 5000) == line.count)
        #expect(scene.settles(on: ["a", "b"]))
        #expect(scene.spool.lines.last?.offset == 5000)
        try scene.restart()
        #expect(pwrite(writer, line, line.count, 5000 + line.count) == line.count)
        #expect(scene.settles(on: ["a", "b", "b"]))
    }
}
