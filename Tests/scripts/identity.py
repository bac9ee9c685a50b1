#!/usr/bin/env python3
"""Copied, cloned and rolled-back state directories, and a database that was set back: each row exactly once."""
import os
import shutil
import subprocess

import harness
from harness import Daemon, Producer, Server, check, finish, opslogd, scratch_directory, wait_until

directory = scratch_directory()
server = Server(directory)
server.start()
server.query(opslogd("schema", "print").stdout)
EXTRA = "delivery: {retry: {initial: 20ms, max: 200ms}}\nspool: {min_free: 1MiB}\n"
sent = []


def daemon(name):
    place = os.path.join(directory, name)
    os.makedirs(place, exist_ok=True)
    return Daemon(place, server.conninfo, extra=EXTRA, file_input=False)


def send(to, *words):
    """Events that are acknowledged, and so must be rows, once."""
    producer = Producer(to.socket)
    for word in words:
        producer.send(('{"event":"cast_errors","column_name":"%s"}\n' % word).encode())
    durable = [a["durable"] for a in producer.finish() if "durable" in a]
    if not durable or durable[-1] != len(words):
        raise RuntimeError("not acknowledged: %s" % durable)
    sent.extend(words)


def copy(of, to):
    """The state directory as it stands on disk, as `cp -a` or a snapshot does."""
    other = daemon(to)
    shutil.rmtree(other.state, ignore_errors=True)
    subprocess.run(["cp", "-a", of.state, other.state], check=True)
    for left in ("control.sock",):
        if os.path.exists(os.path.join(other.state, left)):
            os.remove(os.path.join(other.state, left))
    return other


def word(verb, of, *options):
    return opslogd("spool", verb, "--config", of.config, *options)


def rows():
    return sorted(row[0] for row in server.query("SELECT column_name FROM operation_logs.cast_errors"))


def exact(promise):
    found, expected = rows(), sorted(sent)
    check(promise + ": each row exactly once", found == expected,
          "missing %s, too many %s" % ([w for w in expected if w not in found], [w for w in set(found) if found.count(w) > expected.count(w)]))


def name(of):
    return of.status()["spool"]["id"]


def waits(of, words):
    return wait_until("delivery waits: " + words, lambda: words in of.status()["delivery"]["state"])


# --- two daemons on one directory ------------------------------------------------------------------------------------
first = daemon("first")
check("adopt and discard of a spool that was never made: 66",
      [word(v, first).returncode for v in ("adopt", "discard")] == [66, 66])
first.start()
send(first, *["image %d" % i for i in range(10)])
first.wait_drained()
second = subprocess.run([harness.OPSLOGD, "run", "--config", first.config], capture_output=True, text=True, timeout=20)
check("a second daemon on the directory: 75, and the holder is named",
      second.returncode == 75 and str(first.process.pid) in second.stderr and second.stderr.count("\n") == 1, (second.returncode, second.stderr))
for verb in ("adopt", "discard"):
    refused = word(verb, first, *(["--yes"] if verb == "discard" else []))
    check("%s beside a running daemon: 75, and the holder is named" % verb,
          refused.returncode == 75 and str(first.process.pid) in refused.stderr and refused.stderr.count("\n") == 1, refused)
first.stop()
check("adopt of a spool that is in no question does nothing", word("adopt", first).returncode == 0 and "nothing to do" in word("adopt", first).stdout)

# --- moved or restored elsewhere -------------------------------------------------------------------------------------
moved = copy(first, "moved")
refused = subprocess.run([harness.OPSLOGD, "run", "--config", moved.config], capture_output=True, text=True, timeout=20)
check("a spool in another directory is not opened: 78, with both ways out",
      refused.returncode == 78 and "spool adopt" in refused.stderr and "spool discard" in refused.stderr and refused.stderr.count("\n") == 1, refused)
adopted = word("adopt", moved)
check("it is adopted", adopted.returncode == 0 and "belongs here" in adopted.stdout, adopted)
check("and once is enough", "nothing to do" in word("adopt", moved).stdout)
moved.start()
send(moved, *["moved %d" % i for i in range(10)])
moved.wait_drained()
check("a moved spool keeps its identity", server.value("SELECT count(DISTINCT spool_id) FROM operation_logs.spool_positions") == "1")
exact("a spool restored to another place")

# --- the original started again, and a golden image ------------------------------------------------------------------
original = name(moved)
first.start()
send(first, *["first %d" % i for i in range(25)])
first.wait_drained()
check("the original goes on under a new identity, and says so", name(first) != original and "new spool identity" in first.log())
check("the copy keeps the old one", name(moved) == original)
send(moved, *["moved again %d" % i for i in range(5)])
moved.wait_drained()
exact("two daemons on two copies at once")
forked = name(first)
first.kill()
first.start()
send(first, "after the fork")
first.wait_drained()
check("the new identity stays", name(first) == forked)
exact("the original killed and started again")
first.stop()
moved.stop()

