/// One thing in which a database does not suit delivery, in a sentence that ends with what to do.
public struct SchemaFinding: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// Something is missing or different (exit status 1).
        case schema
        /// The role may not do what it must (77).
        case privilege
        /// Rows can be delivered; it says what will become of some.
        case note
    }

    public var kind: Kind
    public var sentence: String

    public init(kind: Kind, sentence: String) {
        self.kind = kind
        self.sentence = sentence
    }

    /// Whether rows wait until it is mended.
    public var isObstacle: Bool { kind != .note }

    /// Everything that is wrong, and what else is to be known; no obstacles if rows can be delivered.
    static func all(comparing catalogue: Catalogue, with tables: [TableRequirement]) -> [SchemaFinding] {
        guard catalogue.hasSchema else {
            return [schema("the schema operation_logs is missing: run `opslogd schema apply`")]
        }
        var findings: [SchemaFinding] = []
        if !catalogue.maySeeSchema {
            findings.append(
                privilege(
                    "the role \(catalogue.role) may not use the schema operation_logs: "
                        + "GRANT USAGE ON SCHEMA operation_logs TO \(catalogue.role)"))
        }
        for table in tables {
            if let found = catalogue.tables[table.name] {
                findings += compare(found, with: table, role: catalogue.role)
            } else {
                findings.append(schema("the table operation_logs.\(table.name) is missing: run `opslogd schema apply`"))
            }
        }
        return findings
    }

    private static func compare(_ found: Catalogue.Table, with table: TableRequirement, role: String)
        -> [SchemaFinding]
    {
        let name = "operation_logs.\(table.name)"
        var findings: [SchemaFinding] = []
        var lacking: [String] = []
        for column in table.columns {
            guard let present = found.columns[column.name] else {
                findings.append(
                    schema(
                        "\(name) has no column \(column.name): "
                            + "ALTER TABLE \(name) ADD COLUMN \(column.name) \(column.type)"))
                continue
            }
            if present.isGenerated {
                findings.append(
                    schema(
                        "\(name).\(column.name) is generated and takes no value: "
                            + "ALTER TABLE \(name) ALTER COLUMN \(column.name) DROP EXPRESSION"))
            }
            lacking += column.privileges.filter { !present.privileges.contains($0) && !lacking.contains($0) }
        }
        findings += types(found, of: table) + unfilledColumns(found, of: table)
        if !table.uniqueColumns.isEmpty, !found.uniqueColumns.contains(where: { Set($0) == Set(table.uniqueColumns) }) {
            let key = table.uniqueColumns.joined(separator: ", ")
            findings.append(
                schema("\(name) has no unique index on (\(key)): ALTER TABLE \(name) ADD PRIMARY KEY (\(key))"))
        }
        if table.isCopied, found.hasActiveRowSecurity {
            findings.append(
                schema(
                    "row-level security is active on \(name), and COPY does not go through it: "
                        + "ALTER ROLE \(role) BYPASSRLS, or disable it on the table"))
        }
        if !lacking.isEmpty {
            findings.append(
                privilege(
                    "the role \(role) lacks \(lacking.joined(separator: ", ")) on \(name): "
                        + "GRANT \(table.grant) ON \(name) TO \(role)"))
        }
        for sequence in found.sequences where !sequence.isUsable {
            findings.append(
                privilege(
                    "the role \(role) may not use the sequence \(sequence.name): "
                        + "GRANT USAGE ON SEQUENCE \(sequence.name) TO \(role)"))
        }
        return findings + notes(found, of: table)
    }

    /// Columns whose types cannot read our values.
    static func types(_ found: Catalogue.Table, of table: TableRequirement) -> [SchemaFinding] {
        let name = "operation_logs.\(table.name)"
        return table.columns.compactMap { column in
            guard let present = found.columns[column.name], column.readers[present.receiveFunction] == nil else {
                return nil
            }
            return schema(
                "\(name).\(column.name) is \(present.typeForPeople) and not \(column.type): "
                    + "ALTER TABLE \(name) ALTER COLUMN \(column.name) TYPE \(column.type)")
        }
    }

    /// Columns that no event fills and that must be filled: every row would be refused. A trigger may see to them.
    static func unfilledColumns(_ found: Catalogue.Table, of table: TableRequirement) -> [SchemaFinding] {
        if found.hasTriggerBeforeRows { return [] }
        let name = "operation_logs.\(table.name)"
        let unfilled = found.columns.filter { column, present in
            present.isNotNull && !present.hasDefault && !present.isGenerated
                && !table.columns.contains { $0.name == column }
        }
        return unfilled.keys.sorted().map { column in
            schema(
                "no event fills \(name).\(column), which is NOT NULL and has no default, so that no row would be taken: "
                    + "ALTER TABLE \(name) ALTER COLUMN \(column) DROP NOT NULL, or give it a default")
        }
    }

    private static func schema(_ sentence: String) -> SchemaFinding { SchemaFinding(kind: .schema, sentence: sentence) }
    private static func privilege(_ sentence: String) -> SchemaFinding {
        SchemaFinding(kind: .privilege, sentence: sentence)
    }
}
