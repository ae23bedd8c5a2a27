"""Days to measure on: a company for each size, a plan solved once, half of it given before.

Each company belongs to the benchmark alone, is made anew for a run and removed after it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pgtrigger
from django.db import connection, models, transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import Company
from atmr import clock
from atmr.errors import DomainError
from benchmarks import companies
from bookings.models import Booking, BookingEvent, Client
from bookings.services import moves
from dispatch.darp import search
from dispatch.darp.committed import relax
from dispatch.demo import seeding
from dispatch.mapping.problem import MappedDay, build
from dispatch.mapping.rows import proposals
from dispatch.models import (
    Alert,
    Assignment,
    AssignmentStatus,
    DispatchRun,
    Outbox,
    RunState,
    RunTrigger,
    Unassigned,
)
from dispatch.services import policies
from dispatch.services.loading import load_day
from dispatch.travel import GreatCircle
from fleet.models import Driver, DriverDocument, Place, Shift, Vehicle

# A working day far from every other, planned the noon before: nothing of it is frozen.
DAY = date(2031, 3, 12)
BOOKINGS_PER_DRIVER = 10
FEWEST_DRIVERS = 2
# Whatever a run writes; cleaned between runs, so that none pays for the rows another left dead.
WRITTEN: tuple[type[models.Model], ...] = (
    Assignment,
    Booking,
    BookingEvent,
    Shift,
    DispatchRun,
    Unassigned,
    Outbox,
)


class DayNotPlanned(DomainError):
    message = _("The plan for %(bookings)s bookings serves none of them: nothing to measure.")


@dataclass(frozen=True)
class BenchDay:
    """A day to plan again and again: the plan, and what stood before it."""

    company: Company
    now: datetime
    bookings: int
    drivers: int
    solution: search.Solution
    first_run: int  # gave half of the rides to other drivers than the plan does
    last_event: int

    def solve(self, *_problem: Any, **_limits: Any) -> search.Solution:
        """Stand in for the search: everybody gets the same plan."""
        return self.solution

    def put_back(self) -> None:
        """Give every row the state it had before the plan, and clear what died meanwhile.

        All of it is committed, and the tables are vacuumed: whoever comes next finds them as the
        first one did.
        """
        with transaction.atomic():
            later = DispatchRun.objects.for_company(self.company).exclude(pk=self.first_run)
            Alert.objects.for_company(self.company).delete()
            Outbox.objects.for_company(self.company).delete()
            Unassigned.objects.filter(run__in=later).delete()
            rides = Assignment.objects.for_company(self.company)
            rides.filter(dispatch_run__in=later).delete()
            rides.update(status=AssignmentStatus.LIVE, ended_by_run=None)
            later.delete()
            moves.hand_out(
                company=self.company,
                given=[],
                taken_back=self._without_ride(),
                actor=None,
                now=self.now,
                reason="",
            )
            with pgtrigger.ignore("bookings.BookingEvent:append_only"):
                BookingEvent.objects.filter(company=self.company, pk__gt=self.last_event).delete()
        vacuum(*WRITTEN)

    def _without_ride(self) -> list[int]:
        bookings = Booking.objects.for_company(self.company)
        return list(bookings.filter(assignments=None).values_list("pk", flat=True))


def slug_of(bookings: int) -> str:
    return f"bench-{bookings}"


def name_of(bookings: int) -> str:
    return f"Made by bench_dispatch: {bookings} bookings"


@contextmanager
def bench_day(bookings: int, seed: int) -> Iterator[BenchDay]:
    """Make a day of so many bookings, with a driver for ten, and remove it afterwards.

    :raises NotOurCompany: somebody's company has the short name.
    :raises DayNotPlanned: the plan serves nobody.
    """
    mark = slug_of(bookings), name_of(bookings)
    companies.remove(*mark)
    try:
        with transaction.atomic():
            company = companies.open_company(*mark)
            now = clock.day_bounds(DAY, company.tz)[0] - timedelta(hours=12)
            drivers = max(FEWEST_DRIVERS, bookings // BOOKINGS_PER_DRIVER)
            seeding.fill_day(
                company=company, day=DAY, bookings=bookings, drivers=drivers, seed=seed, now=now
            )
        vacuum(*WRITTEN, Client, Place, Driver, DriverDocument, Vehicle, analyze=True)
        yield _planned(company, now, bookings, drivers)
    finally:
        companies.remove(*mark)


def _planned(company: Company, now: datetime, bookings: int, drivers: int) -> BenchDay:
    """Solve the day once, without search, and give every second ride of it to another driver."""
    policy = policies.resolve(company=company, overrides={})
    mapped = build(load_day(company=company, day=DAY, now=now, policy=policy), GreatCircle())
    solution = search.solve(relax(mapped.problem), iterations=0)
    with transaction.atomic():
        run = _give_half(company, now, mapped, solution)
    last = BookingEvent.objects.filter(company=company).aggregate(last=models.Max("pk"))["last"]
    return BenchDay(
        company=company,
        now=now,
        bookings=bookings,
        drivers=drivers,
        solution=solution,
        first_run=run.pk,
        last_event=last,
    )


def _give_half(
    company: Company, now: datetime, mapped: MappedDay, solution: search.Solution
) -> DispatchRun:
    """Give every second ride of the plan, at its times, to the driver after the planned one."""
    run = DispatchRun.objects.create(
        company=company,
        day=DAY,
        trigger=RunTrigger.COMMAND,
        state=RunState.APPLIED,
        started_at=now,
        finished_at=now,
        applied_at=now,
    )
    planned = proposals(mapped, solution.plan, run)
    if not planned:
        raise DayNotPlanned(bookings=len(mapped.bookings))
    after = dict(zip(mapped.shifts, [*mapped.shifts[1:], mapped.shifts[0]], strict=True))
    rows = [proposal.row for proposal in planned][::2]
    for row in rows:
        row.shift = after[row.shift]
        row.driver_id = row.shift.driver_id
        row.layout_id = row.shift.layouts[0]["id"]  # type: ignore[attr-defined]
        row.status = AssignmentStatus.LIVE
    Assignment.objects.bulk_create(rows)
    moves.hand_out(
        company=company,
        given=[row.booking_id for row in rows],
        taken_back=[],
        actor=None,
        now=now,
        reason=f"run {run.pk}",
    )
    return run


def vacuum(*written: type[models.Model], analyze: bool = False) -> None:
    """Clear tables of dead rows, as the server would by itself before long."""
    names = ", ".join(connection.ops.quote_name(model._meta.db_table) for model in written)
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM {'(ANALYZE) ' if analyze else ''}{names}")
