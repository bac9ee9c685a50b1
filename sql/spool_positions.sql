-- Where delivery stands: one row for each spool and lane, moved in the same transaction as the rows that it stands for.
-- After a lost connection, an unanswered COMMIT, a crash or a failover these rows say where to go on: nothing twice, no gap.

CREATE TABLE IF NOT EXISTS operation_logs.spool_positions (
    spool_id    UUID NOT NULL,            -- the spool of one daemon, not the host: a copied spool is told by run and chain
    lane        SMALLINT NOT NULL,        -- 1 data_quality_errors, 2 dedup_conflicts, 3 authority_conflicts, 4 cast_errors,
                                          -- 5 upsert_failures, 6 concurrency_issues, 7 pipeline_watermarks, 8 backup_logs
    host        TEXT NOT NULL,            -- for people
    position    BIGINT NOT NULL,          -- every record of this lane up to here has its fate
    run         UUID NOT NULL,            -- the run of the daemon that wrote that record (all zeros at position 0) ...
    chain       BIGINT NOT NULL,          -- ... and the checksum chained over all groups up to it: a forked history shows
    owner       UUID NOT NULL,            -- fence: the run of the daemon that may deliver
    updated_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (spool_id, lane)
);

-- The version of everything that opslogd has applied to this database; `opslogd schema apply` reads it.
COMMENT ON TABLE operation_logs.spool_positions IS 'opslogd schema version 2';
