import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

@testable import Intake

/// Stands in for the spool: keeps what is durable across restarts of an input, and can die with what is not.
final class TestSpool: RecordSink {
    struct Line: Hashable, CustomStringConvertible {
        var path: String
        var offset: UInt64
        /// Of an event: its `column_name`; of a rejected line: the reason.
        var text: String

        var description: String { "\(path.split(separator: "/").last ?? "")@\(offset):\(text)" }
    }

    private struct State {
        var lines: [Line] = []
        var positions: [[UInt8]: [UInt8]] = [:]
        var waiting: [RecordChunk] = []
        var acknowledges = true
        var isDead = false
        var chunks = 0
        var originators: [Int] = []
        var failure: String?
        var chunksUntilDeath = Int.max
    }

    private let state = Mutex(State())

    /// Whether chunks become durable at once; if not, `acknowledgeAll()` does it.
    func setAcknowledging(_ on: Bool) { state.withLock { $0.acknowledges = on } }

    func append(_ chunk: RecordChunk) {
        let isDurable = state.withLock { state in
            guard !state.isDead else { return false }
            guard state.acknowledges else {
                state.waiting.append(chunk)
                return false
            }
            Self.commit(chunk, &state)
            state.chunksUntilDeath -= 1
            state.isDead = state.chunksUntilDeath == 0
            return true
        }
        if isDurable { chunk.receipt?.durable(upTo: chunk.ticket) }
    }

    func acknowledgeAll() {
        let chunks = state.withLock { state in
            let chunks = state.waiting
            state.waiting = []
            for chunk in chunks { Self.commit(chunk, &state) }
            return chunks
        }
        if let last = chunks.last { last.receipt?.durable(upTo: last.ticket) }
    }

    /// Makes durable what waits, of which the input does not learn.
    func makeDurableUnheard() {
        state.withLock { state in
            for chunk in state.waiting { Self.commit(chunk, &state) }
            state.waiting = []
        }
    }

    /// Forgets what is not durable, and takes nothing more until `revive()`.
    func die() {
        state.withLock {
            $0.isDead = true
            $0.waiting = []
        }
    }

    /// Dies as `die()` does once so many more chunks have become durable.
    func die(afterChunks count: Int) { state.withLock { $0.chunksUntilDeath = count } }

    var isDead: Bool { state.withLock { $0.isDead } }

    func revive() {
        state.withLock {
            $0.isDead = false
            $0.chunksUntilDeath = .max
        }
    }

    var lines: [Line] { state.withLock { $0.lines } }
    var texts: [String] { lines.map(\.text) }
    var chunks: Int { state.withLock { $0.chunks } }
    /// How many originators each chunk that has become durable brought.
    var originators: [Int] { state.withLock { $0.originators } }
    var waiting: Int { state.withLock { $0.waiting.count } }
    var failure: String? { state.withLock { $0.failure } }
    var positions: [(key: [UInt8], value: [UInt8])] { state.withLock { $0.positions.map { ($0.key, $0.value) } } }
    /// From this one on, in the order in which they became durable.
    func lines(from index: Int) -> ArraySlice<Line> { state.withLock { $0.lines[index...] } }
    func replace(_ key: [UInt8], by value: [UInt8]) { state.withLock { $0.positions[key] = value } }
    /// Forgets a position, as one that stood in a damaged place.
    func lose(_ key: [UInt8]) { state.withLock { $0.positions[key] = nil } }
    /// Of files, without the mark of the first start.
    var filePositions: [FilePosition] { positions.compactMap { FilePosition($0.value) } }

    private static func commit(_ chunk: RecordChunk, _ state: inout State) {
        state.chunks += 1
        do {
            let reader = try ChunkReader(chunk.bytes, firstSequence: SequenceNumber(1))
            let originators = try reader.originators()
            state.originators.append(originators.count)
            try reader.forEachRecord { record in
                let text =
                    record.kind == RecordLayout.rejectedLine
                    ? try RejectedLine(record.payload).reason.name : columnName(record.payload)
                state.lines.append(
                    Line(path: originators[Int(record.originator)].path ?? "", offset: record.offset, text: text))
            }
            try reader.forEachPosition { key, value in state.positions[Array(key)] = value.isEmpty ? nil : Array(value)
            }
        } catch {
            state.failure = "\(error)"
        }
    }

    /// The second column of a cast error, of a tuple of binary COPY.
    private static func columnName(_ payload: UnsafeRawBufferPointer) -> String {
        var at = 2
        for column in 0..<2 {
            let length = Int(payload.bigEndian(at, as: Int32.self))
            if column == 1 { return String(decoding: payload.part(at + 4, length), as: UTF8.self) }
            at += 4 + max(0, length)
        }
        return ""
    }
}

/// The machine's clock, which lets something happen when it is looked at for the n-th time: in the middle of what the
/// input does.
final class SceneClock: TimeSource {
    private let due = Mutex<(looks: Int, action: @Sendable () -> Void)?>(nil)

    /// Lets `action` happen, on the input's thread, at the `look`-th look from now on.
    func at(look: Int, _ action: @escaping @Sendable () -> Void) { due.withLock { $0 = (look, action) } }

    /// Whether what was to happen has.
    var isDone: Bool { due.withLock { $0 == nil } }

    /// - Returns: whether what was to happen has; if not, it will not.
    func cancel() -> Bool {
        due.withLock { due in
            defer { due = nil }
            return due == nil
        }
    }

    func realtimeMicroseconds() -> Int64 {
        count()
        return SystemTime().realtimeMicroseconds()
    }

    func monotonicNanoseconds() -> UInt64 {
        count()
        return SystemTime().monotonicNanoseconds()
    }

