import Glibc
import Testing

@testable import Intake

/// A file is rotated at each moment of what the input does with it, and the daemon dies after each chunk: each line comes
/// once.
@Suite struct FilesRenamedWhileLookingTests {
    /// The file that is rotated.
    struct Rotated: Sendable {
        let path: String

        func rename(_ end: String, _ newEnd: String) { Glibc.rename(path + end, path + newEnd) }

        func write(_ text: String) {
            let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
            let bytes = Array(FileScene.line(text).utf8)
            _ = Glibc.write(descriptor, bytes, bytes.count)
            close(descriptor)
        }

        /// The file goes on as `.1`, what was `.1` as `.2`.
        func rotate(_ next: String) {
            rename(".1", ".2")
            rename("", ".1")
            write(next)
        }
    }

    /// - Parameters:
    ///   - first: the look at the clock at which it happens first; then at each later one, until none is left.
    ///   - next: what the next file holds, and the one after that, if it is rotated as well.
    ///   - prepare: what happens before the start, with the lines that it brings.
    ///   - add: what happens once the daemon has started, with the lines that it brings.
    private func sweep(
        from first: Int = 1, next: [String] = ["new"], _ prepare: (FileScene) throws -> [String],
        whileRunning add: ((FileScene) throws -> [String])? = nil
    ) throws {
        for chunks in 1...2 {
            for look in first...20 {
                let scene = try FileScene()
                scene.limits.stopMilliseconds = 1
                var wanted = try prepare(scene)
                // A birth is told from a time that was seen by a clock with a grain.
                usleep(25_000)
                let rotated = Rotated(path: scene.path("b.log"))
                if let add {
                    try scene.start()
                    #expect(scene.settles(on: wanted))
                    scene.clock.at(look: look) { for text in next { rotated.rotate(text) } }
                    scene.spool.die(afterChunks: chunks)
                    wanted += try add(scene)
                } else {
                    scene.clock.at(look: look) { for text in next { rotated.rotate(text) } }
                    scene.spool.die(afterChunks: chunks)
                    try scene.start()
                }
                _ = scene.eventually(milliseconds: 60) { scene.spool.isDead && scene.clock.isDone }
                let wasRotated = scene.clock.cancel()
                scene.kill()
                try scene.start()
                let isWhole = scene.settles(on: wanted + (wasRotated ? next : []), milliseconds: 1000)
                #expect(
                    isWhole, "look \(look), death after chunk \(chunks): \(scene.spool.lines) \(scene.messages.list)")
                if !wasRotated || !isWhole { break }
            }
        }
    }

    @Test func `at a first start`() throws {
        // What was rotated before the first look is not this input's.
        try sweep(from: 2) { scene in
            try scene.append(["a"], to: "a.log")
            try scene.append(["b"], to: "b.log")
            return ["a", "b"]
        }
    }

    @Test(arguments: [false, true]) func `at a start that finds files of which nothing was read`(isRotatedBefore: Bool)
        throws
    {
        try sweep { scene in
            try scene.append(["a"], to: "a.log")
            try scene.append(["b"], to: "b.log")
            scene.spool.die(afterChunks: 1)
            try scene.start()
            #expect(scene.eventually { scene.spool.isDead })
            scene.kill()
            #expect(scene.spool.filePositions.map(\.mark.offset) == [0, 0])
            if isRotatedBefore {
                try scene.rename("b.log", "b.log.1")
                try scene.append(["b2"], to: "b.log")
            }
            return ["a", "b"] + (isRotatedBefore ? ["b2"] : [])
        }
    }

    @Test func `at a start that finds a file that came meanwhile`() throws {
        try sweep { scene in
            try scene.append(["a"], to: "a.log")
            try scene.start()
            #expect(scene.settles(on: ["a"]))
            #expect(scene.stop())
            usleep(25_000)
            try scene.append(["b"], to: "b.log")
            return ["a", "b"]
        }
    }

    @Test(arguments: [false, true]) func `at a start that finds files that were read`(isRotatedBefore: Bool) throws {
        try sweep { scene in
            try scene.append(["a"], to: "a.log")
            try scene.append(["b"], to: "b.log")
            try scene.start()
            #expect(scene.settles(on: ["a", "b"]))
            #expect(scene.stop())
            if isRotatedBefore {
                try scene.rename("b.log", "b.log.1")
                try scene.append(["b2"], to: "b.log")
            }
            try scene.append(["b3"], to: "b.log")
            return ["a", "b"] + (isRotatedBefore ? ["b2"] : []) + ["b3"]
        }
    }

    @Test(arguments: [["new"], ["new", "newer"]]) func `while a new file is found`(next: [String]) throws {
        try sweep(next: next) { scene in
            try scene.append(["a"], to: "a.log")
            return ["a"]
        } whileRunning: { scene in
            try scene.append(["b"], to: "b.log")
            return ["b"]
        }
    }
}
