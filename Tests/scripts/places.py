#!/usr/bin/env python3
"""State directories on file systems that promise less than a disk of this machine: each is a stated condition.

Overlays and tmpfs are mounted for real, which needs root. A network file system is what statfs(2) says, which strace puts
into its answer: there need not be a server.
"""
import atexit
import os
import subprocess

import harness
from harness import Daemon, Producer, Server, check, finish, scratch_directory

NFS = "6969000000000000"

directory = scratch_directory()
server = Server(directory)
server.start()
server.query(harness.opslogd("schema", "print").stdout)


def daemon(name, state=None):
    place = os.path.join(directory, name)
    os.makedirs(place, exist_ok=True)
    made = Daemon(place, server.conninfo, extra="spool: {min_free: 1MiB, segment_bytes: 4MiB}\n", file_input=False)
    if state:
        with open(made.config) as config:
            text = config.read()
        with open(made.config, "w") as config:
            config.write(text.replace("state_directory: " + made.state, "state_directory: " + state))
        made.state = state
    return made


def refused(of, *around):
    result = subprocess.run([*around, harness.OPSLOGD, "run", "--config", of.config], capture_output=True, text=True,
                            timeout=20, stdin=subprocess.DEVNULL)
    return result.returncode, result.stderr


def works(of, promise, words):
    """It says what it has to say, and goes on."""
    of.start()
    producer = Producer(of.socket)
    producer.send(b'{"event":"cast_errors","column_name":"price"}\n')
    answers = producer.finish()
    of.wait_drained()
    said = [line for line in of.log().splitlines() if words in line]
    check(promise, len(said) == 1 and of.state in said[0] and answers[-1] == {"durable": 1}, (said, answers))
    check(promise + ": it ends with 0", of.stop() == 0)


def mount(kind, options, at):
    os.makedirs(at, exist_ok=True)
    subprocess.run(["mount", "-t", kind, kind, "-o", options, at], check=True)
    atexit.register(subprocess.run, ["umount", "-l", at])


def overlay(name, *options):
    """An overlay whose layers lie on a file system of their own: not every one can be a layer."""
    layers = {layer: os.path.join(directory, "layers", name, layer) for layer in ("lower", "upper", "work")}
    for layer in layers.values():
        os.makedirs(layer, mode=0o700)
    at = os.path.join(directory, name + ".mnt")
    mount("overlay", ",".join(["lowerdir=%(lower)s,upperdir=%(upper)s,workdir=%(work)s" % layers, *options]), at)
    return os.path.join(at, "state")


disk = daemon("disk")
disk.start()
check("on a disk nothing is said of the place", "state directory" not in disk.log(), disk.log())
disk.stop()

network = daemon("network")
status, said = refused(
    network, "strace", "-f", "-qqq", "--signal=none", "-o", "/dev/null", "-e", "trace=statfs",
    "-e", "inject=statfs:poke_exit=@arg2=" + NFS)
check("on a network file system it does not start: 78, and what to do", status == 78 and said.count("\n") == 1
      and "network file system (NFS)" in said and "state_directory" in said, (status, said))
check("and nothing was made there", not os.path.exists(os.path.join(network.state, "spool")))

if os.getuid() == 0:
    mount("tmpfs", "size=64m,mode=0700", os.path.join(directory, "layers"))
    status, said = refused(daemon("volatile", overlay("volatile", "volatile")))
    check("on a volatile overlay it does not start: 78, and what to do", status == 78 and said.count("\n") == 1
          and "never syncs" in said and "state_directory" in said, (status, said))
    works(daemon("overlay", overlay("overlay")), "on an overlay it says what goes with the container", "overlay file system")
    works(daemon("memory", os.path.join(directory, "layers", "state")), "in memory it says what a restart of the machine takes",
          "is in memory")
finish()
