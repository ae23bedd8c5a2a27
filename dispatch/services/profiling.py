"""What planning a day costs: its time, its statements, its rows, its memory.

The day is planned for real; a watcher on `connection.execute_wrapper` looks on. Values of
parameters hold people's data: they are kept to ask for a plan of the statement, and never shown.
"""

import heapq
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db import DatabaseError, connection, transaction

from atmr.statements import bare, call_site, fingerprint, is_control, shape, verb
from dispatch.models import Assignment
from dispatch.services import planning
from dispatch.services.counting import SLOW_S, current_phase

FORMAT = "atmr-profile-1"
SLOWEST = 10

_TEXT = re.compile(r"'(?:[^']|'')*'")
_NUMBER = re.compile(r"\b\d+(?:\.\d+)?\b")
# Lines of a plan whose numbers are measurements; all others may repeat what was asked for.
_MEASURED = re.compile(
    r"\(cost=|\(actual |^\s*(Buffers|Planning|Execution|Rows Removed|Sort Method|Trigger|Heap"
    r"|Batches|Buckets|Workers|Settings|JIT|Memory|Storage|Index Searches|Tuples)\b"
)


@dataclass(frozen=True)
class Sent:
    """A statement as it was sent, in the order of sending."""

    phase: str
    sql: str
    params: Any
    seconds: float
    rows: int
    site: str

    @cached_property
    def kind(self) -> str:
        return verb(self.sql)

    @cached_property
    def shape(self) -> str:
        return shape(self.sql)

    def as_json(self) -> dict[str, Any]:
        return {
            "phase": self.phase,
            "kind": self.kind,
            "seconds": round(self.seconds, 4),
            "rows": self.rows,
            "site": self.site,
            "fingerprint": fingerprint(self.sql),
            "shape": self.shape,
        }


@dataclass
class Recorder:
    """Watches a connection, and keeps what is sent."""

    seen: list[Sent] = field(default_factory=list)

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: Any, context: Any
    ) -> Any:
        started = time.perf_counter()
        result = execute(sql, params, many, context)
        seconds = time.perf_counter() - started
        if not is_control(sql):
            first = next(iter(params), None) if many else params
            rows = max(context["cursor"].rowcount, 0)
            self.seen.append(Sent(current_phase.get(), sql, first, seconds, rows, call_site()))
        return result


def profile_day(*, explain: bool = False, **asked: Any) -> dict[str, Any]:
    """Plan a day as `planning.plan_day` does with what is `asked`, and say what it cost.

    `explain` runs the slowest statements again, in a transaction that is rolled back, for their
    plan with its times and buffers.

    :raises UnknownSetting, BadSetting, RunUnderWay, PlanClashes: as planning does.
    """
    recorder = Recorder()
    memory_mb = _peak_mb()
    with connection.execute_wrapper(recorder):
        summary = planning.plan_day(**asked)
    peak_mb = _peak_mb()
    seen = recorder.seen
    slow = [{**sent.as_json(), "plan": plan_of(sent)} for sent in seen if sent.seconds > SLOW_S]
    slowest = [
        {**sent.as_json(), **({"plan": plan_of(sent, analyze=True)} if explain else {})}
        for sent in heapq.nlargest(SLOWEST, seen, key=lambda sent: sent.seconds)
    ]
    shapes = grouped(seen)
    return {
        "format": FORMAT,
        "company": asked["company"].slug,
        "day": asked["day"].isoformat(),
        "database": _database(),
        "run": summary.run,
        "state": summary.state,
        "reason": _reason(summary),
        "bookings": summary.bookings,
        "assigned": summary.assigned,
        "assignments_created": Assignment.objects.filter(dispatch_run=summary.run).count(),
        "violations": len(summary.violations),
        "seconds": summary.seconds,
        "statements": {
            "total": len(seen),
            "slow": len(slow),
            "phases": _statements_by_phase(seen, summary.seconds),
            "kinds": dict(Counter(sent.kind for sent in seen)),
        },
        "rows": {
            "read": sum(sent.rows for sent in seen if sent.kind == "SELECT"),
            "written": sum(sent.rows for sent in seen if sent.kind not in {"SELECT", "other"}),
        },
        "memory": {"peak_mb": peak_mb, "grown_mb": round(peak_mb - memory_mb, 1)},
        "connections": _connections(),
        "slow": slow,
        "slowest": slowest,
        "repeated": [row for row in shapes if row["count"] > 1],
        "shapes": shapes,
    }


