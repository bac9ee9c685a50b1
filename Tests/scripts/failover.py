#!/usr/bin/env python3
"""Standbys that are promoted, also without the last commits, databases restored from a base backup, servers that hang: each
line is one row of the server that is delivered to in the end, and nobody has to help."""
import os
import shutil
import threading

from harness import Daemon, check, finish, opslogd, scratch_directory, wait_until
from nodes import Load, Node

directory = scratch_directory()
HOSTS = ["a", "b", "c"]
EXTRA = ("spool: {min_free: 0, keep_delivered: {bytes: 256MiB, age: 0s}}\n"
         "delivery: {retry: {initial: 20ms, max: 500ms}}\n")


def place(name):
    return os.path.join(directory, name)


def conninfo(names):
    return "host=%s user=postgres dbname=postgres connect_timeout=2 target_session_attrs=read-write" % ",".join(
        os.path.join(place(name), "pg") for name in names)


def daemon(name, names):
    os.makedirs(place(name))
    return Daemon(place(name), conninfo(names), extra=EXTRA, file_input=False)


def timelines(of):
    return [text for text in of.log().splitlines() if "timeline" in text]


def set_back(of):
    return [text for text in of.log().splitlines() if "the database was set back: it lacks records between" in text]


# --- a server that hangs, beside everything else: it takes more than a minute until it is given up ---------------------
class Hanging(threading.Thread):
    """A server stands still, all of its processes, in the middle of the load; its standby is promoted."""

    def __init__(self):
        super().__init__(daemon=True)
        self.failure = None
        self.first = Node(place("h1"))
        self.first.start()
        self.daemon = daemon("hung", ["h1", "h2"])
        assert opslogd("schema", "apply", "--config", self.daemon.config).returncode == 0
        self.second = Node(place("h2"), of=self.first, standby=True)
        self.second.start()
        self.daemon.start()
        self.load = Load(self.daemon, ("hung",))
        self.load.wait_for_more(self.first, 500)

    def run(self):
        try:
            self.first.hang()
            self.second.promote()
            wait_until("rows on the other host", lambda: "timeline 2" in self.daemon.log(), 150, 0.5)
            self.load.wait_for_more(self.second, 500)
        except Exception as error:  # said by the main thread
            self.failure = error


hanging = Hanging()
hanging.start()

# --- a switchover: the standby has everything ---------------------------------------------------------------------------
a = Node(place("a"))
a.start()
main = daemon("main", HOSTS)
check("schema apply over several hosts", opslogd("schema", "apply", "--config", main.config).returncode == 0)
b = Node(place("b"), of=a, standby=True)
b.start()
main.start()
load = Load(main)
load.wait_for_more(a, 1000)
check("the standby follows", wait_until("rows on the standby", lambda: b.rows() > 0, 30))
a.stop("fast")
b.promote()
load.wait_for_more(b, 1000)
check("the log says that a standby was promoted", any("timeline 2" in text for text in timelines(main)), timelines(main))
load.settle(b, "a standby promoted under load, with everything")
check("nothing was held up for good", main.status()["delivery"]["state"].startswith("idle"), main.status()["delivery"])

# --- a failover: replication was asynchronous, and had stopped ------------------------------------------------------------
c = Node(place("c"), of=b, standby=True)
c.start()
load.go_on()
load.wait_for_more(b, 500)
c.configure("primary_conninfo = ''\n")
with open(os.path.join(c.data, "postgresql.auto.conf"), "a") as file:
    file.write("primary_conninfo = ''\n")
c.reload()
wait_until("the standby no longer follows", lambda: c.value("SELECT count(*) FROM pg_stat_wal_receiver") == "0")
load.wait_for_more(b, 2000)
lacks = b.rows() - c.rows()
check("the standby lacks the last commits (%d rows)" % lacks, lacks >= 2000, lacks)
b.kill()
c.promote()
load.wait_for_more(c, lacks)
load.settle(c, "a standby promoted without the last commits, filled again from the spool")
check("the log says that the rows were moved back", "timeline 3" in "".join(timelines(main)), timelines(main))

# --- a base backup is put back ----------------------------------------------------------------------------------------------
backup = os.path.join(c.directory, "backup")
load.go_on()
load.wait_for_more(c, 200)
c.base_backup(backup)
load.wait_for_more(c, 2000)
known = set_back(main)
c.stop("immediate")
shutil.rmtree(c.data)
os.rename(backup, c.data)
c.start()
load.wait_for_more(c, 500)
load.settle(c, "a database restored from a base backup, filled again without help")
# Not by counting the rows: the daemon fills them in again as soon as the server answers.
check("the log says which records the restored database lacked", len(set_back(main)) > len(known), set_back(main))

# --- a server that stands still for a while, and goes on --------------------------------------------------------------------
load.go_on()
load.wait_for_more(c, 200)
c.hang()
for job in load.jobs:
    wanted = job.durable_lines + 500
    wait_until("lines are taken meanwhile", lambda: job.durable_lines >= wanted, 60)
check("producers go on while the server stands still", True)
c.go_on()
load.settle(c, "a server that stood still for a while")
check("one daemon, through all of it", main.stop() == 0)

hanging.join(180)
check("a server that hangs for good is given up for another host, within two minutes", hanging.failure is None and not hanging.is_alive(),
      (hanging.failure, hanging.daemon.status()["delivery"]))
hanging.load.settle(hanging.second, "a hung server's standby promoted")
hanging.first.go_on()
check("the daemon of the hung server ends in order", hanging.daemon.stop() == 0)
finish()
