#!/usr/bin/env python3
"""Many quiet files, a file system of which no watch tells, and the operator's word on how far a file was read."""
import collections
import glob
import json
import os
import random
import shutil
import subprocess
import time

from harness import OPSLOGD, Daemon, Server, check, finish, opslogd, scratch_directory, wait_until

directory = scratch_directory()
server = Server(directory)
server.start()
server.query(opslogd("schema", "print").stdout)
EXTRA = "delivery: {retry: {initial: 20ms, max: 200ms}}\nspool: {min_free: 1MiB, segment_bytes: 4MiB}\n"
FILES = 5000


def write(path, words):
    with open(path, "a") as file:
        file.writelines('{"event":"cast_errors","column_name":"%s"}\n' % word for word in words)


def arrived():
    return collections.Counter(row[0] for row in server.query("SELECT column_name FROM operation_logs.cast_errors"))


def wait_for(daemon, words):
    """Until that many rows are there, and a little longer for what must not come."""
    want = collections.Counter(words)
    wait_until("the rows have come", lambda: sum(arrived().values()) >= sum(want.values()), 60, 0.1)
    time.sleep(0.3)
    return arrived() == want


def start_over():
    server.query("TRUNCATE operation_logs.cast_errors")


def open_below(daemon, path):
    found = 0
    for link in glob.glob("/proc/%d/fd/*" % daemon.process.pid):
        try:
            found += os.readlink(link).startswith(path + "/")
        except OSError:
            pass
    return found


