"""What the day page shows: read in a constant number of statements, laid out for the template."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q
from django.utils.functional import cached_property

from accounts.models import Company, User
from atmr import clock
from bookings.models import Anchor, Booking
from bookings.states import WITH_DRIVER, BookingStatus
from dispatch import itinerary
from dispatch.console.decisions import Step, offered
from dispatch.console.timeline import Axis, Span, axis_around
from dispatch.console.waiting import Waiting
from dispatch.models import (
    Alert,
    Assignment,
    AssignmentStatus,
    DispatchRun,
    RunState,
    Unassigned,
)
from fleet.models import Absence, Shift

OVER = (BookingStatus.REJECTED, BookingStatus.CANCELLED, BookingStatus.NO_SHOW)
SHOWN = (AssignmentStatus.LIVE, AssignmentStatus.DONE)
NO_PLAN = (RunState.RUNNING, RunState.REFUSED, RunState.FAILED)
# What is offered on this page; the rest is on the page of the booking.
AT = {
    itinerary.StopKind.PICKUP: (
        "en-route",
        "arrived",
        "on-board",
        "no-show",
        "move",
        "take-back",
        "lock-driver",
        "unlock",
    ),
    itinerary.StopKind.DELIVERY: ("completed",),
}
OFF_ROUTE = ("accept", "reject", "assign", "confirm", "cancel")
# The latest runs say what is proposed, what failed since, and what an undo goes back from.
RUNS_READ = 20


@dataclass(frozen=True)
class Bar:
    """A ride on the timeline."""

    span: Span
    assignment: Assignment
    is_shared: bool


@dataclass(frozen=True)
class Line:
    """A stop in the list behind the timeline, and what can be decided there."""

    stop: itinerary.Stop
    steps: Sequence[Step]

    @property
    def waits_min(self) -> int:
        return int(self.stop.waits / timedelta(minutes=1))

    @property
    def actual_at(self) -> datetime | None:
        if self.stop.assignment is None:
            return None
        booking = self.stop.assignment.booking
        if self.stop.kind == itinerary.StopKind.PICKUP:
            return booking.actual_pickup_at
        return booking.actual_delivery_at


@dataclass(frozen=True)
class Row:
    """A driver's day: a line of the timeline, and the stops behind it."""

    itinerary: itinerary.Itinerary
    duty: Span
    pause: Span | None
    bars: list[Bar]
    lines: list[Line]


