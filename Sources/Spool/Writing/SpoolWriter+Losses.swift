import Glibc
import LinuxSystem
import OperationLogs
import Synchronization

/// What becomes of the lines of files that stood in damaged places: told by Delivery and the dead letters, asked by the
/// inputs.
extension SpoolWriter: LostSources {
    /// All lost ranges that are accounted for, oldest first.
    public var losses: [LossSummary] { damage.accounts?.losses.map { LossSummary($0) } ?? [] }

    public func compared(_ rows: [LanePosition], isAccepted: Bool) throws {
        // What cannot be noted now, the writer's thread tries again.
        defer { if damage.accounts?.hasNotesLeft ?? false { wakeUp.signal() } }
        try damage.accounts?.compared(rows, isAccepted: isAccepted, name: spool)
    }

    /// Says how it is found out whether records became dead letters, from the first up to, and without, the second; nil:
    /// up to the end. To be told before any line is moved or row delivered.
    public func account(_ deadLetters: @escaping @Sendable (SequenceNumber, SequenceNumber?) throws -> Bool) throws {
        try damage.accounts?.ask(deadLetters)
    }

    public func orders(for input: String) -> DamageOrders {
        damage.accounts?.orders(for: input) ?? DamageOrders()
    }

    public func onOrders(_ wake: @escaping @Sendable () -> Void) { damage.accounts?.onOrders(wake) }

    public func setAside(_ bytes: [SourceRange], range: Int) throws {
        try damage.accounts?.setAside(bytes, range: range)
    }

    public func setAsideFurther(_ key: [UInt8], from: UInt64, upTo: UInt64) throws {
        try damage.accounts?.setAsideFurther(key, from: from, upTo: upTo)
    }

    public func areCertain(_ keys: [[UInt8]], range: Int) throws {
        try damage.accounts?.tell(keys.map { .certain(range, key: $0) })
    }

    public func passedOver(range: Int, input: String) throws {
        try damage.accounts?.tell([.over(range, input: input)])
    }

    public func readAgain(_ rereading: Rereading) throws {
        try damage.accounts?.tell([.done(rereading.range, rereading.source)])
    }

    /// All segments, for one who has met a damaged place in the one that is written: then it is closed first, so that
    /// the next one's snapshot tells all positions, which may have stood in that place.
    func surroundings(of range: LostRange) throws(SpoolError) -> [SegmentEntry] {
        guard damage.accounts != nil, map.snapshot.segments.last?.name == range.segment else {
            return map.snapshot.segments
        }
        let shortage: SpaceShortage?
        do {
            shortage = try core.withLock { core throws(SpoolError) in
                if let failure = inbox.withLock({ $0.failure }) { throw failure }
                guard map.snapshot.segments.last?.name == range.segment else { return nil }
                let delivered = min(core.cursor.saved.settled, core.cursor.saved.moved)
                return try core.makeSegment(holding: 0, delivered: delivered, now: now)
            }
        } catch {
            inbox.withLock { $0.failure = $0.failure ?? error }
            throw error
        }
        if let shortage {
            throw SpoolError(
                .system(ENOSPC),
                "the spool lost \(range.records) in segments/\(range.segment), and there is no room to note the positions of "
                    + "the inputs behind them (\(shortage)); nothing was changed; free space, and start opslogd again")
        }
        return map.snapshot.segments
    }
}
