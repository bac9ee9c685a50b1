#!/usr/bin/env python3
"""The whole job as a user meets it: the shipped binary, a real PostgreSQL, real sockets and files, signals, exit statuses."""
import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time

import harness
from harness import Daemon, Producer, Server, check, finish, opslogd, scratch_directory, wait_until

directory = scratch_directory()
server = Server(directory)
daemon = Daemon(directory, server.conninfo, extra="delivery: {retry: {initial: 50ms, max: 500ms}}\n")

EVENTS = [
    '{"event":"data_quality_errors","symbol":"AAPL","ts":"2024-11-20T09:30:00-05:00","error_type":"fractional_volume","error_detail":"volume 12.5 – “half” a share","log_time":"2024-11-20T14:30:00.1234565Z"}',
    '{"event":"dedup_conflicts","symbol":"MSFT","ts":"2024-11-20 14:30:00Z","existing_row":{"close":1.10,"a":[1,2,{"b":null}]},"incoming_row":"text","resolution":"kept_existing"}',
    '{"event":"authority_conflicts","symbol":"EURUSD","ts":"2024-11-20t14:30:00z","source_a":"polygon","source_b":"iex","preferred_source":"iex"}',
    '{"event":"cast_errors","symbol":"NVDA","column_name":"volume","raw_value":12.50,"target_type":"BIGINT","error_detail":"invalid input syntax"}',
    '{"event":"upsert_failures","table_name":"market_data.trades","symbol":"XOM","ts":"2024-11-20T14:30:60Z","error_detail":"duplicate key"}',
    '{"event":"concurrency_issues","table_name":"market_data.quotes","lock_type":"AccessExclusiveLock","pid":5e0,"details":"waited \\u00e9\\ud83d\\ude00"}',
    '{"event":"pipeline_watermarks","pipeline_name":"core","last_processed_ts":"2024-11-20T14:00:00Z","status":"running","updated_at":"2024-11-20T14:30:00Z"}',
    '{"event":"backup_logs","backup_type":"full","file_path":"/var/backups/x.tar.zst","status":"completed","started_at":"2024-11-20T01:00:00Z","completed_at":"2024-11-20T02:00:00+00:00"}',
]



BAD = [
    ('{"event":"cast_errors","column_name":"x","error_detail":"' + "a" * (1 << 20) + '"}', "line_too_long"),
    (b'{"event":"cast_errors","column_name":"\xff"}', "invalid_utf8"),
    ('{"event":"cast_errors",}', "invalid_json"),
    (b'{"event":"cast_errors","column_name":"a\x00b"}', "invalid_json"),
    ('{"event":"cast_errors","column_name":"a\\u12"}', "invalid_json"),
    ('[' * 10000 + ']' * 10000, "too_deep"),
    ('{"event":"cast_errors","column_name":"\\u0000"}', "unsupported_character"),
    ('{"event":"cast_errors","column_name":"\\ud800"}', "unsupported_character"),
    ('["cast_errors"]', "not_an_object"),
    ('{"event":"cast_errors","column_name":"a","column_\\u006eame":"b"}', "duplicate_field"),
    ('{"column_name":"a"}', "missing_event"),
    ('{"event":7}', "wrong_type"),
    ('{"event":"tick"}', "unknown_event"),
    ('{"event":"cast_errors","column_name":"a","colour":"b"}', "unknown_field"),
    ('{"event":"cast_errors","column_name":"a","error_id":1}', "unknown_field"),
    ('{"event":"concurrency_issues","lock_type":"x","pid":5.5}', "wrong_type"),
    ('{"event":"concurrency_issues","lock_type":"x","pid":99999999999999999999}', "out_of_range"),
    ('{"event":"dedup_conflicts","symbol":"a","ts":"2024-11-20T00:00:00Z","existing_row":1e400000}', "out_of_range"),
    ('{"event":"cast_errors","column_name":"a","log_time":"2024-02-30T00:00:00Z"}', "invalid_timestamp"),
    ('{"event":"cast_errors","column_name":"a","log_time":"2024-02-20T00:00:00"}', "invalid_timestamp"),
    ('{"event":"cast_errors","symbol":"a"}', "missing_field"),
]


