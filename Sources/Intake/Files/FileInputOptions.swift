import OperationLogs

/// What a file input is told by the configuration.
public struct FileInputOptions: Sendable {
    public enum StartAt: Sendable {
        case beginning
        /// Files that exist when the input is started for the first time are read from their end, from the beginning of
        /// a last line that has not ended; files that come later, from the beginning.
        case end
    }

    /// The input's name.
    public var name: String
    /// Patterns of absolute paths.
    public var paths: [String]
    /// Patterns of what is left out: of file names, or of absolute paths if they hold a slash.
    public var exclude: [String]
    public var startAt: StartAt
    /// Patterns of absolute paths, or directories: where rotated files go, if not beside the file.
    public var rotated: [String]
    public var maxLineBytes: Int
    /// How many files that have been read to their end are kept open.
    public var maxOpenFiles: Int
    public var maxFutureMicroseconds: Int64
    /// How lines name events and columns.
    public var dialect: LineDialect

    public init(
        name: String, paths: [String], exclude: [String] = [], startAt: StartAt = .beginning, rotated: [String] = [],
        maxLineBytes: Int = 1 << 20, maxOpenFiles: Int = 256, maxFutureMicroseconds: Int64 = 86_400_000_000,
        dialect: LineDialect = .documented
    ) {
        self.name = name
        self.paths = paths
        self.exclude = exclude
        self.startAt = startAt
        self.rotated = rotated
        self.maxLineBytes = maxLineBytes
        self.maxOpenFiles = maxOpenFiles
        self.maxFutureMicroseconds = maxFutureMicroseconds
        self.dialect = dialect
    }
}

/// The times and sizes by which files are followed. The defaults are what the documentation promises; tests shorten them.
public struct FileInputLimits: Sendable {
    /// How long a file is held back that may be the copy of another.
    public var holdBackMilliseconds = 5000
    /// How long a rotated file must be quiet before its last line counts as ended.
    public var quietMilliseconds = 5000
    /// How long a rotated file must be quiet before its descriptor is closed, and one without a name forgotten.
    public var graceMilliseconds = 60_000
    /// When a file that could not be opened or read is tried again.
    public var retryMilliseconds = 30_000
    /// How often directories are looked through that cannot be watched.
    public var pollMilliseconds = 2000
    /// How long the end of `run()` waits for the last chunks to be durable.
    public var stopMilliseconds = 5000
    /// What one read takes at most, unless a line is longer.
    public var readBytes = 512 << 10
    /// What is handed to the spool and not durable before reading stops.
    public var windowBytes = ChunkWindow.defaultLimitBytes
    /// How many directories are watched at most; the kernel's own limit may be lower.
    public var maxWatches = Int.max
    /// How many files are open at most, those included of which there is something to read.
    public var maxOpen = Int.max
    /// How many positions go into one chunk, of files that moved, and as many again of those that are forgotten.
    public var maxPositions = 16_384

    public init() {}

    var tail: TailStateMachine.Timings {
        func nanoseconds(_ milliseconds: Int) -> UInt64 { UInt64(max(0, milliseconds)) * 1_000_000 }
        return TailStateMachine.Timings(
            holdBack: nanoseconds(holdBackMilliseconds), quiet: nanoseconds(quietMilliseconds),
            grace: nanoseconds(graceMilliseconds))
    }
}
