import OperationLogs

/// A segment as `opslogd spool ls` shows it.
public struct SegmentSummary: Sendable, Hashable {
    /// Of the file.
    public var name: String
    public var firstSequence: SequenceNumber
    /// One less than `firstSequence` if the segment holds no records.
    public var lastSequence: SequenceNumber
    /// Of the file.
    public var bytes: UInt64
    /// Up to the end of the last frame.
    public var usedBytes: UInt64
    /// Whether it has its own seal: nothing more is written into it.
    public var isSealed: Bool
    public var made: Timestamp
    public var run: UniqueID
    /// Every record in it has its fate in every lane and in the dead letters, as far as the cursor says.
    public var isDelivered: Bool
}

/// Something that `opslogd spool verify` found.
public struct SpoolFinding: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// Bytes that were durable do not verify, or are missing.
        case damage
        /// The last group does not verify: torn by a crash (the next start cuts it), or just being written.
        case tornEnd
    }

    public var kind: Kind
    /// Relative to the spool.
    public var path: String
    public var offset: UInt64
    public var what: String
    /// The records concerned, where they can be told.
    public var firstSequence: SequenceNumber?
    public var lastSequence: SequenceNumber?
}

/// What `opslogd spool verify` looked at.
public struct SpoolVerification: Sendable, Hashable {
    public var segments = 0
    public var bytes: UInt64 = 0
    public var firstSequence = SequenceNumber.zero
    public var lastSequence = SequenceNumber.zero
    public var findings: [SpoolFinding] = []
    /// What the operator has given up since a restored database lacks it: no damage.
    public var acceptedGaps: [AcceptedGap] = []
    /// Nothing is damaged; a torn end is none.
    public var isWhole: Bool { findings.allSatisfy { $0.kind != .damage } }
}
