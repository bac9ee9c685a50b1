import OperationLogs

/// What a record of the spool says about dead letters.
enum LetterRecord {
    /// A line was rejected.
    case rejected(DeadLetter)
    /// A dead letter was sent again, and is over.
    case retried(RetryNote, at: Timestamp)

    /// Calls `body` with each such record behind `position`, in order. A chunk that holds none is passed over by its header
    /// alone.
    static func forEach(
        in group: RecordGroup, after position: SequenceNumber, _ body: (LetterRecord, SequenceNumber) throws -> Void
    ) throws {
        try group.forEachChunk { chunk in
            let last = chunk.firstSequence.rawValue &+ UInt64(chunk.recordCount)
            guard chunk.present & 1 != 0, last > position.rawValue &+ 1 else { return }
            let originators = try chunk.originators()
            try chunk.forEachRecord { record in
                guard record.sequence > position else { return }
                if let note = try RetryNote(record) {
                    try body(.retried(note, at: record.received), record.sequence)
                } else if record.kind == RecordLayout.rejectedLine {
                    guard Int(record.originator) < originators.count else {
                        throw RejectionWithoutOriginator(id: record.sequence)
                    }
                    try body(.rejected(letter(record, from: originators[Int(record.originator)])), record.sequence)
                }
            }
        }
    }

    private static func letter(_ record: RecordView, from source: RecordOriginator) throws -> DeadLetter {
        let rejected = try RejectedLine(record.payload)
        return DeadLetter(
            id: record.sequence, time: record.received, reason: rejected.reason, detail: rejected.detail,
            event: rejected.event, source: source, offset: record.offset, line: Array(rejected.line),
            isTruncated: rejected.isTruncated)
    }
}

/// A record names an originator that its chunk does not hold: the checksum held, so the writer erred.
struct RejectionWithoutOriginator: Error, CustomStringConvertible {
    let id: SequenceNumber
    var description: String {
        "malformed chunk: the rejected line \(id) names a source that is not there; run opslogd spool verify"
    }
}
