#!/usr/bin/env python3
"""Removes each sync, each comparison of a checksum and each check of a position in turn, and sees whether a test notices.

usage: mutations.py [NUMBER…]      (all without arguments: by hand, about a minute and a half each)
       mutations.py list

Works in a clone of its own. Every `synchronize()` and `synchronizeDirectory()` of the spool and of the dead letters is a
mutation by itself, so that a new one is covered when it is written; the comparisons are listed here. A mutation is caught
when the exhaustive workloads, a hundred simulated schedules, or the tests of the stage fail. One that survives is printed,
and the exit status is 1.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SYNCED = ["Sources/Spool", "Sources/DeadLetters"]
TESTS = "SpoolTests|DeadLettersTests|DeliveryTests"

# File, what stands there, what stands there instead.
COMPARISONS = [
    ("Sources/Spool/Format/SegmentHeader.swift",
     "bytes.littleEndian(checksumOffset, as: UInt32.self) == CRC32C.of(bytes.part(0, checksumOffset))", "true"),
    ("Sources/Spool/Format/CursorSlot.swift",
     "bytes.littleEndian(checksumOffset, as: UInt32.self) == CRC32C.of(bytes.part(0, checksumOffset))", "true"),
    ("Sources/Spool/Format/FrameHeader.swift",
     "== Self.checksum(bytes, salt: salt, offset: offset)",
     "== bytes.littleEndian(Self.checksumOffset, as: UInt32.self)"),
    ("Sources/Spool/Recovery/SegmentScan.swift", "guard CRC32C.of(payload) == frame.payloadChecksum else",
     "guard payload.count >= 0 else"),
    ("Sources/Spool/Recovery/SegmentScan.swift", "guard frame.firstSequence == nextSequence else", "guard chain == chain else"),
    ("Sources/Spool/Recovery/SegmentScan.swift",
     "guard frame.chain == (frame.kind == .group ? frame.chain(after: chain) : chain) else", "guard chain == chain else"),
    ("Sources/Spool/Reading/SpoolReader.swift", "guard CRC32C.of(payload) == frame.payloadChecksum else",
     "guard payload.count >= 0 else"),
    ("Sources/DeadLetters/Journal/JournalEntry.swift", "Self.hexadecimal(prefix[..<8]) == checksum,", ""),
    ("Sources/Delivery/Machine/Turns.swift", "guard count == moves.count else", "guard count >= 0 else"),
    ("Sources/Delivery/Machine/Fencing.swift", ".changed(EventKind.allCases.count))", ".changed(_))"),
    ("Sources/Delivery/Machine/PositionComparison.swift", "if row.position > durable {", "if false {"),
]


def mutations():
    """Each as (what it is, file, the text before, the text after)."""
    found = []
    for folder in SYNCED:
        for place, _, names in sorted(os.walk(os.path.join(ROOT, folder))):
            for name in sorted(names):
                path = os.path.relpath(os.path.join(place, name), ROOT)
                if not name.endswith(".swift"):
                    continue
                text = open(os.path.join(ROOT, path)).read()
                for match in re.finditer(r"try \w+\.synchronize(Directory)?\(\)", text):
                    line = text.count("\n", 0, match.start()) + 1
                    mutated = text[:match.start()] + "()" + text[match.end():]
                    found.append(("%s:%d without %s" % (path, line, match.group(0)), path, mutated))
    for path, before, after in COMPARISONS:
        text = open(os.path.join(ROOT, path)).read()
        if text.count(before) != 1:
            sys.exit("mutations.py: %s does not hold exactly once: %s" % (path, before))
        line = text.count("\n", 0, text.index(before)) + 1
        found.append(("%s:%d with '%s' for '%s'" % (path, line, after, before), path, text.replace(before, after)))
    return found


def run(tree, *command):
    environment = dict(os.environ, SWIFT_DETERMINISTIC_HASHING="1")
    return subprocess.run(command, cwd=tree, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1800)


def verdict(tree):
    """Which check notices; None if none does."""
    # A warning that code after the mutation is without effect is not what is looked for.
    build = run(tree, "swift", "build", "--build-tests")
    if build.returncode != 0:
        return "NOT BUILT\n" + build.stdout[-2000:]
    world = os.path.join(tree, ".build", "debug", "opslogd-world")
    for name, command in [
            ("exhaustive workloads", [world, "exhaust", "--operations", "1"]),
            ("simulated schedules", [world, "play", "--count", "100"]),
            ("tests", ["swift", "test", "--skip-build", "--disable-xctest", "--filter", TESTS])]:
        if run(tree, *command).returncode != 0:
            return name
    return None


def main():
    every = mutations()
    if sys.argv[1:] == ["list"]:
        for number, (what, _, _) in enumerate(every):
            print(number, what)
        return 0
    chosen = [int(number) for number in sys.argv[1:]] or range(len(every))
    tree = tempfile.mkdtemp(prefix="opslogd-mutations-")
    survived = 0
    try:
        subprocess.run(["git", "clone", "-q", ROOT, tree], check=True)
        manifest = os.path.join(tree, "Package.swift")
        text = open(manifest).read()
        open(manifest, "w").write(text.replace("    .treatAllWarnings(as: .error),\n", ""))
        if (unchanged := verdict(tree)) is not None:
            sys.exit("mutations.py: without a mutation this fails: " + unchanged)
        for number in chosen:
            what, path, mutated = every[number]
            place = os.path.join(tree, path)
            original = open(place).read()
            open(place, "w").write(mutated)
            caught = verdict(tree)
            open(place, "w").write(original)
            survived += caught is None or caught.startswith("NOT BUILT")
            print("%3d %s: %s" % (number, what, "caught by " + caught if caught else "SURVIVED"), flush=True)
    finally:
        shutil.rmtree(tree)
    print("%d mutations, %d survived" % (len(chosen), survived))
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
