import Glibc
import LinuxSystem
import OperationLogs
import Testing

@testable import Intake

/// Files go on where they stand, if it is not known how far they had been read; what is passed over is set aside by name.
@Suite struct FilesDoubtTests {
    /// A scene whose input has read the line of `x.log`, and is stopped.
    private func sceneThatRead() throws -> (FileScene, TestLosses) {
        let (scene, losses) = try FileScene.withLosses()
        try scene.append(["a"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        scene.stop()
        return (scene, losses)
    }

    @Test func `a file in doubt goes on behind its last line end, one that is known where it was`() throws {
        let (scene, losses) = try FileScene.withLosses()
        try scene.append(["a"], to: "x.log")
        try scene.append(["b"], to: "y.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b"]))
        scene.stop()
        let position = try #require(scene.spool.filePositions.first { $0.path == scene.path("x.log") })
        try scene.append(["a2", "a3"], to: "x.log")
        try scene.appendRaw("{\"event\":\"cast_errors\",", to: "x.log")
        try scene.append(["b2"], to: "y.log")
        try scene.append(["c"], to: "new.log")
        let size = try FileIdentity.at(scene.path("x.log")).size
        losses.order {
            $0.doubts = [PositionDoubt(range: 3, keys: [scene.key(of: "x.log")], bornBefore: .max)]
        }
        try scene.start()
        #expect(scene.eventually { losses.told.over == [3] })
        try scene.appendRaw("\"column_name\":\"a4\"}\n", to: "x.log")
        #expect(scene.settles(on: ["a", "b", "b2", "a4"]))
        let aside = losses.told.aside.sorted { $0.path < $1.path }
        #expect(aside.map(\.path) == [scene.path("new.log"), scene.path("x.log")])
        #expect(aside.map(\.from) == [0, position.mark.offset] && aside[1].upTo == size - 23)
        #expect(
            try aside.allSatisfy { try !$0.isExact && LostBytesSearch(in: MountedFileSystem()).path(of: $0) == $0.path }
        )
        try scene.restart()
        try scene.append(["a5"], to: "x.log")
        try scene.append(["c2"], to: "new.log")
        #expect(scene.settles(on: ["a", "b", "b2", "a4", "a5", "c2"]) && losses.told.aside.count == 2)
    }

    @Test func `the rest of a line that was set aside with its beginning is set aside when it comes`() throws {
        let (scene, losses) = try sceneThatRead()
        let line = FileScene.line("torn")
        try scene.appendRaw(String(line.prefix(7)), to: "x.log")
        try scene.rename("x.log", "x.log.1")
        losses.order { $0.doubts = [PositionDoubt(range: 3, keys: [scene.key(of: "x.log")], bornBefore: 0)] }
        try scene.start()
        #expect(scene.eventually { losses.told.over == [3] })
        let size = try FileIdentity.at(scene.path("x.log.1")).size
        #expect(losses.told.aside.map(\.upTo) == [size])
        try scene.appendRaw(String(line.dropFirst(7).prefix(8)), to: "x.log.1")
        #expect(scene.eventually { losses.told.aside.map(\.upTo) == [size + 8] })
        try scene.restart()
        try scene.appendRaw(String(line.dropFirst(15)), to: "x.log.1")
        try scene.append(["b"], to: "x.log.1")
        #expect(scene.settles(on: ["a", "b"]), "\(scene.spool.texts) \(scene.messages.list)")
        #expect(losses.told.aside.map(\.upTo) == [size + UInt64(line.utf8.count) - 7])
    }

    @Test func `a file that was made behind the range is read from its beginning`() throws {
        let (scene, losses) = try FileScene.withLosses()
        losses.order { $0.doubts = [PositionDoubt(range: 1, keys: [], bornBefore: 1)] }
        try scene.append(["a"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]) && losses.told.aside.isEmpty)
    }

    @Test func `what cannot be set aside is neither read nor passed over before the next start`() throws {
        let (scene, losses) = try sceneThatRead()
        try scene.append(["a2"], to: "x.log")
        losses.fail(true)
        losses.order { $0.doubts = [PositionDoubt(range: 1, keys: [scene.key(of: "x.log")], bornBefore: 0)] }
        try scene.start()
        try scene.append(["a3"], to: "x.log")
        #expect(scene.settles(on: ["a"]) && losses.told.over.isEmpty)
        losses.fail(false)
        try scene.restart()
        #expect(scene.eventually { losses.told.over == [1] })
        try scene.append(["a4"], to: "x.log")
        #expect(scene.settles(on: ["a", "a4"]) && losses.told.aside.count == 1)
    }

    @Test func `a file that cannot be looked for stays in doubt, and the others are certain`() throws {
        let (scene, losses) = try FileScene.withLosses()
        scene.options.paths = ["here", "away"].map { scene.path("\($0)/x.log") }
        for place in ["here", "away"] {
            mkdir(scene.path(place), 0o755)
            try scene.append(["\(place) 1"], to: "\(place)/x.log")
        }
        try scene.start()
        #expect(scene.settles(on: ["here 1", "away 1"]))
        scene.stop()
        for place in ["here", "away"] { try scene.append(["\(place) 2"], to: "\(place)/x.log") }
        let keys = Set(["here", "away"].map { scene.key(of: "\($0)/x.log") })
        losses.order { $0.doubts = [PositionDoubt(range: 1, keys: keys, bornBefore: 0)] }
        try scene.rename("away", "unmounted")
        try scene.start()
        #expect(scene.eventually { losses.told.orders.doubts.map(\.keys.count) == [1] })
        scene.stop()
        try scene.append(["here 3"], to: "here/x.log")
        try scene.append(["away 3"], to: "unmounted/x.log")
        try scene.start()
        #expect(scene.settles(on: ["here 1", "away 1", "here 3"]) && losses.told.over.isEmpty)
        // Found while the input runs.
        try scene.rename("unmounted", "away")
        #expect(scene.eventually { losses.told.aside.count == 2 })
        try scene.append(["away 4"], to: "away/x.log")
        #expect(scene.settles(on: ["here 1", "away 1", "here 3", "away 4"]))
        try scene.restart()
        #expect(scene.eventually { losses.told.over == [1] })
        #expect(scene.settles(on: ["here 1", "away 1", "here 3", "away 4"]) && losses.told.aside.count == 2)
    }

    @Test func `a file in doubt that cannot be opened stays in doubt, over a restart too`() throws {
        let (scene, losses) = try sceneThatRead()
        try scene.append(["a2"], to: "x.log")
        try scene.append(["b"], to: "new.log")
        losses.order { $0.doubts = [PositionDoubt(range: 1, keys: [scene.key(of: "x.log")], bornBefore: .max)] }
        for name in ["x.log", "new.log"] { scene.faults.fail(.open, name, EMFILE) }
        for _ in 0..<2 {
            try scene.start()
            #expect(scene.eventually { scene.spool.filePositions.count == 2 })
            usleep(150_000)
            #expect(losses.told.over.isEmpty && losses.told.aside.isEmpty)
            scene.kill()
        }
        try scene.start()
        scene.faults.end()
        #expect(scene.eventually { losses.told.over == [1] })
        #expect(Set(losses.told.aside.map(\.path)) == Set(["x.log", "new.log"].map(scene.path)))
        try scene.append(["b2"], to: "new.log")
        #expect(scene.settles(on: ["a", "b2"]), "\(scene.spool.texts)")
    }

    @Test func `a file that is found late, since its directory could not be listed, is in doubt`() throws {
        let (scene, losses) = try FileScene.withLosses()
        try scene.append(["a"], to: "x.log")
        losses.order { $0.doubts = [PositionDoubt(range: 1, keys: [], bornBefore: .max)] }
        scene.faults.fail(.names, scene.directory, EIO)
        try scene.start()
        #expect(scene.eventually { scene.spool.chunks > 0 })
        usleep(150_000)
        #expect(losses.told.over.isEmpty)
        scene.faults.end()
        #expect(scene.eventually { losses.told.over == [1] })
        #expect(losses.told.aside.map(\.path) == [scene.path("x.log")] && scene.spool.texts.isEmpty)
    }

    @Test func `the copy of a file whose position is lost is in doubt, if nothing is known of it but that it is there`()
        throws
    {
        let (scene, losses) = try FileScene.withLosses()
        scene.options.paths = [scene.path("x.log*")]
        try scene.append(["a"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        let lost = scene.key(of: "x.log")
        let size = try FileIdentity.at(scene.path("x.log")).size
        scene.faults.fail(.open, "x.log.1", EMFILE)
        try scene.copy("x.log", "x.log.1")
        #expect(scene.eventually { scene.spool.filePositions.count == 2 })
        scene.kill()
        try scene.rewrite("", to: "x.log")
        scene.spool.lose(lost)
        let bornBefore = try FileIdentity.at(scene.path("x.log")).birthNanoseconds
        losses.order { $0.doubts = [PositionDoubt(range: 1, keys: [], bornBefore: bornBefore)] }
        try scene.start()
        usleep(100_000)
        scene.faults.end()
        #expect(scene.eventually { losses.told.over == [1] })
        #expect(losses.told.aside.map(\.upTo) == [size])
        try scene.append(["b"], to: "x.log")
        #expect(scene.settles(on: ["a", "b"]), "\(scene.spool.texts)")
    }

    @Test func `killed before the new position is durable, it sets the same aside again`() throws {
        let (scene, losses) = try sceneThatRead()
        try scene.append(["a2"], to: "x.log")
        losses.order { $0.doubts = [PositionDoubt(range: 1, keys: [scene.key(of: "x.log")], bornBefore: 0)] }
        scene.spool.setAcknowledging(false)
        try scene.start()
        #expect(scene.eventually { losses.told.aside.count == 1 && scene.spool.waiting > 0 })
        scene.kill()
        #expect(losses.told.over.isEmpty)
        scene.spool.setAcknowledging(true)
        try scene.start()
        #expect(scene.settles(on: ["a"]) && scene.eventually { losses.told.over == [1] })
        #expect(Set(losses.told.aside.map(\.from)).count == 1)
    }
}
