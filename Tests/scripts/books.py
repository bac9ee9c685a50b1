#!/usr/bin/env python3
"""The books: what the daemon counts of itself, `reconcile`, and where `trace` says that a line is; also for planted losses."""
import json
import os
import struct

import harness
from harness import Daemon, Producer, Server, check, opslogd, scratch_directory, wait_until

directory = scratch_directory()
server = Server(directory)
server.start()
server.query(opslogd("schema", "print").stdout)
place = os.path.join(directory, "daemon")
os.makedirs(place)
daemon = Daemon(place, server.conninfo,
                extra="delivery: {retry: {initial: 20ms, max: 200ms}}\nspool: {min_free: 1MiB}\n")
log = os.path.join(daemon.logs, "a.ndjson")
GOOD = '{"event":"cast_errors","column_name":"c%d"}\n'
MARK = '{"event":"pipeline_watermarks","pipeline_name":"p","status":"s%d"}\n'


def command(name, *arguments):
    return opslogd(name, "--config", daemon.config, *arguments)


def reconciled():
    """Exit status and object."""
    done = command("reconcile", "--json")
    return done.returncode, json.loads(done.stdout), done.stderr


def traced(line):
    """Exit status and objects."""
    done = command("trace", "--json", str(line))
    return done.returncode, [json.loads(one) for one in done.stdout.splitlines()]


def write(text):
    with open(log, "a") as file:
        file.write(text)


def send(*lines):
    producer = Producer(daemon.socket)
    producer.send("".join(lines).encode())
    return producer.finish()


def books():
    return daemon.status()["books"]


def account(name):
    return next((one for one in books()["inputs"] if one["name"] == name), None)


def entered(name, **counts):
    """Until the account has these counts."""
    def is_so():
        found = account(name)
        return found and all(found[key] == value for key, value in counts.items())
    wait_until("the account of %s has %s: %s" % (name, counts, daemon.status()["books"]), is_so, 20)


def metric():
    text = daemon.get("/metrics")[1]
    return next((line.split()[1] for line in text.splitlines() if line.startswith("opslogd_unaccounted_events ")), None)


# --- everything arrives ------------------------------------------------------------------------------------------------
check("where the daemon has never run, reconcile and trace end with 66",
      command("reconcile").returncode == 66 and command("trace", "1").returncode == 66)
daemon.start()
send(*[GOOD % n for n in range(5)], "{\n", *[MARK % n for n in range(3)])
write("".join(GOOD % n for n in range(10, 14)) + "\n" + '{"event":"cast_errors"}\n')
daemon.wait_drained()
entered("pipelines", read=9, delivered=8, dead_lettered=1, in_spool=0, under_way=0)
entered("legacy", read=5, delivered=4, dead_lettered=1, in_spool=0)
check("the account of each input balances, and the metric is 0",
      books()["unaccounted_events"] == 0 and metric() == "0" and account("legacy")["unaccounted"] == 0,
      (books(), metric()))
page = opslogd("status", "--config", daemon.config).stdout
check("status says so", "no event is unaccounted for" in page, page)
wait_until("reconcile finds nothing on its way", lambda: reconciled()[1]["inputs"][0]["in_spool"] == 0, 20)
status, found, said = reconciled()
records = {one["name"]: one for one in found["inputs"]}
check("reconcile finds every kept record accounted for, beside the running daemon",
      status == 0 and found["balanced"] and found["daemon"] == "running" and found["database"] == "compared"
      and records["legacy"]["records"] == 5 and records["legacy"]["delivered"] == 4
      and records["legacy"]["dead_lettered"] == 1 and records["pipelines"]["delivered"] == 8
      and found["run_unaccounted_events"] == 0, (status, found, said))
text = command("reconcile").stdout
check("for people it is a table", "UNACCOUNTED" in text and "everything is accounted for" in text, text)

# --- where a line is ---------------------------------------------------------------------------------------------------
last = daemon.status()["spool"]["last_sequence"]
spooled = [json.loads(line) for line in opslogd("spool", "cat", "--config", daemon.config, "--all").stdout.splitlines()]
by_offset = {(one["source"]["path"], one["source"]["offset"]): one["sequence"] for one in spooled}
second = len(GOOD % 10)
status, found = traced("%s:%d" % (log, second + 3))
check("a byte of a line leads to its record, and that to its table",
      status == 0 and len(found) == 1 and found[0]["state"] == "delivered" and found[0]["table"] == "cast_errors"
      and found[0]["offset"] == second and found[0]["sequence"] == by_offset[(log, second)], (status, found, by_offset))