def processor_seconds(daemon):
    with open("/proc/%d/stat" % daemon.process.pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- 5,000 files, most of them quiet ---
many = os.path.join(directory, "many")
os.mkdir(many)
daemon = Daemon(many, server.conninfo, extra=EXTRA)
names = [os.path.join(daemon.logs, "%04d.ndjson" % n) for n in range(FILES)]
for n, name in enumerate(names):
    write(name, ["first-%d" % n])
begun = time.monotonic()
daemon.start()
took = time.monotonic() - begun
words = ["first-%d" % n for n in range(FILES)]
check("each of 5,000 files is read", wait_for(daemon, words))
print("        found within %.1f s" % took, flush=True)
check("of 5,000 files at most 256 are open", open_below(daemon, daemon.logs) <= 256, open_below(daemon, daemon.logs))
time.sleep(1)
before = processor_seconds(daemon)
time.sleep(10)
used = processor_seconds(daemon) - before
print("        %.0f ms of a processor in 10 s" % (used * 1000), flush=True)
check("5,000 quiet files cost no processor time", used <= 0.1, used)
busy = names[::50]
for n, name in enumerate(busy):
    write(name, ["second-%d" % n])
    os.rename(name, name + ".1")
    write(name, ["third-%d" % n])
words += ["second-%d" % n for n in range(len(busy))] + ["third-%d" % n for n in range(len(busy))]
check("a file that was quiet for long is read on, and rotated, without its descriptor", wait_for(daemon, words))
daemon.stop()
begun = time.monotonic()
daemon.start()
print("        found again within %.1f s" % (time.monotonic() - begun), flush=True)
write(names[77], ["fourth"])
check("5,000 files are found again at a restart, and none is read twice", wait_for(daemon, words + ["fourth"]))
daemon.stop()

# --- a file system that others write to ---
if os.path.exists("/dev/fuse") and os.getuid() == 0 and shutil.which("bindfs"):
    start_over()
    far = os.path.join(directory, "far")
    os.mkdir(far)
    daemon = Daemon(far, server.conninfo, extra=EXTRA)
    behind = os.path.join(far, "behind")
    os.mkdir(behind)
    write(os.path.join(behind, "a.ndjson"), ["a1"])
    # What is written behind the mount is what another machine writes: its watches are told nothing of it.
    subprocess.run(["bindfs", behind, daemon.logs], check=True)
    try:
        daemon.start()
        check("a file on FUSE is read", wait_for(daemon, ["a1"]))
        legacy = next(i for i in daemon.status()["inputs"] if i["name"] == "legacy")
        check("a directory on FUSE is looked through, and named", legacy["polled_directories"] == [daemon.logs], legacy)
        check("the log says why", "looked through at intervals" in daemon.log())
        write(os.path.join(behind, "a.ndjson"), ["a2"])
        write(os.path.join(behind, "b.ndjson"), ["b1"])
        check("what others write there is read", wait_for(daemon, ["a1", "a2", "b1"]))
        os.rename(os.path.join(daemon.logs, "a.ndjson"), os.path.join(daemon.logs, "a.ndjson.1"))
        write(os.path.join(behind, "a.ndjson.1"), ["a3"])
        write(os.path.join(behind, "a.ndjson"), ["a4"])
        check("what is rotated there is read to its end", wait_for(daemon, ["a1", "a2", "a3", "a4", "b1"]))
        daemon.stop()
    finally:
        daemon.kill()
        subprocess.run(["fusermount", "-u", "-z", daemon.logs], check=False)

    # Renamed behind the mount. The kernel's cache of contents would mix the two files up: the limits say to do without.
    start_over()
    uncached = os.path.join(directory, "uncached")
    os.mkdir(uncached)
    daemon = Daemon(uncached, server.conninfo, extra=EXTRA)
    with open(daemon.config) as config:
        text = config.read()
    with open(daemon.config, "w") as config:
        config.write(text.replace("*.ndjson", "*.ndjson*"))
    behind = os.path.join(uncached, "behind")
    os.mkdir(behind)
    subprocess.run(["bindfs", "-o", "direct_io", behind, daemon.logs], check=True)
    try:
        daemon.start()
        words = []
        for n in range(8):
            now = ["%d-%d" % (n, line) for line in range(1 + n % 4)]
            write(os.path.join(behind, "a.ndjson"), now)
            time.sleep([0, 0.3, 2.2][n % 3])
            os.rename(os.path.join(behind, "a.ndjson"), os.path.join(behind, "a.ndjson.%d" % n))
            write(os.path.join(behind, "a.ndjson.%d" % n), ["late-%d" % n])
            words += now + ["late-%d" % n]
        check("without a cache of contents, what others rename behind the mount is read, each line once", wait_for(daemon, words),
              arrived())
        daemon.stop()
    finally:
        daemon.kill()
        subprocess.run(["fusermount", "-u", "-z", daemon.logs], check=False)
else:
    print("skipped: FUSE needs root, /dev/fuse and bindfs", flush=True)

# --- opslogd inputs reset ---
start_over()
again = os.path.join(directory, "again")
os.mkdir(again)
daemon = Daemon(again, server.conninfo, extra=EXTRA)
a, b = (os.path.join(daemon.logs, name) for name in ("a.ndjson", "b.ndjson"))
write(a, ["a1", "a2"])
write(b, ["b1"])
daemon.start()
wait_for(daemon, ["a1", "a2", "b1"])
os.rename(a, a + ".1")
write(a, ["a3"])
words = ["a1", "a2", "a3", "b1"]
check("the files are read before anything is reset", wait_for(daemon, words))
reset = lambda *arguments: opslogd("inputs", "reset", "--config", daemon.config, *arguments)
positions = lambda: sorted(
    (json.loads(line)["path"], json.loads(line)["position"])
    for line in opslogd("inputs", "list", "--json", "--config", daemon.config).stdout.splitlines())
check("reset is refused with 75 while the daemon runs", reset("--yes", a).returncode == 75)
daemon.stop()
before = positions()
asked = reset(a + ".1")
check("without --yes reset says what would come twice, and changes nothing",
      asked.returncode == 64 and "the lines between come twice" in asked.stdout and positions() == before, asked)
check("reset without a choice is refused with 64", reset("--yes").returncode == 64)
unknown = reset("--yes", a, os.path.join(daemon.logs, "none"))
check("a file without a position is named, and nothing is changed",
      unknown.returncode == 1 and "none" in unknown.stderr and positions() == before, unknown)
done = reset("--yes", a + ".1")
check("a rotated file is reset under the name that it has now", done.returncode == 0, done)
daemon.start()
words += ["a1", "a2"]
check("the next start reads that file again, and no other", wait_for(daemon, words))
daemon.stop()
daemon.start()
check("it is read again once", wait_for(daemon, words))
daemon.stop()
write(b, ["left out"])
check("reset to the end is done", reset("--yes", "--to", "end", b).returncode == 0)
write(b, ["b2"])
daemon.start()
words += ["b2"]
check("what stood before the end is left out, and what follows is read", wait_for(daemon, words))
daemon.stop()
check("an input that there is not has no file", reset("--yes", "--input", "other").returncode == 1)

# Killed anywhere: all positions are as they were, or all are as it was said.
seed = int(time.time())
dice = random.Random(seed)
before, kinds = positions(), set()
for _ in range(25):
    process = subprocess.Popen([OPSLOGD, "inputs", "reset", "--config", daemon.config, "--yes", "--input", "legacy"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(dice.random() * 0.12)
    process.kill()
    process.wait()
    kinds.add(tuple(offset for _, offset in positions()))
allowed = {tuple(offset for _, offset in before), tuple(0 for _ in before)}
check("a reset that is killed leaves all positions as they were, or all as it was said", kinds <= allowed, (seed, kinds))
check("a whole input is reset", reset("--yes", "--input", "legacy").returncode == 0 and {p for _, p in positions()} == {0})
daemon.start()
words += ["a1", "a2", "a3", "b1", "left out", "b2"]
check("after that each of its files is read again, once", wait_for(daemon, words), arrived())
daemon.stop()
finish()
