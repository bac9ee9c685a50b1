/// What the demo's producers write: all eight kinds of event, every error type that the schema names, and lines that do
/// not fit.
enum DemoLines {
    /// What a pipeline process writes to the socket, in rounds.
    static func socket(rounds: Int) -> String {
        (1...rounds).map { round in
            errorTypes.map { type in
                #"{"event":"data_quality_errors","symbol":"\#(symbol(round))","ts":"2024-11-20T14:30:00Z","error_type":"\#(type)","#
                    + #""error_detail":"found by the nightly check, run \#(round)"}"#
            }.joined(separator: "\n") + """

                {"event":"dedup_conflicts","symbol":"\(symbol(round))","ts":"2024-11-20T14:30:00.5Z","existing_row":{"close":\(round).10,"volume":1200},"incoming_row":{"close":\(round).15,"volume":1200},"resolution":"kept_existing"}
                {"event":"authority_conflicts","symbol":"\(symbol(round))","ts":"2024-11-20T09:30:00-05:00","source_a":"polygon","source_b":"iex","preferred_source":"iex"}
                {"event":"cast_errors","symbol":"\(symbol(round))","column_name":"volume","raw_value":12.5,"target_type":"BIGINT","error_detail":"invalid input syntax for type bigint"}
                {"event":"upsert_failures","table_name":"market_data.trades","symbol":"\(symbol(round))","ts":"2024-11-20T14:30:00Z","error_detail":"duplicate key value violates unique constraint"}
                {"event":"concurrency_issues","table_name":"market_data.quotes","lock_type":"AccessExclusiveLock","pid":\(4000 + round),"details":"waited 1200 ms"}
                {"event":"pipeline_watermarks","pipeline_name":"ohlcv_1m","last_processed_ts":"2024-11-20T14:\(10 + round % 50):00Z","status":"running"}
                {"event":"backup_logs","backup_type":"incremental","file_path":"/var/backups/market/\(round).tar.zst","status":"completed","started_at":"2024-11-20T01:00:00Z","completed_at":"2024-11-20T01:0\(round % 10):30Z"}

                """
        }.joined()
    }

    /// What a legacy job appends to its log file: some of it wrong, each in its own way.
    static func file(rounds: Int) -> String {
        (1...rounds).map { round in
            """
            {"event":"cast_errors","symbol":"\(symbol(round))","column_name":"price","raw_value":"N/A","target_type":"NUMERIC(18,6)"}
            {"event":"upsert_failures","table_name":"reference.instruments","error_detail":"value too long, row \(round)"}

            """
        }.joined() + wrong.map { $0 + "\n" }.joined()
    }

    static let errorTypes = [
        "constraint_violation", "fractional_volume", "dedup_conflicts", "cast_errors", "authority_conflicts",
        "upsert_failures", "concurrency_issues",
    ]

    static let wrong = [
        "Traceback (most recent call last):",
        #"{"event":"cast_errors","symbol":"AAPL"}"#,
        #"{"event":"cast_errors","column_name":"ts","log_time":"2024-13-41T25:61:00Z"}"#,
        #"{"event":"concurrency_issues","lock_type":"ShareLock","pid":99999999999}"#,
        #"{"event":"data_quality_errors","error_type":"cast_errors","colour":"red"}"#,
        #"{"event":"tick","symbol":"MSFT"}"#,
    ]

    /// How many rows each round of each producer makes in a table; watermarks are one row a pipeline.
    static func expectedRows(socketRounds: Int, fileRounds: Int) -> [String: Int] {
        [
            "data_quality_errors": errorTypes.count * socketRounds, "dedup_conflicts": socketRounds,
            "authority_conflicts": socketRounds, "cast_errors": socketRounds + fileRounds,
            "upsert_failures": socketRounds + fileRounds, "concurrency_issues": socketRounds,
            "pipeline_watermarks": 1, "backup_logs": socketRounds,
        ]
    }

    private static func symbol(_ round: Int) -> String {
        ["AAPL", "MSFT", "NVDA", "BRK.B", "EURUSD", "BTC-USD"][round % 6]
    }
}
