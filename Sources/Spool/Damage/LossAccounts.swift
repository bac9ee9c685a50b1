import LinuxSystem
import OperationLogs
import Synchronization

/// Keeps the account of lost ranges: which lines of files stood in them, and whether they may be read again.
///
/// A range is *free* if no line of it can have been delivered or become a dead letter: it begins behind all positions of
/// the cursor and of the database's rows, and behind everything that a reader of this run has handed on, and the dead
/// letters hold nothing of it. The cursor may lag the database, so a range that was met before the database was asked
/// stays *open* until then; what cannot be shown to be free is set *aside*. Any thread may ask and tell.
final class LossAccounts<Disk: Storage>: Sendable {
    private struct State {
        var file: LossFile<Disk>
        /// The highest position that was known when this run began.
        let top: SequenceNumber
        /// The highest of the database's rows in any comparison of this run, under whatever name.
        var rows = SequenceNumber.zero
        /// Whether they have fitted once.
        var isAccepted = false
        /// Whether they fitted in a comparison whose decisions could not be noted; nil if all are.
        var undecided: Bool?
        var name: UniqueID
        var deadLetters: (@Sendable (SequenceNumber, SequenceNumber?) throws -> Bool)?
        var wakes: [@Sendable () -> Void] = []
        /// What a full disk left no room to note, in order, and what is said of it: until it is, no input begins to read.
        var unnoted: (entries: [LossEntry], words: String)?

        /// With what is not noted yet.
        var book: LossBook {
            guard let unnoted else { return file.book }
            var book = file.book
            for entry in unnoted.entries { book.take(entry) }
            return book
        }
    }

    /// What the note of a range says for the log.
    struct Note {
        var number: Int
        var verdict: LossEntry.Verdict
        var sources: [SourceRange]
        var isDoubtful: Bool
    }

    private let sources: any SourcePositionReading
    private let now: @Sendable () -> Timestamp
    private let handedOut = Atomic<UInt64>(0)
    private let areNotesLeft = Atomic<Bool>(false)
    private let state: Mutex<State>

    /// - Parameters:
    ///   - first: the first record of the segments; nil if there are none.
    ///   - next: the number of the next record.
    ///   - top: of all positions that the cursor knows.
    ///   - name: under which the spool is delivered.
    init(
        _ disk: Disk, sources: any SourcePositionReading, first: SequenceNumber?, next: SequenceNumber,
        top: SequenceNumber, name: UniqueID, now: @escaping @Sendable () -> Timestamp
    ) throws(SpoolError) {
        self.sources = sources
        self.now = now
        var file = try LossFile(disk)
        try file.prepare(first: first, next: next)
        state = Mutex(State(file: file, top: top, name: name))
    }

    /// A reader has handed on records up to here.
    func handOut(_ sequence: SequenceNumber) { handedOut.max(sequence.rawValue, ordering: .relaxed) }

    func comeAgain(_ first: SequenceNumber, before next: SequenceNumber) -> Bool {
        state.withLock { $0.book.comesAgain(first, before: next) }
    }

    /// Whether records became dead letters is asked so.
    func ask(
        _ deadLetters: @escaping @Sendable (SequenceNumber, SequenceNumber?) throws -> Bool
    ) throws(SpoolError) {
        try change { state throws(SpoolError) in
            state.deadLetters = deadLetters
            var entries: [LossEntry] = []
            for loss in state.file.book.inOrder
            where loss.verdict == .open && !loss.isCleared {
                let doubts = loss.notice.isDoubtful ? loss.doubts : nil
                // What is moved later lies behind the range, and says nothing of it.
                let isClear = isClear(loss.notice, state)
                entries.append(isClear ? .cleared(loss.number) : decision(loss.number, .aside, doubts))
            }
            if !entries.isEmpty { try state.file.append(entries) }
        }
    }

    /// Whether no line of it became a dead letter; false too where that cannot be told.
    ///
    /// - Parameter end: behind what is lost further on before anything tells positions: lines that seem to have stood in the
    ///   range may have stood there.
    private func isClear(_ notice: LossNotice, upTo end: SequenceNumber? = nil, _ state: State) -> Bool {
        guard let deadLetters = state.deadLetters, let first = notice.first else { return false }
        let next = notice.next.map { max($0, state.book.lostBehind(notice) ?? $0, end ?? $0) }
        return (try? !deadLetters(first, next)) ?? false
    }

