import Instruments
import LinuxSystem
import OperationLogs
import SimulatedWorld
import Synchronization
import Testing

@testable import Delivery

/// A chunk of watermark lines.
private func chunk(_ lines: [String], from first: UInt64) throws -> RecordChunk {
    let builder = ChunkBuilder()
    let originator = builder.add(RecordOriginator(kind: .socket, input: "i"))
    var encoder = LineEncoder(
        LineEncoder.Options(
            maxLineBytes: 1 << 20, maxFutureMicroseconds: .max / 2, counting: .lines, takesControlLines: false,
            reportsRejections: false), watermarkClock: WatermarkClock(notBefore: Timestamp(microseconds: 0)))
    Array(lines.map { $0 + "\n" }.joined().utf8).withUnsafeBytes {
        _ = encoder.encode($0, offset: 1, originator: originator, received: Timestamp(microseconds: 0), into: builder)
    }
    return builder.close(ticket: 1, receipt: nil)
}

private func line(_ pipeline: String, at second: Int, status: String? = nil, reached: Int? = nil) -> String {
    var object = JSONObjectWriter()
    object.add("event", text: "pipeline_watermarks")
    object.add("pipeline_name", text: pipeline)
    object.add("status", text: status)
    object.add("last_processed_ts", text: reached.map { time($0).rfc3339 })
    object.add("updated_at", text: time(second).rfc3339)
    return object.text
}

private func time(_ second: Int) -> Timestamp { Timestamp(microseconds: Int64(second) * 1_000_000) }

extension UndeliveredWatermarks {
    fileprivate func take(_ lines: [String], from first: UInt64, settled: UInt64 = 0) throws {
        let chunk = try chunk(lines, from: first)
        durable(
            try ChunkReader(chunk.bytes, firstSequence: SequenceNumber(first)), settled: SequenceNumber(settled))
    }

    fileprivate func view(_ pipeline: String, settled: UInt64 = 0) throws -> View {
        try #require(views(of: [Array(pipeline.utf8)], settled: SequenceNumber(settled)).first)
    }

    /// As the database without the pipeline's row leads to it, which has everything up to `delivered`.
    fileprivate func status(_ pipeline: String, delivered: UInt64 = 0) throws -> String {
        let name = Array(pipeline.utf8)
        switch try view(pipeline, settled: delivered).answer(name, row: nil, delivered: SequenceNumber(delivered)) {
        case .newest(let watermark, let place):
            return "\(String(decoding: watermark.status ?? [], as: UTF8.self)) from \(place)"
        case .none: return "none"
        case .unknown(let obstacle, _): return obstacle.rawValue
        }
    }
}

struct UndeliveredWatermarksTests {
    @Test func `what a snapshot keeps is all that was known`() throws {
        let first = UndeliveredWatermarks()
        try first.take(
            [line("a", at: 1, status: "old", reached: 7), line("b", at: 5), line("a", at: 2, status: "new")], from: 10)
        let second = UndeliveredWatermarks()
        second.recovered(first.entries(settled: .zero), before: SequenceNumber(13))
        for board in [first, second] {
            let view = try board.view("a")
            let chain = try #require(view.chain)
            #expect(chain.last == SequenceNumber(12) && !view.isIncomplete)
            let row = try #require(chain.applied(to: nil, of: Array("a".utf8)))
            #expect(row.status == Array("new".utf8) && row.lastProcessed == time(7) && row.updatedAt == time(2))
            #expect(try board.view("c").chain == nil)
            #expect(try board.status("c") == "none")
        }
    }

    @Test func `what is delivered is let go, and missed where the database has it no more`() throws {
        let board = UndeliveredWatermarks()
        try board.take([line("a", at: 1, status: "x"), line("b", at: 1, status: "y")], from: 1)
        #expect(board.entries(settled: SequenceNumber(1)).count == 2, "the bounds, and b")
        #expect(try board.status("a", delivered: 1) == "none", "its row is the database's")
        #expect(try board.status("b", delivered: 1) == "y from spool")
        #expect(try board.status("a", delivered: 0) == "database_behind")
        let next = UndeliveredWatermarks()
        next.recovered(board.entries(settled: SequenceNumber(1)), before: SequenceNumber(3))
        #expect(try next.status("a", delivered: 0) == "database_behind", "after a start too")
    }

