#!/usr/bin/env python3
"""Damaged places of the spool, and the lines of files that stood in them: never doubled, never lost in silence."""
import collections
import glob
import json
import os
import shutil
import struct

import harness
from harness import Daemon, Server, check, finish, frames, opslogd, scratch_directory, wait_until

directory = scratch_directory()
server = Server(directory)
server.start()
server.query(opslogd("schema", "print").stdout)
EXTRA = "delivery: {retry: {initial: 20ms, max: 200ms}}\nspool: {min_free: 1MiB, segment_bytes: 4MiB}\n"
daemon = Daemon(directory, server.conninfo, extra=EXTRA)
FILE = os.path.join(daemon.logs, "a.ndjson")
written = []


def write(words, path=FILE, event="cast_errors", pad=0, each=1):
    """Appends lines, so many in one write, and waits for each write until the spool has it."""
    key = {"cast_errors": "column_name", "backup_logs": "backup_type"}[event]
    more = ',"status":"%s"' % ("x" * pad) if event == "backup_logs" else ',"raw_value":"%s"' % ("x" * pad)
    for at in range(0, len(words), each):
        part = words[at:at + each]
        runs = daemon.process and daemon.process.poll() is None
        before = daemon.status()["spool"]["last_sequence"] if runs else 0
        with open(path, "a") as file:
            file.writelines('{"event":"%s","%s":"%s"%s}\n' % (event, key, word, more) for word in part)
        if runs:
            wait_until("the lines are durable", lambda: daemon.status()["spool"]["last_sequence"] >= before + len(part))
    written.extend(words)


def legacy():
    return next(i for i in daemon.status()["inputs"] if i["name"] == "legacy")


def segments():
    return sorted(glob.glob(os.path.join(daemon.state, "spool", "segments", "*.seg")))


def group(sequence):
    """The group that holds the record: file, offset, and its records."""
    for path in segments():
        for at, first, count in frames(path):
            if first <= sequence < first + count:
                return path, at, range(first, first + count)
    raise RuntimeError("no record %d" % sequence)


def damage(sequence):
    """Flips a bit in the group that holds the record; what stood in its lines."""
    path, at, records = group(sequence)
    words = words_of(records)
    with open(path, "r+b") as file:
        file.seek(at + 128 + 60)
        byte = file.read(1)[0]
        file.seek(at + 128 + 60)
        file.write(bytes([byte ^ 1]))
    return records, words


def words_of(records):
    found = []
    for line in opslogd("spool", "cat", "--all", "--config", daemon.config).stdout.splitlines():
        event = json.loads(line)
        if event["sequence"] in records:
            found.append(event.get("column_name") or event.get("backup_type"))
    return found


def last():
    return max(first + count - 1 for path in segments() for _, first, count in frames(path))


def known():
    """The highest record that the cursor knows."""
    with open(os.path.join(daemon.state, "spool", "cursor"), "rb") as file:
        data = file.read()
    slot = max((data[:512], data[4096:4608]), key=lambda slot: struct.unpack_from("<Q", slot, 16))
    return max(struct.unpack_from("<QQ", slot, 56) + tuple(struct.unpack_from("<Q", slot, 72 + 40 * i)[0] for i in range(8)))


def kill(prepare):
    """Kills the daemon while the cursor, written once a second, does not know the last record: a start refuses a spool
    that ends before its cursor."""
    prepare()
    daemon.kill()
    while known() >= last():
        daemon.start()
        write(["once more %d" % len(written)])
        prepare()
        daemon.kill()


def rows():
    return collections.Counter(
        row[0] for row in server.query("SELECT column_name FROM operation_logs.cast_errors UNION ALL "
                                       "SELECT backup_type FROM operation_logs.backup_logs"))


def exact(promise, twice=(), missing=()):
    found = rows()
    wrong = [(w, found[w]) for w in set(written) | set(found)
             if found[w] != (2 if w in twice else 0 if w in missing else 1)]
    check(promise, not wrong, sorted(wrong)[:10])


def reread(*arguments):
    return opslogd("spool", "reread", *arguments, "--config", daemon.config)


def listed():
    return [json.loads(line) for line in reread("--json").stdout.splitlines()]


def lost(state):
    return [r for r in daemon.status()["spool"]["lost_ranges"] if r["state"] == state]


def settled():
    # In this order: a range is closed once its lines are in the spool, before they are delivered.
    return not lost("undecided") and not lost("read_again") and not lost("asked") and daemon.is_drained()


def settle():
    wait_until("everything is delivered and read again", settled, 60)


check("of a spool that was never made: 66", reread().returncode == 66 and reread("1").returncode == 66)

# --- damaged while the database is away ------------------------------------------------------------------------------
server.stop()
daemon.start()
write(["away %d" % i for i in range(40)])
kill(lambda: None)
end = last()
inside = damage(end - 20)[0]
damage(end)
write(["while down %d" % i for i in range(3)])
daemon.start()
check("with the database away a file waits whose position may be lost, and says why",
      "database has said" in (legacy()["waiting"] or ""), legacy())
undecided = lost("undecided")
check("status names the range, undecided", [r["first_sequence"] for r in undecided if r["last_sequence"]] == [inside[0]]
      and len(undecided) == 2, undecided)
