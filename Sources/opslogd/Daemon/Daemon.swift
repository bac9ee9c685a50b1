import Bookkeeping
import DaemonConfiguration
import DeadLetters
import Delivery
import Glibc
import Instruments
import Intake
import LinuxSystem
import OperationLogs
import PostgreSQL
import ServiceLifecycle
import Spool
import Synchronization
import Telemetry

/// The running daemon: the one place where the stages meet.
///
///     files, sockets, journal ──▶ Intake ──▶ Spool ──▶ Delivery ──▶ PostgreSQL
///                                               └────▶ DeadLetters
struct Daemon {
    private typealias Disk = DirectoryStorage
    private typealias Writer = SpoolWriter<DirectoryStorage, SystemTime>

    private let log: DaemonLog
    private let settings: DaemonSettings
    private let lock: SpoolLock
    private let database: EmbeddedDatabase
    private let spool: Writer
    private let mover: DeadLetterMover<DirectoryStorage, SystemTime>
    private let orders: DeadLetterOrders
    private let books: Bookkeeper
    /// Whether an input waits, since its share of the dead letters' space is used up.
    private let isFull: @Sendable (_ input: String) -> Bool
    private let delivery: DeliveryWorker<LibpqSession, SystemTime>
    /// Nil where the table of dead letters is not wanted.
    private let mirror: DeadLetterMirror<LibpqSession, SystemTime>?
    private let watermarks: WatermarkLookup<LibpqSession, SystemTime>
    private let sockets: [SocketInput<SystemTime>]
    private let datagrams: [DatagramInput<SystemTime>]
    private let files: [FileInput<SystemTime>]
    private let journals: [DaemonJournalInput]
    private let registry = Registry()
    private let started = SystemTime().monotonicNanoseconds()
    /// Set once every input is open.
    private let isOpen = OpenMark()

