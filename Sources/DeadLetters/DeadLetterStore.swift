import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

/// Keeps dead letters in text files of its own: an append-only journal, idempotent by id. Shared by Delivery and the
/// mover; safe from any thread. One process writes at a time: whoever holds the state directory's lock.
///
/// The format, and what opening does with damage, is in <doc:StoreFormat>.
public final class DeadLetterStore<Disk: Storage>: DeadLetterSink {
    struct Journal {
        var writer: JournalWriter<Disk>
        var movedUpTo: SequenceNumber
        var movedBeyondHole: Set<UInt64>
        var newestBeyondHole: SequenceNumber
        /// Of dead letters that are over.
        var ended: LetterIDSet
        /// What stands in each file, by its number; nil without limits.
        var files: [UInt64: FileSummary]?
        /// Whether any has ended since that was read.
        var isStale = false

        func holdsMoved(_ id: SequenceNumber) -> Bool {
            id <= movedUpTo || movedBeyondHole.contains(id.rawValue)
        }

        /// Lines behind a hole are known one by one, until the mover has passed the last of them.
        mutating func noteMoved(_ id: SequenceNumber) {
            movedUpTo = max(movedUpTo, id)
            if !movedBeyondHole.isEmpty, id >= newestBeyondHole { movedBeyondHole = [] }
        }
    }

    let journal: Mutex<Journal>
    /// Apart from the journal, so that asking never waits for a sync.
    private let refusals: Mutex<LetterIDSet>
    private let refusalCount: Atomic<Int>
    let held: Atomic<Int>
    let size: Atomic<UInt64>
    private let moved: Atomic<UInt64>
    /// Whether damage may have taken letters that had been moved: they are moved again, and counted a second time.
    public let mayMissMoved: Bool
    let directory: Disk
    let spool: UniqueID
    let limits: DeadLetterLimits?
    let shares: DeadLetterShares?
    let diagnostics: Diagnostics
    private let appended: [RejectionReason: Counter]
    let endings: [String: Counter]
    let heldGauge: Gauge
    private let endHook = Mutex<(@Sendable ([LetterEnd]) -> Void)?>(nil)
    private let appendHook = Mutex<(@Sendable () -> Void)?>(nil)
    private let goneHook = Mutex<(@Sendable ([SequenceNumber]) -> Void)?>(nil)
    private let tidyHook = Mutex<(@Sendable () -> Void)?>(nil)

    /// Opens the store within the state directory, makes it if it is not there, and mends what a crash has left.
    ///
    /// - Parameters:
    ///   - spool: whose sequence numbers are the ids: the name that it was made with.
    ///   - lowestPosition: of all lanes: refusals up to here are of no interest any more.
    ///   - limits: how much is kept, and for how long; nil: everything.
    ///   - rotationBytes: the size that an append does not take a file beyond, unless it is larger by itself; nil: as the
    ///     limits have it.
    /// - Throws: `SystemError`; `DeadLetterStoreError.unknownVersion`.
    public init(
        in stateDirectory: Disk, spool: UniqueID, lowestPosition: SequenceNumber, registry: Registry,
        diagnostics: Diagnostics, limits: DeadLetterLimits? = nil, rotationBytes: UInt64? = nil
    ) throws {
        self.limits = limits
        self.diagnostics = diagnostics
        shares = limits.map { DeadLetterShares($0, diagnostics) }
        directory = try stateDirectory.directory(Self.directoryName)
        self.spool = spool
        let found = try JournalRecovery(
            directory: directory, spool: spool, lowestPosition: lowestPosition, diagnostics: diagnostics)
        let writer = try JournalWriter(
            directory: directory, spool: spool, recovered: found,
            rotationBytes: rotationBytes ?? limits?.fileBytes ?? 16 << 20)
        journal = Mutex(
            Journal(
                writer: writer, movedUpTo: found.movedUpTo, movedBeyondHole: found.movedBeyondHole,
                newestBeyondHole: SequenceNumber(found.movedBeyondHole.max() ?? 0), ended: found.ended))
        refusals = Mutex(found.refusals)
        refusalCount = Atomic(found.refusals.count)
        held = Atomic(found.heldCount)
        size = Atomic(found.bytes)
        moved = Atomic(found.movedUpTo.rawValue)
        mayMissMoved = found.hasHole
        appended = Dictionary(
            uniqueKeysWithValues: RejectionReason.allCases.map { reason in
                let counter = registry.counter(
                    "opslogd_dead_letters_total", help: "Dead letters appended, by reason.",
                    labels: [(name: "reason", value: reason.name)])
                return (reason, counter)
            })
        endings = Dictionary(
            uniqueKeysWithValues: ["retried", "discarded", "dropped"].map { fate in
                let counter = registry.counter(
                    "opslogd_dead_letters_ended_total",
                    help: "Dead letters that are over: sent again, discarded, or dropped for want of space.",
                    labels: [(name: "fate", value: fate)])
                return (fate, counter)
            })
        heldGauge = registry.gauge("opslogd_dead_letters", help: "Dead letters held.")
        heldGauge.set(found.heldCount)
        if limits != nil { try journal.withLock { try survey(&$0) } }
    }

