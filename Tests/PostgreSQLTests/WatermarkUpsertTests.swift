import Delivery
import OperationLogs
import PostgreSQL
import Testing

struct WatermarkUpsertTests {
    private static func mark(_ pipeline: String, _ last: Int64?, _ status: String?, _ updated: Int64) -> Watermark {
        Watermark(
            sequence: SequenceNumber(1), pipeline: Array(pipeline.utf8),
            lastProcessed: last.map { Timestamp(microseconds: $0 * 1_000_000) }, status: status.map { Array($0.utf8) },
            updatedAt: Timestamp(microseconds: updated * 1_000_000))
    }

    private static func upsert(_ marks: [Watermark], into database: TestDatabase) throws {
        let session = try database.session()
        try session.begin()
        try session.upsert(marks)
        try session.commit()
    }

    private static func rows(_ database: TestDatabase) throws -> [[String?]] {
        try database.run(
            """
            SELECT pipeline_name, extract(epoch FROM last_processed_ts)::bigint - 946684800, status,
                extract(epoch FROM updated_at)::bigint - 946684800
            FROM operation_logs.pipeline_watermarks ORDER BY pipeline_name
            """)
    }

    @Test func `new pipelines become rows, also with names of any characters`() throws {
        let database = try TestDatabase()
        let marks = [Self.mark("a", 1, "ok", 10), Self.mark("b'{\\\",}", nil, nil, 11), Self.mark("ü", 3, "", 12)]
        try Self.upsert(marks, into: database)
        #expect(
            try Self.rows(database) == [
                ["a", "1", "ok", "10"], ["b'{\\\",}", nil, nil, "11"], ["ü", "3", "", "12"],
            ])
    }

    @Test func `newest wins by updated_at, and of equal ones the later`() throws {
        let database = try TestDatabase()
        try Self.upsert([Self.mark("p", 5, "five", 10)], into: database)
        try Self.upsert([Self.mark("p", 9, "late", 9)], into: database)
        #expect(try Self.rows(database) == [["p", "5", "five", "10"]])
        try Self.upsert([Self.mark("p", 6, "equal", 10)], into: database)
        #expect(try Self.rows(database) == [["p", "6", "equal", "10"]])
        try Self.upsert([Self.mark("p", 1, "rewind", 11)], into: database)
        #expect(try Self.rows(database) == [["p", "1", "rewind", "11"]])
    }

    @Test func `a column that is not carried keeps the row's value`() throws {
        let database = try TestDatabase()
        try Self.upsert([Self.mark("p", 5, "five", 10)], into: database)
        try Self.upsert([Self.mark("p", nil, "status only", 11)], into: database)
        #expect(try Self.rows(database) == [["p", "5", "status only", "11"]])
        try Self.upsert([Self.mark("p", 7, nil, 12)], into: database)
        #expect(try Self.rows(database) == [["p", "7", "status only", "12"]])
    }

    @Test func `a row without updated_at is always changed`() throws {
        let database = try TestDatabase()
        try database.run("INSERT INTO operation_logs.pipeline_watermarks VALUES ('p', NULL, 'old', NULL)")
        try Self.upsert([Self.mark("p", nil, nil, -1_000_000)], into: database)
        #expect(try Self.rows(database) == [["p", nil, "old", "-1000000"]])
    }

    @Test func `no watermarks are no statement, and one pipeline twice is refused`() throws {
        let database = try TestDatabase()
        let session = try database.session()
        try session.begin()
        try session.upsert([])
        let twice = [Self.mark("p", 1, nil, 1), Self.mark("p", 2, nil, 2)]
        #expect(try serverError { try session.upsert(twice) }.sqlstate == "21000")
    }
}
