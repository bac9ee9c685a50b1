import OperationLogs

/// The SQL of a session. Fixed text: identifiers are a closed set, values travel as parameters or COPY data only, and
/// every name outside `pg_catalog` is qualified.
enum SessionStatements {
    /// Begins a transaction whose behaviour depends on nothing that a role, a database or a pooler has set. All of it is
    /// local to the transaction, in one round trip.
    ///
    /// - `pg_temp` is named last, or it would be searched first.
    /// - `synchronous_commit` is raised to `on`, and stays where it stands above that (`remote_apply`).
    /// - `client_min_messages`: or the warning of a COMMIT that is not replicated could be kept from us.
    /// - A backend that waits for COPY data heeds no timeout of its own: after a silent cut only TCP keepalives end it
    ///   and free its row locks. They mean nothing on a Unix socket, and are taken without complaint.
    /// - Deferred constraints are checked with the statement that breaks them and not at COMMIT, so that the table, and
    ///   then the row, can be told.
    static func begin(_ limits: ConnectionLimits) -> String {
        """
        BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
        SET LOCAL search_path = pg_catalog, pg_temp;
        SET LOCAL statement_timeout = \(limits.statementMilliseconds);
        SET LOCAL lock_timeout = \(limits.lockMilliseconds);
        SET LOCAL idle_in_transaction_session_timeout = \(limits.idleMilliseconds);
        SET LOCAL tcp_keepalives_idle = 10;
        SET LOCAL tcp_keepalives_interval = 5;
        SET LOCAL tcp_keepalives_count = 3;
        SET LOCAL client_min_messages = warning;
        SELECT set_config('synchronous_commit', 'on', true)
            WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write');
        SET CONSTRAINTS ALL IMMEDIATE
        """
    }

    /// Who the server is. The functions need no grant, unless somebody has taken it away.
    static let recovery = """
        SELECT pg_catalog.pg_is_in_recovery(),
            pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')
            AND pg_catalog.has_function_privilege('pg_catalog.pg_control_checkpoint()', 'EXECUTE')
            AND pg_catalog.has_function_privilege('pg_catalog.pg_current_wal_insert_lsn()', 'EXECUTE')
            AND pg_catalog.has_function_privilege('pg_catalog.pg_walfile_name(pg_lsn)', 'EXECUTE')
        """
    /// The control file has the timeline of the last checkpoint: of a server that was just promoted, the one before. The
    /// name of the file that the log is written to begins with the present one; a server in recovery writes none.
    static let identity = """
        SELECT s.system_identifier, c.timeline_id, CASE WHEN NOT pg_catalog.pg_is_in_recovery()
            THEN pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()) END
        FROM pg_catalog.pg_control_system() AS s, pg_catalog.pg_control_checkpoint() AS c
        """

    static let lockPositions = """
        SELECT lane, position, run, chain, owner FROM operation_logs.spool_positions
        WHERE spool_id = $1 AND lane = ANY ($2) ORDER BY lane FOR UPDATE
        """
    static let readPositions = """
        SELECT lane, position, run, chain, owner FROM operation_logs.spool_positions
        WHERE spool_id = $1 AND lane = ANY ($2) ORDER BY lane
        """
    static let insertPositions = """
        INSERT INTO operation_logs.spool_positions (spool_id, lane, host, position, run, chain, owner, updated_at)
        SELECT $1, lane, $3, 0, $4, 0, $5, clock_timestamp() FROM unnest($2) AS n (lane) ORDER BY lane
        ON CONFLICT DO NOTHING
        """
    static let takeOwnership = """
        UPDATE operation_logs.spool_positions SET owner = $3, updated_at = clock_timestamp()
        WHERE spool_id = $1 AND lane = ANY ($2)
        """
    static let move = """
        UPDATE operation_logs.spool_positions AS p
        SET position = n.target, run = n.run, chain = n.chain, updated_at = clock_timestamp()
        FROM unnest($3, $4, $5, $6, $7) AS n (lane, origin, target, run, chain)
        WHERE p.spool_id = $1 AND p.owner = $2 AND p.lane = n.lane AND p.position = n.origin
        """
    /// A stored `updated_at` of NULL counts as oldest; of equal ones ours is the later.
    ///
    /// - Parameter columnsInUTC: columns without a time zone. Assigned as they are, they would get the time of whatever zone
    ///   the session is in.
    static func upsertWatermarks(columnsInUTC: Set<String>) -> String {
        let times = ["last_processed_ts", "updated_at"].map {
            columnsInUTC.contains($0) ? "n.\($0) AT TIME ZONE 'UTC'" : "n.\($0)"
        }
        return """
            INSERT INTO operation_logs.pipeline_watermarks AS t (pipeline_name, last_processed_ts, status, updated_at)
            SELECT n.pipeline_name, \(times[0]), n.status, \(times[1])
            FROM unnest($1, $2, $3, $4) WITH ORDINALITY
                AS n (pipeline_name, last_processed_ts, status, updated_at, place)
            ORDER BY n.place
            ON CONFLICT (pipeline_name) DO UPDATE SET
                last_processed_ts = COALESCE(EXCLUDED.last_processed_ts, t.last_processed_ts),
                status = COALESCE(EXCLUDED.status, t.status),
                updated_at = EXCLUDED.updated_at
            WHERE t.updated_at IS NULL OR EXCLUDED.updated_at >= t.updated_at
            """
    }

    static let lanePosition = """
        SELECT position FROM operation_logs.spool_positions WHERE spool_id = $1 AND lane = ANY ($2)
        """
    static let watermarks = """
        SELECT pipeline_name, last_processed_ts, status, updated_at FROM operation_logs.pipeline_watermarks
        WHERE pipeline_name = ANY ($1)
        """

    /// COPY into the tables of kinds, one behind the other, their columns named; and behind the data of each, in the same
    /// round trip, what types the columns have for as long as the rows lock the table. The statement timeout counts for each
    /// anew (since PostgreSQL 13).
    static func copy(_ kinds: [EventKind]) -> String {
        kinds.map { kind in
            "COPY operation_logs.\(kind.name) (\(kind.columns.map(\.name).joined(separator: ", "))) "
                + "FROM STDIN (FORMAT binary);" + columnTypes(kind)
        }.joined(separator: ";")
    }

    /// Shows the columns' types in the description of its row: a type of rows is at hand in the server, and nothing is read.
    static func columnTypes(_ kind: EventKind) -> String {
        "SELECT " + kind.columns.map { "(NULL::operation_logs.\(kind.name)).\($0.name)" }.joined(separator: ", ")
    }
}
