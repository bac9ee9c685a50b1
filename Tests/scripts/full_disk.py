#!/usr/bin/env python3
"""The state directory on a small file system of its own, which somebody else's file fills to the last block: tmpfs and ext4.

Producers write to socket and files all the while. They wait, and nobody drops their lines or answers with an error; delivery,
cursor and dead letters go on; a daemon that is killed on the full disk starts on it; with room again everything drains, and
the books say that nothing is lost or doubled. Where mounting is not permitted this counts as not run.
"""
import atexit
import contextlib
import os
import random
import re
import subprocess
import sys
import threading
import time

import harness
from harness import Daemon, Server, check, finish, opslogd, scratch_directory, wait_until
from load import FileJob, SocketJob, files_are_through, make_books, moment

VOLUME = 48 << 20
STARTS = {"tmpfs": 6, "ext4": 45}  # 45: enough for the identity file to need another block

directory = scratch_directory()


def mount(kind, path):
    """Mounts a small file system at `path`; returns why it could not."""
    os.makedirs(path)
    if kind == "tmpfs":
        command = ["mount", "-t", "tmpfs", "-o", "size=%d,mode=0700" % VOLUME, "tmpfs", path]
    else:
        image = path + ".image"
        with open(image, "wb") as file:
            file.truncate(VOLUME)
        made = subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], capture_output=True, text=True)
        if made.returncode:
            return made.stderr.strip()
        command = ["mount", "-o", "loop", image, path]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        return result.stderr.strip() or "mount ended with %d" % result.returncode
    atexit.register(subprocess.run, ["umount", "-l", path], stderr=subprocess.DEVNULL)
    os.chmod(path, 0o700)
    return None


