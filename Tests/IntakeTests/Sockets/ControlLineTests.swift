import Testing

@testable import Intake

@Suite struct ControlLineTests {
    private func parse(_ text: String) -> ControlLine {
        Array(text.utf8).withUnsafeBytes { ControlLine($0) }
    }

    @Test(arguments: [
        #"{"opslogd":{"ack":true}}"#, #" { "opslogd" : { "ack" : true } } "#, "{\t\"opslogd\":\r{\"ack\":true}}",
    ])
    func `an ack is known whatever white space stands in it`(text: String) {
        #expect(parse(text) == .acknowledge)
    }

    @Test(arguments: [
        (#"{"opslogd":{"watermark":"loader"}}"#, "loader"), (#"{"opslogd": {"watermark" :"a\"b\u00e9"} }"#, "a\"bé"),
        (#"{"opslogd":{"watermark":""}}"#, ""),
    ])
    func `the watermark question names the pipeline`(text: String, pipeline: String) {
        #expect(parse(text) == .watermark(pipeline: Array(pipeline.utf8)))
    }

    @Test(arguments: [
        "", "{", #"{"opslogd":{}}"#, #"{"opslogd":true}"#, #"{"opslogd":{"ack":false}}"#, #"{"opslogd":{"ack":1}}"#,
        #"{"opslogd":{"ack":true,"more":1}}"#, #"{"opslogd":{"ack":"true"}}"#, #"{"opslogd":{"stop":true}}"#,
        #"{"opslogd":{"ack\"#, #"{"opslogd":{"ack":trueish}}"#, #"{"opslogd":[{"ack":true}]}"#,
        #"{"opslogd":{"watermark":17}}"#, #"{"opslogd":{"watermark":"a","more":1}}"#,
        #"{"opslogd":{"watermark":null}}"#,
    ])
    func `anything else is unknown`(text: String) {
        #expect(parse(text) == .unknown)
    }
}
