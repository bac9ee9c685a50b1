#!/usr/bin/env python3
"""What a service manager hears from the daemon, and hands over to it: sd_notify(3), the watchdog, a listening socket.

The service manager is played here; the daemon and libsystemd are the real ones.
"""
import os
import socket
import subprocess
import time

import harness
from harness import Daemon, Producer, check, finish, scratch_directory, wait_until

directory = scratch_directory()
daemon = Daemon(directory, "host=%s/nowhere dbname=none" % directory, file_input=False)
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(os.path.join(directory, "notify"))
manager.settimeout(0.2)
heard = []


def listen():
    """All that was said so far."""
    try:
        while True:
            heard.append((time.monotonic(), dict(line.split("=", 1) for line in manager.recv(65536).decode().splitlines())))
    except TimeoutError:
        return heard


def said(key, value=None):
    return [m for _, m in listen() if key in m and (value is None or m[key] == value)]


listener = socket.socket(socket.AF_UNIX)
listener.bind(daemon.socket)
listener.listen(16)
inode = os.stat(daemon.socket).st_ino
early = Producer(daemon.socket)  # waits in the backlog before there is a daemon
early.send(b'{"event":"cast_errors","column_name":"early"}\n')

environment = dict(os.environ, NOTIFY_SOCKET=os.path.join(directory, "notify"), WATCHDOG_USEC="900000",
                   LISTEN_FDS="1", LISTEN_FDNAMES="pipelines")
log = open(os.path.join(directory, "daemon.log"), "ab")
daemon.process = subprocess.Popen(
    ["sh", "-c", "exec 3<&%d; LISTEN_PID=$$ exec \"$@\"" % listener.fileno(), "sh", harness.OPSLOGD, "run", "--config", daemon.config],
    env=environment, pass_fds=[listener.fileno()], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
wait_until("READY=1", lambda: said("READY", "1"))
check("READY=1 comes with a sentence", said("READY", "1")[0].get("STATUS"), heard)
for answer in early.answers(until=lambda a: a.get("durable") == 1):
    pass
check("a connection that waited in the socket handed over is served", answer == {"durable": 1}, answer)
before = len(said("WATCHDOG", "1"))
time.sleep(2)
pings = len(said("WATCHDOG", "1")) - before
check("WATCHDOG=1 at least twice within its interval (%d in 2 s)" % pings, pings >= 4, pings)
check("each STATUS is one line", all("\n" not in m["STATUS"] for m in said("STATUS")))
early.socket.close()
check("SIGTERM ends with 0", daemon.stop() == 0)
check("STOPPING=1 is said", said("STOPPING", "1"))
order = [next(iter(m)) for _, m in heard if "READY" in m or "STOPPING" in m]
check("READY comes before STOPPING, each once", order == ["READY", "STOPPING"], order)
check("a socket handed over is left in place", os.stat(daemon.socket).st_ino == inode)
late = Producer(daemon.socket)
check("… and still takes connections for the next start", late.socket.getpeername() == daemon.socket)

daemon.process = subprocess.Popen(
    [harness.OPSLOGD, "run", "--config", daemon.config], env=dict(environment, LISTEN_PID="1"), stdin=subprocess.DEVNULL,
    stdout=log, stderr=log)
check("descriptors that are another process's are not taken: the path is occupied", daemon.process.wait(20) == 75, daemon.log()[-500:])
if harness.failed:
    print(daemon.log()[-3000:])
finish()