class Hog(threading.Thread):
    """Somebody else's file: takes every block that comes free, until it is told to let go."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.stopping, self.full = path, threading.Event(), threading.Event()

    def run(self):
        with open(self.path, "wb", buffering=0) as file:
            while not self.stopping.is_set():
                for size in (1 << 20, 4096, 1):
                    with contextlib.suppress(OSError):
                        while not self.stopping.is_set() and file.write(b"x" * size):
                            pass
                with contextlib.suppress(OSError):
                    os.fsync(file.fileno())
                self.full.set()
                self.stopping.wait(0.05)

    def fill(self):
        self.start()
        if not self.full.wait(30):
            raise TimeoutError("the disk does not become full")
        return self

    def let_go(self):
        self.stopping.set()
        self.join(30)
        os.unlink(self.path)


def first_sequence(daemon):
    return daemon.status()["spool"]["first_sequence"]


def waiting(daemon):
    return daemon.status()["spool"]["waiting"] or ""


def shows_status(daemon):
    """Whether it is up; on a full disk it need not be ready."""
    if daemon.process.poll() is not None:
        raise RuntimeError("the daemon ended with %d:\n%s" % (daemon.process.returncode, daemon.log()[-4000:]))
    try:
        return daemon.status()
    except OSError:
        return None


def start_on_full_disk(daemon):
    daemon.start(ready=False)
    return wait_until("the daemon answers", lambda: shows_status(daemon), 30)


def remarks(log):
    """How often each warning or error stands in the log, times and numbers aside."""
    counted = {}
    for text in log.splitlines():
        text = re.sub(r"[0-9]+", "#", text.split(" ", 1)[-1])
        if text.startswith("info "):
            continue
        counted[text] = counted.get(text, 0) + 1
    return counted


def run(kind, seed):
    chance = random.Random(seed)
    place = os.path.join(directory, kind)
    os.makedirs(place)
    problem = mount(kind, os.path.join(place, "state"))
    if problem:
        print("not run: %s cannot be mounted here: %s" % (kind, problem), flush=True)
        return
    daemon = Daemon(place, server.conninfo, extra=(
        "spool: {max_bytes: 16MiB, segment_bytes: 4MiB, min_free: 0, keep_delivered: {bytes: 0, age: 0s}}\n"
        "delivery: {retry: {initial: 50ms, max: 500ms}}\n"))
    server.query("DROP SCHEMA IF EXISTS operation_logs CASCADE")
    assert opslogd("schema", "apply", "--config", daemon.config).returncode == 0, "the schema could not be applied"
    sockets = [SocketJob("%s-socket%d" % (kind, i), daemon.socket, chance.random(), patience=300) for i in range(2)]
    files = [FileJob("%s-renamed" % kind, daemon.logs, True, chance.random()),
             FileJob("%s-plain" % kind, daemon.logs, False, chance.random())]
    jobs = sockets + files
    for job in sockets:
        job.rest = 0.005
    for job in files:
        job.rest = 0.5  # files are never held back
    since = moment()
    state = os.path.join(place, "state")
    reserve = os.path.join(state, "spool", "reserve")

    def rows():
        return int(server.value("SELECT count(*) FROM operation_logs.cast_errors"))

    def unbroken(when):
        check("%s: %s, no connection ends and none is told an error" % (kind, when),
              not any(job.broken or job.errors for job in sockets), [(job.broken, job.errors) for job in sockets])

    def acknowledged():
        return sum(job.durable_lines for job in sockets)

    # max_bytes, with the database away.
    daemon.start()
    server.stop("fast")
    for job in jobs:
        job.start()
    wait_until("max_bytes is reached", lambda: "max_bytes" in waiting(daemon), 60)
    check("%s: status says that max_bytes is used up, and the daemon is not ready" % kind, daemon.get("/readyz")[0] == 503)
    spool = daemon.status()["spool"]
    check("%s: the spool keeps to max_bytes" % kind, spool["bytes"] <= 16 << 20, spool["bytes"])
    before = acknowledged()
    time.sleep(0.5)
    check("%s: producers wait" % kind, acknowledged() == before, (before, acknowledged()))
    server.start()
    wait_until("producers go on", lambda: acknowledged() > before, 60)
    unbroken("at max_bytes")

    # Somebody else's file, with the database away.
    server.stop("fast")
    hog = Hog(os.path.join(state, "somebody-elses-file")).fill()
    wait_until("there is no room", lambda: waiting(daemon), 60)
    check("%s: status says why nothing is taken" % kind, re.search("full|min_free|max_bytes", waiting(daemon)), waiting(daemon))
    unbroken("on the full disk")
    check("%s: the file system is full to the last block" % kind, os.statvfs(state).f_bavail == 0, os.statvfs(state).f_bavail)
    daemon.kill()
    for number in range(STARTS[kind]):
        start_on_full_disk(daemon)
        daemon.kill() if number % 3 else check_stop(kind, daemon)
    check("%s: a daemon killed or stopped %d times on the full disk starts each time" % (kind, STARTS[kind]), True)
    start_on_full_disk(daemon)
    for job in sockets:
        job.broken = 0
    delivered, first = rows_after_start(rows), first_sequence(daemon)
    wait_until("rows arrive on the full disk", lambda: rows() > delivered, 60)
    wait_until("segments are freed on the full disk", lambda: first_sequence(daemon) > first, 60)
    check("%s: on the full disk rows arrive and segments are freed" % kind, True)
    check("%s: the disk is still full" % kind, os.statvfs(state).f_bavail < 1 << 10, os.statvfs(state).f_bavail)
    status = daemon.status()
    check("%s: rejected lines become dead letters on the full disk" % kind,
          status["dead_letters"]["waiting"] is None and status["dead_letters"]["held"] > 0, status["dead_letters"])
    unbroken("delivering on the full disk")

    # The disk back.
    before = acknowledged()
    hog.let_go()
    wait_until("producers go on", lambda: acknowledged() > before + 1000, 60)
    for job in jobs:
        job.pause()
    daemon.wait_drained(120)
    with contextlib.suppress(TimeoutError):  # what is missing then is counted in the books
        wait_until("every line of the files", lambda: files_are_through(server, daemon, files, since), 60, 0.2)
    daemon.wait_drained(60)
    check("%s: with room again the spool accepts, and has its reserve" % kind,
          not waiting(daemon) and os.path.exists(reserve), (waiting(daemon), os.listdir(os.path.join(state, "spool"))))
    books = make_books(server, daemon, jobs, since)
    check("%s: of %d lines none is lost, doubled, invented or out of order" % (kind, sum(len(j.promised) for j in jobs)),
          not any(books.values()) and all(j.promised for j in jobs), books)
    check("%s: the daemon ends with 0" % kind, daemon.stop() == 0)
    verified = opslogd("spool", "verify", "--config", daemon.config)
    check("%s: the spool verifies" % kind, verified.returncode == 0, verified.stdout + verified.stderr)
    # A start says a few lines, a trouble one or two; what is said more often than that would be a flood.
    often = {text: count for text, count in remarks(daemon.log()).items() if count > 3 * (STARTS[kind] + 2)}
    check("%s: the log says each trouble a few times at most for each of %d starts" % (kind, STARTS[kind] + 2), not often, often)
    about_room = sum(count for text, count in remarks(daemon.log()).items() if "room" in text)
    check("%s: %d lines about room in all" % (kind, about_room), about_room <= STARTS[kind] + 12, remarks(daemon.log()))


def check_stop(kind, daemon):
    status = daemon.stop(60)
    if status != 0:
        check("%s: a stop on the full disk ends with 0" % kind, False, (status, daemon.log()[-2000:]))


def rows_after_start(rows):
    server.start()
    return rows()


server = Server(directory)
server.start()
for kind in sys.argv[1:] or ["tmpfs", "ext4"]:
    run(kind, 1)
if harness.passed + harness.failed == 0:
    print("0 passed, 0 failed")
    sys.exit(0)
finish()
