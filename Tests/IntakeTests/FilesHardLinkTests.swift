import Glibc
import LinuxSystem
import OperationLogs
import Testing

@testable import Intake

/// What tells of a write names the file as its writer opened it, which may be a name that nobody watches.
@Suite struct FilesHardLinkTests {
    /// A writer that keeps its file open.
    private func writer(_ path: String) throws -> Descriptor {
        let opened = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard opened >= 0 else { throw SystemError.last("open", path) }
        return Descriptor(owning: opened)
    }

    private func write(_ text: String, to writer: borrowing Descriptor) {
        let bytes = Array(FileScene.line(text).utf8)
        #expect(Glibc.write(writer.rawValue, bytes, bytes.count) == bytes.count)
    }

    @Test func `a file is read on when the name under which its writer has it open is removed`() throws {
        let scene = try FileScene()
        let writer = try writer(scene.path("x.log"))
        write("a", to: writer)
        link(scene.path("x.log"), scene.path("y.log"))
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        scene.remove("x.log")
        usleep(50_000)
        write("b", to: writer)
        #expect(scene.settles(on: ["a", "b"]))
    }

    @Test func `a file is read on that is written to under a name elsewhere`() throws {
        let scene = try FileScene()
        mkdir(scene.path("elsewhere"), 0o755)
        let writer = try writer(scene.path("elsewhere/x.log"))
        write("a", to: writer)
        link(scene.path("elsewhere/x.log"), scene.path("y.log"))
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        write("b", to: writer)
        #expect(scene.settles(on: ["a", "b"]))
        try scene.restart()
        #expect(scene.eventually { scene.input?.status.hasLooked ?? false })
        usleep(50_000)
        write("c", to: writer)
        #expect(scene.settles(on: ["a", "b", "c"]))
    }

    @Test func `a file is read on whose writer's directory is gone`() throws {
        let scene = try FileScene()
        scene.options.paths.append(scene.path("d/x.log"))
        mkdir(scene.path("d"), 0o755)
        let writer = try writer(scene.path("d/x.log"))
        write("a", to: writer)
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        link(scene.path("d/x.log"), scene.path("y.log"))
        usleep(50_000)
        scene.remove("d/x.log")
        rmdir(scene.path("d"))
        usleep(100_000)
        write("b", to: writer)
        #expect(scene.settles(on: ["a", "b"]))
    }
}
