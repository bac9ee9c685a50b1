import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Spool

/// A directory of a test's own, removed with everything in it.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/spool-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError.last("mkdtemp", parent) }
        path = template.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    deinit { Self.removeTree(path) }

    private static func removeTree(_ path: String) {
        let names = (try? DirectoryStorage(path: path).names()) ?? []
        for name in names {
            let inside = path + "/" + name
            let isDirectory = (try? FileIdentity.at(inside, followingLinks: false).isDirectory) ?? false
            if isDirectory { removeTree(inside) } else { unlink(inside) }
        }
        rmdir(path)
    }
}

typealias RealWriter = SpoolWriter<DirectoryStorage, SystemTime>

func openReal(_ directory: TemporaryDirectory, sync: SpoolOptions.Sync = .group) throws -> RealWriter {
    try RealWriter.open(
        disk: DirectoryStorage(path: directory.path + "/spool"), time: SystemTime(),
        options: SpoolOptions(maxBytes: 64 << 20, segmentBytes: 4 << 20, minFreeBytes: 0, sync: sync),
        host: SpoolHost.current(stateDirectory: directory.path), diagnostics: .silent, registry: Registry())
}

/// Runs a writer on a thread of its own until it is stopped.
final class RunningWriter: Sendable {
    let writer: RealWriter
    private let ended: EventDescriptor

    init(_ writer: RealWriter) throws {
        self.writer = writer
        let ended = try EventDescriptor()
        self.ended = ended
        WorkerThread.start("spool") {
            try? writer.runUntilStopped()
            ended.signal()
        }
    }

    /// - Returns: whether it ended in time.
    func stop() -> Bool {
        writer.stop()
        return ended.wait(milliseconds: 20_000)
    }
}

@Test func `a reader follows a live writer through many small groups and rotations`() throws {
    let directory = try TemporaryDirectory()
    let running = try RunningWriter(openReal(directory))
    let wake = try EventDescriptor()
    let reader = running.writer.makeReader()
    reader.onDurable { wake.signal() }
    let total: UInt64 = 3000
    WorkerThread.start("appender") {
        for number in 1...total { running.writer.append(chunk(number...number, fill: number % 100 == 0 ? 300_000 : 5)) }
    }
    var found: [UInt64] = []
    while found.count < total, wake.wait(milliseconds: 20_000) { found += try reader.readNumbers() }
    #expect(found == Array(1...total))
    #expect(running.writer.status.segments > 1)
    #expect(running.stop())
    let again = try openReal(directory)
    #expect(again.recovery.hasPrefix("the last run stopped in order;"))
    #expect(try again.makeReader().readNumbers() == Array(1...total))
}

@Test func `a second process is refused by the lock, and told who holds it`() throws {
    let directory = try TemporaryDirectory()
    let disk = try DirectoryStorage(path: directory.path + "/spool")
    var held: SpoolLock? = try SpoolLock(disk)
    let refused = #expect(throws: SpoolError.self) { _ = try SpoolLock(disk) }
    #expect(refused?.code == .inUse && refused?.exitStatus == 75)
    #expect(refused?.description.contains("\(getpid())") == true)
    #expect(held != nil)
    held = nil
    _ = try SpoolLock(disk)
}

@Test func `with an interval one sync serves what was gathered`() throws {
    let directory = try TemporaryDirectory()
    let running = try RunningWriter(openReal(directory, sync: .interval(milliseconds: 150)))
    let receipt = NotedReceipt()
    for number in UInt64(1)...20 { running.writer.append(chunk(number...number, receipt: receipt)) }
    let wake = try EventDescriptor()
    running.writer.makeReader().onDurable { wake.signal() }
    #expect(wake.wait(milliseconds: 10_000))
    #expect(receipt.tickets == [20] && running.writer.status.groups == 1)
    #expect(running.stop())
}

@Test func `seek and origin find any record`() throws {
    let disk = DiskState()
    let writer = try openSimulated(disk)
    for first in stride(from: UInt64(1), to: 60, by: 3) {
        writer.append(chunk(first...first + 2, fill: 4000))
        try writer.settle()
    }
    #expect(writer.status.segments > 2)
    let reader = writer.makeReader()
    var origins: [UInt64: RecordOrigin] = [:]
    while let group = try reader.next() {
        for number in group.firstSequence.rawValue...group.lastSequence.rawValue { origins[number] = group.origin }
    }
    #expect(Set(origins.values).count == 20)
    for number in (UInt64(1)...60).reversed() {
        try reader.seek(to: SequenceNumber(number))
        let group = try #require(try reader.next())
        #expect(group.firstSequence.rawValue <= number && number <= group.lastSequence.rawValue)
        let other = number % 60 + 1
        #expect(try reader.origin(of: SequenceNumber(other)) == origins[other])
    }
    try reader.seek(to: SequenceNumber(61))
    #expect(try reader.next() == nil)
    #expect(try reader.origin(of: SequenceNumber(61)) == nil)
    writer.append(chunk(61...61))
    try writer.settle()
    #expect(try reader.readNumbers() == [61])
}
