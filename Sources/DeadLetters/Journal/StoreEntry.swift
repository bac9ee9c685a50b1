import OperationLogs

/// How a dead letter ended.
public enum LetterFate: Sendable, Hashable {
    /// Sent again, and durable in the spool under that number.
    case retried(as: SequenceNumber)
    case discarded

    var name: String {
        switch self {
        case .retried: "retried"
        case .discarded: "discarded"
        }
    }
}

/// The end of a dead letter.
public struct LetterEnd: Sendable, Hashable {
    public var id: SequenceNumber
    public var fate: LetterFate
    public var time: Timestamp

    public init(id: SequenceNumber, fate: LetterFate, time: Timestamp) {
        self.id = id
        self.fate = fate
        self.time = time
    }

    /// The tombstone's object, on one line without its end.
    var json: String {
        var object = JSONObjectWriter()
        object.add("id", text: id.description)
        object.add("fate", text: fate.name)
        object.add("time", text: time.rfc3339)
        if case .retried(let successor) = fate { object.add("as", text: successor.description) }
        return object.text
    }
}

/// What is kept by one append.
enum StoreEntry {
    case letter(DeadLetter)
    case end(LetterEnd)
}
