import Glibc
import LinuxSystem
import OperationLogs
import Testing

@testable import Intake

/// What a file may hold, and how it may grow: each line comes once, whatever ends or separates it.
@Suite struct FilesReadingTests {
    private func line(_ text: String, end: String) -> String { String(FileScene.line(text).dropLast()) + end }

    @Test func `a carriage return before the line end is none of the line`() throws {
        let scene = try FileScene()
        try scene.appendRaw(line("a", end: "\r\n") + line("b", end: "\r\n") + line("c", end: "\n"), to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b", "c"]))
    }

    @Test func `a byte-order mark at the beginning of a file is skipped, also of the next one under the name`() throws {
        let scene = try FileScene()
        try scene.appendRaw("\u{feff}" + FileScene.line("a"), to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        try scene.rename("x.log", "x.log.1")
        try scene.appendRaw("\u{feff}" + FileScene.line("b"), to: "x.log")
        #expect(scene.settles(on: ["a", "b"]))
        // In the middle it is no line of JSON.
        try scene.appendRaw("\u{feff}" + FileScene.line("c"), to: "x.log")
        #expect(scene.settles(on: ["a", "b", "invalid_json"]))
    }

    @Test func `empty lines and lines of white space are no lines, and cost no position`() throws {
        let scene = try FileScene()
        try scene.appendRaw("\n\n" + FileScene.line("a") + "\n  \t \r\n\n" + FileScene.line("b") + "\n", to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b"]))
        try scene.restart()
        try scene.append(["c"], to: "x.log")
        #expect(scene.settles(on: ["a", "b", "c"]))
    }

    @Test func `an overlong line between two good ones is one dead letter, and both are read`() throws {
        let scene = try FileScene()
        let long = String(repeating: "x", count: 20_000)
        try scene.appendRaw(FileScene.line("a") + FileScene.line(long) + FileScene.line("b"), to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "line_too_long", "b"]))
    }

    @Test func `a file beyond two and four gibibytes is read with its true offsets`() throws {
        let scene = try FileScene()
        scene.options.startAt = .end
        for (name, size) in [("two.log", 3 << 30), ("four.log", 5 << 30)] {
            let opened = open(scene.path(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
            let descriptor = Descriptor(owning: opened)
            #expect(ftruncate(descriptor.rawValue, size - 1) == 0)
            #expect(pwrite(descriptor.rawValue, "\n", 1, size - 1) == 1)
        }
        try scene.start()
        #expect(scene.eventually { scene.spool.chunks > 0 })
        try scene.append(["a"], to: "two.log")
        try scene.append(["b"], to: "four.log")
        #expect(scene.settles(on: ["a", "b"]))
        try scene.restart()
        try scene.append(["c"], to: "four.log")
        #expect(scene.settles(on: ["a", "b", "c"]))
        let offsets = Dictionary(scene.spool.lines.map { ($0.text, $0.offset) }) { first, _ in first }
        #expect(offsets["a"] == 3 << 30 && offsets["b"] == 5 << 30)
        #expect(offsets["c"] == 5 << 30 + UInt64(FileScene.line("b").utf8.count))
    }

    @Test func `a file that is shorter than its fingerprint grows across restarts and is read once`() throws {
        let scene = try FileScene()
        var wanted: [String] = []
        for number in 0..<30 {
            try scene.append(["\(number)"], to: "x.log")
            wanted.append("\(number)")
            if number % 3 == 2 {
                try scene.start()
                #expect(scene.settles(on: wanted))
                if number % 2 == 0 { scene.kill() } else { scene.stop() }
            }
        }
        // Rotated while it was down, in the middle of growing beyond the first 1,024 bytes.
        try scene.rename("x.log", "x.log.1")
        try scene.append(["new"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: wanted + ["new"]))
    }

    @Test func `a file that is truncated and rewritten to the same size is read again, running or not`() throws {
        let scene = try FileScene()
        try scene.append(["a1", "a2"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a1", "a2"]))
        try scene.rewrite(FileScene.line("b1") + FileScene.line("b2"), to: "x.log")
        #expect(scene.settles(on: ["a1", "a2", "b1", "b2"]))
        scene.stop()
        try scene.rewrite(FileScene.line("c1") + FileScene.line("c2"), to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a1", "a2", "b1", "b2", "c1", "c2"]))
    }

    @Test func `a file that is rewritten beyond the position, with the same bytes before that, is read again`() throws {
        let scene = try FileScene()
        let alike = String(repeating: " ", count: 99) + "\n"
        try scene.appendRaw(FileScene.line("a1") + alike, to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a1"]))
        try scene.rewrite(FileScene.line("b1") + alike + FileScene.line("b2"), to: "x.log")
        #expect(scene.settles(on: ["a1", "b1", "b2"]))
    }

    @Test func `a device that has another number after a reboot makes no file new`() throws {
        let scene = try FileScene()
        try scene.append(["a"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        scene.stop()
        // As if both had been written down before a reboot, with the number that the device had then.
        for (key, value) in scene.spool.positions {
            guard var position = FilePosition(value) else { continue }
            position.device += 1
            position.boot = [UInt8](repeating: 7, count: 16)
            scene.spool.replace(key, by: position.encoded)
        }
        try scene.append(["b"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b"]))
        scene.stop()
        // Within one boot another device is another file system: its file of this inode is another one.
        for (key, value) in scene.spool.positions {
            guard var position = FilePosition(value) else { continue }
            position.device += 1
            scene.spool.replace(key, by: position.encoded)
        }
        try scene.append(["c"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b", "c"]), "it holds all that was read, and goes on as its copy")
    }

    @Test func `a full spool stops the reading, and files that are rotated meanwhile lose nothing`() throws {
        let scene = try FileScene()
        scene.limits.windowBytes = 2 << 10
        scene.limits.readBytes = 1 << 10
        try scene.start()
        #expect(scene.eventually { scene.spool.chunks > 0 })
        scene.spool.setAcknowledging(false)
        var wanted: [String] = []
        for rotation in 0..<6 {
            let texts = (0..<40).map { "\(rotation)-\($0)" }
            try scene.append(texts, to: "x.log")
            wanted += texts
            usleep(20_000)
            for number in (1..<6).reversed() where access(scene.path("x.log.\(number)"), F_OK) == 0 {
                try scene.rename("x.log.\(number)", "x.log.\(number + 1)")
            }
            try scene.rename("x.log", "x.log.1")
        }
        #expect(scene.spool.texts.count < 40, "the spool takes nothing")
        scene.spool.setAcknowledging(true)
        scene.spool.acknowledgeAll()
        #expect(scene.settles(on: wanted, milliseconds: 10_000))
        #expect(scene.warnings().isEmpty)
    }

    @Test func `links that lead to links are followed, and read once`() throws {
        let scene = try FileScene()
        mkdir(scene.path("far"), 0o755)
        try scene.append(["a"], to: "far/file")
        symlink(scene.path("far/file"), scene.path("far/hop"))
        symlink("far/hop", scene.path("x.log"))
        symlink(scene.path("far/file"), scene.path("y.log"))
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        try scene.append(["b"], to: "far/file")
        #expect(scene.settles(on: ["a", "b"]))
        // The hop in the middle leads elsewhere.
        try scene.append(["c"], to: "far/other")
        unlink(scene.path("far/hop"))
        symlink(scene.path("far/other"), scene.path("far/hop"))
        #expect(scene.settles(on: ["a", "b", "c"]))
    }

    @Test func `a directory that vanishes and comes back costs no line and repeats none`() throws {
        let scene = try FileScene(pattern: "d*/x.log")
        mkdir(scene.path("d1"), 0o755)
        try scene.append(["a"], to: "d1/x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        try scene.rename("d1", "away")
        try scene.append(["b"], to: "away/x.log")
        try scene.rename("away", "d1")
        try scene.append(["c"], to: "d1/x.log")
        #expect(scene.settles(on: ["a", "b", "c"]))
        unlink(scene.path("d1/x.log"))
        rmdir(scene.path("d1"))
        mkdir(scene.path("d1"), 0o755)
        try scene.append(["d"], to: "d1/x.log")
        #expect(scene.settles(on: ["a", "b", "c", "d"]))
    }

    @Test func `a file to which there is no right is read from its beginning once there is`() throws {
        let scene = try FileScene()
        try scene.append(["a"], to: "x.log")
        try scene.append(["other"], to: "y.log")
        scene.faults.fail(.open, "x.log", EACCES)
        try scene.start()
        #expect(scene.settles(on: ["other"]))
        #expect(scene.eventually { scene.warnings().contains { $0.contains("x.log") } })
        try scene.append(["b"], to: "x.log")
        try scene.rename("x.log", "x.log.1")
        scene.faults.end()
        #expect(scene.settles(on: ["other", "a", "b"]))
    }
}