    var losses: [LossBook.Loss] {
        state.withLock { $0.book.inOrder }
    }

    // MARK: Noting

    /// Durable when this returns; a range that is known already is nothing.
    ///
    /// - Parameter last: the scan of the last segment, if the range is in it: then nothing behind the range tells all
    ///   positions.
    func note(_ range: LostRange, evidence: LossEvidence<Disk>, last: SegmentScan?) throws(SpoolError) -> Note? {
        try change { state throws(SpoolError) in
            let fallen = last.map { fallenBack($0, state) } ?? []
            let isBehindList = !fallen.isEmpty
            if state.book.holds(range.copyName) {
                // It may have grown over positions behind it, of which the name tells nothing.
                let left = fallen.filter { last?.positions[$0] != nil }
                guard isBehindList, !state.book.isInDoubt(range.copyName, with: left) else { return nil }
            }
            let findings = try evidence.findings(of: range)
            // Without records no line was lost; but the note that lines were set aside, or read again, may have been.
            let mayMatter =
                range.recordCount > 0 || !findings.isCertain || state.book.losses.contains { $0.value.hasSources }
            // Those that began before it are listed already, but for what has been lost since, or was never read again.
            let others = findings.earlier + (last == nil ? findings.doubtful : [])
            let gaps = range.recordCount > 0 ? (known: findings.known, others: others) : ([], [])
            let isCertain = findings.isCertain && !isBehindList
            return try note(
                range.copyName, first: range.first, gaps, isCertain: isCertain,
                doubts: findings.doubtful.map(\.key), until: mayMatter ? last?.lastWritten : nil, upTo: findings.end,
                &state)
        }
    }

    /// The same of an end that is torn or damaged, which nobody can tell: it may have held records that were delivered.
    func noteEnd(_ scan: SegmentScan) throws(SpoolError) {
        let name = LossNotice.endName(
            segment: SegmentName.of(scan.header.firstSequence), offset: scan.end, first: scan.nextSequence)
        try change { state throws(SpoolError) in
            guard !state.book.isInDoubt(name) else { return }
            // A position of before a range that was delivered.
            let isStale = scan.losses.indices.contains { index in
                state.book.isAside(scan.losses[index].copyName) && scan.gaps.isPending(since: index)
            }
            _ = try note(
                name, first: scan.nextSequence, ([], []), isCertain: fallenBack(scan, state).isEmpty && !isStale,
                doubts: Array(scan.positions.keys), until: now(), &state)
        }
    }

    /// The same of segments that are missing: of every source, the newest position may have stood there.
    ///
    /// - Parameter scan: of the last segment that is there; without one, no position is known any more.
    func noteGap(_ gap: SpoolGap, behind scan: SegmentScan?) throws(SpoolError) {
        try change { state throws(SpoolError) in
            guard !state.book.holds(gap.range.copyName) else { return }
            // Lines that a file was to be read again for, behind an earlier loss, may have been read and delivered there.
            let isCertain = scan != nil && !state.book.losses.contains { $0.value.hasSources }
            _ = try note(
                gap.range.copyName, first: gap.first, ([], []), isCertain: isCertain,
                doubts: scan.map { Array($0.positions.keys) } ?? [], until: now(), &state)
        }
    }

    /// Ranges of which nothing was decided yet, and which are whole again: a fault has passed, or somebody has put the segment
    /// back. Their records are delivered like any.
    ///
    /// - Parameter scan: of the last segment: only in it does anything hang on the database's answer.
    func close(wholeIn scan: SegmentScan) throws(SpoolError) {
        try change { state throws(SpoolError) in
            let own = SegmentName.of(scan.header.firstSequence)
            let whole = state.file.book.inOrder.filter { loss in
                guard loss.verdict == .open, let range = LostRange.named(loss.notice.name) else { return false }
                return range.segment == own && range.next <= scan.nextSequence
                    && !scan.losses.contains { $0.first < range.next && range.first < $0.next }
            }
            let entries = whole.flatMap { loss in
                [LossEntry.decided(loss.number, .aside, inputs: [])]
                    + loss.sources.keys.sorted().map { .done(loss.number, $0) }
            }
            if !entries.isEmpty { try state.file.append(entries) }
        }
    }

