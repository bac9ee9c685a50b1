import DeadLetters
import Delivery
import Glibc
import LinuxSystem
import OperationLogs
import Spool
import Synchronization

/// A machine with a daemon, clients and a database, in memory and without threads; and the accounts of what must become
/// of every line. The same seed and actions give the same course, to the byte.
final class World {
    private let seed: UInt64
    let disk = DiskState()
    let database = SimulatedDatabase()
    let time = SimulatedTime()
    let circumstances: Circumstances
    let sources: SimulatedSources
    let units: SimulatedUnits?
    private let wake: EventDescriptor?
    private let weather = DatabaseWeather()
    private let copies: DatabaseCopies
    let damage: DiskDamage
    var losses = NamedLosses()
    /// Records that were named as lost, and stand in a file that somebody has put back since: what was passed over by then
    /// stays passed over.
    var putBack: Set<UInt64> = []
    /// Of a time before, to which they may be set back.
    var image: SegmentImage?
    /// Up to here something has had its fate at some time, or a run has begun behind it.
    var top = SequenceNumber.zero
    /// The first record of a damaged end of which nothing was said yet.
    var lostEnd: UInt64?
    let heard: HeardWords
    let trace: (@Sendable (String) -> Void)?

    var daemon: SimulatedDaemon?
    private var connections: [Int: SimulatedConnection] = [:]
    /// The number of each source's next line.
    private var next: [Int: Int] = [:]
    /// Lines that some client knows to be durable.
    var acknowledged: Set<SimulatedLine> = []
    var entries: [Books.Entry] = []
    /// What an operator has asked for, and not heard of yet.
    var retries: [DeadLetterActions<SimulatedDisk, SimulatedTime>.Batch] = []
    /// Dead letters that were discarded, and those of which the operator was not told whether they were.
    var discarded: Set<UInt64> = []
    var perhapsDiscarded: Set<UInt64> = []
    /// What an operator has ordered to be given up.
    var orderedGaps: [LaneGap] = []
    private(set) var starts = 0
    /// Which start's daemon went on beside damaged dead letters: it is the next one that says so.
    var startBesideDamage = 0
    /// How many actions happen before the daemon is started again.
    private var startsIn = 0
    /// Whether it is durable that the files were looked for: those that came and went before are none of the daemon's.
    var isFilesStartDurable = false
    /// How many entries were durable, as far as the daemon knew when it ended.
    var durableAtEnd = SequenceNumber.zero
    var bytesLost: UInt64 = 0
    /// Rounds with all faults over since everything has arrived: what comes twice comes late.
    private var calmRounds = 0
    var commitsSeen = 0
    /// Calls that had failed when the process began.
    private var failuresBefore = 0
    /// Whether a call has failed that was told to, by `fail`.
    private(set) var hasFaultStruck = false
    private var noted = CourseDigest()
    /// Of what became of every line, of all that the daemon said, and of all that was written to its disk.
    var digest: UInt64 {
        var digest = noted
        digest.take(heard.digest)
        digest.take(disk.contents.withLock { $0.digest.value })
        return digest.value
    }

    /// - Parameter trace: is told of each action, and of all that the daemon says.
    init(seed: UInt64, trace: (@Sendable (String) -> Void)? = nil) {
        self.trace = trace
        heard = HeardWords(trace: trace)
        self.seed = seed
        let circumstances = Circumstances(seed: seed)
        self.circumstances = circumstances
        sources = SimulatedSources(time: time, circumstances)
        units = circumstances.hasJournal ? SimulatedUnits(time: time) : nil
        wake = try? EventDescriptor()
        copies = DatabaseCopies(database)
        damage = DiskDamage(disk)
        let weather = weather
        database.namesRows = circumstances.namesRows
        database.refuse = { [weak self] kind, row in
            let line = row.withUnsafeBytes { SimulatedLine(kind: kind.rawValue, $0) }
            guard line?.isRefused ?? true else { return nil }
            self?.checkMayBeSent(line)
            return ServerError(sqlstate: "23514", message: "check", constraint: "c")
        }
        database.fault = { weather.fault($0) }
        sources.accounts.durable = { [weak self] in self?.durableLines ?? [] }
        units?.durable = { [weak self] in self?.durableLines ?? [] }
        sources.accounts.isStartDurable = { [weak self] in self?.isFilesStartDurable ?? false }
    }

    func take(_ action: Action) throws {
        trace?("- \(action)")
        do {
            if startsIn > 0 { startsIn -= 1 } else if daemon == nil { try start() }
            try perform(action)
        } catch let broken as BrokenPromise {
            throw broken
        } catch {
            try endProcess(with: error)
        }
        try check()
    }

    /// From now on calls of the disk fail by that rule, until they have ended a process.
    func fail(_ rule: CallFaults.Rule) { disk.contents.withLock { $0.callFaults = CallFaults(rule) } }

    // MARK: What happens

