#!/usr/bin/env python3
"""Takes each sync, each comparison of a checksum and each check of a position away in turn, and sees whether a test notices.

usage: mutations.py [NUMBER…]      (all without arguments)
       mutations.py list

All mutations are built into one clone of what is committed, each behind a switch that an environment variable turns, so
that only one build is needed. Every `synchronize()` and `synchronizeDirectory()` of the spool and of the dead letters is
a mutation by itself: a new one is covered when it is written. The comparisons are listed in mutated_comparisons.py. A
mutation is caught when the exhaustive workloads, simulated schedules, or the tests of the stages fail; which of them it
was is printed. One that survives is printed, and the exit status is 1.
"""
import os
import re
import subprocess
import sys
import time

from mutated_comparisons import COMPARISONS

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SYNCED = ["Sources/Spool", "Sources/DeadLetters"]
# The home of the switch: a module that every mutated one imports.
SWITCH = ("Sources/OperationLogs/Mutated.swift", """import Glibc

private let active = getenv("OPSLOGD_MUTATION").flatMap { Int(String(cString: $0)) } ?? -1

/// Whether this mutation is the one that is tried.
public func isMutated(_ number: Int) -> Bool { number == active }
""")
TESTS = {folder: re.sub("Sources/(\\w+)", "\\1Tests", folder) for folder in [
    "Sources/Spool", "Sources/DeadLetters", "Sources/Delivery", "Sources/PostgreSQL", "Sources/Intake"]}
STAGES = "SpoolTests|DeadLettersTests|DeliveryTests"
# What is optimised runs ten times as many schedules in the same time.
BUILD = ["-c", "release", "-Xswiftc", "-enable-testing"]


class Mutation:
    def __init__(self, path, start, end, text, what):
        self.path, self.start, self.end, self.text, self.what = path, start, end, text, what
        self.tests = next(tests for folder, tests in TESTS.items() if path.startswith(folder + "/"))


def source(path):
    with open(os.path.join(ROOT, path)) as file:
        return file.read()


def sync_mutations():
    for folder in SYNCED:
        for place, _, names in sorted(os.walk(os.path.join(ROOT, folder))):
            for name in sorted(name for name in names if name.endswith(".swift")):
                path = os.path.relpath(os.path.join(place, name), ROOT)
                text = source(path)
                for match in re.finditer(r"try \w+\.synchronize(Directory)?\(\)", text):
                    yield Mutation(path, match.start(), match.end(), "if !MUTATED { %s }" % match.group(0),
                                   "without %s" % match.group(0))


def comparison_mutations():
    for path, before, after in COMPARISONS:
        text = source(path)
        if text.count(before) != 1:
            sys.exit("mutations.py: %s holds %d times, not once: %s" % (path, text.count(before), before))
        start = text.index(before)
        one_line = lambda words: " ".join(words.split())
        yield Mutation(path, start, start + len(before), after, "%s   for   %s" % (one_line(after), one_line(before)))


def mutations():
    found = list(sync_mutations()) + list(comparison_mutations())
    for mutation in found:
        mutation.line = source(mutation.path).count("\n", 0, mutation.start) + 1
    return found


def clone():
    """What is committed, in a place of its own; what was built there before is used again."""
    tree = os.path.join(ROOT, ".build", "mutations")
    if not os.path.exists(tree):
        subprocess.run(["git", "clone", "-q", ROOT, tree], check=True)
    subprocess.run(["git", "fetch", "-q", ROOT, "HEAD"], cwd=tree, check=True)
    subprocess.run(["git", "checkout", "-q", "--force", "FETCH_HEAD"], cwd=tree, check=True)
    return tree


def build_in(tree, every):
    """Writes every mutation into the clone, each behind its switch."""
    path, text = SWITCH
    with open(os.path.join(tree, path), "w") as file:
        file.write(text)
    for path in sorted({mutation.path for mutation in every}):
        text = source(path)
        here = [(number, mutation) for number, mutation in enumerate(every) if mutation.path == path]
        for number, mutation in sorted(here, key=lambda pair: -pair[1].start):
            text = text[:mutation.start] + mutation.text.replace("MUTATED", "isMutated(%d)" % number) + text[mutation.end:]
        if "import OperationLogs\n" not in text:
            text = "import OperationLogs\n" + text
        with open(os.path.join(tree, path), "w") as file:
            file.write(text)
    manifest = os.path.join(tree, "Package.swift")
    with open(manifest) as file:
        text = file.read()
    with open(manifest, "w") as file:
        # That a variable is never changed, or code never reached, is no error here.
        file.write(text.replace("    .treatAllWarnings(as: .error),\n", ""))
    build = subprocess.run(["swift", "build", "--build-tests", *BUILD], cwd=tree, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if build.returncode != 0:
        sys.exit("mutations.py: the clone with all mutations in it does not build:\n" + build.stdout[-4000:])


def fails(tree, number, command, seconds):
    environment = dict(os.environ, SWIFT_DETERMINISTIC_HASHING="1", OPSLOGD_MUTATION=str(number))
    try:
        return subprocess.run(command, cwd=tree, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=seconds).returncode != 0
    except subprocess.TimeoutExpired:
        return True


def verdict(tree, number, tests):
    """Which check notices; None if none does. The quick ones come first."""
    world = os.path.join(tree, ".build", "release", "opslogd-world")
    test = ["swift", "test", "--skip-build", "--disable-xctest", *BUILD, "--filter"]
    for name, command in [
            ("the exhaustive workloads", [world, "exhaust", "--operations", "2"]),
            ("200 simulated schedules", [world, "play", "--count", "200"]),
            (tests, test + [tests]), ("the tests of the other stages", test + [STAGES]),
            ("2,000 simulated schedules", [world, "play", "--seed", "201", "--count", "2000"])]:
        if fails(tree, number, command, 1200):
            return name
    return None


def main():
    every = mutations()
    if sys.argv[1:] == ["list"]:
        for number, mutation in enumerate(every):
            print("%3d %s:%d %s" % (number, mutation.path, mutation.line, mutation.what))
        return 0
    chosen = [int(number) for number in sys.argv[1:]] or range(len(every))
    survived = 0
    tree = clone()
    build_in(tree, every)
    for tests in sorted({every[number].tests for number in chosen}):
        if (unchanged := verdict(tree, -1, tests)) is not None:
            sys.exit("mutations.py: without a mutation this fails: " + unchanged)
    for number in chosen:
        mutation, begun = every[number], time.monotonic()
        caught = verdict(tree, number, mutation.tests)
        survived += caught is None
        print("%3d %s:%d %s: %s, %d s" % (
            number, mutation.path, mutation.line, mutation.what, "caught by " + caught if caught else "SURVIVED",
            time.monotonic() - begun), flush=True)
    print("%d mutations, %d survived" % (len(chosen), survived))
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