def run_status(*arguments, **options):
    return opslogd(*arguments, **options).returncode


# --- configuration ---------------------------------------------------------------------------------------------------
bad_config = os.path.join(directory, "bad.yaml")


def configuration_error(text, *words):
    with open(bad_config, "w") as config:
        config.write(text)
    result = opslogd("check", "--config", bad_config)
    line = result.stderr.strip()
    check("a configuration mistake is named with its place: %s" % words[-1],
          result.returncode == 78 and all(word in line for word in words), (result.returncode, line))


configuration_error("spol: {}\n", "bad.yaml:1:1", "spool")
configuration_error("inputs:\n  - {type: socket, name: a, path: /tmp/a.sock}\nspool:\n  max_bytes: lots\n", "bad.yaml:4:14", "max_bytes")
configuration_error("inputs:\n  - {type: journal, name: a}\n", "bad.yaml:2:5", "`identifiers`")
configuration_error("retention: {period: month}\n", "bad.yaml:1:1", "`retention` is not available in this version")
configuration_error("inputs:\n  - type: file\n    name: a\n    paths: [/a]\n    timezone: Mars/Base\n", "bad.yaml:5:15", "Mars/Base")
configuration_error("inputs: [\n", "bad.yaml:2:1", "")
SOCKET = "inputs:\n  - {type: socket, name: a, path: /tmp/a.sock}\n"
configuration_error(SOCKET + "database: {conninfo: \"hots=/tmp\"}\n", "bad.yaml:3:22", "hots")
configuration_error(SOCKET + "spol: {}\nlog: {level: loud}\n", "bad.yaml:3:1", "bad.yaml:4:14", "loud")
occupied = socket.create_server(("127.0.0.1", 0))
with open(bad_config, "w") as config:
    config.write("state_directory: %s/occupied\n%stelemetry: {listen: \"127.0.0.1:%d\"}\n" % (
        directory, SOCKET, occupied.getsockname()[1]))
result = opslogd("run", "--config", bad_config)
check("an occupied telemetry port is 75, before the daemon is ready",
      result.returncode == 75 and "is ready" not in result.stderr, (result.returncode, result.stderr))
occupied.close()
check("a configuration that is not there is 78 or 66", run_status("run", "--config", "/nonexistent.yaml") in (66, 78))
check("a command that is not built yet is refused by name", run_status("top") == 64)
check("an unknown option is a usage error", run_status("run", "--colour") == 64)
wrong = opslogd("dead-letters", "list", "--reason", "nope", "--config", daemon.config)
check("a wrong value is a usage error in one line, with what there is to choose from and whose help says more",
      wrong.returncode == 64 and wrong.stderr.count("\n") == 1 and "invalid_json, " in wrong.stderr
      and "see 'opslogd dead-letters list --help'" in wrong.stderr, wrong)
for arguments in (["schema", "print"], ["--help"]):
    with open("/dev/full", "w") as full:
        result = subprocess.run([harness.OPSLOGD] + arguments, stdout=full, stderr=subprocess.PIPE, text=True)
    check("%s that cannot be written is 74" % arguments[-1],
          result.returncode == 74 and "not all there" in result.stderr and result.stderr.count("\n") == 1, result)
closed = subprocess.run(["/bin/sh", "-c", "\"$0\" schema print | head -c 1; true", harness.OPSLOGD], capture_output=True, text=True)
check("a reader that goes away is nobody's error", closed.stderr == "" and len(closed.stdout) == 1, closed)
nothing = opslogd("reconcile", "--config", daemon.config)
check("reconcile where no daemon has run is 66, in words", nothing.returncode == 66 and "/state does not exist; name" in nothing.stderr
      and "CommandFailure" not in nothing.stderr, nothing)