hosts = [copy(moved, "golden%d" % i) for i in range(3)]
for host in hosts:
    word("adopt", host)
for host in hosts:
    host.start()
for i, host in enumerate(hosts):
    send(host, *["golden %d %d" % (i, j) for j in range(20)])
for host in hosts:
    host.wait_drained()
names = [name(host) for host in hosts]
check("of a golden image on three hosts one keeps the identity", len(set(names)) == 3 and names.count(original) == 1, names)
exact("a golden image started on three hosts at once")
owner = hosts[names.index(original)]
for host in hosts:
    host.stop()

# --- rolled back between two starts ----------------------------------------------------------------------------------
backup = os.path.join(directory, "backup")
subprocess.run(["cp", "-a", owner.state, backup], check=True)
owner.start()
send(owner, *["before the rollback %d" % i for i in range(30)])
owner.wait_drained()
owner.stop()
# Restored in place: the same directory, as a snapshot of its file system has it.
shutil.rmtree(os.path.join(owner.state, "spool"))
subprocess.run(["cp", "-a", os.path.join(backup, "spool"), os.path.join(owner.state, "spool")], check=True)
owner.start()
send(owner, *["after the rollback %d" % i for i in range(12)])
owner.wait_drained()
send(owner, *["long after the rollback %d" % i for i in range(40)])
owner.wait_drained()
check("a spool that was rolled back goes on under a new identity", name(owner) != original and "new spool identity" in owner.log())
exact("a spool rolled back between two starts")

# --- copied while it ran ---------------------------------------------------------------------------------------------
live = copy(owner, "live")
word("adopt", live)
live.start()
send(live, *["live %d" % i for i in range(7)])
live.wait_drained()
send(owner, "undecided 1", "undecided 2")
waits(owner, "cannot be decided")
check("a spool that was copied while it ran waits, and names both ways out",
      "spool adopt" in owner.status()["delivery"]["state"] and "spool discard" in owner.status()["delivery"]["state"])
owner.stop()
adopted = word("adopt", owner)
check("adopt settles it under a new identity", adopted.returncode == 0 and "new identity" in adopted.stdout, adopted)
check("and once is enough", "nothing to do" in word("adopt", owner).stdout)
owner.start()
owner.wait_drained()
exact("a disputed spool that was adopted")

# --- thrown away -----------------------------------------------------------------------------------------------------
owner.stop()
server.stop()
owner.start()
kept = len(sent)
send(owner, "thrown away 1", "thrown away 2", "thrown away 3")
del sent[kept:]
owner.stop()
listed = word("discard", owner)
check("discard without --yes lists what there is, throws nothing away: 64",
      listed.returncode == 64 and "cast_errors: 3" in listed.stdout and "3 undelivered events" in listed.stdout
      and len(opslogd("spool", "cat", "--config", owner.config).stdout.splitlines()) == 3, listed)
discarded = word("discard", owner, "--yes")
check("discard --yes throws it away, with its count", discarded.returncode == 0 and "cast_errors: 3" in discarded.stdout
      and "new identity" in discarded.stdout, discarded)
again = word("discard", owner, "--yes")
check("and once is enough", again.returncode == 0 and "nothing to do" in again.stdout, again)
check("nothing is undelivered then", opslogd("spool", "cat", "--config", owner.config).stdout == "")
server.start()
owner.start()
send(owner, "after the discard")
owner.wait_drained()
exact("a spool whose backlog was thrown away")

# --- the database set back -------------------------------------------------------------------------------------------
owner.stop()
server.stop()
saved = server.data + ".saved"
subprocess.run(["cp", "-a", server.data, saved], check=True)
server.start()
owner.start()
send(owner, *["after the backup %d" % i for i in range(30)])
owner.wait_drained()
server.stop()
shutil.rmtree(server.data)
os.rename(saved, server.data)
server.start()
send(owner, "after the restoration")
owner.wait_drained()
check("a database that was set back is said", "the database was set back" in owner.log())
exact("a database restored from a backup")
owner.stop()
live.stop()

