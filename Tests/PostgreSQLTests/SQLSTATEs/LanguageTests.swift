import Glibc
import OperationLogs
import PostgreSQL
import PrivatePostgreSQL
import Testing

@testable import Delivery

/// A server whose messages are not English: nothing may hang on their words.
@Suite(.serialized)
struct LanguageTests {
    /// The states of triggers: the one thing that English words could have told.
    private static let triggers: [(body: String, state: String, meaning: FailureMeaning)] = [
        ("RAISE EXCEPTION 'no' USING ERRCODE = '42P01'", "42P01", .rowsFault),
        ("RAISE EXCEPTION 'no' USING ERRCODE = '40001'", "40001", .passing),
        ("ASSERT false", "P0004", .rowsFault),
        ("INSERT INTO public.audit VALUES (1)", "42P01", .operators),
        ("found := 1 / (SELECT 0)", "22012", .rowsFault),
    ]

    @Test func `a server that speaks German is understood`() throws {
        var settings = ServerSettings.unsynced
        settings.language = "de"
        settings.values["lc_messages"] = "C.UTF-8"
        let own = try OwnServer(settings: settings)
        let conninfo = own.server.conninfo
        for (body, state, meaning) in Self.triggers {
            try TestDatabase.run(RaisedState.trigger(body), conninfo: conninfo)
            let session = try own.session()
            try session.begin()
            let error = try serverError { try session.write(.castErrors) }
            #expect(error.sqlstate == state, "\(error)")
            #expect(SQLSTATECase.of(error, lane: .castErrors).meaning == meaning, "\(error)")
            try TestDatabase.run(
                "DROP TRIGGER act ON operation_logs.cast_errors; DROP FUNCTION public.act()", conninfo: conninfo)
        }
        // Where its catalogue of messages is installed, the words are German.
        let session = try own.session()
        try TestDatabase.run("DROP TABLE operation_logs.cast_errors", conninfo: conninfo)
        try session.begin()
        let missing = try serverError { try session.write(.castErrors) }
        #expect(missing.sqlstate == "42P01")
        let major = try TestDatabase.run("SHOW server_version_num", conninfo: conninfo).first?.first.flatMap { $0 }
        let catalogue = "/usr/share/locale/de/LC_MESSAGES/postgres-\(major?.dropLast(4) ?? "").mo"
        if access(catalogue, R_OK) == 0 {
            #expect(missing.message.contains("existiert nicht"), "\(missing.message)")
        }
        let nobody = try serverError {
            _ = try LibpqSession(conninfo: own.server.conninfo(database: "no_such", user: "postgres")).connect()
        }
        #expect(nobody.sqlstate == "3D000" && !nobody.message.contains("3D000"), "\(nobody.message)")
    }
}