    /// Sources whose positions are before bytes that were listed of them: where they had been read on, that has been lost
    /// since. Reading on from there would read those beside the list.
    private func fallenBack(_ scan: SegmentScan, _ state: State) -> Set<[UInt8]> {
        let own = SegmentName.of(scan.header.firstSequence)
        let fallen = state.book.losses.values.flatMap { loss in
            loss.sources.values.filter { bytes in
                let now = scan.positions[bytes.key]
                // Of one that is not there, the snapshot would tell if it was listed before.
                let mayBeLost = !scan.hasSnapshot || loss.notice.name.hasPrefix(own)
                guard now != nil || mayBeLost && !scan.forgotten.contains(bytes.key) else { return false }
                return sources.range(of: PositionGap(key: bytes.key, before: now, after: bytes.identity)) != nil
            }
        }
        return Set(fallen.map(\.key))
    }

    /// The bytes whose lines were lost, for the first time or once they had been read again.
    private func lost(_ gap: PositionGap, _ state: State) -> (bytes: SourceRange, isReread: Bool)? {
        guard let order = sources.rereading(of: gap.key) else { return sources.range(of: gap).map { ($0, false) } }
        guard let listed = state.book.losses[order.range]?.sources[order.source] else { return nil }
        return sources.range(of: gap, rereading: listed).map { ($0, true) }
    }

    private func note(
        _ name: String, first: SequenceNumber, _ gaps: (known: [PositionGap], others: [PositionGap]), isCertain: Bool,
        doubts: [[UInt8]], until: Timestamp?, upTo end: SequenceNumber? = nil, _ state: inout State
    ) throws(SpoolError) -> Note {
        let number = state.book.next
        let notice = LossNotice(
            name: name, spool: state.name, time: now().rfc3339, until: (until?.unixMicroseconds ?? 0) * 1000,
            isDoubtful: until != nil)
        let doubts =
            until == nil
            ? []
            : doubts.filter { sources.input(of: $0) != nil }.sorted { $0.lexicographicallyPrecedes($1) }
        var found: [SourceRange] = []
        for (index, gap) in (gaps.known + gaps.others).enumerated() {
            guard let (lines, isReread) = lost(gap, state) else { continue }
            var bytes = lines
            bytes.isExact = bytes.isExact && isCertain && index < gaps.known.count
            // What was read again is listed a second time: where it was lost first, that is over.
            found += isReread ? [bytes] : state.book.unlisted(bytes)
        }
        found.sort { ($0.path, $0.from) < ($1.path, $1.from) }
        var entries: [LossEntry] = [.range(number, notice)]
        for (index, bytes) in found.enumerated() { entries.append(.source(number, index + 1, bytes)) }
        for key in doubts { entries.append(.doubt(number, key: key)) }
        let handedOut = SequenceNumber(handedOut.load(ordering: .relaxed))
        let first = state.book.firstAtStake(notice) ?? first
        let isTouched = !isCertain || first <= max(state.top, state.rows, handedOut)
        var verdict: LossEntry.Verdict = isTouched ? .aside : state.isAccepted ? .free : .open
        if verdict != .aside, state.deadLetters != nil, !isClear(notice, upTo: end, state) { verdict = .aside }
        entries.append(.noted(number, .open))
        if verdict != .aside, state.deadLetters != nil { entries.append(.cleared(number)) }
        if verdict != .open {
            entries.append(decision(number, verdict, until == nil ? nil : Set(doubts)))
        }
        do {
            if state.unnoted == nil { try state.file.append(entries) } else { state.unnoted?.entries += entries }
        } catch  where error.isOutOfSpace {
            let words = "the spool lost \(notice.inWords), and there is no room to note it (\(error)); free space"
            state.unnoted = (entries, words)
            areNotesLeft.store(true, ordering: .relaxed)
        }
        return Note(number: number, verdict: verdict, sources: found, isDoubtful: until != nil)
    }

    /// Whether a full disk has left something to be noted, or to be decided.
    var hasNotesLeft: Bool { areNotesLeft.load(ordering: .relaxed) }

    /// Notes what could not be noted when it was found out: inputs wait for it.
    ///
    /// - Returns: false if it still cannot.
    func noteAgain() -> Bool {
        guard hasNotesLeft else { return true }
        do {
            try change { state throws(SpoolError) in
                if let unnoted = state.unnoted { try state.file.append(unnoted.entries) }
                state.unnoted = nil
                try decide(&state, isAccepted: state.undecided ?? state.isAccepted)
            }
            return true
        } catch {
            return false
        }
    }

