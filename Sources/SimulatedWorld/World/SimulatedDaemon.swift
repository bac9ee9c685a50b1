import Bookkeeping
import DeadLetters
import Delivery
import Instruments
import Intake
import LinuxSystem
import OperationLogs
import Spool
import Synchronization

/// The daemon's stages over the simulated disk and database, joined as the executable joins them; each takes a step when
/// it is told to, instead of having a thread.
final class SimulatedDaemon {
    let writer: SpoolWriter<SimulatedDisk, SimulatedTime>
    let books: Books
    let registry = Registry()
    let watermarkClock: WatermarkClock
    /// What questions for watermarks are answered from.
    private let undelivered: UndeliveredWatermarks?
    private let store: DeadLetterStore<SimulatedDisk>
    private let mover: DeadLetterMover<SimulatedDisk, SimulatedTime>
    /// Those that the daemon keeps itself.
    let bookkeeper: Bookkeeper
    /// What an operator may ask of dead letters.
    let letters: DeadLetterActions<SimulatedDisk, SimulatedTime>
    private let delivery: SimulatedDelivery
    private let mirror: DeadLetterMirror<SimulatedTableSession, SimulatedTime>?
    /// Monotonic nanoseconds.
    private var mirrorRestsUntil: UInt64 = 0
    private let time: SimulatedTime
    private let tailer: FileTailer<SimulatedSourceFiles, SimulatedTime>
    private let sources: SimulatedSources
    private let journal: SimulatedJournalInput?
    private let board: FileInputBoard
    private let tailerWake: EventDescriptor
    /// Whether the files' thread has begun to read.
    private var isTailing = false
    /// Whether it waits for something.
    private var isTailerResting = false

    static let host = SpoolHost(machine: "m", directoryInode: 1, directoryBirthNanoseconds: 2)

    static var options: SpoolOptions {
        var options = SpoolOptions(
            maxBytes: 96 << 10, segmentBytes: 16 << 10, minFreeBytes: 0, sync: .group, keepDeliveredBytes: 32 << 10)
        options.smallestSegmentBytes = 16 << 10
        return options
    }

