"""Log records as events: a handler for the standard library's logging. Python 3.9 or later; needs opslogd_client.py.

    logging.getLogger().addHandler(OpslogdHandler("/run/opslogd/opslogd.sock"))
    logging.error("volume is no number", extra={"opslogd": {"event": "cast_errors", "column_name": "volume"}})

What is guaranteed of a record that is taken, and what is not, is what Client guarantees of an event.
"""
from __future__ import annotations

import logging
import sys
from datetime import datetime, timezone
from typing import Any, Callable, Mapping, Optional

from opslogd_client import BufferFull, Client, NotDurable, Rejection


class OpslogdHandler(logging.Handler):
    """Sends log records as events: those for which `event_of(record)` is not None.

    A record holds up its thread for at most `block` seconds, and only while `max_bytes` wait for opslogd; then it is
    dropped, counted in `dropped`, and the first of a row of such is reported as logging reports errors. flush() and
    close() wait up to `flush_timeout` seconds each, and say on standard error what is not acknowledged by then; logging
    calls both at exit. Dead letters are said there too, or told to `on_rejected`. A restart of opslogd loses nothing
    that has room in `max_bytes` meanwhile.
    """

    def __init__(self, path: str, event_of: Optional[Callable[[logging.LogRecord], Optional[Mapping[str, Any]]]] = None,
                 *, level: int = logging.NOTSET, block: float = 0.0, flush_timeout: float = 5.0,
                 max_bytes: int = 8 * 1024 * 1024, on_rejected: Optional[Callable[[Rejection], None]] = None) -> None:
        super().__init__(level)
        self.event_of = event_of or event_in_extra
        self.block, self.flush_timeout = block, flush_timeout
        self._client = Client(path, max_bytes, on_rejected or _say_rejection)

    @property
    def dropped(self) -> int:
        return self._client.refused

    def handle(self, record: logging.LogRecord) -> Any:
        # Without the handler's lock: threads that wait for room would wait one after the other. The client has its own.
        passed = self.filter(record)
        if passed:
            self.emit(passed if isinstance(passed, logging.LogRecord) else record)
        return passed

    def emit(self, record: logging.LogRecord) -> None:
        try:
            event = self.event_of(record)
            if event is not None:
                self._client.send(event, self.block)
        except BufferFull as error:
            if error.in_a_row == 1:
                self.handleError(record)
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        try:
            self._client.flush(self.flush_timeout)
        except NotDurable as error:
            _say("%s; they are tried until the program ends" % error)

    def close(self) -> None:
        try:
            self._client.close(self.flush_timeout)
        except NotDurable as error:
            _say("%s; they are lost unless opslogd has them already" % error)
        super().close()


def event_in_extra(record: logging.LogRecord) -> Optional[Mapping[str, Any]]:
    """The event that the program gave as `extra={"opslogd": {...}}`, of the time of its record; None for other records."""
    event = getattr(record, "opslogd", None)
    if event is None:
        return None
    # Not left to opslogd, which takes the time of receipt: the record may have waited here.
    column = "updated_at" if event.get("event") == "pipeline_watermarks" else "log_time"
    return {column: datetime.fromtimestamp(record.created, timezone.utc), **event}


def data_quality_error(record: logging.LogRecord) -> Mapping[str, Any]:
    """Any record as one of data_quality_errors: the logger's name is the type, the message with its traceback the detail."""
    return {"event": "data_quality_errors", "error_type": record.name, "error_detail": logging.Formatter().format(record),
            "log_time": datetime.fromtimestamp(record.created, timezone.utc)}


def _say_rejection(rejection: Rejection) -> None:
    _say("became a dead letter: %s: %s: %s" % (rejection.reason, rejection.detail, rejection.line))


def _say(what: str) -> None:
    # Not through logging: what is said of the handler would come back to it.
    print("opslogd: " + what, file=sys.stderr, flush=True)
