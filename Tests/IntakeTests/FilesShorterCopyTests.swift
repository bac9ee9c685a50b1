import Glibc
import Testing

@testable import Intake

/// Copies that hold less than was read of their originals, or as much as nothing of which was read yet; and files that
/// are written to only after they were rotated.
@Suite struct FilesShorterCopyTests {
    /// Nothing that comes late changes what has come.
    private func stays(_ scene: FileScene, on texts: [String], milliseconds: UInt32 = 1300) -> Bool {
        usleep(milliseconds * 1000)
        return scene.settles(on: texts)
    }

    /// Lets `body` happen on the input's thread when it next looks at the clock, which a line in another file makes it do.
    private func meanwhile(_ scene: FileScene, _ text: String, _ body: @escaping @Sendable () -> Void) throws {
        scene.clock.at(look: 1, body)
        try scene.append([text], to: "other.log")
        #expect(scene.eventually { scene.clock.isDone })
    }

    /// A file in a scene, for what happens on the input's thread.
    private struct Place: Sendable {
        let path: String

        func write(_ text: String, _ flags: Int32 = O_APPEND) {
            let opened = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0o644)
            _ = Glibc.write(opened, Array(text.utf8), text.utf8.count)
            close(opened)
        }

        func truncate() { Glibc.truncate(path, 0) }
        func rename(_ end: String) { Glibc.rename(path, path + end) }
    }

    @Test(arguments: ["x.log*", "x.log"], ["nothing", "kill", "stop"])
    func `what was read between copy and truncation makes no copy a new file`(pattern: String, end: String) throws {
        let scene = try FileScene(pattern: pattern)
        try scene.append(["a", "b"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b"]))
        try scene.copy("x.log", "x.log.1")
        try scene.append(["c"], to: "x.log")
        #expect(scene.settles(on: ["a", "b", "c"]))
        if end == "kill" { scene.kill() }
        if end == "stop" { scene.stop() }
        try scene.rewrite("", to: "x.log")
        try scene.append(["d"], to: "x.log")
        if end != "nothing" { try scene.start() }
        #expect(scene.settles(on: ["a", "b", "c", "d"]), "\(scene.spool.texts)")
        #expect(stays(scene, on: ["a", "b", "c", "d"]), "\(scene.spool.texts) \(scene.messages.list)")
        // Nor after a restart that knows nothing of the truncation any more.
        scene.kill()
        try scene.start()
        #expect(stays(scene, on: ["a", "b", "c", "d"]), "\(scene.spool.texts) \(scene.messages.list)")
    }

    @Test(arguments: [false, true]) func `a copy of many short lines is no new file either`(restarted: Bool) throws {
        let scene = try FileScene(pattern: "x.log")
        // More line ends than a position holds, in less than the first bytes that are compared.
        let lines = (0..<19).map { "a\($0)" }
        try scene.appendRaw(lines.map { FileScene.line($0) + "\n" }.joined(), to: "x.log")
        try scene.start()
        #expect(scene.settles(on: lines))
        try scene.copy("x.log", "x.log.1")
        try scene.append(["c"], to: "x.log")
        #expect(scene.settles(on: lines + ["c"]))
        if restarted { scene.stop() }
        try scene.rewrite(FileScene.line("d"), to: "x.log")
        if restarted { try scene.start() }
        #expect(scene.settles(on: lines + ["c", "d"]), "\(scene.messages.list)")
        #expect(stays(scene, on: lines + ["c", "d"]), "\(scene.spool.texts) \(scene.messages.list)")
    }

    @Test func `a new file that begins like the one that had its name is no copy of that`() throws {
        let scene = try FileScene()
        scene.limits.graceMilliseconds = 5000
        try scene.append(["heading", "a"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["heading", "a"]))
        scene.stop()
        scene.remove("x.log")
        try scene.start()
        #expect(scene.eventually { scene.input?.status.hasLooked ?? false })
        let line = FileScene.line("b")
        try scene.appendRaw(FileScene.line("heading") + line.prefix(5), to: "x.log")
        usleep(100_000)
        try scene.appendRaw(String(line.dropFirst(5)), to: "x.log")
        #expect(scene.settles(on: ["heading", "a", "heading", "b"]), "\(scene.spool.texts) \(scene.messages.list)")
    }

    @Test func `a truncation that is noticed when a copy has been held back for long enough makes it a copy`() throws {
        let scene = try FileScene(pattern: "*.log*")
        try scene.append(["a", "b"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b"]))
        try scene.copy("x.log", "x.log.1")
        #expect(scene.eventually { scene.input?.status.files.contains { $0.state == .held } ?? false })
        let file = Place(path: scene.path("x.log"))
        try meanwhile(scene, "o") {
            file.truncate()
            usleep(1_100_000)
        }
        #expect(stays(scene, on: ["a", "b", "o"]), "\(scene.spool.texts) \(scene.messages.list)")
    }

    @Test(arguments: [false, true])
    func `a truncation makes a copy of one that is held back, though the file is renamed at once`(isPolled: Bool) throws
    {
        let scene = try FileScene(pattern: "*.log*")
        if isPolled { scene.limits.maxWatches = 0 }
        try scene.append(["a", "b"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b"]))
        try scene.copy("x.log", "x.log.1")
        #expect(scene.eventually { scene.input?.status.files.contains { $0.state == .held } ?? false })
        let file = Place(path: scene.path("x.log"))
        try meanwhile(scene, "o") {
            file.truncate()
            file.rename(".2")
        }
        #expect(stays(scene, on: ["a", "b", "o"]), "\(scene.spool.texts) \(scene.messages.list)")
    }

    @Test(arguments: [false, true])
    func `a copy is read of what came, and was truncated, before the input looked`(isRenamed: Bool) throws {
        let scene = try FileScene()
        try scene.append(["o"], to: "other.log")
        try scene.start()
        #expect(scene.settles(on: ["o"]))
        let (file, copy) = (Place(path: scene.path("x.log")), Place(path: scene.path("x.log.1")))
        let text = ["a", "b"].map(FileScene.line).joined()
        try meanwhile(scene, "p") {
            for place in [file, copy] { place.write(text) }
            file.truncate()
            if isRenamed { file.rename(".2") }
            // Longer than births and looks may differ by the clocks' grain.
            usleep(60_000)
        }
        #expect(scene.settles(on: ["o", "p", "a", "b"]), "\(scene.spool.texts) \(scene.messages.list)")
        #expect(stays(scene, on: ["o", "p", "a", "b"]))
    }

    @Test(arguments: [false, true])
    func `what was filled and truncated again before the next read is read from its copy`(isShorter: Bool) throws {
        let scene = try FileScene()
        try scene.append(["a", "b"], to: "x.log")
        try scene.append(["o"], to: "other.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b", "o"]))
        let file = Place(path: scene.path("x.log"))
        let copies = [1, 2].map { Place(path: scene.path("x.log.\($0)")) }
        let texts = [isShorter ? ["a"] : ["a", "b", "c"], ["d"]].map { $0.map(FileScene.line).joined() }
        try meanwhile(scene, "p") {
            copies[0].write(texts[0])
            file.truncate()
            usleep(60_000)
            copies[1].write(texts[1])
            file.truncate()
            usleep(60_000)
        }
        let wanted = ["a", "b", "o", "p", "d"] + (isShorter ? [] : ["c"])
        #expect(scene.settles(on: wanted), "\(scene.spool.texts) \(scene.messages.list)")
        #expect(stays(scene, on: wanted), "\(scene.spool.texts) \(scene.messages.list)")
    }

    @Test func `a copy of a file that is read for the first time after a restart is no file of its own`() throws {
        let scene = try FileScene()
        try scene.start()
        #expect(scene.eventually { scene.spool.chunks == 1 }, "the mark of the first start")
        scene.stop()
        usleep(25_000)
        // Longer than the beginning that tells it for certain, and shorter.
        let names = (0..<40).map { "long\($0)" }
        try scene.append(names, to: "x.log")
        try scene.copy("x.log", "x.log.1")
        try scene.append(["a"], to: "y.log")
        try scene.copy("y.log", "y.log.1")
        try scene.start()
        #expect(scene.settles(on: names + ["a"]))
        #expect(stays(scene, on: names + ["a"]), "\(scene.spool.texts) \(scene.messages.list)")
    }

    @Test func `what is written to a rotated file that was empty or hardly begun at the start is read`() throws {
        let scene = try FileScene()
        try scene.start()
        #expect(scene.eventually { scene.spool.chunks == 1 }, "the mark of the first start")
        scene.stop()
        usleep(25_000)
        for name in ["x.log", "y.log"] { try scene.append(["a-\(name)"], to: name) }
        try scene.rename("y.log", "y.log.1")
        try scene.appendRaw("", to: "y.log")
        try scene.rename("y.log", "y.log.2")
        let line = FileScene.line("b")
        // Which is the beginning of the others, too.
        try scene.appendRaw(String(line.prefix(20)), to: "y.log")
        try scene.rename("y.log", "y.log.3")
        try scene.start()
        #expect(scene.settles(on: ["a-x.log", "a-y.log"]), "\(scene.spool.texts) \(scene.messages.list)")
        try scene.append(["c"], to: "y.log.2")
        try scene.appendRaw(String(line.dropFirst(20)), to: "y.log.3")
        #expect(scene.settles(on: ["a-x.log", "a-y.log", "b", "c"]), "\(scene.spool.texts) \(scene.messages.list)")
    }

    @Test func `the copy of what was written since a truncation that no read has noticed is no file of its own`() throws
    {
        let scene = try FileScene(pattern: "*.log*")
        try scene.append(["a"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        let file = Place(path: scene.path("x.log"))
        let (newer, older) = (scene.path("x.log.1"), scene.path("x.log.2"))
        try meanwhile(scene, "o") {
            Place(path: newer).write(FileScene.line("a"))
            file.truncate()
            file.write(FileScene.line("b"))
            rename(newer, older)
            Place(path: newer).write(FileScene.line("b"))
        }
        #expect(scene.settles(on: ["a", "b", "o"]), "\(scene.spool.texts)")
        file.truncate()
        try scene.append(["c"], to: "x.log")
        #expect(stays(scene, on: ["a", "b", "o", "c"]), "\(scene.spool.texts) \(scene.messages.list)")
    }
}
