"""A company's day as the database has it, judged from outside.

Nothing here is shared with what plans: the rows are read plainly, and every rule is written anew
from its description. A few seconds of tolerance keep rounding out of it.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

from accounts.models import Company
from bookings.models import Anchor, Booking, Mobility
from bookings.states import BookingStatus
from dispatch.models import Assignment, DispatchPolicy
from fleet.models import DriverKind, Place, Position, Shift, ShiftStatus

TOLERANCE_S = 2
HAS_DRIVER = {"assigned", "en_route", "arrived", "on_board"}
BEGUN = {"en_route", "arrived", "on_board", "completed"}


@dataclass(frozen=True, order=True)
class Broken:
    """One rule that the day breaks: whose, and by how many seconds or pieces."""

    rule: str
    subject: str
    amount: int = 1

    @property
    def key(self) -> tuple[str, str]:
        return self.rule, self.subject


@dataclass(frozen=True)
class _Stop:
    at: datetime
    leaves: datetime
    place: Place
    ride: Assignment
    boards: bool


def broken_rules(
    company: Company, day: date, *, now: datetime | None = None, **settings: Any
) -> list[Broken]:
    """List what the live and completed rides of a day break; `settings` override the policy.

    With `now` the day is under way: where a van that is driving will be free is not known here, so
    the drive that follows work under way is not judged, and nobody leaves a base before `now`.
    """
    policy = DispatchPolicy.objects.filter(company=company).first() or DispatchPolicy()
    for name, value in settings.items():
        setattr(policy, name, value)
    start = datetime.combine(day, time.min, company.tz)
    end = datetime.combine(day + timedelta(days=1), time.min, company.tz)
    rides = list(
        Assignment.objects.filter(
            company=company,
            status__in=["live", "done"],
            shift__starts_at__lt=end,
            shift__ends_at__gt=start,
        ).select_related(
            "booking__client", "booking__pickup_place", "booking__delivery_place",
            "booking__outbound",
            "shift__start_place", "shift__end_place", "shift__vehicle",
            "driver", "layout",
        ).prefetch_related("booking__client__refused_drivers", "driver__documents")
    )  # fmt: skip
    return sorted(set(_all(company, policy, rides, start, end, now)))


def _all(
    company: Company,
    policy: DispatchPolicy,
    rides: list[Assignment],
    start: datetime,
    end: datetime,
    now: datetime | None,
) -> Iterator[Broken]:
    yield from _records(company, rides, start, end)
    for ride in rides:
        if ride.status == "live":
            yield from _windows(policy, ride)
            yield from _ride_limit(policy, ride)
            yield from _suitable(company, policy, ride)
    of_shift: dict[Shift, list[Assignment]] = {}
    for ride in rides:
        of_shift.setdefault(ride.shift, []).append(ride)
    work: Counter[tuple[int, date]] = Counter()
    for shift, own in of_shift.items():
        stops = _stops(policy, own)
        yield from _drives(shift, stops, now)
        yield from _waits(policy, shift, stops, now)
        yield from _rest(shift, stops, now)
        yield from _together(policy, shift, own)
        ordered = [ride.sequence for ride in sorted(own, key=lambda r: r.pickup_at)]
        if ordered != sorted(ordered):
            yield Broken("sequence", str(shift.pk))
        work[shift.driver_id, shift.starts_at.astimezone(company.tz).date()] += _work_s(
            shift, stops
        )
    yield from _limits(policy, rides, work)
    yield from _returns(company, rides)


def drive_s(a: Place, b: Place) -> int:
    """Seconds on the road: the great circle and a third more, faster the farther it goes."""
    phi, psi = math.radians(a.lat), math.radians(b.lat)
    lam = math.radians(b.lon - a.lon)
    h = math.sin((psi - phi) / 2) ** 2 + math.cos(phi) * math.cos(psi) * math.sin(lam / 2) ** 2
    left_m = 1.35 * 2 * 6_371_008.8 * math.asin(math.sqrt(h))
    seconds = 0.0
    for length_m, kmh in ((3_000, 22), (7_000, 35), (20_000, 60), (math.inf, 85)):
        part = min(left_m, length_m)
        seconds += part * 3.6 / kmh
        left_m -= part
    return math.ceil(seconds - 1e-3)


def _service(policy: DispatchPolicy, booking: Booking, *, pickup: bool) -> timedelta:
    own = booking.pickup_service_min if pickup else booking.delivery_service_min
    place = booking.pickup_place if pickup else booking.delivery_place
    minutes = policy.service_pickup_min if pickup else policy.service_delivery_min
    if place.service_min is not None:
        minutes = place.service_min
    if own is not None:
        minutes = own
    minutes += booking.client.boarding_min
    if booking.mobility in (Mobility.WHEELCHAIR, Mobility.FOLDING_WHEELCHAIR):
        minutes += policy.wheelchair_extra_min
    if booking.mobility == Mobility.STRETCHER:
        minutes += policy.stretcher_extra_min
    return timedelta(minutes=minutes)


def _seconds(length: timedelta) -> int:
    return int(length.total_seconds())


def _over(rule: str, subject: object, length: timedelta) -> Iterator[Broken]:
    if _seconds(length) > TOLERANCE_S:
        yield Broken(rule, str(subject), _seconds(length))


def _records(
    company: Company, rides: list[Assignment], start: datetime, end: datetime
) -> Iterator[Broken]:
    """Booking, assignment and shift tell the same story."""
    live = Counter(
        Assignment.objects.filter(company=company, status="live").values_list(
            "booking_id", flat=True
        )
    )
    of_day = Booking.objects.filter(company=company, scheduled_at__range=(start, end))
    for booking in of_day:
        if live[booking.pk] != int(booking.status in HAS_DRIVER):
            yield Broken("status", booking.reference, live[booking.pk])
    for ride in rides:
        reference = ride.booking.reference
        if ride.status == "done" and ride.booking.status != BookingStatus.COMPLETED:
            yield Broken("status", reference)
        if ride.status == "live" and (
            ride.driver_id != ride.shift.driver_id
            or ride.layout.vehicle_id != ride.shift.vehicle_id
            or ride.shift.status != ShiftStatus.PLANNED
            or {ride.booking.company_id, ride.shift.company_id} != {company.pk}
        ):
            yield Broken("shift", reference)


def _windows(policy: DispatchPolicy, ride: Assignment) -> Iterator[Broken]:
    booking = ride.booking
    if booking.anchor == Anchor.ARRIVE_BY:
        done_by = booking.appointment_at - _service(policy, booking, pickup=False)
        early = done_by - timedelta(minutes=policy.arrive_early_min) - ride.delivery_at
        late = ride.delivery_at - (done_by - timedelta(minutes=policy.arrive_late_min))
    else:
        wanted = booking.requested_pickup_at
        early = wanted - timedelta(minutes=policy.window_before_min) - ride.pickup_at
        late = ride.pickup_at - wanted - timedelta(minutes=policy.window_after_min)
    yield from _over("window", booking.reference, max(early, late))
    service = _service(policy, booking, pickup=False)
    yield from _over("service", booking.reference, ride.delivery_at + service - ride.ends_at)


def _ride_limit(policy: DispatchPolicy, ride: Assignment) -> Iterator[Broken]:
    booking = ride.booking
    direct = drive_s(booking.pickup_place, booking.delivery_place)
    limit = min(
        60 * policy.max_ride_min, policy.max_ride_factor * direct + 60 * policy.max_ride_plus_min
    )
    if policy.pooling and not (booking.exclusive or booking.infectious):
        limit = min(limit, direct + 60 * policy.max_detour_min)
    aboard = ride.delivery_at - ride.pickup_at - _service(policy, booking, pickup=True)
    yield from _over("ride", booking.reference, aboard - timedelta(seconds=max(limit, direct)))


def _suitable(company: Company, policy: DispatchPolicy, ride: Assignment) -> Iterator[Broken]:
    booking, driver, vehicle = ride.booking, ride.driver, ride.shift.vehicle
    on = ride.shift.starts_at.astimezone(company.tz).date()
    faults = {
        "skills": set(booking.skills) - set(driver.skills),
        "equipment": set(booking.equipment) - set(vehicle.equipment),
        "documents": (
            any(paper.expires_day < on for paper in driver.documents.all())
            or (vehicle.inspection_day and vehicle.inspection_day < on)
            or vehicle.licence_category not in driver.licence_categories
            or not (driver.active and vehicle.active)
        ),
        "refused": driver in booking.client.refused_drivers.all(),
        "reserve": driver.kind == DriverKind.RESERVE and not policy.reserve_drivers,
    }
    for rule, fault in faults.items():
        if fault:
            yield Broken(rule, booking.reference)


def _stops(policy: DispatchPolicy, rides: list[Assignment]) -> list[_Stop]:
    stops = []
    for ride in rides:
        booking = ride.booking
        boarded = ride.pickup_at + _service(policy, booking, pickup=True)
        stops.append(_Stop(ride.pickup_at, boarded, booking.pickup_place, ride, boards=True))
        stops.append(
            _Stop(ride.delivery_at, ride.ends_at, booking.delivery_place, ride, boards=False)
        )
    return sorted(stops, key=lambda stop: (stop.at, stop.leaves, stop.boards))


def _drive(a: Place, b: Place) -> timedelta:
    return timedelta(seconds=drive_s(a, b))


def _drives(shift: Shift, stops: list[_Stop], now: datetime | None) -> Iterator[Broken]:
    """From the base to each stop in turn and back, in time and within the shift."""
    for one, two in pairwise(stops):
        if now is not None and one.ride.booking.status in BEGUN:
            continue
        arrives = one.leaves + _drive(one.place, two.place)
        yield from _over("drive", two.ride.booking.reference, arrives - two.at)
    first, last = stops[0], stops[-1]
    leaves = shift.starts_at
    seen = now is not None and Position.objects.filter(shift=shift).exists()
    if now is not None and first.ride.booking.status not in BEGUN and not seen:
        leaves = max(leaves, now)
    if now is None or (first.ride.booking.status not in BEGUN and not seen):
        arrives = leaves + _drive(shift.start_place, first.place)
        yield from _over("drive", first.ride.booking.reference, arrives - first.at)
    back = last.leaves + _drive(last.place, shift.end_place)
    yield from _over("shift_end", shift.pk, back - shift.ends_at)


def _waits(
    policy: DispatchPolicy, shift: Shift, stops: list[_Stop], now: datetime | None
) -> Iterator[Broken]:
    """Nobody is kept waiting in a vehicle that stands at somebody's door for too long."""
    if policy.max_wait_aboard_min is None:
        return
    limit = timedelta(minutes=policy.max_wait_aboard_min)
    aboard: set[int] = set()
    for one, two in pairwise(stops):
        (aboard.add if one.boards else aboard.discard)(one.ride.pk)
        if aboard and (now is None or one.ride.booking.status not in BEGUN):
            waited = two.at - one.leaves - _drive(one.place, two.place)
            yield from _over("wait", shift.pk, waited - limit)


