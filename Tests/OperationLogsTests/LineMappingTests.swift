import Testing

@testable import OperationLogs

/// What a legacy job writes, read by the mapping of its input.
@Suite struct LineMappingTests {
    private func mapping(_ change: (inout LineMapping) -> Void) -> LineMapping {
        var mapping = LineMapping()
        change(&mapping)
        return mapping
    }

    private func encoded(_ text: String, _ change: (inout LineMapping) -> Void) throws -> EncodedLines {
        var options = lineOptions()
        options.dialect = LineDialect(mapping(change))
        return try encode(text + "\n", options)
    }

    /// The event of one line, in the columns' own names.
    private func event(_ text: String, _ change: (inout LineMapping) -> Void) throws -> String {
        let result = try encoded(text, change)
        #expect(result.rejected.isEmpty)
        return try #require(result.events.first).line
    }

    private func rejection(_ text: String, _ change: (inout LineMapping) -> Void) throws -> String {
        let rejection = try #require(try encoded(text, change).rejections.first)
        return "\(rejection.column) \(rejection.reason.name): \(rejection.detail)"
    }

    // MARK: Which event

    @Test func `lines without an event key are what the input says`() throws {
        let line = #"{"column_name":"c","log_time":"2026-01-01T00:00:00Z"}"#
        let told = #"{"event":"cast_errors","column_name":"c","log_time":"2026-01-01T00:00:00.000000Z"}"#
        #expect(try event(line, { $0.event = .castErrors }) == told)
        #expect(try event(#"{"event":null,"# + line.dropFirst(), { $0.event = .castErrors }) == told)
        #expect(try event(told, { $0.event = .backupLogs }) == told)
        #expect(try rejection(#"{"event":"x"}"#, { $0.event = .castErrors }).contains("unknown_event"))
        #expect(try rejection(#"{"event":5}"#, { $0.event = .castErrors }).contains("wrong_type"))
    }

