"""What the scripts beside this file share: a private PostgreSQL, the daemon as a process, and plain checks.

Standard library only. Ends only processes that it started.
"""
import atexit
import contextlib
import glob
import http.client
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OPSLOGD = os.environ.get("OPSLOGD", os.path.join(ROOT, ".build", "debug", "opslogd"))
TABLES = ["data_quality_errors", "dedup_conflicts", "authority_conflicts", "cast_errors", "upsert_failures",
          "concurrency_issues", "pipeline_watermarks", "backup_logs"]

passed, failed = 0, 0

# A script that is asked to end still ends what it started.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def check(promise, holds, found=""):
    """Counts one promise, and says so."""
    global passed, failed
    if holds:
        passed += 1
        print("ok      " + promise, flush=True)
    else:
        failed += 1
        print("FAILED  %s %s" % (promise, found), flush=True)


def finish():
    print("%d passed, %d failed" % (passed, failed), flush=True)
    sys.exit(1 if failed or not passed else 0)


def wait_until(what, condition, seconds=30, interval=0.02):
    """Waits until `condition()` is true; says what did not happen if the time runs out."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(interval)
    raise TimeoutError("not within %d s: %s" % (seconds, what))


class TakesTooLong(RuntimeError):
    """Something was still under way when its time was over."""


@contextlib.contextmanager
def bounded(what, seconds):
    """Whatever the body waits for, it ends after that time; says where it was then."""
    def end(_, frame):
        place = "; ".join("%s:%d %s" % (os.path.basename(f.filename), f.lineno, f.name)
                          for f in traceback.extract_stack(frame)[-4:])
        raise TakesTooLong("%s: not within %d s; it was at %s" % (what, seconds, place))
    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def scratch_directory():
    """A directory of the test's own, which PostgreSQL's user may enter; removed at the end."""
    path = tempfile.mkdtemp(prefix="opslogd-test-")
    os.chmod(path, 0o711)
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


class Server:
    """A PostgreSQL of the test's own on a Unix socket; never as root."""

    def __init__(self, directory):
        self.directory = os.path.join(directory, "pg")
        self.data = os.path.join(self.directory, "data")
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4]))
        self.programs = programs[-1] if programs else os.path.dirname(shutil.which("initdb") or "")
        os.makedirs(self.directory)
        if os.getuid() == 0:
            shutil.chown(self.directory, "postgres")
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--encoding=UTF8", "--locale=C.UTF-8")
        with open(os.path.join(self.data, "postgresql.conf"), "a") as settings:
            settings.write("listen_addresses = ''\nunix_socket_directories = '%s'\n" % self.directory)
        atexit.register(self.stop, "immediate")

    @property
    def conninfo(self):
        return "host=%s user=postgres dbname=postgres" % self.directory

    def _run(self, program, *arguments):
        command = [os.path.join(self.programs, program), *arguments]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--"] + command
        return subprocess.run(command, cwd="/", check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    def start(self):
        self._run("pg_ctl", "-D", self.data, "-l", os.path.join(self.directory, "log"), "-w", "start")

    def stop(self, mode="fast"):
        if os.path.exists(os.path.join(self.data, "postmaster.pid")):
            try:
                self._run("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop")
            except subprocess.CalledProcessError:
                # On a machine that is very busy a fast stop may take longer than pg_ctl waits.
                if mode != "immediate":
                    self.stop("immediate")

    def kill(self):
        """kill -9 of the postmaster and of every process that it has started: what a crash of the machine leaves."""
        with open(os.path.join(self.data, "postmaster.pid")) as file:
            postmaster = int(file.readline())
        with open("/proc/%d/task/%d/children" % (postmaster, postmaster)) as file:
            children = [int(pid) for pid in file.read().split()]
        for pid in [postmaster] + children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until("the processes of PostgreSQL are gone",
                   lambda: not any(os.path.exists("/proc/%d" % pid) for pid in [postmaster] + children), 10)

    def query(self, sql):
        """Rows as lists of strings."""
        out = subprocess.run([os.path.join(self.programs, "psql"), "-X", "-q", "-At", "-F", "\t", "-v", "ON_ERROR_STOP=1",
                              self.conninfo, "-c", sql], check=True, capture_output=True, text=True, timeout=120).stdout
        return [line.split("\t") for line in out.splitlines()]

    def value(self, sql):
        return self.query(sql)[0][0]

    def counts(self):
        return {table: int(self.value("SELECT count(*) FROM operation_logs." + table)) for table in TABLES}


class UnixHTTPConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=5)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(5)
        self.sock.connect(self.path)