    @Test func `a row that is newer than all that is not delivered stays the newest`() throws {
        let board = UndeliveredWatermarks()
        try board.take([line("a", at: 5, status: "late")], from: 1)
        let row = PipelineWatermark(pipeline: [], lastProcessed: nil, status: nil, updatedAt: time(6))
        let answer = try board.view("a").answer([], row: row, delivered: .zero)
        #expect(answer == .newest(row, .database))
    }

    @Test func `beyond its bound nothing is told that may be wrong, until what was passed over is delivered`() throws {
        let board = UndeliveredWatermarks(limitBytes: 1000)
        let names = (0..<50).map { "p\($0)" }
        try board.take(names.map { line($0, at: 9, status: $0) }, from: 1)
        #expect(try board.status("p0") == "p0 from spool", "one that is held")
        #expect(try board.status("p49") == "undelivered_unknown")
        // An older event of the one that was passed over is no answer for it.
        try board.take([line("p49", at: 1, status: "older")], from: 51, settled: 20)
        #expect(try board.status("p49", delivered: 20) == "undelivered_unknown")
        #expect(try board.status("unheard of", delivered: 20) == "undelivered_unknown")
        #expect(try board.status("p49", delivered: 51) == "none", "the database has all of them")
        try board.take([line("p49", at: 10, status: "again")], from: 52, settled: 51)
        #expect(try board.status("p49", delivered: 51) == "again from spool")
        #expect(board.entries(settled: .zero).count < 20)
    }

    @Test func `a snapshot that says nothing of watermarks says nothing of those before it`() throws {
        let board = UndeliveredWatermarks()
        board.recovered([], before: SequenceNumber(8))
        #expect(try board.status("a", delivered: 6) == "undelivered_unknown")
        #expect(try board.status("a", delivered: 7) == "none")
        board.recovered([], before: SequenceNumber(1))
        #expect(try board.status("a") == "none", "of a new spool there is nothing before it")
    }