@dataclass(frozen=True)
class Day:
    """One company's day as dispatchers see it."""

    company: Company
    day: date
    user: User
    shifts: list[Shift]
    assignments: list[Assignment]
    bookings: list[Booking]
    runs: list[DispatchRun]
    verdicts: dict[int, Unassigned]
    alerts: list[Alert]
    absences: list[Absence]
    drive: itinerary.Drive
    shown_run: DispatchRun | None  # the proposal shown instead of what is live
    is_open: bool  # the stops of every driver are shown; else each is fetched when it is opened

    @cached_property
    def axis(self) -> Axis:
        spans = [(shift.starts_at, shift.ends_at) for shift in self.shifts]
        bounds = clock.day_bounds(self.day, self.company.tz)
        return axis_around(spans, bounds=bounds, zone=self.company.tz)

    @cached_property
    def rows(self) -> list[Row]:
        by_shift: dict[int, list[Assignment]] = {shift.pk: [] for shift in self.shifts}
        for assignment in self.assignments:
            if assignment.shift_id in by_shift:
                by_shift[assignment.shift_id].append(assignment)
        return [self._row(shift, by_shift[shift.pk]) for shift in self.shifts]

    def _steps(self, stop: itinerary.Stop) -> Sequence[Step]:
        """Say what can be decided at a stop; a proposal is not there to be reported about."""
        ride = stop.assignment
        slugs = AT.get(stop.kind, ())
        if ride is None or self.shown_run is not None or not slugs:
            return ()
        return [s for s in offered(self.user, ride.booking, ride.lock) if s.slug in slugs]

    def _row(self, shift: Shift, assignments: list[Assignment]) -> Row:
        plan = itinerary.of_shift(shift, assignments, self.drive)
        bars = [
            Bar(self.axis.span(ride.pickup_at, ride.ends_at), ride, pool.is_shared)
            for pool in plan.pools
            for ride in pool.assignments
        ]
        pause = plan.pause
        return Row(
            plan,
            self.axis.span(shift.starts_at, shift.ends_at),
            self.axis.span(pause.at, pause.leaves_at) if pause and pause.leaves_at else None,
            bars,
            [Line(stop, self._steps(stop)) for stop in plan.stops] if self.is_open else [],
        )

    @cached_property
    def waiting(self) -> list[Waiting]:
        """Bookings that can be dispatched and have no driver, the most urgent time first."""
        return [
            self._off_route(booking, is_new=self.planned_run is not None)
            for booking in self.bookings
            if booking.status == BookingStatus.ACCEPTED and booking.time_confirmed
        ]

    @cached_property
    def pending(self) -> list[Waiting]:
        pending = (b for b in self.bookings if b.status == BookingStatus.PENDING)
        return [self._off_route(booking) for booking in pending]

    @cached_property
    def unconfirmed(self) -> list[Waiting]:
        """Will-calls whose client has not called yet."""
        return [
            self._off_route(booking)
            for booking in self.bookings
            if booking.status == BookingStatus.ACCEPTED and not booking.time_confirmed
        ]

    def _off_route(self, booking: Booking, *, is_new: bool = False) -> Waiting:
        verdict = self.verdicts.get(booking.pk)
        found = verdict.nearest_fix.get("nearest", {}) if verdict else {}
        return Waiting(
            booking,
            [step for step in offered(self.user, booking) if step.slug in OFF_ROUTE],
            verdict,
            is_new and verdict is None,
            next((shift for shift in self.shifts if shift.pk == found.get("shift")), None),
        )

    @cached_property
    def counts(self) -> Counter[str]:
        return Counter(booking.status for booking in self.bookings)

    @property
    def driving(self) -> int:
        """How many bookings have a driver, or had one until they were completed."""
        states = (*WITH_DRIVER, BookingStatus.COMPLETED)
        return sum(self.counts[state] for state in states)

    @property
    def unpromised(self) -> int:
        """How many have a driver and wait to be told when; announcing tells them."""
        return sum(
            booking.status == BookingStatus.ASSIGNED
            and booking.anchor == Anchor.ARRIVE_BY
            and booking.promised_from is None
            for booking in self.bookings
        )

    @property
    def wanted(self) -> int:
        """How many bookings of the day are served, under way or still to be served."""
        gone = {BookingStatus.PENDING, *OVER}
        return sum(booking.status not in gone for booking in self.bookings)

    @property
    def latest(self) -> DispatchRun | None:
        return self.runs[0] if self.runs else None

    @property
    def planned_run(self) -> DispatchRun | None:
        """The last run that came to a plan, whether applied or not."""
        return self._last(RunState.PROPOSED, RunState.APPLIED, RunState.UNDONE)

    @property
    def applied(self) -> DispatchRun | None:
        """The run that an undo goes back from."""
        return self._last(RunState.APPLIED)

    @property
    def proposal(self) -> DispatchRun | None:
        """The proposal to decide on: the last plan, when it has not been applied."""
        run = self.planned_run
        return run if run is not None and run.state == RunState.PROPOSED else None

    def _last(self, *states: RunState) -> DispatchRun | None:
        return next((run for run in self.runs if run.state in states), None)

    @property
    def previous(self) -> date:
        return self.day - timedelta(days=1)

    @property
    def next(self) -> date:
        return self.day + timedelta(days=1)