def _work_s(shift: Shift, stops: list[_Stop]) -> int:
    first, last = stops[0], stops[-1]
    left = first.at - _drive(shift.start_place, first.place)
    return _seconds(last.leaves + _drive(last.place, shift.end_place) - left)


def _rest(shift: Shift, stops: list[_Stop], now: datetime | None) -> Iterator[Broken]:
    """Somewhere in its window the break fits, with nobody aboard."""
    if not shift.break_min or shift.break_from_at is None or shift.break_until_at is None:
        return
    length = timedelta(minutes=shift.break_min)
    if now is not None and (
        now > shift.break_until_at - length or any(s.ride.booking.status in BEGUN for s in stops)
    ):
        return
    aboard: set[int] = set()
    free, place = shift.starts_at, shift.start_place
    end = _Stop(shift.ends_at, shift.ends_at, shift.end_place, stops[-1].ride, boards=False)
    for stop in [*stops, end]:
        drive = _drive(place, stop.place)
        if not aboard:
            here = max(free, shift.break_from_at) + length
            there = max(free + drive, shift.break_from_at) + length
            slack = timedelta(seconds=TOLERANCE_S)
            if here <= shift.break_until_at and here + drive <= stop.at + slack:
                return
            if there <= min(shift.break_until_at, stop.at + slack):
                return
        (aboard.add if stop.boards else aboard.discard)(stop.ride.pk)
        free, place = stop.leaves, stop.place
    yield Broken("break", str(shift.pk))