letter = json.loads(opslogd("dead-letters", "list", "--config", daemon.config, "--json", "--input", "legacy").stdout)
status, found = traced("%s:%d" % (log, letter["source"]["offset"]))
check("a line that does not fit is a dead letter, and why is said",
      status == 0 and found[0]["state"] == "dead_letter" and found[0]["reason"] == "missing_field"
      and found[0]["sequence"] == int(letter["id"]), (status, found, letter))
check("so it is by its id", traced(letter["id"])[1][0]["state"] == "dead_letter", traced(letter["id"]))
status, found = traced("%s:%d" % (log, os.path.getsize(log)))
check("what is behind the position is not read yet", status == 0 and found[0]["state"] == "not_read", (status, found))
status, found = traced(last + 100)
check("a record that there is not is 1", status == 1 and found[0]["state"] == "unknown", (status, found))
status, found = traced("/nowhere/x:5")
check("a file that nobody reads is 1, and it is said how a renamed one is asked for",
      status == 1 and "the name under which it was read" in found[0]["sentence"], (status, found))
check("what is no line is 64", command("trace", "nonsense").returncode == 64)
marks = [one["sequence"] for one in spooled if one.get("event") == "pipeline_watermarks"]
check("a watermark is traced to its table", traced(marks[0])[1][0]["table"] == "pipeline_watermarks", traced(marks[0]))
opslogd("dead-letters", "discard", "--config", daemon.config, letter["id"])
status, found = traced(letter["id"])
check("a discarded dead letter says so", found[0]["state"] == "dead_letter_over" and "discarded" in found[0]["sentence"],
      (status, found))
status, found = traced("%s:%d" % (log, letter["source"]["offset"] + 2))
check("so it says by a byte of its line",
      status == 0 and [one["state"] for one in found] == ["dead_letter_over"] and "discarded" in found[0]["sentence"]
      and found[0]["sequence"] == int(letter["id"]), (status, found))
check("and still balances", reconciled()[0] == 0, reconciled())

# --- a backlog, kill -9, and what a start carries in ---------------------------------------------------------------------
server.stop()
send(*[GOOD % n for n in range(20, 50)])
entered("pipelines", in_spool=30)
waiting = daemon.status()["spool"]["last_sequence"]
status, found = traced(waiting)
check("an undelivered line is in the spool", status == 0 and found[0]["state"] == "in_spool", (status, found))
status, found, said = reconciled()
check("with the database away, reconcile says so and ends with 69",
      status == 69 and found["database"] == "not_asked" and found["balanced"], (status, found, said))
daemon.kill()
status, found, said = reconciled()
check("with the daemon down, the same is compared without its run",
      status == 69 and found["daemon"] == "stopped" and found["run_inputs"] is None
      and next(one for one in found["inputs"] if one["name"] == "pipelines")["in_spool"] == 30, (status, found, said))
daemon.start()
entered("pipelines", carried=30, in_spool=30)
send(*[GOOD % n for n in range(50, 55)])
server.start()
daemon.wait_drained()
entered("pipelines", read=5, carried=30, delivered=35, in_spool=0)
check("the books of the next run carry in what stood there, and balance",
      books()["unaccounted_events"] == 0 and metric() == "0", books())
wait_until("the cursor is written", lambda: reconciled()[0] == 0, 20)
check("nothing is missing in the table", server.counts()["cast_errors"] == 44, server.counts())
daemon.stop()
status, found, said = reconciled()
check("after an orderly stop everything is accounted for", status == 0 and found["daemon"] == "stopped", (status, said))

# --- planted losses ------------------------------------------------------------------------------------------------------
server.query("UPDATE operation_logs.spool_positions SET position = position - 5 WHERE lane = 4")
status, found, said = reconciled()
check("a database that was set back is found: what it lacks is unaccounted for",
      status == 1 and not found["balanced"] and "set back" in said
      and next(one for one in found["inputs"] if one["name"] == "pipelines")["not_in_database"] == 5,
      (status, found, said))
server.query("UPDATE operation_logs.spool_positions SET position = position + 5 WHERE lane = 4")
check("and is forgotten once it is right again", reconciled()[0] == 0, reconciled())
server.query("UPDATE operation_logs.spool_positions SET chain = chain + 1 WHERE lane = 4")
status, found, said = reconciled()
check("a row of another history is found", status == 1 and "another one" in said, (status, said))
server.query("UPDATE operation_logs.spool_positions SET chain = chain - 1 WHERE lane = 4")


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def forge_settled(sequence):
    """The cursor says that every record up to there has its fate."""
    with open(os.path.join(daemon.state, "spool", "cursor"), "r+b") as cursor:
        for at in (0, 4096):
            cursor.seek(at)
            slot = bytearray(cursor.read(508))
            if slot[:8] != b"OPSLGCUR":
                continue
            struct.pack_into("<Q", slot, 56, sequence)
            cursor.seek(at)
            cursor.write(slot + struct.pack("<I", crc32c(slot)))


