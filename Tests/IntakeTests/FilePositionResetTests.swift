import Glibc
import LinuxSystem
import OperationLogs
import Testing

@testable import Intake

/// The operator's word on how far a file has been read.
@Suite struct FilePositionResetTests {
    /// A stopped scene that has read two files, one of them under a rotated name by now.
    private func sceneThatRead() throws -> FileScene {
        let scene = try FileScene()
        try scene.append(["old-1", "old-2"], to: "x.log")
        try scene.append(["other"], to: "y.log")
        try scene.start()
        #expect(scene.settles(on: ["old-1", "old-2", "other"]))
        try scene.rename("x.log", "x.log.1")
        try scene.append(["new"], to: "x.log")
        #expect(scene.settles(on: ["old-1", "old-2", "other", "new"]))
        scene.stop()
        return scene
    }

    private func reset(_ scene: FileScene, to target: FilePositionReset<MountedFileSystem>.Target, _ names: [String])
        throws -> Int
    {
        let reset = FilePositionReset(in: MountedFileSystem(), places: [])
        let changes = try scene.spool.positions.compactMap { key, value in
            try reset.change(key: key, value: value, to: target)
        }.filter { names.map(scene.path).contains($0.presentPath) }
        let receipt = ChunkReceipt(wake: try EventDescriptor())
        scene.spool.append(FilePositionReset<MountedFileSystem>.chunk(changes, receipt: receipt))
        #expect(receipt.durableTicket == 1)
        return changes.count
    }

    @Test func `a file is read again from its beginning, once, and no other is`() throws {
        let scene = try sceneThatRead()
        #expect(try reset(scene, to: .beginning, ["x.log.1"]) == 1)
        try scene.start()
        let wanted = ["old-1", "old-2", "other", "new", "old-1", "old-2"]
        #expect(scene.settles(on: wanted))
        try scene.restart()
        #expect(scene.settles(on: wanted))
        #expect(scene.spool.filePositions.count == 3)
    }

    @Test func `a file that looks like another is read again too`() throws {
        let scene = try sceneThatRead()
        scene.options.paths.append(scene.path("*.copy"))
        try scene.copy("x.log.1", "z.copy")
        try scene.start()
        // Held back for as long as it may be a copy, and then a file of its own.
        #expect(scene.settles(on: ["old-1", "old-2", "other", "new", "old-1", "old-2"]))
        scene.stop()
        #expect(try reset(scene, to: .beginning, ["z.copy", "x.log.1", "x.log", "y.log"]) == 4)
        try scene.start()
        #expect(
            scene.settles(
                on: [
                    "old-1", "old-2", "other", "new", "old-1", "old-2", "old-1", "old-2", "other", "new", "old-1",
                    "old-2",
                ]))
    }

    @Test func `to the end leaves out what was not read, up to the last line end`() throws {
        let scene = try sceneThatRead()
        try scene.append(["unread"], to: "y.log")
        try scene.appendRaw(String(FileScene.line("begun").prefix(20)), to: "y.log")
        #expect(try reset(scene, to: .end, ["y.log"]) == 1)
        try scene.appendRaw(String(FileScene.line("begun").dropFirst(20)), to: "y.log")
        try scene.start()
        #expect(scene.settles(on: ["old-1", "old-2", "other", "new", "begun"]))
    }

    @Test func `of a file that is gone there is nothing to change`() throws {
        let scene = try sceneThatRead()
        scene.remove("y.log")
        #expect(try reset(scene, to: .beginning, ["y.log"]) == 0)
    }
}
