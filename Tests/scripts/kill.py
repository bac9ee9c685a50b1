#!/usr/bin/env python3
"""kill -9 of the daemon at random moments under load, its recovery included, with PostgreSQL stopped or killed in between:
nothing lost, nothing doubled.

usage: kill.py [CYCLES [SEED]]      (200 cycles without arguments; 10000 for a soak by hand)

A cycle is a time under load and a kill of the daemon; the next one may have another number of connections to PostgreSQL.
After each start it may be killed again, before it is ready: those are counted apart. After every 100 cycles the books are made and what was booked is thrown away, so that table, files and memory
stay as small in a soak; the first books that are wrong end it.

Three producers write to the socket and wait for acknowledgements, two jobs append to files, one of which is rotated by
rename as soon as the first start is durable: what leaves the patterns before that is not promised. Every line has a number
of its own that is never sent twice. In the books: every acknowledged line and every line of a file is one row (or one dead
letter, for the lines that are invalid on purpose), no line is there twice, none is there that was not sent, and the rows of
each producer's connections and of each file stand in the order in which they were written.
"""
import collections
import contextlib
import os
import random
import re
import signal
import sys
import time

import harness
from harness import Daemon, Server, check, finish, opslogd, scratch_directory
from load import FileJob, FirstStart, SocketJob, files_are_through, make_books, moment

BOOKED_CYCLES = 100
CYCLES = int(sys.argv[1]) if len(sys.argv) > 1 else 200
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
print("cycles %d, seed %d" % (CYCLES, SEED), flush=True)
chance = random.Random(SEED)

directory = scratch_directory()
server = Server(directory)
server.start()
daemon = Daemon(directory, server.conninfo, extra=(
    "spool: {max_bytes: 256MiB, segment_bytes: 4MiB, min_free: 0, keep_delivered: {bytes: 8MiB, age: 0s}}\n"
    "delivery: {retry: {initial: 20ms, max: 200ms}, connections: 1}\n"))
assert opslogd("schema", "apply", "--config", daemon.config).returncode == 0, "the schema could not be applied"

sockets = [SocketJob("socket%d" % i, daemon.socket, chance.random()) for i in range(3)]
first_start = FirstStart(daemon)
files = [FileJob("renamed", daemon.logs, True, chance.random(), first_start.durable.is_set),
         FileJob("plain", daemon.logs, False, chance.random())]
jobs = sockets + files
counts = collections.Counter()


def disturb_server():
    """Stops or kills PostgreSQL; returns whether it has to be started again."""
    how = chance.choice(["fast", "immediate", "kill", "backend"])
    counts["server " + how] += 1
    if how == "backend":
        with contextlib.suppress(harness.subprocess.CalledProcessError):  # it may be starting after the last one
            for (pid,) in server.query("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' "
                                       "AND pid <> pg_backend_pid()"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        return False
    server.kill() if how == "kill" else server.stop(how)
    return True


def choose_connections():
    """The next start has another number of connections, perhaps."""
    with open(daemon.config) as file:
        text = file.read()
    with open(daemon.config, "w") as file:
        file.write(re.sub(r"connections: \d+", "connections: %d" % chance.choice([1, 1, 2, 3, 8]), text))


def cycle():
    time.sleep(chance.choice([0.02, 0.1, 0.3, 0.6]) * chance.random() * 2)
    daemon.kill()
    counts["kills"] += 1
    choose_connections()
    server_is_down = chance.random() < 0.25 and disturb_server()
    while chance.random() < 0.3:
        daemon.start(ready=False)
        time.sleep(chance.random() * chance.choice([0.01, 0.05, 0.2]))
        daemon.kill()
        counts["kills before it was ready"] += 1
    daemon.start(ready=not server_is_down and chance.random() < 0.7)
    if server_is_down:
        time.sleep(chance.random() * 0.3)
        server.start()


begun, totals = time.monotonic(), collections.Counter()
exits, verified, unreconciled, since = set(), [], [], moment()
daemon.start()
for job in jobs + [first_start]:
    job.start()
while counts["kills"] < CYCLES:
    for _ in range(min(BOOKED_CYCLES, CYCLES - counts["kills"])):
        cycle()
    harness.wait_until("the daemon is ready", daemon.is_ready, 60)
    first_start.join(60)
    for job in jobs:
        job.pause()
    daemon.wait_drained(300)
    with contextlib.suppress(TimeoutError):  # what is missing then is counted in the books
        harness.wait_until("every line of the files", lambda: files_are_through(server, daemon, files, since), 60, 0.2)
    daemon.wait_drained(60)
    books = make_books(server, daemon, jobs, since)
    totals.update(books)
    counts["lines"] += sum(len(job.promised) for job in jobs)
    counts["rotations"] += sum(len(job.begun) - 1 for job in files)
    counts["idle jobs"] += sum(1 for job in jobs if not job.promised)
    exits.add(daemon.stop())
    result = opslogd("spool", "verify", "--config", daemon.config)
    if result.returncode != 0:
        verified.append(result.stdout + result.stderr)
    result = opslogd("reconcile", "--config", daemon.config)
    if result.returncode != 0:
        unreconciled.append(result.stdout + result.stderr)
    print("%d cycles in %d s: %s; %s" % (
        counts["kills"], time.monotonic() - begun, ", ".join("%s %d" % item for item in sorted(counts.items())), dict(books)), flush=True)
    if any(books.values()) or verified or unreconciled or exits != {0} or counts["kills"] >= CYCLES:
        break
    server.query("TRUNCATE operation_logs.cast_errors")
    if os.path.getsize(os.path.join(directory, "daemon.log")) > 64 << 20:
        os.truncate(os.path.join(directory, "daemon.log"), 0)
    # Whatever is booked was received before this, and whatever comes is received later.
    since = moment()
    for job in jobs:
        job.go_on()
    daemon.start()

check("as many cycles as asked for: %d" % CYCLES, counts["kills"] == CYCLES, counts["kills"])
check("the first start became durable", first_start.durable.is_set())
check("files were rotated, unless there were few cycles", counts["rotations"] or CYCLES < 20, counts["rotations"])
check("every producer had lines promised between any two books (%d in all)" % counts["lines"], not counts["idle jobs"])
check("nothing acknowledged and no line of a file is lost", totals["lost"] == 0, totals["lost"])
check("nothing is doubled", totals["doubled"] == 0, totals["doubled"])
check("nothing is invented", totals["invented"] == 0, totals["invented"])
check("valid lines are rows and invalid ones dead letters", totals["misplaced"] == 0, totals["misplaced"])
check("the rows of each connection and file stand in its order", totals["out of order"] == 0)
check("the daemon ends with 0", exits == {0}, exits)
check("the spool verifies", not verified, verified)
check("reconcile finds everything accounted for", not unreconciled, unreconciled)
if harness.failed:
    print("repeat with: kill.py %d %d" % (CYCLES, SEED))
    print("".join(text + "\n" for text in daemon.log().splitlines() if " intake: " in text or "ready" in text)[-8000:])
finish()
