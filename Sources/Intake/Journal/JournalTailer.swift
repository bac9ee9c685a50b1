import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

/// Reads one journal: performs what ``JournalStateMachine`` decides. Lives on the input's thread.
///
/// One loop of turns: some entries, then what has become durable; and a wait if there are none. Every entry is looked at,
/// not only those that are taken: so the position stays near the end of the journal, and what is removed behind it was
/// seen before.
package final class JournalTailer<Reader: JournalReading, Clock: TimeSource> {
    let options: JournalInputOptions
    let limits: JournalInputLimits
    var reader: Reader
    let clock: Clock
    let diagnostics: Diagnostics
    let board: JournalBoard
    let losses: (any LostSources)?
    let window: ChunkWindow
    let wake: EventDescriptor
    let lostEntries: Counter
    let positionKey: [UInt8]
    var encoder: LineEncoder
    var selection: JournalSelection
    var joiner: JournalLineJoiner
    var machine: JournalStateMachine

    /// What was handed over last, or stood in the spool at the start: where to go on.
    var position = JournalPosition(seen: nil)
    /// Whether the spool had no position of this input.
    var isFirstStart = true
    /// The last entry that was seen; nil before the first. Its cursor is asked for when it is needed.
    var moment: JournalMoment?
    var ordinal: UInt32 = 0
    /// The one before it.
    var before: (moment: JournalMoment?, ordinal: UInt32) = (nil, 0)
    /// Why it is not known where the entry stands with which a cut line begins.
    var unplaced: JournalTrouble?
    /// Whether the reader stands at that entry.
    var standsAtSeen = false
    /// Whether it stands at an entry that was not looked at yet.
    var standsAtNext = false
    /// From where on the numbers of entries are held against what was seen; nil: from the next entry on.
    var countedFrom: JournalPlace?
    /// Entries seen since.
    var entriesCounted: UInt64 = 0
    /// Entries seen since the position was handed over.
    var entriesSincePosition: UInt64 = 0
    /// An entry that is no longer there, behind which reading goes on: what is lost is known when the next one comes.
    var gone: JournalPlace?
    /// Files of the journal that are left out, as they were said last.
    var leftOut: [JournalTrouble] = []
    /// Why it is not read, as it was said last.
    var trouble: JournalTrouble?
    /// An entry that could not be read, as it was said last.
    var entryTrouble: JournalTrouble?
    /// Room for one line with an end.
    var line: UnsafeMutableRawBufferPointer
    /// Bytes of the line that is in it.
    var copied = 0
    var read = (bytes: 0, lines: 0)
    var senders = JournalSenders()
    /// Why it does not begin to read, as it was said last.
    var saidWait: String?
    var passing: Passing?

    package init(
        options: JournalInputOptions, limits: JournalInputLimits, reader: Reader, sink: any RecordSink,
        wake: EventDescriptor, clock: Clock, watermarkClock: WatermarkClock, diagnostics: Diagnostics,
        registry: Registry, board: JournalBoard, losses: (any LostSources)? = nil
    ) {
        self.options = options
        self.limits = limits
        self.reader = reader
        self.clock = clock
        self.diagnostics = diagnostics
        self.board = board
        self.losses = losses
        self.wake = wake
        window = ChunkWindow(
            input: options.name, sink: sink, wake: wake, registry: registry, limitBytes: limits.windowBytes)
        lostEntries = registry.counter(
            "opslogd_input_entries_lost_total",
            help:
                "Entries of a journal, of whatever unit, that were gone before they were read, and lines passed over.",
            labels: [("input", options.name)])
        positionKey = JournalPositionKey.key(input: options.name)
        encoder = LineEncoder(
            LineEncoder.Options(
                maxLineBytes: options.maxLineBytes, maxFutureMicroseconds: options.maxFutureMicroseconds,
                counting: .lines, takesControlLines: false, reportsRejections: false, dialect: options.dialect),
            watermarkClock: watermarkClock)
        selection = JournalSelection(options)
        joiner = JournalLineJoiner(maxLineBytes: options.maxLineBytes)
        machine = JournalStateMachine(now: clock.monotonicNanoseconds(), timings: limits.timings)
        line = .allocate(byteCount: 64 << 10, alignment: 16)
        losses?.onOrders { [wake] in wake.signal() }
    }

    deinit { line.deallocate() }

    var now: UInt64 { clock.monotonicNanoseconds() }

    /// Reads the journal until `stopping` says so; then hands over what was read and waits, not for ever, until it is
    /// durable.
    func run(recovered: [UInt8]?, stopping: borrowing Atomic<Bool>) {
        while !begin(recovered) {
            if stopping.load(ordering: .acquiring) { return }
            wake.wait()
        }
        while !stopping.load(ordering: .acquiring) {
            if !turn() { rest() }
        }
        end()
        window.waitUntilSettled(
            milliseconds: limits.stopMilliseconds, wokenBy: wake, clock: clock, input: options.name,
            diagnostics: diagnostics)
        settlePassing()
        reader.close()
    }

    /// Goes on from the recovered position, unless what the spool has lost of it is not known yet.
    ///
    /// - Returns: false as long as it is not: to be called again after a wake-up.
    package func begin(_ recovered: [UInt8]?) -> Bool {
        let orders = losses?.orders(for: options.name) ?? DamageOrders()
        guard mayBegin(orders) else { return false }
        if let recovered {
            isFirstStart = false
            if let known = JournalPosition(recovered) {
                position = known
            } else {
                diagnostics.error(
                    "input \(options.name): its position is of an unknown version; the journal is read as at a first start"
                )
                isFirstStart = true
            }
        }
        beginPassing(orders.doubts)
        return true
    }

    /// Looks at some entries, if there is room for their lines.
    ///
    /// - Returns: whether there is more to do at once.
    package func turn() -> Bool {
        window.settle()
        settlePassing()
        perform(machine.event(.timePassed, now: now))
        if machine.isReady, !window.isFull { readEntries() }
        board.set(seen: moment?.realtime, isAtEnd: machine.phase == .atEnd && window.isSettled)
        return machine.isReady && !window.isFull
    }

    /// Waits until something happens or some time comes.
    package func rest() {
        guard waitsForJournal else {
            wake.wait(milliseconds: timeToWait())
            return
        }
        switch reader.wait(or: wake, milliseconds: timeToWait()) {
        case .nothing: break
        case .appended: perform(machine.event(.mayHaveGrown, now: now))
        case .filesChanged: perform(machine.event(.filesChanged, now: now))
        }
    }

    /// What is full, or not open, waits for a signal or a time and not for the journal.
    package var waitsForJournal: Bool { machine.phase == .atEnd }

    /// Every chunk up to this one is durable; 0 before the first.
    package var durableTicket: UInt64 { window.receipt.durableTicket }

    /// Hands over all that was read.
    package func end() {
        if entriesSincePosition > 0 || !window.builder.isEmpty { submit() }
    }

    private func timeToWait() -> Int? {
        guard let deadline = machine.deadline else { return nil }
        let time = now
        return deadline <= time ? 0 : Int((deadline - time) / 1_000_000) + 1
    }

    // MARK: Deciding and doing

    func perform(_ action: JournalStateMachine.Action) {
        switch action {
        case .nothing: break
        case .open: open()
        case .reopen:
            end()
            close()
            open()
        case .note: submit()
        case .endUnfinishedLines: endUnfinishedLines()
        }
    }

    private func open() {
        do throws(JournalTrouble) {
            tell(leftOut: try reader.open())
            try resume()
            _ = machine.event(.opened(leavesOut: !leftOut.isEmpty), now: now)
            if trouble != nil { diagnostics.notice("input \(options.name): \(options.place) is read") }
            trouble = nil
            board.setTrouble(leftOut.first.map { "\($0)" })
        } catch {
            fail(error)
        }
    }

    func close() {
        reader.close()
        (standsAtSeen, standsAtNext) = (false, false)
        joiner.removeAll()
    }

    /// The one place where a failure of the journal ends: what was read is handed over, the rest is tried again later.
    func fail(_ error: JournalTrouble) {
        end()
        close()
        _ = machine.event(.failed(isAbsent: error.isAbsence), now: now)
        if trouble != error {
            let pause = error.isAbsence ? limits.absentMilliseconds : limits.retryMilliseconds
            diagnostics.error("input \(options.name): \(error); tried again every \(max(1, pause / 1000)) s")
        }
        trouble = error
        board.setTrouble("\(error)")
    }

    private func tell(leftOut found: [JournalTrouble]) {
        for trouble in found where !leftOut.contains(trouble) {
            diagnostics.error(
                "input \(options.name): \(trouble); the entries in it are left out until it can be read")
        }
        leftOut = found
    }
}

extension JournalTrouble {
    /// Whether there was no journal.
    var isAbsence: Bool { failure.code == ENOENT }
}

extension JournalInputLimits {
    var timings: JournalStateMachine.Timings {
        func nanoseconds(_ milliseconds: Int) -> UInt64 { UInt64(max(0, milliseconds)) * 1_000_000 }
        return JournalStateMachine.Timings(
            retry: nanoseconds(retryMilliseconds), absent: nanoseconds(absentMilliseconds),
            unfinished: nanoseconds(unfinishedMilliseconds), position: nanoseconds(positionMilliseconds))
    }
}