    /// Within the state directory.
    public static var directoryName: String { "dead-letters" }

    /// The last record of this spool of which there is, or was, a dead letter; asked before the spool is opened, which must
    /// not give its number again. Reads all files, and changes nothing.
    ///
    /// - Throws: `SystemError`; `DeadLetterStoreError.unknownVersion`.
    public static func newest(in stateDirectory: Disk, spool: UniqueID) throws -> SequenceNumber {
        guard try stateDirectory.names().contains(directoryName) else { return .zero }
        return try JournalIDs.newest(stateDirectory.directory(directoryName), spool: spool)
    }

    /// Dead letters that no tombstone ends.
    public var count: Int { held.load(ordering: .relaxed) }
    /// Of all files.
    public var bytes: UInt64 { size.load(ordering: .relaxed) }
    /// Every rejected line up to here that was ever moved stands in the store.
    public var movedUpTo: SequenceNumber { SequenceNumber(moved.load(ordering: .relaxed)) }

    /// Behind which record the mover goes on: where the ledger says, or further back if damage may have taken letters
    /// that the ledger already counts as moved.
    func resumption(after noted: SequenceNumber) -> SequenceNumber { mayMissMoved ? min(noted, movedUpTo) : noted }

    /// The mover is where the ledger said at the start: whatever damage may have taken, it has moved again.
    func caughtUp() throws(SystemError) {
        if mayMissMoved { try CutMark.remove(in: directory) }
    }

    /// Keeps them: on disk and synced when this returns. One that is there already (by id) is nothing.
    ///
    /// Lines that are moved come in ascending order of id.
    /// - Throws: `SystemError` if nothing was kept and a later try may succeed, a full disk being `isOutOfSpace`;
    ///   `DeadLetterStoreError.unusable` if nothing can be kept any more. Related system calls: `pwritev`, `fdatasync`.
    public func append(_ letters: [DeadLetter]) throws { try append(letters.map(StoreEntry.letter)) }

    /// Ends dead letters: on disk and synced when this returns. One that is over already keeps its first fate.
    ///
    /// - Throws: as `append`.
    func end(_ letters: [LetterEnd]) throws { try append(letters.map(StoreEntry.end)) }

    /// Calls `hook` with each end that is kept, durable by then; on the thread that keeps it.
    func onEnd(_ hook: @escaping @Sendable ([LetterEnd]) -> Void) { endHook.withLock { $0 = hook } }

    /// Calls `hook` whenever there may be something to tidy; from any thread.
    func onDisorder(_ hook: @escaping @Sendable () -> Void) { tidyHook.withLock { $0 = hook } }

    /// Calls `hook` whenever something was appended, durable by then; from any thread.
    func onAppend(_ hook: @escaping @Sendable () -> Void) { appendHook.withLock { $0 = hook } }

    /// Calls `hook` with dead letters that are over and of whose end the files say nothing any more: they were dropped, or
    /// what said so has gone.
    func onGone(_ hook: @escaping @Sendable ([SequenceNumber]) -> Void) { goneHook.withLock { $0 = hook } }

    func tellGone(_ ids: [SequenceNumber]) {
        guard !ids.isEmpty else { return }
        goneHook.withLock { $0 }?(ids)
        appendHook.withLock { $0 }?()
    }

    /// Up to where its files are on disk.
    var durableEnd: (file: UInt64, length: UInt64) { journal.withLock { $0.writer.durableEnd } }

    /// Whether the dead letter is over.
    func isEnded(_ id: SequenceNumber) -> Bool { journal.withLock { $0.ended.contains(id) } }

