import OperationLogs

/// Events as a market-data platform reports them, the same for the same seed: all eight kinds in a fixed mix, about 280
/// bytes a line, log times that advance by a few milliseconds.
struct EventGenerator {
    private var random: SplitMix64
    private var now: Int64
    private let symbols: [String]
    private let bag: [Int]

    private static let mix = [30, 15, 10, 15, 15, 10, 3, 2]
    private static let sources = ["polygon", "iex", "refinitiv", "bloomberg", "databento", "nasdaq_itch", "yahoo"]
    private static let tables = [
        "market_data.trades", "market_data.quotes", "market_data.ohlcv_1m", "market_data.ohlcv_1d",
        "reference.instruments", "reference.corporate_actions",
    ]
    private static let locks = [
        "AccessExclusiveLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock", "advisory",
    ]
    private static let casts = [
        ("volume", "BIGINT", "12.5x", "invalid input syntax for type bigint"),
        ("price", "NUMERIC(18,6)", "N/A", "invalid input syntax for type numeric"),
        ("ts", "TIMESTAMPTZ", "2026-13-41 25:61", "date/time field value out of range"),
        ("trade_count", "INTEGER", "99999999999", "value is out of range for type integer"),
        ("is_halted", "BOOLEAN", "perhaps", "invalid input syntax for type boolean"),
    ]

    /// - Parameter start: of the log times, seconds since 1970.
    init(seed: UInt64, start: Int64) {
        random = SplitMix64(seed: seed)
        now = start * 1_000_000
        let families = ["QQ", "ZT", "HX", "RV", "LM", "KD"]
        symbols =
            ["AAPL", "MSFT", "NVDA", "BRK.B", "JPM", "XOM", "ESZ6", "CLF7", "EURUSD", "BTC-USD"]
            + families.flatMap { family in (10..<88).map { "\(family)\($0)" } }
        bag = Self.mix.enumerated().flatMap { Array(repeating: $0.offset, count: $0.element) }
    }

    /// Appends the next event's line, with its end.
    mutating func appendLine(to text: inout [UInt8]) {
        now += Int64(400 + number(3600))
        let logTime = stamp(now)
        let ts = stamp(now - Int64(1000 + number(89_999_000)))
        let symbol = one(of: symbols)
        let body: String
        switch bag[number(bag.count)] {
        case 0:
            body =
                #""event":"data_quality_errors","symbol":"\#(symbol)","ts":"\#(ts)",\#(quality(symbol)),"log_time":"\#(logTime)""#
        case 1:
            let price = 1000 + number(89_000)
            let volume = number(1_000_000)
            body =
                #""event":"dedup_conflicts","symbol":"\#(symbol)","ts":"\#(ts)","existing_row":\#(bar(symbol, ts, price, 7, volume)),"#
                + #""incoming_row":\#(bar(symbol, ts, price, 9, volume + number(50))),"#
                + #""resolution":"\#(one(of: ["kept_existing", "kept_incoming", "merged"]))","log_time":"\#(logTime)""#
        case 2:
            let first = number(Self.sources.count)
            let second = (first + 1 + number(Self.sources.count - 1)) % Self.sources.count
            let preferred = Self.sources[number(2) == 0 ? first : second]
            body =
                #""event":"authority_conflicts","symbol":"\#(symbol)","ts":"\#(ts)","source_a":"\#(Self.sources[first])","#
                + #""source_b":"\#(Self.sources[second])","preferred_source":"\#(preferred)","log_time":"\#(logTime)""#
        case 3:
            let (column, type, raw, detail) = Self.casts[number(Self.casts.count)]
            body =
                #""event":"cast_errors","symbol":"\#(symbol)","column_name":"\#(column)","raw_value":"\#(raw)","target_type":"\#(type)","#
                + #""error_detail":"\#(detail): \"\#(raw)\" (row \#(number(10_000_000)))","log_time":"\#(logTime)""#
        case 4:
            body =
                #""event":"upsert_failures","table_name":"\#(one(of: Self.tables))","symbol":"\#(symbol)","ts":"\#(ts)","#
                + #""error_detail":"duplicate key value violates unique constraint \"trades_pkey\", key (symbol, ts)=(\#(symbol), "#
                + #"\#(ts)) already exists; attempt \#(number(5))","log_time":"\#(logTime)""#
        case 5:
            body =
                #""event":"concurrency_issues","table_name":"\#(one(of: Self.tables))","lock_type":"\#(one(of: Self.locks))","#
                + #""pid":\#(300 + number(32_000)),"details":"process \#(300 + number(32_000)) waits for a lock on relation "#
                + #"\#(16_384 + number(80_000)) of database 16384; blocked by process \#(300 + number(32_000)) after "#
                + #"\#(1000 + number(8000)).\#(100 + number(900)) ms","log_time":"\#(logTime)""#
        case 6:
            body =
                #""event":"pipeline_watermarks","pipeline_name":"pipeline_\#(10 + number(50))","last_processed_ts":"\#(ts)","#
                + #""status":"\#(one(of: ["running", "running", "idle", "failed"]))","updated_at":"\#(logTime)""#
        default:
            body =
                #""event":"backup_logs","backup_type":"\#(one(of: ["full", "incremental", "wal"]))","#
                + #""file_path":"/var/backups/market/base_\#(10_000_000 + number(90_000_000)).tar.zst","#
                + #""status":"\#(one(of: ["completed", "completed", "failed"]))","started_at":"\#(ts)","#
                + #""completed_at":"\#(stamp(now - 500))","log_time":"\#(logTime)""#
        }
        text.append(0x7b)
        text.append(contentsOf: body.utf8)
        text.append(0x7d)
        text.append(0x0a)
    }

    private mutating func quality(_ symbol: String) -> String {
        let (type, detail): (String, String) =
            switch number(4) {
            case 0:
                (
                    "constraint_violation",
                    "field 'close' is null in vendor row, batch \(number(9000)), line \(number(900_000))"
                )
            case 1: ("out_of_range", "price \(number(900)).25 outside the 6 sigma band of the trailing 20 sessions")
            case 2:
                (
                    "fractional_volume",
                    "volume \(number(1_000_000)).5 is not integral; an adjustment factor was applied (sequence \(number(100_000_000)))"
                )
            default:
                ("schema_drift", #"unexpected column \"\#(symbol)_v2\" in feed, expected 14 columns; sample \"a\\tb\""#)
            }
        return #""error_type":"\#(type)","error_detail":"\#(detail)""#
    }

    private mutating func bar(_ symbol: String, _ ts: String, _ price: Int, _ shift: Int, _ volume: Int) -> String {
        #"{"symbol":"\#(symbol)","ts":"\#(ts)","open":\#(price / 100).\#(10 + price % 90),"#
            + #""close":\#(price / 100).\#(10 + (price + shift) % 90),"volume":\#(volume),"source":"\#(one(of: Self.sources))"}"#
    }

    private mutating func one(of choices: [String]) -> String { choices[number(choices.count)] }

    private mutating func number(_ below: Int) -> Int { Int(random.next() % UInt64(below)) }

    /// RFC 3339 of microseconds since 1970, by the civil calendar.
    private func stamp(_ microseconds: Int64) -> String { Timestamp(unixMicroseconds: microseconds).rfc3339 }
}
