/// One thing in which a database does not suit delivery, in a sentence that ends with what to do.
public struct SchemaFinding: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        /// Something is missing or different (exit status 1).
        case schema
        /// The role may not do what it must (77).
        case privilege
    }

    public var kind: Kind
    public var sentence: String

    public init(kind: Kind, sentence: String) {
        self.kind = kind
        self.sentence = sentence
    }

    /// Everything that is wrong; nothing if rows can be delivered.
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
                            + "ALTER TABLE \(name) ADD COLUMN \(column.name) \(peoplesName(column.types[0]))"))
                continue
            }
            if !column.types.contains(present.type) {
                let wanted = peoplesName(column.types[0])
                findings.append(
                    schema(
                        "\(name).\(column.name) is \(present.typeForPeople) and not \(wanted): "
                            + "ALTER TABLE \(name) ALTER COLUMN \(column.name) TYPE \(wanted)"))
            }
            lacking += column.privileges.filter { !present.privileges.contains($0) && !lacking.contains($0) }
        }
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
        return findings
    }

    private static func schema(_ sentence: String) -> SchemaFinding { SchemaFinding(kind: .schema, sentence: sentence) }
    private static func privilege(_ sentence: String) -> SchemaFinding {
        SchemaFinding(kind: .privilege, sentence: sentence)
    }

    /// A type as the schema's own SQL writes it.
    private static func peoplesName(_ type: String) -> String {
        switch type {
        case "timestamptz": "TIMESTAMPTZ"
        case "int2": "SMALLINT"
        case "int4": "INTEGER"
        case "int8": "BIGINT"
        default: type.uppercased()
        }
    }
}