    private func perform(_ action: Action) throws {
        switch action {
        case .write(let source, let lines): connection(source)?.write(lines)
        case .read(let source, let bytes):
            connections[source]?.read(bytes, received: Timestamp(unixMicroseconds: time.realtimeMicroseconds()))
        case .hangUp(let source): connections[source] = nil
        case .spool(let turns):
            for _ in 0..<turns { if try !(daemon?.turn() ?? false) { break } }
        case .answer: try answer()
        case .move: try daemon?.move()
        case .deliver(let steps): try daemon?.deliver(steps: steps)
        case .wait(let milliseconds):
            if milliseconds >= 1000 {
                sources.hurry()
                if circumstances.acceptsGaps { try acceptGap() }
            }
            time.advance(milliseconds: milliseconds)
        case .job(let job, let action): sources.perform(action, by: job)
        case .meanwhile(let job, let action, let calls): sources.plan(action, by: job, after: calls)
        case .tail(let turns):
            daemon?.tail(turns: turns)
        case .crowdEvents(let room): sources.crowdEvents(room: room)
        case .failSource(let rule): sources.fail(rule)
        case .units(let action): units?.perform(action)
        case .readJournal(let turns): daemon?.readJournal(turns: turns)
        case .retry(let share, let seed): try retryLetters(oneOf: share, seed: seed)
        case .discard(let share, let seed): try discardLetters(oneOf: share, seed: seed)
        case .kill: endProcess()
        case .killAndEvict:
            endProcess()
            disk.evict()
        case .powerCut(let share, let seed): powerCut(share, seed)
        case .powerCutTwice(let share, let seed, let operations):
            powerCut(share, seed)
            try failing(after: operations) { try start() }
            powerCut(share, seed &+ 1)
        case .powerCutWithin(let share, let seed, let operations):
            try failing(after: operations) {
                try daemon?.takeTurns()
                try daemon?.move()
            }
            powerCut(share, seed)
        case .stopAndStart:
            try daemon?.stop()
            try answer()
            endProcess()
        case .leaveDown(let actions, let isOrderly):
            if isOrderly { try daemon?.stop() }
            endProcess()
            startsIn = actions
        case .failSync: disk.contents.withLock { $0.failsNextSync = true }
        case .failCall(let rule): fail(rule)
        case .diskFull(let isFull): disk.contents.withLock { $0.available = isFull ? 0 : 1 << 40 }
        case .databaseUp(let isUp): database.isUp = isUp
        case .databaseFault(let fault, let count): weather.strike(fault, after: count)
        case .tableMissing(let kind, let isMissing):
            if isMissing { database.missing.insert(kind) } else { database.missing.remove(kind) }
        case .tableLocked(let kind, let isLocked): weather.lock(kind, isLocked)
        case .readOnly(let isReadOnly): weather.setReadOnly(isReadOnly)
        case .standbyAway(let isAway): database.commitWarning = isAway ? "01000: not replicated" : nil
        case .backUp: copies.backUp()
        case .restore(let age, let isNewCluster):
            copies.restore(age, intoNewCluster: isNewCluster)
            try checkTables()
        case .promote(let count):
            copies.promote(lacking: count)
            try checkTables()
        case .promoteConfirmed:
            copies.promoteConfirmed()
            try checkTables()
        case .restoreNewest:
            copies.restoreNewest()
            try checkTables()
        case .damage(let place, let kind, let seed, let isRunning):
            try damage(place, kind, seed: seed, isRunning: isRunning)
        case .setBackSegments: try setBackSegments()
        }
    }

    private func connection(_ source: Int) -> SimulatedConnection? {
        if let open = connections[source] { return open }
        guard let daemon, let wake else { return nil }
        let made = SimulatedConnection(
            source: source, first: next[source] ?? 1, sink: daemon.books, wake: wake, registry: daemon.registry,
            watermarkClock: daemon.watermarkClock)
        made.onWritten = { [weak self] in self?.next[source] = $0 }
        connections[source] = made
        return made
    }

    private func answer() throws {
        hearOfRetries()
        for source in connections.keys.sorted() {
            guard let connection = connections[source] else { continue }
            try connection.settle()
            for number in connection.first..<connection.first + connection.acknowledged {
                acknowledged.insert(SimulatedLine(source: source, number: number))
            }
        }
    }

    // MARK: Ends and starts

    func endProcess() {
        takeAccounts()
        if let daemon {
            durableAtEnd = daemon.durable
            bytesLost += daemon.bytesLost
        }
        sources.processEnded()
        daemon = nil
        retries = []
        connections = [:]
        disk.contents.withLock { contents in
            guard contents.callFaults.hasStruck else { return }
            // One that is there for good would keep the daemon from ever starting again.
            hasFaultStruck = true
            contents.callFaults = CallFaults()
        }
    }

