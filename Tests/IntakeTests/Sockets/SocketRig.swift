import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import Synchronization
import Testing

@testable import Intake

/// A spool that keeps what it gets, and calls it durable at once or when it is told to.
final class AcknowledgingSpool: RecordSink {
    private struct State {
        var chunks: [RecordChunk] = []
        var chunkCount = 0
        var recordCount = 0
        var waiting: [RecordChunk] = []
        var isHolding: Bool
    }

    private let state: Mutex<State>
    private let keepsChunks: Bool

    init(holding: Bool = false, keepsChunks: Bool = true) {
        state = Mutex(State(isHolding: holding))
        self.keepsChunks = keepsChunks
    }

    func append(_ chunk: RecordChunk) {
        let isHolding = state.withLock {
            if keepsChunks { $0.chunks.append(chunk) }
            $0.chunkCount += 1
            $0.recordCount += chunk.recordCount
            if $0.isHolding { $0.waiting.append(chunk) }
            return $0.isHolding
        }
        if !isHolding { chunk.receipt?.durable(upTo: chunk.ticket) }
    }

    /// Calls everything durable, and from now on all that comes.
    func release() {
        let waiting = state.withLock {
            let waiting = $0.waiting
            $0.waiting = []
            $0.isHolding = false
            return waiting
        }
        for chunk in waiting { chunk.receipt?.durable(upTo: chunk.ticket) }
    }

    var chunkCount: Int { state.withLock { $0.chunkCount } }
    var recordCount: Int { state.withLock { $0.recordCount } }

    /// Originators by chunk.
    func originatorCounts() throws -> [Int] {
        try state.withLock { $0.chunks }.map {
            try ChunkReader($0.bytes, firstSequence: SequenceNumber(1)).originators().count
        }
    }

    struct Record {
        var isRejection: Bool
        var reason: RejectionReason?
        var rejectedLine: String?
        var rejectedBytes = 0
        var offset: UInt64
        var originator: RecordOriginator
    }

    /// All records, in their order.
    func records() throws -> [Record] {
        var found: [Record] = []
        for chunk in state.withLock({ $0.chunks }) {
            let reader = try ChunkReader(chunk.bytes, firstSequence: SequenceNumber(1))
            let originators = try reader.originators()
            try reader.forEachRecord { view in
                let rejected = view.kind == RecordLayout.rejectedLine ? try RejectedLine(view.payload) : nil
                found.append(
                    Record(
                        isRejection: rejected != nil, reason: rejected?.reason,
                        rejectedLine: rejected.map { String(decoding: $0.line.prefix(200), as: UTF8.self) },
                        rejectedBytes: rejected?.line.count ?? 0, offset: view.offset,
                        originator: originators[Int(view.originator)]))
            }
        }
        return found
    }
}

/// A socket input that runs on a thread of its own, in a directory of its own.
final class SocketRig: Sendable {
    let directory: String
    let path: String
    let spool: AcknowledgingSpool
    let registry = Registry()
    let said = Said()
    let input: SocketInput<SystemTime>
    private let running: RunningInput

    final class Said: Sendable { let messages = Mutex<[String]>([]) }

    init(_ spool: AcknowledgingSpool = AcknowledgingSpool(), _ configure: (inout SocketInputOptions) -> Void = { _ in })
        throws
    {
        directory = try makeDirectory()
        path = directory + "/s.sock"
        self.spool = spool
        var options = SocketInputOptions(name: "pipelines", path: path)
        configure(&options)
        input = SocketInput(
            options, sink: spool, time: SystemTime(),
            watermarkClock: WatermarkClock(notBefore: Timestamp(microseconds: 0)),
            diagnostics: Diagnostics { [said] _, message in said.messages.withLock { $0.append(message) } },
            registry: registry)
        try input.open()
        running = RunningInput(input)
    }

    var hasRunEnded: Bool { running.hasEnded }

    /// Stops the input, and removes its directory.
    func stop() throws {
        input.stop()
        spool.release()
        try eventually("run() ends") { hasRunEnded }
        removeDirectory(directory)
    }

    func connect() throws -> TestClient { try TestClient(path) }
}

