"""Load from socket and files with a number in every line, and the books of what has arrived, for the scripts beside this file.

Standard library only.
"""
import collections
import contextlib
import datetime
import http.client
import json
import os
import random
import threading
import time

from harness import Producer, opslogd


def line(source, number, file=0):
    """Every 97th line misses a required column. `file` counts the files that a job has begun."""
    column = "" if number % 97 == 0 else '"column_name":"price",'
    return ('{"event":"cast_errors","symbol":"%s",%s"raw_value":%d,"target_type":"%d",'
            '"error_detail":"invalid input syntax for type numeric"}\n' % (source, column, number, file)).encode()


class Job(threading.Thread):
    """Goes on until it is told to pause, and is then idle until it is told to go on."""

    rest = 0.15  # seconds at most between two bursts

    def __init__(self, name, seed):
        super().__init__(daemon=True)
        self.name, self.random = name, random.Random(seed)
        self.next, self.first = 1, 1  # `first` since the last books
        self.pausing, self.idle = threading.Event(), threading.Event()

    def pause(self):
        self.pausing.set()
        if not self.idle.wait(120):
            raise TimeoutError("%s does not pause" % self.name)

    def go_on(self):
        self.first = self.next
        self.idle.clear()
        self.pausing.clear()

    def run(self):
        while True:
            if self.pausing.is_set():
                self.idle.set()
                time.sleep(0.02)
            else:
                self.work()


class SocketJob(Job):
    """Writes lines in bursts, over one connection after the other, and notes what was acknowledged."""

    def __init__(self, name, path, seed, patience=30):
        super().__init__(name, seed)
        self.path, self.acknowledged, self.patience = path, set(), patience
        self.durable_lines = 0  # in all
        self.broken, self.errors = 0, 0  # connections that ended while something was under way; answers that say `error`

    @property
    def promised(self):
        return self.acknowledged

    def go_on(self):
        self.acknowledged = set()
        super().go_on()

    def work(self):
        try:
            self.converse()
        except OSError:
            self.broken += 1
            time.sleep(0.02)

    def converse(self):
        connection = Producer(self.path)
        connection.socket.settimeout(self.patience)
        first, durable = self.next, 0
        try:
            while not self.pausing.is_set():
                burst = self.random.choice([1, 1, 1, 10, 10, 100, 100, 500, 2000])
                numbers = range(self.next, self.next + burst)
                self.next += burst
                connection.send(b"".join(line(self.name, n) for n in numbers))
                wanted = self.next - first
                for answer in connection.answers(until=lambda a: a.get("durable", 0) >= wanted):
                    self.durable_lines += answer.get("durable", durable) - durable
                    durable = answer.get("durable", durable)
                    self.errors += "error" in answer
                if durable < wanted:
                    raise ConnectionResetError
                if self.random.random() < 0.1:
                    break
                time.sleep(self.random.random() * self.rest)
            connection.finish()
        finally:
            connection.socket.close()
            self.acknowledged.update(range(first, first + durable))


class FileJob(Job):
    """Appends to a log file, and rotates it by rename if told so, and once it may."""

    def __init__(self, name, directory, renames, seed, may_rename=lambda: True):
        super().__init__(name, seed)
        self.path, self.renames, self.rotations = os.path.join(directory, name + ".ndjson"), renames, 0
        self.may_rename = may_rename
        self.begun = [1]  # the first number of each file
        self.file = open(self.path, "ab", buffering=0)

    @property
    def promised(self):
        return set(range(self.first, self.next))

    def go_on(self):
        """Everything in its files has arrived: they go, and a new one of the same name begins."""
        for number in range(1, self.rotations + 1):
            with contextlib.suppress(FileNotFoundError):
                os.unlink("%s.%d" % (self.path, number))
        os.unlink(self.path)
        self.begin()
        self.begun = [self.next]
        super().go_on()

    def begin(self):
        self.rotations += 1
        self.file.close()
        self.file = open(self.path, "ab", buffering=0)

    def work(self):
        burst = self.random.choice([1, 5, 50, 500])
        self.file.write(b"".join(line(self.name, n, self.rotations) for n in range(self.next, self.next + burst)))
        self.next += burst
        if self.renames and self.random.random() < 0.2 and self.may_rename():
            os.rename(self.path, "%s.%d" % (self.path, self.rotations + 1))
            self.begin()
            self.begun.append(self.next)
        time.sleep(self.random.random() * self.rest)


