import Glibc
import LinuxSystem
import Testing

@testable import SimulatedWorld

/// The simulated file system of the jobs does and tells what the kernel's does and tells.
@Suite struct SourceDiskTests {
    /// What a job, or logrotate, does in a directory.
    private enum Step: Sendable {
        case append(String, String)
        case truncate(String)
        case rename(String, String)
        case remove(String)
        case copy(String, String)
    }

    private static let asked: Inotify.Events = [
        .created, .deleted, .movedFrom, .movedTo, .modified, .attributes, .selfMoved,
    ]

    /// In words, so that numbers of watches and cookies do not matter.
    private static func words(_ events: [Inotify.Event], _ watches: [Int32: String]) -> [String] {
        let names: [(Inotify.Events, String)] = [
            (.created, "created"), (.deleted, "deleted"), (.movedFrom, "moved from"), (.movedTo, "moved to"),
            (.modified, "modified"), (.attributes, "attributes"), (.selfMoved, "itself moved"), (.ignored, "ignored"),
        ]
        return events.map { event in
            let what = names.filter { event.events.contains($0.0) }.map(\.1).joined(separator: ", ")
            return "\(watches[event.watch] ?? "?") \(event.name ?? "-"): \(what)"
        }
    }

    private static func everything(_ watches: some SourceWatches) throws -> [Inotify.Event] {
        var all: [Inotify.Event] = []
        while case let events = try watches.read(), !events.isEmpty { all += events }
        return all
    }

    @Test func `the events of what jobs do are the kernel's`() throws {
        var template = Array("/tmp/opslogd-world-XXXXXX".utf8CString)
        let real = String(cString: mkdtemp(&template))
        mkdir("\(real)/old", 0o755)
        defer {
            for name in ["old/a.2", "a.1", "b", "c"] { unlink("\(real)/\(name)") }
            rmdir("\(real)/old")
            rmdir(real)
        }
        let disk = SourceDisk(time: SimulatedTime(), directories: ["", "/log", "/log/old"])
        let simulated = SimulatedSourceFiles(disk, time: SimulatedTime(), meanwhile: Meanwhile())
        let steps: [Step] = [
            .append("a", "one"), .append("a", "two"), .rename("a", "a.1"), .append("a", "three"),
            .copy("a", "b"), .truncate("a"), .append("a", "four"), .rename("a", "old/a.2"), .append("old/a.2", "five"),
            .append("c", "six"), .rename("c", "b"), .append("b", "seven"), .remove("a.1"), .append("c", ""),
        ]
        let kernel = try Inotify()
        let ours = simulated.makeWatches()
        var kernelNames: [Int32: String] = [:]
        var ourNames: [Int32: String] = [:]
        for (path, name) in [("", "log"), ("/old", "old")] {
            kernelNames[try kernel.watch(real + path, Self.asked)] = name
            ourNames[try ours.watch("/log" + path, Self.asked)] = name
        }
        for step in steps {
            try perform(step, in: real)
            perform(step, on: disk)
            let told = Self.words(try Self.everything(kernel), kernelNames)
            #expect(Self.words(try Self.everything(ours), ourNames) == told, "\(step)")
            #expect(!told.isEmpty, "\(step)")
        }
        for directory in ["", "/old"] {
            let names = try MountedFileSystem().names(in: real + directory).names
            #expect(try simulated.names(in: "/log" + directory).names + (directory.isEmpty ? ["old"] : []) == names)
            for name in names where name != "old" {
                let path = "\(directory)/\(name)"
                let there = try InputFile(path: real + path).bytes(100, at: 0)
                #expect(try simulated.open("/log" + path).bytes(100, at: 0) == there, "\(path)")
            }
        }
    }

    @Test func `an open file without a name tells of itself until it is closed, and its inode is then used again`()
        throws
    {
        let time = SimulatedTime()
        let disk = SourceDisk(time: time, directories: ["", "/log"])
        let files = SimulatedSourceFiles(disk, time: time, meanwhile: Meanwhile())
        let watches = files.makeWatches()
        let node = disk.create("/log/a")
        var file: SimulatedSourceFile? = try files.open("/log/a")
        let watch = try watches.watch(try #require(file).descriptorPath, [.modified, .attributes])
        disk.remove("/log/a")
        disk.append([1, 2, 3], to: node)
        #expect(try watches.read().map(\.events) == [.attributes, .modified])
        #expect(try #require(file).bytes(9, at: 1) == [2, 3])
        time.advance(milliseconds: 10)
        #expect(disk.create("/log/b").number != node.number, "it is still in use")
        file = nil
        #expect(try watches.read().map(\.watch) == [watch])
        #expect(disk.create("/log/c").number == node.number)
        #expect(try files.open("/log/c").identity().birthNanoseconds > node.birthNanoseconds)
    }

    @Test func `a full queue tells that it was full, once, and has room again when that was read`() throws {
        let time = SimulatedTime()
        let disk = SourceDisk(time: time, directories: ["", "/log"])
        let watches = SimulatedSourceFiles(disk, time: time, meanwhile: Meanwhile()).makeWatches()
        disk.watches = watches
        _ = try watches.watch("/log", [.created])
        watches.crowd(room: 1)
        for name in ["a", "b", "c"] { _ = disk.create("/log/\(name)") }
        #expect(try watches.read().map(\.events) == [.created, .overflow])
        _ = disk.create("/log/d")
        #expect(try watches.read().map(\.name) == ["d"])
    }

    // MARK: Doing a step

    private func perform(_ step: Step, in directory: String) throws {
        func write(_ name: String, _ bytes: [UInt8]) {
            let opened = open("\(directory)/\(name)", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
            if !bytes.isEmpty { _ = Glibc.write(opened, bytes, bytes.count) }
            close(opened)
        }
        switch step {
        case .append(let name, let text): write(name, Array(text.utf8))
        case .truncate(let name): truncate("\(directory)/\(name)", 0)
        case .rename(let old, let new): rename("\(directory)/\(old)", "\(directory)/\(new)")
        case .remove(let name): unlink("\(directory)/\(name)")
        case .copy(let old, let new): write(new, try InputFile(path: "\(directory)/\(old)").bytes(100, at: 0))
        }
    }

    private func perform(_ step: Step, on disk: SourceDisk) {
        switch step {
        case .append(let name, let text):
            let node = disk.node(at: "/log/\(name)") ?? disk.create("/log/\(name)")
            disk.append(Array(text.utf8)[...], to: node)
        case .truncate(let name): if let node = disk.node(at: "/log/\(name)") { disk.truncate(node) }
        case .rename(let old, let new): disk.rename("/log/\(old)", to: "/log/\(new)")
        case .remove(let name): disk.remove("/log/\(name)")
        case .copy(let old, let new):
            if let node = disk.node(at: "/log/\(old)") { disk.copy(node, to: "/log/\(new)") }
        }
    }
}
