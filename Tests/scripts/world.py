#!/usr/bin/env python3
"""The simulated world: schedules of faults, crashes and stops from seeds, each checked after every action.

usage: world.py [SCHEDULES [FIRST_SEED]]      (20,000 schedules from seed 1 without arguments)

A schedule that breaks a promise is shortened and printed with the command that repeats it. That it does repeat is seen in
the first schedules of each share: another process, in which dictionaries have other orders, has to write the same bytes and
say the same words. Then the N-th calls of the disk fail, in whole scenarios: every 20th N, another one for each error; every
N takes minutes: 'opslogd-world faults'.
"""
import os
import re
import subprocess
import sys

from harness import ROOT, check, finish

SCHEDULES = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
FIRST = int(sys.argv[2]) if len(sys.argv) > 2 else 1
PLAYED_AGAIN = 1000

subprocess.run(["swift", "build", "-c", "release", "--product", "opslogd-world"], cwd=ROOT, check=True,
               stdout=subprocess.DEVNULL)
world = os.path.join(ROOT, ".build", "release", "opslogd-world")
# Should the order of a dictionary ever matter again, then what is found here repeats all the same.
environment = dict(os.environ, SWIFT_DETERMINISTIC_HASHING="1")
without = {name: value for name, value in os.environ.items() if name != "SWIFT_DETERMINISTIC_HASHING"}

shards = len(os.sched_getaffinity(0))
share = -(-SCHEDULES // shards)


def play(limit, environment):
    """Of each share so many schedules, all shares at once: the first seed, how many, the status, digests, other output."""
    running = []
    for shard in range(shards):
        seed, count = FIRST + shard * share, min(share, SCHEDULES - shard * share, limit)
        if count > 0:
            command = [world, "play", "--seed", str(seed), "--count", str(count), "--digests"]
            running.append((seed, count, subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)))
    for seed, count, process in running:
        lines = process.communicate()[0].splitlines()
        digests = [line for line in lines if re.fullmatch("seed [0-9]+: digest [0-9a-f]+", line)]
        yield seed, count, process.returncode, digests, [line for line in lines if line not in digests]


played = list(play(SCHEDULES, environment))
for seed, count, status, _, rest in played:
    check("%d schedules from seed %d" % (count, seed), status == 0, "\n" + "\n".join(rest))
for (seed, _, _, before, _), (_, count, _, digests, _) in zip(played, play(PLAYED_AGAIN, without)):
    # Where a promise was broken there are fewer of them, as was said above.
    other = next((" and ".join(both) for both in zip(before, digests) if both[0] != both[1]), None)
    check("the %d from seed %d have the same course in another process" % (count, seed),
          other is None and min(len(before), count) <= len(digests), other or "a promise is broken in one of them only")

running = [subprocess.Popen([world, "faults", "--every", "20", "--shard", str(shard), "--shards", str(shards)],
                            env=environment, stdout=subprocess.PIPE, text=True) for shard in range(shards)]
for shard, process in enumerate(running):
    output = process.communicate()[0]
    check("the N-th call fails, share %d of %d" % (shard + 1, shards), process.returncode == 0, "\n" + output)

every = subprocess.run([world, "exhaust"], env=environment, capture_output=True, text=True)
check(every.stdout.strip() or "every small workload", every.returncode == 0, every.stderr)
finish()
