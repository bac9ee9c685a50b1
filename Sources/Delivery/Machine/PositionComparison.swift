import OperationLogs

/// A lane's row as the database holds it, beside what the spool says of the same record.
public struct FencedRow: Sendable, Hashable {
    public var row: PositionRow
    /// Of our own record at the row's position; nil if it is not in the spool.
    public var ownOrigin: RecordOrigin?
    /// The first record behind the row's position that is still kept; looked for only where the row is behind what was
    /// delivered.
    public var firstKept: SequenceNumber?
    /// Our own record is not there, because its place in the spool is damaged.
    public var isLost: Bool

    public init(
        row: PositionRow, ownOrigin: RecordOrigin?, firstKept: SequenceNumber? = nil, isLost: Bool = false
    ) {
        self.row = row
        self.ownOrigin = ownOrigin
        self.firstKept = firstKept
        self.isLost = isLost
    }

    var origin: RecordOrigin { RecordOrigin(run: row.run, chain: row.chain) }

    /// Whether the record at the row's position is ours. At position 0 there is none.
    func isProven(by known: LanePosition?) -> Bool {
        if row.position == .zero || ownOrigin == origin { return true }
        return known?.position == row.position && known?.origin == origin
    }
}

/// What a lane's row says about whether delivery may go on, and from where. A table of labelled cases.
enum PositionVerdict: Hashable {
    /// No row, and nothing was ever delivered from this lane: a new spool or a new name, or a new database for it.
    case new
    /// The row is where the cursor is.
    case atCursor
    /// The row is ahead of the cursor, in the same history: the cursor lags. Delivery goes on from the row.
    case ahead
    /// The row is behind what was delivered, in the same history: the database was restored from a backup, or an old
    /// standby promoted. What it lacks is sent again.
    case behind
    /// The row is not this spool's alone: the fork rule decides, over all rows.
    case forked(Sign)
    /// Delivery may not go on by itself.
    case mustWait(Contradiction)

    /// Why a row is taken to be of another history.
    enum Sign: Hashable {
        /// The owner is none of this spool's runs: a copy of the spool delivers to this database, or did.
        case foreignOwner
        /// The record at the row's position has another run or chain in the spool.
        case otherHistory
        /// The row is beyond the last durable record: the spool was rolled back.
        case beyondSpool
    }

    /// What cannot be so if this is the database that this spool was delivered to.
    enum Contradiction: Hashable {
        /// No row, though records were delivered: a wrong, empty or newly made database.
        case rowMissing
        /// The row is behind what was delivered, and records that it lacks are no longer kept, from this one to that.
        case notKept(SequenceNumber, SequenceNumber)
        /// The row's record is no longer in the spool, so that nothing proves that it is ours.
        case unprovable
    }

    /// - Parameters:
    ///   - found: the lane's row; nil if there is none.
    ///   - known: where the lane's row was last known to be.
    ///   - floor: records up to here never go under the spool's present name.
    ///   - durable: the last durable record.
    ///   - runs: every run of this spool.
    static func of(
        _ found: FencedRow?, known: LanePosition, floor: SequenceNumber = .zero, durable: SequenceNumber,
        runs: Set<UniqueID>
    ) -> Self {
        guard let found else { return known.position == .zero ? .new : .mustWait(.rowMissing) }
        let row = found.row
        guard runs.contains(row.owner) else { return .forked(.foreignOwner) }
        if row.position > durable { return .forked(.beyondSpool) }
        guard found.isProven(by: known) else {
            if found.ownOrigin != nil || row.position == known.position { return .forked(.otherHistory) }
            // A record that is damaged or no longer kept proves nothing; that one of our runs wrote the row's does.
            let isOurs = runs.contains(row.run)
            if row.position < known.position { return isOurs ? behind(found, known, floor) : .mustWait(.unprovable) }
            return isOurs && found.isLost ? .ahead : .mustWait(.unprovable)
        }
        if row.position > known.position { return .ahead }
        if row.position == known.position { return .atCursor }
        // With its own record, everything behind it is kept.
        return found.ownOrigin != nil ? .behind : behind(found, known, floor)
    }

    private static func behind(_ found: FencedRow, _ known: LanePosition, _ floor: SequenceNumber) -> Self {
        // Nothing of what the row lacks goes to it any more.
        if floor >= known.position { return .behind }
        let start = max(found.row.position, floor).advanced(by: 1)
        return found.firstKept.map { $0 <= start } ?? false ? .behind : .mustWait(notKept(found, known, floor))
    }

    private static func notKept(_ found: FencedRow, _ known: LanePosition, _ floor: SequenceNumber) -> Contradiction {
        let last = found.firstKept.map { min(known.position.rawValue, $0.rawValue - 1) } ?? known.position.rawValue
        return .notKept(max(found.row.position, floor).advanced(by: 1), SequenceNumber(last))
    }
}

extension PositionVerdict.Contradiction {
    /// A sentence for the log and `status`: what is so, what it means, what to do.
    func sentence(_ lane: EventKind, row: PositionRow?, known: LanePosition) -> String {
        let table = "the position row of \(lane.name)"
        let at = row.map { "\($0.position.rawValue)" } ?? "none"
        let ours = known.position.rawValue
        let waits = "nothing is delivered until this is settled"
        return switch self {
        case .rowMissing:
            "\(table) is missing, though records up to \(ours) were delivered: this is a wrong or an empty database; "
                + "\(waits): point database.conninfo at the right one"
        case .notKept(let first, let last):
            "\(table) stands at \(at), though records up to \(ours) were delivered: the database was restored from an "
                + "older backup, and of what it lacks the spool no longer keeps the records \(first.rawValue) to "
                + "\(last.rawValue); \(waits): restore a newer backup, or have delivery go on without them with 'opslogd "
                + "spool accept-gap'"
        case .unprovable:
            "\(table) stands at \(at), a record that this spool no longer holds, so that nothing proves it ours; "
                + waits
        }
    }
}

extension PositionVerdict.Sign {
    func words(_ lane: EventKind, row: PositionRow) -> String {
        let table = "the position row of \(lane.name)"
        return switch self {
        case .foreignOwner:
            "\(table) belongs to a run \(row.owner) that this spool never had: a copy of the spool delivers to this "
                + "database, or the spool was rolled back"
        case .otherHistory:
            "\(table) stands at \(row.position.rawValue), which is another record there than in this spool: the spool was "
                + "copied or rolled back"
        case .beyondSpool:
            "\(table) stands at \(row.position.rawValue), beyond the end of this spool: the spool was rolled back to an "
                + "older state"
        }
    }
}