    @Test func `what cannot be read back counts as not known`() throws {
        let board = UndeliveredWatermarks()
        try board.take([line("a", at: 1, status: "x", reached: 3), line("a", at: 2, status: "y")], from: 1)
        var random = SplitMix64(seed: 3)
        var rejected = 0
        for entry in board.entries(settled: .zero) {
            #expect(WatermarkEntry(key: entry.key, value: entry.value) != nil)
            for length in 0..<entry.value.count {
                #expect(WatermarkEntry(key: entry.key, value: Array(entry.value.prefix(length))) == nil)
            }
            for _ in 0..<2000 {
                var value = entry.value
                value[Int.random(in: value.indices, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
                if WatermarkEntry(key: entry.key, value: value) == nil { rejected += 1 }
            }
        }
        #expect(rejected > 0)
        let next = UndeliveredWatermarks()
        let bounds = WatermarkEntry.bounds(dropped: .zero, missing: .zero).encoded(of: [])
        next.recovered([bounds, (key: Array("a".utf8), value: [99, 1])], before: SequenceNumber(3))
        #expect(try next.status("a") == "undelivered_unknown")
    }

    @Test func `a name without end is not held, and no other suffers from it`() throws {
        let board = UndeliveredWatermarks()
        let long = String(repeating: "n", count: UndeliveredWatermarks.longestName + 1)
        try board.take([line(long, at: 1, status: "x"), line("a", at: 1, status: "y")], from: 1)
        #expect(try board.status(long) == "undelivered_unknown")
        #expect(try board.status("a") == "y from spool")
    }
}

/// A database that answers as it is told.
private final class ToldSession: WatermarkSession, @unchecked Sendable {
    let failures = Mutex<[DatabaseFailure]>([])
    let log = Mutex<[String]>([])
    let stored = Mutex(StoredWatermarks(position: nil, rows: []))

    private func fail() throws(DatabaseFailure) {
        let failure = failures.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        if let failure { throw failure }
    }

    func connect() throws(DatabaseFailure) -> ServerIdentity {
        log.withLock { $0.append("connect") }
        try fail()
        return ServerIdentity(systemIdentifier: 1, timeline: 1, isInRecovery: false, version: "15")
    }
    func disconnect() {}
    func interrupt() { log.withLock { $0.append("interrupt") } }
    func watermarks(spool: UniqueID, of pipelines: [[UInt8]]) throws(DatabaseFailure) -> StoredWatermarks {
        log.withLock { $0.append("ask \(pipelines.count)") }
        try fail()
        return stored.withLock { $0 }
    }
}

struct WatermarkLookupTests {
    private let session = ToldSession()
    private let board = UndeliveredWatermarks()
    private let ledger = MemoryLedger()
    private let time = ManualTime()

    /// Asks in turn, on a thread that runs for as long as that takes.
    private func ask(
        _ names: [String], before each: () -> Void = {}
    ) async throws -> [WatermarkAnswer] {
        let lookup = try WatermarkLookup(
            session: session, undelivered: board, ledger: ledger, idleMilliseconds: 3_600_000, time: time,
            diagnostics: Diagnostics { _, _ in })
        WorkerThread.start("lookup") { lookup.run() }
        var answers: [WatermarkAnswer] = []
        for name in names {
            each()
            answers.append(
                await withCheckedContinuation { continuation in
                    lookup.newestWatermark(of: Array(name.utf8)) { continuation.resume(returning: $0) }
                })
        }
        lookup.stop()
        return answers
    }

    @Test func `a kept connection that was cut is opened again for the question`() async throws {
        session.failures.withLock { $0 = [] }
        let answers = try await ask(["a", "b"]) {
            let asked = session.log.withLock { $0.count }
            if asked == 2 { session.failures.withLock { $0 = [.connectionLost("cut")] } }
        }
        #expect(answers == [.none, .none])
        let log = session.log.withLock { $0.filter { $0 != "interrupt" } }
        #expect(log == ["connect", "ask 1", "ask 1", "connect", "ask 1"])
    }

    @Test func `a database that does not answer is left alone for a second`() async throws {
        try board.take([line("a", at: 1, status: "x")], from: 1)
        session.failures.withLock { $0 = [.timedOut("slow"), .timedOut("slow")] }
        var asked = 0
        let answers = try await ask(["a", "b", "a"]) {
            asked += 1
            if asked == 3 { time.advance(milliseconds: 1001) }
        }
        guard case .unknown(.databaseUnreachable, let spool?) = answers[0] else {
            Issue.record("\(answers[0])")
            return
        }
        #expect(spool.status == Array("x".utf8))
        #expect(answers[1] == .unknown(.databaseUnreachable, spool: nil))
        let log = session.log.withLock { $0.filter { $0 != "interrupt" } }
        #expect(log == ["connect", "connect"], "the second question did not go to the database: \(log)")
    }

    @Test func `each question is answered once, also those that come behind the stop or are too many`() async throws {
        let lookup = try WatermarkLookup(
            session: session, undelivered: board, ledger: ledger, time: time, diagnostics: Diagnostics { _, _ in })
        let answered = Atomic<Int>(0)
        let most = WatermarkLookup<ToldSession, ManualTime>.mostWaiting
        for _ in 0..<most + 5 { lookup.newestWatermark(of: [97]) { _ in answered.add(1, ordering: .relaxed) } }
        #expect(answered.load(ordering: .relaxed) == 5, "without the database")
        lookup.stop()
        lookup.newestWatermark(of: [97]) { _ in answered.add(1, ordering: .relaxed) }
        lookup.run()
        #expect(answered.load(ordering: .relaxed) == most + 6)
    }

    @Test func `all that wait are asked for in one statement`() async throws {
        let lookup = try WatermarkLookup(
            session: session, undelivered: board, ledger: ledger, time: time, diagnostics: Diagnostics { _, _ in })
        let answers = Mutex<[WatermarkAnswer]>([])
        session.stored.withLock {
            $0 = StoredWatermarks(
                position: nil,
                rows: [PipelineWatermark(pipeline: [98], lastProcessed: nil, status: nil, updatedAt: time(3))])
        }
        for name: UInt8 in [97, 98, 97] {
            lookup.newestWatermark(of: [name]) { answer in answers.withLock { $0.append(answer) } }
        }
        WorkerThread.start("lookup") { lookup.run() }
        while answers.withLock({ $0.count }) < 3 { await Task.yield() }
        lookup.stop()
        #expect(session.log.withLock { $0.prefix(2) } == ["connect", "ask 2"])
        #expect(answers.withLock { $0.map { $0 == .none } } == [true, false, true])
    }

    private func time(_ second: Int) -> Timestamp { Timestamp(microseconds: Int64(second) * 1_000_000) }
}
