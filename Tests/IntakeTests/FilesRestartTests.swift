import Glibc
import Instruments
import Testing

@testable import Intake

@Suite struct FilesRestartTests {
    @Test func `a restart neither loses nor repeats a line`() throws {
        let scene = try FileScene()
        var wanted: [String] = []
        for round in 0..<5 {
            try scene.append(["a\(round)"], to: "x.log")
            try scene.start()
            try scene.append(["b\(round)"], to: "x.log")
            wanted += ["a\(round)", "b\(round)"]
            #expect(scene.settles(on: wanted))
            #expect(scene.stop())
        }
        #expect(scene.spool.texts == wanted)
    }

    @Test func `what was not durable when the daemon died is read again, and nothing else`() throws {
        let scene = try FileScene()
        try scene.append(["a"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        scene.spool.setAcknowledging(false)
        try scene.append(["b", "c"], to: "x.log")
        #expect(scene.eventually { scene.spool.waiting > 0 })
        scene.kill()
        scene.spool.setAcknowledging(true)
        try scene.start()
        #expect(scene.settles(on: ["a", "b", "c"]))
    }

    @Test func `a first start that died with a part of its positions is one for the other files`() throws {
        let scene = try FileScene()
        scene.options.startAt = .end
        scene.limits.maxPositions = 2
        let names = (0..<5).map { "\($0).log" }
        for name in names { try scene.append(["old \(name)"], to: name) }
        scene.spool.die(afterChunks: 1)
        try scene.start()
        #expect(scene.eventually { scene.spool.isDead })
        scene.kill()
        #expect(scene.spool.filePositions.count == 2)
        try scene.start()
        #expect(scene.eventually { scene.input?.status.hasLooked == true })
        for name in names { try scene.append(["new \(name)"], to: name) }
        #expect(scene.settles(on: names.map { "new \($0)" }))
        #expect(scene.spool.texts.sorted() == names.map { "new \($0)" })
    }

    @Test func `positions are kept while a directory is not there`() throws {
        let scene = try FileScene(pattern: "logs/*.log")
        mkdir(scene.path("logs"), 0o755)
        try scene.append(["a"], to: "logs/x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        scene.stop()
        try scene.rename("logs", "unmounted")
        try scene.start()
        #expect(scene.eventually { scene.warnings().contains { $0.contains("once it can be opened") } })
        try scene.restart()
        try scene.append(["b"], to: "unmounted/x.log")
        try scene.rename("unmounted", "logs")
        #expect(scene.settles(on: ["a", "b"]))
        try scene.restart()
        try scene.append(["c"], to: "logs/x.log")
        #expect(scene.settles(on: ["a", "b", "c"]))
        #expect(scene.spool.filePositions.count == 1)
    }

    @Test func `a full window stops the reading until chunks are durable`() throws {
        let scene = try FileScene()
        scene.limits.windowBytes = 256 << 10
        scene.limits.readBytes = 64 << 10
        let count = 20_000
        try scene.append((0..<count).map { "n\($0)" }, to: "x.log")
        scene.spool.setAcknowledging(false)
        try scene.start()
        #expect(scene.eventually { scene.input?.status.bytesUnderWay ?? 0 >= 256 << 10 })
        usleep(50_000)
        #expect(scene.input?.status.bytesUnderWay ?? .max < 640 << 10)
        #expect(scene.input?.status.lagBytes ?? 0 > 100_000)
        scene.spool.setAcknowledging(true)
        scene.spool.acknowledgeAll()
        #expect(scene.eventually { scene.spool.texts.count == count })
        #expect(scene.spool.texts == (0..<count).map { "n\($0)" })
        #expect(scene.eventually { scene.input?.status.lagBytes == 0 })
    }

    @Test func `files that bring only an unfinished line do not fill a chunk that has nothing to send`() throws {
        let scene = try FileScene()
        let names = (0..<50).map { "\($0).log" }
        for name in names { try scene.append(["a"], to: name) }
        try scene.start()
        #expect(scene.settles(on: names.map { _ in "a" }))
        let sent = scene.spool.originators.count
        let half = FileScene.line("b").prefix(12)
        for name in names { try scene.appendRaw(String(half), to: name) }
        let size = UInt64(FileScene.line("a").utf8.count + half.utf8.count)
        #expect(scene.eventually { scene.input?.status.files.allSatisfy { $0.size == size } ?? false })
        #expect(scene.spool.originators.count == sent)
        try scene.appendRaw(String(FileScene.line("b").dropFirst(12)), to: names[7])
        #expect(scene.settles(on: names.map { _ in "a" } + ["b"]))
        #expect(scene.spool.originators.dropFirst(sent) == [1], "only the file with a record")
    }

    @Test func `a huge file does not hold up a small one`() throws {
        let scene = try FileScene()
        scene.limits.readBytes = 16 << 10
        try scene.append((0..<20_000).map { "n\($0)" }, to: "a.log")
        try scene.append(["small"], to: "b.log")
        try scene.start()
        #expect(scene.eventually { scene.spool.texts.count == 20_001 })
        #expect(scene.spool.texts.firstIndex(of: "small") ?? .max < 2000)
    }

    @Test func `overlong lines become one dead letter each, across a restart too`() throws {
        let scene = try FileScene()
        scene.limits.readBytes = 4096
        try scene.append(["a"], to: "x.log")
        try scene.appendRaw(String(repeating: "x", count: 100_000), to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        try scene.restart()
        try scene.appendRaw(String(repeating: "x", count: 50_000) + "\n", to: "x.log")
        try scene.append(["b"], to: "x.log")
        #expect(scene.settles(on: ["a", "line_too_long", "b"]))
        try scene.restart()
        try scene.append(["c"], to: "x.log")
        #expect(scene.settles(on: ["a", "line_too_long", "b", "c"]))
    }

    @Test func `the longest line fits, although a read is shorter`() throws {
        let scene = try FileScene()
        scene.limits.readBytes = 1024
        scene.options.maxLineBytes = 64 << 10
        let name = String(repeating: "n", count: 60_000)
        try scene.append([name, "b"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: [name, "b"]))
    }

    @Test func `the counters say what was read`() throws {
        let scene = try FileScene()
        try scene.append(["a", "b"], to: "x.log")
        try scene.appendRaw("\nnonsense\n", to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a", "b", "invalid_json"]))
        func counter(_ name: String, _ label: (String, String)? = nil) -> UInt64? {
            let family = scene.registry.read().first { $0.name == name }
            let series = family?.series.first { series in
                label.map { wanted in series.labels.contains { $0 == wanted } } ?? true
            }
            if case .counter(let value) = series?.reading { return value }
            return nil
        }
        #expect(counter("opslogd_lines_read_total") == 4)
        #expect(counter("opslogd_bytes_read_total") == UInt64(2 * FileScene.line("a").utf8.count + 10))
        #expect(counter("opslogd_events_accepted_total", ("event", "cast_errors")) == 2)
        #expect(counter("opslogd_lines_rejected_total", ("reason", "invalid_json")) == 1)
    }
}
