#!/usr/bin/env python3
"""libFuzzer, with the address sanitizer, on everything that reads bytes from elsewhere (Tests/Fuzzing).

usage: fuzz.py [SECONDS [TARGET…]]      (5 seconds a target, or FUZZ_SECONDS of the environment, without arguments)

Builds the targets, replays the inputs that are checked in, and runs each target that long from them, two at once. What is
found is kept under .build/fuzzing/found, and named with the command that repeats it; mended, it goes into the corpus.
"""
import concurrent.futures
import glob
import os
import re
import subprocess
import sys

import harness
from harness import ROOT, check, finish

SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else int(os.environ.get("FUZZ_SECONDS", 5))
PACKAGE = os.path.join(ROOT, "Tests", "Fuzzing")
CORPORA = os.path.join(PACKAGE, "Corpora")
SCRATCH = os.path.join(ROOT, ".build", "fuzzing")
FOUND = os.path.join(SCRATCH, "found")
ENVIRONMENT = dict(os.environ, SWIFT_BACKTRACE="enable=no")


def build():
    """Debug code would be ten times slower, and traps on the same conditions."""
    paths = subprocess.run(["swiftc", "-print-target-info"], check=True, capture_output=True, text=True).stdout
    resources = harness.json.loads(paths)["paths"]["runtimeResourcePath"]
    libraries = glob.glob(os.path.join(resources, "clang", "lib", "*", "libclang_rt.fuzzer_no_main-%s.a" % os.uname().machine)) \
        + glob.glob(os.path.join(resources, "clang", "lib", "*", "libclang_rt.fuzzer_no_main.a"))
    if not libraries:
        sys.exit("fuzz.py: the toolchain below %s has no libFuzzer" % resources)
    built = subprocess.run(["swift", "build", "-c", "release", "--package-path", PACKAGE, "--scratch-path", SCRATCH,
                            "-Xlinker", libraries[0]], capture_output=True, text=True)
    if built.returncode != 0:
        print((built.stdout + built.stderr)[-8000:])
    check("the targets are built", built.returncode == 0)
    return os.path.join(SCRATCH, "release")


def run(target, programs):
    """The exit status, and what libFuzzer said."""
    grown = os.path.join(SCRATCH, "corpora", target)
    for directory in (grown, FOUND):
        os.makedirs(directory, exist_ok=True)
    arguments = ["-max_total_time=%d" % SECONDS, "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1",
                 "-artifact_prefix=%s" % os.path.join(FOUND, target + "-")]
    done = subprocess.run([os.path.join(programs, target), *arguments, grown, os.path.join(CORPORA, target)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=ENVIRONMENT,
                          timeout=SECONDS + 300)
    return done.returncode, done.stdout.decode(errors="replace")


targets = sorted(os.listdir(CORPORA))
asked = sys.argv[2:]
if set(asked) - set(targets):
    sys.exit("fuzz.py: the targets are " + " ".join(targets))
programs = build()
if not harness.failed:
    total = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for target, (status, said) in zip(asked or targets, pool.map(lambda t: run(t, programs), asked or targets)):
            count = re.search(r"number_of_executed_units: (\d+)", said)
            seen = re.findall(r"cov: (\d+)", said)
            total += int(count.group(1)) if count else 0
            check("%s: %s inputs, %s edges" % (target, count.group(1) if count else "?", seen[-1] if seen else "?"), status == 0)
            if status != 0:
                found = re.search(r"Test unit written to (\S+)", said)
                why = re.findall(r"^BROKEN.*|Swift runtime failure: [^/]*|^SUMMARY.*|^==\d+== ERROR.*", said, re.M)
                print("\n".join(why[:4]) or said[-2000:])
                print("  %s\n  repeat it: SWIFT_BACKTRACE=enable=no %s %s" % (
                    found.group(1) if found else "no input was kept", os.path.join(programs, target),
                    found.group(1) if found else ""))
    print("%d inputs in all" % total)
finish()
