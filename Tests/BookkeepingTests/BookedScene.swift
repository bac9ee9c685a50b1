import Bookkeeping
import DeadLetters
import Instruments
import LinuxSystem
import OperationLogs
import SimulatedWorld
import Spool
import Synchronization

/// A spool and a store of dead letters on a simulated disk, with their doors and the books; Delivery is whoever writes the
/// test, and counts what it likes.
final class BookedScene {
    typealias Writer = SpoolWriter<SimulatedDisk, SimulatedTime>

    let disk: DiskState
    let registry = Registry()
    let writer: Writer
    let store: DeadLetterStore<SimulatedDisk>
    let mover: DeadLetterMover<SimulatedDisk, SimulatedTime>
    let door: BookedSink
    let ledger: BookedLedger
    let letters: BookedLetters
    let books: Bookkeeper
    private let time = SimulatedTime()

    /// - Parameters:
    ///   - loss: between the door and the spool.
    ///   - keep: bytes of delivered segments that are kept.
    init(_ disk: DiskState = DiskState(), losing loss: LeakySink.Loss? = nil, keep: UInt64 = 1 << 20) throws {
        self.disk = disk
        var options = SpoolOptions(
            maxBytes: 4 << 20, segmentBytes: 16 << 10, minFreeBytes: 0, sync: .group, keepDeliveredBytes: keep)
        options.smallestSegmentBytes = 16 << 10
        let state = SimulatedDisk(disk)
        let writer = try Writer.open(
            disk: state.directory("spool"), time: time, options: options,
            host: SpoolHost(machine: "m", directoryInode: 1, directoryBirthNanoseconds: 2), diagnostics: .silent,
            registry: registry)
        self.writer = writer
        let store = try DeadLetterStore(
            in: state, spool: writer.birthName, lowestPosition: writer.settled, registry: registry,
            diagnostics: .silent)
        self.store = store
        let leak = LeakySink(before: writer, loss: loss)
        door = BookedSink(before: leak)
        let counted = registry.counter(
            "opslogd_dead_letters_total", help: "Dead letters appended, by reason.",
            labels: [(name: "reason", value: RejectionReason.invalidJSON.name)])
        let counts = RowCounts()
        delivered = counts
        ledger = BookedLedger(writer, rows: { counts[$0] }, letters: { counted.value })
        letters = BookedLetters(store)
        books = try Bookkeeper(
            makeReader: writer.makeAuditor, firstKept: { writer.status.first }, sink: door, ledger: ledger,
            letters: letters, lettersBefore: store.movedUpTo, registry: registry, diagnostics: .silent)
        mover = try DeadLetterMover(
            source: writer.makeReader(), ledger: ledger, store: store, clock: time, diagnostics: .silent,
            firstKept: { writer.status.first })
        try mover.begin()
    }

    /// What Delivery has counted of each table.
    let delivered: RowCounts

    /// An input hands lines over: events of a table, or lines that do not fit.
    func read(_ input: String, events: Int = 0, of kind: EventKind = .castErrors, rejected: Int = 0) {
        let builder = ChunkBuilder()
        let originator = builder.add(RecordOriginator(kind: .file, input: input, path: "/\(input)"))
        var encoder = LineEncoder(
            LineEncoder.Options(
                maxLineBytes: 4096, maxFutureMicroseconds: .max / 2, counting: .lines, takesControlLines: false,
                reportsRejections: false), watermarkClock: WatermarkClock(notBefore: Timestamp(microseconds: 0)))
        let event =
            kind == .castErrors
            ? #"{"event":"cast_errors","column_name":"c"}"# : #"{"event":"concurrency_issues","lock_type":"x"}"#
        let lines = Array(
            (String(repeating: event + "\n", count: events) + String(repeating: "{\n", count: rejected)).utf8)
        lines.withUnsafeBytes {
            _ = encoder.encode(
                $0, offset: 1, originator: originator, received: Timestamp(microseconds: 0), into: builder)
        }
        door.append(builder.close(ticket: 0, receipt: nil))
    }

    func write() throws { for _ in 0..<10_000 where try writer.turn() != .again { return } }
    func move() throws { _ = try mover.turn(isLastRound: true) }

    /// Delivery says that a lane's row stands there, that it has counted so many rows more, and that all records up to
    /// `settled` have their fate.
    func deliver(
        upTo position: UInt64, rows: UInt64, of kind: EventKind = .castErrors, settled: UInt64? = nil
    ) {
        delivered.add(rows, kind)
        let lane = LanePosition(
            lane: kind, position: SequenceNumber(position), origin: RecordOrigin(run: writer.run, chain: 1))
        ledger.committed(
            ledger.lanes.map { $0.lane == kind ? lane : $0 }, settled: SequenceNumber(settled ?? position))
    }

    /// The daemon's orderly end.
    func stop() throws {
        writer.stop()
        for _ in 0..<1000 where try writer.turn() == .ended { break }
    }

    /// The database refuses a row.
    func refuse(_ sequence: UInt64, of input: String) throws {
        try letters.append([
            DeadLetter(
                id: SequenceNumber(sequence), time: Timestamp(microseconds: 0), reason: .rejectedByDatabase, detail: "",
                sqlstate: "23514", event: .castErrors, source: RecordOriginator(kind: .file, input: input), offset: 0,
                line: [])
        ])
    }

    var report: BooksReport {
        get throws {
            for _ in 0..<100 where try !books.turn() { break }
            return books.report
        }
    }

    func account(_ input: String) throws -> BooksReport.Input? { try report.inputs.first { $0.name == input } }

    var metric: Double? {
        let family = registry.read().first { $0.name == "opslogd_unaccounted_events" }
        guard case .gauge(let value) = family?.series.first?.reading else { return nil }
        return value
    }
}

/// How many rows of each table somebody says that he has committed.
final class RowCounts: Sendable {
    private let counts = Mutex<[EventKind: UInt64]>([:])

    subscript(kind: EventKind) -> UInt64 { counts.withLock { $0[kind] ?? 0 } }
    func add(_ count: UInt64, _ kind: EventKind) { counts.withLock { $0[kind, default: 0] += count } }
}

/// A spool's door through which something gets lost, or comes twice.
final class LeakySink: RecordSink {
    enum Loss { case chunk(Int), doubled(Int) }

    private let spool: any RecordSink
    private let loss: Loss?
    private let count = Mutex(0)

    init(before spool: any RecordSink, loss: Loss?) {
        self.spool = spool
        self.loss = loss
    }

    func append(_ chunk: RecordChunk) {
        let number = count.withLock { count in
            count += 1
            return count
        }
        switch loss {
        case .chunk(number): return
        case .doubled(number): spool.append(chunk)
        default: break
        }
        spool.append(chunk)
    }
}
