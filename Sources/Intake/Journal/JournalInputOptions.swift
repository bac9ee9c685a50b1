import OperationLogs

/// How a journal input is set up.
public struct JournalInputOptions: Sendable {
    public enum StartAt: Sendable {
        case beginning
        /// What the journal holds when the input is started for the first time is left out.
        case end
    }

    /// The input's name in the configuration.
    public var name: String
    /// Patterns of the units whose lines are taken; empty: of all, and of what belongs to none.
    public var units: [String]
    /// Patterns of `SYSLOG_IDENTIFIER`; empty: all. Where both are given, both have to match.
    public var identifiers: [String] = []
    /// Where the journal's files are; nil: the journal of this machine.
    public var directory: String?
    public var startAt = StartAt.beginning
    /// Without the line's end.
    public var maxLineBytes = 1 << 20
    /// How far ahead of the time of receipt a `log_time` or `updated_at` may be.
    public var maxFutureMicroseconds: Int64 = 86_400_000_000
    /// How lines name events and columns.
    public var dialect = LineDialect.documented
    /// The unit that this process runs in, whose lines are never taken: they would come out of what was taken before.
    public var ownUnit: String?

    public init(name: String, units: [String]) {
        self.name = name
        self.units = units
    }

    /// What errors and `status` call the journal.
    public var place: String { directory ?? "the journal" }
}

/// The times and sizes by which a journal is read. The defaults are what the documentation promises; tests shorten them.
public struct JournalInputLimits: Sendable {
    /// When a journal that cannot be read is tried again, and one of which files are left out.
    public var retryMilliseconds = 30_000
    /// When a journal is looked for again that is not there.
    public var absentMilliseconds = 2000
    /// How long the rest of a line may take that journald has cut, once all else was read.
    public var unfinishedMilliseconds = 60_000
    /// How often the position is noted while there are entries but none that is taken.
    public var positionMilliseconds = 300_000
    /// How long the end of `run()` waits for the last chunks to be durable.
    public var stopMilliseconds = 5000
    /// How many entries are looked at before what has become durable is looked at.
    public var entriesInTurn = 1024
    /// What is handed to the spool and not durable before reading stops.
    public var windowBytes = ChunkWindow.defaultLimitBytes

    public init() {}
}

/// What `status` shows of a journal input.
public struct JournalInputStatus: Sendable, Hashable {
    public let name: String
    public let units: [String]
    public let identifiers: [String]
    public let directory: String?
    /// Of the last entry that was seen, microseconds since 1970; nil before the first.
    public let seenMicroseconds: UInt64?
    /// Whether all that is there was read.
    public let isAtEnd: Bool
    /// Why nothing is read; nil while it is.
    public let wait: String?
    /// Entries that were gone before they were read, whoever wrote them; lines that were passed over; since the start.
    public let entriesLost: UInt64
}