    /// The daemon ends with an error, for which there has to be a reason; then a new one is started.
    func endProcess(with error: any Error) throws {
        note("\(error)")
        if (error as? SpoolError)?.code == .damaged, damage.heal() {
            putBack.formUnion(losses.sequences)
            return endProcess()
        }
        if (error as? SpoolError)?.code == .system(ENOSPC), makeRoom() { return endProcess() }
        guard disk.contents.withLock({ $0.failures }) > failuresBefore else {
            throw BrokenPromise("nothing failed, and the daemon ends: \(error)")
        }
        endProcess()
        disk.contents.withLock { $0.failsNextSync = false }
    }

    /// The disk goes away so many operations later, and with it whatever the daemon does then.
    private func failing(after operations: Int, _ body: () throws -> Void) throws {
        disk.fail(from: disk.operations + operations)
        do {
            try body()
        } catch let broken as BrokenPromise {
            throw broken
        } catch {
            note("\(error)")
        }
    }

    private func powerCut(_ share: Int, _ seed: UInt64) {
        endProcess()
        var random = SplitMix64(seed: seed)
        disk.crash(keeping: Double(share) / 100, using: &random)
        sources.reboot()
        units?.powerCut(seed: seed)
    }

    func start() throws {
        starts += 1
        failuresBefore = disk.contents.withLock { $0.failures }
        let started = try SimulatedDaemon(
            disk: disk, database: database, sources: sources, units: units, time: time,
            seed: seed &* 1000 &+ UInt64(starts),
            circumstances: circumstances, entries: entries, said: { [heard] in heard.hear($0) })
        daemon = started
        entries = started.books.entries
        losses.take(started.lostRanges)
        top = max(top, started.durable)
        units?.daemonStarted()
        try checkEndIsSaid()
        try checkRecovered()
        try takeAcceptedGaps()
        isFilesStartDurable = !started.recoveredFiles.isEmpty
        if !isFilesStartDurable { sources.accounts.startsFirst() }
        started.beginTailing()
    }

    // MARK: All faults are over

    /// Everything has to arrive.
    func end() throws {
        disk.contents.withLock { contents in
            contents.available = 1 << 40
            hasFaultStruck = hasFaultStruck || contents.callFaults.hasStruck
            contents.callFaults = CallFaults()
            contents.failsNextSync = false
        }
        database.isUp = true
        database.missing = []
        database.commitWarning = nil
        weather.clear()
        startsIn = 0
        sources.calm()
        units?.calm()
        for _ in 0..<20_000 {
            do {
                try settleWait()
                if try drain() { return try balance() }
            } catch let broken as BrokenPromise {
                throw broken
            } catch {
                // Of what was before: with the faults over, a new start has to do.
                try endProcess(with: error)
            }
        }
        throw BrokenPromise(
            "with all faults over it does not drain: \(daemon?.state ?? "no daemon"), \(missing.map(\.name))"
        )
    }

    /// Where delivery says that it cannot heal what the database lacks, that has to be so; then the operator does as he is
    /// told.
    private func settleWait() throws {
        if circumstances.acceptsGaps { try acceptGap() }
        guard database.isCompared, let daemon, let wait = DeliveryWait(daemon.deliveryState) else { return }
        // Whoever accepts gaps has no newer backup to restore.
        if circumstances.acceptsGaps, !daemon.gap.isEmpty { return }
        try checkClaim(wait)
        copies.restoreNewest()
        try checkTables()
    }

    func checkClaim(_ wait: DeliveryWait) throws {
        guard let daemon else { return }
        if let falsehood = wait.falsehood(
            database.state, spool: daemon.writer.spool, firstKept: daemon.writer.status.first,
            damaged: damage.sequences,
            mayLack: copies.mayLackTooMuch)
        {
            throw BrokenPromise("delivery says '\(daemon.deliveryState)', but \(falsehood)")
        }
    }

    /// - Returns: whether everything has its fate.
    private func drain() throws -> Bool {
        if daemon == nil { try start() }
        guard let daemon else { return false }
        let received = Timestamp(unixMicroseconds: time.realtimeMicroseconds())
        for source in connections.keys.sorted() { connections[source]?.read(1 << 20, received: received) }
        try daemon.takeTurns()
        try answer()
        daemon.tail(turns: 100)
        daemon.readJournal(turns: 100)
        try daemon.move()
        try daemon.deliver(steps: 1000)
        try check()
        time.advance(milliseconds: 500)
        guard daemon.isSettled, connections.values.allSatisfy(\.isThrough), missing.isEmpty else {
            calmRounds = 0
            // Whoever looks after it makes room.
            if circumstances.letterLimit == .wait { try discardLetters(oneOf: 1, seed: 0) }
            // What is on one server only counts as delivered with the next commit that is not.
            if copies.isUnconfirmed || daemon.isUnconfirmed, daemon.deliveryState == "idle" { connection(0)?.write(1) }
            return false
        }
        guard database.state.reaches(daemon.writer.lanes, of: daemon.writer.spool) else {
            // It was set back, and a daemon with nothing to deliver has not spoken to it since: whoever drains it has it look.
            daemon.compare()
            return false
        }
        copies.forgetLost()
        calmRounds += 1
        return calmRounds > 24
    }

    func note(_ text: String) { noted.take(text) }
}
