import OperationLogs

/// Makes the dead letter of a row that the database refused.
enum RefusedRow {
    /// - Parameters:
    ///   - record: of the event, with the chunk that holds it.
    ///   - error: the server's; its primary message and names go into the detail, never DETAIL or CONTEXT.
    static func deadLetter(_ record: RecordView, in chunk: ChunkReader, _ error: ServerError) throws -> DeadLetter {
        let originators = try chunk.originators()
        guard let tuple = try EventTuple(record), Int(record.originator) < originators.count else {
            throw MalformedChunk("record \(record.sequence) is no event of a known source")
        }
        var detail = error.message
        if let constraint = error.constraint { detail += " (constraint \(constraint))" }
        if let column = error.column { detail += " (column \(column))" }
        return DeadLetter(
            id: record.sequence, time: record.received, reason: .rejectedByDatabase, detail: detail,
            sqlstate: error.sqlstate, event: tuple.kind, source: originators[Int(record.originator)],
            offset: record.offset, line: tuple.line)
    }
}
