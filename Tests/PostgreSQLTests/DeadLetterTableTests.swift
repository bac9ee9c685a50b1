import Delivery
import Glibc
import Instruments
import LinuxSystem
import OperationLogs
import PostgreSQL
import Testing

@testable import DeadLetters

/// Dead letters shown in a table of a real server: each once, with what became of it, whatever happens to the connection or
/// to the table.
@Suite(.serialized)
struct DeadLetterTableTests {
    private final class Mirrored: Sendable {
        let database: TestDatabase
        let store: DeadLetterStore<DirectoryStorage>
        let said = Locked<[String]>([])
        private let directory: TemporaryDirectory
        private let mirror: DeadLetterMirror<LibpqSession, SystemTime>
        private let ended: EventDescriptor

        init(_ database: TestDatabase, in directory: TemporaryDirectory) throws {
            self.database = database
            self.directory = directory
            chmod(directory.path, 0o700)
            store = try DeadLetterStore(
                in: DirectoryStorage(path: directory.path), spool: UniqueID(high: 1, low: 2), lowestPosition: .zero,
                registry: Registry(), diagnostics: .silent)
            mirror = try DeadLetterMirror(
                session: LibpqSession(conninfo: database.conninfo), feed: JournalFeed(of: store),
                options: DeliveryOptions(retryInitialMilliseconds: 1, retryMaxMilliseconds: 20, host: "h"),
                time: SystemTime(), registry: Registry(),
                diagnostics: Diagnostics { [said] severity, text in said.change { $0.append("\(severity): \(text)") } })
            ended = try EventDescriptor()
            WorkerThread.start("mirror") { [mirror, ended] in
                mirror.run()
                ended.signal()
            }
        }

        func stop() {
            mirror.stop()
            _ = ended.wait(milliseconds: 10_000)
        }

        var status: DeadLetterMirrorStatus { mirror.status }

        func waitUntil(_ what: String, _ condition: () throws -> Bool) throws {
            for _ in 0..<3000 {
                if try condition() { return }
                usleep(10_000)
            }
            throw SharedServer.Failure(words: "not in time: \(what): \(mirror.status); \(said.value.suffix(3))")
        }

        func waitFor(_ rows: Int) throws {
            try waitUntil("\(rows) rows") { try count() == rows }
        }

        func count(_ condition: String = "true") throws -> Int {
            let found = try database.run("SELECT count(*) FROM operation_logs.dead_letters WHERE \(condition)")
            return found.first?[0].flatMap { Int($0) } ?? -1
        }
    }

    private static func letter(_ id: UInt64, line: [UInt8] = Array("{\"a\":\"ü\"}".utf8)) -> DeadLetter {
        DeadLetter(
            id: SequenceNumber(id), time: Timestamp(microseconds: 0), reason: .missingField, detail: "x is required",
            event: .castErrors, source: RecordOriginator(kind: .file, input: "i", path: "/p", uid: 7, pid: 8),
            offset: id, line: line)
    }

    private func mirrored(_ database: TestDatabase? = nil, in directory: TemporaryDirectory? = nil) throws -> Mirrored {
        try Mirrored(database ?? TestDatabase(), in: directory ?? TemporaryDirectory())
    }

