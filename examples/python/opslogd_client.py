"""Sends events to opslogd's stream socket and learns when they are durable. Python 3.9 or later, standard library only.

    with Client("/run/opslogd/opslogd.sock") as client:
        client.send({"event": "cast_errors", "column_name": "volume", "raw_value": "12,5"})
        client.flush(timeout=10)        # returns once it is on disk; raises NotDurable or Rejected

What is guaranteed: an event is kept in memory, and sent again after a lost connection, until opslogd has acknowledged
that it is on disk; events keep their order. What is not: an acknowledgement can be lost with its connection, and the
event that is then sent again is there twice; and what is in memory when this process is killed, or ends without
close(), is lost.
"""
from __future__ import annotations

import contextlib
import json
import os
import random
import select
import socket
import threading
import traceback
import weakref
from collections import deque
from datetime import datetime, timezone
from typing import Any, Callable, Mapping, NamedTuple, Optional

ACKNOWLEDGE = b'{"opslogd":{"ack":true}}\n'
CHUNK_BYTES = 64 * 1024
RETRY_FIRST_SECONDS, RETRY_LONGEST_SECONDS = 0.1, 5.0
KEPT_REJECTIONS = 100


class BufferFull(Exception):
    """There was no room for an event within the time given: opslogd is away, or takes nothing. It was not sent.

    `in_a_row` counts such events since one was taken.
    """

    def __init__(self, message: str, in_a_row: int) -> None:
        super().__init__(message)
        self.in_a_row = in_a_row


class NotDurable(TimeoutError):
    """Events were not acknowledged within the time given. They are still kept and tried, unless the client is closed."""


class Rejection(NamedTuple):
    """A line that fits no table: it is a dead letter of opslogd's now, and sending it again does not help."""

    line: str
    reason: str
    detail: str


class Rejected(ValueError):
    """`count` lines became dead letters since the last flush(), the first hundred in `rejections`; all else is durable."""

    def __init__(self, count: int, rejections: list[Rejection]) -> None:
        first = rejections[0]
        super().__init__("lines that became dead letters: %d; the first: %s: %s: %s" % (
            count, first.reason, first.detail, first.line))
        self.count, self.rejections = count, rejections


