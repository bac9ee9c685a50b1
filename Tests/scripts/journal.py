#!/usr/bin/env python3
"""Lines that units print to the journal: from journal files, written by systemd's own program, to rows; each once.

The daemon reads a directory of files that this script writes, rotates, removes and damages. How it reads the journal of a
machine, with journald printing, is tried in systemd.py.
"""
import glob
import json
import os
import shutil
import subprocess
import threading
import time

import harness
from harness import Daemon, Server, check, finish, frames, opslogd, scratch_directory, wait_until

WRITER = "/usr/lib/systemd/systemd-journal-remote"
BOOT = "0123456789abcdef0123456789abcdef"
INPUTS = """  - type: journal
    name: units
    units: ["loader@*.service", backup]
    directory: %s
    max_line_bytes: 64KiB
  - type: journal
    name: mapped
    units: ["legacy-*.service"]
    identifiers: ["job?"]
    directory: %s
    start_at: end
    event: cast_errors
    fields: {column_name: col, log_time: at}
    unknown_fields: ignore
    timezone: America/New_York
"""

directory = scratch_directory()
server = Server(directory)
server.start()
server.query(opslogd("schema", "print").stdout)
EXTRA = "delivery: {retry: {initial: 20ms, max: 200ms}}\nspool: {min_free: 1MiB, segment_bytes: 4MiB}\n"
daemon = Daemon(directory, server.conninfo, extra=EXTRA, file_input=False)
JOURNAL = os.path.join(directory, "journal")
os.makedirs(JOURNAL)
with open(daemon.config) as config:
    text = config.read()
with open(daemon.config, "w") as config:
    config.write(text.replace("database:", INPUTS % (JOURNAL, JOURNAL) + "database:", 1))
ACTIVE = os.path.join(JOURNAL, "system.journal")
expected = []


def entry(message, unit="loader@a.service", at_once=None, **fields):
    """One entry in the journal export format."""
    now = at_once or time.time_ns() // 1000
    fields = {"__REALTIME_TIMESTAMP": now, "__MONOTONIC_TIMESTAMP": now - 1_700_000_000_000_000, "_BOOT_ID": BOOT,
              "_TRANSPORT": "stdout", "_SYSTEMD_UNIT": unit, "_STREAM_ID": "5aa5", "_PID": "4242", "_UID": "1000",
              "SYSLOG_IDENTIFIER": "loader", **fields}
    return "".join("%s=%s\n" % field for field in fields.items()) + "MESSAGE=%s\n\n" % message


def write(*entries, path=ACTIVE):
    export = os.path.join(directory, "%s.export" % threading.get_ident())
    with open(export, "w") as file:
        file.writelines(entries)
    subprocess.run([WRITER, "-o", path, export], check=True, capture_output=True, stdin=subprocess.DEVNULL)


def event(word):
    return '{"event":"cast_errors","column_name":"%s"}' % word


def say(*words, **options):
    """Lines of a unit that become rows."""
    write(*(entry(event(word), **options) for word in words))
    expected.extend(words)


def rows():
    return [row[0] for row in server.query("SELECT column_name FROM operation_logs.cast_errors ORDER BY error_id")]


def arrive(promise, seconds=30):
    """Every line of a unit is a row, once."""
    try:
        wait_until("the rows", lambda: len(rows()) >= len(expected), seconds)
    except TimeoutError:
        pass
    daemon.wait_drained()
    found = rows()
    check(promise, sorted(found) == sorted(expected), (
        sorted(set(expected) - set(found)), sorted(word for word in set(found) if found.count(word) > 1), daemon.log()[-3000:]))


def state(name="units"):
    return next(i for i in daemon.status()["inputs"] if i["name"] == name)


def at_end():
    return all(i["at_end"] for i in daemon.status()["inputs"] if i["type"] == "journal")


def lost(name="units"):
    line = next(line for line in daemon.get("/metrics")[1].splitlines()
                if line.startswith("opslogd_input_entries_lost_total") and 'input="%s"' % name in line)
    return int(float(line.split()[-1]))


def page(name="units"):
    """What `opslogd status` says of an input."""
    lines = opslogd("status", "--config", daemon.config).stdout.splitlines()
    return next((line.split(None, 2)[2] for line in lines if line.split(None, 1)[:1] == [name]), "")


def said(words):
    return [line for line in daemon.log().splitlines() if words in line]


def letters():
    return [json.loads(line) for line in opslogd("dead-letters", "list", "--json", "--config", daemon.config).stdout.splitlines()]


# --- from the first start ---------------------------------------------------------------------------------------------
check("the configuration is taken", opslogd("check", "--config", daemon.config).returncode == 0)
tried = opslogd("validate", "--config", daemon.config, "--input", "mapped", input='{"col":"x","at":"2026-07-01 09:30:00","n":1}\n')
check("validate shows what the lines of such an input become", json.loads(tried.stdout) == {
    "event": "cast_errors", "column_name": "x", "log_time": "2026-07-01T13:30:00.000000Z"}, tried.stdout + tried.stderr)