# --- restored into another cluster -----------------------------------------------------------------------------------
dumped = os.path.join(directory, "dump.sql")
subprocess.run([os.path.join(server.programs, "pg_dump"), "-f", dumped, server.conninfo], check=True)
server.stop()
server = Server(os.path.join(directory, "cluster"))
server.start()
subprocess.run([os.path.join(server.programs, "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", dumped, server.conninfo],
               check=True, stdout=subprocess.DEVNULL)
owner = daemon(os.path.basename(owner.directory))
said = len(owner.log())
owner.start()
send(owner, "in another cluster 1", "in another cluster 2")
owner.wait_drained()
check("another cluster is said", "on another server than the one that was delivered to" in owner.log()[said:])
exact("a database restored into another cluster")
owner.stop()
said = len(owner.log())
owner.start()
send(owner, "in another cluster 3")
owner.wait_drained()
owner.stop()
check("and said once", "another server" not in owner.log()[said:])
exact("the same cluster again")

# --- the last segments are lost, cursor and identity are not ---------------------------------------------------------
place = os.path.join(directory, "short")
os.makedirs(place, exist_ok=True)
short = Daemon(place, server.conninfo, extra=EXTRA)


def write(*words):
    """Lines of a file, which are rows sooner or later, or are set aside."""
    with open(os.path.join(short.logs, "a.ndjson"), "a") as lines:
        for word in words:
            lines.write('{"event":"cast_errors","column_name":"%s"}\n' % word)


def wait_rows(*words):
    sent.extend(words)
    wait_until("the rows arrive", lambda: set(words) <= set(rows()))


def spool(verb, *options):
    return opslogd("spool", verb, "--config", short.config, *options)


short.start()
send(short, *["short %d" % i for i in range(10)])
write(*["line %d" % i for i in range(10)])
wait_rows(*["line %d" % i for i in range(10)])
short.wait_drained()
short.stop()
segments = os.path.join(short.state, "spool", "segments")
shutil.copytree(segments, segments + ".older")
short.start()
send(short, *["delivered %d" % i for i in range(20)])
write(*["delivered line %d" % i for i in range(20)])
wait_rows(*["delivered line %d" % i for i in range(20)])
short.wait_drained()
server.stop()
kept = len(sent)
send(short, "gone 1", "gone 2", "gone 3")
del sent[kept:]
write("aside 1", "aside 2")
wait_until("the lines are read", lambda: short.status()["spool"]["undelivered_events"] == 5)
short.stop()
server.start()
shutil.rmtree(segments)
os.rename(segments + ".older", segments)
refused = subprocess.run([harness.OPSLOGD, "run", "--config", short.config], capture_output=True, text=True, timeout=20)
check("a spool whose last segments are missing is not opened: 78, with the way out",
      refused.returncode == 78 and "the segments end at" in refused.stderr and "spool adopt" in refused.stderr
      and refused.stderr.count("\n") == 1, refused)
before = open(os.path.join(short.state, "spool", "identity")).read()
asked = spool("adopt")
check("adopt without --yes says what it means, and changes nothing: 64",
      asked.returncode == 64 and "records 21 to" in asked.stdout and "is lost" in asked.stdout and "adopt --yes" in asked.stderr
      and open(os.path.join(short.state, "spool", "identity")).read() == before, asked)
adopted = spool("adopt", "--yes")
check("adopt --yes goes on without them", adopted.returncode == 0 and "goes on at record" in adopted.stdout, adopted)
check("and once is enough", "nothing to do" in spool("adopt").stdout)
said = len(short.log())
short.start()
wait_until("the file is read on", lambda: '"set_aside"' in spool("reread", "--json").stdout)
send(short, "after the loss")
write("line after the loss")
wait_rows("line after the loss")
short.wait_drained()
exact("a spool whose last segments are missing")
status = short.status()["spool"]
lost = status["lost_ranges"]
check("status names what is lost", len(lost) == 1 and lost[0]["first_sequence"] == 21 and lost[0]["last_sequence"] >= 60
      and status["lost_records"] == lost[0]["last_sequence"] - 20 and status["undelivered_events"] == 0, status)
check("the log names it", "is lost" in short.log()[said:] and "set aside for 'opslogd spool reread'" in short.log()[said:])
verified = spool("verify")
check("verify names it: 1", verified.returncode == 1 and "records 21 to" in verified.stdout, verified)
aside = spool("reread").stdout
check("reread lists the file's lines", "a.ndjson" in aside and "set_aside" in aside, aside)
short.kill()
said = len(short.log())
short.start()
send(short, "after another start")
short.wait_drained()
exact("the same after a kill")
check("and it is said once", "is lost" not in short.log()[said:])
short.stop()

# --- the whole spool is set back, its dead letters are not -----------------------------------------------------------
older = os.path.join(short.state, "spool")
shutil.copytree(older, older + ".older")
short.start()
letters = short.status()["dead_letters"]["held"]
opslogd("send", "--socket", short.socket, input="no event\n")
wait_until("the line is a dead letter", lambda: short.status()["dead_letters"]["held"] == letters + 1)
short.stop()
shutil.rmtree(older)
os.rename(older + ".older", older)
refused = subprocess.run([harness.OPSLOGD, "run", "--config", short.config], capture_output=True, text=True, timeout=20)
check("a spool that lacks a record of which there is a dead letter is not opened: 78",
      refused.returncode == 78 and "there is a dead letter of record" in refused.stderr and "spool adopt" in refused.stderr, refused)
check("adopt --yes goes on behind it", spool("adopt", "--yes").returncode == 0)
short.start()
opslogd("send", "--socket", short.socket, input="no event either\n")
wait_until("a new line is a dead letter of its own", lambda: short.status()["dead_letters"]["held"] == letters + 2)
send(short, "behind the dead letter")
short.wait_drained()
exact("a spool that was set back behind its dead letters")
short.stop()
finish()
