import Delivery

/// Runs the statements whose objects are missing, within a transaction that is under way.
enum SchemaApplication {
    enum Outcome {
        case applied([AppliedObject])
        /// The database holds this version, which is newer than ours.
        case newer(Int)
    }

    /// What is there, by the catalogue.
    private struct Present {
        var hasSchema = false
        var relations: Set<String> = []
        /// Table and columns of each index: one under another name serves as well.
        var indexes: Set<[String]> = []
        /// As the comment on `spool_positions` records it.
        var version: Int?
    }

    static func run(over connection: LibpqConnection) throws(DatabaseFailure) -> Outcome {
        guard let seed = SchemaStatement.all(in: Schema.seed),
            let positions = SchemaStatement.all(in: Schema.positions),
            let deadLetters = SchemaStatement.all(in: Schema.deadLetters)
        else {
            throw .server(
                ServerError(sqlstate: "XX000", message: "the embedded SQL cannot be taken apart; report this"))
        }
        // One at a time: two that find the same table missing would both make it. Any number that nobody else uses.
        _ = try connection.run("SELECT pg_advisory_xact_lock(7021930462581193472)")
        let present = try look(over: connection)
        if let found = present.version, found > Schema.version { return .newer(found) }
        var applied: [AppliedObject] = []
        for statement in seed + positions + deadLetters {
            let (name, isPresent) = find(statement.object, in: present)
            if !isPresent { _ = try connection.run(statement.text) }
            if let name { applied.append(AppliedObject(name: name, isNew: !isPresent)) }
        }
        return .applied(applied)
    }

    private static func find(_ object: SchemaStatement.Object, in present: Present) -> (name: String?, Bool) {
        switch object {
        case .schema(let name): ("schema \(name)", present.hasSchema)
        case .table(let name): ("table operation_logs.\(name)", present.relations.contains(name))
        case .index(let name, let table, let columns):
            (
                "index operation_logs.\(name)",
                present.relations.contains(name) || present.indexes.contains([table] + columns)
            )
        case .comment: (nil, present.version == Schema.version)
        }
    }

    private static func look(over connection: LibpqConnection) throws(DatabaseFailure) -> Present {
        var present = Present()
        let relations = try connection.run(
            """
            SELECT n.nspname IS NOT NULL, c.relname, t.relname,
                (SELECT string_agg(a.attname, ',' ORDER BY k.place)
                 FROM unnest(i.indkey) WITH ORDINALITY AS k (number, place)
                     JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number),
                CASE WHEN c.relname = 'spool_positions' THEN obj_description(c.oid, 'pg_class') END
            FROM pg_namespace AS n
                LEFT JOIN pg_class AS c ON c.relnamespace = n.oid
                LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
                LEFT JOIN pg_class AS t ON t.oid = i.indrelid
            WHERE n.nspname = 'operation_logs'
            """, [], binaryResult: false)
        for row in 0..<relations.rowCount {
            present.hasSchema = true
            if let name = relations.text(row, 1) { present.relations.insert(name) }
            if let table = relations.text(row, 2), let columns = relations.text(row, 3) {
                present.indexes.insert([table] + columns.split(separator: ",").map(String.init))
            }
            if let comment = relations.text(row, 4), comment.hasPrefix("opslogd schema version ") {
                present.version = comment.split(separator: " ").last.flatMap { Int($0) }
            }
        }
        return present
    }
}
