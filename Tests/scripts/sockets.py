#!/usr/bin/env python3
"""Sockets as many users meet them at once: crowds, floods, the deaf and the dying, permissions, datagrams, systemd's sockets.

    Tests/scripts/sockets.py [LINES]        lines over the one long connection, 1,000,000 without it

The shipped daemon, a real PostgreSQL, systemd-socket-activate. What is asked of other users needs root.
"""
import json
import os
import re
import resource
import selectors
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

import harness
from harness import Daemon, Producer, Server, check, finish, opslogd, scratch_directory, wait_until

LINES = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
ACK = b'{"opslogd":{"ack":true}}\n'
# Thousands of connections at both ends.
resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)

directory = scratch_directory()
server = Server(directory)
server.start()
server.query("CREATE SCHEMA operation_logs")
daemon = Daemon(directory, server.conninfo, file_input=False)
NARROW, GUARDED, LONE, GUARDED_LONE = [os.path.join(directory, name + ".sock") for name in ["narrow", "guarded", "lone", "guarded-lone"]]
OTHERS = {"user": 61001, "primary": 61002, "supplementary": 61003, "nobody's": 61004}  # ids that nothing else has
ALLOW = """
    allow:
      - {user: "61001", events: [cast_errors, pipeline_watermarks]}
      - {group: "61002", events: [cast_errors]}
      - {group: "61003", events: [backup_logs]}
"""
with open(daemon.config) as config:
    text = config.read()
text = text.replace("database:", """\
  - {type: socket, name: narrow, path: %s, max_connections: 2}
  - type: socket
    name: guarded
    path: %s
    mode: "0666"%s
  - {type: datagram, name: lone, path: %s, mode: "0622", max_line_bytes: 2KiB}
  - type: datagram
    name: guarded-lone
    path: %s
    mode: "0666"%s
database:""" % (NARROW, GUARDED, ALLOW, LONE, GUARDED_LONE, ALLOW), 1)
with open(daemon.config, "w") as config:
    config.write(text)
check("schema apply", opslogd("schema", "apply", "--config", daemon.config).returncode == 0)


def event(word, number=0):
    return b'{"event":"cast_errors","column_name":"%s","raw_value":%d}\n' % (word.encode(), number)


def numbers(word):
    return [int(row[0]) for row in server.query(
        "SELECT raw_value FROM operation_logs.cast_errors WHERE column_name = '%s' ORDER BY error_id" % word)]


def letters(name, reason=None):
    chosen = ["--reason", reason] if reason else []
    listed = opslogd("dead-letters", "list", "--json", "--input", name, *chosen, "--config", daemon.config).stdout
    return [json.loads(text) for text in listed.splitlines()]


def memory(field="VmRSS"):
    with open("/proc/%d/status" % daemon.process.pid) as status:
        return int([line for line in status if line.startswith(field)][0].split()[1]) // 1024


def input_status(name):
    return [i for i in daemon.status()["inputs"] if i["name"] == name][0]


