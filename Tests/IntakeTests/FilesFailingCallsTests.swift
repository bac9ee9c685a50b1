import Glibc
import LinuxSystem
import Synchronization
import Testing

@testable import Intake

/// A call that fails decides nothing: each line comes once, when it can be looked at again.
@Suite struct FilesFailingCallsTests {
    /// A scene whose input runs, and whose first start is durable: what is made from now on came later.
    private func startedScene(_ prepare: (FileScene) -> Void = { _ in }) throws -> FileScene {
        let scene = try FileScene()
        prepare(scene)
        try scene.start()
        #expect(scene.eventually { scene.spool.positions.count == 1 })
        usleep(25_000)
        return scene
    }

    @Test(arguments: [EACCES, EIO, EMFILE, ENOMEM])
    func `a file that cannot be opened at a start is read on from its position, and others meanwhile`(code: Int32)
        throws
    {
        let scene = try FileScene()
        try scene.append(["a"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        scene.stop()
        try scene.append(["b"], to: "x.log")
        scene.faults.fail(.open, "x.log", code)
        try scene.start()
        try scene.append(["other"], to: "y.log")
        #expect(scene.settles(on: ["a", "other"]))
        usleep(400_000)
        #expect(scene.warnings().count { $0.contains("x.log") } <= 2, "said once, however often it is tried")
        scene.faults.end()
        #expect(scene.settles(on: ["a", "b", "other"]))
    }

    @Test func `a new file that cannot be opened is found again though it is rotated and the daemon dies`() throws {
        let scene = try FileScene()
        try scene.start()
        #expect(scene.eventually { scene.spool.positions.count == 1 })
        scene.faults.fail(.open, "x.log", EACCES)
        scene.faults.fail(.open, "x.log.1", EACCES)
        try scene.append(["a"], to: "x.log")
        // The position of a file that is seen, and not read.
        #expect(scene.eventually { scene.spool.filePositions.count == 1 })
        usleep(60_000)
        try scene.append(["other"], to: "y.log")
        #expect(scene.settles(on: ["other"]))
        scene.kill()
        try scene.rename("x.log", "x.log.1")
        try scene.start()
        usleep(200_000)
        scene.faults.end()
        #expect(scene.settles(on: ["a", "other"]))
    }

    @Test(arguments: [false, true])
    func `a directory that cannot be listed for a while at a start makes no line come twice or never`(isKilled: Bool)
        throws
    {
        let scene = try FileScene()
        try scene.append(["a"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        scene.stop()
        usleep(25_000)
        try scene.append(["b"], to: "x.log")
        try scene.rename("x.log", "x.log.2")
        // One that came and was rotated while nobody looked.
        try scene.append(["c"], to: "x.log")
        try scene.rename("x.log", "x.log.1")
        try scene.append(["d"], to: "x.log")
        scene.faults.fail(.names, scene.directory, EIO)
        try scene.start()
        usleep(150_000)
        #expect(scene.spool.texts == ["a"], "nothing is known of what is there")
        try scene.append(["e"], to: "y.log")
        if isKilled {
            _ = scene.eventually(milliseconds: 500) { scene.spool.texts.contains("e") }
            scene.kill()
            try scene.start()
            usleep(150_000)
        }
        scene.faults.end()
        #expect(scene.settles(on: ["a", "b", "c", "d", "e"]), "\(scene.spool.lines) \(scene.messages.list)")
        #expect(scene.input?.status.bytesLost == 0)
    }

    /// Whichever of its looks at the directory is the first to fail.
    @Test(arguments: 1...8)
    func `a file that was rewritten and rotated meanwhile is read, whatever fails at the start`(nth: Int) throws {
        let scene = try FileScene()
        scene.options.rotated = [scene.path("old")]
        mkdir(scene.path("old"), 0o755)
        try scene.append(["a"], to: "x.log")
        // Long enough before for the mark to have passed it.
        usleep(25_000)
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        scene.kill()
        try scene.copy("x.log", "old/x.log.1")
        try scene.rewrite(FileScene.line("b"), to: "x.log")
        try scene.rename("x.log", "x.log.1")
        scene.faults.fail(.names, scene.directory, ENOMEM, from: nth)
        try scene.start()
        usleep(100_000)
        scene.faults.end()
        #expect(scene.settles(on: ["a", "b"]), "\(scene.spool.texts) \(scene.messages.list)")
    }

    @Test func `a copy elsewhere waits until the directory of its original can be listed`() throws {
        let scene = try FileScene()
        scene.options.rotated = [scene.path("old")]
        mkdir(scene.path("old"), 0o755)
        try scene.start()
        #expect(scene.eventually { scene.spool.positions.count == 1 })
        scene.stop()
        usleep(25_000)
        try scene.append(["a"], to: "x.log")
        try scene.copy("x.log", "old/x.log.1")
        scene.faults.fail(.names, scene.directory, ENOMEM)
        try scene.start()
        usleep(200_000)
        scene.faults.end()
        #expect(scene.settles(on: ["a"]), "\(scene.spool.texts) \(scene.messages.list)")
        usleep(200_000)
        try scene.append(["b"], to: "x.log")
        #expect(scene.settles(on: ["a", "b"]), "\(scene.spool.texts) \(scene.messages.list)")
    }

    @Test func `the copy of a file that could not be opened before it was deleted is read`() throws {
        let scene = try startedScene()
        scene.faults.fail(.open, "x.log", ENOMEM)
        try scene.append(["a"], to: "x.log")
        #expect(scene.eventually { scene.spool.filePositions.count == 1 })
        try scene.copy("x.log", "x.log.1")
        try scene.rewrite("", to: "x.log")
        scene.remove("x.log")
        #expect(scene.settles(on: ["a"]), "\(scene.spool.lines) \(scene.messages.list)")
        #expect(scene.input?.status.bytesLost == 0)
    }

    @Test func `a file that lost its name is kept while the names beside it cannot be read`() throws {
        let scene = try startedScene { scene in
            scene.limits.maxWatches = 0
            scene.limits.graceMilliseconds = 200
        }
        try scene.append(["a"], to: "x.log")
        #expect(scene.settles(on: ["a"]))
        scene.faults.fail(.names, scene.directory, EMFILE)
        try scene.rename("x.log", "x.log.1")
        usleep(1_000_000)
        scene.faults.end()
        usleep(300_000)
        try scene.append(["b"], to: "x.log.1")
        #expect(scene.settles(on: ["a", "b"]), "\(scene.spool.lines) \(scene.messages.list)")
    }

    @Test func `a name that leads to another file when it is opened gives nothing of that to the first`() throws {
        let scene = try startedScene()
        scene.faults.fail(.open, "x.log", ENOMEM)
        try scene.append(["a"], to: "x.log")
        #expect(scene.eventually { scene.spool.filePositions.count == 1 })
        let (path, faults) = (scene.path("x.log"), scene.faults)
        scene.faults.before(.open, "x.log") {
            faults.end()
            rename(path, path + ".1")
            let opened = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
            let bytes = Array(FileScene.line("b").utf8)
            _ = write(opened, bytes, bytes.count)
            close(opened)
        }
        #expect(scene.settles(on: ["a", "b"]), "\(scene.spool.lines) \(scene.messages.list)")
        usleep(200_000)
        #expect(scene.settles(on: ["a", "b"]), "\(scene.spool.lines) \(scene.messages.list)")
    }

    @Test func `a closed file is known again under a name that could not be looked at when it got it`() throws {
        let scene = try startedScene()
        try scene.append(["a"], to: "x.log")
        #expect(scene.settles(on: ["a"]))
        try scene.rename("x.log", "x.log.1")
        usleep(1_000_000)
        scene.faults.fail(.identity, "x.log.2", ENOMEM)
        try scene.rename("x.log.1", "x.log.2")
        usleep(200_000)
        scene.faults.end()
        usleep(300_000)
        #expect(scene.settles(on: ["a"]), "\(scene.spool.lines) \(scene.messages.list)")
        try scene.append(["b"], to: "x.log.2")
        #expect(scene.settles(on: ["a", "b"]), "\(scene.spool.lines) \(scene.messages.list)")
    }

    @Test func `a closed file is known again that is renamed while the directory is looked through`() throws {
        let scene = try startedScene { scene in
            scene.limits.maxWatches = 0
        }
        try scene.append(["a"], to: "x.log")
        #expect(scene.settles(on: ["a"]))
        try scene.rename("x.log", "x.log.1")
        usleep(1_000_000)
        let (old, new) = (scene.path("x.log.1"), scene.path("x.log.2"))
        scene.faults.before(.identity, "x.log.1") { rename(old, new) }
        usleep(300_000)
        #expect(scene.settles(on: ["a"]), "\(scene.spool.lines) \(scene.messages.list)")
        try scene.append(["b"], to: "x.log.2")
        #expect(scene.settles(on: ["a", "b"]), "\(scene.spool.lines) \(scene.messages.list)")
    }

    /// As where a program answers for the file system by path, and others have renamed the file.
    @Test func `an open file that is gone by the name it was opened under is opened by the one it has`() throws {
        let scene = try FileScene(pattern: "*.log*")
        try scene.append(["a"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        scene.faults.fail(.identityOfOpen, "/x.log", ENOENT)
        try scene.rename("x.log", "x.log.1")
        try scene.append(["b"], to: "x.log.1")
        #expect(scene.settles(on: ["a", "b"]), "\(scene.spool.lines) \(scene.messages.list)")
    }

    @Test func `an open file that shows the size of the one that has its name now was not truncated`() throws {
        let scene = try FileScene(pattern: "*.log*")
        scene.faults.answersByPath.withLock { $0 = "/x.log" }
        try scene.append(["a", "b", "c"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b", "c"]))
        // Others rename it when it is about to be read, and nobody has told of it yet.
        let directory = scene.directory
        scene.faults.before(.read, "/x.log") {
            #expect(rename("\(directory)/x.log", "\(directory)/x.log.1") == 0)
            #expect(close(creat("\(directory)/x.log", 0o644)) == 0)
        }
        try scene.append(["d"], to: "x.log")
        #expect(scene.settles(on: ["a", "b", "c", "d"]), "\(scene.spool.texts) \(scene.messages.list)")
        try scene.append(["e"], to: "x.log.1")
        try scene.append(["f"], to: "x.log")
        #expect(
            scene.settles(on: ["a", "b", "c", "d", "e", "f"]), "\(scene.spool.texts) \(scene.messages.list)")
        #expect(scene.warnings().isEmpty, "\(scene.warnings())")
    }

    @Test(arguments: [false, true])
    func `a copy that cannot be compared when its file was truncated goes on once it can`(isKilled: Bool) throws {
        let scene = try FileScene()
        try scene.append(["a"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        scene.faults.fail(.read, "x.log.1", EIO)
        scene.spool.setAcknowledging(false)
        try scene.copy("x.log", "x.log.1")
        try scene.appendRaw(FileScene.line("b"), to: "x.log.1")
        scene.spool.setAcknowledging(true)
        scene.spool.acknowledgeAll()
        try scene.rewrite(FileScene.line("c"), to: "x.log")
        #expect(scene.settles(on: ["a", "c"]))
        if isKilled {
            scene.kill()
            try scene.start()
            usleep(150_000)
        }
        #expect(scene.input?.status.bytesLost == 0, "nothing is known to be lost")
        scene.faults.end()
        #expect(scene.settles(on: ["a", "b", "c"]), "\(scene.spool.lines) \(scene.messages.list)")
    }

    @Test func `a last line without its end comes, though the read that was to take it gave less`() throws {
        let scene = try startedScene()
        try scene.append(["a"], to: "x.log")
        try scene.appendRaw(String(FileScene.line("b").dropLast()), to: "x.log")
        #expect(scene.settles(on: ["a"]))
        try scene.rename("x.log", "x.log.1")
        // It is read once more at once, and finished when it has been quiet.
        usleep(60_000)
        scene.faults.shortenNextRead("x.log")
        #expect(scene.settles(on: ["a", "b"]), "\(scene.spool.texts) \(scene.messages.list)")
    }

    @Test func `a read that fails is said once, and tried again`() throws {
        let scene = try FileScene()
        try scene.append(["a"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        scene.faults.fail(.read, "x.log", EIO)
        try scene.append(["b"], to: "x.log")
        #expect(scene.eventually { scene.input?.status.files.first?.state == .failing })
        usleep(400_000)
        #expect(scene.warnings().count == 1)
        scene.faults.end()
        #expect(scene.settles(on: ["a", "b"]))
        #expect(scene.input?.status.files.first?.state == .waiting)
    }

    @Test func `the mark keeps what cannot be looked at, and is bounded`() {
        var mark = FileInputMark(seenUntil: 10)
        mark.hold("/log/a")
        mark.advance(to: 20)
        #expect(mark.seenUntil(in: "/log/a/b") == 10 && mark.seenUntil(in: "/log/ab") == 20)
        #expect(FileInputMark(mark.encoded) == mark)
        mark.releaseAll(but: ["/log/a"])
        #expect(mark.seenUntil(in: "/log/a") == 10)
        mark.releaseAll(but: [])
        #expect(mark.seenUntil(in: "/log/a") == 20 && mark.encoded.count == 9)
        mark.hold("/old")
        mark.advance(to: 30)
        for number in 0...64 { mark.hold("/log/\(number)") }
        #expect(mark.held.count == 1 && mark.seenUntil(in: "/anywhere") == 20)
        for length in 0..<mark.encoded.count where length != 9 {
            #expect(FileInputMark(Array(mark.encoded[..<length])) == nil)
        }
    }
}