class FirstStart(threading.Thread):
    """Finds out when the first start of a daemon's file input is durable, however often the daemon is killed before.

    A file that leaves the patterns before that need not be found again: see the limits in FilePositions.
    """

    # Of a table that the books do not look at.
    line = b'{"event":"pipeline_watermarks","pipeline_name":"first_start","updated_at":"2024-11-20T14:30:00Z"}\n'

    def __init__(self, target):
        super().__init__(daemon=True)
        self.target, self.durable = target, threading.Event()

    def run(self):
        while not self.durable.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                self.ask()
            time.sleep(0.01)

    def ask(self):
        """The input hands its mark to the spool before its status says that it has looked, and the spool syncs in the order
        in which it is handed things: the acknowledgement of a line that is sent after that says that the mark is durable.
        Where the status is that of a later process than the connection, the line is never acknowledged."""
        connection = Producer(self.target.socket)
        try:
            if all(one["lag_bytes"] is not None for one in self.target.status()["inputs"] if one["type"] == "file"):
                connection.send(self.line)
                if any(answer.get("durable") for answer in connection.answers(until=lambda a: a.get("durable"))):
                    self.durable.set()
        finally:
            connection.socket.close()


def moment():
    """Now, as `--since` takes it."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat()


def arrived_letters(daemon, since):
    listed = opslogd("dead-letters", "list", "--json", "--since", since, "--config", daemon.config)
    assert listed.returncode == 0, listed.stderr
    events = [json.loads(json.loads(text)["line"]) for text in listed.stdout.splitlines()]
    return collections.Counter((event["symbol"], event["raw_value"]) for event in events)


def files_are_through(server, daemon, files, since):
    """Whether as many lines of each file job have arrived as it wrote: what is not looked at yet has no lag to show."""
    letters = collections.Counter(symbol for symbol, _ in arrived_letters(daemon, since))
    return all(
        int(server.value("SELECT count(*) FROM operation_logs.cast_errors WHERE symbol = '%s'" % job.name))
        + letters[job.name] >= job.next - job.first for job in files)


def make_books(server, daemon, jobs, since):
    """How many lines of the jobs are lost, doubled, invented and misplaced since they last went on, and whether order broke."""
    order_kept, last = True, {}
    rows = collections.Counter()
    for symbol, raw, file in server.query("SELECT symbol, raw_value, target_type FROM operation_logs.cast_errors ORDER BY error_id"):
        number = int(raw)
        rows[symbol, number] += 1
        order_kept = order_kept and number > last.get((symbol, file), 0)
        last[symbol, file] = max(number, last.get((symbol, file), 0))
    letters = arrived_letters(daemon, since)
    arrived = rows + letters
    lost = 0
    for job in jobs:
        missing = sorted(n for n in job.promised if (job.name, n) not in arrived)
        lost += len(missing)
        if missing:
            print("%s misses %d lines from %d to %d; its files began at %s" % (
                job.name, len(missing), missing[0], missing[-1], getattr(job, "begun", "")), flush=True)
        if not job.promised:
            print("%s had nothing promised" % job.name, flush=True)
    sent = {job.name: range(job.first, job.next) for job in jobs}
    return {"lost": lost, "doubled": sum(count - 1 for count in arrived.values()),
            "invented": sum(1 for name, n in arrived if n not in sent.get(name, ())),
            "misplaced": sum(1 for _, n in rows if n % 97 == 0) + sum(1 for _, n in letters if n % 97),
            "out of order": int(not order_kept)}