def _together(policy: DispatchPolicy, shift: Shift, rides: list[Assignment]) -> Iterator[Broken]:
    """Who rides with whom may, in one layout that holds them all."""
    live = sorted((r for r in rides if r.status == "live"), key=lambda r: (r.pickup_at, r.pk))
    for number, ride in enumerate(live):
        aboard = [r for r in live[: number + 1] if r.ends_at > ride.pickup_at]
        if len({r.layout_id for r in aboard}) > 1 or len({r.pool for r in aboard}) > 1:
            yield Broken("pool", ride.booking.reference)
        if not _holds(ride, aboard):
            yield Broken("capacity", ride.booking.reference)
        for other in aboard[:-1]:
            if not _may_share(policy, ride.booking, other.booking):
                pair = sorted([ride.booking.reference, other.booking.reference])
                yield Broken("sharing", " ".join(pair))


def _holds(ride: Assignment, aboard: list[Assignment]) -> bool:
    layout = ride.layout
    kinds = Counter(r.booking.mobility for r in aboard)
    wheelchairs, stretchers = kinds[Mobility.WHEELCHAIR], kinds[Mobility.STRETCHER]
    seats = sum(r.booking.companions for r in aboard) + len(aboard) - wheelchairs - stretchers
    room = layout.seats
    if layout.seat_in_wheelchair_place:
        room += max(0, layout.wheelchairs - wheelchairs)
    return wheelchairs <= layout.wheelchairs and stretchers <= layout.stretchers and seats <= room


