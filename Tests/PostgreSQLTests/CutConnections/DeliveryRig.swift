import DeadLetters
import Delivery
import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import PostgreSQL
import PrivatePostgreSQL
import Spool

/// Delivery as the daemon has it – a spool and dead letters on disk, a worker, a session by libpq – to a database of its
/// own, through a proxy.
final class DeliveryRig: Sendable {
    let database: TestDatabase
    let proxy: CuttingProxy
    private let directory: TemporaryDirectory
    private let spool: SpoolWriter<DirectoryStorage, SystemTime>
    private let worker: DeliveryWorker<LibpqSession, SystemTime>
    private let ended: EventDescriptor
    let said = Locked<[String]>([])
    let letters = Locked<[DeadLetter]>([])
    private let registry = Registry()

    /// Dead letters on disk, and in a list.
    private final class Letters: DeadLetterSink {
        private let store: DeadLetterStore<DirectoryStorage>
        private let kept: Locked<[DeadLetter]>

        init(_ store: DeadLetterStore<DirectoryStorage>, _ kept: Locked<[DeadLetter]>) {
            self.store = store
            self.kept = kept
        }

        func append(_ letters: [DeadLetter]) throws {
            try store.append(letters)
            kept.change { $0 += letters }
        }
        func holdsRefusal(of sequence: SequenceNumber) -> Bool { store.holdsRefusal(of: sequence) }
        func mayHoldRefusals(from first: SequenceNumber, through last: SequenceNumber) -> Bool {
            store.mayHoldRefusals(from: first, through: last)
        }
    }

    /// - Parameter prepare: what is done in the database before.
    init(
        limits: ConnectionLimits = ConnectionLimits(), batchEvents: Int = 20_000, connections: Int = 1,
        prepare: String? = nil
    ) throws {
        database = try TestDatabase()
        if let prepare { try database.run(prepare) }
        proxy = try CuttingProxy(target: database.server.path + "/.s.PGSQL.5432")
        directory = try TemporaryDirectory()
        chmod(directory.path, 0o700)
        let state = try DirectoryStorage(path: directory.path)
        let time = SystemTime()
        let diagnostics = Diagnostics { [said] severity, text in said.change { $0.append("\(severity): \(text)") } }
        spool = try SpoolWriter.open(
            disk: state.directory("spool"), time: time,
            options: SpoolOptions(maxBytes: 64 << 20, segmentBytes: 4 << 20, minFreeBytes: 0),
            host: SpoolHost.current(stateDirectory: directory.path), diagnostics: diagnostics, registry: registry)
        let store = try DeadLetterStore(
            in: state, spool: spool.birthName, lowestPosition: spool.settled, registry: registry,
            diagnostics: diagnostics)
        worker = try DeliveryWorker(
            try (0..<connections).map { [proxy, database, spool] _ in
                (
                    try LibpqSession(
                        conninfo: "host='\(proxy.host)' user=postgres dbname=\(database.name)", limits: limits),
                    spool.makeReader()
                )
            },
            ledger: spool, deadLetters: Letters(store, letters),
            options: DeliveryOptions(
                batchEvents: batchEvents, retryInitialMilliseconds: 1, retryMaxMilliseconds: 2,
                connections: connections, host: "h"),
            time: time, registry: registry, diagnostics: diagnostics)
        let ended = try EventDescriptor()
        self.ended = ended
        WorkerThread.start("spool") { [spool] in try? spool.runUntilStopped() }
        WorkerThread.start("delivery") { [worker] in
            try? worker.run()
            ended.signal()
        }
    }

    var status: DeliveryStatus { worker.status }

    /// Why a table waits; nil if it does not.
    func hold(of kind: EventKind) -> String? { worker.status.lanes.first { $0.lane == kind }?.heldBecause }

    /// Transactions that were tried.
    var attempts: Int {
        registry.read().filter { $0.name == "opslogd_delivery_attempts_total" }.flatMap(\.series).reduce(0) {
            sum, series in
            if case .counter(let count) = series.reading { sum + Int(count) } else { sum }
        }
    }

    /// Waits until something holds.
    ///
    /// - Parameter microseconds: between two looks.
    func waitUntil(
        _ what: String, milliseconds: Int = 30_000, every microseconds: UInt32 = 2000, _ condition: () throws -> Bool
    ) throws {
        let clock = SystemTime()
        let end = clock.monotonicNanoseconds() + UInt64(milliseconds) * 1_000_000
        while try !condition() {
            guard clock.monotonicNanoseconds() < end else {
                throw SharedServer.Failure(
                    words:
                        "not in time: \(what): settled up to \(spool.settled): \(worker.status); \(said.value.suffix(5))"
                )
            }
            usleep(microseconds)
        }
    }

    /// Ends everything; the database stays.
    func stop() {
        worker.stop(drainMilliseconds: 0)
        _ = ended.wait(milliseconds: 20_000)
        spool.stop()
        proxy.stop()
    }

    /// Makes lines durable in one group.
    func append(_ lines: [String]) {
        var encoder = LineEncoder(
            LineEncoder.Options(
                maxLineBytes: 1 << 20, maxFutureMicroseconds: .max / 4, counting: .lines, takesControlLines: false,
                reportsRejections: false),
            watermarkClock: WatermarkClock(notBefore: Timestamp(microseconds: .min)))
        let chunk = ChunkBuilder()
        let originator = chunk.add(RecordOriginator(kind: .file, input: "rig", path: "/rig"))
        let bytes = Array(lines.map { $0 + "\n" }.joined().utf8)
        bytes.withUnsafeBytes {
            _ = encoder.encode(
                $0, offset: 1, originator: originator, received: Timestamp(unixMicroseconds: 1_700_000_000_000_000),
                into: chunk)
        }
        spool.append(chunk.close(ticket: 0, receipt: nil))
    }

    /// The records that became dead letters, as the log has it.
    var refused: [Int] {
        said.value.filter { $0.contains("the database refused record") }.compactMap { text in
            text.split { !("0"..."9").contains($0) }.first.flatMap { Int($0) }
        }
    }

    /// Waits until delivery's status is like that.
    func wait(_ what: String, milliseconds: Int = 30_000, until condition: (DeliveryStatus) -> Bool) throws {
        try waitUntil(what, milliseconds: milliseconds) { condition(worker.status) }
    }

    /// Waits until so many records have their fate.
    func awaitFate(of records: Int, milliseconds: Int = 30_000) throws {
        try waitUntil("\(records) records have their fate", milliseconds: milliseconds, every: 200) {
            spool.settled.rawValue >= UInt64(records)
        }
    }
}
