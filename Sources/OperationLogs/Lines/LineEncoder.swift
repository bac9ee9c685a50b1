/// Turns the bytes of one source into records: frames lines, parses and types each in place, appends records to a chunk.
///
/// Total: any bytes have an outcome, always the same for the same line, however they are split into calls. A line is an
/// event, a rejection, a control line, or blank (white space only; skipped and counted). Nothing is allocated for a
/// line that becomes an event.
///
/// One encoder a file or connection, since it remembers an overlong line that has not ended yet.
public struct LineEncoder {
    public struct Options: Sendable {
        /// Without the line's end; 1 KiB to 16 MiB.
        public var maxLineBytes: Int
        /// How far ahead of the time of receipt a `log_time` or `updated_at` may be.
        public var maxFutureMicroseconds: Int64
        /// What a record's offset counts.
        public var counting: Counting
        /// How lines name events and columns.
        public var dialect: LineDialect
        /// Whether an object with the single key `opslogd` is a control line (stream sockets) and not an event.
        public var takesControlLines: Bool
        /// Whether rejections are also kept in `rejections`, for a peer that waits for answers.
        public var reportsRejections: Bool
        /// The kinds that the source may send; a line of another one is `notPermitted`.
        public var permitted: EventKindSet

        public init(
            maxLineBytes: Int, maxFutureMicroseconds: Int64, counting: Counting, takesControlLines: Bool,
            reportsRejections: Bool, dialect: LineDialect = .documented, permitted: EventKindSet = .all
        ) {
            self.dialect = dialect
            self.maxLineBytes = maxLineBytes
            self.maxFutureMicroseconds = maxFutureMicroseconds
            self.counting = counting
            self.takesControlLines = takesControlLines
            self.reportsRejections = reportsRejections
            self.permitted = permitted
        }
    }

    public enum Counting: Sendable {
        /// The byte at which the line begins in its file, from 0.
        case bytes
        /// The number of the line on its connection, from 1; control lines do not count.
        case lines
    }

    /// A rejection as its sender is told of it.
    public struct Rejection: Sendable, Hashable {
        /// The record's offset: byte or line, as `counting` says.
        public var offset: UInt64
        /// The byte of the line at which it fails, from 1.
        public var column: Int
        public var reason: RejectionReason
        public var detail: String
    }

    /// What one call of `encode` did.
    public struct Progress: Sendable, Hashable {
        public enum Pause: Sendable, Hashable {
            /// No further line ends within the bytes.
            case needsMoreBytes
            /// The chunk is full: close it, and call again with the rest.
            case chunkFull
            /// A control line, without its end; consumed. Act on it, and call again with the rest.
            case control(Range<Int>)
        }

        /// Bytes taken. The rest is the beginning of an unfinished line: give it again with more behind it.
        public var consumed = 0
        /// Of the bytes taken so far, those that belong to an overlong line which has not ended: a position to resume
        /// from is that much before.
        public var unfinished = 0
        /// Lines that ended, empty ones included, control lines not.
        public var lines = 0
        public var pause = Pause.needsMoreBytes
    }

    let options: Options
    let watermarkClock: WatermarkClock
    var overlong: OverlongLine?
    /// What was rejected since they were last taken, if the options ask for it.
    public internal(set) var rejections: [Rejection] = []

    public init(_ options: Options, watermarkClock: WatermarkClock) {
        self.options = options
        permitted = options.permitted
        self.watermarkClock = watermarkClock
    }

    /// The kinds that the source of the next lines may send: one encoder serves many peers where each line has its own.
    public var permitted: EventKindSet

    /// Hands the rejections over and forgets them.
    public mutating func takeRejections() -> [Rejection] {
        defer { rejections = [] }
        return rejections
    }
}
