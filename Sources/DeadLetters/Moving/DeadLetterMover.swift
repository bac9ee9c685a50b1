import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

/// Moves rejected lines from the spool into the store as soon as they are durable, whether the database is there or not.
///
/// Has a position of its own in the spool, kept by the ledger. A line is durable in the spool until it is durable in
/// the store: the ledger hears of it after the store's sync, and what is moved twice after a crash is there once.
public final class DeadLetterMover<Disk: Storage, Clock: TimeSource>: @unchecked Sendable {
    // Only `run`'s thread touches what is not Sendable: the source and the round that is under way.
    private let source: any RecordSource
    private let ledger: any DeliveryLedger
    private let store: DeadLetterStore<Disk>
    private let clock: Clock
    private let diagnostics: Diagnostics
    private let wake: EventDescriptor
    private let stopped: EventDescriptor
    private let isStopping = Atomic<Bool>(false)
    private let obstacle = Mutex<String?>(nil)
    private var round: MoverRound
    /// Where the last run had come to; nil once this one is there.
    private var catchingUp: SequenceNumber?
    /// Gathered, and not durable yet; up to which record.
    private var waiting: (entries: [StoreEntry], position: SequenceNumber)?

    /// Where the spool ended at the start, and whether the store held lines behind that end: then numbers are given to
    /// new lines that old ones have here, and a new line's dead letter would be taken for one that is there already.
    private let spoolEnd: SequenceNumber
    private let isStoreAhead: Bool
    private let isPastStart = Atomic<Bool>(false)

    /// How long to wait before a full disk is tried again.
    private let pauseMilliseconds: Int
    /// The first record that the spool still keeps.
    private let firstKept: @Sendable () -> SequenceNumber
    private var isTidyingFailing = false

    /// - Parameters:
    ///   - source: this mover's own; nobody else may use it. Make the mover before inputs append anything.
    ///   - firstKept: the first record that the spool still keeps: what is dropped of later ones must not come back.
    /// - Throws: `SystemError` where the process is out of descriptors.
    public init(
        source: any RecordSource, ledger: any DeliveryLedger, store: DeadLetterStore<Disk>, clock: Clock,
        diagnostics: Diagnostics, pauseMilliseconds: Int = 1000,
        firstKept: @escaping @Sendable () -> SequenceNumber = { .zero }
    ) throws(SystemError) {
        self.firstKept = firstKept
        self.source = source
        self.ledger = ledger
        self.store = store
        self.clock = clock
        self.diagnostics = diagnostics
        self.pauseMilliseconds = pauseMilliseconds
        round = MoverRound(fullBytes: store.appendBytes)
        spoolEnd = source.durable
        isStoreAhead = store.movedUpTo > spoolEnd
        wake = try EventDescriptor()
        stopped = try EventDescriptor()
    }

    /// Moves until `stop()`; then moves what is durable by that time, for at most a second, and returns. Blocks without
    /// a timeout while there is nothing to move.
    ///
    /// - Throws: `DeadLetterStoreError.unusable` or `SystemError` if the store's disk fails; what the source throws.
    public func run() throws {
        if isStoreAhead { return waitForOperator() }
        let wake = wake
        source.onDurable { wake.signal() }
        store.onDisorder { wake.signal() }
        try begin()
        while true {
            let isLastRound = isStopping.load(ordering: .acquiring)
            switch try turn(isLastRound: isLastRound) {
            case .moved:
                if isLastRound { return }
                // Letters grow too old by themselves.
                if !isStopping.load(ordering: .acquiring) { wake.wait(milliseconds: store.hasAge ? 60_000 : nil) }
            case .diskFull:
                if isStopping.load(ordering: .acquiring) {
                    return diagnostics.notice(
                        "stopped while the disk was full: dead letters wait in the spool until the next start")
                }
                stopped.wait(milliseconds: pauseMilliseconds)
            }
        }
    }

    /// What a turn came to.
    package enum Turn {
        /// Everything that was durable.
        case moved
        /// What was gathered waits, and so does all behind it.
        case diskFull
    }

    /// Goes to where the last run ended.
    package func begin() throws {
        let noted = ledger.movedDeadLetters
        let start = store.resumption(after: noted)
        catchingUp = noted
        try resume(after: start)
    }

    /// Tells the store once the mover is where the last run was.
    private func noteCaughtUp() throws {
        guard let noted = catchingUp, round.position >= noted else { return }
        try store.caughtUp()
        catchingUp = nil
    }

