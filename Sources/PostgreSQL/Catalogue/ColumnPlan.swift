import Delivery
import OperationLogs

/// How the rows of a table are sent, by its columns as the catalogue has them.
struct ColumnPlan: Sendable, Hashable {
    /// In the order of the kind's columns.
    var encodings: [FieldEncoding]
    /// Columns without a time zone, which hold UTC.
    var columnsInUTC: Set<String> = []
    /// The numbers of the columns' types, as the answer to `columnTypes` has them. It is asked behind the rows, when they
    /// lock the table: what was altered meanwhile, on an open connection, shows.
    var typeNumbers: [UInt32] = []
    /// Why no row can be sent, in a sentence with what to do: the server would put it down to each row, or take bytes for
    /// what they are not.
    var obstacle: String?

    /// 55006, "object in use": only this table, and tried again soon.
    static let isOutdated = "55006"

    /// Whether rows go as they are spooled.
    var isAsSpooled: Bool { encodings.allSatisfy { $0 == .asSpooled } }

    /// Of a table that is not there, or has not all columns, it says nothing: the server does when rows come.
    init(_ table: TableRequirement, in catalogue: Catalogue) {
        let found = catalogue.tables[table.name]
        encodings = table.columns.map { column in
            found?.columns[column.name].flatMap { column.readers[$0.receiveFunction] } ?? .asSpooled
        }
        guard let found else { return }
        typeNumbers = table.columns.compactMap { found.columns[$0.name]?.typeNumber }
        for column in table.columns where found.columns[column.name]?.receiveFunction == "timestamp_recv" {
            columnsInUTC.insert(column.name)
        }
        let findings = SchemaFinding.types(found, of: table) + SchemaFinding.unfilledColumns(found, of: table)
        if !findings.isEmpty { obstacle = findings.map(\.sentence).joined(separator: "; ") }
    }

    /// What the server would say, if it could tell the table's fault from a row's.
    func refuse(_ kind: EventKind) throws(DatabaseFailure) {
        guard let obstacle else { return }
        throw .server(ServerError(sqlstate: "42804", message: obstacle, table: kind.name))
    }
}
