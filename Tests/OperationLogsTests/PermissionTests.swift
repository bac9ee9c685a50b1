import Testing

@testable import OperationLogs

@Suite struct PermissionTests {
    private static func options(_ permitted: EventKindSet) -> LineEncoder.Options {
        var options = lineOptions()
        options.permitted = permitted
        return options
    }

    @Test func `a set holds the kinds that were put in`() {
        for kind in EventKind.allCases {
            #expect(EventKindSet.all.contains(kind))
            let others = EventKindSet(EventKind.allCases.filter { $0 != kind })
            #expect(!others.contains(kind))
            #expect(([kind] as EventKindSet).contains(kind))
            var whole = others
            whole.formUnion([kind])
            #expect(whole == .all)
        }
        #expect(EventKindSet().isEmpty)
        #expect(EventKindSet(EventKind.allCases) == .all)
    }

    @Test func `an event that the source may not send is rejected and named`() throws {
        let lines =
            #"{"event":"backup_logs","backup_type":"full","status":"ok"}"# + "\n"
            + #"{"event":"cast_errors","column_name":"price"}"# + "\n"
        let found = try encode(pieces: [Array(lines.utf8)], Self.options([.castErrors]))
        #expect(found.events.map(\.kind) == [.castErrors])
        #expect(found.reasons == [.notPermitted])
        #expect(found.rejected.first?.event == .backupLogs)
        #expect(found.rejections.first?.detail == "event: this peer may not send backup_logs")
        #expect(found.rejections.first?.column == 10)
    }

    /// Each line holds two mistakes; the one that is told first is told.
    @Test(
        arguments: [
            (#"{"event":"nope"}"#, .unknownEvent), (#"{"event":5}"#, .wrongType), ("{}", .missingEvent),
            ("[]", .notAnObject), (#"{"event":"cast_errors""#, .invalidJSON),
            (#"{"event":"cast_errors","x":1,"x":2}"#, .duplicateField),
            (#"{"event":"cast_errors","nope":1}"#, .notPermitted), (#"{"event":"cast_errors"}"#, .notPermitted),
            (#"{"event":"cast_errors","column_name":5}"#, .notPermitted),
            (#"{"event":"cast_errors","column_name":"a","log_time":"x"}"#, .notPermitted),
        ] as [(String, RejectionReason)])
    func `it comes after the event is known and before its columns`(_ line: String, _ reason: RejectionReason) throws {
        let found = try encode(pieces: [Array((line + "\n").utf8)], Self.options([]))
        #expect(found.reasons == [reason])
    }

    @Test func `it is asked of the table that the line becomes, whatever the input calls it`() throws {
        var mapping = LineMapping()
        mapping.event = .castErrors
        mapping.eventKey = "kind"
        mapping.eventWords = ["BACKUP": .backupLogs]
        var options = Self.options([.backupLogs])
        options.dialect = LineDialect(mapping)
        let lines = [
            #"{"column_name":"price"}"#, #"{"kind":"BACKUP","backup_type":"full","status":"ok"}"#,
            #"{"kind":"cast_errors","column_name":"price"}"#,
        ]
        let found = try encode(pieces: [Array((lines.joined(separator: "\n") + "\n").utf8)], options)
        #expect(found.events.map(\.kind) == [.backupLogs])
        #expect(found.reasons == [.notPermitted, .notPermitted])
        #expect(
            found.rejections.map(\.detail) == Array(repeating: "kind: this peer may not send cast_errors", count: 2))
        #expect(found.rejections.map(\.column) == [1, 9])
    }

    @Test func `who may send nothing may still send empty lines and control lines`() throws {
        var options = Self.options([])
        options.takesControlLines = true
        let found = try encode(pieces: [Array("\n{\"opslogd\":{\"ack\":true}}\n \n".utf8)], options)
        #expect(found.rejected.isEmpty && found.controls.count == 1 && found.lines == 2)
    }
}
