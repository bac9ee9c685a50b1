import Testing

@testable import OperationLogs

/// What PostgreSQL 15 answers for `extract(epoch FROM timestamptz '…' - timestamptz '2000-01-01Z') * 1000000`.
private let answers: [(String, Int64)] = [
    ("2026-11-20T12:34:56Z", 848_493_296_000_000),
    ("2026-11-20t12:34:56z", 848_493_296_000_000),
    ("2026-11-20 12:34:56+00:00", 848_493_296_000_000),
    ("2026-11-20T12:34:56.1Z", 848_493_296_100_000),
    ("2026-11-20T12:34:56.12Z", 848_493_296_120_000),
    ("2026-11-20T12:34:56.123Z", 848_493_296_123_000),
    ("2026-11-20T12:34:56.1234Z", 848_493_296_123_400),
    ("2026-11-20T12:34:56.12345Z", 848_493_296_123_450),
    ("2026-11-20T12:34:56.123456Z", 848_493_296_123_456),
    ("2026-11-20T12:34:56.1234565Z", 848_493_296_123_456),
    ("2026-11-20T12:34:56.1234575Z", 848_493_296_123_458),
    ("2026-11-20T12:34:56.0000005Z", 848_493_296_000_000),
    ("2026-11-20T12:34:56.0000015Z", 848_493_296_000_002),
    ("2026-11-20T12:34:56.0000025Z", 848_493_296_000_002),
    ("2026-11-20T12:34:56.00000050Z", 848_493_296_000_000),
    ("2026-11-20T12:34:56.000000500Z", 848_493_296_000_000),
    ("2026-11-20T12:34:56.000000501Z", 848_493_296_000_001),
    ("2026-11-20T12:34:56.123456499Z", 848_493_296_123_456),
    ("2026-11-20T12:34:56.123456500Z", 848_493_296_123_456),
    ("2026-11-20T12:34:56.123456501Z", 848_493_296_123_457),
    ("2026-11-20T12:34:56.99999949Z", 848_493_296_999_999),
    ("2026-11-20T12:34:56.9999995Z", 848_493_297_000_000),
    ("2026-12-31T23:59:59.9999999Z", 852_076_800_000_000),
    ("2026-12-31T23:59:59.999999999Z", 852_076_800_000_000),
    ("2026-11-20T12:34:60Z", 848_493_300_000_000),
    ("2026-11-20T12:59:60Z", 848_494_800_000_000),
    ("2026-12-31T23:59:60Z", 852_076_800_000_000),
    ("2026-12-31T23:59:60+05:30", 852_057_000_000_000),
    ("2024-02-29T00:00:00Z", 762_480_000_000_000),
    ("2000-02-29T00:00:00Z", 5_097_600_000_000),
    ("0001-01-01T00:00:00Z", -63_082_281_600_000_000),
    ("0001-01-01T00:00:00+15:59", -63_082_339_140_000_000),
    ("9999-12-31T23:59:59.999999Z", 252_455_615_999_999_999),
    ("9999-12-31T23:59:59-15:59", 252_455_673_539_000_000),
    ("9999-12-31T23:59:60-15:59", 252_455_673_540_000_000),
    ("2026-11-20T12:34:56+05:30", 848_473_496_000_000),
    ("2026-11-20T12:34:56-05:30", 848_513_096_000_000),
    ("2026-11-20T12:34:56+15:59", 848_435_756_000_000),
    ("2026-11-20T12:34:56-15:59", 848_550_836_000_000),
    ("2026-11-20T12:34:56-00:00", 848_493_296_000_000),
    ("1999-12-31T23:59:59.5Z", -500_000),
    ("1969-12-31T23:59:59.123456Z", -946_684_800_876_544),
    ("1970-01-01T00:00:00Z", -946_684_800_000_000),
    ("1582-10-10T00:00:00Z", -13_166_409_600_000_000),
    ("1900-02-28T23:59:59+14:00", -3_150_626_401_000_000),
    ("2026-01-01T00:00:00.5-12:34", 820_586_040_500_000),
]

