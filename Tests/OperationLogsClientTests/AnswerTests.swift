import Testing

@testable import OperationLogsClient

@Suite struct AnswerTests {
    private func parse(_ text: String) -> Answer? { Answer(text.utf8) }

    @Test func `the three answers are read, with white space and in any order of keys`() {
        #expect(parse(#"{"durable":12}"#) == .durable(12))
        #expect(parse(#" { "durable" : 12 } "#) == .durable(12))
        #expect(parse(#"{"error":"no \"such\" thing"}"#) == .refused("no \"such\" thing"))
        let rejection = LineRejection(line: 3, reason: "missing_field", detail: "a\nb \u{e9} \u{1f600} \\")
        #expect(
            parse(#"{"rejected":{"line":3,"reason":"missing_field","detail":"a\nb \u00e9 \ud83d\ude00 \\"}}"#)
                == .rejected(rejection))
        #expect(
            parse(#"{"rejected":{"detail":"d","more":"x","column":7,"reason":"r","line":1}}"#)
                == .rejected(LineRejection(line: 1, reason: "r", detail: "d")))
    }

    @Test func `an answer of another version is passed over`() {
        #expect(parse(#"{"watermark":{"pipeline_name":"p","status":[1,{}]}}"#) == .other)
    }

    @Test(arguments: [
        "", "{", "hello", #"{"durable":}"#, #"{"durable":-1}"#, #"{"durable":99999999999999999999}"#,
        #"{"durable":1"#, #"{"durable":1}x"#, #"{"rejected":{"line":1}}"#, #"{"rejected":{"line":1,"reason":"r""#,
        #"{"error":"a\q"}"#, #"{"error":"a\u12"}"#, #"{"error":"a"#,
    ])
    func `what is no answer is none`(text: String) {
        #expect(parse(text) == nil)
    }
}
