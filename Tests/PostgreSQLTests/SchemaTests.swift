import Delivery
import Glibc
import LinuxSystem
import OperationLogs
import PrivatePostgreSQL
import Testing

@testable import PostgreSQL

struct SchemaTests {
    @Test(arguments: ["seed.sql", "spool_positions.sql", "dead_letters.sql"])
    func `what is embedded is what stands in sql, byte for byte`(_ name: String) throws {
        // Tests/PostgreSQLTests/SchemaTests.swift, two levels below the package.
        let package = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
        let file = try #require(fopen("\(package)/sql/\(name)", "r"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let embedded = [
            "seed.sql": Schema.seed, "spool_positions.sql": Schema.positions, "dead_letters.sql": Schema.deadLetters,
        ]
        let count = fread(&bytes, 1, bytes.count, file)
        #expect(Array(bytes[..<count]) == Array((embedded[name] ?? "").utf8))
        #expect(count > 500)
    }

    @Test func `each statement of the seed and each of ours is taken apart and named`() throws {
        let seed = try #require(SchemaStatement.all(in: Schema.seed))
        #expect(seed.count == 12)
        #expect(seed[0].object == .schema("operation_logs"))
        #expect(seed.map(\.object).filter { if case .table = $0 { true } else { false } }.count == 8)
        #expect(
            seed[9...].map(\.object) == [
                .index("idx_dq_symbol_ts", table: "data_quality_errors", columns: ["symbol", "ts"]),
                .index("idx_upsert_symbol_ts", table: "upsert_failures", columns: ["symbol", "ts"]),
                .index("idx_watermark_status", table: "pipeline_watermarks", columns: ["status"]),
            ])
        let ours = try #require(SchemaStatement.all(in: Schema.positions))
        #expect(ours.map(\.object) == [.table("spool_positions"), .comment])
        #expect(ours[1].text.contains("'opslogd schema version \(Schema.version)'"))
        #expect(SchemaStatement.all(in: "DROP TABLE x;") == nil)
        #expect(SchemaStatement.all(in: "CREATE TABLE operation_logs.x (") == nil)
    }

    @Test func `applied to an empty database it makes everything, and a second time nothing`() throws {
        let database = try TestDatabase(empty: true)
        let first = try Schema.apply(conninfo: database.conninfo)
        #expect(first.count == 15)
        #expect(first.allSatisfy { $0.isNew })
        #expect(first.map(\.name).contains("table operation_logs.spool_positions"))
        let second = try Schema.apply(conninfo: database.conninfo)
        #expect(second.map(\.name) == first.map(\.name))
        #expect(second.allSatisfy { !$0.isNew })
        #expect(try Schema.check(conninfo: database.conninfo) == [])
    }

    @Test func `what schema print gives is a script that makes the same`() throws {
        let database = try TestDatabase(empty: true)
        try database.run(Schema.sql)
        #expect(try Schema.apply(conninfo: database.conninfo).allSatisfy { !$0.isNew })
    }

    @Test func `a database that holds the seed's tables with rows is accepted as it is`() throws {
        let database = try TestDatabase(empty: true)
        try database.run(Schema.seed)
        try database.run(
            """
            INSERT INTO operation_logs.backup_logs (backup_type, status) VALUES ('full', 'done');
            ALTER TABLE operation_logs.backup_logs ADD COLUMN note TEXT;
            DROP INDEX operation_logs.idx_dq_symbol_ts;
            CREATE INDEX own_name ON operation_logs.data_quality_errors (symbol, ts)
            """)
        let applied = try Schema.apply(conninfo: database.conninfo)
        let ours =
            ["spool_positions", "dead_letters"].map { "table operation_logs.\($0)" } + [
                "index operation_logs.idx_dead_letters_received"
            ]
        #expect(applied.filter(\.isNew).map(\.name) == ours)
        #expect(try database.count("backup_logs") == 1)
        #expect(try Schema.check(conninfo: database.conninfo) == [])
    }

    @Test func `applied twice at once it is applied once`() throws {
        let database = try TestDatabase(empty: true)
        let conninfo = database.conninfo
        let done = try EventDescriptor()
        let counts = Locked<[Int]>([])
        for _ in 0..<4 {
            WorkerThread.start("apply") {
                let made = (try? Schema.apply(conninfo: conninfo).filter(\.isNew).count) ?? -1
                counts.change { $0.append(made) }
                done.signal()
            }
        }
        while counts.value.count < 4 { done.wait() }
        #expect(counts.value.sorted() == [0, 0, 0, 15])
    }

    @Test func `a newer schema is left alone`() throws {
        let database = try TestDatabase()
        try database.run("COMMENT ON TABLE operation_logs.spool_positions IS 'opslogd schema version 7'")
        let problem = #expect(throws: SchemaProblem.self) { try Schema.apply(conninfo: database.conninfo) }
        guard case .doesNotFit(let sentence)? = problem else { throw SharedServer.Failure(words: "\(problem as Any)") }
        #expect(sentence.contains("version 7"))
    }

    private static let damages: [(String, SchemaFinding.Kind, String)] = [
        ("DROP SCHEMA operation_logs CASCADE", .schema, "the schema operation_logs is missing"),
        ("DROP TABLE operation_logs.cast_errors", .schema, "the table operation_logs.cast_errors is missing"),
        ("DROP TABLE operation_logs.spool_positions", .schema, "the table operation_logs.spool_positions is missing"),
        (
            "ALTER TABLE operation_logs.cast_errors DROP COLUMN raw_value", .schema,
            "operation_logs.cast_errors has no column raw_value: ALTER TABLE operation_logs.cast_errors ADD COLUMN raw_value TEXT"
        ),
        (
            "ALTER TABLE operation_logs.dedup_conflicts ALTER existing_row TYPE varchar(90)", .schema,
            "operation_logs.dedup_conflicts.existing_row is character varying(90) and not JSONB"
        ),
        (
            "ALTER TABLE operation_logs.concurrency_issues ALTER pid TYPE smallint", .schema,
            "operation_logs.concurrency_issues.pid is smallint and not INTEGER"
        ),
        (
            "ALTER TABLE operation_logs.backup_logs ALTER log_time DROP DEFAULT, ALTER log_time TYPE date", .schema,
            "operation_logs.backup_logs.log_time is date and not TIMESTAMPTZ"
        ),
        (
            "ALTER TABLE operation_logs.upsert_failures DROP symbol, ADD symbol TEXT GENERATED ALWAYS AS ('x') STORED",
            .schema, "operation_logs.upsert_failures.symbol is generated and takes no value"
        ),
        (
            "ALTER TABLE operation_logs.upsert_failures ADD tenant TEXT NOT NULL", .schema,
            "no event fills operation_logs.upsert_failures.tenant, which is NOT NULL and has no default"
        ),
        (
            "ALTER TABLE operation_logs.pipeline_watermarks DROP CONSTRAINT pipeline_watermarks_pkey", .schema,
            "operation_logs.pipeline_watermarks has no unique index on (pipeline_name)"
        ),
        (
            "ALTER TABLE operation_logs.spool_positions DROP CONSTRAINT spool_positions_pkey", .schema,
            "operation_logs.spool_positions has no unique index on (spool_id, lane)"
        ),
        (
            "REVOKE USAGE ON SCHEMA operation_logs FROM ROLE", .privilege,
            "GRANT USAGE ON SCHEMA operation_logs TO ROLE"
        ),
        (
            "REVOKE INSERT ON operation_logs.cast_errors FROM ROLE", .privilege,
            "the role ROLE lacks INSERT on operation_logs.cast_errors: GRANT INSERT ON operation_logs.cast_errors TO ROLE"
        ),
        (
            "REVOKE UPDATE ON operation_logs.pipeline_watermarks FROM ROLE", .privilege,
            "lacks UPDATE on operation_logs.pipeline_watermarks: GRANT SELECT, INSERT, UPDATE"
        ),
        (
            "REVOKE SELECT ON operation_logs.spool_positions FROM ROLE", .privilege,
            "lacks SELECT on operation_logs.spool_positions"
        ),
        (
            "REVOKE USAGE ON SEQUENCE operation_logs.cast_errors_error_id_seq FROM ROLE", .privilege,
            "GRANT USAGE ON SEQUENCE operation_logs.cast_errors_error_id_seq TO ROLE"
        ),
        (
            "ALTER TABLE operation_logs.cast_errors ENABLE ROW LEVEL SECURITY", .schema,
            "row-level security is active on operation_logs.cast_errors"
        ),
    ]

    @Test(arguments: damages.indices)
    func `whatever does not suit delivery is found, with what to do`(_ index: Int) throws {
        let (damage, kind, words) = Self.damages[index]
        let database = try TestDatabase()
        let role = try RoleTests.minimalRole(database)
        try database.run(damage.replacing("ROLE", with: role))
        let findings = try Schema.check(conninfo: database.conninfo(user: role))
        #expect(findings.count == 1)
        #expect(findings.first?.kind == kind)
        #expect(findings.first?.sentence.contains(words.replacing("ROLE", with: role)) == true, "\(findings)")

        let session = try database.session(user: role)
        let hindered = try EventKind.allCases.filter { try session.obstacle(of: $0) != nil }
        #expect(!hindered.isEmpty)
        let isEveryLane = ["SCHEMA operation_logs", "spool_positions"].contains { damage.contains($0) }
        #expect(hindered.count == (isEveryLane ? 8 : 1))
        try session.begin()
        try session.rollback()
    }

    @Test func `the table of dead letters is compared where it is filled`() throws {
        let database = try TestDatabase()
        let role = try RoleTests.minimalRole(database)
        func check(user: String, shows: Bool = true) throws -> [SchemaFinding] {
            try Schema.check(conninfo: database.conninfo(user: user), showsDeadLetters: shows)
        }
        #expect(try check(user: "postgres") == [])
        try database.run("GRANT SELECT, INSERT, UPDATE ON operation_logs.dead_letters TO \(role)")
        #expect(try check(user: role) == [])
        for privilege in ["SELECT", "INSERT", "UPDATE"] {
            try database.run("REVOKE \(privilege) ON operation_logs.dead_letters FROM \(role)")
            let findings = try check(user: role)
            #expect(findings.map(\.kind) == [.privilege])
            #expect(
                findings.first?.sentence.contains("GRANT SELECT, INSERT, UPDATE ON operation_logs.dead_letters") == true
            )
            try database.run("GRANT \(privilege) ON operation_logs.dead_letters TO \(role)")
        }
        try database.run("ALTER TABLE operation_logs.dead_letters DROP COLUMN retried_as")
        #expect(try check(user: role).map(\.kind) == [.schema])
        try database.run("DROP TABLE operation_logs.dead_letters")
        let missing = try check(user: role)
        #expect(missing.map(\.kind) == [.schema] && missing[0].sentence.contains("dead_letters is missing"))
        #expect(try check(user: role, shows: false) == [])
    }

    @Test func `problems are told apart by what can be done about them`() throws {
        let database = try TestDatabase()
        let away = #expect(throws: SchemaProblem.self) {
            try Schema.check(conninfo: "host=/nonexistent user=x dbname=y")
        }
        guard case .unreachable? = away else { throw SharedServer.Failure(words: "\(away as Any)") }
        let unknown = #expect(throws: SchemaProblem.self) {
            try Schema.check(conninfo: database.server.conninfo(database: "no_such", user: "postgres"))
        }
        guard case .unreachable(let sentence)? = unknown else { throw SharedServer.Failure(words: "\(unknown as Any)") }
        #expect(sentence.contains("3D000"))
        let nobody = #expect(throws: SchemaProblem.self) {
            try Schema.check(conninfo: database.conninfo(user: "no_such_role"))
        }
        guard case .notPermitted? = nobody else { throw SharedServer.Failure(words: "\(nobody as Any)") }
        #expect(throws: SchemaProblem.self) { try Schema.check(conninfo: "no such word = at all") }
    }
}
