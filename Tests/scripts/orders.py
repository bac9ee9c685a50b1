#!/usr/bin/env python3
"""What operators order of the running delivery: to go on without what a restored database lacks and nobody keeps, and to try a
table again that was held."""
import json
import os
import shutil
import subprocess

from harness import Daemon, Producer, Server, check, finish, opslogd, scratch_directory, wait_until

directory = scratch_directory()
server = Server(directory)
server.start()
server.query(opslogd("schema", "print").stdout)
place = os.path.join(directory, "daemon")
os.makedirs(place)
daemon = Daemon(place, server.conninfo, file_input=False, extra=(
    "spool: {min_free: 0, segment_bytes: 4MiB, keep_delivered: {bytes: 0, age: 0s}}\n"
    "delivery: {retry: {initial: 20ms, max: 200ms}}\n"))
BACKUP = os.path.join(directory, "backup")
# By sequence number less one, as there is no other source: table and word.
sent = []


def send(*words, table="cast_errors", fill=0):
    column = "column_name" if table == "cast_errors" else "backup_type"
    rest = {"cast_errors": {"raw_value": "x" * fill}, "backup_logs": {"status": "ok"}}[table]
    producer = Producer(daemon.socket)
    for word in words:
        producer.send(json.dumps({"event": table, column: word, **rest}).encode() + b"\n")
    durable = [a["durable"] for a in producer.finish() if "durable" in a]
    if not durable or durable[-1] != len(words):
        raise RuntimeError("not acknowledged: %s" % durable)
    sent.extend((table, word) for word in words)


def rows():
    found = [("cast_errors", row[0]) for row in server.query("SELECT column_name FROM operation_logs.cast_errors")]
    return sorted(found + [("backup_logs", row[0]) for row in server.query("SELECT backup_type FROM operation_logs.backup_logs")])


def delivery():
    return daemon.status()["delivery"]


def command(*words):
    return opslogd(*words[:2], "--config", daemon.config, *words[2:])


def accept(*options):
    return command("spool", "accept-gap", *options)


def restore():
    """The backup takes the place of the database, as of a server that was stopped."""
    server.stop()
    shutil.rmtree(server.data)
    subprocess.run(["cp", "-a", BACKUP, server.data], check=True)
    server.start()


def post(path, body):
    """An order as any program may give it; the answer's object."""
    out = subprocess.run(["python3", "-c", """
import socket, sys
s = socket.socket(socket.AF_UNIX); s.settimeout(60); s.connect(sys.argv[1])
s.sendall(("POST %s HTTP/1.1\\r\\nHost: l\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (sys.argv[2], len(sys.argv[3]), sys.argv[3])).encode())
data = b""
while True:
    part = s.recv(65536)
    if not part: break
    data += part
print(data.split(b"\\r\\n\\r\\n", 1)[1].decode())
""", os.path.join(daemon.state, "control.sock"), path, body], capture_output=True, text=True, check=True, timeout=90).stdout
    return json.loads(out)


refused = accept()
check("without a daemon that has run, there is nothing to ask: 69", refused.returncode == 69, refused)
daemon.start()
check("before the first record nothing is kept since any time", daemon.status()["spool"]["refillable_since"] is None)
send(*["old %d" % i for i in range(10)])
send(*["old %d" % i for i in range(5)], table="backup_logs")
daemon.wait_drained()
since = daemon.status()["spool"]["refillable_since"]
check("status says since when what was received is kept", since is not None and since[:2] == "20", since)
nothing = accept("--yes")
check("where nothing is missing there is nothing to do", nothing.returncode == 0 and "nothing to do" in nothing.stdout, nothing)
server.stop()
subprocess.run(["cp", "-a", server.data, BACKUP], check=True)
server.start()

# --- more is delivered than is kept, and the backup is restored -----------------------------------------------------------
for part in range(4):
    send(*["later %d" % (20 * part + i) for i in range(20)], fill=200_000)
    send("later %d" % part, table="backup_logs")
daemon.wait_drained()
# All of them, or what the gap ends with would still move.
wait_until("delivered segments are freed", lambda: daemon.status()["spool"]["segments"] == 1)
check("much of what was delivered is no longer kept", daemon.status()["spool"]["first_sequence"] > 40)
moved = daemon.status()["spool"]["refillable_since"]
check("and that moves on as segments are freed", moved > since, (since, moved))
metrics = daemon.get("/metrics")[1]
check("as a metric too", "\nopslogd_spool_refillable_since_timestamp_seconds " in metrics)
restore()
send("new 1")
wait_until("delivery waits", lambda: "'opslogd spool accept-gap'" in delivery()["state"])
gap = delivery()["gap"]
first = daemon.status()["spool"]["first_sequence"]
last_delivered = max(i + 1 for i, (table, _) in enumerate(sent) if table == "backup_logs")
named = {g["table"]: (g["first_sequence"], g["last_sequence"]) for g in gap}
check("status names tables and numbers", named == {"cast_errors": (11, first - 1), "backup_logs": (16, min(first - 1, last_delivered))},
      (named, first, last_delivered))
before = rows()
asked = accept()
check("accept-gap lists what is given up, changes nothing, and exits 64",
      asked.returncode == 64 and "cast_errors" in asked.stdout and str(first - 1) in asked.stdout and "accept-gap --yes" in asked.stderr
      and asked.stderr.count("\n") == 1, asked)
