import OperationLogs

/// Numbers that are passed over on the operator's word: their segments were lost, or set back to an older state, while
/// cursor and identity were not.
///
/// Nobody knows how many records stood there. What is numbered from then on must not have a number that one of them had:
/// the database's rows, or the dead letters, could take it for that one. So the numbers go on by `margin` behind all that
/// the files know. That is enough: undelivered records are not freed, and delivered ones not before the cursor that says
/// so is durable, so no more records can have followed the cursor than the spool had room for. Each takes 24 bytes at
/// least: 2^40 of them are a spool of 24 TiB.
struct SpoolGap: Sendable, Hashable {
    static let margin: UInt64 = 1 << 40

    /// The first number without a record in the segments.
    var first: SequenceNumber
    /// Behind the last number that the cursor, a run or a dead letter shows to have been given, or to have been next.
    var known: SequenceNumber
    /// The number of the next record.
    var next: SequenceNumber
    var time: String

    /// As it is named, counted and accounted for like any other place of which the records are lost.
    var range: LostRange {
        LostRange(segment: SegmentName.of(first), offset: 0, endOffset: 0, first: first, next: next, known: known)
    }
}

/// What the cursor, the runs or the dead letters know, and the segments do not hold.
struct MissingSegments: Sendable, Hashable {
    /// The first number without a record.
    var first: SequenceNumber
    /// As of a `SpoolGap`.
    var known: SequenceNumber
    /// By what it was noticed, for a sentence.
    var sign: String
}