daemon.start()
wait_until("it waits", lambda: state()["waiting"])
check("without a journal it says so once, and goes on looking",
      len(said("no journal is there yet")) == 2 and "no journal is there" in state()["waiting"], daemon.log())
check("the status page names its units, and why it waits",
      page().startswith("units loader@*.service backup, in %s, " % JOURNAL) and page().endswith(state()["waiting"]), page())
say("one", "two")
write(entry(event("another unit's"), unit="cron.service"), entry(event("no stdout"), _TRANSPORT="syslog"))
say("a name without a type is a service", unit="backup.service")
arrive("lines of the units that are named become rows, others do not")
daemon.stop()
daemon.start()
wait_until("it waits no more", lambda: at_end() and not state()["waiting"])
say("three")
arrive("after a restart they come once")

# --- the daemon dies, files rotate ------------------------------------------------------------------------------------
stopped = threading.Event()
mistakes = []


def print_lines():
    """Lines in bursts of one time, as of one read of journald; a file is archived at times."""
    number = 0
    try:
        while not stopped.is_set():
            now = time.time_ns() // 1000
            words = ["n%d" % (number + i) for i in range(40)]
            write(*(entry(event(word), unit="loader@%d.service" % (number % 7), at_once=now) for word in words))
            expected.extend(words)
            number += 40
            if number % 400 == 0:
                os.rename(ACTIVE, os.path.join(JOURNAL, "system@%d.journal" % number))
    except Exception as error:
        mistakes.append(error)


printer = threading.Thread(target=print_lines)
printer.start()
for _ in range(20):
    time.sleep(0.25)
    daemon.kill()
    daemon.start()
stopped.set()
printer.join()
check("%d lines were printed meanwhile" % len(expected), not mistakes and len(expected) > 200, mistakes)
arrive("20 times kill -9 while units print and files rotate: each line is a row, once", 60)
check("and nothing was said to be lost", lost() == 0 and not said("could not be read") and not said("removed"), daemon.log()[-3000:])

# --- the database away, the spool full of nothing ---------------------------------------------------------------------
server.stop()
say(*("away%d" % i for i in range(50)))
daemon.kill()
server.start()
daemon.start()
arrive("with the database away they wait in the spool")

# --- lines that journald has cut, and what is no line ------------------------------------------------------------------
whole = event("cut" + "x" * 3000)
parts = [whole[:1000], whole[1000:2000], whole[2000:]]
write(entry(parts[0], _LINE_BREAK="line-max", _STREAM_ID="cc01"), entry(event("between")))
wait_until("all was read", at_end)
daemon.kill()
write(entry(parts[1], _LINE_BREAK="line-max", _STREAM_ID="cc01"))
daemon.start()
wait_until("all was read", at_end)
daemon.kill()
daemon.start()
write(entry(parts[2], _STREAM_ID="cc01"))
expected += ["cut" + "x" * 3000, "between"]
arrive("a line that journald has cut is one line, wherever the daemon dies between its parts")
before = len(letters())
write(entry("Loading 17 files …"), entry(event("x" * 70_000)), entry(event("half")[:-1], _LINE_BREAK="eof"))
wait_until("the dead letters", lambda: len(letters()) == before + 3)
found = letters()[before:]
check("what is no event is a dead letter with its reason",
      [letter["reason"] for letter in found] == ["invalid_json", "line_too_long", "incomplete_line"], found)
check("… and with the unit and process that printed it, and when",
      all(letter["source"]["input"] == "units" and letter["source"]["path"] == "loader@a.service" and letter["source"]["pid"] == 4242
          and letter["source"]["uid"] == 1000 and abs(letter["source"]["offset"] / 1e6 - time.time()) < 600 for letter in found), found)
check("an overlong one holds its beginning", found[1]["truncated"] and len(found[1]["line"]) == 65536, len(found[1]["line"] or ""))

# --- a mapping, identifiers, and what was there before -----------------------------------------------------------------
write(entry('{"col":"mapped","at":"2026-07-01 09:30:00","noise":1}', unit="legacy-a.service", SYSLOG_IDENTIFIER="job1"),
      entry('{"col":"another identifier"}', unit="legacy-a.service", SYSLOG_IDENTIFIER="job12"))
expected.append("mapped")
arrive("a mapping and identifiers work as documented")
check("its time is read in its zone", server.value(
    "SELECT log_time = '2026-07-01 09:30:00 America/New_York' FROM operation_logs.cast_errors WHERE column_name = 'mapped'") == "t")

# --- a vacuum ----------------------------------------------------------------------------------------------------------
for path in glob.glob(os.path.join(JOURNAL, "system@*.journal")):
    os.unlink(path)
say("after a vacuum")
arrive("old files that are removed after they were read are no loss")
check("and nothing is said of them", lost() == 0, daemon.log()[-2000:])
daemon.stop()
write(*(entry(event("gone%d" % i)) for i in range(10)))
say("kept")
# What is kept stands in a file of its own, under the same numbering, as journald has it: the one before is removed.
copied = os.path.join(directory, "copied.journal")
shutil.move(ACTIVE, copied)
daemon.start()
wait_until("it waits", lambda: state()["waiting"])
say("a journal that begins anew")
expected.remove("kept")
arrive("a journal whose files were removed unread is read on")
check("and the loss is said, with its range", len(said("how many cannot be told")) == 2, daemon.log()[-3000:])

