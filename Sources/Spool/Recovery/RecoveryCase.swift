/// The table of what a start can find, and what is done: <doc:SpoolFormat> says the same for people.
enum RecoveryCase: String, CaseIterable, Sendable {
    /// The last segment ends with its own seal: a crash before the next one had its name, or no record since.
    case whole
    /// The last frame is the seal of a clean stop.
    case cleanEnd
    /// No seal; zeros where the next header would be, and behind it. Nothing was under way.
    case unsealedEnd
    /// As `unsealedEnd`, with bytes of the file's former life behind: they verify under no salt of this one.
    case recycledBytes
    /// Bytes that do not verify at the very end. Torn or damaged: both look alike, so it is reported.
    case tornTail
    /// The last file has no header, and nothing else: a crash while it was made.
    case segmentWithoutHeader
    /// The last file has the header of an earlier segment: a crash while it was recycled.
    case segmentOfFormerLife
    /// A header of another major version of the format.
    case unknownVersion
    /// A header names a segment before it that is not there.
    case missingSegment
    /// A segment that is not the last has no seal where the next one says.
    case unsealedSegment
    /// Checksums hold, but chain or sequence numbers do not follow.
    case brokenChain
    /// Something does not verify, and something behind it does: the middle is damaged, not the end torn.
    case damageInside
    /// A file is shorter than its header says.
    case shortFile
    /// The last segment's header and its copy do not verify, so that nobody knows what it held; or a header is of another
    /// spool or place.
    case headerLost
    /// The last segment's snapshot does not verify, and no segment before it tells the same.
    case snapshotLost
    /// The cursor, the runs or the dead letters know records that the segments do not hold.
    case cursorAhead
    /// The disk does not give a file back.
    case readError

    enum Remedy: Equatable {
        /// Nothing is wrong.
        case goOn
        /// Copied aside, overwritten with zeros, synced, reported.
        case cut
        /// What is intact on both sides is delivered; the place is copied aside, its records are named and counted.
        case passOver
        /// The file is removed; it never held a record.
        case removeFile
        /// Nothing is touched; the start fails with this exit status.
        case stop(exitStatus: Int32)
    }

    /// For the log and `status`.
    var inWords: String {
        switch self {
        case .whole: "the last segment is full and sealed"
        case .cleanEnd: "the last run stopped in order"
        case .unsealedEnd, .recycledBytes: "the last run did not stop in order, and nothing of it is torn"
        case .tornTail: "the last run did not stop in order, and its end is torn or damaged"
        case .segmentWithoutHeader: "a crash while it was made"
        case .segmentOfFormerLife: "a crash while it was recycled"
        case .unknownVersion: "a newer version wrote it"
        case .missingSegment: "a segment is missing"
        case .unsealedSegment: "a segment that is not the last has no seal"
        case .brokenChain: "chain or sequence numbers do not follow"
        case .damageInside: "damage before the end"
        case .shortFile: "a file is too short"
        case .headerLost: "a header is lost"
        case .snapshotLost: "the positions of the inputs are lost"
        case .cursorAhead: "the cursor, a run or a dead letter knows records that the segments do not hold"
        case .readError: "a file cannot be read"
        }
    }

    var remedy: Remedy {
        switch self {
        case .whole, .cleanEnd, .unsealedEnd, .recycledBytes: .goOn
        case .tornTail: .cut
        case .segmentWithoutHeader, .segmentOfFormerLife: .removeFile
        case .unknownVersion, .cursorAhead: .stop(exitStatus: 78)
        case .missingSegment, .unsealedSegment, .damageInside, .shortFile: .passOver
        case .brokenChain, .headerLost, .snapshotLost, .readError:
            .stop(exitStatus: 74)
        }
    }
}
