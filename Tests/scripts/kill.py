#!/usr/bin/env python3
"""kill -9 of the daemon at random moments under load, with PostgreSQL restarted in between: nothing lost, nothing doubled.

usage: kill.py [CYCLES [SEED]]      (50 cycles without arguments)

Three producers write to the socket and wait for acknowledgements, two jobs append to files, one of which is rotated by
rename. Every line has a number of its own that is never sent twice. At the end: every acknowledged line and
every line of a file is one row (or one dead letter, for the lines that are invalid on purpose), no line is there twice,
none is there that was not sent, and the rows of each producer's connections and of each file stand in the
order in which they were written.
"""
import contextlib
import os
import random
import sys
import threading
import time

import harness
from harness import Daemon, Producer, Server, check, finish, opslogd, scratch_directory

CYCLES = int(sys.argv[1]) if len(sys.argv) > 1 else 50
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
print("cycles %d, seed %d" % (CYCLES, SEED), flush=True)
chance = random.Random(SEED)


def line(source, number, file=0):
    """Every 97th line misses a required column. `file` counts the files that a job has begun."""
    column = "" if number % 97 == 0 else '"column_name":"price",'
    return ('{"event":"cast_errors","symbol":"%s",%s"raw_value":%d,"target_type":"%d",'
            '"error_detail":"invalid input syntax for type numeric"}\n' % (source, column, number, file)).encode()


class SocketJob(threading.Thread):
    """Writes lines in bursts, over one connection after the other, and notes what was acknowledged."""

    def __init__(self, name, path, seed):
        super().__init__(daemon=True)
        self.name, self.path, self.random = name, path, random.Random(seed)
        self.next, self.acknowledged, self.stopping = 1, set(), False

    def run(self):
        while not self.stopping:
            try:
                self.converse()
            except OSError:
                time.sleep(0.02)

    def converse(self):
        connection = Producer(self.path)
        first, durable = self.next, 0
        try:
            while not self.stopping:
                burst = self.random.choice([1, 1, 10, 200, 2000])
                numbers = range(self.next, self.next + burst)
                self.next += burst
                connection.send(b"".join(line(self.name, n) for n in numbers))
                wanted = self.next - first
                for answer in connection.answers(until=lambda a: a.get("durable", 0) >= wanted):
                    durable = answer.get("durable", durable)
                if durable < wanted:
                    raise ConnectionResetError
                if self.random.random() < 0.2:
                    break
            connection.finish()
        finally:
            connection.socket.close()
            self.acknowledged.update(range(first, first + durable))


class FileJob(threading.Thread):
    """Appends to a log file, and rotates it by rename if told so."""

    def __init__(self, name, directory, renames, seed):
        super().__init__(daemon=True)
        self.name, self.path = name, os.path.join(directory, name + ".ndjson")
        self.renames, self.random = renames, random.Random(seed)
        self.next, self.stopping, self.rotations = 1, False, 0
        self.begun = [1]  # the first number of each file

    def run(self):
        file = open(self.path, "ab", buffering=0)
        while not self.stopping:
            burst = self.random.choice([1, 5, 100, 1000])
            file.write(b"".join(line(self.name, n, self.rotations) for n in range(self.next, self.next + burst)))
            self.next += burst
            if self.renames and self.random.random() < 0.2:
                self.rotations += 1
                os.rename(self.path, "%s.%d" % (self.path, self.rotations))
                self.begun.append(self.next)
                file.close()
                file = open(self.path, "ab", buffering=0)
            time.sleep(self.random.random() * 0.05)
        file.close()


directory = scratch_directory()
server = Server(directory)
server.start()
daemon = Daemon(directory, server.conninfo, extra=(
    "spool: {max_bytes: 256MiB, segment_bytes: 4MiB, min_free: 0, keep_delivered: {bytes: 8MiB, age: 0s}}\n"
    "delivery: {retry: {initial: 20ms, max: 200ms}}\n"))
assert opslogd("schema", "apply", "--config", daemon.config).returncode == 0, "the schema could not be applied"

sockets = [SocketJob("socket%d" % i, daemon.socket, chance.random()) for i in range(3)]
files = [FileJob("renamed", daemon.logs, True, chance.random()), FileJob("plain", daemon.logs, False, chance.random())]
daemon.start()
for job in sockets + files:
    job.start()

