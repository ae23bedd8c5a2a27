"""The rows that planning a day reads, and how they become the optimiser's numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from accounts.models import Company
from bookings.models import Booking, Mobility
from bookings.states import BookingStatus
from dispatch.darp.problem import TimeWindow
from dispatch.models import Assignment, DispatchPolicy, Lock
from fleet.models import Place, Shift

UNDER_WAY = frozenset({BookingStatus.EN_ROUTE, BookingStatus.ARRIVED, BookingStatus.ON_BOARD})


@dataclass(frozen=True)
class Day:
    """One company's day as it was read: bookings with their ``current`` assignment, and shifts.

    ``origin`` is tick 0, the first instant of the day, and ``until`` the first one after it;
    ``now`` what time it is for the plan.
    """

    company: Company
    origin: datetime
    until: datetime
    now: datetime
    policy: DispatchPolicy
    bookings: Sequence[Booking]
    shifts: Sequence[Shift]

    def ticks(self, instant: datetime) -> int:
        """Give whole seconds since the service day began, rounded down."""
        return math.floor((instant - self.origin).total_seconds())

    def ticks_up(self, instant: datetime) -> int:
        return math.ceil((instant - self.origin).total_seconds())

    def instant(self, ticks: int) -> datetime:
        return self.origin + timedelta(seconds=ticks)

    def current(self, booking: Booking) -> Assignment | None:
        """Give the live assignment of a booking, or the one it was completed with."""
        found: Assignment | None = booking.current  # type: ignore[attr-defined]
        return found

    def is_frozen(self, booking: Booking) -> bool:
        """Work under way, pickups within the freeze horizon, and other days' rides stay."""
        current = self.current(booking)
        if current is None or booking.status == BookingStatus.COMPLETED:
            return False
        if booking.status in UNDER_WAY or not self.origin <= booking.scheduled_at < self.until:
            return True
        return current.pickup_at < self.now + timedelta(minutes=self.policy.freeze_min)

    def keeps_times(self, booking: Booking) -> bool:
        """The planned times bind a run: locked with them or frozen, and not yet under way."""
        current = self.current(booking)
        return (
            current is not None
            and booking.status not in UNDER_WAY
            and (current.lock == Lock.TIMES or self.is_frozen(booking))
        )

    def is_committed(self, booking: Booking) -> bool:
        """The booking must stay with the shift it has."""
        current = self.current(booking)
        return current is not None and (current.lock != Lock.NONE or self.is_frozen(booking))


@dataclass
class Places:
    """Points of the travel matrix; places at the same coordinates are one."""

    lat: list[float] = field(default_factory=list)
    lon: list[float] = field(default_factory=list)
    _index: dict[tuple[float, float], int] = field(default_factory=dict)

    def index(self, lat: float, lon: float) -> int:
        found = self._index.get((lat, lon))
        if found is None:
            found = self._index[lat, lon] = len(self.lat)
            self.lat.append(lat)
            self.lon.append(lon)
        return found

    def of(self, place: Place) -> int:
        return self.index(place.lat, place.lon)


def service_s(policy: DispatchPolicy, booking: Booking) -> tuple[int, int]:
    """Give the seconds of service at the pickup and at the delivery of a booking."""
    extra = booking.client.boarding_min
    if booking.mobility in {Mobility.WHEELCHAIR, Mobility.FOLDING_WHEELCHAIR}:
        extra += policy.wheelchair_extra_min
    elif booking.mobility == Mobility.STRETCHER:
        extra += policy.stretcher_extra_min

    def minutes(own: int | None, place: Place, default: int) -> int:
        if own is not None:
            return own + extra
        return (default if place.service_min is None else place.service_min) + extra

    return (
        60 * minutes(booking.pickup_service_min, booking.pickup_place, policy.service_pickup_min),
        60
        * minutes(
            booking.delivery_service_min, booking.delivery_place, policy.service_delivery_min
        ),
    )


def load(booking: Booking) -> tuple[int, int, int, int]:
    """Give seats, wheelchair places, stretchers, and seats with wheelchair places together.

    A folding wheelchair travels folded, its owner on a seat; companions take seats. The last
    number is what lets a person sit in a free wheelchair place, where the layout says so.
    """
    wheelchairs = int(booking.mobility == Mobility.WHEELCHAIR)
    stretchers = int(booking.mobility == Mobility.STRETCHER)
    seats = booking.companions + (0 if wheelchairs or stretchers else 1)
    return seats, wheelchairs, stretchers, seats + wheelchairs


def capacity(layout: dict[str, int]) -> tuple[int, int, int, int]:
    """Give the room of a layout in the resources of `load`."""
    seats, wheelchairs = layout["seats"], layout["wheelchairs"]
    for_seats = seats + wheelchairs if layout["seat_in_wheelchair_place"] else seats
    return for_seats, wheelchairs, layout["stretchers"], seats + wheelchairs


def max_ride_s(policy: DispatchPolicy, booking: Booking, direct_s: int) -> int:
    """Give the longest ride allowed, never shorter than the direct one."""
    limit = min(
        60 * policy.max_ride_min,
        math.floor(policy.max_ride_factor * direct_s) + 60 * policy.max_ride_plus_min,
    )
    if policy.pooling and may_pool(booking):
        limit = min(limit, direct_s + 60 * policy.max_detour_min)
    return max(limit, direct_s)


def may_pool(booking: Booking) -> bool:
    return not (booking.exclusive or booking.infectious)


def narrowed(window: TimeWindow, *, earliest: int) -> TimeWindow | None:
    """Give the part of a window from `earliest` on; None when nothing is left."""
    if earliest > window.latest:
        return None
    return TimeWindow(max(window.earliest, earliest), window.latest)
