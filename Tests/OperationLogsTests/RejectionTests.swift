import Testing

@testable import OperationLogs

private let deep = String(repeating: "[", count: 128)
private let start = #"{"event":"dedup_conflicts","symbol":"x","ts":"2026-11-20T00:00:00Z","existing_row":"#

/// Lines, their reason and the byte at which they fail. Each holds what a later reason would apply to as well, wherever
/// it can.
let rejectedSamples: [(String, RejectionReason, Int)] = [
    // 2: whichever is met first.
    (#"{"a":"\u0000","b":"\q"}"#, .unsupportedCharacter, 7),
    (#"{"a":"\q","b":"\u0000"}"#, .invalidJSON, 8),
    (#"{"a":"\ud800"}"#, .unsupportedCharacter, 7),
    (#"{"a":"\ud800\n"}"#, .unsupportedCharacter, 7),
    (#"{"a":"\ud800\ud800"}"#, .unsupportedCharacter, 7),
    (#"{"a":"\udc00"}"#, .unsupportedCharacter, 7),
    (#"{"a":"\ud800\u00g0"}"#, .invalidJSON, 17),
    (#"{"\u0000":1}"#, .unsupportedCharacter, 3),
    (start + #"{"a":["\udfff"]}}"#, .unsupportedCharacter, start.utf8.count + 8),
    (start + #"{"\u0000":1}}"#, .unsupportedCharacter, start.utf8.count + 3),
    (#"{"a":"x"#, .invalidJSON, 8),
    (#"{"a":1"#, .invalidJSON, 7),
    (#"{"a":"\u0000"#, .unsupportedCharacter, 7),
    ("{\"a\":\"x\u{0}\"}", .invalidJSON, 8),
    ("{\"a\":\"x\ty\"}", .invalidJSON, 8),
    ("\u{0}", .invalidJSON, 1),
    ("{\"a\":1}\u{0}", .invalidJSON, 8),
    (deep + "[", .tooDeep, 129),
    (deep + "{", .tooDeep, 129),
    (
        start + String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000) + "}", .tooDeep,
        128 + start.utf8.count
    ),
    (String(repeating: "[", count: 10_000), .tooDeep, 129),
    (String(repeating: "{\"a\":", count: 10_000), .tooDeep, 128 * 5 + 1),
    (start + String(repeating: "[", count: 200) + "\u{1}", .tooDeep, 128 + start.utf8.count),
    (start + String(repeating: "[", count: 100) + "\u{1}", .invalidJSON, 101 + start.utf8.count),
    // 3: in this order.
    ("[]", .notAnObject, 1), ("5", .notAnObject, 1), (#""event""#, .notAnObject, 1), ("null", .notAnObject, 1),
    ("true", .notAnObject, 1), (deep + String(repeating: "]", count: 128), .notAnObject, 1),
    (#"{"a":1,"b":2,"a":3}"#, .duplicateField, 14),
    (#"{"event":5,"a":2,"a":3}"#, .duplicateField, 18),
    (#"{"event":"nope","a":2,"a":3}"#, .duplicateField, 23),
    (#"{"event":"cast_errors","nope":1,"column_name":5,"column_name":null}"#, .duplicateField, 49),
    (#"{"event":"cast_errors","event":"cast_errors"}"#, .duplicateField, 24),
    (#"{"event":"cast_errors","\u0065vent":"cast_errors"}"#, .duplicateField, 24),
    (#"{"event":"cast_errors","column_name":"a","column\u005fname":"a"}"#, .duplicateField, 42),
    (#"{"\u00e9":1,"é":2,"event":"cast_errors"}"#, .duplicateField, 13),
    (#"{"a":null,"a":null}"#, .duplicateField, 11),
    ("{}", .missingEvent, 1), (#"{"nope":1}"#, .missingEvent, 1), (#"{"event":null,"nope":1}"#, .missingEvent, 1),
    (#"{"opslogd":{"ack":true}}"#, .missingEvent, 1), (#"{"":1}"#, .missingEvent, 1),
    (#"{"Event":"cast_errors"}"#, .missingEvent, 1), (#"{"events":"cast_errors"}"#, .missingEvent, 1),
    (#"{"nope":1,"event":5}"#, .wrongType, 19), (#"{"event":["cast_errors"]}"#, .wrongType, 10),
    (#"{"event":true}"#, .wrongType, 10),
    (#"{"nope":1,"event":"nope"}"#, .unknownEvent, 19), (#"{"event":""}"#, .unknownEvent, 10),
    (#"{"event":"cast_errorss"}"#, .unknownEvent, 10), (#"{"event":"CAST_ERRORS"}"#, .unknownEvent, 10),
    (#"{"event":"operation_logs.cast_errors"}"#, .unknownEvent, 10),
    // 4: of the keys in the order of the line.
    (#"{"event":"concurrency_issues","nope":null,"pid":"x"}"#, .unknownField, 31),
    (#"{"event":"concurrency_issues","pid":"x","nope":1}"#, .wrongType, 37),
    (#"{"nope":1,"pid":"x","event":"concurrency_issues"}"#, .unknownField, 2),
    (#"{"event":"concurrency_issues","pid":5000000000,"log_time":5}"#, .outOfRange, 37),
    (#"{"event":"concurrency_issues","log_time":"x","pid":5.5}"#, .invalidTimestamp, 42),
    (#"{"event":"concurrency_issues","pid":5.5,"log_time":"x"}"#, .wrongType, 37),
    (#"{"event":"concurrency_issues","pid":5}"#, .missingField, 1),
    (#"{"event":"concurrency_issues","ts":"2026-11-20T00:00:00Z"}"#, .unknownField, 31),
    (#"{"event":"concurrency_issues","a key that is longer than every name":5}"#, .unknownField, 31),
    (#"{"event":"pipeline_watermarks","log_time":"2026-11-20T00:00:00Z"}"#, .unknownField, 32),
]

@Test(arguments: rejectedSamples) func `a line has the first reason that applies, and its place`(
    line: String, reason: RejectionReason, column: Int
) throws {
    let good = #"{"event":"cast_errors","column_name":"c"}"#
    let result = try encode("\(line)\n\(good)\n")
    #expect(result.reasons == [reason])
    #expect(result.rejections.first?.column == column)
    #expect(result.rejected.first?.line == Array(line.utf8))
    #expect(result.rejected.first.map { !$0.detail.isEmpty && $0.detail.utf8.count < 250 } == true)
    #expect(result.events.map(\.offset) == [2], "the next line is a row")
}

@Test(arguments: [
    ("error_id", "data_quality_errors"), ("conflict_id", "dedup_conflicts"), ("conflict_id", "authority_conflicts"),
    ("error_id", "cast_errors"), ("failure_id", "upsert_failures"), ("issue_id", "concurrency_issues"),
    ("backup_id", "backup_logs"),
]) func `a serial key is the database's own`(key: String, event: String) throws {
    let result = try encode(#"{"event":"\#(event)","\#(key)":1}"#)
    #expect(result.reasons == [.unknownField])
    #expect(result.rejected.first?.detail == "\(key) is assigned by the database")
}

@Test(
    arguments: [
        [0xff], [0x80], [0xc0, 0x80], [0xc1, 0xbf], [0xc3], [0xc3, 0x28], [0xe0, 0x80, 0x80], [0xe0, 0x9f, 0xbf],
        [0xed, 0xa0, 0x80], [0xed, 0xbf, 0xbf], [0xe2, 0x82], [0xf0, 0x80, 0x80, 0x80], [0xf0, 0x8f, 0xbf, 0xbf],
        [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80], [0xf0, 0x9f, 0x98], [0xfe],
    ] as [[UInt8]]) func `what is not UTF-8 is told so, within and outside of strings`(bytes: [UInt8]) throws
{
    func line(_ before: String, _ after: String) -> [UInt8] { Array(before.utf8) + bytes + Array(after.utf8) }
    for line in [
        line(#"{"event":"cast_errors","column_name":""#, #""}"#), line(#"{"a"#, #"":1}"#), line("", ""), line("{", "}"),
        line("{}", ""), line("[1,", "]"), line(#"{"a":[{"#, #"":1}]}"#), line("tr", "ue"), line(#"{"a":"\"#, #""}"#),
    ] {
        #expect(try reason(line) == .invalidUTF8)
    }
    #expect(try reason(Array("{\"a\":\u{1}\"".utf8) + bytes) == .invalidJSON, "the control character is met first")
}

@Test func `valid UTF-8 outside of a string is not JSON`() throws {
    #expect(try reason("é") == .invalidJSON)
    #expect(try reason("{\u{feff}}") == .invalidJSON)
    #expect(try reason(#"{"a":"\é"}"#) == .invalidJSON)
    for scalar in [
        "\u{7f}", "\u{80}", "\u{7ff}", "\u{800}", "\u{d7ff}", "\u{e000}", "\u{ffff}", "\u{10000}", "\u{10ffff}",
    ] {
        #expect(try written(#"{"event":"cast_errors","column_name":"\#(scalar)"}"#).contains("column_name"))
    }
}

@Test func `many keys are compared, also beyond what an event can have`() throws {
    func object(_ count: Int, _ more: String = "") -> String {
        let keys = (0..<count).map { "\"k\($0)\":\($0)" }.joined(separator: ",")
        return #"{\#(keys)\#(more)}"#
    }
    for count in [7, 23, 24, 25, 26, 5000] {
        #expect(try reason(object(count)) == .missingEvent)
        #expect(try reason(object(count, #","k\#(count - 1)":1"#)) == .duplicateField)
        #expect(try reason(object(count, #","k0":1,"event":"cast_errors""#)) == .duplicateField)
        #expect(try reason(object(count, #","event":"cast_errors""#)) == .unknownField)
        #expect(try reason(object(count, #","\u0065vent":"cast_errors""#)) == .unknownField)
        #expect(try reason(object(count, #","event":"nope""#)) == .unknownEvent)
        #expect(try reason(object(count, #","event":5"#)) == .wrongType)
        #expect(try reason(object(count, #","event":1,"event":2"#)) == .duplicateField)
    }
}

@Test func `details quote little of a long value, cut at a character`() throws {
    let long = String(repeating: "é", count: 5000)
    for line in [
        #"{"event":"\#(long)"}"#, #"{"event":"cast_errors","\#(long)":1}"#,
        #"{"event":"dedup_conflicts","ts":"\#(long)"}"#, #"{"\#(long)":1,"\#(long)":2}"#,
        #"{"event":"concurrency_issues","pid":0.\#(String(repeating: "3", count: 5000))}"#,
    ] {
        let detail = try #require(try encode(line).rejected.first?.detail)
        #expect(detail.utf8.count < 200 && detail.contains("…") && !detail.contains("\u{fffd}"))
    }
}
