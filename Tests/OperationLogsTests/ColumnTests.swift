import Testing

@testable import OperationLogs

/// A line with every column of its kind, and the row written again.
private let fullLines: [(String, String)] = [
    (
        #"{"event":"data_quality_errors","symbol":"AAPL","ts":"2026-11-20T12:34:56Z","error_type":"fractional_volume","error_detail":"é \"q\" \u00e9\t","log_time":"2026-11-20T13:00:00.5+01:00"}"#,
        #"{"event":"data_quality_errors","symbol":"AAPL","ts":"2026-11-20T12:34:56.000000Z","error_type":"fractional_volume","error_detail":"é \"q\" é\t","log_time":"2026-11-20T12:00:00.500000Z"}"#
    ),
    (
        #"{"log_time":"2026-11-20T12:00:00Z","resolution":"kept","incoming_row": [1, {"b" : "\u00e9"}] ,"existing_row":{"p":1.50,"p":2e0},"ts":"2026-11-20T12:34:56Z","symbol":"ESZ6","event":"dedup_conflicts"}"#,
        #"{"event":"dedup_conflicts","symbol":"ESZ6","ts":"2026-11-20T12:34:56.000000Z","existing_row":{"p":1.50,"p":2e0},"incoming_row":[1, {"b" : "\u00e9"}],"resolution":"kept","log_time":"2026-11-20T12:00:00.000000Z"}"#
    ),
    (
        #"{"event":"authority_conflicts","symbol":"V","ts":"2026-11-20T12:34:56Z","source_a":"iex","source_b":"","preferred_source":"iex","log_time":"2026-11-20T12:00:00Z"}"#,
        #"{"event":"authority_conflicts","symbol":"V","ts":"2026-11-20T12:34:56.000000Z","source_a":"iex","source_b":"","preferred_source":"iex","log_time":"2026-11-20T12:00:00.000000Z"}"#
    ),
    (
        #"{"event":"cast_errors","symbol":"V","column_name":"volume","raw_value":-12.50E+3,"target_type":"BIGINT","error_detail":"no","log_time":"2026-11-20T12:00:00Z"}"#,
        #"{"event":"cast_errors","symbol":"V","column_name":"volume","raw_value":"-12.50E+3","target_type":"BIGINT","error_detail":"no","log_time":"2026-11-20T12:00:00.000000Z"}"#
    ),
    (
        #"{"event":"upsert_failures","table_name":"trades","symbol":"😀","ts":"2026-11-20T12:34:56Z","error_detail":"\ud83d\ude00\/","log_time":"2026-11-20T12:00:00Z"}"#,
        #"{"event":"upsert_failures","table_name":"trades","symbol":"😀","ts":"2026-11-20T12:34:56.000000Z","error_detail":"😀/","log_time":"2026-11-20T12:00:00.000000Z"}"#
    ),
    (
        #"{"event":"concurrency_issues","table_name":"trades","lock_type":"advisory","pid":-2147483648,"details":"d","log_time":"2026-11-20T12:00:00Z"}"#,
        #"{"event":"concurrency_issues","table_name":"trades","lock_type":"advisory","pid":-2147483648,"details":"d","log_time":"2026-11-20T12:00:00.000000Z"}"#
    ),
    (
        #"{"event":"pipeline_watermarks","pipeline_name":"p","last_processed_ts":"2026-11-20T12:34:56Z","status":"idle","updated_at":"2026-11-20T12:00:00Z"}"#,
        #"{"event":"pipeline_watermarks","pipeline_name":"p","last_processed_ts":"2026-11-20T12:34:56.000000Z","status":"idle","updated_at":"2026-11-20T12:00:00.000000Z"}"#
    ),
    (
        #"{"event":"backup_logs","backup_type":"full","file_path":"/b","status":"done","started_at":"2026-11-20T12:34:56Z","completed_at":"2026-11-20T12:34:57Z","log_time":"2026-11-20T12:00:00Z"}"#,
        #"{"event":"backup_logs","backup_type":"full","file_path":"/b","status":"done","started_at":"2026-11-20T12:34:56.000000Z","completed_at":"2026-11-20T12:34:57.000000Z","log_time":"2026-11-20T12:00:00.000000Z"}"#
    ),
]

@Test(arguments: fullLines) func `every column of every kind becomes its field and can be written again`(
    line: String, expected: String
) throws {
    let result = try encode(line)
    let event = try #require(result.events.first)
    #expect(event.line == expected)
    #expect(event.flags == 0)
    let again = try #require(try encode(event.line).events.first)
    #expect(again.payload == event.payload)
    #expect(again.line == event.line)
}

