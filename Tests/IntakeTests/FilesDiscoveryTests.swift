import Glibc
import Testing

@testable import Intake

@Suite struct FilesDiscoveryTests {
    @Test func `patterns match as a shell's do`() {
        func matches(_ name: String, _ pattern: String) -> Bool { PathPattern.matches(name: name, pattern) }
        #expect(matches("a.log", "*.log"))
        #expect(!matches("a.log.1", "*.log"))
        #expect(matches("a.log.1", "a.log*"))
        #expect(matches("abcabc", "a*bc"))
        #expect(!matches("abcabd", "a*bc"))
        #expect(matches("a1", "a[0-9]"))
        #expect(!matches("ax", "a[0-9]"))
        #expect(matches("ax", "a[!0-9]"))
        #expect(matches("a]", "a[]]"))
        #expect(matches("a[b", "a[b"))
        #expect(matches("für", "f?r"))
        #expect(!matches(".hidden", "*"))
        #expect(matches(".hidden", ".*"))
        #expect(matches("", "*"))
        #expect(!matches("", "?"))
        #expect(PathPattern("/a/*/c.log").matches(path: "/a/b/c.log"))
        #expect(!PathPattern("/a/*/c.log").matches(path: "/a/b/b/c.log"))
    }

    @Test func `a star, a question mark and brackets take whole characters`() {
        func matches(_ name: String, _ pattern: String) -> Bool { PathPattern.matches(name: name, pattern) }
        #expect(matches("é", "*?"))
        #expect(!matches("é", "*??"))
        #expect(!matches("é", "??"))
        #expect(matches("日é", "*?é"))
        #expect(matches("日日é.log", "*日é.l?g"))
        #expect(!matches("日è.log", "*é.log"))
        #expect(matches("aéb", "a[à-ï]b"))
        #expect(!matches("aéb", "a[!à-ï]b"))
        #expect(matches("a[é", "*[é"))
    }

    @Test func `paths are held against patterns component by component`() {
        #expect(PathPattern("/").matches(path: "/"))
        #expect(!PathPattern("/").matches(path: "/a"))
        #expect(!PathPattern("/a").matches(path: "/"))
        #expect(PathPattern("//a//*.log/").matches(path: "/a/x.log"))
        #expect(PathPattern("/a/*.log").matches(path: "//a///x.log/"))
        #expect(!PathPattern("/a/*.log").matches(path: "/a/.x.log"))
        #expect(!PathPattern("/a/b").matches(path: "/a/bc"))
        #expect(!PathPattern("/a/bc").matches(path: "/a/b"))
        #expect(!PathPattern("/a/*").matches(path: "/a"))
        #expect(PathPattern("*.gz").matches(pathOrNameOf: "/a/b/x.gz"))
        #expect(!PathPattern("*.gz").matches(pathOrNameOf: "/a/b.gz/x"))
        #expect(!PathPattern("/a/*.gz").matches(pathOrNameOf: "/a/b/x.gz"))
    }

    @Test func `new files and new directories are found, however late they come`() throws {
        let scene = try FileScene(pattern: "*/app/*.log")
        scene.options.exclude = ["*.skip.log"]
        try scene.start()
        mkdir(scene.path("one"), 0o755)
        mkdir(scene.path("one/app"), 0o755)
        try scene.append(["a"], to: "one/app/x.log")
        #expect(scene.settles(on: ["a"]))
        try scene.append(["b"], to: "one/app/y.log")
        try scene.append(["no"], to: "one/app/y.skip.log")
        try scene.append(["no"], to: "one/app/y.txt")
        #expect(scene.settles(on: ["a", "b"]))
        mkdir(scene.path("two"), 0o755)
        mkdir(scene.path("two/app"), 0o755)
        try scene.append(["c"], to: "two/app/x.log")
        #expect(scene.settles(on: ["a", "b", "c"]))
        // A whole directory is moved away, and another takes its place.
        try scene.rename("one", "gone")
        mkdir(scene.path("one"), 0o755)
        mkdir(scene.path("one/app"), 0o755)
        try scene.append(["d"], to: "one/app/x.log")
        #expect(scene.settles(on: ["a", "b", "c", "d"]))
    }

    @Test func `a directory that is not there at the start is waited for`() throws {
        let scene = try FileScene(pattern: "later/logs/*.log")
        try scene.start()
        #expect(scene.eventually { scene.spool.chunks == 1 })
        mkdir(scene.path("later"), 0o755)
        usleep(20_000)
        mkdir(scene.path("later/logs"), 0o755)
        try scene.append(["a"], to: "later/logs/x.log")
        #expect(scene.settles(on: ["a"]))
    }