class Client:
    """A connection to opslogd that is made again whenever it is lost. Thread-safe; usable in the child after a fork,
    where it starts empty: what the parent had not sent stays the parent's.

    `max_bytes` bounds what is kept in memory until it is acknowledged. `on_rejected` is called for each dead letter on
    the client's own thread, and must not call the client; without it flush() and close() raise Rejected. `refused`
    counts the events that met BufferFull.
    """

    def __init__(self, path: str, max_bytes: int = 8 * 1024 * 1024,
                 on_rejected: Optional[Callable[[Rejection], None]] = None) -> None:
        self.path, self.max_bytes, self._on_rejected = path, max_bytes, on_rejected
        self._connection: Optional[socket.socket] = None
        self._start_empty()
        this = weakref.ref(self)

        def after_fork() -> None:
            client = this()
            if client is not None:
                client._start_empty()
        os.register_at_fork(after_in_child=after_fork)

    def _start_empty(self) -> None:
        if self._connection is not None:
            self._connection.close()        # the parent's, of which a fork has made a second descriptor
        self._changed = threading.Condition()
        # What is not sent on this connection, and what is sent and not acknowledged; the latter is the older.
        self._queued: deque[bytes] = deque()
        self._unacknowledged: deque[bytes] = deque()
        self._bytes = self._accepted = self._durable = self._rejected = 0
        self.refused = self._refused_in_a_row = 0
        self._rejections: list[Rejection] = []
        self._trouble = "there was no answer yet"
        self._closed = False
        self._thread: Optional[threading.Thread] = None
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)

    def send(self, event: Mapping[str, Any], timeout: Optional[float] = None) -> None:
        """Takes an event; returns before it is durable, see flush().

        If `max_bytes` are kept already, waits for room: `timeout` seconds, or without limit for None. 0 never waits.
        Raises BufferFull; TypeError or ValueError if the event is no JSON, or alone is longer than `max_bytes`.
        """
        if "opslogd" in event:
            # It would be a control line, which is not counted: acknowledgements would be of other lines than they seem.
            raise ValueError("an event has no key 'opslogd'; it names its table by 'event'")
        line = json.dumps(event, allow_nan=False, default=_json_value).encode() + b"\n"
        if len(line) > self.max_bytes:
            raise ValueError("an event of %d bytes is longer than max_bytes, %d" % (len(line), self.max_bytes))
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._bytes + len(line) <= self.max_bytes, timeout)
            if self._closed:
                raise ValueError("the client of %s is closed" % self.path)
            if self._bytes + len(line) > self.max_bytes:
                self.refused += 1
                self._refused_in_a_row += 1
                raise BufferFull("%s: %d bytes wait for an acknowledgement: %s" % (self.path, self._bytes, self._trouble),
                                 self._refused_in_a_row)
            self._refused_in_a_row = 0
            self._queued.append(line)
            self._bytes += len(line)
            self._accepted += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="opslogd", daemon=True)
                self._thread.start()
        self._wake()

    def flush(self, timeout: Optional[float] = None) -> None:
        """Returns when everything sent before is on disk, in opslogd's spool or its dead letters.

        Raises NotDurable after `timeout` seconds; Rejected if there were dead letters and nobody is told of them.
        """
        with self._changed:
            wanted = self._accepted
            self._changed.wait_for(lambda: self._closed or self._durable >= wanted, timeout)
            if self._durable < wanted:
                raise NotDurable("%s: %d events are not acknowledged: %s" % (
                    self.path, wanted - self._durable, self._trouble))
            count, self._rejected = self._rejected, 0
            rejections, self._rejections = self._rejections, []
        if rejections:
            raise Rejected(count, rejections)

    def close(self, timeout: Optional[float] = None) -> None:
        """flush(), with its errors, and ends. What is not acknowledged then is given up. Closing twice does nothing."""
        if self._closed:
            return
        try:
            self.flush(timeout)
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()
            self._wake()
            if self._thread is not None:
                self._thread.join(1)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: Optional[type[BaseException]], *_: object) -> None:
        """close(), without a limit; where an exception leaves the body, it does not wait and leaves that one as it is."""
        with contextlib.suppress(*([] if kind is None else [NotDurable, Rejected])):
            self.close(None if kind is None else 0)

    def _wake(self) -> None:
        try:
            self._wake_writer.send(b"w")
        except BlockingIOError:
            pass        # it is being woken already

    # --- what the client's own thread does ---

    def _run(self) -> None:
        pause = RETRY_FIRST_SECONDS
        while not self._closed:
            before = self._durable
            try:
                with socket.socket(socket.AF_UNIX) as self._connection:
                    self._converse(self._connection)
            except OSError as error:
                with self._changed:
                    self._trouble = str(error)
                    self._queued.extendleft(reversed(self._unacknowledged))
                    self._unacknowledged.clear()
                    pause = RETRY_FIRST_SECONDS if self._durable > before else min(2 * pause, RETRY_LONGEST_SECONDS)
                    # Random, so that many processes do not all come back at the same moment.
                    self._changed.wait_for(lambda: self._closed, random.uniform(0, pause))

    def _converse(self, connection: socket.socket) -> None:
        """Sends and reads until the client is closed; raises OSError when the connection ends."""
        connection.setblocking(False)
        connection.connect(self.path)
        output, answers, taken, writable = bytearray(ACKNOWLEDGE), b"", 0, True
        rejected: dict[int, tuple[str, str]] = {}
        poll = select.poll()
        poll.register(self._wake_reader, select.POLLIN)
        while not self._closed:
            with self._changed:
                while writable and self._queued and len(output) < CHUNK_BYTES:
                    self._unacknowledged.append(self._queued.popleft())
                    output += self._unacknowledged[-1]
            poll.register(connection, select.POLLIN | (select.POLLOUT if output and writable else 0))
            if any(descriptor == self._wake_reader.fileno() for descriptor, _ in poll.poll()):
                self._wake_reader.recv(4096)
            if output and writable:
                try:
                    del output[:connection.send(output)]
                except BlockingIOError:
                    pass
                except ConnectionError:
                    writable = False        # what was answered before is still there to be read
            try:
                data = connection.recv(CHUNK_BYTES)
            except BlockingIOError:
                continue
            if not data:
                raise ConnectionError("opslogd closed the connection")
            *lines, answers = (answers + data).split(b"\n")
            for line in lines:
                taken = self._take(line, taken, rejected)

    def _take(self, answer: bytes, taken: int, rejected: dict[int, tuple[str, str]]) -> int:
        """Takes one answer; returns how many lines of this connection are acknowledged."""
        try:
            fields = json.loads(answer)
            if "rejected" in fields:
                told = fields["rejected"]
                rejected[told["line"]] = told["reason"], told.get("detail", "")
            elif "error" in fields:
                raise ConnectionError("opslogd answered: %s" % fields["error"])
            durable = int(fields.get("durable", taken))
            if durable > taken + len(self._unacknowledged):
                raise ValueError("more acknowledged than was sent")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConnectionError("what listens at %s answers like no opslogd: %r" % (self.path, answer)) from error
        found = []
        with self._changed:
            for number in range(taken + 1, durable + 1):
                line = self._unacknowledged.popleft()
                self._bytes -= len(line)
                # Told only now: a line that is not covered yet may be sent, and rejected, again.
                if number in rejected:
                    found.append(Rejection(line.decode().rstrip("\n"), *rejected.pop(number)))
            if self._on_rejected is None:
                self._rejected += len(found)
                self._rejections += found[:KEPT_REJECTIONS - len(self._rejections)]
        if self._on_rejected is not None:
            for rejection in found:
                try:
                    self._on_rejected(rejection)
                except Exception:
                    traceback.print_exc()       # the caller's mistake must not end the thread that sends
        with self._changed:
            self._durable += max(0, durable - taken)
            self._changed.notify_all()
        return max(taken, durable)


def _json_value(value: Any) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(timezone.utc).isoformat()
    raise TypeError("%r is no JSON value; a datetime must have a time zone" % (value,))
