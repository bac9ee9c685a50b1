#!/usr/bin/env python3
"""The examples for producers that are no Swift programs, as they stand in examples/: run against the daemon, row for row."""
import contextlib
import io
import json
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

from harness import OPSLOGD, ROOT, Daemon, Server, bounded, check, finish, opslogd, scratch_directory, wait_until

EXAMPLES = os.path.join(ROOT, "examples")
sys.path.insert(0, os.path.join(EXAMPLES, "python"))
from opslogd_client import BufferFull, Client, NotDurable, Rejected  # noqa: E402
from opslogd_logging import OpslogdHandler, data_quality_error  # noqa: E402

directory = scratch_directory()
server = Server(directory)
server.start()
daemon = Daemon(directory, server.conninfo, file_input=False)
assert opslogd("schema", "apply", "--config", daemon.config).returncode == 0, "the schema could not be applied"


def values(word):
    """The raw_value of each row with that column_name, in the order of the rows."""
    return [row[0] for row in server.query(
        "SELECT raw_value FROM operation_logs.cast_errors WHERE column_name = '%s' ORDER BY error_id" % word)]


def cast_error(word, number):
    return {"event": "cast_errors", "column_name": word, "raw_value": number}


def raised(kind, body, *arguments, **options):
    """The exception of that kind that the call raises, with the seconds it took; None and them if it raises none."""
    started = time.monotonic()
    try:
        body(*arguments, **options)
    except kind as error:
        return error, time.monotonic() - started
    return None, time.monotonic() - started


# --- Python: the client -------------------------------------------------------------------------------------------------
def client_before_the_daemon():
    client = Client(daemon.socket, max_bytes=20_000)
    client.send(cast_error("early", 0))
    error, seconds = raised(NotDurable, client.flush, timeout=0.5)
    check("Python: flush() without a daemon ends when its time is over, and says what is wrong",
          error and 0.4 < seconds < 3 and daemon.socket in str(error) and "No such file" in str(error), (error, seconds))
    accepted = 1
    with contextlib.suppress(BufferFull):
        while True:
            client.send(cast_error("early", accepted), timeout=0)
            accepted += 1
    check("… what is kept is bounded", 100 < accepted < 500, accepted)
    error, seconds = raised(BufferFull, client.send, cast_error("early", -1), timeout=0.5)
    check("… and a full client raises, at once or after the time that the caller chose", error and 0.4 < seconds < 3, (error, seconds))
    return client, accepted


def client_with_the_daemon(client, accepted):
    client.send(cast_error("early", accepted), timeout=30)
    client.flush(30)
    daemon.wait_drained()
    check("… what was kept is sent when the daemon is there, in its order", values("early") == [str(n) for n in range(accepted + 1)],
          (accepted, values("early")))
    client.send({"event": "cast_errors", "raw_value": 1})
    client.send(cast_error("beside", 1))
    client.send({"event": "nonsense"})
    error, _ = raised(Rejected, client.flush, 30)
    check("… a rejected line is raised, with its reason", error and error.count == 2 and [r.reason for r in error.rejections] == [
        "missing_field", "unknown_event"] and json.loads(error.rejections[1].line) == {"event": "nonsense"}, error)
    check("… once", raised(Rejected, client.flush, 30)[0] is None)
    check("… what is no JSON is refused where it is sent", all(
        raised((TypeError, ValueError), client.send, {"event": "cast_errors", "raw_value": bad})[0] for bad in [b"x", float("nan"), "x" * 20_000]))
    check("… so is what would be a control line", raised(ValueError, client.send, {"opslogd": {"ack": True}})[0])
    client.close(30)
    check("… a closed client says so", raised(ValueError, client.send, cast_error("early", 0))[0] and client.close() is None)

    def leave():
        with Client(os.path.join(directory, "nobody.sock")) as nobody:
            nobody.send(cast_error("beside", 0))
            nobody.flush(timeout=0.1)
    error, seconds = raised(NotDurable, leave)
    check("… an exception leaves a with statement at once", error and seconds < 3, (error, seconds))

    told = []
    with Client(daemon.socket, on_rejected=told.append) as second:
        second.send({"event": "cast_errors"})
        second.send(cast_error("beside", 2))
    check("… or told to a callback", [t.reason for t in told] == ["missing_field"], told)
    daemon.wait_drained()
    check("… and the lines around it are rows", values("beside") == ["1", "2"], values("beside"))


