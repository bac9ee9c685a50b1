import Glibc
import LinuxSystem
import OperationLogs
import Synchronization
import Testing

@testable import Intake

/// Many files, few descriptors: what is quiet is followed by its name, and loses nothing by that.
@Suite struct FilesDescriptorTests {
    /// How many of the files below a directory this process has open.
    private func openFiles(below directory: String) -> Int {
        let descriptors = (try? DirectoryListing.names(of: "/proc/self/fd"))?.names ?? []
        return descriptors.count {
            DirectoryListing.linkTarget(of: "/proc/self/fd/\($0)")?.hasPrefix(directory + "/") ?? false
        }
    }

    private func scene(open: Int) throws -> FileScene {
        let scene = try FileScene()
        scene.options.maxOpenFiles = open
        return scene
    }

    @Test func `of many files few are open, and each is read on when it is written to`() throws {
        let scene = try scene(open: 8)
        for number in 0..<200 { try scene.append(["first-\(number)"], to: "\(number).log") }
        try scene.start()
        var wanted = (0..<200).map { "first-\($0)" }
        #expect(scene.settles(on: wanted, milliseconds: 20_000))
        #expect(openFiles(below: scene.directory) <= 8)
        for number in 0..<200 { try scene.append(["second-\(number)"], to: "\(number).log") }
        wanted += (0..<200).map { "second-\($0)" }
        #expect(scene.settles(on: wanted, milliseconds: 20_000))
        #expect(openFiles(below: scene.directory) <= 8)
        // Those that were written to last are the ones that stay open.
        try scene.append(["last"], to: "77.log")
        #expect(scene.settles(on: wanted + ["last"]))
        let targets = (try? DirectoryListing.names(of: "/proc/self/fd"))?.names ?? []
        #expect(targets.contains { DirectoryListing.linkTarget(of: "/proc/self/fd/\($0)") == scene.path("77.log") })
    }

    @Test func `files of which there is more to read are closed where descriptors run short, and read all the same`()
        throws
    {
        let scene = try scene(open: 8)
        scene.limits.maxOpen = 16
        scene.limits.windowBytes = 64 << 10
        scene.spool.setAcknowledging(false)
        for number in 0..<60 { try scene.append((0..<40).map { "\(number)-\($0)" }, to: "\(number).log") }
        try scene.start()
        #expect(scene.eventually { scene.spool.waiting > 0 && scene.input?.status.hasLooked ?? false })
        usleep(50_000)
        #expect(openFiles(below: scene.directory) <= 16)
        scene.spool.setAcknowledging(true)
        scene.spool.acknowledgeAll()
        #expect(scene.settles(on: (0..<60).flatMap { n in (0..<40).map { "\(n)-\($0)" } }, milliseconds: 20_000))
    }

    /// With one file open: the first and the second of three are closed.
    private func sceneWithClosedFiles() throws -> FileScene {
        let scene = try scene(open: 1)
        for name in ["a", "b", "c"] {
            try scene.append([name], to: "\(name).log")
            usleep(10_000)
        }
        try scene.start()
        #expect(scene.settles(on: ["a", "b", "c"]))
        #expect(scene.eventually { openFiles(below: scene.directory) <= 1 })
        return scene
    }

    @Test func `a closed file that is rotated is read to its end, and so is the new one`() throws {
        let scene = try sceneWithClosedFiles()
        try scene.append(["a2"], to: "a.log")
        try scene.rename("a.log", "a.log.1")
        try scene.append(["a3"], to: "a.log.1")
        try scene.append(["new"], to: "a.log")
        try scene.rename("b.log", "b.log.1")
        try scene.append(["b2"], to: "b.log.1")
        #expect(scene.settles(on: ["a", "b", "c", "a2", "a3", "new", "b2"]))
    }

    @Test func `a closed file that is copied and truncated is read once`() throws {
        let scene = try sceneWithClosedFiles()
        try scene.copy("a.log", "a.log.1")
        try scene.rewrite(FileScene.line("after"), to: "a.log")
        #expect(scene.settles(on: ["a", "b", "c", "after"]))
    }

    /// Then nobody sees that it was truncated.
    @Test(arguments: ["a.log.1", "z.log"])
    func `a closed file that is copied, truncated and deleted before anybody looks is read once`(copy: String) throws {
        let scene = try sceneWithClosedFiles()
        try scene.copy("a.log", copy)
        truncate(scene.path("a.log"), 0)
        scene.remove("a.log")
        try scene.append(["c2"], to: "c.log")
        #expect(scene.settles(on: ["a", "b", "c", "c2"]))
        // Longer than one that looks like a copy is held back.
        usleep(2_500_000)
        #expect(scene.settles(on: ["a", "b", "c", "c2"]))
        // Whoever holds it open and writes on, writes to the copy.
        try scene.append(["a2"], to: copy)
        #expect(scene.settles(on: ["a", "b", "c", "c2", "a2"]) || copy != "z.log")
    }