check("the socket goes on", opslogd("send", "--socket", daemon.socket, "cast_errors", "column_name=by socket").returncode == 0)
written.append("by socket")
daemon.stop()
check("nothing is to be said before it is decided: 1", reread("1", "--yes").returncode == 1, reread("1", "--yes"))
daemon.start()
server.start()
settle()
exact("none of it was delivered: all is read again by itself, each row once")
check("nothing is set aside", reread().stdout == "no lines are set aside\n" and not lost("set_aside"), reread())
daemon.stop()
daemon.start()
settle()
exact("a second start changes nothing")

# --- damaged after it was delivered ----------------------------------------------------------------------------------
write(["delivered %d" % i for i in range(40)])
kill(settle)
end = last()
doubled = damage(end - 20)[1] + damage(end)[1]
hidden = ["unseen %d" % i for i in range(3)]
write(hidden)
daemon.start()
settle()
exact("what was delivered does not come twice, and what stands behind the lost position is set aside", missing=hidden)
aside = lost("set_aside")
named = [s for r in aside for s in r["sources"]]
check("status names input, file and bytes", len(named) == 2 and all(s["input"] == "legacy" and s["path"] == FILE for s in named)
      and any(s["up_to"] == os.path.getsize(FILE) for s in named), aside)
check("the log names them, with the command", "set aside for 'opslogd spool reread'" in daemon.log() and FILE in daemon.log())
after = ["after %d" % i for i in range(3)]
write(after)
settle()
exact("the file is read on behind it", missing=hidden)
listing = listed()
check("the list says that the file still holds them", [s["held_by"] for r in listing for s in r["sources"]] == [FILE, FILE], listing)
numbers = [str(r["range"]) for r in listing]
beside = reread(numbers[0], "--yes")
check("beside a running daemon: 75, and the holder is named",
      beside.returncode == 75 and str(daemon.process.pid) in beside.stderr and beside.stderr.count("\n") == 1, beside)
daemon.stop()
asked = reread(numbers[0])
check("without --yes it says what comes twice, and does nothing: 64",
      asked.returncode == 64 and "come twice" in asked.stderr and FILE in asked.stdout and listed() == listing, asked)
check("--yes without a range: 64", reread("--yes").returncode == 64)
check("a range that is not there: 1", reread("99", "--yes").returncode == 1)
for number in numbers:
    said = reread(number, "--yes")
    check("the word is taken, with what it means", said.returncode == 0 and "come twice" in said.stdout, said)
    check("and once is enough", "nothing to do" in reread(number, "--yes").stdout)
os.rename(FILE, FILE + ".1")
write(["new file %d" % i for i in range(3)])
daemon.start()
settle()
exact("the lines are read again, those that were delivered twice, from the file under its new name", twice=doubled)
daemon.kill()
daemon.start()
settle()
exact("and once is enough, killed or not", twice=doubled)
daemon.stop()
check("nothing is left to be read again", all("nothing to do" in reread(n, "--yes").stdout for n in numbers)
      and reread().stdout == "no lines are set aside\n")

# --- in a segment that no start reads --------------------------------------------------------------------------------
server.stop()
daemon.start()
write(["backlog %d" % i for i in range(14000)], pad=900, each=1500)
check("the backlog has several segments", len(segments()) >= 3, segments())
daemon.stop()
old = next(first for _, first, _ in list(frames(segments()[-2]))[1:])
records = damage(old)[0]
daemon.start()
server.start()
settle()
exact("a hole in an older segment is filled from the file, each row once", twice=doubled)
check("its range is closed", all(r["first_sequence"] != records[0] or r["state"] == "closed" and not r["sources"]
                                 for r in daemon.status()["spool"]["lost_ranges"]))

# --- one table ahead, another behind ---------------------------------------------------------------------------------
server.query("ALTER TABLE operation_logs.cast_errors RENAME TO away")
write(["held %d" % i for i in range(5)])
write(["ahead %d" % i for i in range(5)], event="backup_logs")
wait_until("one table is ahead", lambda: server.value("SELECT count(*) FROM operation_logs.backup_logs") == "5")
daemon.kill()
end = last()
records, held = damage(end - 7)
server.query("ALTER TABLE operation_logs.away RENAME TO cast_errors")
daemon.start()
settle()
exact("a range that straddles a position is set aside", twice=doubled, missing=held)
left = [r for r in listed() if r["state"] == "set_aside"]
check("by its number", len(left) == 1 and left[0]["first_sequence"] == records[0], left)

# --- nobody holds the lines any more ---------------------------------------------------------------------------------
daemon.stop()
shutil.copy(FILE, directory + "/kept")
os.remove(FILE)
gone = reread(str(left[0]["range"]), "--yes")
check("a file that is gone is said", gone.returncode == 0 and "no file holds them" in gone.stdout, gone)
daemon.start()
wait_until("the daemon says so", lambda: "no file holds them any more" in daemon.log())
check("the lines stay asked for", [r["range"] for r in lost("asked")] == [left[0]["range"]])
daemon.stop()
shutil.copy(directory + "/kept", daemon.logs + "/restored.copy")
daemon.start()
settle()
exact("restored from a copy, they are read", twice=doubled)
verified = opslogd("spool", "verify", "--config", daemon.config)
check("verify still names what is damaged in kept segments", verified.returncode == 1 and "records" in verified.stdout, verified)
daemon.stop()
finish()