def client_through_restarts():
    """Several threads send while the daemon is killed, stopped and started again."""
    client, over, sent = Client(daemon.socket), threading.Event(), [0, 0, 0]

    def produce(thread):
        while not over.is_set():
            for _ in range(100):
                client.send(cast_error("restarts", 3 * sent[thread] + thread))
                sent[thread] += 1
            time.sleep(0.01)
    producers = [threading.Thread(target=produce, args=[thread], daemon=True) for thread in range(3)]
    for producer in producers:
        producer.start()
    for end in [daemon.kill, daemon.stop, daemon.kill]:
        time.sleep(0.2)
        end()
        daemon.start()
    over.set()
    for producer in producers:
        producer.join(60)
    client.close(60)
    daemon.wait_drained()
    found = [int(value) for value in values("restarts")]
    missing = {3 * number + thread for thread in range(3) for number in range(sent[thread])} - set(found)
    check("… every line arrives through kills and restarts of the daemon", not missing and len(found) >= sum(sent) > 3000,
          (sorted(missing)[:10], len(found), sent))
    firsts = list(dict.fromkeys(found))
    check("… in the order in which each thread sent it", all(
        own == sorted(own) for own in ([n for n in firsts if n % 3 == thread] for thread in range(3))))
    print("        sent twice, since their acknowledgement was lost: %d of %d" % (len(found) - sum(sent), sum(sent)))


