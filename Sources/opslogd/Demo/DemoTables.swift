import OperationLogs
import PostgreSQL

/// What stands in the eight tables.
enum DemoTables {
    /// Rows by table, in the order of the kinds.
    static func rowCounts(conninfo: String) throws -> [(table: String, rows: Int)] {
        let sql = EventKind.allCases.map { "SELECT count(*) FROM operation_logs.\($0.name)" }.joined(
            separator: " UNION ALL ")
        let counts = try DirectQuery.rows(sql, conninfo: conninfo).map {
            $0.first.flatMap { $0 }.flatMap { Int($0) } ?? 0
        }
        return zip(EventKind.allCases, counts).map { ($0.name, $1) }
    }
}
