"""What a plan or a period amounts to, from plain values: every figure can be redone by hand.

A share of nothing is None, never 0 or 1. Distances are roads as planning measures them: the great
circle times its detour factor.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np

from atmr.geo import distance_m
from bookings.models import Anchor
from dispatch.models import DispatchPolicy
from dispatch.travel import GreatCircle

ROAD = GreatCircle()


class Point(NamedTuple):
    lat: float
    lon: float


@dataclass(frozen=True)
class Ride:
    """A booking with its shift: where, when it is planned, and what was reported of it."""

    booking: int
    shift: int
    pool: UUID
    pickup: Point
    delivery: Point
    pickup_at: datetime
    delivery_at: datetime
    ends_at: datetime
    actual_pickup_at: datetime | None = None
    actual_delivery_at: datetime | None = None


@dataclass(frozen=True)
class Duty:
    """A shift: whose it is, and where it starts and ends."""

    shift: int
    driver: int
    is_reserve: bool
    start: Point
    end: Point


@dataclass(frozen=True)
class Share:
    """Rides that belong to a driver: how many, and the hours from the first to the last."""

    rides: int = 0
    hours: float = 0.0


@dataclass(frozen=True)
class Figures:
    """What a plan or a period amounts to.

    bookings
        Bookings to be served: accepted with a confirmed time, with a driver, or completed. Not
        those pending, rejected, cancelled, without a confirmed time, or whose client was not there.
    assigned, share_assigned
        Those of them that have a driver or were completed; their share of ``bookings``.
    reported, on_time, share_on_time
        Rides whose time at the client was reported; those of them that were not late (see
        ``lateness`` and ``is_late``); their share of ``reported``. A ride that nobody reported
        is neither on time nor late.
    pooled, share_pooled
        Rides that share their vehicle with another for a stretch; their share of all rides.
    saved_min
        Minutes of driving that pools save: the same rides one after the other in the order of
        their pickups, each on the direct way, with the drives between them, less the drive of the
        pool as planned. Negative where a pool is a detour for all. None without a pool.
    aboard_km, empty_km
        Kilometres of the planned routes, from the start place of each shift that has rides to its
        end place, with somebody aboard and with nobody.
    drivers
        For each regular driver on duty, and each reserve driver who drives, the rides and the
        hours paid: of each shift from its first pickup to the end of its last ride, reported
        times before planned ones.
    spread_h
        Hours of the driver with the most, less those of the driver with the least.
    gini
        Gini coefficient of these hours: 0 when all have the same. None when nobody has any.
    reserve_rides, share_reserve
        Rides with a reserve driver; their share of all rides.
    """

    bookings: int
    assigned: int
    share_assigned: float | None
    reported: int
    on_time: int
    share_on_time: float | None
    pooled: int
    share_pooled: float | None
    saved_min: float | None
    aboard_km: float
    empty_km: float
    drivers: dict[int, Share] = field(default_factory=dict)
    spread_h: float | None = None
    gini: float | None = None
    reserve_rides: int = 0
    share_reserve: float | None = None

    def as_json(self) -> dict[str, Any]:
        rows = {str(driver): asdict(share) for driver, share in self.drivers.items()}
        return asdict(self) | {"drivers": rows}


def compute(
    *,
    bookings: int,
    assigned: int,
    late: Sequence[bool | None],
    rides: Sequence[Ride],
    duties: Sequence[Duty],
) -> Figures:
    """Compute the figures; `late` says of each booking whether it was, None if unreported."""
    by_shift: dict[int, list[Ride]] = {duty.shift: [] for duty in duties}
    for ride in rides:
        by_shift[ride.shift].append(ride)
    pools = _pools(rides)
    shared = [pool for pool in pools.values() if len(pool) > 1]
    pooled = sum(len(pool) for pool in shared)
    reported = [each for each in late if each is not None]
    aboard_km, empty_km = _kilometres(duties, by_shift)
    drivers = _shares(duties, by_shift)
    hours = [share.hours for share in drivers.values()]
    reserve = sum(len(by_shift[duty.shift]) for duty in duties if duty.is_reserve)
    return Figures(
        bookings=bookings,
        assigned=assigned,
        share_assigned=_share(assigned, bookings),
        reported=len(reported),
        on_time=reported.count(False),
        share_on_time=_share(reported.count(False), len(reported)),
        pooled=pooled,
        share_pooled=_share(pooled, len(rides)),
        saved_min=round(sum(map(_saved_s, shared)) / 60, 1) if shared else None,
        aboard_km=round(aboard_km, 3),
        empty_km=round(empty_km, 3),
        drivers=drivers,
        spread_h=round(max(hours) - min(hours), 4) if hours else None,
        gini=gini(hours),
        reserve_rides=reserve,
        share_reserve=_share(reserve, len(rides)),
    )


def lateness(
    *,
    anchor: str,
    scheduled_at: datetime,
    promised_until: datetime | None,
    served_at: datetime | None,
    delivered_at: datetime | None,
    policy: DispatchPolicy,
) -> timedelta | None:
    """Say how much later a client was served than agreed; negative when earlier.

    Anchored to a pickup: when the driver was reported there, against the end of the promise, or of
    the window around the requested time where nothing is promised. Anchored to an appointment: when
    the client was reported delivered, against the latest arrival before it. None if not reported.
    """
    if anchor == Anchor.ARRIVE_BY:
        due = scheduled_at - timedelta(minutes=policy.arrive_late_min)
        return None if delivered_at is None else delivered_at - due
    due = promised_until or scheduled_at + timedelta(minutes=policy.window_after_min)
    return None if served_at is None else served_at - due


def is_late(over: timedelta, policy: DispatchPolicy) -> bool:
    """A ride counts as late from `late_after_min` after what was agreed on."""
    return over > timedelta() and over >= timedelta(minutes=policy.late_after_min)


def gini(values: Sequence[float]) -> float | None:
    """Give the Gini coefficient of values that are not negative; None when all are 0."""
    total = sum(values)
    if not total:
        return None
    n = len(values)
    ranked = sum((2 * rank - n - 1) * value for rank, value in enumerate(sorted(values), start=1))
    return round(ranked / (n * total), 4)


def road_m(a: Point, b: Point) -> float:
    return distance_m(*a, *b) * ROAD.detour


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _pools(rides: Sequence[Ride]) -> dict[UUID, list[Ride]]:
    pools: dict[UUID, list[Ride]] = {}
    for ride in rides:
        pools.setdefault(ride.pool, []).append(ride)
    return pools


def _stops(rides: Sequence[Ride]) -> list[tuple[Point, int]]:
    """Give the places of a route in planned order, each with who boards (1) or leaves (-1)."""
    stops = [(ride.pickup_at, ride.pickup_at, ride.pickup, 1) for ride in rides]
    stops += [(ride.delivery_at, ride.ends_at, ride.delivery, -1) for ride in rides]
    stops.sort(key=lambda stop: stop[:2])
    return [(place, boards) for _, _, place, boards in stops]


def _saved_s(pool: Sequence[Ride]) -> int:
    together = [place for place, _ in _stops(pool)]
    ordered = sorted(pool, key=lambda ride: (ride.pickup_at, ride.booking))
    alone = [place for ride in ordered for place in (ride.pickup, ride.delivery)]
    return _driving_s(alone) - _driving_s(together)


def _driving_s(places: Sequence[Point]) -> int:
    return int(ROAD.seconds(np.array([road_m(a, b) for a, b in pairwise(places)])).sum())


def _kilometres(
    duties: Sequence[Duty], by_shift: Mapping[int, Sequence[Ride]]
) -> tuple[float, float]:
    driven = {True: 0.0, False: 0.0}
    for duty in duties:
        rides = by_shift[duty.shift]
        if rides:
            for is_aboard, metres in _legs(duty, rides):
                driven[is_aboard] += metres
    return driven[True] / 1000, driven[False] / 1000


def _legs(duty: Duty, rides: Sequence[Ride]) -> Iterator[tuple[bool, float]]:
    here, aboard = duty.start, 0
    for place, boards in _stops(rides):
        yield aboard > 0, road_m(here, place)
        here, aboard = place, aboard + boards
    yield False, road_m(here, duty.end)


def _shares(duties: Sequence[Duty], by_shift: Mapping[int, Sequence[Ride]]) -> dict[int, Share]:
    rides: Counter[int] = Counter()
    paid: dict[int, timedelta] = {}
    for duty in sorted(duties, key=lambda duty: duty.driver):
        own = by_shift[duty.shift]
        if own or not duty.is_reserve:
            rides[duty.driver] += len(own)
            paid[duty.driver] = paid.get(duty.driver, timedelta()) + _paid(own)
    return {
        driver: Share(rides[driver], round(length / timedelta(hours=1), 4))
        for driver, length in paid.items()
    }


def _paid(rides: Sequence[Ride]) -> timedelta:
    if not rides:
        return timedelta()
    first = min(ride.actual_pickup_at or ride.pickup_at for ride in rides)
    last = max(ride.actual_delivery_at or ride.ends_at for ride in rides)
    return last - first
