import Testing

@testable import OperationLogs

/// JSON texts that RFC 8259 allows.
private let valid = [
    "0", "-0", "1", "-1", "10", "0.0", "-0.1", "1.5e10", "1E5", "1e+5", "1e-5", "0e1", "0E-0",
    "123456789012345678901234567890",
    "true", "false", "null", "[]", "{}", "[ ]", "{ }", "[1]", "[1,2]", "[ 1 , 2 ]", "[[],[[]],{}]", "[null]",
    #"{"a":1}"#, #"{ "a" : 1 , "b" : [ ] }"#, #"{"":""}"#, #"{"a":{"a":{"a":[{}]}}}"#, #"{"a":1,"a":2}"#,
    #""""#, #""a""#, #""\"\\\/\b\f\n\r\t""#, #""\u0041\u00e9\u20ac\uFFFF""#, #""\ud83d\ude00""#, #""\uD83D\uDE00""#,
    #""é€😀""#, "\"\u{7f}\"", "\"\u{2028}\u{2029}\"", #""\u0001\u001f""#, "\t1\r", " [ 1 ] ", #""\uffff\ufffe""#,
    #""12345678\"12345678\\1234567\/123456\n12345\t1234\b123\f12\r1""#, "[1e1,2E2,3.3,true,false,null,\"\"]",
    #""\udbff\udfff""#, #"[{"a":[{"b":[{}]}]},[[]]]"#, "[\t1\t,\r2 ]",
]

/// Texts that it does not allow, or that hold what PostgreSQL cannot.
private let invalid = [
    "", "00", "01", "-01", "-", "+1", ".5", "1.", "1.e5", "-.5", "1e", "1e+", "1E-", "1e5.5", "0x10", "1_000", "1 2",
    "--1",
    "NaN", "Infinity", "-Infinity", "-NaN", "nan", "inf", "tru", "True", "TRUE", "fals", "nul", "nulll", "truefalse",
    "true false",
    "[", "]", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1 2]", "[1,,2]", "[1}", "[1:2]", "[}", "[\"a\"", "[]]", "[][]",
    "{", "}", "{]", #"{"a"}"#, #"{"a":}"#, #"{"a":1"#, #"{"a":1,}"#, #"{,}"#, #"{"a" 1}"#, #"{"a"::1}"#, #"{a:1}"#,
    #"{'a':1}"#,
    #"{"a":1,,"b":2}"#, #"{"a":1 "b":2}"#, #"{1:2}"#, #"{null:1}"#, #"{"a":1]"#, #"{"a":1}}"#, #"{[]:1}"#,
    #"{"a","b"}"#,
    #"""#, #""a"#, #""\""#, #""\x41""#, #""\u""#, #""\u00""#, #""\u004""#, #""\u00g0""#, #""\U0041""#, #""\a""#,
    #""\ ""#,
    #""\u 041""#, #""\u-041""#, "'a'", "\"\u{0}\"", "\"\u{1}\"", "\"\u{1f}\"", "\"a\tb\"", "\"a\rb\"",
    #""\u0000""#, #""\ud800""#, #""\udbff""#, #""\udc00""#, #""\ud800\ud800""#, #""\ud83dx""#, #""\ude00\ud83d""#,
    "// c", "/* c */ 1", "1 // c", "#", "1;", "\u{a0}1", "\u{feff}1", "\u{c}1", "\u{b}1", "\u{85}1", "[1\u{a0}]",
    "undefined", "-a", "\u{7f}",
    "\"", "\\", "\"\\", "a", "*", "[\"a\":1]", "[\"", "{\"", "{\"a", "{\"a\":\"", "1.2.3", "1e2e3", "- 1", "1 .5",
    "-[]",
]

/// In each place in which a value can stand, so that every way through the scanner meets it.
private let places = [("", ""), ("[", "]"), (#"{"a":"#, "}"), (#"{"a":[0,"#, "]}"), (#"{"a":{"b":"#, #","c":1}}"#)]

@Test(arguments: valid) func `JSON is taken`(text: String) throws {
    for (before, after) in places {
        let reason = try reason(before + text + after)
        #expect(reason == .notAnObject || reason == .missingEvent || (before.isEmpty && reason == .duplicateField))
    }
    let line = #"{"event":"dedup_conflicts","symbol":"x","ts":"2026-11-20T00:00:00Z","existing_row":\#(text)}"#
    let isSpace: (Character) -> Bool = { " \t\r".contains($0) }
    let trimmed = String(text.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    let written = try written(line)
    #expect(trimmed == "null" ? !written.contains("existing_row") : written.contains(#""existing_row":\#(trimmed),"#))
}

@Test(arguments: invalid) func `what is not JSON is not taken`(text: String) throws {
    for (before, after) in places where !(before.isEmpty && text.isEmpty) && !(before == "[" && text.isEmpty) {
        let reason = try reason(before + text + after)
        #expect(
            reason == .invalidJSON || reason == .unsupportedCharacter,
            "\(before)\(text)\(after)")
    }
}

@Test func `128 levels are taken, the event's object among them`() throws {
    let start = #"{"event":"dedup_conflicts","symbol":"x","ts":"2026-11-20T00:00:00Z","existing_row":"#
    func arrays(_ levels: Int) -> String {
        start + String(repeating: "[", count: levels) + String(repeating: "]", count: levels) + "}"
    }
    func objects(_ levels: Int) -> String {
        start + String(repeating: #"{"a":"#, count: levels) + "1" + String(repeating: "}", count: levels) + "}"
    }
    func mixed(_ levels: Int) -> String {
        start + String(repeating: #"[1,{"a":"#, count: levels / 2) + "1" + String(repeating: "},2]", count: levels / 2)
            + "}"
    }
    #expect(try reason(arrays(127)) == nil)
    #expect(try reason(objects(127)) == nil)
    #expect(try reason(mixed(126)) == nil)
    #expect(try reason(arrays(128)) == .tooDeep)
    #expect(try reason(objects(128)) == .tooDeep)
    #expect(try reason(mixed(128)) == .tooDeep)
}