/// Texts that are no time: PostgreSQL refuses them, or RFC 3339 does not know them.
private let noTimes = [
    "0000-01-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-13-41T00:00:00Z",
    "2026-11-00T00:00:00Z",
    "2026-11-31T00:00:00Z",
    "2025-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2026-11-20T24:00:01Z",
    "2026-11-20T25:00:00Z",
    "2026-11-20T12:60:00Z",
    "2026-11-20T12:34:61Z",
    "2026-11-20T12:34:56+16:00",
    "2026-11-20T12:34:56-16:00",
    "2026-11-20T12:34:56+15:60",
    "2026-11-20T12:34:56+24:00",
    "2026-11-20T24:00:00Z",
    "2026-11-20T12:34:60.0Z",
    "2026-11-20T12:34:60.5Z",
    "2026-11-20T12:34:56.Z",
    "2026-11-20T12:34:56.1234567890Z",
    "2026-11-20T12:34:56,5Z",
    "2026-11-20T12:34:56",
    "2026-11-20T12:34:56.5",
    "2026-11-20",
    "2026-11-20T12:34Z",
    "2026-11-20_12:34:56Z",
    "2026/11/20T12:34:56Z",
    "2026-11-20T12.34.56Z",
    "26-11-20T12:34:56Z",
    "+2026-11-20T12:34:56Z",
    "12026-11-20T12:34:56Z",
    "2026-11-20T12:34:56ZZ",
    "2026-11-20T12:34:56 Z",
    "2026-11-20T12:34:56Z ",
    "",
    " ",
    "2026-11-20T12:34:56+01",
    "2026-11-20T12:34:56+0100",
    "2026-11-20T12:34:56+01:0",
    "2026-11-20T12:34:56+01:000",
    "2026-11-20T12:34:56+1:00",
    "2026-11-20T12:34:56 +01:00",
    "2026-11-20T12:34:56*01:00",
    "2026-11-20T1a:34:56Z",
    "now",
    "infinity",
    "epoch",
    "2026-11-20T12:34:56 America/New_York",
    "2026-11-20T12:34:56.123456789012345678901234567890Z",
]

@Test(arguments: answers) func `a time is read as PostgreSQL reads it`(text: String, microseconds: Int64) throws {
    let result = try encode(#"{"event":"backup_logs","backup_type":"a","status":"b","started_at":"\#(text)"}"#)
    let event = try #require(result.events.first)
    let read = try event.payload.withUnsafeBytes { try EventTuple(.backupLogs, $0).timestamp(3) }
    #expect(read == Timestamp(microseconds: microseconds))
}

@Test(arguments: answers) func `a time that is written again is the same moment`(text: String, _: Int64) throws {
    let first = try #require(
        try encode(#"{"event":"backup_logs","backup_type":"a","status":"b","started_at":"\#(text)"}"#).events.first)
    #expect(try encode(first.line).events.first?.payload == first.payload)
}

@Test(arguments: noTimes) func `what is not an RFC 3339 time with an offset is rejected`(text: String) throws {
    let result = try encode(#"{"event":"dedup_conflicts","symbol":"x","ts":"\#(text)"}"#)
    #expect(result.reasons == [.invalidTimestamp])
    #expect(result.rejected.first?.detail.hasPrefix("ts: ") == true)
}

@Test func `a time is read through escapes`() throws {
    let line = #"{"event":"dedup_conflicts","symbol":"x","ts":"2026\u002d11-20\u005412:34:56\u005A"}"#
    #expect(try written(line).contains(#""ts":"2026-11-20T12:34:56.000000Z""#))
}

@Test func `every prefix of a time is no time`() throws {
    let text = "2026-11-20T12:34:56.123456789+05:30"
    for length in 0..<text.utf8.count {
        #expect(
            try reason(#"{"event":"dedup_conflicts","symbol":"x","ts":"\#(text.prefix(length))"}"#)
                == .invalidTimestamp)
    }
}

@Test func `a receipt column ahead of the clock by more than max_future is out of range`() throws {
    func line(_ kind: String, _ column: String, _ time: String) -> String {
        #"{"event":"\#(kind)","pipeline_name":"p","\#(column)":"\#(time)"}"#
    }
    let limit = "2026-11-24T12:00:00Z"
    let beyond = "2026-11-24T12:00:00.000001Z"
    #expect(try reason(line("pipeline_watermarks", "updated_at", limit)) == nil)
    #expect(try reason(line("pipeline_watermarks", "updated_at", beyond)) == .outOfRange)
    #expect(try reason(line("pipeline_watermarks", "last_processed_ts", "9999-12-31T00:00:00Z")) == nil)
    #expect(try reason(#"{"event":"cast_errors","column_name":"c","log_time":"\#(limit)"}"#) == nil)
    #expect(try reason(#"{"event":"cast_errors","column_name":"c","log_time":"\#(beyond)"}"#) == .outOfRange)
    #expect(try reason(#"{"event":"cast_errors","column_name":"c","log_time":"0001-01-01T00:00:00Z"}"#) == nil)
}
