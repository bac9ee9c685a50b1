import OperationLogs
import Testing

@Suite struct LineEditTests {
    private func edited(_ line: String, set: [(String, String)] = [], unset: Set<String> = []) -> String? {
        LineEdit(values: set.map { (key: $0.0, json: $0.1) }, removed: unset).applied(to: Array(line.utf8))
            .map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `a key is replaced where it stands, and everything else stays as it was written`() {
        #expect(
            edited(#"{"a":1.50,"b" : "x\u00e9", "c":{"a":2}}"#, set: [("b", "[1]")])
                == #"{"a":1.50,"b":[1],"c":{"a":2}}"#)
        #expect(edited(#"{"b" : "x\u00e9"}"#, set: [("a", "null")]) == #"{"b" : "x\u00e9","a":null}"#)
        #expect(edited(#"{}"#, set: [("a", "1"), ("é\"", "2")]) == #"{"a":1,"é\"":2}"#)
    }

    @Test func `a key is taken out, as often as it stands there and however it is escaped`() {
        #expect(edited(#"{"a":1,"b":2,"\u0061":3}"#, unset: ["a"]) == #"{"b":2}"#)
        #expect(edited(#"{"a":1}"#, unset: ["a"]) == "{}")
        #expect(edited(#"{"a":1}"#, unset: ["b"]) == #"{"a":1}"#)
    }

    @Test func `a key that stands there twice is set once`() {
        #expect(edited(#"{"a":1,"b":2,"a":3}"#, set: [("a", "4")]) == #"{"a":4,"b":2}"#)
    }

    @Test func `more keys than an event has columns are all kept`() {
        let keys = (0..<40).map { "\"k\($0)\":\"v\($0)\"" }
        #expect(
            edited("{\(keys.joined(separator: ","))}", unset: ["k30"])
                == "{\(keys.filter { !$0.hasPrefix("\"k30\"") }.joined(separator: ","))}")
    }

    @Test func `what is no object is not edited`() {
        for line in ["", "1", "[]", "{", #"{"a":}"#, "{}x", "{}\n{}", "\u{fffd}{}"] {
            #expect(edited(line, set: [("a", "1")]) == nil, "\(line)")
        }
    }

    @Test func `a value is one value`() {
        for text in ["1", "-0.5e3", "\"x\"", "null", "true", "[1,{}]", "{\"a\":[]}"] { #expect(LineEdit.isValue(text)) }
        for text in ["", "x", "1,\"b\":2", "1}", "'x'", "1 2", "\u{0}", "\"\\ud800\"", "1\n"] {
            #expect(!LineEdit.isValue(text), "\(text)")
        }
    }
}
