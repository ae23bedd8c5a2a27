"""One run at a time for a company's day: opened, ended, and seen to have failed."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext_lazy as _
from structlog.contextvars import bound_contextvars

from accounts.models import Company, User
from atmr.errors import DomainError
from dispatch.models import Alert, AlertKind, DispatchRun, RunState, RunTrigger
from dispatch.services import gauges

log = structlog.get_logger(__name__)

PROCESS_DIED = "process died"

# Lock and row in one statement: who does not get the lock writes nothing.
_OPEN = """
INSERT INTO dispatch_dispatchrun
    (company_id, day, trigger, state, started_by_id, started_at, settings, seed)
SELECT %(company)s, %(day)s::date, %(trigger)s, 'running', %(user)s::bigint, %(now)s::timestamptz,
    %(settings)s::jsonb, %(seed)s
WHERE pg_try_advisory_lock(%(company)s, %(key)s)
RETURNING id"""


class RunUnderWay(DomainError):
    message = _("A run of this day is under way. Wait until it has ended, then try again.")


@contextmanager
def open_run(
    *,
    company: Company,
    day: date,
    trigger: RunTrigger,
    actor: User | None,
    now: datetime,
    settings: dict[str, Any],
    seed: int,
) -> Iterator[DispatchRun]:
    """Hold the day of a company for one run.

    The lock lives with this thread's connection: a process that dies lets go of it, and whoever
    comes next finds the row it left and marks it failed. An exception marks the run failed and
    goes on its way.

    :raises RunUnderWay: another run holds the day.
    """
    run = DispatchRun(
        company=company,
        day=day,
        trigger=trigger,
        started_by=actor,
        started_at=now,
        settings=settings,
        seed=seed,
    )
    try:
        run.pk = _open(run)
    except IntegrityError:
        # The lock is ours, so whoever wrote the running row is gone. Held twice, it would have to
        # be let go twice.
        try:
            _bury(company, day, now)
        finally:
            _unlock(run)
        try:
            run.pk = _open(run)
        except IntegrityError:
            _unlock(run)
            raise
    if run.pk is None:
        gauges.count_conflict("under_way")
        raise RunUnderWay
    opened = time.monotonic()
    with bound_contextvars(run_id=run.pk, company_id=run.company_id):
        log.info("run opened", day=run.day, trigger=run.trigger)
        try:
            yield run
        except BaseException as error:
            _fail(run, error, now + timedelta(seconds=time.monotonic() - opened))
            log.warning("run failed", error=type(error).__name__)
            raise
        finally:
            _unlock(run)
        gauges.count_run(run)
        log.info("run ended", state=run.state)


def _open(run: DispatchRun) -> int | None:
    parameters: dict[str, Any] = {
        "company": run.company_id,
        "key": run.day.toordinal(),
        "day": run.day,
        "trigger": run.trigger,
        "user": run.started_by_id,
        "now": run.started_at,
        "settings": json.dumps(run.settings),
        "seed": run.seed,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_OPEN, parameters)
        row = cursor.fetchone()
    return row[0] if row else None


def _unlock(run: DispatchRun) -> None:
    if connection.connection is None or connection.connection.closed:
        return  # the lock went with the connection
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [run.company_id, run.day.toordinal()])


def _bury(company: Company, day: date, now: datetime) -> None:
    """Mark the running row of a process that died as failed."""
    dead = DispatchRun.objects.of_day(company, day).filter(state=RunState.RUNNING)
    for run in dead:
        _mark_failed(run, PROCESS_DIED, now)


def _fail(run: DispatchRun, error: BaseException, at: datetime) -> None:
    """Keep what went wrong where an operator finds it: the kind of error, never its data."""
    if connection.connection is None or connection.connection.closed:
        return  # the next run of the day marks this one
    text = f"{type(error).__name__}: {error}" if isinstance(error, DomainError) else ""
    _mark_failed(run, text or type(error).__name__, at)


def _mark_failed(run: DispatchRun, error: str, at: datetime) -> None:
    run.state, run.error, run.finished_at = RunState.FAILED, error, at
    run.save(update_fields=["state", "error", "finished_at"])
    gauges.count_state(run)
    Alert.objects.create(
        company_id=run.company_id,
        kind=AlertKind.RUN_FAILED,
        run=run,
        details={"day": run.day.isoformat(), "error": error},
        raised_at=at,
    )