    // MARK: Deciding

    /// The database's rows were compared.
    ///
    /// - Parameters:
    ///   - rows: of this spool's name at that time, empty if they were made.
    ///   - isAccepted: whether they fit: delivery goes on from them. Before that they can only show what was delivered.
    func compared(_ rows: [LanePosition], isAccepted: Bool, name: UniqueID) throws(SpoolError) {
        try change { state throws(SpoolError) in
            state.rows = max(state.rows, rows.map(\.position).max() ?? .zero)
            state.isAccepted = state.isAccepted || isAccepted
            state.name = name
            try decide(&state, isAccepted: isAccepted)
        }
    }

    private func decide(_ state: inout State, isAccepted: Bool) throws(SpoolError) {
        var entries: [LossEntry] = []
        for loss in state.file.book.inOrder where loss.verdict == .open {
            let first = state.file.book.firstAtStake(loss.notice) ?? .zero
            let doubts = loss.notice.isDoubtful ? loss.doubts : nil
            let isUnknown = !loss.isCleared || loss.notice.spool != state.name
            if first <= max(state.rows, state.top) || isAccepted && isUnknown {
                entries.append(decision(loss.number, .aside, doubts))
            } else if isAccepted {
                entries.append(decision(loss.number, .free, doubts))
            }
        }
        if !entries.isEmpty {
            state.undecided = isAccepted || state.undecided ?? false
            areNotesLeft.store(true, ordering: .relaxed)
            try state.file.append(entries)
        }
        state.undecided = nil
        areNotesLeft.store(state.unnoted != nil, ordering: .relaxed)
    }

    private func decision(_ number: Int, _ verdict: LossEntry.Verdict, _ doubts: Set<[UInt8]>?) -> LossEntry {
        let names = doubts.map { Set(sources.inputs).union($0.compactMap(sources.input)) } ?? []
        return .decided(number, verdict, inputs: verdict == .aside ? names.sorted() : [])
    }

    // MARK: What inputs ask and tell

    func orders(for input: String) -> DamageOrders {
        state.withLock { state in
            var orders = state.file.book.orders(for: input)
            if let unnoted = state.unnoted { orders.wait = unnoted.words }
            return orders
        }
    }

    func onOrders(_ wake: @escaping @Sendable () -> Void) { state.withLock { $0.wakes.append(wake) } }

    func setAside(_ bytes: [SourceRange], range: Int) throws(SpoolError) {
        try change { state throws(SpoolError) in
            var next = (state.file.book.losses[range]?.sources.keys.max() ?? 0) + 1
            var entries: [LossEntry] = []
            for bytes in bytes.flatMap({ state.file.book.unlisted($0) }) {
                entries.append(.source(range, next, bytes))
                next += 1
            }
            if !entries.isEmpty { try state.file.append(entries) }
        }
    }

    func setAsideFurther(_ key: [UInt8], from: UInt64, upTo: UInt64) throws(SpoolError) {
        try change { state throws(SpoolError) in
            for loss in state.file.book.inOrder {
                for (index, bytes) in loss.sourcesInOrder where bytes.key == key && bytes.from <= from {
                    guard let end = bytes.upTo, from <= end, end < upTo else { continue }
                    var longer = bytes
                    longer.upTo = upTo
                    return try state.file.append([.source(loss.number, index, longer)])
                }
            }
        }
    }

    func tell(_ entries: [LossEntry]) throws(SpoolError) {
        try change { state throws(SpoolError) in try state.file.append(entries) }
    }

    /// Changes the state, and wakes whoever may have new orders.
    private func change<Result>(
        _ body: (inout State) throws(SpoolError) -> Result
    ) throws(SpoolError) -> Result {
        let outcome: (Swift.Result<Result, SpoolError>, [@Sendable () -> Void]) = state.withLock { state in
            do throws(SpoolError) {
                return (.success(try body(&state)), state.wakes)
            } catch {
                return (.failure(error), [])
            }
        }
        for wake in outcome.1 { wake() }
        return try outcome.0.get()
    }
}

extension LossBook.Loss {
    var hasSources: Bool { !sources.isEmpty }
}
