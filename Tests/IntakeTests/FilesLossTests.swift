import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import Synchronization
import Testing

@testable import Intake

/// Gives orders as a spool does that has lost something, and notes what it is told.
private final class TestLosses: LostSources {
    struct State {
        var orders = DamageOrders()
        var wakes: [@Sendable () -> Void] = []
        var aside: [SourceRange] = []
        var over: [Int] = []
        var done: [Rereading] = []
        var failsToSetAside = false
    }

    private let state = Mutex(State())

    var told: State { state.withLock { $0 } }
    func order(_ change: (inout DamageOrders) -> Void) {
        let wakes = state.withLock { state in
            change(&state.orders)
            return state.wakes
        }
        for wake in wakes { wake() }
    }
    func fail(_ on: Bool) { state.withLock { $0.failsToSetAside = on } }

    func orders(for input: String) -> DamageOrders { state.withLock { $0.orders } }
    func onOrders(_ wake: @escaping @Sendable () -> Void) { state.withLock { $0.wakes.append(wake) } }
    func setAside(_ bytes: [SourceRange], range: Int) throws {
        try state.withLock { state in
            if state.failsToSetAside { throw SystemError(call: "write", subject: "losses", code: ENOSPC) }
            state.aside += bytes
        }
    }
    func areCertain(_ keys: [[UInt8]], range: Int) throws {
        state.withLock { state in
            for index in state.orders.doubts.indices { state.orders.doubts[index].keys.subtract(keys) }
        }
    }
    func passedOver(range: Int, input: String) throws {
        state.withLock { state in
            state.over.append(range)
            state.orders.doubts.removeAll { $0.range == range }
        }
    }
    func readAgain(_ rereading: Rereading) throws {
        state.withLock { state in
            state.done.append(rereading)
            state.orders.rereadings.removeAll { $0 == rereading }
        }
    }
}

@Suite struct FilesLossTests {
    private func scene() throws -> (FileScene, TestLosses) {
        let scene = try FileScene()
        let losses = TestLosses()
        scene.losses = losses
        return (scene, losses)
    }

    private func key(_ scene: FileScene, _ name: String) -> [UInt8] {
        scene.spool.positions.first { FilePosition($0.value)?.path == scene.path(name) }?.key ?? []
    }

    /// The bytes of these lines of a file, known by its content up to the position that the spool holds.
    private func bytes(_ scene: FileScene, _ name: String, _ lines: Range<Int>) throws -> SourceRange {
        let position = try #require(scene.spool.filePositions.first { $0.path == scene.path(name) })
        let file = try InputFile(path: scene.path(name))
        let all = try file.bytes(Int(position.mark.offset), at: 0)
        let ends = [0] + all.indices.filter { all[$0] == 0x0a }.map { $0 + 1 }
        return SourceRange(
            input: "test", path: position.path, from: UInt64(ends[lines.lowerBound]),
            upTo: UInt64(ends[lines.upperBound]), isExact: true, key: key(scene, name), identity: position.encoded)
    }

    @Test func `an input waits until it is told that it may read, and a stop ends the waiting`() throws {
        let (scene, losses) = try scene()
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

    @Test func `a file in doubt goes on behind its last line end, one that is known where it was`() throws {
        let (scene, losses) = try scene()
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
            $0.doubts = [PositionDoubt(range: 3, keys: [key(scene, "x.log")], bornBefore: .max)]
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

    @Test func `a file that was made behind the range is read from its beginning`() throws {
        let (scene, losses) = try scene()
        losses.order { $0.doubts = [PositionDoubt(range: 1, keys: [], bornBefore: 1)] }
        try scene.append(["a"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]) && losses.told.aside.isEmpty)
    }

    @Test func `what cannot be set aside is neither read nor passed over before the next start`() throws {
        let (scene, losses) = try scene()
        try scene.append(["a"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        scene.stop()
        try scene.append(["a2"], to: "x.log")
        losses.fail(true)
        losses.order { $0.doubts = [PositionDoubt(range: 1, keys: [key(scene, "x.log")], bornBefore: 0)] }
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
        let (scene, losses) = try scene()
        scene.options.paths = ["here", "away"].map { scene.path("\($0)/x.log") }
        for place in ["here", "away"] {
            mkdir(scene.path(place), 0o755)
            try scene.append(["\(place) 1"], to: "\(place)/x.log")
        }
        try scene.start()
        #expect(scene.settles(on: ["here 1", "away 1"]))
        scene.stop()
        for place in ["here", "away"] { try scene.append(["\(place) 2"], to: "\(place)/x.log") }
        let keys = Set(["here", "away"].map { key(scene, "\($0)/x.log") })
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

    @Test func `killed before the new position is durable, it sets the same aside again`() throws {
        let (scene, losses) = try scene()
        try scene.append(["a"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        scene.stop()
        try scene.append(["a2"], to: "x.log")
        losses.order { $0.doubts = [PositionDoubt(range: 1, keys: [key(scene, "x.log")], bornBefore: 0)] }
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

    @Test func `lines are read again once, under whatever name the file is found`() throws {
        let (scene, losses) = try scene()
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
        let (scene, losses) = try scene()
        try scene.append(["a", "b", "c"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b", "c"]))
        var open = try bytes(scene, "x.log", 1..<2)
        open.upTo = nil
        open.key = key(scene, "x.log")
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
        let (scene, losses) = try scene()
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
        let (scene, losses) = try scene()
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
        func position(_ offset: UInt64, path: String = "/x") -> [UInt8] {
            FilePosition(
                inode: 1, birthNanoseconds: 2, device: 3, boot: [UInt8](repeating: 0, count: 16), flags: [],
                mark: ContentMark(offset: offset, hashedFrom: 0, hash: ContentHash(), tail: []), sizeSeen: offset,
                fingerprint: 0, beginning: ContentBeginning(lineEnds: []), path: path
            ).encoded
        }
        func line(_ offset: UInt64, path: String = "/x", input: String = "test") -> (RecordOriginator, UInt64) {
            (RecordOriginator(kind: .file, input: input, path: path), offset)
        }
        func range(
            _ before: UInt64?, _ after: UInt64?, _ lines: [(RecordOriginator, UInt64)] = [], others: [[UInt8]] = []
        ) -> (from: UInt64, upTo: UInt64?, isExact: Bool)? {
            let gap = PositionGap(
                key: key, before: before.map { position($0) }, after: after.map { position($0) },
                firstLines: lines.map { (originator: $0.0, offset: $0.1) },
                positions: (after.map { [position($0)] } ?? []) + others)
            return reader.range(of: gap).map { ($0.from, $0.upTo, $0.isExact) }
        }
        #expect(range(10, 50, [line(30)]) ?? (0, 0, false) == (10, 30, true))
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
