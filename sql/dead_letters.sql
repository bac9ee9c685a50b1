-- The dead letters of every spool, for those who watch the database: filled where `dead_letters: {table: true}` says so. What
-- counts are the files on each host; a row that is removed here comes back.

CREATE TABLE IF NOT EXISTS operation_logs.dead_letters (
    spool_id    UUID NOT NULL,
    id          BIGINT NOT NULL,          -- as `opslogd dead-letters list` on that host shows it
    host        TEXT NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    reason      TEXT NOT NULL,
    detail      TEXT NOT NULL,
    sqlstate    TEXT,                     -- of a row that this database refused
    event       TEXT,
    input       TEXT NOT NULL,
    path        TEXT,
    "offset"    BIGINT NOT NULL,          -- bytes in a file; the number of the line on a connection
    uid         BIGINT,
    pid         BIGINT,
    line        TEXT,                     -- null where it is not text that this database can hold ...
    line_bytes  BYTEA,                    -- ... which stands here then
    truncated   BOOLEAN NOT NULL,
    fate        TEXT,                     -- null while it is held; retried, discarded or dropped
    ended_at    TIMESTAMPTZ,
    retried_as  BIGINT,                   -- its new number in the spool
    shown_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (spool_id, id)
);

CREATE INDEX IF NOT EXISTS idx_dead_letters_received ON operation_logs.dead_letters (received_at);
