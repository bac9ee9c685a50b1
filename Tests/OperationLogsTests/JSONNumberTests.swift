import Testing

@testable import OperationLogs

private func zeros(_ count: Int) -> String { String(repeating: "0", count: count) }

/// What PostgreSQL 15 answers when the number is cast to `jsonb`: whether it takes it.
private let numericLimits: [(String, Bool)] = [
    ("1e131071", true), ("1e131072", false), ("9.9e131071", true), ("0.1e131073", false), ("-1e131072", false),
    ("12e131070", true), ("12e131071", false), ("0.00001e131076", true), ("0.00001e131077", false),
    (String(repeating: "9", count: 131_072), true), (String(repeating: "9", count: 131_073), false),
    ("1e-16383", true), ("1e-16384", false), ("1.0e-16382", true), ("1.0e-16383", false), ("0.5e-16382", true),
    ("0." + zeros(16_383), true), ("0." + zeros(16_384), false),
    ("0.\(String(repeating: "1", count: 20_000))e3617", true),
    ("0.\(String(repeating: "1", count: 20_000))e3616", false),
    ("0e131072", true), ("0e1073741822", true), ("0e1073741823", false), ("0e99999999999999999999", false),
    ("0e-16383", true), ("0e-16384", false), ("0e-1073741823", false), ("1e-1073741823", false), ("1e400000", false),
    ("0.0e-1", true), ("-0", true), ("1E+2", true), ("123456789012345678901234567890.5", true),
]

@Test(arguments: numericLimits) func `numbers beyond jsonb are out of range`(number: String, fits: Bool) throws {
    for value in [number, "[1,\(number)]", #"{"a":[{"b":\#(number)},2]}"#] {
        let line = #"{"event":"dedup_conflicts","symbol":"x","ts":"2026-11-20T00:00:00Z","existing_row":\#(value)}"#
        #expect(try reason(line) == (fits ? nil : .outOfRange))
    }
}

@Test func `a number beyond jsonb does not matter where no jsonb stands`() throws {
    #expect(try written(#"{"event":"cast_errors","column_name":"c","raw_value":1e400000}"#).contains(#""1e400000""#))
    #expect(
        try reason(#"{"event":"dedup_conflicts","existing_row":{"a":1e400000},"symbol":"x"}"#) == .outOfRange,
        "of the keys, the first in the line")
}

private let integers: [(String, JSONNumber.Integer)] = [
    ("0", .value(0)), ("-0", .value(0)), ("0.0", .value(0)), ("0e99999999999999999999", .value(0)),
    ("0e-5", .value(0)), ("5", .value(5)), ("5.0", .value(5)), ("5e0", .value(5)), ("50e-1", .value(5)),
    ("5E+0", .value(5)), ("0.5e1", .value(5)), ("0.00005e5", .value(5)), ("500000e-5", .value(5)),
    ("-12.50e1", .value(-125)), ("1e9", .value(1_000_000_000)), ("1000000000000000000000e-20", .value(10)),
    ("2147483647", .value(.max)), ("-2147483648", .value(.min)), ("2147483647.000", .value(.max)),
    ("2.147483647e9", .value(.max)), ("2147483648", .outOfRange), ("-2147483649", .outOfRange),
    ("9999999999", .outOfRange), ("99999999999", .outOfRange), ("9223372036854775808", .outOfRange),
    ("340282366920938463463374607431768211456", .outOfRange), ("1e10", .outOfRange), ("1e400000", .outOfRange),
    ("1e99999999999999999999", .outOfRange), ("5.5", .notIntegral), ("0.1", .notIntegral), ("5e-1", .notIntegral),
    ("55e-1", .notIntegral), ("1e-400000", .notIntegral), ("100000000000.5", .notIntegral),
    ("1e-99999999999999999999", .notIntegral), ("2147483647.5", .notIntegral),
]

@Test(arguments: integers) func `an integer is any number of integral value`(
    text: String, expected: JSONNumber.Integer
) throws {
    let result = try encode(#"{"event":"concurrency_issues","lock_type":"x","pid":\#(text)}"#)
    switch expected {
    case .value(let value): #expect(result.events.first?.line.contains("\"pid\":\(value),") == true)
    case .notIntegral: #expect(result.reasons == [.wrongType])
    case .outOfRange: #expect(result.reasons == [.outOfRange])
    }
}