check("check accepts a good configuration", run_status("check", "--config", daemon.config) == 0)

# --- the database is not there yet, then its schema is not ----------------------------------------------------------------
check("check --database without a server is 69", run_status("check", "--database", "--config", daemon.config) == 69)
check("status without a daemon is 69", run_status("status", "--config", daemon.config) == 69)
check("drain without a daemon is 69", run_status("drain", "--config", daemon.config) == 69)
check("send without a daemon is 69", run_status("send", "--socket", daemon.socket, input=EVENTS[0]) == 69)
other = socket.socket(socket.AF_UNIX)
other.bind(os.path.join(directory, "other.sock"))
other.listen()


def answer_otherwise():
    peer = other.accept()[0]
    peer.recv(4096)
    peer.sendall(b"220 another service\n")
    peer.close()


threading.Thread(target=answer_otherwise, daemon=True).start()
sent = opslogd("send", "--socket", os.path.join(directory, "other.sock"), input=EVENTS[0])
check("… and so is send to what is not opslogd", sent.returncode == 69 and "not opslogd" in sent.stderr, sent)
daemon.start()
producer = Producer(daemon.socket)
producer.send("".join(event + "\n" for event in EVENTS).encode())
answers = producer.finish()
check("lines are durable while the database is away", answers[-1] == {"durable": 8}, answers)
left = opslogd("drain", "--timeout", "1", "--config", daemon.config)
check("drain says what is left, and what holds it up, with 75 when its time is over", left.returncode == 75
      and "8 events to deliver" in left.stderr and "No such file" in left.stderr and left.stdout == "", left)