    @Test func `the beginning of an overlong line in a closed file that is deleted is not lost in silence`() throws {
        let scene = try scene(open: 1)
        scene.options.maxLineBytes = 1024
        try scene.appendRaw(String(repeating: "x", count: 5000), to: "a.log")
        usleep(10_000)
        for name in ["b", "c"] { try scene.append([name], to: "\(name).log") }
        try scene.start()
        #expect(scene.settles(on: ["b", "c"]))
        #expect(scene.eventually { openFiles(below: scene.directory) <= 1 })
        scene.remove("a.log")
        #expect(
            scene.eventually {
                scene.warnings().contains { $0.contains("a.log: bytes 0 to 5000 were seen and never read") }
            }, "\(scene.warnings())")
    }

    @Test func `what a closed file was written before a link led elsewhere is read`() throws {
        let scene = try scene(open: 1)
        scene.limits.windowBytes = 1 << 10
        mkdir(scene.path("targets"), 0o755)
        try scene.append(["one"], to: "targets/one")
        try scene.append(["two"], to: "targets/two")
        symlink(scene.path("targets/one"), scene.path("link.log"))
        try scene.start()
        #expect(scene.settles(on: ["one"]))
        try scene.append(["other"], to: "other.log")
        #expect(scene.settles(on: ["one", "other"]))
        #expect(scene.eventually { openFiles(below: scene.path("targets")) == 0 })
        // Both before it is read again: the spool has no room.
        scene.spool.setAcknowledging(false)
        let full = (0..<40).map { "full-\($0)" }
        try scene.append(full, to: "other.log")
        #expect(scene.eventually { scene.spool.waiting > 0 })
        usleep(50_000)
        try scene.append(["last"], to: "targets/one")
        unlink(scene.path("link.log"))
        symlink(scene.path("targets/two"), scene.path("link.log"))
        usleep(50_000)
        scene.spool.setAcknowledging(true)
        scene.spool.acknowledgeAll()
        #expect(scene.settles(on: ["one", "other", "last", "two"] + full))
    }

    @Test func `what was seen of a closed file and is deleted with it is reported and counted`() throws {
        let scene = try scene(open: 1)
        scene.limits.windowBytes = 1 << 10
        for name in ["a", "b"] {
            try scene.append([name], to: "\(name).log")
            usleep(10_000)
        }
        try scene.start()
        #expect(scene.settles(on: ["a", "b"]))
        #expect(scene.eventually { openFiles(below: scene.directory) <= 1 })
        scene.spool.setAcknowledging(false)
        let full = (0..<40).map { "full-\($0)" }
        try scene.append(full, to: "b.log")
        #expect(scene.eventually { scene.spool.waiting > 0 })
        usleep(50_000)
        try scene.append(["never"], to: "a.log")
        #expect(scene.eventually { scene.input?.status.files.contains { $0.size > $0.position } ?? false })
        usleep(50_000)
        scene.remove("a.log")
        #expect(scene.eventually { scene.warnings().contains { $0.contains("a.log: bytes") } })
        scene.spool.setAcknowledging(true)
        scene.spool.acknowledgeAll()
        #expect(scene.settles(on: ["a", "b"] + full))
    }

    @Test func `where others write unseen, directories are looked through, and quiet files are not opened for that`()
        throws
    {
        let scene = try scene(open: 1)
        scene.faults.unwatchedDirectory.withLock { $0 = scene.directory }
        for number in 0..<20 { try scene.append(["\(number)"], to: "\(number).log") }
        // So old that nothing more can come within the same tick of the clock that stamps files.
        usleep(1_100_000)
        try scene.start()
        let first = (0..<20).map { "\($0)" }
        #expect(scene.settles(on: first))
        #expect(scene.input?.status.polledDirectories == [scene.directory])
        #expect(scene.messages.list.contains { $0.hasPrefix("notice") && $0.contains("another machine writes there") })
        usleep(200_000)
        let before = scene.faults.opened
        usleep(200_000)
        #expect(scene.faults.opened - before < 5, "ten looks through 20 files")
        try scene.append(["more"], to: "3.log")
        #expect(scene.settles(on: first + ["more"]))
    }
}
