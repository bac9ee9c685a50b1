/// The local write-ahead log between the inputs and the database.
public struct SpoolSettings: Sendable, Hashable {
    /// When what has arrived is written and synced. In both cases: one write, one sync, then the acknowledgements.
    public enum Sync: Sendable, Hashable {
        /// At once; what arrives while a sync runs makes the next group.
        case group
        /// Lines are gathered this long into one group.
        case interval(Duration)
    }

    /// Delivered segments that are kept for a database restored from a backup. They give way to undelivered ones.
    public struct KeepDelivered: Sendable, Hashable {
        public var bytes = 1 << 30
        /// Younger ones are kept beyond `bytes` while the spool's limit allows.
        public var age = Duration.zero

        public init() {}
    }

    /// All segments together. At the limit inputs are no longer read, and nothing is dropped.
    public var maxBytes = 10 << 30
    public var segmentBytes = 64 << 20
    /// Left free on the file system.
    public var minFreeBytes = 1 << 30
    public var sync = Sync.group
    public var keepDelivered = KeepDelivered()

    /// 4 MiB to 4 GiB, and at least four times the longest line of any input.
    public static let segmentBytesRange = 4 << 20...4 << 30
    /// The spool holds at least this many segments: one is written while another is drained.
    public static let leastSegments = 2
    /// A segment holds at least this many lines of the greatest length.
    public static let leastLinesOfASegment = 4

    public init() {}
}
