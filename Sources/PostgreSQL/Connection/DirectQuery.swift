import Delivery
import LinuxSystem

/// Runs SQL of this program's own where no delivery is meant: the demo's counts, a benchmark's clean slate.
public enum DirectQuery {
    /// Runs one statement on a connection of its own, committed by itself.
    ///
    /// - Returns: the rows, each value as text, nil for NULL.
    public static func rows(_ sql: String, conninfo: String) throws -> [[String?]] {
        let interruption = try EventDescriptor()
        let open = try LibpqConnection(conninfo: conninfo, limits: ConnectionLimits(), interruption: interruption)
        let answer = try open.run(sql, [], binaryResult: false)
        return (0..<answer.rowCount).map { row in (0..<answer.columnCount).map { answer.text(row, $0) } }
    }
}