@Test(arguments: EventKind.allCases) func `a line with the required columns alone is an event; without one it is none`(
    kind: EventKind
) throws {
    func line(without missing: String? = nil, with others: String = "") -> String {
        let required = kind.columns.filter { $0.isRequired && $0.name != missing }.map { column in
            #","\#(column.name)":"\#(column.form == .timestamp ? "2026-11-20T12:00:00Z" : "x")""#
        }
        return #"{"event":"\#(kind.name)"\#(required.joined())\#(others)}"#
    }
    let event = try #require(try encode(line()).events.first)
    #expect(event.kind == kind)
    #expect(event.flags == RecordLayout.receiptFilledIn)
    #expect(event.line.hasSuffix(#""\#(kind.receiptColumn.name)":"2026-11-23T12:00:00.000000Z"}"#))
    for column in kind.columns {
        if column.isRequired {
            #expect(try encode(line(without: column.name)).reasons == [.missingField])
            let null = #","\#(column.name)":null"#
            let result = try encode(line(without: column.name, with: null))
            #expect(result.reasons == [.missingField])
            #expect(result.rejected.first?.detail == "\(column.name) is required")
            #expect(result.rejected.first?.event == kind)
        } else {
            #expect(try encode(line(with: #","\#(column.name)":null"#)).events == [event])
        }
        let values: [(String, Set<Column.Form>)] = [
            ("\"2026-11-20T12:00:00Z\"", [.text, .literal, .timestamp, .json]), ("5", [.literal, .integer, .json]),
            ("true", [.literal, .json]), ("[]", [.json]), ("{}", [.json]),
        ]
        for (value, forms) in values {
            let result = try encode(line(without: column.name, with: #","\#(column.name)":\#(value)"#))
            #expect(result.reasons == (forms.contains(column.form) ? [] : [.wrongType]))
        }
    }
}

@Test func `the first required column that is missing is named, in the order of the table`() throws {
    #expect(try encode(#"{"event":"authority_conflicts"}"#).rejected.first?.detail == "source_a is required")
    #expect(try encode(#"{"event":"backup_logs","backup_type":"a"}"#).rejected.first?.detail == "status is required")
}

@Test func `raw_value keeps numbers and booleans exactly as they were written`() throws {
    for text in ["1", "-0.0", "1E+5", "12345678901234567890.10", "true", "false"] {
        let line = try written(#"{"event":"cast_errors","column_name":"c","raw_value":\#(text) }"#)
        #expect(line.contains(#""raw_value":"\#(text)""#))
    }
}

@Test func `a watermark's filled-in time never falls behind`() throws {
    let clock = WatermarkClock(notBefore: Timestamp(microseconds: noon.microseconds + 5))
    let line = #"{"event":"pipeline_watermarks","pipeline_name":"p"}"#
    #expect(try encode(line, clock: clock).events.first?.line.contains("12:00:00.000005Z") == true)
    #expect(clock.fillIn(Timestamp(microseconds: noon.microseconds + 9)).microseconds == noon.microseconds + 9)
    #expect(clock.fillIn(noon).microseconds == noon.microseconds + 9)

    let builder = ChunkBuilder()
    var encoder = LineEncoder(lineOptions(), watermarkClock: clock)
    let other = #"{"event":"cast_errors","column_name":"c"}"# + "\n"
    for (text, expected) in [(other, Int64.min), (line + "\n", noon.microseconds + 9)] {
        _ = Array(text.utf8).withUnsafeBytes {
            encoder.encode($0, offset: 1, originator: 0, received: noon, into: builder)
        }
        #expect(builder.close(ticket: 0, receipt: nil).latestReceipt.microseconds == expected)
    }
}

@Test func `a watermark is read back from its tuple`() throws {
    let line = #"{"event":"pipeline_watermarks","pipeline_name":"é","updated_at":"2026-11-20T12:00:00Z"}"#
    let event = try #require(try encode(line).events.first)
    try event.payload.withUnsafeBytes { payload in
        let watermark = WatermarkEvent(try EventTuple(.pipelineWatermarks, payload))
        let updated = Timestamp(microseconds: 848_491_200_000_000)
        #expect(watermark == WatermarkEvent(pipeline: "é", lastProcessed: nil, status: nil, updatedAt: updated))
    }
}

@Test func `a tuple is written behind other keys`() throws {
    let event = try #require(try encode(#"{"event":"cast_errors","column_name":"c"}"#).events.first)
    var front = JSONObjectWriter()
    front.add("sequence", raw: "7")
    var line: [UInt8] = []
    try event.payload.withUnsafeBytes { try EventTuple(.castErrors, $0).appendLine(to: &line, after: front) }
    let expected = #"{"sequence":7,"event":"cast_errors","column_name":"c","log_time":"2026-11-23T12:00:00.000000Z"}"#
    #expect(String(decoding: line, as: UTF8.self) == expected)
}

@Test func `a payload that is no tuple of its kind is refused at every length`() throws {
    let event = try #require(try encode(fullLines[1].0).events.first)
    for length in 0..<event.payload.count {
        event.payload.prefix(length).withUnsafeBytes { payload in
            _ = #expect(throws: MalformedChunk.self) { try EventTuple(.dedupConflicts, payload) }
        }
    }
    event.payload.withUnsafeBytes { payload in
        #expect(throws: MalformedChunk.self) { try EventTuple(.concurrencyIssues, payload) }
        #expect(throws: MalformedChunk.self) { try EventTuple(.pipelineWatermarks, payload) }
    }
}
