/// What `DeadLetterSink.append` throws when no later try can succeed: only a new start can tell what is on disk.
public protocol DeadLettersUnusable: Error {}

/// Where dead letters are kept. Shared by Delivery and the mover; safe from any thread.
public protocol DeadLetterSink: AnyObject, Sendable {
    /// Keeps them: on disk and synced when this returns. One that is there already (by id) is nothing.
    ///
    /// - Throws: a `DeadLettersUnusable`, after which the daemon has to end; any other error leaves nothing behind, and a
    ///   later try may succeed.
    func append(_ letters: [DeadLetter]) throws
    /// Whether the database's refusal of this record is kept: then it is never sent again, only passed over.
    func holdsRefusal(of sequence: SequenceNumber) -> Bool
    /// Whether the refusal of any record from `first` to `last` is kept: asked once a chunk, so that its records need
    /// not be asked for one by one. May say true where none is.
    func mayHoldRefusals(from first: SequenceNumber, through last: SequenceNumber) -> Bool
    /// No record up to here will be asked for again before the store is opened anew, or they are recalled: the ids of refusals up to here need
    /// not be held in memory. The dead letters stay.
    func forgetRefusals(upTo sequence: SequenceNumber)
    /// Records behind this one will be asked for again, since the database was set back.
    func recallRefusals(after sequence: SequenceNumber) throws
}

extension DeadLetterSink {
    public func mayHoldRefusals(from first: SequenceNumber, through last: SequenceNumber) -> Bool { true }
    public func forgetRefusals(upTo sequence: SequenceNumber) {}
    public func recallRefusals(after sequence: SequenceNumber) {}
}
