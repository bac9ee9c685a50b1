import OperationLogs

/// A place of the spool that does not verify, or is not there, and the records that stood in it.
///
/// Their numbers are known from the frames that verify on both sides.
public struct LostRange: Sendable, Hashable {
    /// The file's name within `segments/`.
    public var segment: String
    /// Where the place begins.
    public var offset: UInt64
    /// Where the next frame that verifies stands; `offset` if there is none in the file.
    public var endOffset: UInt64
    public var first: SequenceNumber
    /// The first number behind the range; equal to `first` where no record was lost, but positions of inputs may be.
    public var next: SequenceNumber

    public var recordCount: UInt64 { next.rawValue - first.rawValue }

    /// For a sentence: "records 5 to 9".
    public var records: String {
        switch recordCount {
        case 0: "no records"
        case 1: "record \(first.rawValue)"
        default: "records \(first.rawValue) to \(next.rawValue - 1)"
        }
    }

    /// What the copy aside is called, by which a later start knows the range.
    var copyName: String { "\(segment)-\(offset)-\(first.rawValue)-\(next.rawValue)" }

    /// The range that a copy's name tells of; nil if it is no such name.
    static func named(_ name: String) -> LostRange? {
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 4, SegmentName.firstSequence(String(parts[0])) != nil, let offset = UInt64(parts[1]),
            let first = UInt64(parts[2]), let next = UInt64(parts[3]), first <= next
        else { return nil }
        return LostRange(
            segment: String(parts[0]), offset: offset, endOffset: offset, first: SequenceNumber(first),
            next: SequenceNumber(next))
    }
}
