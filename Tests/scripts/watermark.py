#!/usr/bin/env python3
"""How far a pipeline has got, asked on a socket and by command: delivered or not, after a crash, and while the database is away, slow, or set back."""
import glob
import json
import os
import shutil
import signal
import subprocess
import time

from harness import Daemon, Producer, Server, check, finish, opslogd, scratch_directory, wait_until

directory = scratch_directory()
server = Server(directory)
server.start()
server.query("CREATE SCHEMA operation_logs")
daemon = Daemon(directory, server.conninfo, file_input=False, extra="spool: {segment_bytes: 4MiB}\n")
check("schema apply", opslogd("schema", "apply", "--config", daemon.config).returncode == 0)
daemon.start()


def watermark(name, **columns):
    return (json.dumps({"event": "pipeline_watermarks", "pipeline_name": name, **columns}) + "\n").encode()


def question(name):
    return (json.dumps({"opslogd": {"watermark": name}}) + "\n").encode()


def ask(name, lines=b"", ack=False):
    """Sends lines and the question on one connection; the answers."""
    producer = Producer(daemon.socket, ack=ack)
    producer.send(lines + question(name))
    return producer.finish()


def answer(name, lines=b""):
    return ask(name, lines)[0]["watermark"]


def get(*arguments):
    return opslogd("watermark", "get", *arguments, "--config", daemon.config)


def backends():
    with open(os.path.join(server.data, "postmaster.pid")) as file:
        postmaster = int(file.readline())
    with open("/proc/%d/task/%d/children" % (postmaster, postmaster)) as file:
        return [postmaster] + [int(pid) for pid in file.read().split()]


# --- delivered --------------------------------------------------------------------------------------------------------
check("a pipeline of which nothing is known: null", ask("nobody") == [{"watermark": None}], ask("nobody"))
first = watermark("bars", last_processed_ts="2026-01-01T00:00:00Z", status="running", updated_at="2026-01-01T00:00:01Z")
found = answer("bars", first)
check("the line before the question counts, without acknowledgements too",
      {k: found[k] for k in found if k != "from"} == {
          "pipeline_name": "bars", "last_processed_ts": "2026-01-01T00:00:00.000000Z", "status": "running",
          "updated_at": "2026-01-01T00:00:01.000000Z"}, found)
daemon.wait_drained()
check("once it is delivered, it comes from the database", answer("bars")["from"] == "database", answer("bars"))
odd = 'ünïcode "quoted" \\ \u2028'
check("any name can be asked for", answer(odd, watermark(odd, status="x"))["pipeline_name"] == odd)
answers = ask("bars", first.replace(b"running", b"again") * 3, ack=True)
check("with acknowledgements, its lines are durable before the answer comes",
      [list(a)[0] for a in answers] == ["durable", "watermark"] and answers[0]["durable"] == 3
      and answers[1]["watermark"]["status"] == "again", answers)
producer = Producer(daemon.socket, ack=False)
names = ["many-%d" % n for n in range(1000)]
producer.send(b"".join(watermark(n, status=n) + question(n) for n in names))
check("a thousand questions on one connection are answered in their order",
      [a["watermark"]["status"] for a in producer.finish()] == names)
producer = Producer(daemon.socket, ack=False)
producer.send(b'{"opslogd":{"watermark":5}}\n{"opslogd":{"watermark":"a","b":1}}\n' + question("bars"))
answers = producer.finish()
check("what is no question is an error, and the connection goes on",
      ["error" in a for a in answers] == [True, True, False], answers)

# --- held up: the spool and the row together --------------------------------------------------------------------------
daemon.wait_drained()


