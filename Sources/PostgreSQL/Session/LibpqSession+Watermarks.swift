import Delivery
import OperationLogs

extension LibpqSession: WatermarkSession {
    /// The position is read first: what it says is delivered stands in the rows that are read behind it, whoever commits
    /// in between.
    public func watermarks(spool: UniqueID, of pipelines: [[UInt8]]) throws(DatabaseFailure) -> StoredWatermarks {
        try inTransaction { (open) throws(DatabaseFailure) in
            let positions = try open.run(SessionStatements.lanePosition, [.uuid(spool), .lanes([.pipelineWatermarks])])
            var stored = StoredWatermarks(position: nil, rows: [])
            if positions.rowCount > 0 {
                guard let position = positions.bytes(0, 0), position.count == 8 else {
                    throw Self.otherType("spool_positions")
                }
                stored.position = SequenceNumber(position.bigEndian(0, as: UInt64.self))
            }
            let rows = try open.run(SessionStatements.watermarks, [.texts(pipelines)])
            for row in 0..<rows.rowCount { stored.rows.append(try Self.watermark(rows, row)) }
            return stored
        }
    }

    private static func watermark(_ answer: ServerAnswer, _ row: Int) throws(DatabaseFailure) -> PipelineWatermark {
        func timestamp(_ column: Int) throws(DatabaseFailure) -> Timestamp? {
            guard let bytes = answer.bytes(row, column) else { return nil }
            guard bytes.count == 8 else { throw otherType("pipeline_watermarks") }
            return Timestamp(microseconds: bytes.bigEndian(0))
        }
        return PipelineWatermark(
            pipeline: answer.bytes(row, 0).map(Array.init) ?? [], lastProcessed: try timestamp(1),
            status: answer.bytes(row, 2).map(Array.init), updatedAt: try timestamp(3))
    }

    /// A column that another type was given than the schema has.
    static func otherType(_ table: String) -> DatabaseFailure {
        .server(
            ServerError(
                sqlstate: "42804",
                message: "a column of operation_logs.\(table) has another type than opslogd gave it; compare "
                    + "`opslogd schema check`", table: table))
    }
}
