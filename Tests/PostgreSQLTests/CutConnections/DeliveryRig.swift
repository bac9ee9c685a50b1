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

    init(limits: ConnectionLimits = ConnectionLimits(), batchEvents: Int = 20_000) throws {
        database = try TestDatabase()
        proxy = try CuttingProxy(target: database.server.path + "/.s.PGSQL.5432")
        directory = try TemporaryDirectory()
        chmod(directory.path, 0o700)
        let state = try DirectoryStorage(path: directory.path)
        let registry = Registry()
        let time = SystemTime()
        let diagnostics = Diagnostics { [said] severity, text in said.change { $0.append("\(severity): \(text)") } }
        spool = try SpoolWriter.open(
            disk: state.directory("spool"), time: time,
            options: SpoolOptions(maxBytes: 64 << 20, segmentBytes: 4 << 20, minFreeBytes: 0),
            host: SpoolHost.current(stateDirectory: directory.path), diagnostics: diagnostics, registry: registry)
        let letters = try DeadLetterStore(
            in: state, spool: spool.birthName, lowestPosition: spool.settled, registry: registry,
            diagnostics: diagnostics)
        worker = try DeliveryWorker(
            session: LibpqSession(
                conninfo: "host='\(proxy.host)' user=postgres dbname=\(database.name)", limits: limits),
            source: spool.makeReader(), ledger: spool, deadLetters: letters,
            options: DeliveryOptions(
                batchEvents: batchEvents, retryInitialMilliseconds: 1, retryMaxMilliseconds: 2, host: "h"),
            time: time, registry: registry, diagnostics: diagnostics)
        let ended = try EventDescriptor()
        self.ended = ended
        WorkerThread.start("spool") { [spool] in try? spool.runUntilStopped() }
        WorkerThread.start("delivery") { [worker] in
            try? worker.run()
            ended.signal()
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

    /// Waits until so many records have their fate.
    func awaitFate(of records: Int, milliseconds: Int = 30_000) throws {
        let clock = SystemTime()
        let end = clock.monotonicNanoseconds() + UInt64(milliseconds) * 1_000_000
        while spool.settled.rawValue < UInt64(records) {
            guard clock.monotonicNanoseconds() < end else {
                throw SharedServer.Failure(
                    words: "settled up to \(spool.settled) of \(records): \(worker.status); \(said.value.suffix(5))")
            }
            usleep(200)
        }
    }
}
