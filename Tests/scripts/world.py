#!/usr/bin/env python3
"""The simulated world: schedules of faults, crashes and stops from seeds, each checked after every action.

usage: world.py [SCHEDULES [FIRST_SEED]]      (20,000 schedules from seed 1 without arguments)

A schedule that breaks a promise is shortened and printed with the command that repeats it. Then the N-th calls of the disk
fail, in whole scenarios: every 20th N, another one for each error; every N takes minutes: 'opslogd-world faults'.
"""
import os
import subprocess
import sys

from harness import ROOT, check, finish

SCHEDULES = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
FIRST = int(sys.argv[2]) if len(sys.argv) > 2 else 1

subprocess.run(["swift", "build", "-c", "release", "--product", "opslogd-world"], cwd=ROOT, check=True,
               stdout=subprocess.DEVNULL)
world = os.path.join(ROOT, ".build", "release", "opslogd-world")
# Hashes from a seed of their own would give each process another course.
environment = dict(os.environ, SWIFT_DETERMINISTIC_HASHING="1")

shards = len(os.sched_getaffinity(0))
share = -(-SCHEDULES // shards)
running = []
for shard in range(shards):
    count = min(share, SCHEDULES - shard * share)
    command = [world, "play", "--seed", str(FIRST + shard * share), "--count", str(count)]
    running.append((command, subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)))
for command, process in running:
    output = process.communicate()[0]
    check("%s schedules from seed %s" % (command[5], command[3]), process.returncode == 0, "\n" + output)

running = [subprocess.Popen([world, "faults", "--every", "20", "--shard", str(shard), "--shards", str(shards)],
                            env=environment, stdout=subprocess.PIPE, text=True) for shard in range(shards)]
for shard, process in enumerate(running):
    output = process.communicate()[0]
    check("the N-th call fails, share %d of %d" % (shard + 1, shards), process.returncode == 0, "\n" + output)

every = subprocess.run([world, "exhaust"], env=environment, capture_output=True, text=True)
check(every.stdout.strip() or "every small workload", every.returncode == 0, every.stderr)

one = [world, "play", "--seed", str(FIRST), "--count", "20"]
runs = [subprocess.run(one, env=environment, capture_output=True, text=True) for _ in range(2)]
check("the same seeds have the same course in another process", runs[0].returncode == 0 and runs[0].stdout == runs[1].stdout)
finish()
