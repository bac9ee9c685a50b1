import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import Testing

@testable import Intake

/// Lines that the spool lost are read again.
@Suite struct FilesLossTests {
    /// The bytes of these lines of a file, known by its content up to the position that the spool holds.
    private func bytes(_ scene: FileScene, _ name: String, _ lines: Range<Int>) throws -> SourceRange {
        let position = try #require(scene.spool.filePositions.first { $0.path == scene.path(name) })
        let file = try InputFile(path: scene.path(name))
        let all = try file.bytes(Int(position.mark.offset), at: 0)
        let ends = [0] + all.indices.filter { all[$0] == 0x0a }.map { $0 + 1 }
        return SourceRange(
            input: "test", path: position.path, from: UInt64(ends[lines.lowerBound]),
            upTo: UInt64(ends[lines.upperBound]), isExact: true, key: scene.key(of: name), identity: position.encoded)
    }

    @Test func `an input waits until it is told that it may read, and a stop ends the waiting`() throws {
        let (scene, losses) = try FileScene.withLosses()
        losses.order { $0.wait = "the database was not asked" }
        try scene.append(["a"], to: "x.log")
        try scene.start()
        #expect(scene.eventually { scene.input?.status.wait == "the database was not asked" })
        #expect(scene.stop() && scene.spool.chunks == 0)
        try scene.start()
        #expect(scene.eventually { scene.input?.status.wait != nil })
        losses.order { $0.wait = nil }
        #expect(scene.settles(on: ["a"]) && scene.input?.status.wait == nil)
    }