class Daemon:
    """`opslogd run` on a directory of its own."""

    def __init__(self, directory, conninfo, extra="", file_input=True):
        self.directory = directory
        self.state = os.path.join(directory, "state")
        self.socket = os.path.join(directory, "in.sock")
        self.logs = os.path.join(directory, "logs")
        os.makedirs(self.logs, exist_ok=True)
        self.config = os.path.join(directory, "opslogd.yaml")
        files = ("  - {type: file, name: legacy, paths: [\"%s/*.ndjson\"], start_at: beginning}\n" % self.logs) if file_input else ""
        with open(self.config, "w") as config:
            config.write("state_directory: %s\ninputs:\n  - {type: socket, name: pipelines, path: %s, mode: \"0600\"}\n%s"
                         "database: {conninfo: \"%s\"}\ntelemetry: {listen: \"off\"}\n%s" % (
                             self.state, self.socket, files, conninfo, extra))
        self.process = None
        atexit.register(self.kill)

    def start(self, ready=True):
        self.output = open(os.path.join(self.directory, "daemon.log"), "ab")
        self.process = subprocess.Popen([OPSLOGD, "run", "--config", self.config], stdin=subprocess.DEVNULL,
                                        stdout=self.output, stderr=self.output)
        if ready:
            wait_until("the daemon is ready", self.is_ready)
        return self

    def is_ready(self):
        if self.process.poll() is not None:
            raise RuntimeError("the daemon ended with %d:\n%s" % (self.process.returncode, self.log()[-4000:]))
        try:
            return self.get("/readyz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def get(self, path):
        connection = UnixHTTPConnection(os.path.join(self.state, "control.sock"))
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def status(self):
        return json.loads(self.get("/status")[1])

    def log(self):
        with open(os.path.join(self.directory, "daemon.log"), errors="replace") as log:
            return log.read()

    def is_drained(self):
        try:
            status = self.status()
        except (OSError, http.client.HTTPException, ValueError):
            return False
        spool = status["spool"]
        return spool["undelivered_events"] == 0 and spool["moved_dead_letters"] >= spool["last_sequence"] \
            and all(i.get("lag_bytes", 0) == 0 for i in status["inputs"])

    def wait_drained(self, seconds=60):
        """Also that the daemon's own books balance by then."""
        wait_until("everything is delivered", self.is_drained, seconds)
        books = self.status()["books"]
        if books["unaccounted_events"]:
            raise AssertionError("the daemon's books do not balance: %s" % books)

    def stop(self, seconds=30):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def opslogd(*arguments, input=None, **options):
    """Runs a command to its end; text in, text out."""
    return subprocess.run([OPSLOGD, *arguments], input=input, capture_output=True, text=True, timeout=120, **options)


def frames(path):
    """Of a segment: offset, first record and number of records of each group."""
    with open(path, "rb") as file:
        data = file.read()
    at = 4096
    while data[at:at + 4] == b"OLFR":
        first, count, _, length = struct.unpack_from("<QIIQ", data, at + 8)
        if data[at + 4] == 1:
            yield at, first, count
        at += 128 + (length + 7) // 8 * 8


class Producer:
    """A connection with acknowledgements."""

    def __init__(self, path, ack=True):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(path)
        self.buffer = b""
        if ack:
            self.socket.sendall(b'{"opslogd":{"ack":true}}\n')

    def send(self, data):
        self.socket.sendall(data)

    def answers(self, until=None):
        """Answers up to the one that `until` accepts, or to the end of the connection."""
        while True:
            while b"\n" in self.buffer:
                line, self.buffer = self.buffer.split(b"\n", 1)
                answer = json.loads(line)
                yield answer
                if until and until(answer):
                    return
            data = self.socket.recv(65536)
            if not data:
                return
            self.buffer += data

    def finish(self):
        """Shuts the writing side down; all answers to the end."""
        self.socket.shutdown(socket.SHUT_WR)
        answers = list(self.answers())
        self.socket.close()
        return answers