    /// - Parameters:
    ///   - sources: the jobs whose files are followed.
    ///   - units: those that print to the journal, if it is read.
    ///   - seed: for ids and waits.
    ///   - entries: the accounts so far; those behind the recovered end are struck out.
    init(
        disk: DiskState, database: SimulatedDatabase, sources: SimulatedSources, units: SimulatedUnits?,
        time: SimulatedTime, seed: UInt64, circumstances: Circumstances, entries: [Books.Entry],
        said: @escaping @Sendable (String) -> Void
    ) throws {
        let ids = Mutex(SplitMix64(seed: seed))
        let diagnostics = Diagnostics { severity, text in said("\(severity): \(text)") }
        let state = SimulatedDisk(disk)
        let letterLimit = circumstances.letterLimit
        self.time = time
        undelivered = circumstances.hasQuestions ? UndeliveredWatermarks() : nil
        writer = try SpoolWriter.open(
            disk: state.directory("spool"), time: time, options: Self.options, host: Self.host,
            deadLetter: Self.newestDeadLetter(state), diagnostics: diagnostics, registry: registry,
            watermarks: undelivered, sources: Self.positionReader(sources, units),
            randomID: { ids.withLock { UniqueID(high: $0.next(), low: $0.next()) } })
        store = try DeadLetterStore(
            in: state, spool: writer.birthName, lowestPosition: writer.settled, registry: registry,
            diagnostics: diagnostics, limits: letterLimit.map(Self.limits),
            rotationBytes: letterLimit == nil ? 16 << 10 : 2048)
        try writer.account { [store] in try store.holdsAny(from: $0, before: $1) }
        let (door, notes, refusals) = (
            BookedSink(before: writer), BookedLedger(writer, registry: registry), BookedLetters(store)
        )
        bookkeeper = try Bookkeeper(
            makeReader: writer.makeAuditor, firstKept: { [writer] in writer.status.first }, sink: door, ledger: notes,
            letters: refusals, lettersBefore: store.mayMissMoved ? nil : store.movedUpTo, registry: registry,
            diagnostics: diagnostics)
        mover = try DeadLetterMover(
            source: writer.makeReader(), ledger: notes, store: store, clock: time, diagnostics: diagnostics,
            firstKept: { [writer] in writer.status.first })
        try mover.begin()
        delivery = SimulatedDelivery(
            database, connections: circumstances.connections, makeReader: { [writer] in writer.makeReader() },
            ledger: notes, deadLetters: refusals, time: time, registry: registry, diagnostics: diagnostics, seed: seed,
            durable: { [writer] in writer.status.durable })
        mirror =
            circumstances.showsLetters
            ? try DeadLetterMirror(
                session: SimulatedTableSession(database), feed: JournalFeed(of: store),
                options: DeliveryOptions(retryMaxMilliseconds: 2000, host: "simulated"), time: time, registry: registry,
                diagnostics: diagnostics, seed: seed) : nil
        watermarkClock = WatermarkClock(notBefore: writer.latestFilledIn)
        let durable = Int(writer.status.durable.rawValue)
        guard durable <= entries.count else {
            throw BrokenPromise("the spool holds \(durable) records after recovery, and \(entries.count) were written")
        }
        let prefix = FileInput<SimulatedTime>.positionKeyPrefix(input: sources.options.name)
        recoveredFiles = writer.recoveredPositions.filter { $0.key.starts(with: prefix) }
        books = Books(
            before: door, gates: { [store] in store.gate(for: $0) }, entries: Array(entries.prefix(durable)),
            positions: recoveredFiles)
        let (sink, clock, ledger, metrics) = (books, watermarkClock, writer, registry)
        letters = try DeadLetterActions(
            stateDirectory: { state }, store: store, mover: mover, spool: writer.birthName, ledger: writer, sink: books,
            clock: time
        ) { _ in
            LineEncoder.Options(
                maxLineBytes: 4096, maxFutureMicroseconds: .max / 2, counting: .lines, takesControlLines: false,
                reportsRejections: true, dialect: SimulatedLine.dialect)
        }
        journal = try units.map {
            try SimulatedJournalInput(
                of: $0, sink: sink, positions: ledger.recoveredPositions, time: time, watermarkClock: clock,
                diagnostics: diagnostics, registry: metrics, losses: ledger)
        }
        self.sources = sources
        tailerWake = try EventDescriptor()
        board = FileInputBoard(name: sources.options.name)
        tailer = FileTailer(
            options: sources.options, limits: sources.limits, sink: books, wake: tailerWake,
            fileSystem: sources.startProcess(), clock: time, watermarkClock: watermarkClock, diagnostics: diagnostics,
            registry: registry, board: board, claims: FileClaims(), losses: writer,
            randomID: { ids.withLock { UniqueID(high: $0.next(), low: $0.next()) } })
    }

    private static func positionReader(
        _ sources: SimulatedSources, _ units: SimulatedUnits?
    ) -> any SourcePositionReading {
        let files = FilePositionReader(inputs: [sources.options.name])
        guard units != nil else { return files }
        return InputPositionReaders([files, JournalPositionReader(inputs: [SimulatedUnits.input])])
    }

    /// Room for some dead letters of each input.
    private static func limits(_ whenFull: DeadLetterLimits.WhenFull) -> DeadLetterLimits {
        DeadLetterLimits(
            maxBytes: 12 << 10, whenFull: whenFull,
            inputs: ["s0", "s1", "s2", SimulatedSources.input, SimulatedUnits.input])
    }

    /// As the executable asks before it opens the spool.
    static func newestDeadLetter(_ state: SimulatedDisk) throws -> SequenceNumber {
        let settlement = try SpoolSettlement(
            state.directory("spool"), host: host, now: Timestamp(microseconds: 0))
        return try settlement.map { try DeadLetterStore.newest(in: state, spool: $0.birthName) } ?? .zero
    }

    /// The answer to the question for a pipeline's newest watermark, as the database in this state leads to it; nil if
    /// nobody can ask.
    func newestWatermark(of pipeline: String, _ database: SimulatedDatabase.State) -> WatermarkAnswer? {
        let name = Array(pipeline.utf8)
        guard let view = undelivered?.views(of: [name], settled: writer.settled).first else { return nil }
        let lane = EventKind.pipelineWatermarks
        let row = database.watermarks[pipeline].map { row in
            PipelineWatermark(
                pipeline: name, lastProcessed: row.lastProcessed.map(Timestamp.init(microseconds:)),
                status: row.status.map { Array($0.utf8) }, updatedAt: row.updatedAt.map(Timestamp.init(microseconds:)))
        }
        return view.answer(
            name, row: row,
            delivered: writer.passed(lane, from: database.rows[writer.spool]?[lane]?.position ?? .zero))
    }

