/// How the lines of one input name events and columns where they do not do it as ``EventKind`` does: legacy jobs cannot
/// be asked to change.
public struct LineMapping: Sendable, Hashable {
    /// What a line is that carries no event key.
    public var event: EventKind?
    /// The key that names the event.
    public var eventKey = "event"
    /// Further words for events. One that stands here means what it says here, also if it is a table's name.
    public var eventWords: [String: EventKind] = [:]
    /// The key in the line by the name of the column. The column's own name is then an unknown field.
    public var fields: [String: String] = [:]
    public var unknownFields = UnknownFields.reject
    /// In which zone a time without an offset was written; nil: such a time is `invalid_timestamp`.
    public var timeZone: TimeZoneRules?
    /// What a number counts where a time is expected, from 1970-01-01T00:00:00Z; nil: a number is `wrong_type` there.
    public var epoch: EpochUnit?

    public enum UnknownFields: String, Sendable, CaseIterable {
        /// A line with a key that is no column is a dead letter: nothing is dropped unnoticed.
        case reject
        /// Such keys are left out of the event.
        case ignore
    }

    public init() {}

    /// The key under which a line carries a column.
    public func key(of column: String) -> String { fields[column] ?? column }

    /// What cannot be told apart: two columns of one table under one key, or a column under the event's key.
    ///
    /// - Returns: nil if lines can be read by this mapping; else a column of `fields` with what is wrong with it.
    public var conflict: (column: String, problem: String)? {
        for column in fields.keys.sorted() {
            let key = key(of: column)
            for kind in EventKind.allCases where kind.columns.contains(where: { $0.name == column }) {
                let others = kind.columns.map(\.name).filter { $0 != column && self.key(of: $0) == key }
                if let other = others.first {
                    return (column, "`\(key)` would be both \(column) and \(other) of \(kind.name)")
                }
            }
            if key == eventKey { return (column, "`\(key)` is the key that names the event") }
        }
        return nil
    }
}

/// What a number counts that stands for a time.
public enum EpochUnit: String, Sendable, CaseIterable {
    case seconds = "s"
    case milliseconds = "ms"
    case microseconds = "us"
    case nanoseconds = "ns"

    /// The power of ten by which a number becomes microseconds.
    var power: Int {
        switch self {
        case .seconds: 6
        case .milliseconds: 3
        case .microseconds: 0
        case .nanoseconds: -3
        }
    }
}
