#!/usr/bin/env python3
"""A legacy job that names events, columns and times as it likes: tried with validate, then read by the daemon, row for row."""
import json
import os

from harness import Daemon, Server, check, finish, opslogd, scratch_directory, wait_until

MAPPING = """
    event: upsert_failures
    event_key: kind
    event_map: {CAST: cast_errors, "daily backup of the market data": backup_logs}
    fields: {symbol: sym, log_time: time, column_name: the_name_of_the_column, ts: when}
    unknown_fields: ignore
    timezone: America/New_York
    epoch: ms
"""
LINES = [
    '{"sym":"A","table_name":"bars","when":1764150000123,"host":"h1","time":"2026-07-01 09:30:00"}',
    '{"kind":"CAST","sym":"B","the_name_of_the_column":"volume","raw_value":12.50,"time":1764150000000.5}',
    '{"kind":"daily backup of the market data","backup_type":"full","status":"ok","started_at":"2026-11-01T01:30:00","time":"2026-11-01 03:00:00"}',
    '{"kind":"cast_errors","the_name_of_the_column":"night","time":"2026-03-08 02:30:00","tags":["a",{"b":1}]}',
    '{"kind":"CAST","symbol":"C","the_name_of_the_column":"own name","time":"2026-07-01T09:30:00+02:00"}',
]
BAD = [
    ('{"kind":"CAST","sym":"D"}', "missing_field", "the_name_of_the_column (column_name)"),
    ('{"kind":"Cast","the_name_of_the_column":"x"}', "unknown_event", "Cast"),
    ('{"kind":"CAST","the_name_of_the_column":"x","time":"yesterday"}', "invalid_timestamp", "time (log_time)"),
    ('{"kind":"CAST","the_name_of_the_column":"x","time":1e30}', "out_of_range", "time (log_time)"),
    ('{"kind":"CAST","the_name_of_the_column":"x","host":1,"host":2}', "duplicate_field", "host"),
]

directory = scratch_directory()
server = Server(directory)
server.start()
daemon = Daemon(directory, server.conninfo, file_input=False)
with open(daemon.config) as config:
    text = config.read()
with open(daemon.config, "w") as config:
    config.write(text.replace("database:", "  - type: file\n    name: loader\n    paths: [\"%s/*.log\"]%sdatabase:" % (daemon.logs, MAPPING), 1))
assert opslogd("schema", "apply", "--config", daemon.config).returncode == 0, "the schema could not be applied"

path = os.path.join(directory, "tried.log")
with open(path, "w") as log:
    log.write("\ufeff" + "\n".join(LINES + [line for line, _, _ in BAD]) + "\n")

# --- tried before it goes live ----------------------------------------------------------------------------------------
tried = opslogd("validate", "--config", daemon.config, "--input", "loader", path)
printed = tried.stdout.splitlines()
events = [json.loads(line) for line in printed if line.startswith("{")]
findings = [line for line in printed if not line.startswith("{")]
check("validate --input prints what each line becomes", [e["event"] for e in events] == [
    "upsert_failures", "cast_errors", "backup_logs", "cast_errors", "cast_errors"], tried.stdout)
check("… in the columns' own names", events[0] == {
    "event": "upsert_failures", "table_name": "bars", "symbol": "A", "ts": "2025-11-26T09:40:00.123000Z",
    "log_time": "2026-07-01T13:30:00.000000Z"}, events[0])
check("… and each line that would be a dead letter, with the name that stands in it",
      tried.returncode == 1 and len(findings) == len(BAD) and all(
          line.startswith("%s:%d:" % (path, len(LINES) + 1 + place)) and ": %s: " % reason in line and name in line
          for place, (line, (_, reason, name)) in enumerate(zip(findings, BAD))), findings)
plain = opslogd("validate", path)
check("without --input, lines are read as they are documented",
      plain.returncode == 1 and len(plain.stdout.splitlines()) == len(LINES) + len(BAD), plain.stdout)
unknown = opslogd("validate", "--config", daemon.config, "--input", "loadr", path)
check("an input that is not there is named, with those that are",
      unknown.returncode == 64 and "'loadr'" in unknown.stderr and "'loader'" in unknown.stderr, unknown.stderr)

# --- live -------------------------------------------------------------------------------------------------------------
daemon.start()
os.rename(path, os.path.join(daemon.logs, "loader.log"))
wait_until("all rows", lambda: sum(server.counts().values()) == len(LINES))
daemon.wait_drained()
casts = server.query("SELECT symbol, column_name, raw_value, log_time AT TIME ZONE 'UTC' FROM operation_logs.cast_errors ORDER BY error_id")
check("words of the job's own name the table", [row[1] for row in casts] == ["volume", "night", "own name"], casts)
check("numbers are times, and what they hold is kept as it was written",
      casts[0] == ["B", "volume", "12.50", "2025-11-26 09:40:00.0005"], casts[0])
check("an hour that the clocks left out is read as PostgreSQL reads it", casts[1][3] == server.value(
    "SELECT '2026-03-08 02:30:00 America/New_York'::timestamptz AT TIME ZONE 'UTC'"), casts[1])
check("a renamed column's own name is a key like any other", casts[2][0] in (None, ""), casts[2])
check("an hour that comes twice is read as PostgreSQL reads it", server.value(
    "SELECT started_at = '2026-11-01 01:30:00 America/New_York'::timestamptz FROM operation_logs.backup_logs") == "t")
letters = [json.loads(line) for line in opslogd("dead-letters", "list", "--json", "--config", daemon.config).stdout.splitlines()]
check("what does not fit is a dead letter with the line as it was",
      [(letter["line"], letter["reason"]) for letter in letters] == [(line, reason) for line, reason, _ in BAD], letters)
check("the daemon stops in order", daemon.stop() == 0)
finish()
