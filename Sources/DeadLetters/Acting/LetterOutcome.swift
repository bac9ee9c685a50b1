import OperationLogs

/// What somebody wants to have sent again.
public struct RetryRequest: Sendable, Hashable {
    public var id: SequenceNumber
    /// In place of the line that is kept; nil: that one.
    public var line: [UInt8]?

    public init(id: SequenceNumber, line: [UInt8]? = nil) {
        self.id = id
        self.line = line
    }
}

/// What became of one dead letter that was to be sent again or discarded.
public struct LetterOutcome: Sendable, Hashable {
    public enum Result: Sendable, Hashable {
        /// An event, durable in the spool under that number; the dead letter is over.
        case retried(as: SequenceNumber)
        /// Rejected anew, as a dead letter of that number; the old one is over.
        case rejectedAgain(as: SequenceNumber, RejectionReason, detail: String)
        case discarded
        /// Of a dry run: the event that it would become, as a line in the columns' own names.
        case wouldBecome(EventKind, line: String)
        /// Of a dry run.
        case wouldBeRejected(RejectionReason, detail: String)
        /// Handed to the spool, and not known to be durable yet: it will be, and then the dead letter is over, or it stays.
        case underWay
        /// There is no such dead letter, or it is over already.
        case unknown
        /// It stays as it is, for this reason.
        case kept(String)
        /// Not looked at, since a request can only take so much: ask again.
        case notTaken
    }

    public var id: SequenceNumber
    public var result: Result

    public init(id: SequenceNumber, _ result: Result) {
        self.id = id
        self.result = result
    }

    /// One JSON object, on one line without its end.
    public var json: String {
        var object = JSONObjectWriter()
        object.add("id", text: id.description)
        object.add("outcome", text: name)
        object.add("as", text: successor?.description)
        object.add("event", text: event?.name)
        object.add("reason", text: reason?.name)
        object.add("detail", text: detail)
        object.add("line", text: line)
        return object.text
    }

    private var name: String {
        switch result {
        case .retried: "retried"
        case .rejectedAgain: "rejected_again"
        case .discarded: "discarded"
        case .wouldBecome: "would_become"
        case .wouldBeRejected: "would_be_rejected"
        case .underWay: "under_way"
        case .unknown: "unknown"
        case .kept: "kept"
        case .notTaken: "not_taken"
        }
    }

    private var successor: SequenceNumber? {
        switch result {
        case .retried(let id), .rejectedAgain(let id, _, _): id
        default: nil
        }
    }

    private var event: EventKind? { if case .wouldBecome(let kind, _) = result { kind } else { nil } }
    private var line: String? { if case .wouldBecome(_, let line) = result { line } else { nil } }

    private var reason: RejectionReason? {
        switch result {
        case .rejectedAgain(_, let reason, _), .wouldBeRejected(let reason, _): reason
        default: nil
        }
    }

    private var detail: String? {
        switch result {
        case .rejectedAgain(_, _, let detail), .wouldBeRejected(_, let detail), .kept(let detail): detail
        default: nil
        }
    }
}
