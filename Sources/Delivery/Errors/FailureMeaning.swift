/// What an error of the database means for the records that were on their way.
public enum FailureMeaning: Sendable, Hashable, CaseIterable {
    /// It passes by itself: the batch again, with back-off, for ever.
    case passing
    /// Nobody knows whether the transaction committed: the position rows are asked.
    case outcomeUnknown
    /// One row is to blame: it is isolated and becomes a dead letter.
    case rowsFault
    /// Somebody has to mend the database: the lane is held, and tried again at intervals.
    case operators
    /// Not in the table: the lane is held, and nothing is dropped.
    case unclassified
}