draining = subprocess.Popen([harness.OPSLOGD, "drain", "--config", daemon.config], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
server.start()
check("check --database without the schema is 1", run_status("check", "--database", "--config", daemon.config) == 1)
wait_until("the missing schema is named", lambda: "schema" in json.dumps(daemon.status()["delivery"]), 20)
server.query("CREATE SCHEMA operation_logs")
applied = opslogd("schema", "apply", "--config", daemon.config)
check("schema apply", applied.returncode == 0, applied.stderr)
check("schema apply is idempotent", run_status("schema", "apply", "--config", daemon.config) == 0)
check("schema check", run_status("schema", "check", "--config", daemon.config) == 0)
check("check --database", run_status("check", "--database", "--config", daemon.config) == 0)
daemon.wait_drained(40)
drained = draining.communicate(timeout=30)
check("drain ends when everything is delivered", draining.returncode == 0 and drained[0] == "everything is delivered\n"
      and "schema" in drained[1], drained)
check("tables that were not there yet are not taken for altered ones", "were altered" not in daemon.log())
check("delivery catches up by itself", set(server.counts().values()) == {1}, server.counts())

# --- what the rows hold -----------------------------------------------------------------------------------------------
check("timestamps are rounded as PostgreSQL rounds", server.value(
    "SELECT log_time = '2024-11-20T14:30:00.1234565Z'::timestamptz AND ts = '2024-11-20 14:30Z'::timestamptz FROM operation_logs.data_quality_errors") == "t")
check("text arrives as it was", server.value("SELECT error_detail FROM operation_logs.data_quality_errors") == "volume 12.5 – “half” a share")
check("jsonb keeps the digits of numbers", server.value("SELECT existing_row->>'close' FROM operation_logs.dedup_conflicts") == "1.10")
check("raw_value keeps a number as it was written", server.value("SELECT raw_value FROM operation_logs.cast_errors") == "12.50")
check(":60 is read as PostgreSQL reads it", server.value("SELECT ts = '2024-11-20T14:31:00Z' FROM operation_logs.upsert_failures") == "t")
check("escapes are resolved", server.query("SELECT pid, details FROM operation_logs.concurrency_issues") == [["5", "waited é😀"]])
check("log_time absent is the time of receipt", server.value(
    "SELECT log_time BETWEEN now() - interval '5 minutes' AND now() FROM operation_logs.backup_logs") == "t")
check("one position row a lane, owned by the run", server.value(
    "SELECT count(*) || ' ' || count(DISTINCT owner) || ' ' || bool_and(host <> '') FROM operation_logs.spool_positions") == "8 1 true")

# --- rejected lines ---------------------------------------------------------------------------------------------------
producer = Producer(daemon.socket)
for number, (text, reason) in enumerate(BAD, 1):
    data = text if isinstance(text, bytes) else text.encode()
    producer.send(data + b"\n")
    producer.send(b"\n" if number % 2 else b" \t\r\n")
answers = producer.finish()
found = {a["rejected"]["line"]: a["rejected"]["reason"] for a in answers if "rejected" in a}
wanted = {2 * n - 1: reason for n, (_, reason) in enumerate(BAD, 1)}
check("each reject reason is answered for its line", found == wanted, {n: (found.get(n), w) for n, w in wanted.items() if found.get(n) != w})
check("empty lines count", answers[-1] == {"durable": 2 * len(BAD)}, answers[-1])
daemon.wait_drained()
listed = [json.loads(t) for t in opslogd("dead-letters", "list", "--json", "--config", daemon.config).stdout.splitlines()]
check("each rejected line is a dead letter with its reason", [l["reason"] for l in listed] == [r for _, r in BAD], [l["reason"] for l in listed])
check("an overlong line keeps its first 64 KiB", listed[0]["truncated"] and len(listed[0]["line"]) == 65536)
check("bytes that are not UTF-8 are kept in base64", listed[1]["line"] is None and listed[1]["line_base64"])
shown = opslogd("dead-letters", "show", listed[-1]["id"], "--json", "--config", daemon.config)
check("dead-letters show", shown.returncode == 0 and json.loads(shown.stdout) == listed[-1], shown.stderr)
check("dead-letters show for people", "missing_field" in opslogd("dead-letters", "show", listed[-1]["id"], "--config", daemon.config).stdout)
check("dead-letters show of an unknown id is 1", run_status("dead-letters", "show", "00000000000099999999", "--config", daemon.config) == 1)
check("dead-letters list filters", len(opslogd("dead-letters", "list", "--json", "--reason", "unknown_field", "--config", daemon.config).stdout.splitlines()) == 2)

# --- acks and control lines -------------------------------------------------------------------------------------------
producer = Producer(daemon.socket, ack=False)
producer.send(EVENTS[3].encode() + b"\n")
producer.send(b'{"opslogd":{"ack":true}}\n{"opslogd":{"colour":1}}\n')
answers = producer.finish()
check("an ack request after the first line is an error, and the connection goes on", [list(a) for a in answers] == [["error"], ["error"]], answers)
producer = Producer(daemon.socket)
producer.send(EVENTS[3].encode())
check("a last line without its end counts if it is complete", producer.finish()[-1] == {"durable": 1})
producer = Producer(daemon.socket)
producer.send(EVENTS[3][:40].encode())
answers = producer.finish()
check("… else it is incomplete_line", answers[0]["rejected"]["reason"] == "incomplete_line" and answers[-1] == {"durable": 1}, answers)

# --- 100 MiB without a line end ---------------------------------------------------------------------------------------
before = daemon.status()
producer = Producer(daemon.socket)
for _ in range(100):
    producer.send(b"x" * (1 << 20))
producer.send(b"\n" + EVENTS[4].encode() + b"\n")
answers = producer.finish()
check("100 MiB without a line end: one rejection, and the next line counts",
      [a["rejected"]["reason"] for a in answers if "rejected" in a] == ["line_too_long"] and answers[-1] == {"durable": 2}, answers)
with open("/proc/%d/status" % daemon.process.pid) as status:
    peak = int([l for l in status if l.startswith("VmHWM")][0].split()[1])
check("memory stays bounded (peak %d MiB)" % (peak // 1024), peak < 160 * 1024)

# --- files ------------------------------------------------------------------------------------------------------------
path = os.path.join(daemon.logs, "a.ndjson")
with open(path, "w") as log:
    log.write('{"event":"upsert_failures","table_name":"f","error_detail":"1"}\n{"event":"upsert_failures","table_name":"f","error_detail":"2"}\r\n\nnot json\n{"event":"upsert_')
rows = lambda: [r[0] for r in server.query("SELECT error_detail FROM operation_logs.upsert_failures WHERE table_name = 'f' ORDER BY failure_id")]
wait_until("rows of the file", lambda: rows() == ["1", "2"])
with open(path, "a") as log:
    log.write('failures","table_name":"f","error_detail":"3"}\n')
wait_until("the completed last line", lambda: rows() == ["1", "2", "3"])
os.rename(path, path + ".1")
with open(path + ".1", "a") as old, open(path, "w") as new:
    old.write('{"event":"upsert_failures","table_name":"f","error_detail":"4"}\n')
    old.flush()
    new.write('{"event":"upsert_failures","table_name":"f","error_detail":"5"}\n')
wait_until("rows after a rename", lambda: sorted(rows()) == ["1", "2", "3", "4", "5"])
with open(path, "r+") as log:  # copytruncate
    log.truncate(0)
time.sleep(0.3)
with open(path, "a") as log:
    log.write('{"event":"upsert_failures","table_name":"f","error_detail":"6"}\n')
wait_until("a row after a truncation", lambda: rows()[-1] == "6")
check("files: rename, truncation, completed lines, each line once", sorted(rows()) == ["1", "2", "3", "4", "5", "6"], rows())
daemon.wait_drained()
daemon.process.send_signal(signal.SIGHUP)
wait_until("the notice", lambda: "SIGHUP" in daemon.log())
check("SIGHUP is a notice and no end", daemon.process.poll() is None)
daemon.process.send_signal(signal.SIGTERM)
daemon.process.send_signal(signal.SIGINT)
check("SIGTERM ends with 0, also with a second signal at once", daemon.process.wait(30) == 0, daemon.log()[-800:])
with open(path, "a") as log:
    log.write('{"event":"upsert_failures","table_name":"f","error_detail":"7"}\n')
os.rename(path, path + ".2")
with open(path, "w") as log:
    log.write('{"event":"upsert_failures","table_name":"f","error_detail":"8"}\n')
daemon.start()
wait_until("rows after a restart", lambda: len(rows()) >= 8)
daemon.wait_drained()
check("a restart reads on: the rotated file first, nothing twice", sorted(rows()) == [str(n) for n in range(1, 9)], rows())
followed = lambda *words: [json.loads(line) for line in opslogd("inputs", "list", "--json", "--config", daemon.config, *words).stdout.splitlines()]
whole = lambda name: any(f["path"].endswith(name) and f["position"] == f["seen_bytes"] == os.path.getsize(f["path"]) for f in followed())
check("inputs list has each file with how far it has been read", whole("/a.ndjson") and {f["input"] for f in followed()} == {"legacy"}, followed())
check("… and says which are rotated", any(f["state"] == "rotated" for f in followed()) and any(f["state"] == "followed" for f in followed()), followed())
check("… of one input only, where it is named", followed("--input", "legacy") == followed() and followed("--input", "none") == [])

# --- watermarks -------------------------------------------------------------------------------------------------------
mark = lambda **keys: opslogd("send", "pipeline_watermarks", *["%s=%s" % item for item in keys.items()], "--socket", daemon.socket)
check("send EVENT key=value", mark(pipeline_name="w", status="running", last_processed_ts="2024-11-20T10:00:00Z", updated_at="2024-11-20T10:00:00Z").returncode == 0)
mark(pipeline_name="w", status="late", updated_at="2024-11-20T09:00:00Z")
mark(pipeline_name="w", status="idle", updated_at="2024-11-20T11:00:00Z")
daemon.wait_drained()
check("the newest watermark wins, and a status never erases a resume point", server.query(
    "SELECT status, last_processed_ts = '2024-11-20T10:00:00Z' FROM operation_logs.pipeline_watermarks WHERE pipeline_name = 'w'") == [["idle", "t"]])

# --- refused rows and tables that are away ------------------------------------------------------------------------------
server.query("ALTER TABLE operation_logs.cast_errors ADD CONSTRAINT no_forbidden CHECK (symbol <> 'FORBIDDEN')")
numbers = range(300)
sent = opslogd("send", "--socket", daemon.socket, input="".join(
    '{"event":"cast_errors","symbol":"%s","column_name":"c","raw_value":%d}\n' % ("FORBIDDEN" if n in (0, 17, 18, 299) else "GOOD", n) for n in numbers))
check("send waits until its lines are durable", sent.returncode == 0, sent.stderr)
daemon.wait_drained()
check("the rows around refused ones arrive, in order", [int(r[0]) for r in server.query(
    "SELECT raw_value FROM operation_logs.cast_errors WHERE symbol = 'GOOD' ORDER BY error_id")] == [n for n in numbers if n not in (0, 17, 18, 299)])
refused = lambda: [json.loads(t) for t in opslogd("dead-letters", "list", "--json", "--reason", "rejected_by_database", "--config", daemon.config).stdout.splitlines()]
check("refused rows are dead letters with their SQLSTATE", [(l["sqlstate"], json.loads(l["line"])["raw_value"]) for l in refused()] == [
    ("23514", "0"), ("23514", "17"), ("23514", "18"), ("23514", "299")], refused())
server.query("ALTER TABLE operation_logs.backup_logs RENAME TO away")
opslogd("send", "backup_logs", "backup_type=held", "status=s", "--socket", daemon.socket)
opslogd("send", "cast_errors", "column_name=after", "--socket", daemon.socket)
wait_until("the other lanes go on", lambda: server.value("SELECT count(*) FROM operation_logs.cast_errors WHERE column_name = 'after'") == "1")
check("the held table is named in the status", "backup_logs" in json.dumps(daemon.status()["delivery"]))
server.query("ALTER TABLE operation_logs.away RENAME TO backup_logs")
wait_until("the held lane goes on by itself", lambda: server.value("SELECT count(*) FROM operation_logs.backup_logs WHERE backup_type = 'held'") == "1", 40)
check("nothing is dead-lettered for a missing table", len(refused()) == 4)

# --- PostgreSQL restarted ------------------------------------------------------------------------------------------------
for mode in ["fast", "immediate"]:
    server.stop(mode)
    sent = opslogd("send", "--socket", daemon.socket, input='{"event":"cast_errors","column_name":"%s"}\n' % mode)
    check("lines are taken while PostgreSQL is stopped (%s)" % mode, sent.returncode == 0)
    server.start()
    wait_until("the row arrives", lambda: server.value("SELECT count(*) FROM operation_logs.cast_errors WHERE column_name = '%s'" % mode) == "1")

# --- commands -----------------------------------------------------------------------------------------------------------
good, bad = os.path.join(directory, "good.ndjson"), os.path.join(directory, "bad.ndjson")
with open(good, "w") as file:
    file.write("\n".join(EVENTS) + "\n")
with open(bad, "w") as file:
    file.write(EVENTS[0] + "\n" + '{"event":"cast_errors","colour":1}\n')
check("validate of good lines is 0", run_status("validate", good) == 0)
result = opslogd("validate", good, bad)
check("validate names file, line, column and reason", result.returncode == 1 and result.stdout.startswith(bad + ":2:") and ": unknown_field: " in result.stdout, result.stdout)
check("validate reads standard input", run_status("validate", input=EVENTS[1] + "\n") == 0)
check("validate of a file that is not there is 66", run_status("validate", "/nonexistent") == 66)
result = opslogd("send", "--socket", daemon.socket, bad)
check("send exits 1 for a rejected line and names it", result.returncode == 1 and "unknown_field" in result.stdout + result.stderr and "2" in result.stderr + result.stdout, result.stderr)
status = opslogd("status", "--json", "--config", daemon.config)
check("status --json has its four objects", status.returncode == 0 and {"inputs", "spool", "delivery", "dead_letters"} <= set(json.loads(status.stdout)))
check("status for people", "pipelines" in opslogd("status", "--config", daemon.config).stdout)
check("schema print", "CREATE TABLE operation_logs.cast_errors" in opslogd("schema", "print").stdout)
check("spool ls", run_status("spool", "ls", "--config", daemon.config) == 0)
cat = opslogd("spool", "cat", "--all", "--config", daemon.config)
records = [json.loads(t) for t in cat.stdout.splitlines()]
check("spool cat prints sequence, received, source, then the event", cat.returncode == 0 and records
      and list(records[0])[:3] == ["sequence", "received", "source"] and records[0]["event"] == "data_quality_errors", cat.stderr)
daemon.wait_drained()
left = lambda: opslogd("spool", "cat", "--config", daemon.config).stdout
with contextlib.suppress(TimeoutError):  # the cursor on disk follows within a second
    wait_until("an empty spool", lambda: left() == "", 5)
check("spool cat without --all has nothing left", left() == "", left())
check("spool verify", run_status("spool", "verify", "--config", daemon.config) == 0)
check("completions", "opslogd" in opslogd("completions", "bash").stdout)
check("--version", run_status("--version") == 0)
metrics = daemon.get("/metrics")[1]
check("metrics", all(name in metrics for name in [
    "opslogd_lines_read_total", "opslogd_events_accepted_total", "opslogd_lines_rejected_total", "opslogd_events_delivered_total",
    "opslogd_dead_letters_total", "opslogd_spool_bytes", "opslogd_spool_sync_seconds_bucket", "opslogd_delivery_lag_seconds_bucket",
    "opslogd_database_up 1", "opslogd_connections", "opslogd_unaccounted_events 0", "opslogd_build_info"]), metrics[:500])
check("healthz", daemon.get("/healthz")[0] == 200)

# --- what is in the way -----------------------------------------------------------------------------------------------
result = opslogd("run", "--config", daemon.config)
check("a state directory in use is 75 and named", result.returncode == 75 and daemon.state in result.stderr and len(result.stderr.splitlines()) == 1, result.stderr)
other = os.path.join(directory, "other")
os.makedirs(other)
second = Daemon(other, server.conninfo)
with open(second.config) as config:
    text = config.read().replace(second.socket, daemon.socket)
with open(second.config, "w") as config:
    config.write(text)
result = opslogd("run", "--config", second.config)
check("a socket path that another process answers is 75 and named", result.returncode == 75 and daemon.socket in result.stderr, result.stderr)
if os.getuid() == 0:
    binary = os.path.join(directory, "opslogd")
    subprocess.run(["cp", harness.OPSLOGD, binary], check=True)
    os.chmod(binary, 0o755)
    os.chmod(second.config, 0o644)
    os.chmod(other, 0o755)
    result = subprocess.run(["runuser", "-u", "nobody", "--", binary, "run", "--config", second.config], capture_output=True, text=True, cwd="/")
    check("a directory that is not writable is 77", result.returncode == 77 and len(result.stderr.splitlines()) == 1, (result.returncode, result.stderr))

# --- the end ------------------------------------------------------------------------------------------------------------
open_connection = Producer(daemon.socket)
open_connection.send(EVENTS[3].encode() + b"\n")
for answer in open_connection.answers(until=lambda a: a.get("durable") == 1):
    pass
open_connection.send(EVENTS[3].encode() + b"\n" + EVENTS[3].encode() + b"\n")
daemon.process.send_signal(signal.SIGTERM)
answers = list(open_connection.answers())
check("at SIGTERM what is queued is read, made durable and answered", answers and answers[-1] == {"durable": 3}, answers)
check("SIGTERM ends with 0 again", daemon.process.wait(30) == 0)
check("the socket is gone", not os.path.exists(daemon.socket))
if harness.failed:
    print(daemon.log()[-6000:])
finish()
