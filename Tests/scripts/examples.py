#!/usr/bin/env python3
"""The examples for producers that are no Swift programs, as they stand in examples/: run against the daemon, row for row."""
import contextlib
import io
import json
import logging
import os
import re
import socket
import subprocess
import sys
import threading
import time

from harness import OPSLOGD, ROOT, Daemon, Server, bounded, check, finish, opslogd, scratch_directory, wait_until

EXAMPLES = os.path.join(ROOT, "examples")
sys.path.insert(0, os.path.join(EXAMPLES, "python"))
from opslogd_client import BufferFull, Client, NotDurable, OpslogdHandler, Rejected, data_quality_error  # noqa: E402

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
    client.close(30)
    check("… a closed client says so", raised(ValueError, client.send, cast_error("early", 0))[0] and client.close() is None)

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
    program = ("import logging, sys\nsys.path.insert(0, %r)\nfrom opslogd_client import OpslogdHandler\n"
               "logging.getLogger().addHandler(OpslogdHandler(%r))\n"
               "for n in range(1000):\n    logging.error('', extra={'opslogd': {'event': 'cast_errors', 'column_name': 'exit', 'raw_value': n}})\n"
               % (os.path.join(EXAMPLES, "python"), daemon.socket))
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    daemon.wait_drained()
    check("… a program that ends has its records on disk", ended.returncode == 0 and values("exit") == [str(n) for n in range(1000)],
          (ended.stderr[-800:], len(values("exit"))))


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

finish()
