import OperationLogs

/// A lane's row as the database holds it, beside what the spool says of the same record.
public struct FencedRow: Sendable, Hashable {
    public var row: PositionRow
    /// Of our own record at the row's position; nil if it is not in the spool.
    public var ownOrigin: RecordOrigin?

    public init(row: PositionRow, ownOrigin: RecordOrigin?) {
        self.row = row
        self.ownOrigin = ownOrigin
    }
}

/// What a lane's row says about whether delivery may go on, and from where. A table of labelled cases.
enum PositionVerdict: Hashable {
    /// No row, and nothing was ever delivered from this lane: a new spool, or a new database for it.
    case new
    /// The row is where the cursor is.
    case atCursor
    /// The row is ahead of the cursor, in the same history: the cursor lags. Delivery goes on from the row.
    case ahead
    /// Delivery may not go on by itself.
    case mustWait(Contradiction)

    /// What cannot be so if this is the database that this spool was delivered to.
    enum Contradiction: Hashable {
        /// No row, though records were delivered: a wrong, empty or newly made database.
        case rowMissing
        /// The row is behind what was delivered: the database was restored from a backup, or an old standby promoted.
        case behindCursor
        /// The record at the row's position has another run or chain in the spool: spool or row is of another history.
        case otherHistory
        /// The row is beyond the last durable record: the spool was rolled back.
        case beyondSpool
        /// The row's record is no longer in the spool, so that nothing proves that it is ours.
        case unprovable
        /// The owner is none of this spool's runs: a copy of the spool delivers to this database.
        case foreignOwner
    }

    /// - Parameters:
    ///   - found: the lane's row; nil if there is none.
    ///   - known: where the lane's row was last known to be.
    ///   - durable: the last durable record.
    ///   - runs: every run of this spool.
    static func of(_ found: FencedRow?, known: LanePosition, durable: SequenceNumber, runs: Set<UniqueID>) -> Self {
        guard let found else { return known.position == .zero ? .new : .mustWait(.rowMissing) }
        let row = found.row
        guard runs.contains(row.owner) else { return .mustWait(.foreignOwner) }
        if row.position < known.position { return .mustWait(.behindCursor) }
        let origin = RecordOrigin(run: row.run, chain: row.chain)
        if row.position == known.position {
            // At position 0 there is no record to have an origin.
            return row.position == .zero || known.origin == nil || known.origin == origin
                ? .atCursor : .mustWait(.otherHistory)
        }
        if row.position > durable { return .mustWait(.beyondSpool) }
        guard let own = found.ownOrigin else { return .mustWait(.unprovable) }
        return own == origin ? .ahead : .mustWait(.otherHistory)
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
        case .behindCursor:
            "\(table) stands at \(at), though records up to \(ours) were delivered: the database was restored from an "
                + "older backup, or it is another one; \(waits)"
        case .otherHistory:
            "\(table) stands at \(at), which is another record there than in this spool: the spool was copied or rolled "
                + "back; \(waits)"
        case .beyondSpool:
            "\(table) stands at \(at), beyond the end of this spool: the spool was rolled back to an older state; "
                + waits
        case .unprovable:
            "\(table) stands at \(at), a record that this spool no longer holds, so that nothing proves it ours; "
                + waits
        case .foreignOwner:
            "\(table) belongs to a run \(row.map { "\($0.owner)" } ?? "") that this spool never had: a copy of the spool "
                + "delivers to this database; \(waits): stop one of the two"
        }
    }
}