    // MARK: Its steps

    /// The positions that the spool held of the files.
    let recoveredFiles: [SnapshotEntry]

    /// How many positions of files the spool holds that belong to none that is followed or looked for.
    var strayPositions: Int {
        let mark = FileInput<SimulatedTime>.positionKeyPrefix(input: sources.options.name)
        let keys = tailer.positionKeys
        return books.positions.keys.count { $0 != mark && $0.starts(with: mark) && !keys.contains($0) }
    }

    /// Whether what has failed has been done by now.
    var isNothingPutOff: Bool { tailer.isNothingPutOff }

    /// Of files, as the daemon tells it.
    var bytesLost: UInt64 { board.status.bytesLost }

    /// Whether the first chunk of the files is durable.
    var isFilesStartDurable: Bool { tailer.durableTicket > 0 }

    /// The files' thread looks for its files, if it may.
    func beginTailing() {
        sources.accounts.turnBegins()
        isTailing = tailer.begin(recoveredFiles)
        if isTailing { sources.accounts.startEnds() }
        sources.accounts.turnEnds()
    }

    /// The files' thread takes so many turns, unless it waits for something that has not come.
    func tail(turns: Int) {
        if !isTailing { beginTailing() }
        guard isTailing else { return }
        for _ in 0..<turns {
            if isTailerResting, !sources.wakesTailer, !tailerWake.wait(milliseconds: 0) { return }
            sources.accounts.turnBegins()
            isTailerResting = !tailer.turn()
            if isTailerResting { tailer.rest() }
            sources.accounts.turnEnds()
        }
    }

    func readJournal(turns: Int) { journal?.read(turns: turns) }

    /// - Returns: whether there is more to do at once.
    func turn() throws -> Bool { try writer.turn() == .again }

    /// Until there is nothing more to do at once.
    func takeTurns() throws {
        for _ in 0..<10_000 where try !turn() { return }
        throw BrokenPromise("the spool has something to do without end: \(state)")
    }

    /// Brings the books up to date.
    func keepBooks() throws {
        while try bookkeeper.turn() {}
    }

    func move() throws { _ = try mover.turn(isLastRound: true) }

    /// Goes so many steps, unless delivery waits for something.
    func deliver(steps: Int) throws {
        try delivery.go(steps: steps)
        showLetters(steps: steps)
    }

    var gap: [LaneGap] { delivery.gap }
    func accept(_ gaps: [LaneGap]) { delivery.accept(gaps) }
    func compare() { delivery.compare() }

    /// Dead letters go to their table, unless that waits for something.
    func showLetters(steps: Int) {
        guard let mirror else { return }
        for _ in 0..<steps {
            guard time.monotonicNanoseconds() >= mirrorRestsUntil else { return }
            switch mirror.turn() {
            case .none: break
            case .idle: return
            case .wait(let milliseconds):
                mirrorRestsUntil = time.monotonicNanoseconds() + UInt64(milliseconds) * 1_000_000
            }
        }
    }

    /// Everything that was handed over is durable and has its fate.
    var isSettled: Bool {
        let durable = writer.status.durable
        return writer.status.queuedChunks == 0 && writer.settled == durable && writer.movedDeadLetters == durable
    }

    /// How it stands with the table of dead letters.
    var shownState: String { mirror.map { "\($0.status)" } ?? "no table" }

    var durable: SequenceNumber { writer.status.durable }
    /// What is known of files' lines in lost ranges.
    var losses: [LossSummary] { writer.losses }
    var lostRanges: [LostRange] { writer.status.lostRanges }
    var deliveryState: String { delivery.state }
    /// Whether something counts as delivered only with the next commit.
    var isUnconfirmed: Bool { delivery.isUnconfirmed }
    /// Dead letters that are not over, as the store counts them.
    var heldLetters: Int { store.count }
    func holdsRefusal(of sequence: SequenceNumber) -> Bool { store.holdsRefusal(of: sequence) }

    /// What it waits for, in words.
    var state: String {
        "spool \(writer.status.durable), settled \(writer.settled), moved \(writer.movedDeadLetters), delivery "
            + "\(delivery.state), \(writer.status.shortage.map { "\($0)" } ?? "room")"
    }

    /// An orderly end.
    func stop() throws {
        if isTailing { tailer.end() }
        journal?.end()
        writer.stop()
        for _ in 0..<10_000 where try writer.turn() == .ended { return }
        throw BrokenPromise("the spool does not stop: \(state)")
    }
}