def client_with_a_lost_acknowledgement(count=20_000):
    """A listener that acknowledges some lines and hangs up: what it did not acknowledge is sent again, and nothing else."""
    path = os.path.join(directory, "half.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    listener.settimeout(30)
    client = Client(path)
    for number in range(count):
        client.send(cast_error("half", number))

    def converse(lines, answer):
        """Reads so many lines, leaves the rest of them unread, answers and hangs up."""
        connection, _ = listener.accept()
        connection.settimeout(30)
        with connection, connection.makefile("rb") as reading:
            seen = [json.loads(reading.readline()) for _ in range(1 + lines)]
            connection.sendall(answer)
        return seen[0], [line["raw_value"] for line in seen[1:]]
    first = converse(5, b'{"rejected":{"line":2,"reason":"a","detail":"b"}}\n{"durable":3}\n{"rejected":{"line":4,"reason":"c","detail":"d"}}\n')
    second = converse(count - 3, b'{"durable":%d}\nnonsense\n' % (count - 4))
    third = converse(1, b'{"durable":1}\n')
    check("… the first line asks for acknowledgements", first[0] == {"opslogd": {"ack": True}}, first)
    check("… after a lost connection exactly what was not acknowledged is sent again, in its order",
          first[1] == [0, 1, 2, 3, 4] and second[1] == list(range(3, count)) and third[1] == [count - 1], (first[1], second[1][:10], third[1]))
    error, _ = raised(Rejected, client.close, 30)
    check("… and of a line that is sent again the last word counts", error and [r.reason for r in error.rejections] == ["a"], error)
    listener.close()


def client_after_a_fork():
    client = Client(daemon.socket)
    client.send(cast_error("parent", 1))
    client.flush(30)
    child = os.fork()
    if child == 0:
        status = 1
        with contextlib.suppress(BaseException):
            client.send(cast_error("child", 1))
            client.close(20)
            status = 0
        os._exit(status)
    status = os.waitpid(child, 0)[1]
    client.send(cast_error("parent", 2))
    client.close(30)
    daemon.wait_drained()
    check("… a client is usable in both processes after a fork", (status, values("child"), values("parent")) == (0, ["1"], ["1", "2"]),
          (status, values("child"), values("parent")))


# --- Python: the logging handler ------------------------------------------------------------------------------------------
def handler_with_the_daemon():
    logger = logging.Logger("loader")
    handler = OpslogdHandler(daemon.socket)
    logger.addHandler(handler)
    logger.info("only for people")
    logger.error("volume is no number", extra={"opslogd": cast_error("logged", "12,5")})
    logger.info("the day is done", extra={"opslogd": {"event": "pipeline_watermarks", "pipeline_name": "logged", "status": "done"}})
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        logger.error("forgotten", extra={"opslogd": {"event": "cast_errors"}})
        handler.flush()
    check("Python: a dead letter of the handler is said on standard error", "missing_field" in said.getvalue(), said.getvalue())

    quality = OpslogdHandler(daemon.socket, data_quality_error, level=logging.ERROR)
    everything = logging.Logger("prices")
    everything.addHandler(quality)
    everything.info("below the level")
    before = time.time()
    try:
        float("12,5")
    except ValueError:
        everything.exception("row %d", 7)
    quality.close()
    daemon.wait_drained()
    check("… records that carry an event are rows", values("logged") == ["12,5"], values("logged"))
    check("… a watermark too", server.query("SELECT status FROM operation_logs.pipeline_watermarks WHERE pipeline_name = 'logged'") == [["done"]])
    rows = server.query("SELECT error_type, replace(error_detail, E'\\n', '|'), extract(epoch FROM log_time) FROM operation_logs.data_quality_errors")
    check("… records become events by a function, with their traceback and their time",
          len(rows) == 1 and rows[0][0] == "prices" and rows[0][1].startswith("row 7|Traceback") and "ValueError" in rows[0][1]
          and before - 0.01 <= float(rows[0][2]) <= time.time(), rows)

    # Away, and back: what is logged meanwhile arrives.
    daemon.stop()
    for number in range(100):
        logger.error("away", extra={"opslogd": cast_error("away", number)})
    daemon.start()
    handler.close()
    daemon.wait_drained()
    check("… what is logged while the daemon is restarted arrives", values("away") == [str(n) for n in range(100)], values("away"))


def handler_without_the_daemon():
    handler = OpslogdHandler(os.path.join(directory, "nobody.sock"), block=0.2, flush_timeout=0.5, max_bytes=2000)
    logger = logging.Logger("loader")
    logger.addHandler(handler)
    longest, said = [], io.StringIO()

    def log():
        for number in range(20):
            started = time.monotonic()
            logger.error("away", extra={"opslogd": cast_error("nobody", number)})
            longest.append(time.monotonic() - started)
    with contextlib.redirect_stderr(said):
        threads = [threading.Thread(target=log) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        started = time.monotonic()
        handler.close()
        closing = time.monotonic() - started
    check("… without a daemon a record holds up its thread no longer than stated, whatever other threads do",
          0.15 < max(longest) < 1 and len(longest) == 80, max(longest))
    check("… what has no room is dropped, counted and reported once", handler.dropped > 40 and said.getvalue().count("BufferFull: ") == 1,
          (handler.dropped, said.getvalue()))
    check("… close() ends when its time is over, and says what is lost",
          0.4 < closing < 2 and "%d events" % (80 - handler.dropped) in said.getvalue() and "nobody.sock" in said.getvalue(), (closing, said.getvalue()))


def handler_at_exit():
    program = ("import logging, sys\nsys.path.insert(0, %r)\nfrom opslogd_logging import OpslogdHandler\n"
               "logging.getLogger().addHandler(OpslogdHandler(%r))\n"
               "for n in range(1000):\n    logging.error('', extra={'opslogd': {'event': 'cast_errors', 'column_name': 'exit', 'raw_value': n}})\n"
               % (os.path.join(EXAMPLES, "python"), daemon.socket))
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    daemon.wait_drained()
    check("… a program that ends has its records on disk", ended.returncode == 0 and values("exit") == [str(n) for n in range(1000)],
          (ended.stderr[-800:], len(values("exit"))))


# --- the shell ------------------------------------------------------------------------------------------------------------
PROGRAMS = os.path.join(directory, "bin")


def shell(script, *arguments, input="", path=None, patience=30):
    """Runs a script of examples/shell with the daemon's socket, the binary under test first on its PATH."""
    environment = dict(os.environ, PATH=PROGRAMS + ":" + os.environ["PATH"], OPSLOGD_SOCKET=path or daemon.socket,
                       REPORT_KEPT=os.path.join(directory, script + "-kept"), REPORT_PATIENCE=str(patience))
    return subprocess.run([os.path.join(EXAMPLES, "shell", script), *arguments], input=input, capture_output=True, text=True,
                          timeout=60, env=environment)


def report_of_words():
    os.makedirs(PROGRAMS)
    os.symlink(OPSLOGD, os.path.join(PROGRAMS, "opslogd"))
    kept = os.path.join(directory, "report-kept")
    odd = "it's \"quoted\",\n two $(lines) *"
    result = shell("report", "cast_errors", "column_name=words", "raw_value=0")
    check("shell: report ends with 0 when its event is durable", result.returncode == 0 and not os.path.exists(kept), result)
    result = shell("report", "cast_errors", "symbol=A")
    check("… with 1 when it was rejected, and keeps nothing", result.returncode == 1 and "missing_field" in result.stderr and not os.path.exists(kept), result)
    check("… and with 64 for what is no event", shell("report", "cast_errors", "symbol").returncode == 64 and not os.path.exists(kept))
    daemon.stop()
    before = time.time()
    results = [shell("report", "cast_errors", "column_name=words", "raw_value=" + value) for value in ["1", odd]]
    results.append(shell("report", "cast_errors", "raw_value=without"))
    results.append(shell("report", "pipeline_watermarks", "pipeline_name=words", "updated_at=2026-01-01T00:00:00Z"))
    after = time.time()
    check("… without a daemon the event is kept, 75, and the file is named", [r.returncode for r in results] == [75] * 4 and all(
        any(name in r.stderr for name in os.listdir(kept)) for r in results) and len(os.listdir(kept)) == 4, results)
    result = shell("report", "--kept")
    check("… and stays so while there is none", result.returncode == 75 and len(os.listdir(kept)) == 4, result)
    daemon.start()
    # One that was being written when its process was killed, and one that was kept where opslogd was not installed.
    with open(os.path.join(kept, "0.new"), "w") as torn:
        torn.write("cast_errors")
    with open(os.path.join(kept, "1"), "w") as unchecked:
        unchecked.write("no_such_event\0a=b\0")
    results = [shell("report", "--kept"), shell("report", "--kept")]
    check("… report --kept sends it later, tells of the rejected one, and is done then",
          [r.returncode for r in results] == [1, 0] and "missing_field" in results[0].stderr and sorted(os.listdir(kept)) == ["0.new", "1.wrong"], results)
    daemon.wait_drained()
    found = [row[0] for row in server.query(
        "SELECT translate(raw_value, E'\\n', '~') FROM operation_logs.cast_errors WHERE column_name = 'words' ORDER BY error_id")]
    check("… once, in order, as it was given", found == ["0", "1", odd.replace("\n", "~")], found)
    times = [float(row[0]) for row in server.query(
        "SELECT extract(epoch FROM log_time) FROM operation_logs.cast_errors WHERE column_name = 'words' ORDER BY error_id")]
    check("… with the time at which it was reported", all(before - 0.01 <= t <= after for t in times[1:]), (before, times, after))
    check("… or the one that the job gave", server.value(
        "SELECT updated_at AT TIME ZONE 'UTC' FROM operation_logs.pipeline_watermarks WHERE pipeline_name = 'words'") == "2026-01-01 00:00:00")


def report_to_the_deaf():
    """Somebody listens and answers nothing, as opslogd does while its spool is full."""
    path = os.path.join(directory, "deaf.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        started = time.monotonic()
        results = [shell("report", "cast_errors", "column_name=deaf", path=path, patience=1),
                   shell("report-lines", input=json.dumps(cast_error("deaf", 1)), path=path, patience=1)]
        check("shell: where nothing answers, both keep their events after the time that they are given",
              [r.returncode for r in results] == [75, 75] and time.monotonic() - started < 10, results)
    results = [shell("report", "--kept"), shell("report-lines")]
    daemon.wait_drained()
    check("… and send them later", [r.returncode for r in results] == [0, 0] and len(values("deaf")) == 2, results)


def report_by_socat():
    kept = os.path.join(directory, "report-lines-kept")
    lines = lambda *numbers: "".join(json.dumps(cast_error("socat", number)) + "\n" for number in numbers)

    def kept_lines():
        with open(kept) as file:
            return file.read()
    result = shell("report-lines", input=lines(1, 2))
    check("socat: report-lines ends with 0 when its lines are durable", result.returncode == 0 and kept_lines() == "", result)
    result = shell("report-lines", input='{"event":"cast_errors"}\n' + lines(3).rstrip("\n"))
    check("… with 1 when one was rejected, and names it", result.returncode == 1 and '"line":1,"reason":"missing_field"' in result.stderr
          and kept_lines() == "", result)
    daemon.stop()
    results = [shell("report-lines", input=lines(4, 5)), shell("report-lines", input=lines(6))]
    check("… without a daemon the lines are kept, 75", [r.returncode for r in results] == [75, 75] and kept_lines() == lines(4, 5, 6), results)

    # One that acknowledges two of three, and has rejected the third.
    path = os.path.join(directory, "two.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        listener.settimeout(30)

        def answer_two():
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as reading:
                reading.read()
                connection.sendall(b'{"durable":1}\n{"durable":2}\n{"rejected":{"line":3,"reason":"a","detail":"b"}}\n')
        answering = threading.Thread(target=answer_two)
        answering.start()
        result = shell("report-lines", path=path)
        answering.join(30)
    check("… what was not acknowledged stays, and nothing else", result.returncode == 75 and kept_lines() == lines(6) and "rejected" not in result.stderr, result)
    daemon.start()
    many = range(10, 20_010)
    result = shell("report-lines", input=lines(*many))
    daemon.wait_drained()
    check("… and is sent before the next lines", result.returncode == 0 and kept_lines() == ""
          and values("socat") == [str(n) for n in [1, 2, 3, 6, *many]], (result, len(values("socat"))))


# --- jobs that only append to files ---------------------------------------------------------------------------------------
def legacy(name):
    with open(os.path.join(EXAMPLES, "legacy", name)) as file:
        return file.read()


# Where Debian puts it is not on every user's PATH.
LOGROTATE = shutil.which("logrotate") or "/usr/sbin/logrotate"
BY_RENAME, BY_COPY = legacy("loader.logrotate"), legacy("loader-copytruncate.logrotate")
DELAYED = "    delaycompress\n"
DATES = "    dateext\n    dateformat -%Y%m%d-%s\n"
# The name of the input, its logrotate file, and the pattern of its paths. The names that the last two give match it.
ROTATIONS = [
    ("create", BY_RENAME, "loader.log"),
    ("copytruncate", BY_COPY, "loader.log"),
    ("olddir", BY_RENAME.replace(DELAYED, DELAYED + "    olddir /var/log/loader/old\n"), "loader.log"),
    ("compress", BY_RENAME.replace(DELAYED, ""), "loader.log"),
    ("dateext", BY_RENAME.replace(DELAYED, DELAYED + DATES), "loader.log"),
    ("dateext-log", BY_RENAME.replace(DELAYED, DELAYED + DATES + "    extension .log\n"), "*.log"),
    ("copytruncate-log", BY_COPY.replace(DELAYED, DELAYED + DATES + "    extension .log\n"), "*.log"),
]
LINES_OF_A_RUN = 20
# What cron would run: prints its lines one by one, so that a rotation meets it in the middle.
JOB = """#!/bin/sh
n=$FIRST
while [ $n -lt $((FIRST + %d)) ]; do
    printf '{"kind":"CAST","sym":"A","col":"%%s","raw":%%d,"time":"2026-07-01 09:30:00","host":"h1"}\\n' "$NAME" $n
    n=$((n + 1))
done
""" % LINES_OF_A_RUN


class LoggingJob:
    """A job, run again and again as the cron file says, and its logrotate file."""

    def __init__(self, name, rotation, program):
        self.name, self.directory = name, os.path.join(directory, "loader", name)
        os.makedirs(os.path.join(self.directory, "old"))
        self.rotation = os.path.join(self.directory, "logrotate.conf")
        with open(self.rotation, "w") as file:
            file.write(rotation.replace("/var/log/loader", self.directory))
        entry = re.search(r"^(?:\S+ +){5}loader +(.*)$", legacy("loader.cron"), re.MULTILINE)
        self.command = entry.group(1).replace("/usr/local/bin/loader", program).replace("/var/log/loader", self.directory)
        # What is written while copytruncate is between its copy and its truncation would be lost, as its file says.
        self.pause = threading.Lock() if "copytruncate" in rotation else contextlib.nullcontext()
        self.lines, self.trouble, self.over = 0, [], threading.Event()

    def run(self):
        with self.pause:
            environment = dict(os.environ, NAME=self.name, FIRST=str(self.lines))
            subprocess.run(["/bin/sh", "-c", self.command], check=True, timeout=60, env=environment)
            self.lines += LINES_OF_A_RUN

    def run_until_over(self):
        while not self.over.is_set():
            self.run()
            time.sleep(0.02)

    def rotate(self):
        with self.pause:
            result = subprocess.run([LOGROTATE, "-s", os.path.join(self.directory, "state"), "-f", self.rotation],
                                    capture_output=True, text=True, timeout=60)
        if result.returncode != 0 or result.stderr:
            self.trouble.append(result.stderr)

    def rotate_while_it_runs(self, times):
        writer = threading.Thread(target=self.run_until_over)
        writer.start()
        for _ in range(times):
            # Names by the second must differ.
            time.sleep(1.1)
            self.rotate()
        self.over.set()
        writer.join(60)
        self.run()

    def rotated(self):
        """The files that it has rotated, the live one left out."""
        names = os.listdir(self.directory) + os.listdir(os.path.join(self.directory, "old"))
        return sorted(n for n in names if n.startswith("loader") and n != "loader.log")


def logs_that_are_rotated():
    example = os.path.join(EXAMPLES, "legacy", "opslogd.yaml")
    shown = re.findall(r"^#   (\{.*)$", legacy("opslogd.yaml"), re.MULTILINE)
    tried = opslogd("validate", "--config", example, "--input", "loader", input="\n".join(shown) + "\n")
    check("legacy: the lines that the configuration shows are events", tried.returncode == 0 and [
        json.loads(line)["event"] for line in tried.stdout.splitlines()] == ["cast_errors", "backup_logs"], tried)

    program = os.path.join(directory, "loader-job")
    with open(program, "w") as file:
        file.write(JOB)
    os.chmod(program, 0o755)
    jobs = [LoggingJob(name, rotation, program) for name, rotation, _ in ROTATIONS]
    follower = Daemon(os.path.join(directory, "legacy"), server.conninfo, file_input=False)
    block = re.search(r"^  - type: file\n.*?(?=^database:)", legacy("opslogd.yaml"), re.MULTILINE | re.DOTALL).group(0)
    blocks = [block.replace("name: loader\n", "name: %s\n" % job.name).replace("/var/log/loader/loader.log", "/var/log/loader/" + pattern)
              .replace("/var/log/loader", job.directory) for job, (_, _, pattern) in zip(jobs, ROTATIONS)]
    with open(follower.config) as file:
        text = file.read()
    with open(follower.config, "w") as file:
        file.write(text.replace("database:", "".join(blocks) + "database:", 1))
    follower.start()

    rotating = [threading.Thread(target=job.rotate_while_it_runs, args=[3]) for job in jobs]
    for thread in rotating:
        thread.start()
    for thread in rotating:
        thread.join(60)
    wait_until("the lines are rows", lambda: all(len(values(job.name)) >= job.lines for job in jobs), 20)
    follower.wait_drained()
    for job in jobs:
        found = [int(value) for value in values(job.name)]
        check("legacy: %s: each line arrives once through three rotations of a log that is written and followed" % job.name,
              sorted(found) == list(range(job.lines)) and len(job.rotated()) == 3 and not job.trouble,
              (len(found), len(set(found)), job.lines, job.rotated(), job.trouble))
    check("… logrotate compressed what it was told to", {job.name: sum(n.endswith(".gz") for n in job.rotated()) for job in jobs} == {
        job.name: 3 if job.name == "compress" else 2 for job in jobs}, {job.name: job.rotated() for job in jobs})
    check("… times are read in the zone of the job", server.query(
        "SELECT DISTINCT log_time AT TIME ZONE 'UTC' FROM operation_logs.cast_errors WHERE column_name = 'create'") == [["2026-07-01 13:30:00"]])

    # Rotated while nobody follows. Then a file that is compressed at once is gone before it was read.
    follower.stop()
    before = {job.name: job.lines for job in jobs}
    read = os.path.getsize(os.path.join(directory, "loader", "compress", "loader.log"))
    lost = {job.name: LINES_OF_A_RUN if job.name == "compress" else 0 for job in jobs}
    time.sleep(1.1)
    for job in jobs:
        job.run()
        job.rotate()
        job.run()
    follower.start()
    wait_until("the lines are rows", lambda: all(len(values(job.name)) >= job.lines - lost[job.name] for job in jobs), 20)
    follower.wait_drained()
    for job in jobs:
        found, first = [int(value) for value in values(job.name)], before[job.name]
        wanted = [number for number in range(job.lines) if not first <= number < first + lost[job.name]]
        check("legacy: %s, rotated while the daemon was down: %s" % (
            job.name, "what was compressed is lost, and nothing else" if lost[job.name] else "each line arrives once"),
            sorted(found) == wanted and not job.trouble, (len(found), len(set(found)), job.lines, job.rotated(), job.trouble))
    gone = [line for line in follower.log().splitlines() if "compress/loader.log: read up to byte %d," % read in line and "loader.log.1.gz" in line]
    check("… and the log says so, and names the compressed file", gone, follower.log()[-2000:])
    check("SIGTERM ends with 0", follower.stop() == 0, follower.log()[-800:])


with bounded("the examples in Python", 120):
    client, accepted = client_before_the_daemon()
    daemon.start()
    client_with_the_daemon(client, accepted)
    client_with_a_lost_acknowledgement()
    client_through_restarts()
    client_after_a_fork()
    handler_with_the_daemon()
    handler_without_the_daemon()
    handler_at_exit()
with bounded("the examples in the shell", 120):
    report_of_words()
    report_by_socat()
    report_to_the_deaf()
with bounded("the examples for jobs that append to files", 120):
    logs_that_are_rotated()

finish()
