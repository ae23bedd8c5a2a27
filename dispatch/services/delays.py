"""Who is late on a day under way, whom that touches, and which drivers have too much to do.

What was reported and where vehicles were says from where each goes on; from there its route is
driven in its order, no client before the time planned. A wait for that time takes up a delay.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from accounts.models import Company
from atmr.clock import day_bounds, local_day
from bookings.models import Anchor, Booking
from bookings.states import REPORTED, BookingStatus
from dispatch.darp.problem import Vehicle
from dispatch.mapping.problem import MappedDay, build
from dispatch.mapping.rows import signed_routes
from dispatch.metrics.figures import is_late, lateness
from dispatch.models import Alert, AlertKind
from dispatch.services import alerting, policies
from dispatch.services.judging import times_kept
from dispatch.services.loading import load_day
from dispatch.travel import GreatCircle

# Less is no delay that anybody would tell.
_SHORTEST = timedelta(minutes=1)


class Limit(StrEnum):
    """What is too much for a driver."""

    SHIFT = "shift"  # back at the end place after the end of the shift; seconds over
    WORK = "work"  # on the road for longer than may be worked a day; seconds over
    BREAK = "break"  # the break fits nowhere any more; its seconds
    BOOKINGS = "bookings"  # more bookings than the limit of a day; how many over


@dataclass(frozen=True)
class Delay:
    """A ride that will be later than planned.

    At its pickup, or at its delivery where the client is on board or has an appointment. `over` is
    how much later than agreed (see `metrics.figures.lateness`), None where nothing was agreed any
    more; `after` the booking with which the delay began, None for that one itself. Without a word
    from the driver all of it is a guess (`is_heard`).
    """

    booking: int
    reference: str
    shift: int
    driver: int
    planned_at: datetime
    predicted_at: datetime
    over: timedelta | None
    is_late: bool
    after: int | None
    is_heard: bool

    @property
    def delay_min(self) -> int:
        return (self.predicted_at - self.planned_at) // timedelta(minutes=1)


@dataclass(frozen=True)
class Overload:
    """A driver with more than fits: which limit is passed, and by how much."""

    driver: int
    shift: int
    limit: Limit
    amount: int


@dataclass(frozen=True)
class Delays:
    """The delays of a day, route by route, and the drivers who have too much."""

    delays: list[Delay] = field(default_factory=list)
    overloads: list[Overload] = field(default_factory=list)

    @property
    def late(self) -> list[Delay]:
        """The late rides; of a driver who reported nothing yet, the one that says so."""
        return [d for d in self.delays if d.is_late and (d.is_heard or d.after is None)]

    def touched_by(self, booking: int) -> list[Delay]:
        return [delay for delay in self.delays if delay.after == booking]


def delays_of(*, company: Company, day: date, now: datetime) -> Delays:
    """Say who is late as things stand `now`; a day that is over or to come has no delays."""
    starts_at, ends_at = day_bounds(day, company.tz)
    if not starts_at <= now < ends_at:
        return Delays()
    rows = load_day(company=company, day=day, now=now, policy=policies.policy_of(company))
    mapped = build(times_kept(rows), GreatCircle())
    heard = _heard(mapped)
    found = Delays()
    for vehicle, signed in enumerate(signed_routes(mapped)):
        if signed:
            drive = _Drive(mapped, vehicle, signed, heard)
            found.delays.extend(drive.delays())
            found.overloads.extend(drive.overloads())
    found.overloads.extend(_too_many(mapped))
    return found


def watch(*, company: Company, now: datetime) -> int:
    """Raise an alert for each ride that is late now, once; say how many are late."""
    late = delays_of(company=company, day=local_day(now, company.tz), now=now).late
    alerting.raise_once(
        [
            Alert(
                company=company,
                kind=AlertKind.LATE,
                booking_id=delay.booking,
                shift_id=delay.shift,
                details={
                    "predicted_at": delay.predicted_at.isoformat(),
                    "min": delay.delay_min,
                    "heard": delay.is_heard,
                },
                raised_at=now,
            )
            for delay in late
        ]
    )
    return len(late)


class _Drive:
    """The rest of one shift's route, driven from where the vehicle is."""

    def __init__(
        self, mapped: MappedDay, number: int, signed: Sequence[int], heard: set[int]
    ) -> None:
        self.mapped, self.shift = mapped, mapped.shifts[number]
        self.is_heard = self.shift.pk in heard
        self.vehicle: Vehicle = mapped.problem.vehicles[number]
        self.starts: dict[int, int] = {}
        self.ends: dict[int, int] = {}
        self.free, self.place = self.vehicle.window.earliest, self.vehicle.start
        self.break_due = self.vehicle.break_
        self.left: int | None = None
        requests = mapped.problem.requests
        self.aboard = sum(requests[abs(stop) - 1].aboard for stop in signed)
        for stop in signed:
            self._serve(stop)
        self._rest(None)
        self.back = self.free + self._drive_s(self.vehicle.end)

    def _drive_s(self, place: int) -> int:
        return int(self.mapped.problem.travel[self.place, place])

    def _serve(self, stop: int) -> None:
        number = abs(stop) - 1
        request, planned = self.mapped.problem.requests[number], self._planned(stop)
        place = request.pickup if stop > 0 else request.delivery
        # Who is on the way to a client does not stop for a break.
        if not self.aboard and len(self.starts) >= self.vehicle.fixed:
            self._rest(planned - self._drive_s(place))
        start = max(planned, self.free + self._drive_s(place))
        if self.left is None:
            self.left = start - self._drive_s(place)
        service = request.pickup_service if stop > 0 else request.delivery_service
        self.starts[stop], self.ends[stop] = start, start + service
        self.free, self.place = start + service, place
        self.aboard += 1 if stop > 0 else -1

    def _planned(self, stop: int) -> int:
        day, booking = self.mapped.day, self.mapped.bookings[abs(stop) - 1]
        current = day.current(booking)
        assert current is not None, "a route is made of assignments"
        return day.ticks(current.pickup_at if stop > 0 else current.delivery_at)

    def _rest(self, leave_by: int | None) -> None:
        """Take the break if it makes nobody wait: a driver with clients to come goes without."""
        due = self.break_due
        if due is None:
            return
        begins = max(self.free, due.window.earliest)
        ends = begins + due.duration
        if begins <= due.window.latest and (leave_by is None or ends <= leave_by):
            self.free, self.break_due = ends, None

    def delays(self) -> Iterator[Delay]:
        after: int | None = None
        for stop in self.starts:
            booking = self.mapped.bookings[abs(stop) - 1]
            if stop != self._told_at(booking, abs(stop)):
                continue
            delay = self._delay(booking, stop, after)
            if delay is None:
                after = None  # a wait has taken it up
            else:
                after = after or delay.booking
                yield delay

    def _told_at(self, booking: Booking, number: int) -> int:
        """The stop that tells a ride's delay."""
        at_delivery = booking.anchor == Anchor.ARRIVE_BY or booking.status in {
            BookingStatus.ARRIVED,
            BookingStatus.ON_BOARD,
        }
        return -number if at_delivery else number

    def _delay(self, booking: Booking, stop: int, after: int | None) -> Delay | None:
        day = self.mapped.day
        planned_at, predicted_at = (
            day.instant(self._planned(stop)),
            day.instant(self.starts[stop]),
        )
        if predicted_at - planned_at < _SHORTEST:
            return None
        over = lateness(
            anchor=booking.anchor,
            scheduled_at=booking.scheduled_at,
            promised_until=booking.promised_until,
            served_at=predicted_at if stop > 0 else None,
            delivered_at=day.instant(self.ends[stop]) if stop < 0 else None,
            policy=day.policy,
        )
        return Delay(
            booking=booking.pk,
            reference=booking.reference,
            shift=self.shift.pk,
            driver=self.shift.driver_id,
            planned_at=planned_at,
            predicted_at=predicted_at,
            over=over,
            is_late=over is not None and is_late(over, day.policy),
            after=after,
            is_heard=self.is_heard,
        )

    def overloads(self) -> Iterator[Overload]:
        vehicle = self.vehicle
        left = self.left if vehicle.started is None else vehicle.started
        if (over := self.back - vehicle.window.latest) > 0:
            yield self._overload(Limit.SHIFT, over)
        if vehicle.max_duration is None or left is None:
            over = 0
        else:
            over = self.back - left - vehicle.max_duration
        if over > 0:
            yield self._overload(Limit.WORK, over)
        if self.break_due is not None:
            yield self._overload(Limit.BREAK, self.break_due.duration)

    def _overload(self, limit: Limit, amount: int) -> Overload:
        return Overload(self.shift.driver_id, self.shift.pk, limit, amount)


def _heard(mapped: MappedDay) -> set[int]:
    """The shifts that have been heard of today: a position, or a ride reported as begun."""
    heard = {shift.pk for shift in mapped.shifts if shift.last_position}  # type: ignore[attr-defined]
    for booking in mapped.day.bookings:
        current = mapped.day.current(booking)
        if current is not None and booking.status in REPORTED:
            heard.add(current.shift_id)
    return heard


def _too_many(mapped: MappedDay) -> Iterator[Overload]:
    """Drivers who have more bookings than a limit allows, over all their shifts of the day."""
    rides: Counter[int] = Counter()
    for booking in mapped.bookings:
        current = mapped.day.current(booking)
        if current is not None:
            rides[current.driver_id] += 1
    told: set[int] = set()
    for shift, vehicle in zip(mapped.shifts, mapped.problem.vehicles, strict=True):
        limit = mapped.problem.drivers[vehicle.driver].max_requests
        over = rides[shift.driver_id] - limit if limit is not None else 0
        if over > 0 and shift.driver_id not in told:
            told.add(shift.driver_id)
            yield Overload(shift.driver_id, shift.pk, Limit.BOOKINGS, over)