listed = [json.loads(line) for line in accept("--json").stdout.splitlines()]
check("also as JSON, with the times between which it was written",
      {g["table"]: (g["first_sequence"], g["last_sequence"]) for g in listed} == named
      and all(g["outcome"] == "would_be_accepted" and g["written_after"] < g["written_before"]
              and g["records_at_most"] == g["last_sequence"] - g["first_sequence"] + 1 for g in listed), listed)
other = post("/spool/accept-gap", "cast_errors 11 %d\nbackup_logs 16 %d\n" % (first, named["backup_logs"][1]))
check("an order that names something else is refused", other["outcome"] == "changed", other)
half = post("/spool/accept-gap", "cast_errors 11 %d\n" % (first - 1))
check("and one that names a part of it", half["outcome"] == "changed", half)
check("nothing was sent, and nothing was accepted", rows() == before and daemon.status()["spool"]["accepted_gaps"] == [])
server.stop()
away = accept("--yes")
check("with the database away nothing is accepted: 75", away.returncode == 75 and daemon.status()["spool"]["accepted_gaps"] == [], away)
server.start()
accepted = accept("--yes")
check("accept-gap --yes has delivery go on", accepted.returncode == 0 and "given up" in accepted.stdout, accepted)
daemon.wait_drained()


def expected():
    """All but what was named."""
    return sorted(entry for i, entry in enumerate(sent) if not named[entry[0]][0] <= i + 1 <= named[entry[0]][1])


check("exactly what was named is missing, all else is there once", rows() == expected(),
      (len(rows()), len(expected())))
kept = daemon.status()["spool"]["accepted_gaps"]
check("status shows what was given up", {g["table"]: (g["first_sequence"], g["last_sequence"]) for g in kept} == named
      and all(g["time"][:2] == "20" for g in kept), kept)
check("on its page too", "given up at" in opslogd("status", "--config", daemon.config).stdout)
check("the log says so", "has given up" in daemon.log())
verified = command("spool", "verify")
check("verify names it, and the spool is whole", verified.returncode == 0 and "cast_errors: records 11 to %d were given up" % (first - 1) in verified.stdout, verified)
metrics = daemon.get("/metrics")[1]
check("it is counted", 'opslogd_accepted_gap_records_total{event="cast_errors"} %d' % (first - 11) in metrics)
check("said again, there is nothing to do", accept("--yes").returncode == 0)
daemon.kill()
daemon.start()
send("after a kill")
daemon.wait_drained()
check("a kill changes nothing", rows() == expected() and len(daemon.status()["spool"]["accepted_gaps"]) == 2)
restore()
send("after the same backup again")
daemon.wait_drained()
check("the same backup once more lacks what was accepted, and is filled again by itself", rows() == expected(),
      (len(rows()), len(expected()), delivery()["state"]))

# --- set back while there is nothing to deliver ------------------------------------------------------------------------------
restore()
opslogd("drain", "--timeout", "60", "--config", daemon.config)
check("drain has the database compared: one that was set back meanwhile is filled again before it ends", rows() == expected(),
      (len(rows()), len(expected()), delivery()["state"]))
server.stop()
away = opslogd("drain", "--timeout", "2", "--config", daemon.config)
check("and with the database away it does not say that everything is there: 75", away.returncode == 75 and "compared" in away.stderr, away)
server.start()
check("until it is back", opslogd("drain", "--timeout", "60", "--config", daemon.config).returncode == 0)

# --- a table that refuses its rows ------------------------------------------------------------------------------------------
server.query("ALTER TABLE operation_logs.cast_errors ADD CONSTRAINT no_bad CHECK (column_name NOT LIKE 'bad%') NOT VALID")


def held():
    return next(lane["held"] for lane in delivery()["lanes"] if lane["table"] == "cast_errors")


def letters():
    return daemon.status()["dead_letters"]["held"]


def release(table, *options):
    return command("delivery", "release", table, *options)


# With no rows accepted before.
daemon.stop()
daemon.start()
check("a table that is not held is not so: 1", release("cast_errors").returncode == 1)
unknown = release("cast_error")
check("one that there is not is a mistake: 64, with those that there are",
      unknown.returncode == 64 and "backup_logs" in unknown.stderr and unknown.stderr.count("\n") == 1, unknown)
send(*["bad %d" % i for i in range(50)])
wait_until("the table is held", lambda: "delivery release cast_errors" in (held() or ""))
wait_until("19 dead letters", lambda: letters() == 19)
released = release("cast_errors")
check("delivery release tries it at once, and says why it was held",
      released.returncode == 0 and "refused" in released.stdout, released)
wait_until("as many dead letters again", lambda: letters() == 38)
wait_until("the table is held again", lambda: "delivery release cast_errors" in (held() or ""))
answer = release("cast_errors", "--json")
check("and as JSON", answer.returncode == 0 and json.loads(answer.stdout)["outcome"] == "released", answer)
wait_until("all are dead letters", lambda: letters() == 50)
daemon.wait_drained()
send("good")
daemon.wait_drained()
check("the table goes on", ("cast_errors", "good") in rows() and held() is None)
server.query("ALTER TABLE operation_logs.backup_logs RENAME TO elsewhere")
send("mended", table="backup_logs")
wait_until("the table is held", lambda: any(lane["held"] for lane in delivery()["lanes"]))
server.query("ALTER TABLE operation_logs.elsewhere RENAME TO backup_logs")
release("backup_logs")
daemon.wait_drained(5)
check("a table that was mended is tried at once", ("backup_logs", "mended") in rows())
daemon.stop()
stopped = release("cast_errors")
check("without a daemon: 69", stopped.returncode == 69 and stopped.stderr.count("\n") == 1, stopped)
finish()
