/// Where dead letters are kept. Shared by Delivery and the mover; safe from any thread.
public protocol DeadLetterSink: AnyObject, Sendable {
    /// Keeps them: on disk and synced when this returns. One that is there already (by id) is nothing.
    func append(_ letters: [DeadLetter]) throws
    /// Whether the database's refusal of this record is kept: then it is never sent again, only passed over.
    func holdsRefusal(of sequence: SequenceNumber) -> Bool
}