    @Test func `another key and other words name the event, and the tables' own names still count`() throws {
        let told = #"{"event":"cast_errors","column_name":"c","log_time":"2026-01-01T00:00:00.000000Z"}"#
        let long = "a word that is longer than any name of a table"
        for word in ["CAST", "C\\u0041ST", "cast_errors", long, "größer"] {
            let line = #"{"kind":"\#(word)","column_name":"c","log_time":"2026-01-01T00:00:00Z"}"#
            let read = try event(line) {
                $0.eventKey = "kind"
                $0.eventWords = ["CAST": .castErrors, long: .castErrors, "größer": .castErrors]
            }
            #expect(read == told)
        }
        // A table's name that has been given another meaning has lost its own.
        #expect(
            try event(#"{"event":"backup_logs","column_name":"c","log_time":"2026-01-01T00:00:00Z"}"#) {
                $0.eventWords = ["backup_logs": .castErrors]
            } == told)
        #expect(
            try rejection(#"{"event":"cast_errors","column_name":"c"}"#, { $0.eventKey = "kind" })
                == "1 missing_event: the key kind, which names the table, is missing")
        #expect(
            try rejection(#"{"kind":"cast_errors","event":"cast_errors","column_name":"c"}"#, { $0.eventKey = "kind" })
                == "23 unknown_field: cast_errors has no column event")
        #expect(
            try rejection(#"{"kind":"Cast"}"#, { $0.eventKey = "kind" })
                == "9 unknown_event: kind: Cast is not a kind of event")
    }

    // MARK: Which columns

    @Test func `columns stand under the keys that the job gives them, of whatever length`() throws {
        let long = "the_column_in_which_it_did_not_fit"
        let line = #"{"sym":"A","\#(long)":"c","\u0074ime":"2026-01-01T00:00:00Z","event":"cast_errors"}"#
        let read = try event(line) { $0.fields = ["symbol": "sym", "column_name": long, "log_time": "time"] }
        #expect(
            read == #"{"event":"cast_errors","symbol":"A","column_name":"c","log_time":"2026-01-01T00:00:00.000000Z"}"#)
        // Two keys that begin with the same 24 bytes are two keys.
        let near = "\(long.prefix(24))"
        #expect(
            try rejection(#"{"event":"cast_errors","\#(near)":"c"}"#, { $0.fields = ["column_name": long] })
                .contains("unknown_field: cast_errors has no column \(near)"))
    }

    @Test func `a column's own name is unknown once it is renamed, and the message says under which it stands`() throws
    {
        let change = { (mapping: inout LineMapping) in mapping.fields = ["symbol": "sym", "column_name": "col"] }
        #expect(
            try rejection(#"{"event":"cast_errors","symbol":"A","col":"c"}"#, change)
                == "24 unknown_field: symbol stands in lines of this input as sym")
        #expect(
            try rejection(#"{"event":"cast_errors"}"#, change) == "1 missing_field: col (column_name) is required")
        #expect(
            try rejection(#"{"event":"cast_errors","col":5}"#, change)
                == "30 wrong_type: col (column_name): a number where a string is expected")
    }

    @Test func `two columns may exchange their names`() throws {
        let read = try event(#"{"event":"authority_conflicts","source_a":"1","source_b":"2"}"#) {
            $0.fields = ["source_a": "source_b", "source_b": "source_a"]
        }
        #expect(read.hasPrefix(#"{"event":"authority_conflicts","source_a":"2","source_b":"1","#))
    }

    @Test func `keys that are no column are left out where the input says so, however many there are`() throws {
        let more = (0..<40).map { #""k\#($0)":[\#($0)]"# }.joined(separator: ",")
        let line = #"{\#(more),"error_id":1,"column_name":"c","event":"cast_errors","symbol":"A","z":{}}"#
        let read = try event(line) { $0.unknownFields = .ignore }
        #expect(read.hasPrefix(#"{"event":"cast_errors","symbol":"A","column_name":"c","#))
        #expect(try rejection(line, { _ in }).contains("unknown_field"))
    }

    @Test(arguments: [
        (#"{"event":"cast_errors","column_name":"c","x":1,"x":2}"#, "48 duplicate_field: x stands twice"),
        (#"{"event":"cast_errors","column_name":"c","x":1,"\u0078":2}"#, "48 duplicate_field: x stands twice"),
        (
            #"{"event":"cast_errors","column_name":"c","column_name":"d"}"#,
            "42 duplicate_field: column_name stands twice"
        ),
        (
            #"{"event":"cast_errors","x":1,"event":"cast_errors","column_name":"c"}"#,
            "30 duplicate_field: event stands twice"
        ),
        (#"{"event":"cast_errors","x":1}"#, "1 missing_field: column_name is required"),
    ])
    func `what is left out still may not stand twice`(line: String, told: String) throws {
        #expect(try rejection(line, { $0.unknownFields = .ignore }) == told)
    }

    @Test func `of a million keys that are left out the columns are still found`() throws {
        let many = (0..<100_000).map { #""\#($0)":0"# }.joined(separator: ",")
        let read = try event(#"{"event":"cast_errors",\#(many),"column_name":"c"}"#) { $0.unknownFields = .ignore }
        #expect(read.hasPrefix(#"{"event":"cast_errors","column_name":"c","#))
        #expect(
            try rejection(#"{"event":"cast_errors",\#(many),"column_name":"c","99999":1}"#) {
                $0.unknownFields = .ignore
            }
            .contains("duplicate_field: 99999 stands twice"))
    }

    // MARK: Times

    private static let berlin = TimeZoneRules(
        name: "Test", transitions: [844_563_600, 845_000_000], offsets: [3600, 7200, 3600],
        rule: PosixTimeZone(Array("CET-1CEST,M3.5.0,M10.5.0/3".utf8))?.rule)

    private func time(_ value: String, _ change: (inout LineMapping) -> Void) throws -> String {
        let read = try event(#"{"event":"backup_logs","backup_type":"a","status":"b","started_at":\#(value)}"#, change)
        return String(try #require(read.split(separator: #""started_at":""#).last).prefix { $0 != "\"" })
    }

    @Test(arguments: [
        ("2026-12-01 12:00:00", "2026-12-01T11:00:00.000000Z"),
        ("2027-07-01T12:00:00.25", "2027-07-01T10:00:00.250000Z"),
        // It is left out: by the offset from before.
        ("2027-03-28 02:30:00", "2027-03-28T01:30:00.000000Z"),
        // It comes twice: the second one.
        ("2027-10-31 02:30:00", "2027-10-31T01:30:00.000000Z"),
        // One that carries an offset needs no zone.
        ("2026-12-01T12:00:00-05:00", "2026-12-01T17:00:00.000000Z"),
        ("2026-12-01t12:00:00z", "2026-12-01T12:00:00.000000Z"),
    ])
    func `a time without an offset is read in the input's zone`(text: String, told: String) throws {
        let zone = try #require(Self.berlin)
        #expect(try time("\"\(text)\"", { $0.timeZone = zone }) == told)
    }

    @Test(arguments: [
        "2026-12-01", "2026-12-01 12:00", "2026-12-01 12:00:00 CET", "2026-12-01 25:00:00", "12:00:00", "",
    ])
    func `what is no such time stays none`(text: String) throws {
        let zone = try #require(Self.berlin)
        let line = #"{"event":"backup_logs","backup_type":"a","status":"b","started_at":"\#(text)"}"#
        let told = try rejection(line) { $0.timeZone = zone }
        #expect(told.contains("invalid_timestamp: started_at: ") && told.hasSuffix("is not an RFC 3339 time"))
        #expect(
            try rejection(line.replacing(text, with: "2026-12-01 12:00:00"), { _ in }).hasSuffix("with an offset")
                || text.isEmpty)
    }

    @Test(arguments: [
        (EpochUnit.seconds, "1764150000", "2025-11-26T09:40:00.000000Z"),
        (.seconds, "1764150000.5", "2025-11-26T09:40:00.500000Z"),
        (.seconds, "1.76415e9", "2025-11-26T09:40:00.000000Z"),
        (.seconds, "1764150000.0000005", "2025-11-26T09:40:00.000000Z"),
        (.seconds, "1764150000.00000050001", "2025-11-26T09:40:00.000001Z"),
        (.seconds, "1764150000.0000015", "2025-11-26T09:40:00.000002Z"),
        (.seconds, "0", "1970-01-01T00:00:00.000000Z"), (.seconds, "-0.0", "1970-01-01T00:00:00.000000Z"),
        (.seconds, "-1.5", "1969-12-31T23:59:58.500000Z"), (.seconds, "1e-30", "1970-01-01T00:00:00.000000Z"),
        (.seconds, "253402300799.999999", "9999-12-31T23:59:59.999999Z"),
        (.seconds, "-62135596800", "0001-01-01T00:00:00.000000Z"),
        (.milliseconds, "1764150000123", "2025-11-26T09:40:00.123000Z"),
        (.microseconds, "1764150000123456", "2025-11-26T09:40:00.123456Z"),
        (.nanoseconds, "1764150000123456500", "2025-11-26T09:40:00.123456Z"),
        (.nanoseconds, "1764150000123457500", "2025-11-26T09:40:00.123458Z"),
        (.nanoseconds, "1764150000123456501", "2025-11-26T09:40:00.123457Z"),
        (.milliseconds, "\"2026-12-01T12:00:00Z\"", "2026-12-01T12:00:00.000000Z"),
    ])
    func `a number is a time where the input says what it counts`(unit: EpochUnit, value: String, told: String) throws {
        #expect(try time(value, { $0.epoch = unit }) == told)
    }

    @Test(arguments: ["253402300800", "-62135596801", "1e30", "1e400000", "-1e18", "9223372036854775807"])
    func `a number beyond the years 1 to 9999 is out of range`(value: String) throws {
        let line = #"{"event":"backup_logs","backup_type":"a","status":"b","started_at":\#(value)}"#
        #expect(try rejection(line, { $0.epoch = .seconds }).contains("out_of_range"))
        #expect(try rejection(line, { _ in }).contains("wrong_type"))
    }

    @Test func `a number too far ahead freezes no pipeline either`() throws {
        let line = #"{"event":"cast_errors","column_name":"c","log_time":4102444800}"#
        #expect(try rejection(line, { $0.epoch = .seconds }).contains("out_of_range: log_time: 2100-01-01"))
    }

    // MARK: Mappings that cannot be

    @Test func `columns that could not be told apart are told`() {
        #expect(mapping { $0.fields = ["symbol": "error_detail"] }.conflict?.column == "symbol")
        #expect(mapping { $0.fields = ["symbol": "x", "error_detail": "x"] }.conflict?.column == "error_detail")
        #expect(mapping { $0.fields = ["symbol": "event"] }.conflict?.column == "symbol")
        #expect(
            mapping {
                $0.fields = ["symbol": "event"]
                $0.eventKey = "kind"
            }.conflict == nil)
        // No table has both.
        #expect(mapping { $0.fields = ["error_type": "x", "lock_type": "x"] }.conflict == nil)
        #expect(mapping { $0.fields = ["source_a": "source_b", "source_b": "source_a"] }.conflict == nil)
    }

    @Test(arguments: [
        ("EST5EDT,M3.2.0,M11.1.0", true), ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", true),
        ("IST-1GMT0,M10.5.0,M3.5.0/1", true),
        ("CET-1", true), ("A-1", false), ("CET", false), ("CET-1CEST", false), ("CET-1CEST,M13.1.0,M1.1.0", false),
        ("CET-1CEST,J0,J1", false), ("CET-1CEST,M3.5.0,M10.5.0/3x", false), ("", false), ("<CET-1", false),
        ("CET-999", false),
    ])
    func `a rule for ever is read, or refused`(text: String, isOne: Bool) {
        #expect((PosixTimeZone(Array(text.utf8)) != nil) == isOne)
    }

    @Test func `whatever a file of a time zone holds, reading it ends`() {
        var random = SplitMix64(seed: 3)
        var file: [UInt8] = Array("TZif2".utf8) + [UInt8](repeating: 0, count: 200)
        for _ in 0..<20_000 {
            let place = Int.random(in: 5..<file.count, using: &random)
            file[place] = UInt8.random(in: 0...255, using: &random)
            _ = TimeZoneRules(name: "x", file: file)
            if Int.random(in: 0..<10, using: &random) == 0 {
                file = Array("TZif2".utf8) + [UInt8](repeating: 0, count: 200)
            }
            if Int.random(in: 0..<3, using: &random) == 0 {
                for header in [0, 44] {
                    file.replaceSubrange(header..<header + 5, with: "TZif2".utf8)
                    for count in 20..<44 where count % 4 != 3 { file[header + count] = 0 }
                }
            }
        }
    }
}
