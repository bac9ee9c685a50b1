#!/usr/bin/env python3
"""The units of systemd/ under a real systemd: one that boots in a container over an overlay of this machine's files.

It needs root, systemd-nspawn (Debian's package systemd-container) and overlayfs; without them only the example
configuration is looked at, and the script says what it did not try. PostgreSQL runs outside, its socket bound inside.
"""
import json
import os
import re
import shutil
import subprocess
import time

import harness
from harness import ROOT, Server, check, finish, opslogd, scratch_directory, wait_until

EXAMPLE = os.path.join(ROOT, "examples", "opslogd.yaml")
check("the example configuration is valid", opslogd("check", "--config", EXAMPLE).returncode == 0)


def skip(reason):
    print("skipped the units under a real systemd: " + reason, flush=True)
    finish()


if os.getuid() != 0:
    skip("not root")
for program in ["systemd-nspawn", "nsenter", "unshare", "/lib/systemd/systemd"]:
    if not shutil.which(program):
        skip("%s is not there (package systemd-container)" % program)

directory = scratch_directory()
server = Server(directory)
server.start()
staging = os.path.join(directory, "staging")


def stage(source, target, mode=0o644, edit=lambda text: text):
    target = os.path.join(staging, target.lstrip("/"))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(os.path.join(ROOT, source)) as original, open(target, "w") as copy:
        copy.write(edit(original.read()))
    os.chmod(target, mode)


stage("systemd/opslogd.service", "/etc/systemd/system/opslogd.service",
      edit=lambda unit: unit.replace("WatchdogSec=30s", "WatchdogSec=2s\nTimeoutAbortSec=2s"))
stage("systemd/opslogd.socket", "/etc/systemd/system/opslogd.socket")
stage("systemd/opslogd.sysusers", "/usr/lib/sysusers.d/opslogd.conf")
JOURNAL = """
  - type: journal
    name: units
    units: ["loader@*.service", "opslogd*"]

# The write-ahead log"""
stage("examples/opslogd.yaml", "/etc/opslogd/opslogd.yaml",
      edit=lambda text: text.replace('conninfo: ""', 'conninfo: "host=/srv/database dbname=postgres user=opslogd"')
      .replace("\n# The write-ahead log", JOURNAL))
