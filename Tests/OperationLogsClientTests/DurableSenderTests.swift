import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import Synchronization
import Testing

@testable import Intake
@testable import OperationLogsClient

@Suite struct DurableSenderTests {
    @Test func `lines are durable when finish returns`() throws {
        let service = try SenderService()
        defer { service.stop() }
        let sender = try DurableSender(connectingTo: service.path)
        try sender.send(castError + castError)
        try sender.send("\n" + castError.dropLast())
        let outcome = try sender.finish()
        #expect(outcome == DurableSender.Outcome(lines: 4, rejected: 0))
        #expect(sender.durable == 4)
        #expect(service.spool.records == 3)
    }

    @Test func `rejections are told before the number that covers them`() throws {
        let service = try SenderService()
        defer { service.stop() }
        var told: [LineRejection] = []
        var order: [String] = []
        let sender = try DurableSender(
            connectingTo: service.path, onDurable: { order.append("durable \($0)") },
            onRejection: {
                told.append($0)
                order.append("rejected \($0.line)")
            })
        try sender.send(castError + "nonsense\n" + #"{"event":"cast_errors"}"# + "\n")
        let outcome = try sender.finish()
        #expect(outcome == DurableSender.Outcome(lines: 3, rejected: 2))
        #expect(told.map(\.line) == [2, 3])
        #expect(told.map(\.reason) == ["invalid_json", "missing_field"])
        #expect(told.allSatisfy { !$0.detail.isEmpty })
        #expect(order.last == "durable 3")
    }

    @Test func `nothing sent is nothing durable`() throws {
        let service = try SenderService()
        defer { service.stop() }
        #expect(
            try DurableSender(connectingTo: service.path).finish() == DurableSender.Outcome(lines: 0, rejected: 0))
    }

    @Test func `large sends with many answers lock neither side`() throws {
        let service = try SenderService()
        defer { service.stop() }
        var last: UInt64 = 0
        let sender = try DurableSender(connectingTo: service.path, onDurable: { last = $0 })
        let block = Array(String(repeating: castError + "x\n", count: 10_000).utf8)
        for _ in 0..<2 { try sender.send(block[...]) }
        #expect(try sender.finish() == DurableSender.Outcome(lines: 40_000, rejected: 20_000))
        #expect(last == 40_000)
        #expect(service.spool.records == 40_000)
    }

    @Test func `nobody listening is said so`() throws {
        let service = try SenderService()
        service.stop()
        #expect(throws: SendingError.nobodyListens(path: service.path)) {
            try DurableSender(connectingTo: service.path)
        }
        let dead = service.directory + "/dead.sock"
        do { try UnixSocket.bind(try UnixSocket.open(), to: dead) }
        #expect(throws: SendingError.nobodyListens(path: dead)) { try DurableSender(connectingTo: dead) }
        unlink(dead)
    }

    @Test func `a connection that ends early says how many lines are durable`() throws {
        let service = try SenderService()
        defer { service.stop() }
        let sender = try DurableSender(connectingTo: service.path)
        try sender.send(castError)
        while sender.durable == 0 {
            usleep(1000)
            try sender.send(castError)
        }
        service.spool.hold()
        try sender.send(castError)
        service.input.stop()
        while !service.hasEnded { usleep(1000) }
        let error = #expect(throws: SendingError.self) { _ = try sender.finish() }
        guard case .closed(_, let durable, let sent)? = error else {
            Issue.record("another error: \(String(describing: error))")
            return
        }
        #expect(durable >= 1 && durable < sent)
        #expect(sent == sender.sent)
    }

    @Test func `a sender that is writing when opslogd stops is told how far it came`() throws {
        let service = try SenderService()
        defer { service.stop() }
        let block = Array(String(repeating: castError, count: 5000).utf8)
        let sender = try DurableSender(connectingTo: service.path)
        try sender.send(block[...])
        WorkerThread.start("stopper") { [input = service.input] in
            usleep(20_000)
            input.stop()
        }
        let error = #expect(throws: SendingError.self) {
            while true { try sender.send(block[...]) }
        }
        #expect(error == .closed(path: service.path, durable: sender.durable, sent: sender.sent))
        #expect(sender.durable > 0 && sender.durable <= sender.sent)
        #expect(service.spool.records >= Int(sender.durable))
    }

    @Test func `a control line among the lines is refused`() throws {
        let service = try SenderService()
        defer { service.stop() }
        let sender = try DurableSender(connectingTo: service.path)
        let error = #expect(throws: SendingError.self) {
            try sender.send(#"{"opslogd":{"ack":true}}"# + "\n")
            _ = try sender.finish()
        }
        guard case .refused(_, let message)? = error else {
            Issue.record("another error: \(String(describing: error))")
            return
        }
        #expect(message.hasPrefix("ack is for the first line"))
    }
}

private let castError = #"{"event":"cast_errors","column_name":"price"}"# + "\n"

/// A spool that calls everything durable at once, until it is told to hold.
private final class InstantSpool: RecordSink {
    private let count = Atomic<Int>(0)
    private let isHolding = Atomic<Bool>(false)

    var records: Int { count.load(ordering: .relaxed) }
    func hold() { isHolding.store(true, ordering: .relaxed) }

    func append(_ chunk: RecordChunk) {
        count.add(chunk.recordCount, ordering: .relaxed)
        if !isHolding.load(ordering: .relaxed) { chunk.receipt?.durable(upTo: chunk.ticket) }
    }
}

/// A socket input on a thread of its own.
private final class SenderService: Sendable {
    let directory: String
    let path: String
    let spool = InstantSpool()
    let input: SocketInput<SystemTime>
    private let ended = Ended()

    final class Ended: Sendable { let flag = Atomic<Bool>(false) }
    var hasEnded: Bool { ended.flag.load(ordering: .acquiring) }

    init() throws {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/opslogd-client-XXXXXX".utf8CString)
        directory = String(cString: try #require(mkdtemp(&template)))
        path = directory + "/s.sock"
        var options = SocketInputOptions(name: "pipelines", path: path)
        options.stopMilliseconds = 300
        input = SocketInput(
            options, sink: spool, time: SystemTime(),
            watermarkClock: WatermarkClock(notBefore: Timestamp(microseconds: 0)), diagnostics: .silent,
            registry: Registry())
        try input.open()
        WorkerThread.start("sender-test") { [input, ended] in
            do { try input.run() } catch { Issue.record("run: \(error)") }
            ended.flag.store(true, ordering: .releasing)
        }
    }

    deinit { rmdir(directory) }

    func stop() {
        input.stop()
        while !hasEnded { usleep(1000) }
    }
}
