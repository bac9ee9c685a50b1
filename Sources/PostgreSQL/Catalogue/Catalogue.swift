import Delivery

/// What the system catalogue says of the schema `operation_logs`, as far as delivery depends on it, seen by the role
/// of the connection.
struct Catalogue {
    struct Table {
        var columns: [String: TableColumn] = [:]
        /// Sequences that the table's defaults draw from.
        var sequences: [Sequence] = []
        /// Of each unique index without a condition or an expression.
        var uniqueColumns: [[String]] = []
        var hasActiveRowSecurity = false
        /// Whether a trigger may fill columns before their constraints are looked at.
        var hasTriggerBeforeRows = false
        /// The names of constraints that can refuse a row, but for its primary key.
        var constraints: [String] = []
        /// Nil if it is not partitioned.
        var partitions: Partitions?
    }

    struct TableColumn {
        /// The name of the server's own function that reads values of the type in binary format; empty if another's
        /// does. Of a domain, that of the type it stands on.
        var receiveFunction: String
        /// As people write it.
        var typeForPeople: String
        /// Its number in `pg_type`; of a domain, that of the type it stands on.
        var typeNumber: UInt32
        var privileges: Set<String>
        var isNotNull: Bool
        /// Whether it gets a value where a row brings none.
        var hasDefault: Bool
        /// Whether it is computed from others, and takes no value.
        var isGenerated: Bool
        /// Whether values can be too long for it.
        var isLimited: Bool
    }

    struct Sequence {
        /// Qualified and quoted.
        var name: String
        var isUsable: Bool
    }

    /// Quoted where SQL wants it.
    var role = ""
    var hasSchema = false
    var maySeeSchema = false
    var tables: [String: Table] = [:]

    /// Reads what concerns the tables named. Catalogue tables are open to every role, unlike a look-up by name, which
    /// fails without USAGE on the schema.
    static func read(_ names: [String], over connection: LibpqConnection) throws(DatabaseFailure) -> Catalogue {
        let wanted = BinaryParameter.texts(names.map { Array($0.utf8) })
        var catalogue = Catalogue()

        let general = try connection.run(CatalogueQueries.general, [], binaryResult: false)
        catalogue.role = general.text(0, 0) ?? ""
        catalogue.hasSchema = general.isTrue(0, 1)
        catalogue.maySeeSchema = general.isTrue(0, 2)

        let columns = try connection.run(CatalogueQueries.columns, [wanted], binaryResult: false)
        for row in 0..<columns.rowCount {
            guard let table = columns.text(row, 0), let column = columns.text(row, 1) else { continue }
            var privileges: Set<String> = []
            for (index, privilege) in ["SELECT", "INSERT", "UPDATE"].enumerated() where columns.isTrue(row, 4 + index) {
                privileges.insert(privilege)
            }
            catalogue.tables[table, default: Table()].columns[column] = TableColumn(
                receiveFunction: columns.text(row, 2) ?? "", typeForPeople: columns.text(row, 3) ?? "",
                typeNumber: columns.text(row, 12).flatMap { UInt32($0) } ?? 0,
                privileges: privileges, isNotNull: columns.isTrue(row, 8), hasDefault: columns.isTrue(row, 9),
                isGenerated: columns.isTrue(row, 10), isLimited: columns.isTrue(row, 11))
            catalogue.tables[table]?.hasActiveRowSecurity = columns.isTrue(row, 7)
        }

        let sequences = try connection.run(CatalogueQueries.sequences, [wanted], binaryResult: false)
        for row in 0..<sequences.rowCount {
            guard let table = sequences.text(row, 0), let name = sequences.text(row, 1) else { continue }
            catalogue.tables[table]?.sequences.append(Sequence(name: name, isUsable: sequences.isTrue(row, 2)))
        }

        let indexes = try connection.run(CatalogueQueries.uniqueIndexes, [wanted], binaryResult: false)
        var byIndex: [String: (table: String, columns: [String])] = [:]
        for row in 0..<indexes.rowCount {
            guard let table = indexes.text(row, 0), let index = indexes.text(row, 1), let column = indexes.text(row, 2)
            else { continue }
            byIndex[index, default: (table, [])].columns.append(column)
        }
        for index in byIndex.values { catalogue.tables[index.table]?.uniqueColumns.append(index.columns) }

        let rules = try connection.run(CatalogueQueries.rules, [wanted], binaryResult: false)
        for row in 0..<rules.rowCount {
            guard let table = rules.text(row, 0) else { continue }
            if let constraint = rules.text(row, 1) {
                catalogue.tables[table]?.constraints.append(constraint)
            } else {
                catalogue.tables[table]?.hasTriggerBeforeRows = true
            }
        }

        let partitions = try connection.run(CatalogueQueries.partitions, [wanted], binaryResult: false)
        for row in 0..<partitions.rowCount {
            guard let table = partitions.text(row, 0) else { continue }
            if catalogue.tables[table]?.partitions == nil {
                catalogue.tables[table]?.partitions = Partitions(
                    rangeColumn: partitions.text(row, 1), takesEverything: partitions.isTrue(row, 2))
            }
            guard let first = partitions.text(row, 3), let end = partitions.text(row, 4) else { continue }
            catalogue.tables[table]?.partitions?.ranges.append(
                Partitions.Range(
                    first: first, end: end, holdsNow: partitions.isTrue(row, 5), endsSoon: partitions.isTrue(row, 6)))
        }
        return catalogue
    }
}
