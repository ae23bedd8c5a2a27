"""What each named index is worth: the same statement with it and without it.

An index is dropped inside a transaction that is rolled back, so nobody else ever misses it; but
whoever wants the table meanwhile waits.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext_lazy as _

from atmr.errors import DomainError
from benchmarks.serving import SERVED, Statement, Subject, asked, find_subject
from bookings.models import Booking

# A statement that takes longer without its index has shown enough.
PATIENCE_S = 20


class TooFewRows(DomainError):
    message = _("%(found)d bookings are here, and %(wanted)d are asked for: fill a history first.")


class NothingToAsk(DomainError):
    message = _("No company has a proposal, a plan that moved rides and a completed booking.")


@dataclass(frozen=True)
class Reading:
    """One execution of a statement, the caches warm; None when it outlasted our patience."""

    nodes: list[str]
    hit: int
    read: int
    ms: float | None

    @property
    def pages(self) -> int:
        return self.hit + self.read


@dataclass(frozen=True)
class Proof:
    """An index, what it serves, and that statement with it and without it."""

    index: str
    serves: str
    kb: int
    with_index: Reading | None
    without: Reading | None

    @property
    def ratio(self) -> float | None:
        """How many times the pages are read without the index; None where it was not taken."""
        if self.with_index is None or self.without is None or self.without.ms is None:
            return None
        return self.without.pages / max(1, self.with_index.pages)


def declared() -> list[str]:
    """Name the indexes that our models declare, those of history tables left out."""
    return sorted(
        index.name
        for app in ("accounts", "fleet", "bookings", "dispatch")
        for model in apps.get_app_config(app).get_models()
        if not model._meta.proxy and not hasattr(model, "pgh_tracked_model")
        for index in model._meta.indexes
    )


def prove(*, at_least: int) -> Iterator[Proof]:
    """Measure every declared index, one after the other.

    :raises TooFewRows: on so few rows an index shows nothing.
    :raises NothingToAsk: nothing was planned here yet.
    """
    found = Booking.objects.count()
    if found < at_least:
        raise TooFewRows(found=found, wanted=at_least)
    subject = find_subject()
    if subject is None:
        raise NothingToAsk
    for index in declared():
        yield _prove(index, subject)


def _prove(index: str, subject: Subject) -> Proof:
    serves, serve = SERVED[index]
    with _undone():
        sent = asked(serve, subject)
    taken = next((each for each in sent if index in nodes_of(explain(each), "Index Name")), None)
    kb = _size_kb(index)
    if taken is None:
        return Proof(index, serves, kb, None, None)
    with_index = _reading(taken)
    with _undone(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', '10s', true)")
        cursor.execute(f'DROP INDEX "{index}"')
        without = _reading(taken)
    return Proof(index, serves, kb, with_index, without)


@contextmanager
def _undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def explain(statement: Statement, *options: str) -> dict[str, Any]:
    """Give PostgreSQL's plan of a statement."""
    sql, params = statement
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN ({', '.join([*options, 'FORMAT JSON'])}) {sql}", params)
        found: dict[str, Any] = cursor.fetchone()[0][0]
    return found


def nodes_of(plan: dict[str, Any], name: str) -> list[str]:
    """List one property of every node of a plan."""
    nodes = [plan["Plan"]]
    for node in nodes:
        nodes += node.get("Plans", [])
    return [node[name] for node in nodes if name in node]


def _reading(statement: Statement) -> Reading:
    """Execute a statement twice and read the second time: what can be in memory is."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('statement_timeout', %s, true)", [f"{PATIENCE_S * 1000}"]
            )
            explain(statement, "ANALYZE", "BUFFERS")
            plan = explain(statement, "ANALYZE", "BUFFERS")
            transaction.set_rollback(True)
    except OperationalError:
        names = nodes_of(explain(statement), "Node Type")
        return Reading(sorted(set(names)), 0, 0, None)
    top = plan["Plan"]
    return Reading(
        nodes=sorted(set(nodes_of(plan, "Node Type"))),
        hit=top["Shared Hit Blocks"],
        read=top["Shared Read Blocks"],
        ms=plan["Execution Time"],
    )


def _size_kb(index: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size(to_regclass(%s)) / 1024", [f'"{index}"'])
        return int(cursor.fetchone()[0])