def grouped(seen: Iterable[Sent]) -> list[dict[str, Any]]:
    """Put statements of one shape from one line together: more than one is a loop, or looks it."""
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for sent in seen:
        row = groups.setdefault(
            (sent.shape, sent.site), sent.as_json() | {"count": 0, "seconds": 0.0, "rows": 0}
        )
        row["count"] += 1
        row["seconds"] = round(row["seconds"] + sent.seconds, 4)
        row["rows"] += sent.rows
    return list(groups.values())


def plan_of(sent: Sent, *, analyze: bool = False) -> list[str]:
    """Ask the database how it runs a statement, without the values it was sent with.

    `analyze` runs it again. Whatever that writes is rolled back, but a lock of the session would
    outlast this: a statement that takes one is only planned.
    """
    if sent.kind == "other":
        return ["no plan: only SELECT, INSERT, UPDATE and DELETE have one"]
    locks = "advisory" in sent.sql
    options = "(ANALYZE, BUFFERS) " if analyze and not locks else ""
    try:
        lines = _explained(options + bare(sent.sql), sent.params)
    except DatabaseError as error:
        if not options:
            return [f"no plan: {_why(error)}"]
        return [f"not run again, it would break {_why(error)}", *plan_of(sent)]
    return ["not run again, it takes a lock", *lines] if analyze and locks else lines


def _explained(statement: str, params: Any) -> list[str]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {statement}", params)
            text = "\n".join(line for (line,) in cursor.fetchall())
        transaction.set_rollback(True)
    return _without_values(text)


def _without_values(plan: str) -> list[str]:
    """Take constants out of a plan: a filter repeats the name that was searched for."""
    lines = _TEXT.sub("?", plan).split("\n")
    return [line if _MEASURED.search(line) else _NUMBER.sub("?", line) for line in lines]


def _why(error: DatabaseError) -> str:
    """Name what the database objects to: its message would repeat values."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return getattr(diagnosis, "constraint_name", None) or type(error).__name__


def _statements_by_phase(seen: Iterable[Sent], seconds: dict[str, float]) -> dict[str, int]:
    counts = Counter(sent.phase for sent in seen)
    return {phase: counts[phase] for phase in seconds if phase != "total"}


def _reason(summary: planning.Summary) -> str:
    """Say why a run did nothing, or nothing more."""
    if summary.violations:
        return f"refused: the plan would add {len(summary.violations)} violations"
    if not summary.bookings:
        return "no booking to plan"
    if not summary.assigned:
        return "no booking can be assigned"
    return ""


def _database() -> dict[str, Any]:
    """Say which database: where, and its name; nothing that lets anybody in."""
    given = connection.settings_dict
    return {
        "host": given["HOST"] or "localhost",
        "port": int(given["PORT"] or 5432),
        "name": given["NAME"],
        "server": ".".join(str(part) for part in connection.get_database_version()),
    }


def _connections() -> dict[str, int]:
    """Count what this process holds, and what all processes together have open."""
    pool = getattr(connection, "pool", None)  # PostgreSQL's backend has it, Django's types do not
    stats = pool.get_stats() if pool else {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), current_setting('max_connections')::int FROM pg_stat_activity"
            " WHERE datname = current_database()"
        )
        open_now, allowed = cursor.fetchone()
    return {
        "process": stats.get("pool_size", 1),
        "process_max": stats.get("pool_max", 1),
        "database": open_now,
        "server_max": allowed,
    }


def _peak_mb() -> float:
    """The most memory that this process ever held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)
