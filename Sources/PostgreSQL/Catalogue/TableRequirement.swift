import OperationLogs

/// What delivery needs of one table: columns, types and the role's privileges.
struct TableRequirement {
    struct ColumnRequirement {
        var name: String
        /// The types that take our binary values, by their names in `pg_type`; the first is the seed schema's. A domain
        /// counts as the type that it stands on.
        var types: [String]
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

    init(_ kind: EventKind) {
        name = kind.name
        isCopied = kind != .pipelineWatermarks
        uniqueColumns = isCopied ? [] : ["pipeline_name"]
        grant = isCopied ? "INSERT" : "SELECT, INSERT, UPDATE"
        let isCopied = isCopied
        columns = kind.columns.map { column in
            var privileges = ["INSERT"]
            if !isCopied {
                privileges.append("SELECT")
                if column.name != "pipeline_name" { privileges.append("UPDATE") }
            }
            return ColumnRequirement(name: column.name, types: Self.types(of: column.form), privileges: privileges)
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

    private static func types(of form: Column.Form) -> [String] {
        switch form {
        case .text, .literal: ["text", "varchar"]
        case .timestamp: ["timestamptz"]
        case .integer: ["int4"]
        case .json: ["jsonb"]
        }
    }

    static let spoolPositions: TableRequirement = {
        let columns: [(String, String)] = [
            ("spool_id", "uuid"), ("lane", "int2"), ("host", "text"), ("position", "int8"), ("run", "uuid"),
            ("chain", "int8"), ("owner", "uuid"), ("updated_at", "timestamptz"),
        ]
        let moved = ["position", "run", "chain", "owner", "updated_at"]
        return TableRequirement(
            name: "spool_positions",
            columns: columns.map { name, type in
                ColumnRequirement(
                    name: name, types: [type],
                    privileges: ["SELECT", "INSERT"] + (moved.contains(name) ? ["UPDATE"] : []))
            }, uniqueColumns: ["spool_id", "lane"], grant: "SELECT, INSERT, UPDATE", isCopied: false)
    }()

    static let all = EventKind.allCases.map { TableRequirement($0) } + [spoolPositions]
}
