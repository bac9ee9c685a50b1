import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import Synchronization
import SystemJournal
import Testing

@testable import Intake

/// The whole input, on its thread, over real journal files.
@Suite struct JournalInputRunTests {
    @Test func `lines are read once, through rotation, restarts and damage in a file`() throws {
        let directory = JournalDirectory()
        let scene = InputOverFiles(directory)
        try directory.write((0..<500).map { JournalDirectory.line("a\($0)") }, to: "system.journal")
        try scene.start()
        #expect(scene.settles(500))
        // A rotation: the file is archived, another takes its name.
        directory.rename("system.journal", "system@1.journal")
        try directory.write((0..<5).map { JournalDirectory.line("b\($0)") }, to: "system.journal")
        #expect(scene.settles(505))
        scene.stop()
        try directory.write((0..<5).map { JournalDirectory.line("c\($0)") }, to: "system.journal")
        try scene.start()
        #expect(scene.settles(510))
        #expect(Set(scene.lines).count == 510 && scene.warnings.isEmpty, "\(scene.warnings)")
        scene.stop()
    }

    @Test func `entries that cannot be read are missed by their numbers, and those around them come`() throws {
        let directory = JournalDirectory()
        let scene = InputOverFiles(directory)
        try directory.write((0..<300).map { JournalDirectory.line("a\($0)") }, to: "a.journal")
        // The objects of some entries, found by a line of theirs.
        let file = try InputFile(path: directory.file("a.journal"))
        let bytes = try file.bytes(Int(try file.identity().size), at: 0)
        let mark = Array("column_name\":\"a150\"".utf8)
        let at = try #require(bytes.indices.first { bytes[$0...].starts(with: mark) })
        directory.damage("a.journal", at: at - 600, [UInt8](repeating: 0xff, count: 1200))
        try scene.start()
        #expect(scene.settles(250, orMore: true))
        #expect(scene.status.entriesLost == 300 - UInt64(scene.lines.count))
        #expect(scene.status.entriesLost > 0 && scene.warnings.count >= 1, "\(scene.warnings)")
        #expect(scene.lines.contains("a0") && scene.lines.contains("a299"))
        scene.stop()
    }

    @Test func `a stop ends a wait at once`() throws {
        let directory = JournalDirectory()
        let scene = InputOverFiles(directory)
        try scene.start()
        #expect(scene.eventually { scene.status.wait != nil })
        let begin = SystemTime().monotonicNanoseconds()
        #expect(scene.stop())
        try directory.write(["x"], to: "a.journal")
        try scene.start()
        #expect(scene.settles(1))
        #expect(scene.stop())
        #expect(SystemTime().monotonicNanoseconds() - begin < 5_000_000_000)
    }
}

/// An input over a directory of journal files, and what it hands over.
final class InputOverFiles: Sendable {
    private struct State {
        var lines: [String] = []
        var positions: [[UInt8]: [UInt8]] = [:]
        var messages: [String] = []
        var input: JournalInput<SystemTime>?
        var ended: EventDescriptor?
    }

    private let path: String
    private let state = Mutex(State())
    private let registry = Registry()

    init(_ directory: JournalDirectory) { path = directory.path }

    var lines: [String] { state.withLock { $0.lines } }
    var warnings: [String] { state.withLock { $0.messages } }
    var status: JournalInputStatus {
        state.withLock { $0.input }?.status
            ?? JournalInputStatus(
                name: "", units: [], identifiers: [], directory: nil, seenMicroseconds: nil, isAtEnd: false, wait: nil,
                entriesLost: 0)
    }

    func start() throws {
        var options = JournalInputOptions(name: "units", units: ["loader@*.service"])
        options.directory = path
        options.maxLineBytes = 4096
        var limits = JournalInputLimits()
        limits.absentMilliseconds = 20
        let input = try JournalInput(
            options, limits: limits, sink: self, recovered: state.withLock { $0.positions.map { ($0.key, $0.value) } },
            clock: SystemTime(), watermarkClock: WatermarkClock(notBefore: Timestamp(microseconds: 0)),
            diagnostics: Diagnostics { [self] severity, message in
                if severity >= .warning { state.withLock { $0.messages.append(message) } }
            }, registry: registry)
        let ended = try EventDescriptor()
        state.withLock { ($0.input, $0.ended) = (input, ended) }
        let path = path
        WorkerThread.start("test-journal") {
            input.run { SystemJournalReader(directory: path, maxLineBytes: 4096) }
            ended.signal()
        }
    }

    @discardableResult
    func stop() -> Bool {
        let (input, ended) = state.withLock { ($0.input, $0.ended) }
        input?.stop()
        return ended?.wait(milliseconds: 10_000) ?? false
    }

    func eventually(_ condition: () -> Bool) -> Bool {
        for _ in 0..<2500 {
            if condition() { return true }
            usleep(4000)
        }
        return condition()
    }

    func settles(_ count: Int, orMore: Bool = false) -> Bool {
        guard eventually({ lines.count >= count && status.isAtEnd }) else { return false }
        usleep(30_000)
        return orMore || lines.count == count
    }
}

extension InputOverFiles: RecordSink {
    func append(_ chunk: RecordChunk) {
        state.withLock { state in
            try? ChunkReader(chunk.bytes, firstSequence: SequenceNumber(1)).forEachRecord { record in
                guard let event = try EventTuple(record) else { return state.lines.append("rejected") }
                var line: [UInt8] = []
                event.appendLine(to: &line)
                let text = String(decoding: line, as: UTF8.self)
                state.lines.append(
                    String(
                        text.split(separator: "\"").first {
                            "abc".contains($0.first ?? " ") && $0 != "cast_errors" && $0 != "column_name"
                        } ?? "?"))
            }
            try? ChunkReader(chunk.bytes, firstSequence: SequenceNumber(1)).forEachPosition { key, value in
                state.positions[Array(key)] = Array(value)
            }
        }
        chunk.receipt?.durable(upTo: chunk.ticket)
    }
}
