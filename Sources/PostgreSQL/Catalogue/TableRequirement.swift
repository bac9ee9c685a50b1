import OperationLogs

/// What delivery needs of one table: columns, types and the role's privileges.
struct TableRequirement {
    struct ColumnRequirement {
        var name: String
        /// As the schema's own SQL writes it.
        var type: String
        /// The receive functions that can read our values.
        var readers: [String: FieldEncoding]
        /// Whether an event may leave it out.
        var isOptional: Bool
        /// `SELECT`, `INSERT`, `UPDATE`.
        var privileges: [String]
    }

    var name: String
    var columns: [ColumnRequirement]
    /// Columns that must be unique together, as `ON CONFLICT` and the position protocol need it.
    var uniqueColumns: [String]
    /// What grants everything that the role needs on the table.
    var grant: String
    /// Rows come by COPY, which row-level security refuses.
    var isCopied: Bool
    /// The column that holds the time of receipt unless the line says otherwise.
    var receiptColumn: String?

    init(_ kind: EventKind) {
        name = kind.name
        isCopied = kind != .pipelineWatermarks
        uniqueColumns = isCopied ? [] : ["pipeline_name"]
        grant = isCopied ? "INSERT" : "SELECT, INSERT, UPDATE"
        receiptColumn = kind.receiptColumn.name
        let isCopied = isCopied
        columns = kind.columns.map { column in
            var privileges = ["INSERT"]
            if !isCopied {
                privileges.append("SELECT")
                if column.name != "pipeline_name" { privileges.append("UPDATE") }
            }
            return ColumnRequirement(
                name: column.name, type: Self.type(of: column.form),
                readers: isCopied ? FieldEncoding.readers(of: column.form) : FieldEncoding.assigned(column),
                isOptional: !column.isRequired && column != kind.receiptColumn, privileges: privileges)
        }
    }

    private init(
        name: String, columns: [ColumnRequirement], uniqueColumns: [String], grant: String, isCopied: Bool
    ) {
        self.name = name
        self.columns = columns
        self.uniqueColumns = uniqueColumns
        self.grant = grant
        self.isCopied = isCopied
    }

    private static func type(of form: Column.Form) -> String {
        switch form {
        case .text, .literal: "TEXT"
        case .timestamp: "TIMESTAMPTZ"
        case .integer: "INTEGER"
        case .json: "JSONB"
        }
    }

    static let spoolPositions: TableRequirement = {
        let columns: [(String, String, String)] = [
            ("spool_id", "UUID", "uuid_recv"), ("lane", "SMALLINT", "int2recv"), ("host", "TEXT", "textrecv"),
            ("position", "BIGINT", "int8recv"), ("run", "UUID", "uuid_recv"), ("chain", "BIGINT", "int8recv"),
            ("owner", "UUID", "uuid_recv"), ("updated_at", "TIMESTAMPTZ", "timestamptz_recv"),
        ]
        let moved = ["position", "run", "chain", "owner", "updated_at"]
        return TableRequirement(
            name: "spool_positions",
            columns: columns.map { name, type, reader in
                ColumnRequirement(
                    name: name, type: type, readers: [reader: .asSpooled], isOptional: false,
                    privileges: ["SELECT", "INSERT"] + (moved.contains(name) ? ["UPDATE"] : []))
            }, uniqueColumns: ["spool_id", "lane"], grant: "SELECT, INSERT, UPDATE", isCopied: false)
    }()

    /// Where dead letters are shown in a table.
    static let deadLetters: TableRequirement = {
        let kept: [(String, String, String, Bool)] = [
            ("spool_id", "UUID", "uuid_recv", false), ("id", "BIGINT", "int8recv", false),
            ("host", "TEXT", "textrecv", false), ("received_at", "TIMESTAMPTZ", "timestamptz_recv", false),
            ("reason", "TEXT", "textrecv", false), ("detail", "TEXT", "textrecv", false),
            ("sqlstate", "TEXT", "textrecv", true), ("event", "TEXT", "textrecv", true),
            ("input", "TEXT", "textrecv", false), ("path", "TEXT", "textrecv", true),
            ("offset", "BIGINT", "int8recv", false), ("uid", "BIGINT", "int8recv", true),
            ("pid", "BIGINT", "int8recv", true), ("line", "TEXT", "textrecv", true),
            ("line_bytes", "BYTEA", "bytearecv", true), ("truncated", "BOOLEAN", "boolrecv", false),
        ]
        let ending = [
            ("fate", "TEXT", "textrecv"), ("ended_at", "TIMESTAMPTZ", "timestamptz_recv"),
            ("retried_as", "BIGINT", "int8recv"),
        ]
        let looked: Set<String> = ["spool_id", "id", "fate"]
        let inserted = kept.map { name, type, reader, isOptional in
            ColumnRequirement(
                name: name, type: type, readers: [reader: .asSpooled], isOptional: isOptional,
                privileges: (looked.contains(name) ? ["SELECT"] : []) + ["INSERT"])
        }
        let updated = ending.map { name, type, reader in
            ColumnRequirement(
                name: name, type: type, readers: [reader: .asSpooled], isOptional: true,
                privileges: (looked.contains(name) ? ["SELECT"] : []) + ["UPDATE"])
        }
        return TableRequirement(
            name: "dead_letters", columns: inserted + updated, uniqueColumns: ["spool_id", "id"],
            grant: "SELECT, INSERT, UPDATE", isCopied: false)
    }()

    static let all = EventKind.allCases.map { TableRequirement($0) } + [spoolPositions]
}