def hold(mode):
    """A session that holds a lock on the table."""
    session = subprocess.Popen([os.path.join(server.programs, "psql"), "-X", "-q", server.conninfo], stdin=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
    session.stdin.write("BEGIN; LOCK TABLE operation_logs.pipeline_watermarks IN %s MODE;\n" % mode)
    session.stdin.flush()
    wait_until("the lock is held", lambda: server.value(
        "SELECT count(*) FROM pg_locks WHERE granted AND relation = 'operation_logs.pipeline_watermarks'::regclass "
        "AND mode = '%sLock'" % mode.title().replace(" ", "")) == "1")
    return session


def release(session):
    session.stdin.close()
    session.wait(30)


session = hold("EXCLUSIVE")
found = answer("bars", watermark("bars", status="only the status", updated_at="2026-01-02T00:00:00Z"))
check("of an undelivered line that carries only a status, the rest is the row's",
      (found["from"], found["status"], found["last_processed_ts"]) == ("spool", "only the status", "2026-01-01T00:00:00.000000Z"), found)
found = answer("bars", watermark("bars", status="late", updated_at="2025-01-01T00:00:00Z"))
check("a line that comes late and is older changes nothing", found["status"] == "only the status", found)
release(session)
daemon.wait_drained()

# --- the database is away ---------------------------------------------------------------------------------------------
server.stop()
check("with the database away and nothing undelivered, nobody knows",
      answer("bars") == {"error": "database_unreachable", "spool": None}, answer("bars"))
found = answer("bars", watermark("bars", last_processed_ts="2026-01-03T00:00:00Z", updated_at="2026-01-03T00:00:00Z"))
expected = {"pipeline_name": "bars", "last_processed_ts": "2026-01-03T00:00:00.000000Z", "status": "only the status",
            "updated_at": "2026-01-03T00:00:00.000000Z", "from": "spool"}
check("with the database away, the newest undelivered one is told", found == {"error": "database_unreachable", "spool": expected}, found)
page = get("bars")
check("… by command too, with a remark", page.returncode == 0 and "2026-01-03" in page.stdout and "newer one" in page.stderr, (page.stdout, page.stderr))
page = get("nobody")
check("… and what has none ends with 69", page.returncode == 69 and not page.stdout and "not reachable" in page.stderr, page)
daemon.kill()
daemon.start()
found = answer("bars")
check("right after a crash it is still known", found["spool"] == expected, found)
segments = len(glob.glob(daemon.state + "/spool/segments/*.seg"))
producer = Producer(daemon.socket)
filler = (json.dumps({"event": "cast_errors", "column_name": "x", "raw_value": "y" * 900}) + "\n").encode()
for _ in range(12):
    producer.send(filler * 1000)
producer.finish()
check("(the backlog is several segments long)", len(glob.glob(daemon.state + "/spool/segments/*.seg")) >= segments + 2)
daemon.kill()
daemon.start()
check("… also where it stands in a segment long before the last", answer("bars")["spool"] == expected, answer("bars"))

# --- the database is back, and slow -----------------------------------------------------------------------------------
server.start()
daemon.wait_drained()
row = server.query("SELECT last_processed_ts AT TIME ZONE 'UTC', status, updated_at AT TIME ZONE 'UTC' FROM operation_logs.pipeline_watermarks WHERE pipeline_name = 'bars'")
check("what was told is what the row is", row == [["2026-01-03 00:00:00", "only the status", "2026-01-03 00:00:00"]], row)
wait_until("the database is asked again", lambda: answer("bars").get("from") == "database", 10)
page = get("bars", "--json")
check("by command as one object", page.returncode == 0 and json.loads(page.stdout)["watermark"]["from"] == "database", page)
check("an unknown pipeline ends with 1", get("nobody at all").returncode == 1)
stopped = backends()
for pid in stopped:
    os.kill(pid, signal.SIGSTOP)
began = time.monotonic()
answers = ask("bars", watermark("bars", status="slow", updated_at="2026-01-04T00:00:00Z"), ack=True)
check("a database that hangs delays no line, and the answer by seconds only",
      answers[0] == {"durable": 1} and answers[1]["watermark"].get("error") == "database_unreachable"
      and answers[1]["watermark"]["spool"]["status"] == "slow" and time.monotonic() - began < 15, (answers, time.monotonic() - began))
for pid in stopped:
    os.kill(pid, signal.SIGCONT)
daemon.wait_drained()
wait_until("the database answers again", lambda: answer("bars").get("from") == "database")

# --- the database is set back -----------------------------------------------------------------------------------------
server.stop()
shutil.copytree(server.data, directory + "/backup", symlinks=True)
server.start()
answer("bars", watermark("bars", status="after the backup", updated_at="2026-01-05T00:00:00Z"))
daemon.wait_drained()
for _ in range(2):  # until a segment's snapshot no longer holds it
    producer = Producer(daemon.socket)
    for _ in range(5):
        producer.send(filler * 1000)
    producer.finish()
    daemon.wait_drained()
    time.sleep(1.5)  # the cursor is saved
daemon.stop()
server.stop()
shutil.rmtree(server.data)
shutil.copytree(directory + "/backup", server.data, symlinks=True)
if os.getuid() == 0:
    for root, folders, files in os.walk(server.data):
        for name in [root] + [os.path.join(root, f) for f in files]:
            shutil.chown(name, "postgres", "postgres")
server.start()
session = hold("EXCLUSIVE")
daemon.start()
found = answer("bars")
check("of a database that was set back, the old row is not taken for the newest", found.get("error") == "database_behind", found)
page = get("bars")
check("… by command 69, and why", page.returncode == 69 and "set back" in page.stderr, page)
release(session)
daemon.wait_drained()
found = answer("bars")
check("once it is filled again, it is the newest", found.get("status") == "after the backup" and found["from"] == "database", found)

daemon.stop()
check("without a daemon: 69", get("bars").returncode == 69)
check("no other warnings than of the database", not [
    line for line in daemon.log().splitlines() if " error" in line.lower() and "database" not in line.lower()], daemon.log()[-2000:])
finish()
