#!/usr/bin/env python3
"""A large backlog starts as fast and in as little memory as a small one.

usage: backlog.py [MEBIBYTES]      (512 without an argument; 10240 by hand)

Fills a spool through the socket with the database away, drops the segments from the page cache, and measures the time from
the start to readiness and the resident memory (VmRSS, VmHWM): of the start, of a while with the backlog, and of delivering
a part of it. All of it must be within bounds that do not depend on the size of the backlog.
"""
import os
import shutil
import sys
import threading
import time

from harness import Daemon, Producer, Server, check, finish, opslogd, scratch_directory, wait_until

MEBIBYTES = int(sys.argv[1]) if len(sys.argv) > 1 else 512
START_SECONDS = 2
START_GROWTH = 16  # MiB that a start with the backlog may take beyond one with an empty spool
DRAIN_GROWTH = 128  # MiB: batches of 20,000 rows, whatever stands behind them

directory = scratch_directory()
free = shutil.disk_usage(directory).free >> 20
if free < MEBIBYTES * 3 // 2 + 2048:
    possible = max(64, (free - 2048) * 2 // 3)
    print("only %d MiB are free: a backlog of %d MiB instead of %d" % (free, possible, MEBIBYTES), flush=True)
    MEBIBYTES = possible
server = Server(directory)
server.start()
daemon = Daemon(directory, server.conninfo, file_input=False, extra=(
    "spool: {max_bytes: %dMiB, min_free: 0}\ndelivery: {retry: {initial: 50ms, max: 500ms}}\n" % (MEBIBYTES + 1024)))
assert opslogd("schema", "apply", "--config", daemon.config).returncode == 0, "the schema could not be applied"


def memory(field):
    with open("/proc/%d/status" % daemon.process.pid) as status:
        for text in status:
            if text.startswith(field + ":"):
                return int(text.split()[1]) / 1024


def evict():
    """Drops the segments from the page cache, as after a start of the machine."""
    segments = os.path.join(daemon.state, "spool", "segments")
    for name in os.listdir(segments):
        descriptor = os.open(os.path.join(segments, name), os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)
    return len(os.listdir(segments))


def timed_start():
    """Seconds to readiness, and the peak of resident memory until then."""
    begun = time.monotonic()
    daemon.start(ready=False)
    wait_until("the daemon is ready", daemon.is_ready, 60, 0.005)
    return time.monotonic() - begun, memory("VmHWM")


# An empty spool, for comparison.
empty_seconds, empty_peak = timed_start()
server.stop("fast")

line = ('{"event":"cast_errors","symbol":"ACME","column_name":"price","raw_value":"%d","error_detail":"' % 0 + "x" * 2000 + '"}\n').encode()
full = threading.Event()


def produce():
    producer = Producer(daemon.socket, ack=False)
    data = line * (1 << 20 >> 11)
    try:
        while not full.is_set():
            producer.send(data)
    except OSError:
        pass
    producer.socket.close()


begun = time.monotonic()
producers = [threading.Thread(target=produce, daemon=True) for _ in range(2)]
for producer in producers:
    producer.start()
wait_until("the backlog", lambda: daemon.status()["spool"]["bytes"] >= MEBIBYTES << 20, 3600, 0.2)
full.set()
for producer in producers:
    producer.join(60)
filling_peak = memory("VmHWM")
check("the daemon ends with 0", daemon.stop() == 0)
segments = evict()
print("%d MiB in %d segments, written in %d s, VmHWM %.1f MiB; empty: ready in %.2f s, VmHWM %.1f MiB" % (
    MEBIBYTES, segments, time.monotonic() - begun, filling_peak, empty_seconds, empty_peak), flush=True)

seconds, peak = timed_start()
backlog = daemon.status()["spool"]["undelivered_events"]
print("cold: ready in %.2f s, VmHWM %.1f MiB; %d events wait" % (seconds, peak, backlog), flush=True)
check("a backlog of %d MiB is ready within %d s" % (MEBIBYTES, START_SECONDS), seconds <= START_SECONDS, seconds)
check("the start takes no more memory than an empty one", peak <= empty_peak + START_GROWTH, (peak, empty_peak))
time.sleep(1)
check("waiting with the backlog takes no more either", memory("VmHWM") <= empty_peak + START_GROWTH, memory("VmHWM"))

server.start()
wanted = backlog - max(50_000, backlog // 20)
samples = []


def is_drained_in_part():
    samples.append((daemon.status()["spool"]["undelivered_events"], memory("VmRSS")))
    return samples[-1][0] <= wanted


begun = time.monotonic()
wait_until("a part of the backlog is delivered", is_drained_in_part, 300, 0.1)
print("delivered %d events in %.1f s: VmRSS %.1f to %.1f MiB, VmHWM %.1f MiB" % (
    backlog - samples[-1][0], time.monotonic() - begun, min(s[1] for s in samples), max(s[1] for s in samples),
    memory("VmHWM")), flush=True)
check("delivering takes a bounded part of memory", memory("VmHWM") <= empty_peak + DRAIN_GROWTH, memory("VmHWM"))
daemon.kill()
evict()
seconds, peak = timed_start()
print("after kill -9 in the midst of it, cold: ready in %.2f s, VmHWM %.1f MiB" % (seconds, peak), flush=True)
check("after kill -9 in the midst of it the start is as fast", seconds <= START_SECONDS, seconds)
check("the daemon ends with 0, as asked, with the backlog", daemon.stop(60) == 0)
finish()