# A unit that prints what stands in a file, and is up once that is done.
for path, text in {
        "/etc/systemd/system/loader@.service": "[Service]\nType=oneshot\nExecStart=/bin/cat /srv/lines/%i\n",
        "/etc/systemd/system/opslogd-other.service": "[Service]\nType=oneshot\nExecStart=/bin/cat /srv/lines/other\n",
        "/srv/journal.conf": "[Service]\nSupplementaryGroups=systemd-journal\n"}.items():
    path = os.path.join(staging, path.lstrip("/"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
lines = os.path.join(directory, "lines")
os.mkdir(lines)
os.makedirs(os.path.join(staging, "usr/bin"))
shutil.copy(harness.OPSLOGD, os.path.join(staging, "usr/bin/opslogd"))

# The toolchain's libraries may lie on a mount that an overlay of / does not show.
libraries = re.findall(r"=> (\S+)/libswiftCore\.so", subprocess.run(["ldd", harness.OPSLOGD], capture_output=True, text=True).stdout)
binds = ["--bind=%s:/srv/database" % server.directory, "--bind-ro=%s:/srv/lines" % lines] + ["--bind-ro=" + path for path in libraries]
# All mounts are in a namespace of their own, and gone with it.
boot = """
set -e
mount -t tmpfs tmpfs "$1" && mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cp -a "$2/." "$1/root/"
chown -R root:root "$1/root/etc/opslogd"
root=$1; shift 2
exec systemd-nspawn --quiet --register=no --keep-unit --private-network --link-journal=no --console=pipe --boot \
    --machine=opslogd-test --directory="$root/root" "$@" -- --unit=basic.target
"""
mounts = os.path.join(directory, "mounts")
os.mkdir(mounts)
console = open(os.path.join(directory, "console.log"), "wb")
container = subprocess.Popen(
    ["unshare", "--mount", "--propagation", "private", "sh", "-c", boot, "boot", mounts, staging, *binds],
    stdin=subprocess.DEVNULL, stdout=console, stderr=console)


def shut_down():
    if container.poll() is None:
        container.terminate()
        try:
            container.wait(10)
        except subprocess.TimeoutExpired:
            container.kill()
            container.wait()


def first_process():
    """The container's PID 1 as this machine numbers it."""
    with open("/proc/%d/task/%d/children" % (container.pid, container.pid)) as children:
        for child in children.read().split():
            with open("/proc/%s/comm" % child) as comm:
                if comm.read().strip() == "systemd":
                    return child


def inside(*command, **options):
    return subprocess.run(["nsenter", "-t", first_process(), "-m", "-u", "-i", "-n", "-p", "--", *command],
                          capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, **options)


def is_up():
    if container.poll() is not None:
        return True
    return first_process() and inside("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")


def show(unit, *properties):
    out = inside("systemctl", "show", unit, "-p", ",".join(properties)).stdout
    return dict(line.split("=", 1) for line in out.splitlines())


def journal():
    return inside("journalctl", "-u", "opslogd", "--no-pager", "-o", "short-monotonic").stdout


def rows():
    return server.query("SELECT column_name FROM operation_logs.cast_errors ORDER BY error_id")


printed = []


def say(unit, *words, raw=""):
    """Lets a unit print lines that become rows."""
    name = unit.split("@")[1] if "@" in unit else "other"
    with open(os.path.join(lines, name), "w") as file:
        file.write("".join('{"event":"concurrency_issues","lock_type":"%s"}\n' % word for word in words) + raw)
    started = inside("systemctl", "start", unit)
    assert started.returncode == 0, started.stderr
    printed.extend(words)


def taken():
    return [row[0] for row in server.query("SELECT lock_type FROM operation_logs.concurrency_issues ORDER BY issue_id")]


def arrive(promise):
    try:
        wait_until("the rows", lambda: len(taken()) >= len(printed), 20)
        time.sleep(0.3)
    except TimeoutError:
        pass
    found = taken()
    check(promise, sorted(found) == sorted(printed), (sorted(set(printed) ^ set(found)), len(found), len(printed), journal()[-3000:]))


def send(word):
    return inside("opslogd", "send", "cast_errors", "column_name=" + word)


try:
    try:
        wait_until("the container is up", is_up, 30)
    except (OSError, TimeoutError) as error:
        shut_down()
        skip("no systemd boots in a container here: %s" % error)
    if container.poll() is not None:
        console.flush()
        with open(console.name, errors="replace") as said:
            skip("no systemd boots in a container here: %s" % (said.read().strip().splitlines() or ["no reason given"])[-1])

    check("systemd-sysusers makes the user", inside("systemd-sysusers").returncode == 0 and inside("id", "opslogd").returncode == 0)
    inside("chown", "root:opslogd", "/etc/opslogd/opslogd.yaml")
    inside("chmod", "640", "/etc/opslogd/opslogd.yaml")
    verified = inside("systemd-analyze", "verify", "opslogd.service", "opslogd.socket")
    check("systemd-analyze verify finds nothing in the units", verified.returncode == 0 and "opslogd" not in verified.stderr, verified.stderr)
    server.query("CREATE ROLE opslogd LOGIN")
    applied = opslogd("schema", "apply", "--conninfo", server.conninfo)
    check("the schema is applied", applied.returncode == 0, applied.stderr)
    server.query("GRANT USAGE ON SCHEMA operation_logs TO opslogd; GRANT INSERT ON ALL TABLES IN SCHEMA operation_logs TO opslogd;"
                 "GRANT USAGE ON ALL SEQUENCES IN SCHEMA operation_logs TO opslogd; GRANT SELECT, INSERT, UPDATE ON"
                 " operation_logs.pipeline_watermarks, operation_logs.spool_positions TO opslogd")

    started = inside("systemctl", "start", "opslogd")
    state = show("opslogd", "ActiveState", "Type", "StatusText", "MainPID")
    check("systemctl start ends when READY=1 has come", started.returncode == 0 and state["ActiveState"] == "active", started.stderr + journal())
    check("the status is a sentence", "events to deliver" in state["StatusText"], state)
    checked = inside("runuser", "-u", "opslogd", "--", "opslogd", "check", "--database")
    check("check --database finds all that the role needs", checked.returncode == 0, checked.stderr)
    modes = inside("stat", "-c", "%a %U", "/var/lib/opslogd", "/run/opslogd", "/run/opslogd/opslogd.sock").stdout.split("\n")
    check("state 0700, sockets' directory 0755, socket 0660, all of the user", modes[:3] == ["700 opslogd", "755 opslogd", "660 opslogd"], modes)
    sent = send("one")
    check("a line is durable", sent.returncode == 0, sent.stderr)
    wait_until("the row", lambda: rows() == [["one"]], 20)
    check("its row arrives from within the sandbox", rows() == [["one"]])
    check("no system call was refused", "Operation not permitted" not in journal(), journal())
    inside("systemctl", "kill", "-s", "HUP", "opslogd")
    wait_until("the notice", lambda: "SIGHUP" in journal(), 10)
    check("SIGHUP is a notice, and the daemon goes on", show("opslogd", "MainPID")["MainPID"] == state["MainPID"])
    notices = inside("journalctl", "-u", "opslogd", "-p", "5..5", "-o", "cat", "--no-pager").stdout
    check("the journal has the lines' priorities", "SIGHUP" in notices and "listens on" not in notices, notices)

    seen = inside("opslogd", "spool", "cat", "--all")
    check("root looks at the spool of the daemon's user", '"column_name":"one"' in seen.stdout, seen.stderr)
    check("and at its dead letters", inside("opslogd", "dead-letters", "list").returncode == 0)

    time.sleep(3)
    check("the watchdog is fed", show("opslogd", "NRestarts")["NRestarts"] == "0", journal())
    inside("systemctl", "kill", "-s", "STOP", "opslogd")
    wait_until("the restart", lambda: show("opslogd", "NRestarts", "ActiveState") == {"NRestarts": "1", "ActiveState": "active"}, 30)
    check("a daemon that hangs is started anew", "watchdog" in journal().lower(), journal())
    send("two")
    wait_until("the row", lambda: rows() == [["one"], ["two"]], 20)
    check("and goes on where it was", rows() == [["one"], ["two"]])

    # --- what units print, through journald
    said = journal()
    check("without the group for it the daemon says how to let it read the journal, once",
          said.count("SupplementaryGroups=systemd-journal") == 2, said)  # two starts
    inside("install", "-D", "/srv/journal.conf", "/etc/systemd/system/opslogd.service.d/journal.conf")
    inside("systemctl", "daemon-reload")
    say("loader@a", "printed before")
    inside("systemctl", "restart", "opslogd")
    arrive("with it, lines that a unit printed become rows")
    say("loader@a", *("a%d" % i for i in range(300)))
    long = "x" * 100_000
    say("loader@new", "new", long, raw="chatter\n")
    say("opslogd-other", "other")
    arrive("also of units that are new, and a line that is longer than LineMax=")
    for i in range(5):
        say("loader@k", *("k%d-%d" % (i, j) for j in range(50)))
        inside("systemctl", "kill", "-s", "KILL", "opslogd")
        say("loader@k", *("l%d-%d" % (i, j) for j in range(50)))
        inside("journalctl", "--rotate")
        wait_until("it runs again", lambda: show("opslogd", "ActiveState")["ActiveState"] == "active", 20)
    arrive("kill -9 and rotations: each line is a row, once")
    found = [json.loads(line) for line in inside("opslogd", "dead-letters", "list", "--json").stdout.splitlines()]
    check("what is no event is a dead letter with its unit, and nothing of the daemon's own is one",
          [(letter["line"], letter["source"]["path"]) for letter in found] == [("chatter", "loader@new.service")], found)
    inside("systemctl", "stop", "opslogd")
    say("loader@gone", *("gone%d" % i for i in range(20)))
    del printed[-20:]
    time.sleep(1.1)
    inside("journalctl", "--rotate", "--vacuum-time=1s")
    say("loader@a", "behind the vacuum")
    inside("systemctl", "start", "opslogd")
    arrive("behind what was removed unread it reads on")
    told = [line for line in journal().splitlines() if "may have been removed" in line]
    check("and says what is missing, with a bound", len(told) == 1 and 20 <= int(re.search(r"up to (\d+) entries", told[0])[1]) < 500, told)

    begin = time.monotonic()
    stopped = inside("systemctl", "stop", "opslogd")
    result = show("opslogd", "Result", "ActiveState", "ExecMainStatus")
    check("the stop is orderly (%.1f s)" % (time.monotonic() - begin),
          result == {"Result": "success", "ActiveState": "inactive", "ExecMainStatus": "0"}, (result, stopped.stderr))
    check("and says so", "stopped:" in journal())

    inside("systemctl", "start", "opslogd.socket")
    inode = inside("stat", "-c", "%i", "/run/opslogd/opslogd.sock").stdout
    sent = send("three")
    check("a connection starts the daemon, which takes systemd's socket", sent.returncode == 0, sent.stderr + journal())
    inside("systemctl", "stop", "opslogd")
    check("the socket is left in place at the stop", inside("stat", "-c", "%i", "/run/opslogd/opslogd.sock").stdout == inode != "")
    check("and a later line starts it again", send("four").returncode == 0)
    wait_until("the rows", lambda: len(rows()) == 4, 20)
    check("every row once", rows() == [["one"], ["two"], ["three"], ["four"]], rows())
    if harness.failed:
        print(journal()[-6000:])
finally:
    shut_down()
finish()