    private func count() {
        let action = due.withLock { due -> (@Sendable () -> Void)? in
            due?.looks -= 1
            guard let now = due, now.looks <= 0 else { return nil }
            due = nil
            return now.action
        }
        action?()
    }
}

/// A directory of its own with an input over it that can be stopped, killed and started again.
final class FileScene {
    let directory: String
    let spool = TestSpool()
    let registry = Registry()
    let messages = Messages()
    var options: FileInputOptions
    var limits = FileInputLimits()
    let clock = SceneClock()
    var losses: (any LostSources)?
    let faults = FailingFiles.Faults()
    private(set) var input: FileInput<SceneClock>?
    private var ended: EventDescriptor?

    final class Messages: Sendable {
        private let all = Mutex<[String]>([])
        var list: [String] { all.withLock { $0 } }
        func add(_ message: String) { all.withLock { $0.append(message) } }
    }

    init(pattern: String = "*.log") throws {
        var template = Array("/tmp/opslogd-files-XXXXXX".utf8CString)
        directory = String(cString: mkdtemp(&template))
        options = FileInputOptions(name: "test", paths: ["\(directory)/\(pattern)"], maxLineBytes: 4096)
        limits.holdBackMilliseconds = 1000
        limits.quietMilliseconds = 150
        limits.graceMilliseconds = 600
        limits.retryMilliseconds = 100
        limits.pollMilliseconds = 20
        limits.stopMilliseconds = 2000
    }

    deinit {
        input?.stop()
        ended?.wait(milliseconds: 5000)
        removeAll(directory)
    }

    func path(_ name: String) -> String { "\(directory)/\(name)" }

    func start() throws {
        let messages = messages
        let faults = faults
        let made = try FileInput(
            options, limits: limits, sink: spool, recovered: spool.positions, clock: clock,
            watermarkClock: WatermarkClock(notBefore: Timestamp(microseconds: 0)),
            diagnostics: Diagnostics { severity, message in messages.add("\(severity): \(message)") },
            registry: registry, losses: losses)
        let end = try EventDescriptor()
        input = made
        ended = end
        WorkerThread.start("test-files") {
            made.run(over: FailingFiles(faults: faults))
            end.signal()
        }
    }

    /// An orderly stop: what was read becomes durable.
    @discardableResult
    func stop() -> Bool {
        input?.stop()
        let returned = ended?.wait(milliseconds: 10_000) ?? true
        input = nil
        ended = nil
        return returned
    }

    /// Nothing that is not durable now survives.
    func kill() {
        spool.die()
        input?.stop()
        ended?.wait(milliseconds: 10_000)
        input = nil
        ended = nil
        spool.revive()
    }

    func restart() throws {
        stop()
        try start()
    }

    /// Appends lines that become cast errors with these names.
    func append(_ texts: [String], to name: String) throws {
        try appendRaw(texts.map(Self.line).joined(), to: name)
    }

    static func line(_ text: String) -> String { "{\"event\":\"cast_errors\",\"column_name\":\"\(text)\"}\n" }

    func appendRaw(_ text: String, to name: String) throws {
        try write(text, to: name, O_WRONLY | O_CREAT | O_APPEND)
    }

    /// Truncates the file in place and writes.
    func rewrite(_ text: String, to name: String) throws {
        try write(text, to: name, O_WRONLY | O_CREAT | O_TRUNC)
    }

    func rewrite(_ bytes: [UInt8], to name: String) throws {
        try write(bytes, to: name, O_WRONLY | O_CREAT | O_TRUNC)
    }

    private func write(_ text: String, to name: String, _ flags: Int32) throws {
        try write(Array(text.utf8), to: name, flags)
    }

    private func write(_ bytes: [UInt8], to name: String, _ flags: Int32) throws {
        let opened = open(path(name), flags | O_CLOEXEC, 0o644)
        guard opened >= 0 else { throw SystemError.last("open", path(name)) }
        let descriptor = Descriptor(owning: opened)
        guard Glibc.write(descriptor.rawValue, bytes, bytes.count) == bytes.count else {
            throw SystemError.last("write", path(name))
        }
    }

    func rename(_ old: String, _ new: String) throws {
        guard Glibc.rename(path(old), path(new)) == 0 else { throw SystemError.last("rename", path(old)) }
    }

    func copy(_ old: String, _ new: String) throws {
        let file = try InputFile(path: path(old))
        let bytes = try file.bytes(Int(try file.identity().size), at: 0)
        try write(String(decoding: bytes, as: UTF8.self), to: new, O_WRONLY | O_CREAT | O_TRUNC)
    }

    func remove(_ name: String) { unlink(path(name)) }

    /// Whether it becomes true within the time.
    func eventually(milliseconds: Int = 5000, _ condition: () -> Bool) -> Bool {
        for _ in 0..<(milliseconds / 4) {
            if condition() { return true }
            usleep(4000)
        }
        return condition()
    }

    /// Waits until exactly these lines are durable, in any order, and a little longer for what must not come.
    func settles(on texts: [String], milliseconds: Int = 5000) -> Bool {
        let wanted = texts.sorted()
        guard eventually(milliseconds: milliseconds, { spool.texts.count >= wanted.count }) else { return false }
        usleep(30_000)
        return spool.texts.sorted() == wanted
    }

    func warnings() -> [String] { messages.list.filter { $0.hasPrefix("warning") || $0.hasPrefix("error") } }
}

private func removeAll(_ path: String) {
    for name in (try? DirectoryListing.names(of: path))?.names ?? [] {
        let inner = "\(path)/\(name)"
        if let identity = try? FileIdentity.at(inner, followingLinks: false), identity.isDirectory {
            removeAll(inner)
        } else {
            unlink(inner)
        }
    }
    rmdir(path)
}