/// The other end: blocking, with a limit to every wait.
final class TestClient: Sendable {
    let descriptor: Descriptor

    init(_ path: String) throws {
        descriptor = try UnixSocket.connect(to: path, waiting: true)
        try UnixSocket.setBlocking(true, descriptor.rawValue, path)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor.rawValue, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    /// - Returns: the bytes sent; fewer than asked for where the other side has gone.
    @discardableResult
    func send(_ text: String) -> Int { send(Array(text.utf8)) }

    @discardableResult
    func send(_ bytes: [UInt8]) -> Int {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor.rawValue, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { break }
            sent += count
        }
        return sent
    }

    /// What can be sent without waiting.
    func sendWithoutWaiting(_ bytes: [UInt8]) -> Int {
        bytes.withUnsafeBytes {
            Glibc.send(
                descriptor.rawValue, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        }
    }

    func endWriting() { StreamTransfer.endWriting(descriptor) }

    /// Reads `count` lines, without their ends.
    func lines(_ count: Int) -> [String] {
        var found: [String] = []
        var line: [UInt8] = []
        while found.count < count {
            var byte: UInt8 = 0
            guard recv(descriptor.rawValue, &byte, 1, 0) == 1 else { break }
            if byte == 0x0a {
                found.append(String(decoding: line, as: UTF8.self))
                line = []
            } else {
                line.append(byte)
            }
        }
        return found
    }

    /// Reads to the end.
    func rest() -> String {
        var all: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(descriptor.rawValue, &piece, piece.count, 0)
            guard count > 0 else { break }
            all += piece[..<count]
        }
        return String(decoding: all, as: UTF8.self)
    }

    /// Whether something can be read within a time.
    func hears(milliseconds: Int32) -> Bool {
        var asked = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        return poll(&asked, 1, milliseconds) > 0
    }
}

let ackRequest = "{\"opslogd\":{\"ack\":true}}\n"

func castError(_ column: String = "price") -> String { #"{"event":"cast_errors","column_name":"\#(column)"}"# + "\n" }

func makeDirectory() throws -> String {
    let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(base)/opslogd-socket-XXXXXX".utf8CString)
    let made = try #require(mkdtemp(&template))
    return String(cString: made)
}

func removeDirectory(_ directory: String) {
    for name in ["s.sock", "other.sock"] { unlink(directory + "/" + name) }
    rmdir(directory)
}

/// Waits, at most 10 s, until something is so.
func eventually(_ what: Comment, _ isSo: () throws -> Bool) throws {
    for _ in 0..<2000 {
        if try isSo() { return }
        usleep(5000)
    }
    try #require(Bool(false), what)
}

/// Resident memory of this process, in bytes.
func residentBytes() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    guard fgets(&line, 256, file) != nil else { return 0 }
    let fields = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).split(
        separator: " ")
    return (fields.count > 1 ? Int(fields[1]) ?? 0 : 0) * 4096
}

func testInput(
    _ path: String, _ spool: AcknowledgingSpool, _ configure: (inout SocketInputOptions) -> Void = { _ in }
) -> SocketInput<SystemTime> {
    var options = SocketInputOptions(name: "pipelines", path: path)
    configure(&options)
    return SocketInput(
        options, sink: spool, time: SystemTime(),
        watermarkClock: WatermarkClock(notBefore: Timestamp(microseconds: 0)), diagnostics: .silent,
        registry: Registry())
}

final class Ended: Sendable {
    private let flag = Atomic<Bool>(false)
    var isSet: Bool { flag.load(ordering: .acquiring) }
    func set() { flag.store(true, ordering: .releasing) }
}

/// An input's `run()` on a thread of its own.
final class RunningInput: Sendable {
    private let ended = Ended()
    var hasEnded: Bool { ended.isSet }

    convenience init(_ input: SocketInput<SystemTime>) { self.init { try input.run() } }

    init(_ run: @escaping @Sendable () throws -> Void) {
        WorkerThread.start("socket-test") { [ended] in
            do { try run() } catch { Issue.record("run: \(error)") }
            ended.set()
        }
    }

    static func start(_ body: @escaping @Sendable () -> Void) { WorkerThread.start("socket-client", body) }
}
