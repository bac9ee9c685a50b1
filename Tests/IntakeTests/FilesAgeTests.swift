import Glibc
import LinuxSystem
import OperationLogs
import Testing

@testable import Intake

/// A file that was made before another, and written to last before that, is no copy of it, however alike they begin.
@Suite struct FilesAgeTests {
    /// So that the clock that stamps files has moved on.
    private func wait() { usleep(30_000) }

    /// A started scene in which all files that come from now on are seen to be new.
    private func startedScene() throws -> FileScene {
        let scene = try FileScene()
        try scene.start()
        #expect(scene.eventually { scene.spool.chunks > 0 })
        scene.stop()
        wait()
        return scene
    }

    @Test(arguments: [1, 60]) func `a rotated file is read though the next one begins with all that it holds`(
        lines: Int
    )
        throws
    {
        let scene = try startedScene()
        let heading = (0..<lines).map { "heading-\($0)" }
        try scene.append(heading, to: "x.log")
        try scene.rename("x.log", "x.log.1")
        wait()
        try scene.append(heading + ["more"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: heading + heading + ["more"]))
        // After the time in which it may still be a copy too.
        usleep(1_200_000)
        #expect(scene.settles(on: heading + heading + ["more"]))
    }

    @Test func `what came and was rotated while nobody looked is read though it begins like another`() throws {
        let scene = try FileScene()
        try scene.start()
        try scene.append(["heading"], to: "x.log")
        try scene.append(["heading"], to: "y.log")
        #expect(scene.settles(on: ["heading", "heading"]))
        scene.stop()
        wait()
        try scene.rename("x.log", "x.log.2")
        try scene.append(["heading", "x"], to: "x.log")
        try scene.rename("x.log", "x.log.1")
        try scene.rename("y.log", "y.log.1")
        // A rotated file of another name holds nothing but the same.
        try scene.append(["heading", "z"], to: "z.log")
        try scene.rename("z.log", "z.log.1")
        try scene.append(["new"], to: "x.log")
        try scene.start()
        let all = ["heading", "heading", "heading", "x", "heading", "z", "new"]
        #expect(scene.settles(on: all), "\(scene.messages.list)")
        usleep(1_200_000)
        #expect(scene.settles(on: all))
    }

    @Test func `a file that begins with all of another one is read though it is rotated at once`() throws {
        let scene = try FileScene()
        try scene.start()
        try scene.append(["heading"], to: "y.log")
        #expect(scene.settles(on: ["heading"]))
        wait()
        try scene.append(["heading", "b"], to: "x.log")
        #expect(scene.eventually { scene.spool.filePositions.count == 2 })
        try scene.rename("x.log", "x.log.1")
        #expect(scene.settles(on: ["heading", "heading", "b"]), "\(scene.spool.texts) \(scene.messages.list)")
    }

    @Test(arguments: ["*.log", "*.log*"])
    func `a file that goes on as another one has copies too`(pattern: String) throws {
        let scene = try FileScene(pattern: pattern)
        try scene.start()
        try scene.append(["a"], to: "x.log")
        #expect(scene.settles(on: ["a"]))
        scene.stop()
        try scene.rewrite("", to: "x.log")
        try scene.start()
        #expect(scene.eventually { scene.input?.status.hasLooked ?? false })
        // It holds what it held before, so that this is not read again, and counts as a copy of it.
        try scene.append(["a", "b"], to: "x.log")
        #expect(scene.settles(on: ["a", "b"]), "\(scene.messages.list)")
        wait()
        try scene.copy("x.log", "x.log.1")
        usleep(100_000)
        #expect(scene.settles(on: ["a", "b"]), "\(scene.messages.list)")
        try scene.rewrite(FileScene.line("c"), to: "x.log")
        #expect(scene.settles(on: ["a", "b", "c"]))
        usleep(1_200_000)
        #expect(scene.settles(on: ["a", "b", "c"]), "\(scene.messages.list)")
    }

    @Test func `a copy that is made later is still none of its own`() throws {
        let scene = try startedScene()
        try scene.append(["a", "b"], to: "x.log")
        wait()
        try scene.copy("x.log", "x.log.1")
        try scene.append(["c"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b", "c"]))
        usleep(1_500_000)
        #expect(scene.settles(on: ["a", "b", "c"]))
    }
}
