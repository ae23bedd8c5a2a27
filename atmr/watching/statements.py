"""Every statement of every connection is timed; a slow one is logged, counted and kept.

The watcher sits on `connection.execute_wrappers`, which Django asks around each statement. It is
put there when a connection is made, in whatever thread and process, pooled or not.
"""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from structlog.contextvars import get_contextvars

from atmr.statements import call_site, fingerprint, shape
from atmr.watching import recent, requests
from atmr.watching.metrics import FOLDER, SLOW_STATEMENTS, STATEMENT_SECONDS

log = structlog.get_logger(__name__)

Execute = Callable[..., Any]
LONGEST_SHAPE = 2000


class Watcher:
    """Times the statements of one connection. What is fast costs two looks at the clock."""

    def __init__(self, database: str) -> None:
        self.database = database
        self._observe = STATEMENT_SECONDS.labels(database).observe

    def __call__(self, execute: Execute, sql: str, params: Any, many: Any, context: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            seconds = time.perf_counter() - started
            self._observe(seconds)
            if seconds * 1000 > settings.SLOW_STATEMENT_MS:
                report(self.database, sql, seconds)


def report(database: str, sent: Any, seconds: float) -> None:
    """Say where a slow statement came from and what it does, never with which values."""
    sql = sent if isinstance(sent, str) else without_values(sent)
    bound = get_contextvars()
    kind, name = sender(bound)
    entry = {
        "ms": round(seconds * 1000),
        "fingerprint": fingerprint(sql),
        "shape": shape(sql)[:LONGEST_SHAPE],
        "site": call_site(),
        "database": database,
        "kind": kind,
        "sender": name,
    }
    SLOW_STATEMENTS.labels(kind, name).inc()
    log.warning("slow statement", **entry)  # the run, the request and the task are bound
    recent.keep(
        entry
        | {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "run": bound.get("run_id"),
        }
    )


def without_values(sent: Any) -> str:
    """Give the text of a statement that was put together by psycopg, which holds its values."""
    return shape(sent.decode(errors="replace") if isinstance(sent, bytes) else sent.as_string())


def sender(bound: dict[str, Any]) -> tuple[str, str]:
    """Name what is under way: a task by its name, a request by its route's, a command."""
    if "task" in bound:
        return "task", str(bound["task"])
    if request := requests.under_way.get():
        return "request", requests.route_name(request)
    return ("command", str(bound["command"])) if "command" in bound else ("other", "")


def echo(execute: Execute, sql: str, params: Any, many: Any, context: Any) -> Any:
    """Print a statement with its time and call site, for the developer at this machine."""
    started = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        ms = (time.perf_counter() - started) * 1000
        text = " ".join(sql.split()) if isinstance(sql, str) else without_values(sql)
        sys.stderr.write(f"[sql] {ms:8.2f} ms  {call_site()}\n      {text}\n")


def watch(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Put the watcher on a connection that has just been made; once, however often it is made."""
    wrappers = connection.execute_wrappers
    if not any(isinstance(wrapper, Watcher) for wrapper in wrappers):
        FOLDER.mkdir(parents=True, exist_ok=True)
        wrappers.insert(0, Watcher(connection.alias))
        if settings.SQL_ECHO:
            wrappers.insert(1, echo)


def start() -> None:
    """Watch every connection that is made from now on."""
    connection_created.connect(watch, dispatch_uid="atmr.watching")
