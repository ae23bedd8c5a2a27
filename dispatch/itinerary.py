"""A shift's day as its driver sees it: stops in order, what rides in which layout, and pauses."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from django.db import models
from django.utils.translation import gettext_lazy as _

from dispatch.models import Assignment
from fleet.models import Place, Shift

Drive = Callable[[Place, Place], timedelta]


class StopKind(models.TextChoices):
    START = "start", _("Start of the shift")
    PICKUP = "pickup", _("Pickup")
    DELIVERY = "delivery", _("Delivery")
    BREAK = "break", _("Break")
    END = "end", _("End of the shift")


@dataclass(frozen=True)
class Stop:
    """One event of a shift's day. `leaves_at` is empty where no plan says when it is left."""

    kind: StopKind
    at: datetime
    leaves_at: datetime | None
    place: Place | None
    assignment: Assignment | None = None
    aboard: int = 0  # clients aboard once the stop is done
    waits: timedelta = timedelta(0)  # standing empty before it, beyond the drive and the break


@dataclass(frozen=True)
class Pool:
    """A stretch of the route between two moments with an empty vehicle, and who rides in it."""

    assignments: tuple[Assignment, ...]

    @property
    def starts_at(self) -> datetime:
        return min(assignment.pickup_at for assignment in self.assignments)

    @property
    def ends_at(self) -> datetime:
        return max(assignment.ends_at for assignment in self.assignments)

    @property
    def is_shared(self) -> bool:
        return len(self.assignments) > 1

    def stops(self) -> Iterator[Stop]:
        events = sorted(
            event
            for position, ride in enumerate(self.assignments)
            for event in ((ride.pickup_at, 1, position), (ride.delivery_at, -1, position))
        )
        aboard = 0
        for at, change, position in events:
            ride, aboard = self.assignments[position], aboard + change
            booking = ride.booking
            if change > 0:
                yield Stop(StopKind.PICKUP, at, None, booking.pickup_place, ride, aboard)
            else:
                yield Stop(
                    StopKind.DELIVERY, at, ride.ends_at, booking.delivery_place, ride, aboard
                )


@dataclass(frozen=True)
class Itinerary:
    """A shift, its pools in order of time, and all its stops."""

    shift: Shift
    pools: tuple[Pool, ...]
    stops: tuple[Stop, ...]

    @property
    def assignments(self) -> list[Assignment]:
        return [assignment for pool in self.pools for assignment in pool.assignments]

    @property
    def pause(self) -> Stop | None:
        """The break, where one is due and the plan leaves room for it."""
        return next((stop for stop in self.stops if stop.kind == StopKind.BREAK), None)

    @property
    def misses_break(self) -> bool:
        return self.shift.break_min > 0 and self.pause is None


def of_shift(shift: Shift, assignments: Iterable[Assignment], drive: Drive) -> Itinerary:
    """Lay out a shift's day from its assignments, which come with booking and places.

    `drive` tells how long a vehicle takes from a place to another.
    """
    pools = _pools(assignments)
    stops = [
        Stop(StopKind.START, shift.starts_at, None, shift.start_place),
        *(stop for pool in pools for stop in pool.stops()),
        Stop(StopKind.END, shift.ends_at, None, shift.end_place),
    ]
    return Itinerary(shift, pools, tuple(_with_pauses(shift, stops, drive)))


def _pools(assignments: Iterable[Assignment]) -> tuple[Pool, ...]:
    by_pool: dict[object, list[Assignment]] = {}
    for assignment in sorted(assignments, key=lambda a: (a.pickup_at, a.sequence, a.pk)):
        by_pool.setdefault(assignment.pool, []).append(assignment)
    return tuple(Pool(tuple(rides)) for rides in by_pool.values())


def _with_pauses(shift: Shift, stops: Sequence[Stop], drive: Drive) -> Iterator[Stop]:
    """Say where the vehicle stands empty, and take the break in the first gap with room for it."""
    due = timedelta(minutes=shift.break_min)
    yield stops[0]
    for before, after in pairwise(stops):
        if before.aboard:
            yield after
            continue
        free_from = before.leaves_at or before.at
        spare = after.at - free_from - _drive(drive, before.place, after.place)
        pause = _break_in(shift, free_from, free_from + spare) if due else None
        if pause is not None:
            yield Stop(StopKind.BREAK, pause, pause + due, before.place)
            spare, due = spare - due, timedelta(0)
        if after.kind == StopKind.END:
            spare = timedelta(0)  # free, not waiting for anybody
        yield replace(after, waits=max(spare, timedelta(0)))


def _drive(drive: Drive, start: Place | None, end: Place | None) -> timedelta:
    if start is None or end is None or start.pk == end.pk:
        return timedelta(0)
    return drive(start, end)


def _break_in(shift: Shift, free_from: datetime, free_until: datetime) -> datetime | None:
    """Give the start of the break if it fits between the two instants and into its window."""
    if shift.break_from_at is None or shift.break_until_at is None:
        return None
    starts = max(free_from, shift.break_from_at)
    ends = starts + timedelta(minutes=shift.break_min)
    return starts if ends <= min(free_until, shift.break_until_at) else None