def _may_share(policy: DispatchPolicy, one: Booking, two: Booking) -> bool:
    alone = any(b.exclusive or b.infectious for b in (one, two))
    apart = abs(_heading(one) - _heading(two)) % 360
    return policy.pooling and not alone and min(apart, 360 - apart) <= 90.01


def _heading(booking: Booking) -> float:
    a, b = booking.pickup_place, booking.delivery_place
    phi, psi = math.radians(a.lat), math.radians(b.lat)
    lam = math.radians(b.lon - a.lon)
    north = math.cos(phi) * math.sin(psi) - math.sin(phi) * math.cos(psi) * math.cos(lam)
    return math.degrees(math.atan2(math.sin(lam) * math.cos(psi), north)) % 360


def _limits(
    policy: DispatchPolicy, rides: list[Assignment], work: Counter[tuple[int, date]]
) -> Iterator[Broken]:
    drivers = {ride.driver_id: ride.driver for ride in rides}
    count = Counter(ride.driver_id for ride in rides)
    for pk, driver in drivers.items():
        for limit in (policy.max_bookings_per_driver, driver.max_bookings_per_day):
            if limit is not None and count[pk] > limit:
                yield Broken("limit", str(pk), count[pk] - limit)
    for (pk, _day), seconds in work.items():
        limit = drivers[pk].max_work_min_per_day
        if limit is not None:
            yield from _over("work", pk, timedelta(seconds=seconds - 60 * limit))


def _returns(company: Company, rides: list[Assignment]) -> Iterator[Broken]:
    by_booking = {ride.booking_id: ride for ride in rides}
    for ride in rides:
        booking = ride.booking
        if booking.outbound is None or ride.status == "done":
            continue
        outbound = booking.outbound
        carried = outbound.status in HAS_DRIVER or outbound.status == BookingStatus.COMPLETED
        if not carried and not booking.stands_alone:
            yield Broken("outbound", booking.reference)
        there = by_booking.get(outbound.pk)
        if there is not None and there.status == "live" and not booking.stands_alone:
            free = max(there.ends_at, outbound.appointment_ends_at or there.ends_at)
            yield from _over("return", booking.reference, free - ride.pickup_at)