def read(
    company: Company,
    day: date,
    *,
    user: User,
    drive: itinerary.Drive,
    run_id: int | None = None,
    is_open: bool = False,
) -> Day:
    """Read a company's day; `run_id` shows that run's proposal in place of the live plan."""
    bounds = clock.day_bounds(day, company.tz)
    runs = list(
        DispatchRun.objects.of_day(company, day)
        .select_related("started_by")
        .order_by("-id")[:RUNS_READ]
    )
    shown = next((r for r in runs if r.pk == run_id and r.state == RunState.PROPOSED), None)
    planned = next((r for r in runs if r.state not in NO_PLAN), None)
    shifts = list(
        Shift.objects.for_company(company)
        .planned()
        .reaching_into(*bounds)
        .with_people()
        .order_by("driver__kind", "driver__name", "starts_at")
    )
    return Day(
        company=company,
        day=day,
        user=user,
        shifts=shifts,
        assignments=_assignments(company, shifts, bounds, shown),
        bookings=_bookings(company, bounds),
        runs=runs,
        verdicts=_verdicts(planned),
        alerts=_alerts(company, day, bounds),
        absences=_absences(company, bounds),
        drive=drive,
        shown_run=shown,
        is_open=is_open,
    )


def read_route(
    company: Company,
    day: date,
    shift: Shift,
    *,
    user: User,
    drive: itinerary.Drive,
    run_id: int | None = None,
) -> Day:
    """Read one driver's day alone: its only row."""
    proposals = DispatchRun.objects.of_day(company, day).filter(state=RunState.PROPOSED)
    shown = proposals.filter(pk=run_id).first() if run_id is not None else None
    bounds = clock.day_bounds(day, company.tz)
    return Day(
        company=company,
        day=day,
        user=user,
        shifts=[shift],
        assignments=_assignments(company, [shift], bounds, shown, shift=shift),
        bookings=[],
        runs=[],
        verdicts={},
        alerts=[],
        absences=[],
        drive=drive,
        shown_run=shown,
        is_open=True,
    )


def _assignments(
    company: Company,
    shifts: list[Shift],
    bounds: tuple[datetime, datetime],
    shown: DispatchRun | None,
    shift: Shift | None = None,
) -> list[Assignment]:
    rows = Assignment.objects.select_related(
        "booking__client", "booking__pickup_place", "booking__delivery_place", "layout"
    ).order_by("pickup_at", "id")
    if shift is not None:
        rows = rows.filter(shift=shift)
    if shown is not None:
        return list(rows.filter(dispatch_run=shown, status=AssignmentStatus.PROPOSED))
    first = min((shift.starts_at for shift in shifts), default=bounds[0])
    last = max((shift.ends_at for shift in shifts), default=bounds[1])
    return list(
        rows.for_company(company).filter(status__in=SHOWN, pickup_at__gte=first, pickup_at__lt=last)
    )


def _bookings(company: Company, bounds: tuple[datetime, datetime]) -> list[Booking]:
    return list(
        Booking.objects.for_company(company)
        .with_people()
        .filter(scheduled_at__gte=bounds[0], scheduled_at__lt=bounds[1])
        .order_by("scheduled_at", "id")
    )


def _verdicts(run: DispatchRun | None) -> dict[int, Unassigned]:
    if run is None:
        return {}
    return {verdict.booking_id: verdict for verdict in run.unassigned.all()}


def _alerts(company: Company, day: date, bounds: tuple[datetime, datetime]) -> list[Alert]:
    of_day = (
        Q(booking__scheduled_at__gte=bounds[0], booking__scheduled_at__lt=bounds[1])
        | Q(shift__starts_at__gte=bounds[0], shift__starts_at__lt=bounds[1])
        | Q(run__day=day)
    )
    return list(
        Alert.objects.for_company(company)
        .open()
        .filter(of_day)
        .select_related("booking", "shift__driver", "shift__company", "run")
        .order_by("-raised_at", "-id")
    )


def _absences(company: Company, bounds: tuple[datetime, datetime]) -> list[Absence]:
    return list(
        Absence.objects.for_company(company)
        .filter(starts_at__lt=bounds[1], ends_at__gt=bounds[0])
        .select_related("driver")
        .order_by("driver__name", "starts_at")
    )