    @Test func `a copy that goes on for its original is recorded under its name`() throws {
        let (scene, _) = try FileScene.withLosses()
        scene.options.paths = [scene.path("x.log*")]
        try scene.append(["a", "b"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b"]))
        try scene.copy("x.log", "x.log.1")
        #expect(scene.eventually { scene.input?.status.files.contains { $0.state == .held } ?? false })
        try scene.rewrite("", to: "x.log")
        #expect(
            scene.eventually {
                let positions = scene.spool.filePositions
                return positions.count == 2 && positions.allSatisfy { $0.path == scene.path("x.log") }
            })
        #expect(scene.spool.filePositions.contains { $0.mark.offset > 0 && $0.takenFrom == 0 })
    }

    @Test func `lines are read again once, under whatever name the file is found`() throws {
        let (scene, losses) = try FileScene.withLosses()
        scene.limits.readBytes = 100
        let lines = (0..<20).map { "line \($0)" + String(repeating: "x", count: $0 * 20) }
        try scene.append(lines, to: "x.log")
        try scene.start()
        #expect(scene.settles(on: lines))
        let order = Rereading(range: 1, source: 1, bytes: try bytes(scene, "x.log", 3..<17))
        losses.order { $0.rereadings = [order] }
        #expect(scene.settles(on: lines + lines[3..<17]) && scene.eventually { losses.told.done == [order] })
        scene.stop()
        let other = Rereading(range: 1, source: 2, bytes: order.bytes)
        try scene.rename("x.log", "x.log.1")
        losses.order { $0.rereadings = [order, other] }
        try scene.start()
        #expect(scene.settles(on: lines + lines[3..<17] + lines[3..<17]))
        #expect(scene.eventually { losses.told.done.count == 3 }, "what was read before is told again, and not read")
    }

    @Test func `of a range without a known end, what stands behind the position is read in its turn only`() throws {
        let (scene, losses) = try FileScene.withLosses()
        try scene.append(["a", "b", "c"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b", "c"]))
        var open = try bytes(scene, "x.log", 1..<2)
        open.upTo = nil
        open.key = scene.key(of: "x.log")
        let order = Rereading(range: 1, source: 1, bytes: open)
        scene.stop()
        try scene.append(["d", "e"], to: "x.log")
        losses.order { $0.rereadings = [order] }
        try scene.start()
        #expect(scene.settles(on: ["a", "b", "c", "b", "c", "d", "e"]), "\(scene.spool.texts)")
        #expect(scene.eventually { losses.told.done == [order] })
        try scene.append(["f"], to: "x.log")
        #expect(scene.settles(on: ["a", "b", "c", "b", "c", "d", "e", "f"]), "\(scene.spool.texts)")
    }

    @Test func `killed at any chunk, lines are read again once`() throws {
        let (scene, losses) = try FileScene.withLosses()
        scene.limits.readBytes = 200
        let lines = (0..<30).map { "line \($0)" }
        try scene.append(lines, to: "x.log")
        try scene.start()
        #expect(scene.settles(on: lines))
        scene.stop()
        var expected = lines
        for (chunks, source) in zip(1...8, 1...) {
            let order = Rereading(range: 1, source: source, bytes: try bytes(scene, "x.log", 5..<25))
            losses.order { $0.rereadings = [order] }
            scene.spool.die(afterChunks: chunks)
            try scene.start()
            #expect(scene.eventually { scene.spool.isDead || losses.told.done.contains(order) })
            scene.kill()
            try scene.start()
            expected += lines[5..<25]
            #expect(scene.settles(on: expected) && scene.eventually { losses.told.done.contains(order) })
            scene.stop()
        }
    }

    @Test func `a file that holds something else by now is not read again`() throws {
        let (scene, losses) = try FileScene.withLosses()
        try scene.append(["a", "b", "c"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b", "c"]))
        let order = Rereading(range: 1, source: 1, bytes: try bytes(scene, "x.log", 1..<2))
        scene.stop()
        try scene.rewrite(["a", "B", "c"].map(FileScene.line).joined(), to: "x.log")
        losses.order { $0.rereadings = [order] }
        try scene.start()
        #expect(scene.settles(on: ["a", "b", "c", "a", "B", "c"]) && losses.told.done.isEmpty)
        #expect(scene.messages.list.contains { $0.contains("no file holds them any more") })
    }

    @Test func `the bytes between two positions are told exactly, or as far as they can be`() throws {
        let reader = FilePositionReader(inputs: ["test"])
        let key = FilePositionKey.new(input: "test", id: .random())
        func position(_ offset: UInt64, takenFrom: UInt64 = 0, path: String = "/x") -> [UInt8] {
            FilePosition(
                inode: 1, birthNanoseconds: 2, device: 3, boot: [UInt8](repeating: 0, count: 16), flags: [],
                mark: ContentMark(offset: offset, hashedFrom: 0, hash: ContentHash(), tail: []), sizeSeen: offset,
                fingerprint: 0, beginning: ContentBeginning(lineEnds: []), takenFrom: takenFrom, path: path
            ).encoded
        }
        func line(_ offset: UInt64, path: String = "/x", input: String = "test") -> (RecordOriginator, UInt64) {
            (RecordOriginator(kind: .file, input: input, path: path), offset)
        }
        func range(
            _ before: UInt64?, _ after: UInt64?, _ lines: [(RecordOriginator, UInt64)] = [], others: [[UInt8]] = [],
            takenFrom: UInt64 = 0
        ) -> (from: UInt64, upTo: UInt64?, isExact: Bool)? {
            let gap = PositionGap(
                key: key, before: before.map { position($0) },
                after: after.map { position($0, takenFrom: takenFrom) },
                firstLines: lines.map { (originator: $0.0, offset: $0.1) },
                positions: (after.map { [position($0)] } ?? []) + others)
            return reader.range(of: gap).map { ($0.from, $0.upTo, $0.isExact) }
        }
        #expect(range(10, 50, [line(30)]) ?? (0, 0, false) == (10, 30, true))
        // Of a copy, what was read of its original is not its own.
        #expect(range(nil, 50, takenFrom: 20) ?? (0, 0, false) == (20, 50, true))
        #expect(range(0, 50, takenFrom: 20) ?? (0, 0, false) == (20, 50, true))
        #expect(range(nil, 50, takenFrom: 50) == nil && range(0, 50, takenFrom: 50) == nil)
        #expect(range(10, 50, [line(10)]) == nil)
        #expect(range(10, 50) ?? (0, 0, false) == (10, 50, true))
        #expect(range(nil, 50, [line(30)]) ?? (1, 0, false) == (0, 30, true))
        // Another file's line, or one that was rotated and has the same path.
        #expect(range(10, 50, [line(20, path: "/y"), line(30)]) ?? (0, 0, false) == (10, 30, true))
        #expect(range(10, 50, [line(20, input: "other")]) ?? (0, 0, false) == (10, 50, true))
        #expect(range(10, 50, [line(20), line(30)]) ?? (0, 0, true) == (10, 50, false))
        #expect(range(10, 50, [line(30)], others: [position(5)]) ?? (0, 0, true) == (10, 50, false))
        // Forgotten: nobody knows how far it was read.
        #expect(range(10, nil)?.upTo == .some(nil) && range(10, nil)?.isExact == false)
        #expect(range(50, 50) == nil && range(nil, nil) == nil)
        #expect(reader.range(of: PositionGap(key: FilePositionKey.mark(input: "test"), before: nil, after: [1])) == nil)
        let order = Rereading(
            range: 1, source: 2,
            bytes: SourceRange(input: "test", path: "", from: 0, upTo: 1, isExact: true, key: [], identity: []))
        let progressKey = RereadingProgress.key(order)
        #expect(RereadingProgress.isKey(progressKey) && reader.input(of: progressKey) == nil)
        #expect(!RereadingProgress.isKey(key) && reader.input(of: key) == "test")
    }
}
