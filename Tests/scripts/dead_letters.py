#!/usr/bin/env python3
"""Dead letters that people work with: listed, exported, mended, sent again each at most once, discarded for good."""
import json
import os
import random
import signal
import subprocess
import threading
import time

import harness
from harness import Daemon, Producer, Server, check, finish, opslogd, scratch_directory, wait_until

directory = scratch_directory()
server = Server(directory)
server.start()
server.query(opslogd("schema", "print").stdout)
RETRY = "delivery: {retry: {initial: 20ms, max: 200ms}}\nspool: {min_free: 1MiB}\n"
place = os.path.join(directory, "daemon")
os.makedirs(place)
# All that follows is watched in the table as well.
daemon = Daemon(place, server.conninfo, extra=RETRY + "dead_letters: {table: true}\n")


def configure(mapping=""):
    """The file input with a mapping, or none."""
    with open(daemon.config) as file:
        lines = file.read().splitlines()
    with open(daemon.config, "w") as file:
        for line in lines:
            if "name: legacy" in line:
                line = '  - {type: file, name: legacy, paths: ["%s/*.ndjson"], start_at: beginning%s}' % (daemon.logs, mapping)
            file.write(line + "\n")


def letters(command, *arguments, **options):
    return opslogd("dead-letters", command, "--config", daemon.config, *arguments, **options)


def listed(*arguments):
    return [json.loads(line) for line in letters("list", *arguments).stdout.splitlines()]


def outcomes(command, *arguments, **options):
    return [json.loads(line) for line in letters(command, "--json", *arguments, **options).stdout.splitlines()]


def write(*lines):
    with open(os.path.join(daemon.logs, "a.ndjson"), "a") as file:
        file.write("".join(line + "\n" for line in lines))


def rows(table, columns="*"):
    return server.query("SELECT %s FROM operation_logs.%s ORDER BY 1" % (columns, table))


def reads(condition):
    wait_until("rejected lines are dead letters", condition)


# --- lines that lack something -----------------------------------------------------------------------------------------
daemon.start()
write('{"event":"cast_errors","sym":"AAPL","column_name":"volume","raw_value":12.50}',
      '{"event":"cast_errors","symbol":"MSFT"}',
      '{"event":"cast_errors","column_name":"price","colour":"red","updated":false}',
      'no JSON at all')
reads(lambda: len(listed()) == 4)
first, second, third, fourth = [letter["id"] for letter in listed()]
check("retry without a choice is 64, and so is discard",
      letters("retry").returncode == 64 and letters("discard").returncode == 64)
check("… and --all beside a choice", letters("retry", "--all", first).returncode == 64)
check("a value that is no JSON is 64", letters("retry", first, "--set", "pid:=x").returncode == 64)

dry = outcomes("retry", "--dry-run", "--all")
check("--dry-run says what each would become", [o["outcome"] for o in dry] == ["would_be_rejected"] * 4
      and [o["reason"] for o in dry] == ["unknown_field", "missing_field", "unknown_field", "invalid_json"], dry)
dry = outcomes("retry", "--dry-run", "--set", "column_name=bid", second)
check("… with what is set", [o["outcome"] for o in dry] == ["would_become"]
      and json.loads(dry[0]["line"])["column_name"] == "bid", dry)
check("… and sends nothing", len(listed()) == 4 and rows("cast_errors") == [])