# --- a damaged journal file --------------------------------------------------------------------------------------------
daemon.stop()  # or it would meet, and name, the file while it is being copied
shutil.copy(ACTIVE, os.path.join(JOURNAL, "damaged.journal"))
with open(os.path.join(JOURNAL, "damaged.journal"), "r+b") as file:
    file.write(b"\xff" * 4096)
os.utime(os.path.join(JOURNAL, "damaged.journal"), (1, 1))
daemon.start()
wait_until("it is named", lambda: "damaged.journal" in (state()["waiting"] or ""))
say("beside a damaged file")
arrive("beside a damaged file the others are read")
check("which is named once by each input", len(said("damaged.journal")) == 2, said("damaged.journal"))
os.unlink(os.path.join(JOURNAL, "damaged.journal"))

# --- a power cut takes the journal's newest entries, which were delivered ----------------------------------------------
# journald syncs every five minutes. The numbers of what it lost are given again, by the next boot.
say("synced")
arrive("what the journal has on its disk")
shutil.copy(ACTIVE, os.path.join(directory, "synced"))
say(*("not synced %d" % i for i in range(6)))
arrive("what it has in memory only")
daemon.kill()
shutil.copy(os.path.join(directory, "synced"), ACTIVE)
NEXT_BOOT = "f" * 32
say("the next boot's first", _BOOT_ID=NEXT_BOOT)
daemon.start()
wait_until("all was read", at_end)
say("the next boot's second", _BOOT_ID=NEXT_BOOT)
say("the next boot's third", _BOOT_ID=NEXT_BOOT)
arrive("what is written after a power cut comes, though its numbers were seen before")
daemon.kill()
shutil.copy(os.path.join(directory, "synced"), ACTIVE)
say(*("a longer boot's %d" % i for i in range(9)), _BOOT_ID="e" * 32)
daemon.start()
arrive("also where there are more than were lost")
check("that is said once each time, and is no loss", len(said("those lines are safe")) == 2 and lost() == 0,
      (lost(), daemon.log()[-3000:]))

# --- damage of the spool -----------------------------------------------------------------------------------------------
say("before damage")
arrive("what came before the damage")
say("in the damaged place")
arrive("what was delivered out of the damaged place")
daemon.stop()
path = sorted(glob.glob(os.path.join(daemon.state, "spool", "segments", "*.seg")))[-1]
at = [at for at, _, count in frames(path) if count > 0][-1]
with open(path, "r+b") as file:
    file.seek(at + 128 + 60)
    byte = file.read(1)[0]
    file.seek(at + 128 + 60)
    file.write(bytes([byte ^ 1]))
daemon.start()
wait_until("all was read", at_end)
say("after damage")
arrive("where the newest position stood in a damaged place nothing comes twice, and reading goes on")
check("what was passed over is said, with the way to see it, and counted",
      len(said("are passed over; 'journalctl")) == 1 and len(said("one line was passed over")) == 1 and lost() == 1,
      (lost(), daemon.log()[-3000:]))

# --- what people see ---------------------------------------------------------------------------------------------------
shown = state()
check("status shows the input", shown["type"] == "journal" and shown["directory"] == JOURNAL and shown["at_end"]
      and shown["units"] == ["loader@*.service", "backup"] and shown["read_up_to"].startswith("20") and shown["waiting"] is None, shown)
check("the status page too: what it takes, where, that all was read, the time of the last entry, what was lost",
      page() == "units loader@*.service backup, in %s, at the end, last entry %s, 1 entry lost" % (JOURNAL, shown["read_up_to"]), page())
shown = state("mapped")
check("and of an input with identifiers, these", page("mapped").startswith("unit legacy-*.service, identifier job?, in %s, at the end, " % JOURNAL)
      and shown["identifiers"] == ["job?"], (page("mapped"), shown))
say("written while the page is looked at")
arrive("a line that was written since is a row")
newer = state()["read_up_to"]
check("the last entry's time goes on with the journal", newer > shown["read_up_to"] and "last entry %s" % newer in page(), (newer, page()))
listed = [json.loads(line) for line in opslogd("inputs", "list", "--json", "--config", daemon.config).stdout.splitlines()]
check("inputs list has the cursor", [i["input"] for i in listed] == ["mapped", "units"]
      and subprocess.run(["journalctl", "-D", JOURNAL, "--after-cursor", listed[1]["cursor"]], capture_output=True).returncode == 0, listed)
reread = opslogd("spool", "reread", "--config", daemon.config)
check("spool reread lists without it", reread.returncode == 0, reread.stderr)
check("the daemon stops in order", daemon.stop() == 0)
if harness.failed:
    print(daemon.log()[-6000:])
finish()