    func append(_ entries: [StoreEntry]) throws {
        let ended = try keep(entries)
        appendHook.withLock { $0 }?()
        if !ended.isEmpty { endHook.withLock { $0 }?(ended) }
        if let limits, !ended.isEmpty || bytes > limits.maxBytes { tidyHook.withLock { $0 }?() }
    }

    /// - Returns: the ends that are new.
    private func keep(_ entries: [StoreEntry]) throws -> [LetterEnd] {
        try journal.withLock { journal in
            var lines: [UInt8] = []
            var letters: [(letter: DeadLetter, bytes: Int)] = []
            var ends: [LetterEnd] = []
            var ids: Set<SequenceNumber> = []
            var endedIDs: Set<SequenceNumber> = []
            for entry in entries {
                switch entry {
                case .letter(let letter) where !holds(letter, journal) && ids.insert(letter.id).inserted:
                    if letter.isRefusal { try requireShare(of: letter) }
                    let start = lines.count
                    JournalEntry.write(letter.isRefusal ? .refusal : .movedLine, letter.json, to: &lines)
                    letters.append((letter, lines.count - start))
                case .end(let end) where !journal.ended.contains(end.id) && endedIDs.insert(end.id).inserted:
                    JournalEntry.write(.tombstone, end.json, to: &lines)
                    ends.append(end)
                case .letter, .end: break
                }
            }
            guard !lines.isEmpty else { return [] }
            try write(lines, &journal)
            for (letter, bytes) in letters {
                note(letter, bytes: bytes, in: &journal)
                if letter.isRefusal { insertRefusal(letter.id) } else { journal.noteMoved(letter.id) }
                appended[letter.reason]?.add()
            }
            journal.isStale = journal.isStale || !ends.isEmpty
            for end in ends {
                journal.ended.insert(end.id)
                endings[end.fate.name]?.add()
            }
            moved.store(journal.movedUpTo.rawValue, ordering: .relaxed)
            heldGauge.set(held.add(letters.count - ends.count, ordering: .relaxed).newValue)
            return ends
        }
    }

    /// Whether the database's refusal of this record is kept. One atomic load while there are none.
    public func holdsRefusal(of sequence: SequenceNumber) -> Bool {
        guard refusalCount.load(ordering: .acquiring) > 0 else { return false }
        return refusals.withLock { $0.contains(sequence) }
    }

    /// Whether the refusal of any record from `first` to `last` is kept. One atomic load while there are none.
    public func mayHoldRefusals(from first: SequenceNumber, through last: SequenceNumber) -> Bool {
        guard refusalCount.load(ordering: .acquiring) > 0 else { return false }
        return refusals.withLock { $0.contains(from: first, through: last) }
    }

    /// Lets go of the ids of refusals that Delivery cannot meet again: those up to the lowest position of all lanes
    /// that a database could still name. The dead letters stay.
    public func forgetRefusals(upTo sequence: SequenceNumber) {
        guard refusalCount.load(ordering: .acquiring) > 0 else { return }
        refusals.withLock {
            $0.forget(upTo: sequence)
            refusalCount.store($0.count, ordering: .releasing)
        }
    }

    /// Reads all files again for the ids of refusals behind this record. Nothing is appended meanwhile.
    ///
    /// - Throws: `SystemError`.
    public func recallRefusals(after sequence: SequenceNumber) throws {
        try journal.withLock { _ in
            for id in try JournalIDs.refusals(directory, spool: spool) where id > sequence { insertRefusal(id) }
        }
    }

    /// Whether any record from `first` up to, and without, `next` became a dead letter, ended ones included. Reads all
    /// files.
    public func holdsAny(from first: SequenceNumber, before next: SequenceNumber?) throws -> Bool {
        try journal.withLock { _ in
            var isThere = false
            try JournalIDs.forEach(directory, spool: spool) { kind, id in
                if kind != .movedMark, id >= first, next.map({ id < $0 }) ?? true { isThere = true }
            }
            return isThere
        }
    }

    private func insertRefusal(_ id: SequenceNumber) {
        refusals.withLock {
            $0.insert(id)
            refusalCount.store($0.count, ordering: .releasing)
        }
    }

    private func holds(_ letter: DeadLetter, _ journal: Journal) -> Bool {
        letter.isRefusal ? holdsRefusal(of: letter.id) : journal.holdsMoved(letter.id)
    }
}

extension DeadLetter {
    var isRefusal: Bool { reason == .rejectedByDatabase }
}