# --- sent again ------------------------------------------------------------------------------------------------------
received = {letter["id"]: letter["time"] for letter in listed()}
sent = outcomes("retry", second, "--set", "column_name=bid")
check("a line with a key set is sent again", [o["outcome"] for o in sent] == ["retried"], sent)
check("… and its dead letter is over", [l["id"] for l in listed()] == [first, third, fourth])
daemon.wait_drained()
check("… as a row, received when it was received first", rows("cast_errors", "column_name, symbol, to_char(log_time AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
      == [["bid", "MSFT", received[second]]], rows("cast_errors"))
again = letters("retry", second)
check("… once: a second retry says that it is over, with 1", again.returncode == 1 and "over already" in again.stdout, again)
unknown = letters("retry", "99999")
check("an id that is not there is 1", unknown.returncode == 1 and "99999" in unknown.stdout, unknown)

sent = outcomes("retry", third, "--unset", "colour", "--unset", "updated", "--set", "raw_value:=1e5", "--set", "symbol=a\"b")
daemon.wait_drained()
check("--unset takes keys out, KEY:=JSON sets what is no text", sent[0]["outcome"] == "retried"
      and ["price", 'a"b', "1e5"] in rows("cast_errors", "column_name, symbol, raw_value"), (sent, rows("cast_errors")))

again = outcomes("retry", first)
check("a line that fails again is a new dead letter", again[0]["outcome"] == "rejected_again"
      and again[0]["reason"] == "unknown_field", again)
check("… and the old one is over", [l["id"] for l in listed()] == sorted([fourth, again[0]["as"]]), listed())
renewed = again[0]["as"]
check("… of the same source and time", [(l["source"]["path"], l["source"]["offset"], l["time"]) for l in listed(renewed)]
      == [(os.path.join(daemon.logs, "a.ndjson"), 0, received[first])], listed(renewed))
kept = outcomes("retry", fourth, "--set", "a=b")
check("--set of a line that is no object leaves it", kept[0]["outcome"] == "kept" and "--edit" in kept[0]["detail"], kept)

# --- with the mapping that the input has now -------------------------------------------------------------------------
daemon.stop()
check("retry while the daemon is down is 69", letters("retry", renewed).returncode == 69)
check("discard while the daemon is down is 69", letters("discard", renewed).returncode == 69)
configure(", fields: {symbol: sym}")
daemon.start()
sent = letters("retry", renewed)
check("the mapping is the input's present one", sent.returncode == 0 and "1 sent again" in sent.stdout, sent)
daemon.wait_drained()
check("… and the number is kept as it was written", ["AAPL", "12.50"] in rows("cast_errors", "symbol, raw_value"))

# --- with an editor --------------------------------------------------------------------------------------------------
write('{"event":"backup_logs","backup_type":"full"}', '{"event":"backup_logs","status":"ok"}', '{"event":"backup_logs"}')
reads(lambda: len(listed("--event", "backup_logs")) == 3)
editor = os.path.join(directory, "editor")


def edit(program, *arguments, choice=("--event", "backup_logs")):
    with open(editor, "w") as file:
        file.write("#!/bin/sh\n%s\n" % program)
    os.chmod(editor, 0o755)
    environment = dict(os.environ, EDITOR=editor + " an argument", TMPDIR=directory)
    environment.pop("VISUAL", None)
    return letters("retry", "--edit", *choice, *arguments, env=environment)


def kept(result):
    """The file in which a command says that it has kept the edits."""
    path = result.stderr.rstrip("\n").partition("your edits are kept in ")[2]
    return path if path and os.path.exists(path) else None


def kept_text(result):
    """What is in that file; it is removed."""
    path = kept(result)
    if path is None:
        return None
    with open(path) as file:
        text = file.read()
    os.unlink(path)
    return text


left = edit("shift 2; false")
check("an editor that fails sends nothing", left.returncode == 1 and len(listed("--event", "backup_logs")) == 3, left)
check("… and leaves no file where nothing was edited", "kept" not in left.stderr and not [name for name in os.listdir(directory) if "dead-letters" in name], left)
left = edit("shift 2; echo edited >> \"$1\"; false")
check("… but the edits, if there are any", left.returncode == 1 and (kept_text(left) or "").endswith("\nedited\n"), left)
left = edit("shift 2; echo '{}' >> \"$1\"; sed -i '/^# 0/d' \"$1\"")
check("a line that belongs to no dead letter sends nothing", left.returncode == 1 and "line" in left.stderr
      and len(listed("--event", "backup_logs")) == 3, left)
check("… and its file is kept and named", (kept_text(left) or "").endswith("\n{}\n"), left)
left = edit("shift 2; sed -i '/^#/d; /^{/d' \"$1\"")
check("an emptied file sends nothing", left.returncode == 0 and len(listed("--event", "backup_logs")) == 3, left)
mended = edit("""shift 2; sed -i 's/logs","status":"ok"}/logs","status":"ok","backup_type":"x"}/; s/"full"/"full","status":"ok"/; /^{"event":"backup_logs"}$/d' "$1" """)
check("lines that were edited are sent", mended.returncode == 0 and "2 sent again" in mended.stdout, mended)
check("… and one that was removed stays", [l["line"] for l in listed("--event", "backup_logs")] == ['{"event":"backup_logs"}'])
check("… and no file is left behind", not [name for name in os.listdir(directory) if "dead-letters" in name])
daemon.wait_drained()
check("… as rows", len(rows("backup_logs")) == 2)

# Lines that look like the remarks of the edited file.
HASHES = ["# 00000000000000000999 comment", "# comment"]
write(*HASHES)


def hashes():
    return [letter["id"] for letter in listed("--reason", "invalid_json") if letter["line"] in HASHES]


reads(lambda: len(hashes()) == 2)
before = hashes()
left = edit("shift 2; true", choice=before)
check("lines that begin with # go through the editor as they are", "2 rejected again" in left.stdout and len(hashes()) == 2
      and not set(before) & set(hashes()), left)
daemon.stop()
left = edit("""shift 2; sed -i 's/^\\\\#.* comment$/{"event":"backup_logs","status":"ok","backup_type":"y"}/' "$1" """, choice=hashes())
check("edits that nobody takes are kept: the daemon is down", left.returncode == 69 and kept(left), left)
path = kept(left) or os.devnull
daemon.start()
left = letters("retry", "--edit", *hashes(), env=dict(os.environ, VISUAL="cp " + path, TMPDIR=directory))
check("… and are taken up again by an editor that copies them", left.returncode == 0 and "2 sent again" in left.stdout and hashes() == [], left)
if path != os.devnull:
    os.unlink(path)
check("… which leaves no other file", not [name for name in os.listdir(directory) if "dead-letters" in name])
daemon.wait_drained()
check("… as rows", len(rows("backup_logs")) == 4)

# What no editor can hold: the way that is named has to be one.
with open(os.path.join(daemon.logs, "a.ndjson"), "ab") as file:
    file.write(b'{"event":"backup_logs","status":"ok","backup_type":"\xff"}\n')
reads(lambda: len(listed("--reason", "invalid_utf8")) == 1)
(broken,) = [letter["id"] for letter in listed("--reason", "invalid_utf8")]
for way in (["--edit"], ["--set", "backup_type=z"], ["--set", "backup_type=z", "--edit"]):
    left = outcomes("retry", broken, *way)
    check("%s of a line that is not UTF-8 says what helps" % " ".join(way), [o["outcome"] for o in left] == ["kept"]
          and all(word in left[0]["detail"] for word in ("export --lines --output FILE", "opslogd send FILE", "discard")), left)
path = os.path.join(directory, "broken.ndjson")
letters("export", "--lines", "--output", path, broken)
with open(path, "rb") as file:
    line = file.read()
with open(path, "wb") as file:
    file.write(line.replace(b"\xff", b"z"))
sent = opslogd("send", "--socket", daemon.socket, path)
check("… which does: written out, mended, sent, discarded", sent.returncode == 0
      and letters("discard", broken).returncode == 0 and listed("--reason", "invalid_utf8") == [], sent)
daemon.wait_drained()
check("… as a row", len(rows("backup_logs")) == 5)

# --- discarded -------------------------------------------------------------------------------------------------------
(last,) = [l["id"] for l in listed("--event", "backup_logs")]
check("discard --dry-run says which, and ends nothing", letters("discard", "--dry-run", last).stdout.strip() == last and listed(last) != [])
gone = letters("discard", last)
check("what is discarded is gone", gone.returncode == 0 and listed(last) == [] and "1 discarded" in gone.stdout, gone)
check("… and is not sent again", outcomes("retry", last)[0]["outcome"] == "unknown")
check("… nor discarded twice", letters("discard", last).returncode == 1)
daemon.stop()
daemon.start()
check("… also after a restart", listed(last) == [] and len(listed()) == 1)
check("status counts what is left", daemon.status()["dead_letters"]["held"] == 1, daemon.status()["dead_letters"])

# --- exported --------------------------------------------------------------------------------------------------------
write('\xe4{"event"', '{"event":"cast_errors"}')
reads(lambda: len(listed()) == 3)
out = os.path.join(directory, "export.ndjson")
exported = letters("export", "--output", out)
with open(out) as file:
    check("export writes what list prints into a file", file.read() == letters("list").stdout and exported.returncode == 0)
check("… which must not be there", letters("export", "--output", out).returncode == 64)
check("… readable for its owner only", os.stat(out).st_mode & 0o777 == 0o600)
check("export --lines gives the lines alone", letters("export", "--lines", "--reason", "missing_field").stdout == '{"event":"cast_errors"}\n')
daemon.stop()
check("export works while the daemon is down", letters("export").stdout == letters("list").stdout != "")

# --- an input that is gone, a line that was cut off, rows that the database refused ------------------------------------
server.query("ALTER TABLE operation_logs.cast_errors ADD CONSTRAINT known CHECK (symbol <> 'BAD')")
configure()
daemon.start()
write('{"event":"cast_errors","column_name":"%s"}' % ("x" * (1 << 20)))
producer = Producer(daemon.socket)
producer.send(b'{"event":"cast_errors","symbol":"BAD","column_name":"c","raw_value":1.50}\n'
              b'{"event":"cast_errors","symbol":"BAD","column_name":"d"}\n')
producer.finish()
reads(lambda: len(listed("--reason", "rejected_by_database")) == 2 and len(listed("--reason", "line_too_long")) == 1)
cut = outcomes("retry", "--reason", "line_too_long")
check("a line that was cut off stays", cut[0]["outcome"] == "kept" and "65536 bytes" in cut[0]["detail"], cut)
overlong = [l["id"] for l in listed("--reason", "line_too_long")]
cut = edit("shift 2; true", choice=overlong)
check("… also if it is left in the editor as it is", cut.returncode == 1 and "1 left as they are" in cut.stdout
      and "65536 bytes" in cut.stdout and [l["id"] for l in listed("--reason", "line_too_long")] == overlong, cut)
whole = edit("""shift 2; sed -i 's/^{.*/{"event":"cast_errors","column_name":"whole"}/' "$1" """, choice=overlong)
check("… and is sent once a whole one is given", whole.returncode == 0 and "1 sent again" in whole.stdout
      and listed("--reason", "line_too_long") == [], whole)
daemon.wait_drained()
check("… as a row", rows("cast_errors", "column_name").count(["whole"]) == 1, rows("cast_errors", "column_name"))
refused, thrown = [l["id"] for l in listed("--reason", "rejected_by_database")]
again = outcomes("retry", refused)
check("a refused row is durable again …", again[0]["outcome"] == "retried", again)
reads(lambda: len(listed("--reason", "rejected_by_database")) == 2)
check("… and refused again: a new dead letter", [l["id"] for l in listed("--reason", "rejected_by_database")] == [thrown, again[0]["as"]])
letters("discard", thrown)
server.query("ALTER TABLE operation_logs.cast_errors DROP CONSTRAINT known")
sent = outcomes("retry", again[0]["as"])
daemon.wait_drained()
check("mended in the database, it arrives once", rows("cast_errors", "raw_value, symbol").count(["1.50", "BAD"]) == 1, sent)
daemon.stop()
with open(daemon.config) as file:
    text = file.read()
with open(daemon.config, "w") as file:
    file.write(text.replace("name: legacy", "name: renamed"))
daemon.start()
gone = outcomes("retry", "--input", "legacy")
check("of an input that is gone it stays, and says so", {o["outcome"] for o in gone} == {"kept"}
      and any("not in the configuration" in o["detail"] for o in gone), gone)
daemon.stop()
with open(daemon.config, "w") as file:
    file.write(text)

# --- the database set back: what is over stays over ------------------------------------------------------------------
daemon.start()
producer = Producer(daemon.socket)
before = rows("cast_errors", "column_name")
server.query("CREATE TABLE kept AS SELECT * FROM operation_logs.spool_positions")
server.query("ALTER TABLE operation_logs.cast_errors ADD CONSTRAINT known CHECK (symbol <> 'BAD') NOT VALID")
producer.send(b'{"event":"cast_errors","symbol":"BAD","column_name":"discarded"}\n'
              b'{"event":"cast_errors","symbol":"BAD","column_name":"mended"}\n'
              b'{"event":"cast_errors","symbol":"good","column_name":"taken"}\n')
producer.finish()
reads(lambda: len(listed("--reason", "rejected_by_database")) == 2)
letters("discard", [l["id"] for l in listed() if "discarded" in (l["line"] or "")][0])
mended = outcomes("retry", "--reason", "rejected_by_database", "--set", "symbol=good")
daemon.wait_drained()
check("refused rows: one discarded, one mended", mended[0]["outcome"] == "retried" and
      sorted(rows("cast_errors", "column_name")) == sorted(before + [["mended"], ["taken"]]), (mended, rows("cast_errors")))
daemon.stop()
server.query("DELETE FROM operation_logs.cast_errors WHERE symbol = 'good'; ALTER TABLE operation_logs.cast_errors DROP CONSTRAINT known;"
             "UPDATE operation_logs.spool_positions p SET position = k.position, run = k.run, chain = k.chain FROM kept k WHERE p.lane = k.lane")
daemon.start()
daemon.wait_drained()
wait_until("the database is filled again", lambda: len(rows("cast_errors")) == len(before) + 2)
check("a database that was set back gets the mended row once, and the discarded one never",
      sorted(rows("cast_errors", "column_name")) == sorted(before + [["mended"], ["taken"]]), rows("cast_errors", "column_name"))

# --- killed in the middle --------------------------------------------------------------------------------------------
server.query("TRUNCATE operation_logs.cast_errors")
letters("discard", "--all")
total = 3000
producer = Producer(daemon.socket, ack=False)
producer.send("".join('{"event":"cast_errors","raw_value":"%d"}\n' % n for n in range(total)).encode())
producer.finish()
reads(lambda: len(listed()) == total)
randomness = random.Random(7)
deaths = 0
while listed():
    command = subprocess.Popen([harness.OPSLOGD, "dead-letters", "retry", "--config", daemon.config, "--all", "--set", "column_name=c"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if deaths < 12:
        time.sleep(randomness.random() * 0.25)
        daemon.process.send_signal(signal.SIGKILL)
        daemon.process.wait()
        deaths += 1
        command.wait(30)
        daemon.start()
        # A second one at once: what the first has sent may not be noted yet.
        opslogd("dead-letters", "retry", "--config", daemon.config, "--since", "2020-01-01T00:00:00Z", *[l["id"] for l in listed()[:50]],
                "--set", "column_name=c")
    else:
        command.wait(60)
daemon.wait_drained()
found = [int(row[0]) for row in rows("cast_errors", "raw_value::int")]
check("killed twelve times, each is sent exactly once", found == list(range(total)),
      (len(found), len(set(found)), listed()[:3]))

# --- two at once, and a database that is away ------------------------------------------------------------------------
server.query("TRUNCATE operation_logs.cast_errors")
server.stop("immediate")
producer = Producer(daemon.socket, ack=False)
producer.send("".join('{"event":"cast_errors","raw_value":"%d"}\n' % n for n in range(2000)).encode())
producer.finish()
reads(lambda: len(listed()) == 2000)
commands = [subprocess.Popen([harness.OPSLOGD, "dead-letters", "retry", "--config", daemon.config, "--all", "--set", "column_name=c"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
said = [command.communicate(timeout=120) for command in commands]
check("while the database is away, what is sent again is durable", listed() == [] and any("2,000 sent again" in out or "sent again" in out for out, _ in said), said)
server.start()
daemon.wait_drained()
found = [int(row[0]) for row in rows("cast_errors", "raw_value::int")]
check("three retries at once send each once", found == list(range(2000)), (len(found), said))
check("spool cat --all shows what was sent again", '"retried":{"dead_letter":' in opslogd("spool", "cat", "--all", "--config", daemon.config).stdout)
check("spool verify", opslogd("spool", "verify", "--config", daemon.config).returncode == 0)
check("the metrics count both ends", all('opslogd_dead_letters_ended_total{fate="%s"}' % fate in daemon.get("/metrics")[1] for fate in ("retried", "discarded")))
check("a GET orders nothing", daemon.get("/dead-letters/discard")[0] == 405)
check("the daemon ends in order", daemon.stop() == 0)

# --- the table -------------------------------------------------------------------------------------------------------
def shown(condition):
    return [int(row[0]) for row in server.query(
        "SELECT id FROM operation_logs.dead_letters WHERE %s ORDER BY id" % condition)]


daemon.start()
held = sorted(int(letter["id"]) for letter in listed())
wait_until("the table shows what is held", lambda: shown("fate IS NULL") == held)
check("each dead letter that is held is an open row, and no other (%d)" % len(held), shown("fate IS NULL") == held)
check("what was retried and discarded stands there with its fate",
      shown("fate = 'retried'") and shown("fate = 'discarded'") and not shown("fate = 'dropped'"),
      (shown("fate = 'retried'"), shown("fate = 'discarded'"), shown("fate = 'dropped'")))
successors = server.query("SELECT retried_as FROM operation_logs.dead_letters WHERE fate = 'retried' AND retried_as IS NULL")
check("each that was retried names its new number", not successors, successors)
server.query("DELETE FROM operation_logs.dead_letters WHERE id % 2 = 0")
daemon.stop()
daemon.start()
wait_until("rows that were removed are there again", lambda: shown("fate IS NULL") == held)
check("rows that were removed are there again after a start", shown("fate IS NULL") == held)
check("status says that the table is filled", json.loads(
    opslogd("status", "--json", "--config", daemon.config).stdout)["dead_letters"]["table"]["waiting"] is None)
check("the daemon ends in order with the table, too", daemon.stop() == 0)

# --- bounded ---------------------------------------------------------------------------------------------------------
place = os.path.join(directory, "bounded")
os.makedirs(place)
bounded = Daemon(place, server.conninfo, extra=RETRY + "dead_letters: {max_bytes: 1MiB}\n")
daemon = bounded
server.query("TRUNCATE operation_logs.cast_errors")
bounded.start()
# More than one chunk of them.
TOTAL = 3000
bad = ['{"event":"cast_errors","raw_value":"%d","x":"%s"}' % (n, "y" * 900) for n in range(TOTAL)]
write(*bad)


def waiting(name):
    return next(i for i in bounded.status()["inputs"] if i["name"] == name)["waiting"]


wait_until("the file's share is used up", lambda: "dead_letters.max_bytes" in (waiting("legacy") or ""))
held = len(listed())
check("an input whose rejected lines have used up its share waits", 300 < held < 2500, held)
producer = Producer(bounded.socket)
producer.send(b'{"event":"cast_errors","raw_value":"good","column_name":"c"}\n{"event":"cast_errors"}\n')
answers = producer.finish()
check("… alone: the others go on", answers[-1] == {"durable": 2} and waiting("pipelines") is None, answers)
wait_until("the good line is a row", lambda: rows("cast_errors", "raw_value") == [["good"]])
write('{"event":"cast_errors","raw_value":"behind","column_name":"c"}')
time.sleep(0.5)
check("… what stands behind the lines that do not fit waits with them", rows("cast_errors", "raw_value") == [["good"]])
check("… and is told in the log, once", bounded.log().count("takes no more lines") == 1, bounded.log()[-1000:])
check("a stop is not held up by it", bounded.stop() == 0)
bounded.start()
wait_until("it waits after a restart too", lambda: "dead_letters.max_bytes" in (waiting("legacy") or ""))
seen = set()
while waiting("legacy") or len(listed("--input", "legacy")) > 0:
    some = listed("--input", "legacy")
    seen.update(int(json.loads(letter["line"])["raw_value"]) for letter in some)
    if some:
        letters("discard", *[letter["id"] for letter in some])
    time.sleep(0.2)
check("as they are discarded it goes on, and no line is passed over", seen == set(range(TOTAL)), len(seen))
wait_until("the line behind them is a row", lambda: rows("cast_errors", "raw_value") == [["behind"], ["good"]])
size = sum(entry.stat().st_size for entry in os.scandir(os.path.join(bounded.state, "dead-letters")))
check("the files are within the bound again (%d KiB)" % (size >> 10), size < (1 << 20) * 1.2)
bounded.stop()
with open(bounded.config) as file:
    text = file.read()
with open(bounded.config, "w") as file:
    file.write(text.replace("{max_bytes: 1MiB}", "{max_bytes: 1MiB, when_full: drop_oldest}"))
bounded.start()
end = bounded.status()["spool"]["last_sequence"]
write(*bad)
wait_until("all are read", lambda: bounded.status()["spool"]["last_sequence"] >= end + TOTAL and bounded.is_drained(), 60)
wait_until("the store is within its bound", lambda: bounded.status()["dead_letters"]["bytes"] <= 1 << 20)
left = [int(json.loads(letter["line"])["raw_value"]) for letter in listed("--input", "legacy")]
check("drop_oldest keeps the newest", left == list(range(TOTAL - len(left), TOTAL)) and 300 < len(left) < 2000, len(left))
said = sum(int(line.split(" dead letters, received")[0].split()[-1]) for line in bounded.log().splitlines() if "are dropped" in line)
check("… and says how many went", said == TOTAL - len(left) + 1, (said, len(left)))
check("… as the metric does", 'opslogd_dead_letters_ended_total{fate="dropped"} %d' % said in bounded.get("/metrics")[1])
check("it ends in order", bounded.stop() == 0)
finish()
