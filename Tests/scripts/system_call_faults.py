#!/usr/bin/env python3
"""The shipped daemon under strace, which makes the N-th call of a kind fail: what was acknowledged arrives exactly once.

usage: system_call_faults.py [HIGHEST_N]       (a choice of N without arguments; with one, every N up to it)
       system_call_faults.py CASE [TIMES]      (one case as it is named below, such as write-EIO-2, so many times)

For each call, error and N: a daemon on a spool of its own is started under strace, lines are sent until all are
acknowledged or the daemon has ended, and it is stopped. It must have gone on, or ended by itself with a documented status
and a line that says why; never hung, never trapped. A daemon without faults then delivers what is there: each
acknowledged line is one row or dead letter, and no line is there twice.

Of `write` only those to the log fail: the others wake threads through an eventfd, for which the kernel has no such error,
and a library that loses a wake-up waits for ever.
"""
import collections
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import harness
from harness import OPSLOGD, Daemon, Producer, Server, bounded, check, finish, opslogd, scratch_directory, wait_until

DAEMON_LOG = "daemon.log"
EVERY = range(1, int(sys.argv[1]) + 1) if sys.argv[1:] and sys.argv[1].isdigit() else None
# A call, its error, the N, and where a case is of one file only, that file.
CASES = [
    ("fdatasync", "EIO", (1, 2, 4, 9)), ("fsync", "EIO", (1, 3)), ("pwritev", "ENOSPC", (1, 5)), ("pwritev", "EIO", (7,)),
    ("pwrite64", "EIO", (1,)), ("fallocate", "ENOSPC", (1, 2)), ("openat", "EMFILE", (60, 66)), ("openat", "EACCES", (63, 70)),
    ("rename,renameat,renameat2", "EIO", (1, 3)), ("unlink,unlinkat", "EACCES", (1,)), ("pread64", "EIO", (5, 9)),
    ("write", "EIO", (2,), DAEMON_LOG), ("accept4", "EMFILE", (1,)), ("fdatasync", "EINTR", (2,)), ("getdents64", "EIO", (1, 2, 5)),
    ("openat", "EMFILE", (1,), "/etc/machine-id"), ("read", "EIO", (1,), "/etc/machine-id"),
]
if sys.argv[1:] and not EVERY:
    one = [(call, error, (int(number),) * int(sys.argv[2] if sys.argv[2:] else 1), *path)
           for name, error, number in [sys.argv[1].split("-")]
           for call, path in dict.fromkeys((call, tuple(path)) for call, _, _, *path in CASES) if call.split(",")[0] == name]
    CASES = one or sys.exit("no such case")
STATUSES = {0, 69, 74, 75, 77, 78}
SETTINGS = ("spool: {segment_bytes: 4MiB, max_bytes: 64MiB, min_free: 0, keep_delivered: {bytes: 0, age: 0s}}\n"
            "delivery: {retry: {initial: 20ms, max: 100ms}, stop_drain: 1s}\n")
LINES = 40
attempts = itertools.count()


