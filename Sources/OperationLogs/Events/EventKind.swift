/// The eight kinds of event, each the table of its name in the schema `operation_logs`.
///
/// The raw value is the number of the kind in spooled records and the lane in `operation_logs.spool_positions`: it
/// never changes its meaning.
public enum EventKind: UInt8, CaseIterable, Sendable {
    case dataQualityErrors = 1
    case dedupConflicts = 2
    case authorityConflicts = 3
    case castErrors = 4
    case upsertFailures = 5
    case concurrencyIssues = 6
    case pipelineWatermarks = 7
    case backupLogs = 8

    /// The table's name, and the word that the key `event` holds.
    public var name: String {
        switch self {
        case .dataQualityErrors: "data_quality_errors"
        case .dedupConflicts: "dedup_conflicts"
        case .authorityConflicts: "authority_conflicts"
        case .castErrors: "cast_errors"
        case .upsertFailures: "upsert_failures"
        case .concurrencyIssues: "concurrency_issues"
        case .pipelineWatermarks: "pipeline_watermarks"
        case .backupLogs: "backup_logs"
        }
    }

    public init?(name: String) {
        guard let kind = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = kind
    }

    /// The columns that an event may carry, in the order of the table and of a spooled record. The table's serial key
    /// is the database's own and is not among them.
    public var columns: [Column] { Self.columnsByKind[Int(rawValue)] }

    /// The column that becomes the time of receipt where a line does not carry it; always the last.
    public var receiptColumn: Column { columns[columns.count - 1] }

    private static let columnsByKind: [[Column]] = [
        [],
        [
            .text("symbol"), .timestamp("ts"), .text("error_type", required: true), .text("error_detail"),
            .timestamp("log_time"),
        ],
        [
            .text("symbol", required: true), .timestamp("ts", required: true), .json("existing_row"),
            .json("incoming_row"),
            .text("resolution"), .timestamp("log_time"),
        ],
        [
            .text("symbol"), .timestamp("ts"), .text("source_a", required: true), .text("source_b", required: true),
            .text("preferred_source"), .timestamp("log_time"),
        ],
        [
            .text("symbol"), .text("column_name", required: true), .literal("raw_value"), .text("target_type"),
            .text("error_detail"), .timestamp("log_time"),
        ],
        [
            .text("table_name", required: true), .text("symbol"), .timestamp("ts"), .text("error_detail"),
            .timestamp("log_time"),
        ],
        [
            .text("table_name"), .text("lock_type", required: true), .integer("pid"), .text("details"),
            .timestamp("log_time"),
        ],
        [
            .text("pipeline_name", required: true), .timestamp("last_processed_ts"), .text("status"),
            .timestamp("updated_at"),
        ],
        [
            .text("backup_type", required: true), .text("file_path"), .text("status", required: true),
            .timestamp("started_at"),
            .timestamp("completed_at"), .timestamp("log_time"),
        ],
    ]
}