server.stop()
daemon.start()
send(*[GOOD % n for n in range(60, 67)])
daemon.kill()
server.start()
last = reconciled()[1]["last_sequence"]
check("before it is tampered with, the backlog is in the spool", reconciled()[0] == 0, reconciled())
forge_settled(last)
status, found, said = reconciled()
check("records that count as done and are in no table are found",
      status == 1 and next(one for one in found["inputs"] if one["name"] == "pipelines")["unaccounted"] == 7
      and "no table and no dead letter" in said, (status, found, said))
status, found = traced(last)
check("and traced as unaccounted for", status == 1 and found[0]["state"] == "unaccounted", (status, found))

# --- lines that were sent again, and a file that was renamed -------------------------------------------------------------
# With a spool of its own: the losses that were planted above stay there.
place = os.path.join(directory, "again")
os.makedirs(place)
daemon = Daemon(place, server.conninfo, extra="spool: {min_free: 1MiB}\n")
log = os.path.join(daemon.logs, "a.ndjson")
lines = [GOOD % 0, '{"event":"cast_errors"}\n', GOOD % 1, '{"event":"cast_errors","line":1}\n', GOOD % 2, GOOD % 3]
offsets = [sum(map(len, lines[:n])) for n in range(len(lines))]
daemon.start()
write("".join(lines))
wait_until("the file is read", lambda: daemon.status()["spool"]["last_sequence"] >= len(lines), 20)
daemon.wait_drained()
before = {offset: traced("%s:%d" % (log, offset + 1))[1] for offset in offsets}
check("each line is found by a byte of it, and nothing else",
      [[one["offset"] for one in before[offset]] for offset in offsets] == [[offset] for offset in offsets], before)
mended, refused = (str(before[offset][0]["sequence"]) for offset in (offsets[1], offsets[3]))
done = opslogd("dead-letters", "retry", "--config", daemon.config, mended, "--set", "column_name=volume")
check("a dead letter is sent again", done.returncode == 0, done)
done = opslogd("dead-letters", "retry", "--config", daemon.config, refused)
check("one is rejected again", done.returncode == 1, done)
daemon.wait_drained()
after = {offset: traced("%s:%d" % (log, offset + 1))[1] for offset in offsets}
check("lines that were sent again do not stand among the answers for others",
      all([one["sequence"] for one in after[offset]] == [one["sequence"] for one in before[offset]]
          for offset in (offsets[0], offsets[2], offsets[4], offsets[5])), (before, after))
found = after[offsets[1]]
check("a line that was sent again is shown with what it became",
      [(one["state"], one["offset"]) for one in found] == [("dead_letter_over", offsets[1]), ("delivered", offsets[1])]
      and "was sent again" in found[0]["sentence"] and found[0]["end"]["fate"] == "retried", found)
found = after[offsets[3]]
check("also where that is another dead letter",
      [(one["state"], one["offset"]) for one in found] == [("dead_letter_over", offsets[3]), ("dead_letter", offsets[3])]
      and "was sent again" in found[0]["sentence"], found)
status, found = traced("%s:99999999" % log)
check("a byte that is not read yet has no line", status == 0 and [one["state"] for one in found] == ["not_read"],
      (status, found))
os.rename(log, log + ".1")
write(GOOD % 9)
wait_until("the next file of the name is read",
           lambda: [one["state"] for one in traced("%s:1" % log)[1]] == ["delivered", "delivered"], 20)
daemon.wait_drained()
status, found = traced("%s.1:%d" % (log, offsets[4] + 3))
check("a renamed file is found by its present name",
      status == 0 and [(one["sequence"], one["path"]) for one in found] == [(before[offsets[4]][0]["sequence"], log)],
      (status, found))
status, found = traced("%s.1:3" % log)
check("without the lines that the next file of its former name has",
      [one["sequence"] for one in found] == [before[0][0]["sequence"]], (status, found))
status, found = traced("%s:3" % log)
check("which has both, the newest last",
      [one["offset"] for one in found] == [0, 0] and found[0]["sequence"] == before[0][0]["sequence"], (status, found))
status, found = traced("%s:%d" % (log, offsets[4] + 3))
check("where the next file is shorter, it is not read yet, and the last line of it is no answer",
      [one["state"] for one in found] == ["delivered", "not_read"]
      and found[0]["sequence"] == before[offsets[4]][0]["sequence"], (status, found))
status, found = traced("%s.1:%d" % (log, os.path.getsize(log + ".1")))
check("nor is what is behind the position of the renamed one",
      status == 0 and [one["state"] for one in found] == ["not_read"], (status, found))
daemon.stop()

harness.finish()
