import OperationLogs

/// Why a new segment cannot be made now.
public enum SpaceShortage: Sendable, Hashable, CustomStringConvertible {
    /// `max_bytes` is used up by records that are not delivered.
    case maxBytes
    /// The file system would fall below `min_free`.
    case minFree
    /// The disk, or the quota of this user, is full.
    case diskFull

    public var description: String {
        switch self {
        case .maxBytes: "max_bytes is used up by records that are not delivered"
        case .minFree: "the file system would fall below min_free"
        case .diskFull: "the disk or the quota of this user is full"
        }
    }
}

/// The spool as it stands.
public struct SpoolStatus: Sendable {
    public var spool: UniqueID
    public var run: UniqueID
    public var segments: Int
    /// Of all segment files, the one kept for use again included.
    public var bytes: UInt64
    public var maxBytes: UInt64
    /// The first record that is still there, whether delivered or not; one more than `durable` if there is none.
    public var first: SequenceNumber
    public var durable: SequenceNumber
    /// Everything that was received since is still there, but for damaged places: a database that holds what was received
    /// before is filled again by itself. nil before the first record.
    public var refillableSince: Timestamp?
    /// What the operator has given up, the oldest word first.
    public var acceptedGaps: [AcceptedGap]
    public var settled: SequenceNumber
    public var movedDeadLetters: SequenceNumber
    /// Durable, and without a fate yet.
    public var undeliveredEvents: UInt64
    /// How long ago the oldest of them was written; 0 without any.
    public var oldestUndeliveredSeconds: Double
    /// Chunks that wait for their group.
    public var queuedChunks: Int
    /// Why nothing is taken at the moment; nil while the spool accepts.
    public var shortage: SpaceShortage?
    /// Why the writer ended, if it did.
    public var failure: String?
    /// Delivered segments that were to be kept and gave way to undelivered ones, since the start.
    public var keptSegmentsGivenUp: UInt64
    public var groups: UInt64
    public var syncs: UInt64
    /// What is known to be damaged or missing, by the first record; found by this start, earlier ones, or while reading.
    public var lostRanges: [LostRange]
    /// What the start found, in a sentence.
    public var recovery: String
}
