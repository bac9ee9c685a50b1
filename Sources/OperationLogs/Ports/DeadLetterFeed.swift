/// What becomes of dead letters, for whoever shows them elsewhere. Read by one thread.
public protocol DeadLetterFeed: AnyObject {
    /// Whose sequence numbers are the ids.
    var spool: UniqueID { get }
    /// Begins again with the oldest that is kept.
    func rewind()
    /// What was kept next, in its order, durable by now, of about so many bytes; empty if there is nothing more yet.
    ///
    /// - Throws: what reading the store throws; a later try may succeed.
    func next(bytes: Int) throws -> [DeadLetterNews]
    /// Whether the dead letter is kept, and not over. Right once `next` has come to an end since the last `rewind`.
    func holds(_ id: SequenceNumber) -> Bool
    /// Calls `wake` whenever there may be more; from any thread.
    func onNews(_ wake: @escaping @Sendable () -> Void)
}

public enum DeadLetterNews: Sendable, Hashable {
    case letter(DeadLetter)
    case ended(DeadLetterEnding)
}

/// A dead letter is over.
public struct DeadLetterEnding: Sendable, Hashable {
    /// The names by which an ending is stored and shown.
    public enum Fate: String, Sendable {
        case retried
        case discarded
        /// Let go of for want of room, or for its age; also where nothing says any more how it ended.
        case dropped
    }

    public var id: SequenceNumber
    public var fate: Fate
    /// Nil where that is no longer known.
    public var time: Timestamp?
    /// Of one that was sent again: its number in the spool from then on.
    public var successor: SequenceNumber?

    public init(id: SequenceNumber, fate: Fate, time: Timestamp? = nil, successor: SequenceNumber? = nil) {
        self.id = id
        self.fate = fate
        self.time = time
        self.successor = successor
    }
}
