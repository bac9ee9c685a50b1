#!/usr/bin/env python3
"""A migration locks a table for a minute: nothing is lost, nobody is needed, the other tables go on.

usage: locked_table.py [SECONDS]      (45 without an argument)

The daemon with its own timeouts, lines of two tables at a steady rate. `LOCK TABLE` is held for so long; a column is made
wider in the same migration. What is measured: the longest time in which no row of the other table came.
"""
import subprocess
import sys
import threading
import time

from harness import Daemon, Producer, Server, check, finish, opslogd, scratch_directory, wait_until

SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 45
LOCK_TIMEOUT = 10  # seconds, the daemon's own

directory = scratch_directory()
server = Server(directory)
server.start()
daemon = Daemon(directory, server.conninfo, file_input=False)
assert opslogd("schema", "apply", "--config", daemon.config).returncode == 0, "the schema could not be applied"
server.query("ALTER TABLE operation_logs.backup_logs ADD arrived timestamptz DEFAULT clock_timestamp();"
             "ALTER TABLE operation_logs.concurrency_issues ALTER pid TYPE bigint")
found = opslogd("schema", "check", "--config", daemon.config)
check("tables that differ where they may are accepted", found.returncode == 0, found.stderr)
daemon.start()

sent = 0
is_over = threading.Event()


def produce():
    global sent
    producer = Producer(daemon.socket, ack=False)
    while not is_over.is_set():
        producer.send(b'{"event":"concurrency_issues","lock_type":"l","pid":%d}\n'
                      b'{"event":"backup_logs","backup_type":"%d","status":"s"}\n' % (sent, sent))
        sent += 1
        time.sleep(0.01)
    producer.socket.close()


thread = threading.Thread(target=produce, daemon=True)
thread.start()
time.sleep(2)
migration = subprocess.Popen(
    [server.programs + "/psql", "-X", "-q", server.conninfo, "-c",
     "BEGIN; LOCK TABLE operation_logs.concurrency_issues; SELECT pg_sleep(%d);" % SECONDS +
     "ALTER TABLE operation_logs.concurrency_issues ALTER pid TYPE numeric; COMMIT"],
    stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)


def hold():
    """What `status` says of the table that waits."""
    lanes = daemon.status()["delivery"]["lanes"]
    return next((lane["held"] for lane in lanes if lane["table"] == "concurrency_issues"), None)


reason = wait_until("the table waits", hold, 30)
check("status says why the table waits", "55P03" in reason, reason)
check("the migration ends", migration.wait(SECONDS + 60) == 0)
released = time.monotonic()
wait_until("the table takes rows again", lambda: hold() is None, 60)
print("the table takes rows again %.1f s after the lock" % (time.monotonic() - released), flush=True)
time.sleep(1)
is_over.set()
thread.join(10)
daemon.wait_drained()
print("all there %.1f s after the lock; %d lines of each table" % (time.monotonic() - released, sent), flush=True)

for table, column, key in [("concurrency_issues", "pid", "issue_id"), ("backup_logs", "backup_type", "backup_id")]:
    rows = server.query("SELECT %s FROM operation_logs.%s ORDER BY %s" % (column, table, key))
    check("each row of %s is there once, in order" % table, [int(row[0]) for row in rows] == list(range(sent)), len(rows))
gaps = [float(row[0]) for row in server.query(
    "SELECT extract(epoch FROM arrived - lag(arrived) OVER (ORDER BY backup_id)) AS gap FROM operation_logs.backup_logs"
    " ORDER BY gap DESC NULLS LAST LIMIT 5")]
print("longest times without a row of the other table: %s s" % ", ".join("%.1f" % gap for gap in gaps), flush=True)
check("no other table waits longer than a lock's timeout", gaps[0] < LOCK_TIMEOUT + 2, gaps[0])
check("no line is a dead letter", daemon.status()["dead_letters"]["held"] == 0, daemon.status()["dead_letters"])
log = daemon.log()
check("it is said, at most once a minute", 1 <= log.count("concurrency_issues is tried again") <= 1 + SECONDS // 60,
      log[-2000:])
check("the daemon ends with 0", daemon.stop() == 0)
finish()