    /// Opens everything that can fail at the start: state, spool, dead letters, sockets.
    ///
    /// - Throws: what `CommandFailure(describing:)` gives its exit status.
    init(_ loaded: LoadedSettings) async throws {
        let settings = loaded.settings
        self.settings = settings
        let log = DaemonLog(settings.log)
        self.log = log
        for warning in loaded.warnings { log.write(.warning, "configuration", "\(warning)") }

        let state = try Disk(path: settings.stateDirectory)
        if let warning = try SpoolPlace.warning(stateDirectory: settings.stateDirectory) {
            log.write(.warning, "spool", warning)
        }
        let spoolDirectory = try state.directory("spool")
        lock = try SpoolLock(spoolDirectory)
        database = try EmbeddedDatabase(settings, log.diagnostics(of: "database"))
        let time = SystemTime()

        let undelivered = UndeliveredWatermarks()
        let host = try SpoolHost.current(stateDirectory: settings.stateDirectory)
        let now = Timestamp(unixMicroseconds: time.realtimeMicroseconds())
        let known = try SpoolSettlement(spoolDirectory, host: host, now: now)?.birthName
        spool = try Writer.open(
            disk: spoolDirectory, time: time, options: SpoolOptions(settings.spool), host: host,
            deadLetter: known.map { try DeadLetterStore.newest(in: state, spool: $0) } ?? .zero,
            diagnostics: log.diagnostics(of: "spool"), registry: registry, watermarks: undelivered,
            sources: settings.positionReaders)
        let deadLetters = try DeadLetterStore(
            in: state, spool: spool.birthName, lowestPosition: spool.settled, registry: registry,
            diagnostics: log.diagnostics(of: "dead letters"),
            limits: DeadLetterLimits(settings.deadLetters, inputs: settings.inputs.map(\.name)))
        isFull = { [deadLetters] in deadLetters.isFull(for: $0) }
        try spool.account { [deadLetters] in try deadLetters.holdsAny(from: $0, before: $1) }
        let door = BookedSink(before: spool)
        let ledger = BookedLedger(spool, registry: registry)
        let refusals = BookedLetters(deadLetters)
        books = try Bookkeeper(
            makeReader: spool.makeAuditor, firstKept: { [spool] in spool.status.first }, sink: door, ledger: ledger,
            letters: refusals, lettersBefore: deadLetters.mayMissMoved ? nil : deadLetters.movedUpTo,
            registry: registry,
            diagnostics: log.diagnostics(of: "books"))
        mover = try DeadLetterMover(
            source: spool.makeReader(), ledger: ledger, store: deadLetters, clock: time,
            diagnostics: log.diagnostics(of: "dead letters"), firstKept: { [spool] in spool.status.first })
        orders = DeadLetterOrders(
            actions: try DeadLetterActions(
                stateDirectory: { try Disk(path: settings.stateDirectory) }, store: deadLetters, mover: mover,
                spool: spool.birthName,
                ledger: ledger, sink: door, clock: time,
                options: DeadLetterOrders.readers(settings)))
        delivery = try DeliveryWorker(
            try (0..<settings.delivery.connections).map { [spool, database] _ in
                (try LibpqSession(conninfo: database.conninfo), spool.makeReader())
            },
            ledger: ledger, deadLetters: refusals, options: DeliveryOptions(settings.delivery), time: time,
            registry: registry,
            diagnostics: log.diagnostics(of: "delivery"))

        mirror =
            settings.deadLetters.table
            ? try DeadLetterMirror(
                session: LibpqSession(conninfo: database.conninfo), feed: JournalFeed(of: deadLetters),
                options: DeliveryOptions(settings.delivery), time: time, registry: registry,
                diagnostics: log.diagnostics(of: "dead letters")) : nil

        watermarks = try WatermarkLookup(
            session: LibpqSession(conninfo: database.conninfo, limits: .lookup), undelivered: undelivered,
            ledger: spool, time: time, diagnostics: log.diagnostics(of: "watermarks"))

        let inputs = InputFactory(
            inputs: settings.inputs, sink: GatedSink(spool: door, letters: deadLetters), time: time,
            watermarkClock: WatermarkClock(notBefore: spool.latestFilledIn), watermarks: watermarks,
            maxFuture: settings.delivery.maxFuture,
            recovered: spool.recoveredPositions, losses: spool,
            registry: registry, log: log)
        sockets = try settings.inputs.compactMap { try inputs.socket($0) }
        datagrams = try settings.inputs.compactMap { try inputs.datagram($0) }
        files = try settings.inputs.compactMap { try inputs.file($0) }
        journals = try settings.inputs.compactMap { try inputs.journal($0) }
    }

    /// Runs until a signal ends it in order.
    func run(_ signals: DaemonSignals) async throws {
        registry.gauge(
            "opslogd_build_info", help: "1; the version is the label.", labels: [("version", Opslogd.version)]
        )
        .set(1)
        let telemetry = try await TelemetryService(telemetryPlaces, log: log)
        do {
            for socket in sockets { try socket.open() }
            for datagram in datagrams { try datagram.open() }
        } catch {
            await telemetry.close()
            throw error
        }

        let holder = GroupHolder()
        let supervisor = Supervisor(
            signals: signals, log: log, sentence: { sentence() }, stop: { await holder.stop() },
            hurry: { delivery.stop(drainMilliseconds: 0) })
        var stages: [any Service] = [
            supervisor,
            telemetry,
            // Behind the spool, whose last groups are entered too.
            StageService(name: "books", body: { books.run() }, stop: { books.stop() }),
            StageService(name: "spool", body: { try spool.runUntilStopped() }, stop: { spool.stop() }),
            StageService(name: "dead-letters", body: { try mover.run() }, stop: { mover.stop() }),
            StageService(
                name: "delivery", body: { try delivery.run() },
                stop: { [drain = settings.delivery.stopDrain.milliseconds] in delivery.stop(drainMilliseconds: drain) }),
            StageService(name: "watermarks", body: { watermarks.run() }, stop: { watermarks.stop() }),
            StageGroup(
                stages: sockets.map { input in
                    StageService(name: "socket", body: { try input.run() }, stop: { input.stop() })
                }
                    + datagrams.map { input in
                        StageService(name: "datagrams", body: { try input.run() }, stop: { input.stop() })
                    }
                    + files.map { input in
                        StageService(name: "files", body: { input.run() }, stop: { input.stop() })
                    }
                    + journals.map { journal in
                        StageService(name: "journal", body: { journal.run() }, stop: { journal.input.stop() })
                    }),
        ]
        if let mirror {
            // Before delivery in the list: it is stopped after it, and shows what delivery still refuses.
            stages.insert(
                StageService(name: "dead-letter-table", body: { mirror.run() }, stop: { mirror.stop() }), at: 4)
        }
        var configuration = ServiceGroupConfiguration(
            services: stages.map { .init(service: $0, failureTerminationBehavior: .gracefullyShutdownGroup) },
            logger: log.logger())
        configuration.cancellationSignals = []
        let group = ServiceGroup(configuration: configuration)
        holder.set(group)
        isOpen.set()
        log.write(
            .notice, "opslogd",
            "version \(Opslogd.version) is ready: \(settings.inputs.count) inputs, state in \(settings.stateDirectory)")
        ServiceNotifier().ready(status: sentence())
        defer { database.stop() }
        try await group.run()
        log.write(.notice, "opslogd", "stopped: \(sentence())")
    }