    @Test func `each letter is a row that says what the letter says`() throws {
        let mirrored = try mirrored()
        defer { mirrored.stop() }
        var refusal = Self.letter(3)
        refusal.reason = .rejectedByDatabase
        refusal.sqlstate = "22003"
        refusal.event = nil
        refusal.source = RecordOriginator(kind: .socket, input: "s", path: nil)
        refusal.isTruncated = true
        try mirrored.store.append([
            Self.letter(2), refusal, Self.letter(4, line: [0x61, 0xff]), Self.letter(5, line: [0x61, 0, 0x62]),
        ])
        try mirrored.waitFor(4)
        let rows = try mirrored.database.run(
            """
            SELECT spool_id, id, host, received_at AT TIME ZONE 'UTC', reason, detail, sqlstate, event, input, path, "offset",
                uid, pid, line, encode(line_bytes, 'hex'), truncated, fate, ended_at, retried_as
            FROM operation_logs.dead_letters ORDER BY id
            """)
        let spool = "\(UniqueID(high: 1, low: 2))"
        let day = "2000-01-01 00:00:00"
        #expect(
            rows == [
                [
                    spool, "2", "h", day, "missing_field", "x is required", nil, "cast_errors", "i", "/p", "2", "7",
                    "8",
                    "{\"a\":\"ü\"}", nil, "f", nil, nil, nil,
                ],
                [
                    spool, "3", "h", day, "rejected_by_database", "x is required", "22003", nil, "s", nil, "3", nil,
                    nil,
                    "{\"a\":\"ü\"}", nil, "t", nil, nil, nil,
                ],
                [
                    spool, "4", "h", day, "missing_field", "x is required", nil, "cast_errors", "i", "/p", "4", "7",
                    "8",
                    nil, "61ff", "f", nil, nil, nil,
                ],
                [
                    spool, "5", "h", day, "missing_field", "x is required", nil, "cast_errors", "i", "/p", "5", "7",
                    "8",
                    nil, "610062", "f", nil, nil, nil,
                ],
            ])
    }

    @Test func `what became of a letter stands in its row, also where it happened without a connection`() throws {
        let directory = try TemporaryDirectory()
        var mirrored = try mirrored(in: directory)
        let database = mirrored.database
        let time = Timestamp(microseconds: 1_000_000)
        func end(_ id: UInt64, _ fate: LetterFate) throws {
            try mirrored.store.end([LetterEnd(id: SequenceNumber(id), fate: fate, time: time)])
        }
        try mirrored.store.append((1...5).map { Self.letter($0) })
        try mirrored.waitFor(5)
        try end(1, .retried(as: SequenceNumber(9)))
        try mirrored.waitUntil("its end is there") { try mirrored.count("fate IS NOT NULL") == 1 }
        mirrored.stop()
        try end(2, .discarded)
        // One of which nobody knows any more; and another spool's, which is none of ours.
        try database.run(
            """
            INSERT INTO operation_logs.dead_letters (spool_id, id, host, received_at, reason, detail, input, "offset", truncated)
            SELECT spool_id, 99, host, received_at, reason, detail, input, 0, false FROM operation_logs.dead_letters WHERE id = 3
            UNION ALL
            SELECT gen_random_uuid(), 100, host, received_at, reason, detail, input, 0, false
            FROM operation_logs.dead_letters WHERE id = 3
            """)
        mirrored = try self.mirrored(database, in: directory)
        defer { mirrored.stop() }
        try mirrored.waitUntil("all ends are there") { try mirrored.count("fate IS NOT NULL") == 3 }
        let rows = try database.run(
            """
            SELECT id, fate, ended_at AT TIME ZONE 'UTC', retried_as FROM operation_logs.dead_letters ORDER BY id
            """)
        #expect(
            rows == [
                ["1", "retried", "2000-01-01 00:00:01", "9"], ["2", "discarded", "2000-01-01 00:00:01", nil],
                ["3", nil, nil, nil], ["4", nil, nil, nil], ["5", nil, nil, nil], ["99", "dropped", nil, nil],
                ["100", nil, nil, nil],
            ])
    }

    @Test func `connections that end, a start anew and rows that are gone double nothing and leave nothing out`() throws
    {
        let directory = try TemporaryDirectory()
        var mirrored = try mirrored(in: directory)
        let database = mirrored.database
        var next = UInt64(1)
        for round in 0..<6 {
            for _ in 0..<50 {
                try mirrored.store.append((next..<next + 60).map { Self.letter($0) })
                next += 60
                if next % 7 == 0 {
                    try database.run(
                        """
                        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE datname = current_database() AND pid <> pg_backend_pid()
                        """)
                }
            }
            // A backup of before is what the database is now.
            if round == 3 { try database.run("DELETE FROM operation_logs.dead_letters WHERE id % 3 = 0 OR id > 8000") }
            mirrored.stop()
            mirrored = try self.mirrored(database, in: directory)
        }
        defer { mirrored.stop() }
        try mirrored.waitFor(Int(next) - 1)
        #expect(try mirrored.count("fate IS NULL") == Int(next) - 1)
        try mirrored.waitUntil("nothing more to say") { mirrored.status.obstacle == nil && mirrored.status.isConnected }
    }

    @Test
    func `a table that is missing is asked for, and filled once it is there; delivery's tables are not concerned`()
        throws
    {
        let database = try TestDatabase()
        try database.run("DROP TABLE operation_logs.dead_letters")
        let mirrored = try mirrored(database)
        defer { mirrored.stop() }
        try mirrored.store.append([Self.letter(1)])
        try mirrored.waitUntil("it says what to do") {
            mirrored.status.obstacle?.contains("dead_letters") == true
                && mirrored.status.obstacle?.contains("opslogd schema apply") == true
        }
        _ = try Schema.apply(conninfo: database.conninfo)
        try mirrored.waitFor(1)
        try mirrored.waitUntil("nothing is in the way") { mirrored.status.obstacle == nil }
        #expect(mirrored.said.value.count == 1, "\(mirrored.said.value)")
    }

    @Test func `a line that the database's encoding lacks is shown as bytes, the others as they are`() throws {
        let database = try TestDatabase(encoding: "LATIN1")
        let mirrored = try mirrored(database)
        defer { mirrored.stop() }
        var odd = Self.letter(20, line: Array("{\"a\":\"漢\"}".utf8))
        odd.source.path = "/漢"
        try mirrored.store.append((1..<20).map { Self.letter($0) } + [odd] + (21..<50).map { Self.letter($0) })
        try mirrored.waitFor(49)
        #expect(try mirrored.count("line_bytes IS NULL") == 48)
        let row = try database.run(
            "SELECT path, encode(line_bytes, 'hex') FROM operation_logs.dead_letters WHERE id = 20")
        #expect(row == [["/?", "7b2261223a22e6bca2227d"]])
    }
}