    @Test func `a symbolic link is followed, also when its target is rotated or it points elsewhere`() throws {
        let scene = try FileScene()
        mkdir(scene.path("real"), 0o755)
        try scene.append(["a"], to: "real/target")
        symlink(scene.path("real/target"), scene.path("x.log"))
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        #expect(scene.spool.lines.map(\.path) == [scene.path("x.log")])
        try scene.append(["b"], to: "real/target")
        #expect(scene.settles(on: ["a", "b"]))
        try scene.rename("real/target", "real/target.1")
        try scene.append(["c"], to: "real/target")
        #expect(scene.settles(on: ["a", "b", "c"]))
        try scene.append(["d"], to: "real/other")
        symlink(scene.path("real/other"), scene.path("new"))
        try scene.rename("new", "x.log")
        #expect(scene.settles(on: ["a", "b", "c", "d"]))
        try scene.append(["e"], to: "real/other")
        #expect(scene.settles(on: ["a", "b", "c", "d", "e"]))
        try scene.restart()
        try scene.append(["f"], to: "real/other")
        #expect(scene.settles(on: ["a", "b", "c", "d", "e", "f"]))
    }

    @Test func `a file with two names, and one that two patterns match, is read once`() throws {
        let scene = try FileScene()
        scene.options.paths.append(scene.path("x*"))
        try scene.append(["a"], to: "x.log")
        link(scene.path("x.log"), scene.path("y.log"))
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        link(scene.path("x.log"), scene.path("z.log"))
        try scene.append(["b"], to: "y.log")
        #expect(scene.settles(on: ["a", "b"]))
        scene.remove("x.log")
        try scene.append(["c"], to: "z.log")
        #expect(scene.settles(on: ["a", "b", "c"]))
        try scene.restart()
        try scene.append(["d"], to: "z.log")
        #expect(scene.settles(on: ["a", "b", "c", "d"]))
    }

    @Test func `a file with two names is read on under either after a restart, though only one is wanted`() throws {
        let scene = try FileScene()
        mkdir(scene.path("old"), 0o755)
        scene.options.rotated = [scene.path("old")]
        try scene.append(["a"], to: "x.log")
        link(scene.path("x.log"), scene.path("y.log"))
        try scene.start()
        #expect(scene.settles(on: ["a"]))
        try scene.rename("x.log", "old/x.log.1")
        try scene.append(["b"], to: "old/x.log.1")
        #expect(scene.settles(on: ["a", "b"]))
        try scene.restart()
        #expect(scene.eventually { scene.input?.status.hasLooked ?? false })
        usleep(50_000)
        try scene.append(["c"], to: "old/x.log.1")
        #expect(scene.settles(on: ["a", "b", "c"]))
    }

    @Test func `start_at end leaves out what was there at the first start, and nothing else`() throws {
        let scene = try FileScene()
        scene.options.startAt = .end
        try scene.append(["old"], to: "x.log")
        let line = FileScene.line("whole")
        try scene.appendRaw(String(line.prefix(10)), to: "x.log")
        try scene.start()
        #expect(scene.eventually { scene.spool.positions.count == 2 })
        try scene.appendRaw(String(line.dropFirst(10)), to: "x.log")
        try scene.append(["new"], to: "y.log")
        #expect(scene.settles(on: ["whole", "new"]))
        scene.stop()
        try scene.append(["a"], to: "x.log")
        try scene.append(["b"], to: "z.log")
        try scene.start()
        #expect(scene.settles(on: ["whole", "new", "a", "b"]))
    }

    @Test func `start_at end holds for the first start only, even if there was no file then`() throws {
        let scene = try FileScene()
        scene.options.startAt = .end
        try scene.start()
        #expect(scene.eventually { scene.spool.positions.count == 1 })
        scene.stop()
        try scene.append(["a"], to: "x.log")
        try scene.start()
        #expect(scene.settles(on: ["a"]))
    }

    @Test func `directories beyond the limit of watches are looked through, and named`() throws {
        let scene = try FileScene()
        scene.limits.maxWatches = 0
        try scene.start()
        try scene.append(["a"], to: "x.log")
        #expect(scene.settles(on: ["a"]))
        try scene.append(["b"], to: "x.log")
        try scene.rename("x.log", "x.1")
        try scene.append(["c"], to: "x.log")
        #expect(scene.settles(on: ["a", "b", "c"]))
        #expect(scene.input?.status.polledDirectories == [scene.directory])
        #expect(scene.warnings().count == 1)
    }

    @Test func `what is not a regular file is left alone, and what cannot be opened is tried again`() throws {
        let scene = try FileScene()
        mkfifo(scene.path("fifo.log"), 0o644)
        mkdir(scene.path("directory.log"), 0o755)
        symlink(scene.path("y.log"), scene.path("y.log"))
        symlink(scene.path("nowhere"), scene.path("z.log"))
        try scene.start()
        try scene.append(["a"], to: "x.log")
        #expect(scene.settles(on: ["a"]))
        try scene.append(["b"], to: "nowhere")
        #expect(scene.settles(on: ["a", "b"]))
    }

    @Test func `a file that two inputs match is followed by the first`() throws {
        let claims = FileClaims()
        let key = FileKey(device: 1, inode: 2, birthNanoseconds: 3)
        #expect(claims.claim(key, for: "one") == nil)
        #expect(claims.claim(key, for: "one") == nil)
        #expect(claims.claim(key, for: "two") == "one")
        claims.release(key, of: "two")
        #expect(claims.claim(key, for: "two") == "one")
        claims.release(key, of: "one")
        #expect(claims.claim(key, for: "two") == nil)
    }
}
