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

    /// A column of a table of ours, which has just the type that we gave it.
    private static func own(
        _ name: String, _ type: String, isOptional: Bool = false, _ privileges: String...
    ) -> ColumnRequirement {
        let readers = [
            "UUID": "uuid_recv", "SMALLINT": "int2recv", "BIGINT": "int8recv", "TEXT": "textrecv", "BYTEA": "bytearecv",
            "BOOLEAN": "boolrecv", "TIMESTAMPTZ": "timestamptz_recv",
        ]
        return ColumnRequirement(
            name: name, type: type, readers: readers[type].map { [$0: .asSpooled] } ?? [:], isOptional: isOptional,
            privileges: privileges)
    }

    static let spoolPositions = TableRequirement(
        name: "spool_positions",
        columns: [
            own("spool_id", "UUID", "SELECT", "INSERT"), own("lane", "SMALLINT", "SELECT", "INSERT"),
            own("host", "TEXT", "SELECT", "INSERT"), own("position", "BIGINT", "SELECT", "INSERT", "UPDATE"),
            own("run", "UUID", "SELECT", "INSERT", "UPDATE"), own("chain", "BIGINT", "SELECT", "INSERT", "UPDATE"),
            own("owner", "UUID", "SELECT", "INSERT", "UPDATE"),
            own("updated_at", "TIMESTAMPTZ", "SELECT", "INSERT", "UPDATE"),
        ], uniqueColumns: ["spool_id", "lane"], grant: "SELECT, INSERT, UPDATE", isCopied: false)

    /// Where dead letters are shown in a table.
    static let deadLetters = TableRequirement(
        name: "dead_letters",
        columns: [
            own("spool_id", "UUID", "SELECT", "INSERT"), own("id", "BIGINT", "SELECT", "INSERT"),
            own("host", "TEXT", "INSERT"), own("received_at", "TIMESTAMPTZ", "INSERT"), own("reason", "TEXT", "INSERT"),
            own("detail", "TEXT", "INSERT"), own("sqlstate", "TEXT", isOptional: true, "INSERT"),
            own("event", "TEXT", isOptional: true, "INSERT"), own("input", "TEXT", "INSERT"),
            own("path", "TEXT", isOptional: true, "INSERT"), own("offset", "BIGINT", "INSERT"),
            own("uid", "BIGINT", isOptional: true, "INSERT"), own("pid", "BIGINT", isOptional: true, "INSERT"),
            own("line", "TEXT", isOptional: true, "INSERT"), own("line_bytes", "BYTEA", isOptional: true, "INSERT"),
            own("truncated", "BOOLEAN", "INSERT"), own("fate", "TEXT", isOptional: true, "SELECT", "UPDATE"),
            own("ended_at", "TIMESTAMPTZ", isOptional: true, "UPDATE"),
            own("retried_as", "BIGINT", isOptional: true, "UPDATE"),
        ], uniqueColumns: ["spool_id", "id"], grant: "SELECT, INSERT, UPDATE", isCopied: false)

    static let all = EventKind.allCases.map { TableRequirement($0) } + [spoolPositions]
}