def as_peer(uid, gid, groups, body):
    """What `body` returns in a process of another user, as JSON."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups(groups)
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            os.write(writing, json.dumps(body()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return child, json.loads(answer or "null")


# --- names that there are not -------------------------------------------------------------------------------------------
wrong = os.path.join(directory, "wrong.yaml")
for key, name in [("allow: [{user: no-such-user}]", "no-such-user"), ("allow: [{group: no-such-group}]", "no-such-group"),
                  ("group: no-such-group", "no-such-group")]:
    for kind in ["socket", "datagram"]:
        with open(wrong, "w") as config:
            config.write("state_directory: %s/wrong\ninputs:\n  - {type: %s, name: a, path: %s/a.sock, %s}\ntelemetry: {listen: \"off\"}\n"
                         "database: {conninfo: \"%s\"}\n" % (directory, kind, directory, key, server.conninfo))
        for command in ["check", "run"]:
            result = opslogd(command, "--config", wrong)
            check("%s names who is not there: %s of a %s input, and ends with 78" % (command, key, kind),
                  result.returncode == 78 and name in result.stderr.splitlines()[-1] and result.stderr.count("opslogd: ") == 1,
                  (result.returncode, result.stderr))

daemon.start()

# --- socket files ---------------------------------------------------------------------------------------------------------
modes = {path: stat.S_IMODE(os.stat(path).st_mode) for path in [daemon.socket, NARROW, GUARDED, LONE]}
check("each socket has its mode", list(modes.values()) == [0o600, 0o660, 0o666, 0o622], modes)
kinds = {i["name"]: i["type"] for i in daemon.status()["inputs"]}
check("status names every input with its type", kinds == {
    "pipelines": "socket", "narrow": "socket", "guarded": "socket", "lone": "datagram", "guarded-lone": "datagram"}, kinds)
check("status for people shows datagram inputs", re.search(r"lone +datagram", opslogd("status", "--config", daemon.config).stdout))

# --- a crowd --------------------------------------------------------------------------------------------------------------
# Twice as many as are served at once: the others wait in the backlog.
started = time.monotonic()
crowd, waiting, told = selectors.DefaultSelector(), 1000, 0
for number in range(waiting):
    member = socket.socket(socket.AF_UNIX)
    member.settimeout(30)
    member.connect(daemon.socket)
    member.sendall(ACK + event("crowd", number))
    crowd.register(member, selectors.EVENT_READ)
while waiting:
    ready = crowd.select(30)
    if not ready:
        break
    for key, _ in ready:
        told += key.fileobj.recv(4096) == b'{"durable":1}\n'
        crowd.unregister(key.fileobj)
        key.fileobj.close()
        waiting -= 1
check("a thousand connections each get the acknowledgement of their line (%.1f s)" % (time.monotonic() - started), told == 1000, (told, waiting))

# --- one long connection --------------------------------------------------------------------------------------------------
started = time.monotonic()
producer = Producer(daemon.socket)
answers = []
reader = threading.Thread(target=lambda: answers.extend(producer.answers()))
reader.start()
for first in range(0, LINES, 5000):
    producer.send(b"".join(event("long", n) for n in range(first, min(first + 5000, LINES))))
producer.socket.shutdown(socket.SHUT_WR)
reader.join(600)
durable = [a.get("durable") for a in answers]
check("%d lines over one connection: every answer is a number, they grow, and the last is the whole (%.1f s)" % (
    LINES, time.monotonic() - started), durable and None not in durable and durable == sorted(set(durable)) and durable[-1] == LINES, answers[-2:])
check("they were acknowledged while they came, and not only at the end", len(durable) > 1, len(durable))
producer.socket.close()

# --- those who hold up nobody but themselves --------------------------------------------------------------------------------
idle = [Producer(daemon.socket) for _ in range(50)]
deaf = [Producer(daemon.socket) for _ in range(4)]
for one in deaf:
    one.socket.setblocking(False)
before, deaf_bytes = memory(), 0
bad = b"not an event, and answered with a sentence that nobody reads\n" * 500
quiet = time.monotonic()
while time.monotonic() - quiet < 1 and deaf_bytes < 64 << 20:
    for one in deaf:
        try:
            deaf_bytes += one.socket.send(bad)
            quiet = time.monotonic()
        except BlockingIOError:
            pass
    time.sleep(0.001)
check("a client that never reads its answers is no longer read from, and memory is bounded (%d KiB taken, %d MiB more)" % (
    deaf_bytes >> 10, memory() - before), deaf_bytes < 32 << 20 and memory() - before < 96, deaf_bytes)


def waits(word, count):
    """The longest wait for an acknowledgement, of lone lines one after the other."""
    longest = 0
    lone = Producer(daemon.socket)
    for number in range(count):
        start = time.monotonic()
        lone.send(event(word, number))
        for answer in lone.answers(until=lambda a: a == {"durable": number + 1}):
            pass
        longest = max(longest, time.monotonic() - start)
    lone.finish()
    return longest


longest = waits("beside-the-deaf", 50)
check("others are served beside the deaf and the idle (longest wait %.0f ms)" % (1000 * longest), longest < 5)
flooding, flooded = threading.Event(), []


def flood(number):
    source, sent = Producer(daemon.socket, ack=False), 0
    stock = b"".join(event("flood-%d" % number, n) for n in range(2000))
    flooding.set()
    while flooding.is_set() and sent < 40:
        source.send(stock)
        sent += 1
    source.finish()
    flooded.append(2000 * sent)


floods = [threading.Thread(target=flood, args=[n]) for n in range(3)]
for one in floods:
    one.start()
flooding.wait(10)
longest = waits("beside-the-flood", 10)
flooding.clear()
for one in floods:
    one.join(120)
check("lone lines are acknowledged beside three floods (longest wait %.0f ms)" % (1000 * longest), longest < 5)
for one in idle:
    one.send(event("idle"))
told = [list(one.answers(until=lambda a: "durable" in a))[-1] for one in idle]
check("a connection that was idle for long is served as on its first day", told == [{"durable": 1}] * 50, told[:3])
for one in idle + deaf:
    one.socket.close()

# --- those who die ----------------------------------------------------------------------------------------------------------
child, _ = as_peer(os.getuid(), os.getgid(), os.getgroups(), lambda: (
    lambda s: (s.connect(daemon.socket), s.sendall(event("dying") + b'{"event":"cast_errors","colu'), os.kill(os.getpid(), signal.SIGKILL)))(
        socket.socket(socket.AF_UNIX)))
wait_until("the dead letter", lambda: letters("pipelines", "incomplete_line"))
found = letters("pipelines", "incomplete_line")
check("a client killed in the middle of a line leaves that line as incomplete_line, with its uid and pid",
      [(l["line"], l["source"]["uid"], l["source"]["pid"], l["source"]["offset"]) for l in found] == [
          ('{"event":"cast_errors","colu', os.getuid(), child, 2)], found)

# --- max_connections ----------------------------------------------------------------------------------------------------------
inside = [Producer(NARROW) for _ in range(2)]
for one in inside:
    one.send(event("narrow"))
    next(one.answers())
outside = Producer(NARROW)
outside.send(event("narrow"))
outside.socket.settimeout(0.3)
try:
    heard = outside.socket.recv(100)
except TimeoutError:
    heard = None
check("a connection beyond max_connections waits", heard is None and input_status("narrow")["connections"] == 2, heard)
check("status says that no further ones are taken", input_status("narrow")["waiting"], input_status("narrow"))
inside[0].finish()
outside.socket.settimeout(30)
check("… and is served when one leaves", next(outside.answers()) == {"durable": 1})
outside.finish()
inside[1].finish()
wait_until("nobody waits", lambda: input_status("narrow")["waiting"] is None)

# --- permissions --------------------------------------------------------------------------------------------------------------
KINDS = {"cast_errors": b'{"event":"cast_errors","column_name":"guarded"}', "backup_logs": b'{"event":"backup_logs","backup_type":"b","status":"s"}',
         "pipeline_watermarks": b'{"event":"pipeline_watermarks","pipeline_name":"p"}', "unknown": b'{"event":"tick"}'}


def converse():
    peer = Producer(GUARDED)
    peer.send(b"\n".join(KINDS.values()) + b"\n")
    return peer.finish()


def outcomes(answers):
    rejected = {a["rejected"]["line"]: a["rejected"]["reason"] for a in answers if "rejected" in a}
    return {kind: rejected.get(line) for line, kind in enumerate(KINDS, 1)}, answers[-1]


def only(*kinds):
    return {kind: "unknown_event" if kind == "unknown" else None if kind in kinds else "not_permitted" for kind in KINDS}, {"durable": 4}


if os.getuid() == 0:
    by_user = as_peer(61001, 61004, [], converse)
    check("allow by user", outcomes(by_user[1]) == only("cast_errors", "pipeline_watermarks"), by_user)
    by_group = as_peer(61004, 61002, [], converse)
    check("allow by primary group", outcomes(by_group[1]) == only("cast_errors"), by_group)
    by_other = as_peer(61004, 61004, list(range(62000, 62300)) + [61003], converse)
    check("allow by a supplementary group, of three hundred", outcomes(by_other[1]) == only("backup_logs"), by_other[1])
    by_all = as_peer(61001, 61002, [61003], converse)
    check("a peer that matches several entries may send what any allows",
          outcomes(by_all[1]) == only("cast_errors", "pipeline_watermarks", "backup_logs"), by_all)
    stranger = as_peer(61004, 61004, [61001], converse)
    check("a peer that matches none is served, and may send nothing: an id of a user is none of a group", outcomes(stranger[1]) == only(), stranger)
    root = converse()
    check("root needs an entry like everybody", outcomes(root) == only(), root)
    daemon.wait_drained()
    found = letters("guarded", "not_permitted")
    wanted = [(61001, by_user[0], 1), (61004, by_group[0], 2), (61004, by_other[0], 2), (61004, stranger[0], 3), (0, os.getpid(), 3)]
    seen = [(l["source"]["uid"], l["source"]["pid"]) for l in found]
    check("what is not permitted is a dead letter with the peer's uid and pid", seen == [(u, p) for u, p, n in wanted for _ in range(n)], seen)
    check("… and with its event and its line", {l["event"] for l in found} == set(KINDS) - {"unknown"} and all(l["line"].encode() in KINDS.values() for l in found))

    def drop():
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        for line in KINDS.values():
            peer.sendto(line, GUARDED_LONE)

    children = [as_peer(uid, gid, groups, drop)[0] for uid, gid, groups in [(61001, 61004, []), (61004, 61002, [61003]), (61004, 61004, [61002])]]
    wait_until("the datagrams are judged", lambda: len(letters("guarded-lone")) >= 9)
    found = [(l["source"]["pid"], l["source"]["uid"], l["event"]) for l in letters("guarded-lone", "not_permitted")]
    check("datagrams: allow by user and by primary group, each datagram by its own sender", found == [
        (children[0], 61001, "backup_logs"), (children[1], 61004, "backup_logs"), (children[1], 61004, "pipeline_watermarks"),
        (children[2], 61004, "cast_errors"), (children[2], 61004, "backup_logs"), (children[2], 61004, "pipeline_watermarks")], found)
    groups = Daemon(os.path.join(directory, "grouped"), server.conninfo, file_input=False)
    with open(groups.config) as config:
        text = config.read().replace('mode: "0600"', 'mode: "0620", group: "61003"')
    with open(groups.config, "w") as config:
        config.write(text.replace("database:", '  - {type: datagram, name: d, path: %s/grouped/d.sock, mode: "0620", group: "61003"}\ndatabase:' % directory, 1))
    groups.start()
    for path in [groups.socket, groups.directory + "/d.sock"]:
        found = os.stat(path)
        check("a socket has the mode and the group that the configuration names", (stat.S_IMODE(found.st_mode), found.st_gid) == (0o620, 61003), oct(found.st_mode))
    groups.stop()
else:
    print("skipped what is asked of other users: not root", flush=True)

# --- datagrams ----------------------------------------------------------------------------------------------------------------
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sender.connect(LONE)
descriptors = lambda: len(os.listdir("/proc/%d/fd" % daemon.process.pid))
before = descriptors()
for data in [event("lone", 1), event("lone", 2)[:-1], b"", b"\n", ACK, b"nonsense", b"x" * 5000, event("lone", 3) * 2]:
    sender.send(data)
for _ in range(50):
    socket.send_fds(sender, [event("lone", 4)], [0, 1, 2])
wait_until("the lines are rows", lambda: len(numbers("lone")) == 52)
check("one line a datagram, its end optional", numbers("lone") == [1, 2] + [4] * 50, numbers("lone"))
wait_until("the rest are dead letters", lambda: len(letters("lone")) == 4)
found = letters("lone")
check("what is no line is a dead letter with its reason, its number and its sender", [(l["reason"], l["source"]["offset"], l["source"]["uid"], l["source"]["pid"]) for l in found] == [
    (reason, number, os.getuid(), os.getpid()) for reason, number in [("missing_event", 5), ("invalid_json", 6), ("line_too_long", 7), ("invalid_json", 8)]], found)
check("of a datagram that is too long the beginning is kept", found[2]["truncated"] and found[2]["line"] == "x" * (2048 + 2), len(found[2]["line"]))
check("descriptors that a sender passes along are not kept", descriptors() <= before + 1, (before, descriptors()))
senders = []


def drop_many(number):
    source = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    source.connect(LONE)
    for n in range(2000):
        source.send(event("many-%d" % number, n))


for number in range(4):
    senders.append(threading.Thread(target=drop_many, args=[number]))
    senders[-1].start()
for one in senders:
    one.join(60)
daemon.wait_drained(120)
found = [numbers("many-%d" % number) for number in range(4)]
check("senders that wait for room lose no line, and their order is kept", found == [list(range(2000))] * 4, [len(f) for f in found])
metrics = daemon.get("/metrics")[1]
counted = [line for line in metrics.splitlines() if 'input="lone"' in line and line.startswith(("opslogd_lines_read_total", "opslogd_events_accepted_total"))
           and not line.endswith(" 0")]
check("metrics count datagrams", sorted(line.rsplit(" ", 1)[1] for line in counted) == ["8052", "8058"], counted)
check("status says that it receives", input_status("lone")["waiting"] is None and input_status("lone")["path"] == LONE, input_status("lone"))

# At the stop: what is queued arrives, and whoever sends on is told so.
told, stopping = [], threading.Event()


def drop_until_told():
    source = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    source.connect(LONE)
    sent = 0
    try:
        while True:
            source.send(event("until-told", sent))
            sent += 1
            if sent == 50:
                stopping.set()
    except OSError as error:
        told.append((sent, error))


one = threading.Thread(target=drop_until_told)
one.start()
stopping.wait(30)
check("SIGTERM ends with 0 while datagrams come", daemon.stop() == 0, daemon.log()[-800:])
one.join(30)
check("a sender is told when nobody receives any more", told and isinstance(told[0][1], (BrokenPipeError, ConnectionError)), told)
check("the sockets are gone", not any(os.path.exists(path) for path in modes))

# --- stale sockets, and occupied ones --------------------------------------------------------------------------------------------
daemon.start()
daemon.wait_drained(120)
check("every datagram that was sent before that is a row", numbers("until-told") == list(range(told[0][0])), (len(numbers("until-told")), told))
daemon.kill()
check("a daemon that is killed leaves its sockets", all(os.path.exists(path) for path in modes))
daemon.start()
check("… which the next replaces", Producer(daemon.socket).finish() == [{"durable": 0}])
second = Daemon(os.path.join(directory, "second"), server.conninfo, file_input=False)
with open(second.config) as config:
    text = config.read()
for kind, path in [("datagram", LONE), ("datagram", NARROW), ("socket", LONE), ("socket", NARROW)]:
    with open(second.config, "w") as config:
        config.write(text.replace("type: socket", "type: " + kind).replace(second.socket, path))
    result = opslogd("run", "--config", second.config)
    check("a %s input on a path that another process has open is 75 and names it" % kind,
          result.returncode == 75 and path in result.stderr.splitlines()[-1] and result.stderr.count("opslogd: ") == 1, (result.returncode, result.stderr))
check("… and the first goes on", Producer(NARROW).finish() == [{"durable": 0}] and sender.connect(LONE) is None)

# --- the books -----------------------------------------------------------------------------------------------------------------
daemon.wait_drained(300)
check("each line of the long connection is one row, in its order", server.value(
    "SELECT count(*) = %d AND count(DISTINCT raw_value) = %d AND bool_and(ordered) FROM (SELECT raw_value, raw_value::int > coalesce(lag(raw_value::int) "
    "OVER (ORDER BY error_id), -1) AS ordered FROM operation_logs.cast_errors WHERE column_name = 'long') AS l" % (LINES, LINES)) == "t")
check("each line of the crowd is one row", sorted(numbers("crowd")) == list(range(1000)))
check("each line of the floods is one row", sorted(flooded) == sorted(
    int(row[0]) for row in server.query("SELECT count(*) FROM operation_logs.cast_errors WHERE column_name LIKE 'flood-%' GROUP BY column_name")), flooded)
daemon.stop()

# --- a call that fails -----------------------------------------------------------------------------------------------------
if shutil.which("strace"):
    faulty = Daemon(os.path.join(directory, "faulty"), server.conninfo, file_input=False)
    with open(faulty.config) as config:
        text = config.read()
    with open(faulty.config, "w") as config:
        config.write(text.replace("database:", "  - {type: datagram, name: d, path: %s/d.sock}\ndatabase:" % faulty.directory, 1))
    faulty.output = open(os.path.join(faulty.directory, "daemon.log"), "ab")
    faulty.process = subprocess.Popen(
        ["strace", "-f", "-qqq", "-D", "--signal=none", "-o", "/dev/null", "-e", "trace=recvmmsg", "-e", "inject=recvmmsg:error=ENOMEM:when=1..2",
         harness.OPSLOGD, "run", "--config", faulty.config], stdin=subprocess.DEVNULL, stdout=faulty.output, stderr=faulty.output)
    wait_until("it is ready", faulty.is_ready)
    sender.connect(faulty.directory + "/d.sock")
    sender.send(event("faulty", 1))
    wait_until("the failure is said", lambda: "nothing is received" in faulty.log())
    check("status says that nothing is received", faulty.status()["inputs"][1]["waiting"], faulty.status()["inputs"])
    wait_until("the datagram is a row", lambda: numbers("faulty") == [1])
    check("receiving that fails is said once and tried again, and nothing is lost", faulty.log().count("nothing is received") == 1, faulty.log())
    check("… and status says when it is over", faulty.status()["inputs"][1]["waiting"] is None, faulty.status()["inputs"])
    check("SIGTERM ends with 0", faulty.stop() == 0, faulty.log()[-800:])
else:
    print("skipped a call that fails: strace is not there", flush=True)

# --- sockets that systemd hands over --------------------------------------------------------------------------------------------
activate = shutil.which("systemd-socket-activate") or "/usr/lib/systemd/systemd-socket-activate"


class Activated:
    """The daemon behind systemd-socket-activate, which starts it when the first line comes."""

    def __init__(self, *options, lines=1):
        self.log = os.path.join(directory, "activated.log")
        self.output = open(self.log, "w")
        self.process = subprocess.Popen(
            [activate, *options, harness.OPSLOGD, "run", "--config", daemon.config], stdin=subprocess.DEVNULL,
            stdout=self.output, stderr=self.output)
        wait_until("it listens", lambda: self.said().count("Listening on") >= lines)

    def said(self):
        with open(self.log) as log:
            return log.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def configure(*inputs):
    with open(daemon.config, "w") as config:
        config.write("state_directory: %s\ninputs:\n%sdatabase: {conninfo: \"%s\"}\ntelemetry: {listen: \"off\"}\n" % (
            daemon.state, "".join("  - {%s}\n" % i for i in inputs), server.conninfo))


here = lambda name: os.path.join(directory, name)
if os.path.exists(activate):
    configure("type: socket, name: a, path: %s" % here("a.sock"), "type: socket, name: b, path: %s" % here("not-b.sock"))
    activated = Activated("--listen", here("b.sock"), "--listen", here("a.sock"), "--fdname", "b:other", lines=2)
    inodes = [os.stat(here(name)).st_ino for name in ["a.sock", "b.sock"]]
    first, second = Producer(here("a.sock")), Producer(here("b.sock"))
    first.send(event("activated", 1))
    second.send(event("activated", 2))
    check("several sockets handed over are served: by path, and by name where the path is another",
          [first.finish()[-1], second.finish()[-1]] == [{"durable": 1}] * 2, activated.said())
    check("a socket found by its name is said", "b.sock" in activated.said() and "by its name" in activated.said(), activated.said())
    check("… and the input's own path is not made", not os.path.exists(here("not-b.sock")))
    paths = {i["name"]: i["path"] for i in daemon.status()["inputs"]}
    check("status shows where each listens", paths == {"a": here("a.sock"), "b": here("b.sock")}, paths)
    check("SIGTERM ends with 0", activated.stop() == 0, activated.said())
    check("sockets handed over are left in place", inodes == [os.stat(here(name)).st_ino for name in ["a.sock", "b.sock"]])

    configure("type: datagram, name: d, path: %s" % here("d.sock"))
    activated = Activated("--datagram", "--listen", here("d.sock"), "--fdname", "d")
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sender.connect(here("d.sock"))
    sender.send(event("activated", 3))
    wait_until("the datagram that started the daemon is a row", lambda: 3 in numbers("activated"), 60)
    sender.send(event("activated", 4))
    wait_until("the next one too", lambda: 4 in numbers("activated"), 60)
    check("a datagram socket handed over is served", sorted(numbers("activated")) == [1, 2, 3, 4])
    check("SIGTERM ends with 0, and leaves it in place", activated.stop() == 0 and os.path.exists(here("d.sock")), activated.said())

    for kind, other, option in [("socket", "ListenStream=", ["--datagram"]), ("datagram", "ListenDatagram=", [])]:
        configure("type: %s, name: e, path: %s" % (kind, here("e.sock")))
        activated = Activated(*option, "--listen", here("e.sock"))
        poke = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM if option else socket.SOCK_STREAM)
        poke.connect(here("e.sock"))
        poke.send(b"\n")
        check("a socket of the wrong type for a %s input is 78, and says what to write" % kind,
              activated.process.wait(30) == 78 and other in activated.said() and here("e.sock") in activated.said(), activated.said())

    configure("type: socket, name: a, path: %s" % here("own.sock"))
    activated = Activated("--listen", here("stray.sock"), "--fdname", "stray")
    poke = socket.socket(socket.AF_UNIX)
    poke.connect(here("stray.sock"))
    wait_until("the input makes its own socket", lambda: os.path.exists(here("own.sock")))
    check("… and the input's own is served", Producer(here("own.sock")).finish() == [{"durable": 0}])
    check("a socket handed over that is no input's is named", "stray.sock" in activated.said() and "no input" in activated.said(), activated.said())
    # Nobody else holds it here.
    poke.settimeout(10)
    try:
        heard = poke.recv(1)
    except ConnectionResetError:
        heard = b""
    except TimeoutError:
        heard = None
    check("… and closed: nobody waits there for an answer", heard == b"")
    activated.stop()
else:
    print("skipped sockets that are handed over: systemd-socket-activate is not there (package systemd)", flush=True)
if harness.failed:
    print(daemon.log()[-4000:])
finish()