    /// Moves what is durable, without waiting for anything but the disk, so that a simulated world can drive it.
    package func turn(isLastRound: Bool) throws -> Turn {
        do {
            try settleWhatWaits()
            try moveWhatIsDurable(isLastRound: isLastRound)
            try tidy()
            return .moved
        } catch is DiskFull {
            return .diskFull
        }
    }

    /// What the store cannot do for want of room, or for what it cannot read, is tried again at the next turn.
    private func tidy() throws {
        // Before, what damage has taken may still come back from the spool.
        guard hasCaughtUp else { return }
        do {
            try store.tidy(Timestamp(unixMicroseconds: clock.realtimeMicroseconds()), firstKept: firstKept())
            isTidyingFailing = false
        } catch let error as SystemError {
            if !isTidyingFailing {
                diagnostics.error("the dead letters cannot be kept within their limits: \(error); tried again")
            }
            isTidyingFailing = true
        }
    }

    /// Whether everything that was durable at the start has been looked at: what an earlier run has sent again is known.
    var hasCaughtUp: Bool { isPastStart.load(ordering: .acquiring) }

    private func resume(after position: SequenceNumber) throws {
        round = MoverRound(position: position, fullBytes: store.appendBytes)
        try source.seek(to: position.advanced(by: 1))
    }

    /// Makes `run` return after an orderly end; from any thread.
    public func stop() {
        isStopping.store(true, ordering: .releasing)
        stopped.signal()
        wake.signal()
    }

    public var status: DeadLettersStatus {
        DeadLettersStatus(
            held: store.count, bytes: store.bytes, movedUpTo: ledger.movedDeadLetters,
            obstacle: obstacle.withLock { $0 })
    }

    private func waitForOperator() {
        let what = "dead letters reach up to \(store.movedUpTo), the spool only to \(spoolEnd): the spool was set back"
        obstacle.withLock { $0 = what }
        diagnostics.error(
            "\(what); rejected lines stay in the spool: restore spool/ and dead-letters/ from one moment, or move "
                + "dead-letters/ elsewhere, then start opslogd again")
        // A signal can end the wait early.
        while !isStopping.load(ordering: .acquiring) { stopped.wait() }
    }

    private func moveWhatIsDurable(isLastRound: Bool) throws {
        let start = clock.monotonicNanoseconds()
        round.begin(at: start)
        while true {
            guard let group = try source.next() else {
                // Lost records at the very end, with no group behind them yet, wait for nothing.
                if let lost = source.lastLost(from: round.position.advanced(by: 1)) { round.position = lost }
                break
            }
            try LetterRecord.forEach(in: group, after: round.position) { record, sequence in
                round.add(record)
                if round.isFull { try settle(upTo: sequence) }
            }
            round.position = max(round.position, group.lastSequence)
            let now = clock.monotonicNanoseconds()
            if round.isDue(at: now) { try settle(upTo: round.position) }
            if isLastRound ? now &- start > 1_000_000_000 : isStopping.load(ordering: .acquiring) { break }
        }
        try settle(upTo: round.position)
        try noteCaughtUp()
        if round.position >= spoolEnd { isPastStart.store(true, ordering: .releasing) }
    }

    /// Makes the gathered letters durable and tells the ledger.
    private func settle(upTo position: SequenceNumber) throws {
        waiting = (round.take(at: clock.monotonicNanoseconds()), position)
        try appendWaiting()
        waiting = nil
    }

    /// What a full disk has not taken is tried again; behind it the spool is read on.
    private func settleWhatWaits() throws {
        guard let position = waiting?.position else { return }
        try appendWaiting()
        waiting = nil
        try resume(after: position)
    }

    private func appendWaiting() throws {
        guard let waiting else { return }
        do {
            if !waiting.entries.isEmpty {
                try store.append(waiting.entries)
                clearObstacle()
            }
        } catch let error as SystemError where error.isOutOfSpace {
            meet(error)
            throw DiskFull()
        }
        if waiting.position > ledger.movedDeadLetters { ledger.movedDeadLetters(upTo: waiting.position) }
    }

    private func meet(_ error: SystemError) {
        let isNew = obstacle.withLock { obstacle in
            defer { obstacle = "\(error)" }
            return obstacle == nil
        }
        if isNew {
            diagnostics.error("dead letters wait in the spool: \(error); tried again each second until there is room")
        }
    }

    private func clearObstacle() {
        let wasThere = obstacle.withLock { obstacle in
            defer { obstacle = nil }
            return obstacle != nil
        }
        if wasThere { diagnostics.notice("there is room for dead letters again; those that waited are moved") }
    }
}

/// What was gathered is still in the spool, and nothing behind it may be noted as moved.
private struct DiskFull: Error {}
