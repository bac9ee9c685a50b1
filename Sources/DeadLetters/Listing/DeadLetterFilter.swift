import OperationLogs

/// Which dead letters are wanted. An empty set, or nil, asks for nothing; a letter matches if everything asked fits.
public struct DeadLetterFilter: Sendable, Hashable {
    public var ids: Set<SequenceNumber>
    public var reasons: Set<RejectionReason>
    public var events: Set<EventKind>
    /// Names of inputs.
    public var inputs: Set<String>
    public var sqlstates: Set<String>
    /// Received at this time or later.
    public var since: Timestamp?
    /// Received before this time.
    public var until: Timestamp?

    public init(
        ids: Set<SequenceNumber> = [], reasons: Set<RejectionReason> = [], events: Set<EventKind> = [],
        inputs: Set<String> = [], sqlstates: Set<String> = [], since: Timestamp? = nil, until: Timestamp? = nil
    ) {
        self.ids = ids
        self.reasons = reasons
        self.events = events
        self.inputs = inputs
        self.sqlstates = sqlstates
        self.since = since
        self.until = until
    }

    public func matches(_ letter: DeadLetter) -> Bool {
        guard matches(letter.id), reasons.isEmpty || reasons.contains(letter.reason),
            inputs.isEmpty || inputs.contains(letter.source.input)
        else { return false }
        if !events.isEmpty { guard let event = letter.event, events.contains(event) else { return false } }
        if !sqlstates.isEmpty { guard let state = letter.sqlstate, sqlstates.contains(state) else { return false } }
        if let since, letter.time < since { return false }
        if let until, letter.time >= until { return false }
        return true
    }

    /// Before the letter is read.
    func matches(_ id: SequenceNumber) -> Bool { ids.isEmpty || ids.contains(id) }
}
