"""Servers that are made from one another, for the scripts beside this file: base backups and standbys; and a load with its books.

Standard library only.
"""
import contextlib
import os
import shutil
import signal
import socket
import threading
import time

import harness
from harness import Server, check, wait_until
from load import SocketJob, make_books, moment

SETTINGS = "shared_buffers = 16MB\nmax_connections = 40\nfsync = off\nwal_keep_size = 256MB\n"


class Node(Server):
    """A server of its own, or one on a base backup of another."""

    def __init__(self, place, of=None, standby=False, settings=""):
        os.makedirs(place, exist_ok=True)
        os.chmod(place, 0o711)
        if of is None:
            super().__init__(place)
            self.configure(SETTINGS + settings)
            return
        self.directory, self.programs = os.path.join(place, "pg"), of.programs
        self.data = os.path.join(self.directory, "data")
        os.makedirs(self.directory)
        if os.getuid() == 0:
            shutil.chown(self.directory, "postgres")
        of.base_backup(self.data, standby)
        self.configure("unix_socket_directories = '%s'\n%s" % (self.directory, settings))
        harness.atexit.register(self.stop, "immediate")

    def configure(self, lines):
        with open(os.path.join(self.data, "postgresql.conf"), "a") as file:
            file.write(lines)

    def base_backup(self, to, standby=False):
        self._run("pg_basebackup", "-h", self.directory, "-U", "postgres", "-D", to, "-X", "stream", "-c", "fast",
                  *(["-R"] if standby else []))

    def promote(self):
        self._run("pg_ctl", "-D", self.data, "-w", "promote")

    def reload(self):
        self._run("pg_ctl", "-D", self.data, "reload")

    def restart(self):
        self.stop()
        self.start()

    def processes(self):
        with open(os.path.join(self.data, "postmaster.pid")) as file:
            postmaster = int(file.readline())
        with open("/proc/%d/task/%d/children" % (postmaster, postmaster)) as file:
            return [postmaster] + [int(pid) for pid in file.read().split()]

    def signal(self, number):
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def hang(self):
        """Everything of it stands still; its sockets stay open."""
        self.signal(signal.SIGSTOP)
        harness.atexit.register(self.go_on)

    def go_on(self):
        with contextlib.suppress(OSError):
            self.signal(signal.SIGCONT)

    def rows(self):
        return int(self.value("SELECT count(*) FROM operation_logs.cast_errors"))


class Load:
    """Producers that write to a daemon's socket, and the books of what has arrived."""

    def __init__(self, daemon, names=("one", "two")):
        self.daemon, self.since = daemon, moment()
        self.jobs = [SocketJob(name, daemon.socket, name) for name in names]
        for job in self.jobs:
            job.rest = 0.5
            job.start()

    def settle(self, server, promise, seconds=120):
        """Pauses, waits until everything is delivered, and says whether each line arrived once."""
        for job in self.jobs:
            job.pause()
        try:
            self.daemon.wait_drained(seconds)
        except TimeoutError as error:
            print("%s; %s" % (error, self.daemon.status()["delivery"]), flush=True)
        books = make_books(server, self.daemon, self.jobs, self.since)
        check("%s: every line once, in its order" % promise, not any(books.values()), books)

    def go_on(self, fresh=False):
        """Goes on; the books begin anew only if the tables are emptied too."""
        for job in self.jobs:
            if fresh:
                job.go_on()
            else:
                job.idle.clear()
                job.pausing.clear()

    def wait_for_more(self, server, rows, seconds=60):
        wanted = server.rows() + rows
        wait_until("%d more rows" % rows, lambda: server.rows() >= wanted, seconds, 0.1)


class Proxy:
    """Between a daemon and a server's Unix socket, on TCP or a Unix socket: every byte arrives that much later."""

    def __init__(self, target, path=None, delay=0.0):
        self.target, self.delay = target, delay
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
        else:
            self.listener = socket.socket()
            self.listener.bind(("127.0.0.1", 0))
            self.port = self.listener.getsockname()[1]
        self.listener.listen(16)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self.target)
            except OSError:
                client.close()
                continue
            for source, sink in ((client, server), (server, client)):
                self.carry(source, sink)

    def carry(self, source, sink):
        """Two threads a direction, so that what is under way holds up nothing behind it."""
        pieces, arrived = [], threading.Condition()

        def read():
            while True:
                try:
                    data = source.recv(1 << 18)
                except OSError:
                    data = b""
                with arrived:
                    pieces.append((time.monotonic() + self.delay, data))
                    arrived.notify()
                if not data:
                    return

        def write():
            while True:
                with arrived:
                    arrived.wait_for(lambda: pieces)
                    due, data = pieces.pop(0)
                time.sleep(max(0.0, due - time.monotonic()))
                try:
                    if not data:
                        sink.shutdown(socket.SHUT_WR)
                        return
                    sink.sendall(data)
                except OSError:
                    source.close()
                    return

        for body in (read, write):
            threading.Thread(target=body, daemon=True).start()