    /// Where the daemon can be asked, and what: only those who may use the control socket may ask for watermarks and give
    /// orders.
    private var telemetryPlaces: [(address: TelemetryAddress, endpoints: TelemetryEndpoints)] {
        let ofDelivery = DeliveryOrderEndpoints(
            orders: delivery.orders, status: { [delivery] in delivery.status }, spool: spool)
        let all = orders.endpoints.merging(ofDelivery.endpoints) { first, _ in first }
        let control = TelemetryAddress.unix(path: settings.stateDirectory + "/control.sock", mode: 0o600)
        let places = [
            (
                control,
                endpoints(all) { [watermarks] pipeline, answer in
                    watermarks.newestWatermark(of: pipeline) { answer($0.json) }
                }
            )
        ]
        switch settings.telemetry {
        case .off: return places
        case .tcp(let host, let port): return places + [(.tcp(host: host, port: port), endpoints())]
        case .unix(let path): return places + [(.unix(path: path, mode: 0o660), endpoints())]
        }
    }

    private func endpoints(
        _ orders: [String: TelemetryEndpoints.Order] = [:], _ watermark: TelemetryEndpoints.WatermarkQuestion? = nil
    ) -> TelemetryEndpoints {
        TelemetryEndpoints(
            metrics: { [registry] in PrometheusExposition.text(of: registry.read()) }, readiness: readiness,
            status: { report().json }, watermark: watermark, orders: orders)
    }

    @Sendable private func readiness() -> TelemetryEndpoints.Readiness {
        if !isOpen.isSet { return .notReady("the inputs are being opened") }
        // One that waits for the database does not keep the others' producers away.
        if let input = files.first(where: { !$0.status.hasLooked && $0.status.wait == nil }) {
            return .notReady("the input \(input.status.name) looks for its files")
        }
        let status = spool.status
        if let reason = status.failure ?? status.shortage?.description { return .notReady("the spool: \(reason)") }
        return .ready
    }

    private func report() -> StatusReport {
        StatusReport(
            startedNanoseconds: started, sockets: sockets.map(\.status), datagrams: datagrams.map(\.status),
            files: files.map(\.status), journals: journals.map(\.input.status), spool: spool.status,
            losses: spool.losses,
            delivery: delivery.status, deadLetters: mover.status, mirror: mirror?.status, books: books.report,
            lastError: log.lastError,
            isFull: isFull)
    }

    /// For `systemctl status`.
    private func sentence() -> String {
        let spool = spool.status
        return "\(spool.undeliveredEvents) events to deliver, \(delivery.status.state)"
    }
}

/// Set once, from false to true.
final class OpenMark: Sendable {
    private let mark = Atomic<Bool>(false)

    var isSet: Bool { mark.load(ordering: .acquiring) }
    func set() { mark.store(true, ordering: .releasing) }
}

/// The group that the supervisor, one of its own services, asks to stop.
final class GroupHolder: Sendable {
    private let group = Mutex<ServiceGroup?>(nil)

    func set(_ group: ServiceGroup) { self.group.withLock { $0 = group } }
    func stop() async { await group.withLock { $0 }?.triggerGracefulShutdown() }
}
