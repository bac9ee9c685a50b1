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
    }

    struct TableColumn {
        /// By its name in `pg_type`; of a domain, that of the type it stands on.
        var type: String
        /// As people write it.
        var typeForPeople: String
        var privileges: Set<String>
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

        let general = try connection.run(generalQuery, [], binaryResult: false)
        catalogue.role = general.text(0, 0) ?? ""
        catalogue.hasSchema = general.isTrue(0, 1)
        catalogue.maySeeSchema = general.isTrue(0, 2)

        let columns = try connection.run(columnsQuery, [wanted], binaryResult: false)
        for row in 0..<columns.rowCount {
            guard let table = columns.text(row, 0), let column = columns.text(row, 1) else { continue }
            var privileges: Set<String> = []
            for (index, privilege) in ["SELECT", "INSERT", "UPDATE"].enumerated() where columns.isTrue(row, 4 + index) {
                privileges.insert(privilege)
            }
            catalogue.tables[table, default: Table()].columns[column] = TableColumn(
                type: columns.text(row, 2) ?? "", typeForPeople: columns.text(row, 3) ?? "", privileges: privileges)
            catalogue.tables[table]?.hasActiveRowSecurity = columns.isTrue(row, 7)
        }

        let sequences = try connection.run(sequencesQuery, [wanted], binaryResult: false)
        for row in 0..<sequences.rowCount {
            guard let table = sequences.text(row, 0), let name = sequences.text(row, 1) else { continue }
            catalogue.tables[table]?.sequences.append(Sequence(name: name, isUsable: sequences.isTrue(row, 2)))
        }

        let indexes = try connection.run(uniqueIndexesQuery, [wanted], binaryResult: false)
        var byIndex: [String: (table: String, columns: [String])] = [:]
        for row in 0..<indexes.rowCount {
            guard let table = indexes.text(row, 0), let index = indexes.text(row, 1), let column = indexes.text(row, 2)
            else { continue }
            byIndex[index, default: (table, [])].columns.append(column)
        }
        for index in byIndex.values { catalogue.tables[index.table]?.uniqueColumns.append(index.columns) }
        return catalogue
    }

    private static let generalQuery = """
        SELECT quote_ident(current_user), n.oid IS NOT NULL, COALESCE(has_schema_privilege(n.oid, 'USAGE'), false)
        FROM (VALUES (1)) AS one (row) LEFT JOIN pg_namespace AS n ON n.nspname = 'operation_logs'
        """

    /// Plain and partitioned tables, foreign tables, and views with triggers: whatever takes rows.
    private static let columnsQuery = """
        SELECT c.relname, a.attname, b.typname, format_type(a.atttypid, a.atttypmod),
            has_column_privilege(c.oid, a.attnum, 'SELECT'), has_column_privilege(c.oid, a.attnum, 'INSERT'),
            has_column_privilege(c.oid, a.attnum, 'UPDATE'), row_security_active(c.oid)
        FROM pg_class AS c
            JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'operation_logs'
            JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            JOIN pg_type AS t ON t.oid = a.atttypid
            JOIN pg_type AS b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
        WHERE c.relkind IN ('r', 'p', 'f', 'v') AND c.relname = ANY ($1)
        """

    private static let sequencesQuery = """
        SELECT DISTINCT c.relname, quote_ident(sn.nspname) || '.' || quote_ident(s.relname),
            has_sequence_privilege(s.oid, 'USAGE, UPDATE')
        FROM pg_class AS c
            JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'operation_logs'
            JOIN pg_attrdef AS f ON f.adrelid = c.oid
            JOIN pg_depend AS d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
                AND d.refclassid = 'pg_class'::regclass
            JOIN pg_class AS s ON s.oid = d.refobjid AND s.relkind = 'S'
            JOIN pg_namespace AS sn ON sn.oid = s.relnamespace
        WHERE c.relname = ANY ($1)
        """

    private static let uniqueIndexesQuery = """
        SELECT c.relname, i.indexrelid, a.attname
        FROM pg_class AS c
            JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'operation_logs'
            JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
                AND i.indpred IS NULL AND i.indexprs IS NULL
            JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
        WHERE c.relname = ANY ($1)
        """
}
