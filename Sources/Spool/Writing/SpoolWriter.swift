import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

/// The spool of a running daemon: takes chunks, makes them durable in groups, and frees what every consumer has.
///
/// Any thread may append, move the ledger and ask for the status. One thread of its own is in `runUntilStopped()`.
/// Related system calls: `pwritev`, `fdatasync`, `fallocate`, `rename`, `fsync`.
public final class SpoolWriter<Disk: Storage, Time: TimeSource>: RecordSink, DeliveryLedger, Sendable {
    /// The name that the spool was made with: of its files, and of its numbering. It stays when the spool has to be
    /// delivered under another one.
    public let birthName: UniqueID
    public let run: UniqueID
    /// The source positions that were durable when the spool was opened.
    public let recoveredPositions: [SnapshotEntry]

    let time: Time
    let options: SpoolOptions
    let diagnostics: Diagnostics
    let recovery: String
    let segmentsDirectory: Disk
    let map: SpoolMap
    let damage: DamageRegister<Disk>
    let inbox: Mutex<SpoolInbox>
    let core: Mutex<WriterCore<Disk>>
    let wakeUp: EventDescriptor
    let syncSeconds: Histogram
    let syncCount = Atomic<UInt64>(0)
    let spareBytes = Atomic<UInt64>(0)
    let gaveWay = Atomic<UInt64>(0)

    init(_ parts: SpoolParts<Disk>, time: Time, options: SpoolOptions, diagnostics: Diagnostics, registry: Registry)
        throws(SpoolError)
    {
        birthName = parts.core.spool
        run = parts.core.run
        recoveredPositions = parts.core.positions.inOrder
        self.time = time
        self.options = options
        self.diagnostics = diagnostics
        recovery = parts.recovery
        segmentsDirectory = parts.core.shelf.directory
        map = parts.core.shelf.map
        damage = parts.damage
        inbox = Mutex(parts.inbox)
        core = Mutex(parts.core)
        wakeUp = try spooling { () throws(SystemError) in try EventDescriptor() }
        syncSeconds = registry.histogram(
            "opslogd_spool_sync_seconds", help: "How long the sync of a group took.", bounds: Histogram.syncBounds)
        registerGauges(registry)
        damage.meet { [weak self] range throws(SpoolError) in try self?.surroundings(of: range) ?? [] }
    }

    /// Every run of this spool, this one included, oldest first.
    public var runs: [DaemonRun] {
        inbox.withLock { $0.identity.runs.map { DaemonRun(id: $0.id, firstSequence: $0.firstSequence) } }
    }

    /// The newest receipt time that was filled in for any record: what is filled in next must not be older.
    public var latestFilledIn: Timestamp { inbox.withLock { $0.latestFilledIn } }

    public func append(_ chunk: RecordChunk) {
        let isFirst = inbox.withLock { inbox in
            guard inbox.failure == nil else { return false }
            inbox.queue.append(chunk)
            return inbox.queue.count == 1
        }
        // With others in the queue the thread is awake, or about to look.
        if isFirst { wakeUp.signal() }
    }

    /// Writes groups until `stop()`. Blocks; to be run on a thread of its own.
    ///
    /// - Throws: `SpoolError` after a failed write or sync: what was not acknowledged may be lost, and only a start
    ///   that recovers may decide. Nothing is taken any more.
    public func runUntilStopped() throws {
        while true {
            switch try turn() {
            case .again: continue
            case .wait(let milliseconds): wakeUp.wait(milliseconds: milliseconds)
            case .ended: return
            }
        }
    }

    /// Ends `runUntilStopped()` once what is queued is durable, the seal and the cursor are written. To be called after the inputs
    /// and the consumers have ended. Chunks for which there is no room stay unacknowledged.
    public func stop() {
        inbox.withLock { $0.isStopping = true }
        wakeUp.signal()
    }

    /// A reader of its own for each consumer, to be used by one thread.
    public func makeReader() -> SpoolReader<Disk> { reader(isAuditor: false) }

    /// A reader that takes no part in what is decided about damaged places: that it has read a record says nothing of
    /// whether anybody delivered it.
    public func makeAuditor() -> SpoolReader<Disk> { reader(isAuditor: true) }

    private func reader(isAuditor: Bool) -> SpoolReader<Disk> {
        SpoolReader(directory: segmentsDirectory, map: map, damage: damage, isAuditor: isAuditor) { [weak self] wake in
            self?.inbox.withLock { $0.wakes.append(wake) }
        }
    }

    // MARK: The ledger

    public var spool: UniqueID { inbox.withLock { $0.identity.name } }
    public var isDisputed: Bool { inbox.withLock { $0.identity.isDisputed } }
    public var server: DatabaseServer? { inbox.withLock { $0.identity.server } }
    public func floor(of lane: EventKind) -> SequenceNumber { inbox.withLock { $0.identity.floor(of: lane) } }
    public var acceptedGaps: [LaneGap] { inbox.withLock { $0.identity.accepted.flatMap(\.gaps) } }
    public var lanes: [LanePosition] { inbox.withLock { $0.lanes } }
    public var settled: SequenceNumber { inbox.withLock { $0.settled } }
    public var movedDeadLetters: SequenceNumber { inbox.withLock { $0.moved } }

    public func committed(_ lanes: [LanePosition], settled: SequenceNumber) {
        moveLedger { $0.commit(lanes, settled: settled) }
    }

    public func movedDeadLetters(upTo sequence: SequenceNumber) {
        moveLedger { inbox in
            guard sequence > inbox.moved else { return false }
            inbox.moved = sequence
            return true
        }
    }

    private func moveLedger(_ move: (inout SpoolInbox) -> Bool) {
        let now = monotonicMilliseconds
        let isNews = inbox.withLock { inbox in
            guard move(&inbox) else { return false }
            inbox.marks.pass(SequenceNumber(inbox.settled.rawValue + 1))
            defer { if inbox.cursorChangedAt == nil { inbox.cursorChangedAt = now } }
            return inbox.cursorChangedAt == nil || inbox.shortage != nil
        }
        if isNews { wakeUp.signal() }
    }

    var monotonicMilliseconds: UInt64 { time.monotonicNanoseconds() / 1_000_000 }
    var now: Timestamp { Timestamp(unixMicroseconds: time.realtimeMicroseconds()) }
}
