import Delivery
import OperationLogs

extension LibpqSession: DeadLetterTableSession {
    public func shownLetters(spool: UniqueID, among ids: [SequenceNumber])
        throws(DatabaseFailure) -> Set<SequenceNumber>
    {
        try Set(sequences(DeadLetterStatements.shown, [.uuid(spool), .sequences(ids)]))
    }

    public func openLetters(spool: UniqueID, after id: SequenceNumber, limit: Int)
        throws(DatabaseFailure) -> [SequenceNumber]
    {
        try sequences(DeadLetterStatements.open(limit: limit), [.uuid(spool), .sequences([id])])
    }

    private func sequences(_ statement: String, _ parameters: [BinaryParameter])
        throws(DatabaseFailure) -> [SequenceNumber]
    {
        try inTransaction { (open) throws(DatabaseFailure) in
            let answer = try open.run(statement, parameters)
            var found: [SequenceNumber] = []
            for row in 0..<answer.rowCount {
                guard let id = answer.bytes(row, 0), id.count == 8 else { throw Self.otherType("dead_letters") }
                found.append(SequenceNumber(id.bigEndian(0, as: UInt64.self)))
            }
            return found
        }
    }

    public func show(_ letters: [ShownLetter], endings: [DeadLetterEnding], spool: UniqueID, host: String)
        throws(DatabaseFailure)
    {
        try begin()
        do throws(DatabaseFailure) {
            try withConnection { (open) throws(DatabaseFailure) in
                if !letters.isEmpty {
                    _ = try open.run(
                        DeadLetterStatements.insert, [.uuid(spool), .text(host)] + Self.columns(of: letters))
                }
                if !endings.isEmpty {
                    _ = try open.run(
                        DeadLetterStatements.end,
                        [
                            .uuid(spool), .sequences(endings.map(\.id)),
                            .texts(endings.map { Array($0.fate.rawValue.utf8) }), .timestamps(endings.map(\.time)),
                            .numbers(endings.map { $0.successor?.rawValue }),
                        ])
                }
            }
        } catch {
            if case .server = error { try rollback() }
            throw error
        }
        try sendCommit()
        _ = try awaitCommit()
    }

    private static func columns(of shown: [ShownLetter]) -> [BinaryParameter] {
        func texts(_ value: (DeadLetter) -> String?) -> BinaryParameter {
            .texts(shown.map { value($0.letter).map { Array($0.utf8) } })
        }
        return [
            .sequences(shown.map(\.letter.id)), .timestamps(shown.map(\.letter.time)), texts(\.reason.name),
            texts(\.detail), texts(\.sqlstate), texts { $0.event?.name }, texts(\.source.input), texts(\.source.path),
            .numbers(shown.map(\.letter.offset)), .numbers(shown.map { $0.letter.source.uid.map(UInt64.init) }),
            .numbers(shown.map { $0.letter.source.pid.map(UInt64.init) }), .texts(shown.map(\.text)),
            .texts(shown.map { $0.text == nil ? Array(Base64.encode($0.letter.line).utf8) : nil }),
            texts { $0.isTruncated ? "true" : "false" },
        ]
    }
}

extension BinaryParameter {
    fileprivate static func sequences(_ ids: [SequenceNumber]) -> BinaryParameter {
        int8s(ids.map { Int64(bitPattern: $0.rawValue) })
    }

    /// In decimal.
    fileprivate static func numbers(_ values: [UInt64?]) -> BinaryParameter {
        texts(values.map { $0.map { Array("\($0)".utf8) } })
    }
}

/// What a session has to say of the dead letters' table. Fixed text, as all SQL.
private enum DeadLetterStatements {
    static let shown = "SELECT id FROM operation_logs.dead_letters WHERE spool_id = $1 AND id = ANY ($2)"

    static func open(limit: Int) -> String {
        """
        SELECT id FROM operation_logs.dead_letters WHERE spool_id = $1 AND fate IS NULL AND id > ($2)[1]
        ORDER BY id LIMIT \(limit)
        """
    }

    static let insert = """
        INSERT INTO operation_logs.dead_letters (spool_id, id, host, received_at, reason, detail, sqlstate, event, input,
            path, "offset", uid, pid, line, line_bytes, truncated)
        SELECT $1, n.id, $2, n.received_at, n.reason, n.detail, n.sqlstate, n.event, n.input, n.path,
            CAST(n.place AS bigint), CAST(n.uid AS bigint), CAST(n.pid AS bigint), n.line, decode(n.line_base64, 'base64'),
            CAST(n.truncated AS boolean)
        FROM unnest($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
            AS n (id, received_at, reason, detail, sqlstate, event, input, path, place, uid, pid, line, line_base64,
                truncated)
        ORDER BY n.id
        ON CONFLICT DO NOTHING
        """

    /// The first ending stays.
    static let end = """
        UPDATE operation_logs.dead_letters AS d
        SET fate = n.fate, ended_at = n.ended_at, retried_as = CAST(n.successor AS bigint)
        FROM unnest($2, $3, $4, $5) AS n (id, fate, ended_at, successor)
        WHERE d.spool_id = $1 AND d.id = n.id AND d.fate IS NULL
        """
}