server_restarts = 0
for cycle in range(CYCLES):
    time.sleep(chance.choice([0.02, 0.1, 0.3, 0.6]) * chance.random() * 2)
    daemon.kill()
    if chance.random() < 0.25:
        server.stop(chance.choice(["fast", "immediate"]))
        server_restarts += 1
        daemon.start(ready=False)
        time.sleep(chance.random() * 0.3)
        server.start()
    else:
        daemon.start(ready=chance.random() < 0.7)
    if (cycle + 1) % 10 == 0:
        print("%d kills, %d restarts of the server, %d lines sent" % (
            cycle + 1, server_restarts, sum(j.next - 1 for j in sockets + files)), flush=True)

harness.wait_until("the daemon is ready", daemon.is_ready)
for job in sockets + files:
    job.stopping = True
for job in sockets + files:
    job.join(60)
daemon.wait_drained(300)


def files_are_through():
    """Whether as many lines of each file job have arrived as it wrote: what is not looked at yet has no lag to show."""
    letters = opslogd("dead-letters", "list", "--json", "--config", daemon.config).stdout
    return all(
        int(server.value("SELECT count(*) FROM operation_logs.cast_errors WHERE symbol = '%s'" % job.name))
        + letters.count('\\"symbol\\":\\"%s\\"' % job.name) >= job.next - 1 for job in files)


with contextlib.suppress(TimeoutError):  # what is missing then is counted below
    harness.wait_until("every line of the files", files_are_through, 60, 0.2)
daemon.wait_drained(60)

rows = {}
order_kept = True
last = {}
for symbol, raw, file in server.query("SELECT symbol, raw_value, target_type FROM operation_logs.cast_errors ORDER BY error_id"):
    number = int(raw)
    rows.setdefault(symbol, {}).setdefault(number, 0)
    rows[symbol][number] += 1
    order_kept = order_kept and number > last.get((symbol, file), 0)
    last[symbol, file] = max(number, last.get((symbol, file), 0))
listed = opslogd("dead-letters", "list", "--json", "--config", daemon.config)
letters = {}
for text in listed.stdout.splitlines():
    letter = harness.json.loads(text)
    event = harness.json.loads(letter["line"])
    letters.setdefault(event["symbol"], {}).setdefault(event["raw_value"], 0)
    letters[event["symbol"]][event["raw_value"]] += 1

lost = doubled = invented = 0
for job in sockets + files:
    promised = job.acknowledged if isinstance(job, SocketJob) else set(range(1, job.next))
    sent = range(1, job.next)
    arrived = dict(rows.get(job.name, {}))
    for number, count in letters.get(job.name, {}).items():
        arrived[number] = arrived.get(number, 0) + count
    missing = sorted(number for number in promised if number not in arrived)
    lost += len(missing)
    if missing:
        print("%s misses %d lines from %d to %d; its files began at %s" % (
            job.name, len(missing), missing[0], missing[-1], getattr(job, "begun", "")), flush=True)
    doubled += sum(count - 1 for count in arrived.values())
    invented += sum(1 for number in arrived if number not in sent)
    misplaced = [n for n in rows.get(job.name, {}) if n % 97 == 0] + [n for n in letters.get(job.name, {}) if n % 97]
    check("%s: valid lines are rows and invalid ones dead letters (%d promised, %d arrived)" % (
        job.name, len(promised), len(arrived)), promised and not misplaced, misplaced[:5])
print("kills %d, server restarts %d: lost %d, doubled %d, invented %d" % (CYCLES, server_restarts, lost, doubled, invented))
check("nothing acknowledged and no line of a file is lost", lost == 0, lost)
check("nothing is doubled", doubled == 0, doubled)
check("nothing is invented", invented == 0, invented)
check("the rows of each connection and file stand in its order", order_kept)
check("the daemon ends with 0", daemon.stop() == 0)
verified = opslogd("spool", "verify", "--config", daemon.config)
check("the spool verifies", verified.returncode == 0, verified.stdout + verified.stderr)
if harness.failed:
    print("".join(text + "\n" for text in daemon.log().splitlines() if " intake: " in text or "ready" in text)[-8000:])
finish()