class Faulty(Daemon):
    """A daemon under strace."""

    def start_with(self, call, error, number, path):
        self.output = open(os.path.join(self.directory, "daemon.log"), "ab")
        self.process = subprocess.Popen(
            ["strace", "-f", "-qqq", "--signal=none", "-o", os.path.join(self.directory, "trace"), "-e", "trace=" + call,
             "-e", "inject=%s:error=%s:when=%d" % (call, error, number)]
            + (["-P", os.path.join(self.directory, path)] if path else []) + [OPSLOGD, "run", "--config", self.config],
            stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output, start_new_session=True)

    def end(self, seconds):
        """The status after SIGTERM; None if it had to be killed. strace hands on the status of what it runs."""
        with contextlib.suppress(OSError):  # it may end by itself meanwhile
            with open("/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)) as children:
                for child in children.read().split():
                    os.kill(int(child), signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def kill(self):
        # strace alone would leave the daemon behind; both are in a session of their own.
        if self.process and self.process.poll() is None and os.getsid(self.process.pid) == self.process.pid:
            os.killpg(self.process.pid, signal.SIGKILL)
        super().kill()


def line(name, number):
    """Every seventh misses a column; long enough that a few dozen fill a segment."""
    column = "" if number % 7 == 0 else '"column_name":"price",'
    return ('{"event":"cast_errors","symbol":"%s",%s"raw_value":%d,"error_detail":"%s"}\n' % (
        name, column, number, "x" * 200000)).encode()


def send(daemon, name):
    """How many lines were acknowledged before the daemon took no more."""
    durable = 0
    try:
        wait_until("the socket", lambda: os.path.exists(daemon.socket) or daemon.process.poll() is not None, 10)
        producer = Producer(daemon.socket)
        producer.socket.settimeout(8)
        for number in range(1, LINES + 1):
            producer.send(line(name, number))
            if number % 4 == 0:
                for answer in producer.answers(until=lambda a: a.get("durable", 0) >= number):
                    durable = answer.get("durable", durable)
        producer.socket.close()
    except (OSError, TimeoutError):
        pass
    return durable


def attempt(server, directory, call, error, number, path=None):
    name = "%s-%s-%d" % (call.split(",")[0], error, number)
    home = tempfile.mkdtemp(prefix=name + "-", dir=directory)
    daemon = Faulty(home, server.conninfo, extra=SETTINGS, file_input=False)
    try:
        return outcome(server, daemon, name, call, error, number, path)
    finally:
        daemon.kill()


def outcome(server, daemon, name, call, error, number, path):
    daemon.start_with(call, error, number, path)
    symbol = "%s-%d" % (name, next(attempts))
    durable = send(daemon, symbol)
    ended = daemon.process.poll()
    status = ended if ended is not None else daemon.end(20)
    said = daemon.log().strip()
    wrong = []
    if status is None:
        wrong.append("it hangs")
    elif status == 127 and "error while loading shared libraries" in said:
        said = "the loader's call failed, before the daemon began"
    elif status not in STATUSES:
        wrong.append("status %d" % status)
    if ended not in (None, 0) and not said:
        wrong.append("no line says why")
    Daemon.start(daemon)
    daemon.wait_drained(30)
    rows = [int(row[0]) for row in server.query(
        "SELECT raw_value FROM operation_logs.cast_errors WHERE symbol = '%s'" % symbol)]
    letters = opslogd("dead-letters", "list", "--json", "--config", daemon.config).stdout.splitlines()
    rows += [json.loads(json.loads(letter)["line"])["raw_value"] for letter in letters]
    arrived = collections.Counter(rows)
    if daemon.stop() != 0:
        wrong.append("the daemon without faults does not end with 0")
    wrong += ["lost %d" % n for n in range(1, durable + 1) if arrived[n] == 0]
    wrong += ["%d times %d" % (count, n) for n, count in arrived.items() if count > 1]
    with open(os.path.join(daemon.directory, "trace"), errors="replace") as trace:
        met = "(INJECTED)" in trace.read()
    check("%s: %d acknowledged, %d arrived, status %s%s%s" % (
        name, durable, len(arrived), status, " by itself" if ended is not None else "",
        "" if met else "; no such call came"), not wrong,
        "%s\n%s" % (wrong[:5], said[-1500:]))
    return met and status != 127


directory = scratch_directory()
server = Server(directory)
server.start()
prepared = Daemon(os.path.join(directory, "schema"), server.conninfo, extra=SETTINGS)
assert opslogd("schema", "apply", "--config", prepared.config).returncode == 0, "the schema could not be applied"
begun, met, tried = time.monotonic(), 0, 0
for call, error, numbers, *path in CASES:
    for number in EVERY or numbers:
        try:
            tried += 1
            # Ten answers of 8 s, an end of 20 s, and the waits of the daemon without faults.
            with bounded("%s %s %d" % (call, error, number), 240):
                met += attempt(server, directory, call, error, number, *path)
        except (TimeoutError, RuntimeError, subprocess.SubprocessError) as problem:
            check("%s %s %d: a daemon without faults goes on" % (call, error, number), False, problem)
print("%d of %d faults met the daemon; %d s" % (met, tried, time.monotonic() - begun))
check("faults met the daemon", met >= (1 if EVERY else tried // 2), met)
finish()
