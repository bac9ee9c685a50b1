import Instruments
import LinuxSystem
import OperationLogs
import Synchronization

/// What is known to be lost: noted by the start and by every reader that meets a damaged place, copied aside, counted.
///
/// The names of the copies in `quarantine/` are the durable list: the next start knows of each, and counts and copies none
/// twice. Any thread may note and ask.
final class DamageRegister<Disk: Storage>: Sendable {
    /// More are forgotten, oldest first: who reads there again notes them again.
    private static var rangesKept: Int { 10_000 }
    /// With bytes in them; later ones are names alone.
    private static var copiesKept: Int { 16 }
    private static var namesKept: Int { 1000 }

    fileprivate struct State {
        /// By their first records.
        var ranges: [LostRange] = []
        var copies: Set<String> = []
    }

    private let disk: Disk
    private let segments: Disk
    /// Up to here every record had its fate when the spool was opened.
    private let delivered: SequenceNumber
    private let diagnostics: Diagnostics
    private let lost: Counter
    private let state: Mutex<State>
    /// The accounts of the lines that stood in the ranges; nil where no input could read any again.
    let accounts: LossAccounts<Disk>?
    /// The segments around a place that a reader has met, once what follows it tells all positions.
    private let surroundings = Mutex<(@Sendable (LostRange) throws(SpoolError) -> [SegmentEntry])?>(nil)

    /// - Parameter gaps: those that were noted by an earlier start, and that a reader may still meet.
    init(
        _ disk: Disk, segments: Disk, delivered: SequenceNumber, durable: SequenceNumber, gaps: [SpoolGap] = [],
        diagnostics: Diagnostics, registry: Registry, accounts: LossAccounts<Disk>? = nil
    ) throws(SpoolError) {
        self.accounts = accounts
        self.disk = disk
        self.segments = segments
        self.delivered = delivered
        self.diagnostics = diagnostics
        lost = registry.counter(
            "opslogd_spool_lost_records_total",
            help: "Undelivered records whose place in the spool was found damaged or missing, since the start.")
        var known = State()
        for name in try Quarantine.names(disk) {
            known.copies.insert(name)
            // Numbers behind the end are used again: they are not lost then.
            if let range = LostRange.named(name), range.next <= durable.advanced(by: 1) {
                known.add(range, keeping: Self.rangesKept)
            }
        }
        // How much of one is known stands in its own line only: not in what a reader sees.
        for gap in gaps where !known.isKnown(gap.range) { known.add(gap.range, keeping: Self.rangesKept) }
        state = Mutex(known)
    }

    /// By their first records, the copies of earlier starts included.
    var ranges: [LostRange] { state.withLock { $0.ranges } }

    /// The last of the records that are known to be lost from `sequence` on without a gap; nil if that one is not.
    func lastLost(from sequence: SequenceNumber) -> SequenceNumber? {
        state.withLock { state in
            var next = sequence
            for range in state.ranges where range.first <= next && next < range.next { next = range.next }
            return next > sequence ? SequenceNumber(next.rawValue - 1) : nil
        }
    }

    /// The range that begins at this place; nil if none is known to.
    func range(at offset: UInt64, of segment: String) -> LostRange? {
        state.withLock { $0.ranges.first { $0.segment == segment && $0.offset == offset } }
    }

    /// Takes note of a place that a reader has met, whichever was first. Copied aside and said when this returns, so that
    /// records behind it may be handed on.
    func note(_ range: LostRange) throws(SpoolError) {
        if state.withLock({ $0.isKnown(range) }) { return }
        let surroundings = surroundings.withLock { $0 }
        try note(range, last: nil) { () throws(SpoolError) in try surroundings?(range) ?? [] }
    }

    /// - Parameter find: rotates the segment, if it is the one that is written, and gives all segments.
    func meet(_ find: @escaping @Sendable (LostRange) throws(SpoolError) -> [SegmentEntry]) {
        surroundings.withLock { $0 = find }
    }

    /// The same of a place that the start has found.
    ///
    /// - Parameter last: the scan of the last segment, if the place is in it.
    func note(
        _ range: LostRange, last: SegmentScan?, entries: () throws(SpoolError) -> [SegmentEntry]
    ) throws(SpoolError) {
        // One at a time: Delivery and the mover of dead letters meet the same place.
        let outcome: Result<Void, SpoolError> = state.withLock { state in
            do throws(SpoolError) {
                // What a full disk left out the last time is noted now.
                let note = try accounts.flatMap { accounts throws(SpoolError) in
                    let evidence = LossEvidence(segments: segments, entries: try entries())
                    return try accounts.note(range, evidence: evidence, last: last)
                }
                guard !state.isKnown(range) else { return .success(()) }
                let what = "damage: \(range.place); \(loss(range)); what is intact on both sides is delivered"
                diagnostics.error("\(what); \(try copyAside(range, &state))\(note?.sentence ?? "")")
            } catch {
                return .failure(error)
            }
            let first = max(range.first, delivered.advanced(by: 1))
            if range.known > first { lost.add(Int(clamping: range.known.rawValue - first.rawValue)) }
            state.add(range, keeping: Self.rangesKept)
            return .success(())
        }
        try outcome.get()
    }

    private func loss(_ range: LostRange) -> String {
        if range.recordCount == 0 { return "no record stood there, but positions of inputs may have" }
        if range.known < range.next { return "\(range.records): what of them was not delivered is lost" }
        let isDelivered = range.next <= delivered.advanced(by: 1)
        let verb = range.recordCount == 1 ? "is" : "are"
        return isDelivered ? "\(range.records) stood there, delivered before" : "\(range.records) \(verb) lost"
    }

    private func copyAside(_ range: LostRange, _ state: inout State) throws(SpoolError) -> String {
        guard state.copies.count < Self.namesKept else { return "not copied: quarantine/ holds too many copies" }
        let isFull = state.copies.count >= Self.copiesKept
        do throws(SystemError) {
            let aside = AsideCopy(directory: try disk.directory(Quarantine.name))
            let end = isFull ? range.offset : range.endOffset
            let isThere = try segments.names().contains(range.segment)
            let file = isThere ? try segments.open(range.segment, .reading) : nil
            try aside.make(range.copyName, of: file, from: range.offset, upTo: end)
        } catch  where error.isOutOfSpace {
            return "it could not be copied aside (\(error))"
        } catch {
            throw SpoolError(error)
        }
        state.copies.insert(range.copyName)
        return "\(isFull ? "noted" : "copied") in \(Quarantine.name)/\(range.copyName)"
    }
}

extension DamageRegister.State {
    fileprivate func isKnown(_ range: LostRange) -> Bool { ranges.contains { $0.isPlace(of: range) } }

    fileprivate mutating func add(_ range: LostRange, keeping: Int) {
        if ranges.count >= keeping { ranges.removeFirst() }
        let index = ranges.firstIndex { $0.first > range.first } ?? ranges.count
        ranges.insert(range, at: index)
    }
}

extension LostRange {
    /// Where, for the log.
    var place: String {
        endOffset > offset
            ? "\(endOffset - offset) bytes of segments/\(segment) at \(offset) do not verify"
            : "segments/\(segment) at \(offset) is missing or does not verify"
    }
}
