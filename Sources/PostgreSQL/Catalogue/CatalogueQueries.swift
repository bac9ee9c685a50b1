/// The SQL that reads the system catalogue. Fixed text; `$1` names the tables.
enum CatalogueQueries {
    static let general = """
        SELECT quote_ident(current_user), n.oid IS NOT NULL, COALESCE(has_schema_privilege(n.oid, 'USAGE'), false)
        FROM (VALUES (1)) AS one (row) LEFT JOIN pg_namespace AS n ON n.nspname = 'operation_logs'
        """

    /// Plain and partitioned tables, foreign tables, and views with triggers: whatever takes rows. Domains can stand on
    /// domains. A function in C or of the server's own is named by its source, whatever an extension calls it.
    static let columns = """
        WITH RECURSIVE base (type, root) AS (
            SELECT oid, oid FROM pg_type WHERE typtype <> 'd'
            UNION ALL
            SELECT d.oid, b.root FROM base AS b JOIN pg_type AS d ON d.typtype = 'd' AND d.typbasetype = b.type
        )
        SELECT c.relname, a.attname, CASE l.lanname WHEN 'internal' THEN p.prosrc ELSE '' END,
            format_type(a.atttypid, a.atttypmod),
            has_column_privilege(c.oid, a.attnum, 'SELECT'), has_column_privilege(c.oid, a.attnum, 'INSERT'),
            has_column_privilege(c.oid, a.attnum, 'UPDATE'), row_security_active(c.oid),
            a.attnotnull OR t.typnotnull,
            a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL OR t.typdefaultbin IS NOT NULL,
            a.attgenerated <> '',
            p.prosrc IN ('varcharrecv', 'bpcharrecv', 'enum_recv')
                AND (a.atttypmod >= 0 OR t.typtypmod >= 0 OR r.typtype = 'e'),
            b.root
        FROM pg_class AS c
            JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'operation_logs'
            JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            JOIN pg_type AS t ON t.oid = a.atttypid
            JOIN base AS b ON b.type = a.atttypid
            JOIN pg_type AS r ON r.oid = b.root
            LEFT JOIN pg_proc AS p ON p.oid = r.typreceive
            LEFT JOIN pg_language AS l ON l.oid = p.prolang
        WHERE c.relkind IN ('r', 'p', 'f', 'v') AND c.relname = ANY ($1)
        """

    static let sequences = """
        SELECT DISTINCT c.relname, quote_ident(sn.nspname) || '.' || quote_ident(s.relname),
            has_sequence_privilege(s.oid, 'USAGE, UPDATE')
        FROM pg_class AS c
            JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'operation_logs'
            JOIN pg_attrdef AS f ON f.adrelid = c.oid
            JOIN pg_depend AS d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
                AND d.refclassid = 'pg_class'::regclass
            JOIN pg_class AS s ON s.oid = d.refobjid AND s.relkind = 'S'
            JOIN pg_namespace AS sn ON sn.oid = s.relnamespace
        WHERE c.relname = ANY ($1)
        """

    static let uniqueIndexes = """
        SELECT c.relname, i.indexrelid, a.attname
        FROM pg_class AS c
            JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'operation_logs'
            JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
                AND i.indpred IS NULL AND i.indexprs IS NULL
            JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])
        WHERE c.relname = ANY ($1)
        """

    /// What can refuse a row: constraints by name, and a NULL for each table with a trigger before its rows (of `tgtype`,
    /// the bits 1, 2 and 4 say ROW, BEFORE and INSERT).
    static let rules = """
        SELECT c.relname, k.conname
        FROM pg_class AS c
            JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'operation_logs'
            JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.contype IN ('c', 'f', 'u', 'x')
        WHERE c.relname = ANY ($1)
        UNION
        SELECT c.relname, NULL
        FROM pg_class AS c
            JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'operation_logs'
            JOIN pg_trigger AS t ON t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
                AND t.tgtype & 7 = 7
        WHERE c.relname = ANY ($1)
        ORDER BY 1, 2
        """

    /// The partitions of tables that are partitioned by the range of one time, and the tables that are by anything else.
    /// Bounds are told as the server prints them; without a time zone they are in UTC.
    static let partitions = """
        SELECT relname, CASE WHEN is_time THEN attname END, takes_everything, bound[1], bound[2],
            CASE WHEN is_time AND bound IS NOT NULL
                THEN (bound[1] = 'MINVALUE' OR CASE bound[1] WHEN 'MINVALUE' THEN '-infinity' ELSE bound[1] END
                        ::timestamptz <= CASE WHEN is_zoned THEN now() ELSE utc END)
                    AND (bound[2] = 'MAXVALUE' OR CASE bound[2] WHEN 'MAXVALUE' THEN 'infinity' ELSE bound[2] END
                        ::timestamptz > CASE WHEN is_zoned THEN now() ELSE utc END) END,
            CASE WHEN is_time AND bound IS NOT NULL
                THEN CASE bound[2] WHEN 'MAXVALUE' THEN 'infinity' ELSE bound[2] END
                    ::timestamptz < CASE WHEN is_zoned THEN now() ELSE utc END + interval '7 days' END
        FROM (
            SELECT c.relname, a.attname, p.partdefid <> 0 OR p.partstrat = 'h' AS takes_everything,
                p.partnatts = 1 AND p.partstrat = 'r'
                    AND a.atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype) IS TRUE AS is_time,
                a.atttypid = 'timestamptz'::regtype AS is_zoned,
                (now() AT TIME ZONE 'UTC')::text::timestamptz AS utc,
                regexp_match(replace(pg_get_expr(h.relpartbound, h.oid), '''', ''), '^FOR VALUES FROM \\((.*)\\) TO \\((.*)\\)$')
                    AS bound
            FROM pg_partitioned_table AS p
                JOIN pg_class AS c ON c.oid = p.partrelid
                JOIN pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'operation_logs'
                LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = p.partattrs[0]
                LEFT JOIN pg_inherits AS i ON i.inhparent = c.oid
                LEFT JOIN pg_class AS h ON h.oid = i.inhrelid
            WHERE c.relname = ANY ($1)
        ) AS found
        """
}
