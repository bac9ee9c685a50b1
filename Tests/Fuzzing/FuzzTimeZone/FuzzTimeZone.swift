import Fuzzer
import OperationLogs

/// Any bytes are a time zone or none; in one, any local time is a moment within a week of what the clock shows.
///
/// Input: the file.
@main enum FuzzTimeZone {
    private static let times = [
        "0001-01-01T00:00:00", "1883-11-18 12:03:58", "1970-01-01 00:00:00", "2026-03-29 02:30:00.5",
        "2026-10-25 02:30:00",
        "2037-12-31T23:59:60", "9999-12-31 23:59:59.999999999",
    ]

    static func main() {
        fuzz { data, size in
            if let rules = TimeZoneRules(name: "fuzzed", file: Array(ByteFeed(data, size).rest)) {
                FuzzTimeZone.test(rules)
            }
            return 0
        }
    }

    private static func test(_ rules: TimeZoneRules) {
        var mapping = LineMapping()
        mapping.timeZone = rules
        let options = LineEncoder.Options(
            maxLineBytes: 1 << 20, maxFutureMicroseconds: 86_400_000_000, counting: .lines, takesControlLines: false,
            reportsRejections: true, dialect: LineDialect(mapping))
        let line = times.map { #"{"event":"backup_logs","backup_type":"a","status":"b","started_at":"\#($0)"}"# + "\n" }
        let run = LineRun([Array(line.joined().utf8)[...]], options)
        require(run.payloads.count == times.count, "each local time is read")
    }
}
