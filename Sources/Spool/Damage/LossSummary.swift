import OperationLogs

/// A lost range as `opslogd spool reread` and `status` show it: which lines of files may have stood in it, and whether
/// they are read again.
public struct LossSummary: Sendable, Hashable {
    public enum State: String, Sendable, Hashable {
        /// Whether any of it was delivered is not known before the database has been asked.
        case undecided
        /// None of it was delivered: the lines are read again by themselves.
        case readAgain = "read_again"
        /// Some of it may have been delivered: the lines wait for the operator's word.
        case setAside = "set_aside"
        /// The operator has given it.
        case asked
        /// Nothing is left to read, or nothing was known.
        case closed
    }

    /// What the operator names it by.
    public var number: Int
    /// Of the file in `segments/`.
    public var segment: String
    public var offset: UInt64
    /// The first number that was lost, or followed.
    public var first: SequenceNumber
    /// Behind the last; nil of a torn or damaged end, of which nobody knows what stood in it.
    public var next: SequenceNumber?
    /// As of a `LostRange`.
    public var known: SequenceNumber?
    public var time: String
    public var state: State
    /// Those whose lines are in the spool again are left out.
    public var sources: [SourceRange]

    init(_ loss: LossBook.Loss) {
        number = loss.number
        let parts = loss.notice.name.split(separator: "-")
        segment = parts.first.map(String.init) ?? ""
        offset = parts.count > 1 ? UInt64(parts[1]) ?? 0 : 0
        first = loss.notice.first ?? .zero
        let range = LostRange.named(loss.notice.name)
        next = range?.next
        known = range?.known
        time = loss.notice.time
        sources = loss.sources.keys.sorted().filter { !loss.done.contains($0) }.compactMap { loss.sources[$0] }
        state =
            if loss.verdict == .open { .undecided } else if loss.isWaitingForWord { .setAside } else if sources.isEmpty
            {
                .closed
            } else if loss.isAsked { .asked } else { .readAgain }
    }

    /// For a sentence.
    public var records: String {
        guard let next else { return "the end behind record \(first.rawValue - 1)" }
        return LostRange(
            segment: segment, offset: offset, endOffset: offset, first: first, next: next, known: known
        ).records
    }
}

extension SourceRange {
    /// For a sentence.
    public var bytes: String { upTo.map { "bytes \(from) to \($0)" } ?? "from byte \(from) on" }
}

extension LossAccounts.Note {
    /// For the log: what is known of the files, and what happens with their lines.
    var sentence: String {
        let named = sources.prefix(5).map { "\($0.path) (input \($0.input)) \($0.bytes)" }
        let more = sources.count > 5 ? " and \(sources.count - 5) more" : ""
        let files = named.isEmpty ? "" : "; their lines stood in " + named.joined(separator: ", ") + more
        let fate =
            switch verdict {
            case .open where named.isEmpty && !isDoubtful: ""
            case .open: "; whether they are read again is decided when the database has been asked"
            case .free where named.isEmpty && !isDoubtful: ""
            case .free: "; none of them was delivered, and they are read again"
            case .aside where named.isEmpty && !isDoubtful: ""
            case .aside:
                "; some may have been delivered: they are set aside for 'opslogd spool reread' (range \(number))"
            }
        return files + fate
    }
}
