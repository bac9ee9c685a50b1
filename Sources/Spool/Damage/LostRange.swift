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
    /// Behind the last number that is known to have had a record: `next`, unless numbers were passed over after the
    /// segments were lost.
    public var known: SequenceNumber { end ?? next }
    private let end: SequenceNumber?

    init(
        segment: String, offset: UInt64, endOffset: UInt64, first: SequenceNumber, next: SequenceNumber,
        known: SequenceNumber? = nil
    ) {
        self.segment = segment
        self.offset = offset
        self.endOffset = endOffset
        self.first = first
        self.next = next
        end = known == next ? nil : known
    }

    /// As far as is known.
    public var recordCount: UInt64 { known.rawValue - first.rawValue }

    /// For a sentence: "records 5 to 9".
    public var records: String {
        let more = known < next ? ", and any behind" : ""
        return switch recordCount {
        case 0: "no records"
        case 1: "record \(first.rawValue)\(more)"
        default: "records \(first.rawValue) to \(known.rawValue - 1)\(more)"
        }
    }

    /// What the copy aside is called, by which a later start knows the range.
    var copyName: String {
        "\(segment)-\(offset)-\(first.rawValue)-\(next.rawValue)" + (known < next ? "-\(known.rawValue)" : "")
    }

    /// Whether it is the same place, however much of it is known.
    func isPlace(of other: LostRange) -> Bool {
        segment == other.segment && offset == other.offset && first == other.first && next == other.next
    }

    /// The range that a copy's name tells of; nil if it is no such name.
    static func named(_ name: String) -> LostRange? {
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        guard (4...5).contains(parts.count), SegmentName.firstSequence(String(parts[0])) != nil,
            let offset = UInt64(parts[1]),
            let first = UInt64(parts[2]), let next = UInt64(parts[3]), first <= next,
            case let known = parts.count == 5 ? UInt64(parts[4]) : next, let known, (first...next).contains(known)
        else { return nil }
        return LostRange(
            segment: String(parts[0]), offset: offset, endOffset: offset, first: SequenceNumber(first),
            next: SequenceNumber(next), known: SequenceNumber(known))
    }
}
