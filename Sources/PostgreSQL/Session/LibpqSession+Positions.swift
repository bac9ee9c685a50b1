import Delivery
import OperationLogs

extension LibpqSession {
    /// A spool's position rows as they are committed, without a lock: for whoever only looks.
    public func positions(spool: UniqueID) throws(DatabaseFailure) -> [PositionRow] {
        try inTransaction { (open) throws(DatabaseFailure) in
            let answer = try open.run(
                SessionStatements.readPositions, [.uuid(spool), .lanes(EventKind.allCases)])
            var rows: [PositionRow] = []
            for row in 0..<answer.rowCount {
                guard let found = PositionRow(answer, row) else { throw Self.otherType("spool_positions") }
                rows.append(found)
            }
            return rows
        }
    }
}
