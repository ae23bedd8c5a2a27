"""Shifts to vehicles: where each is now, who is aboard, and what it must keep."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from atmr.clock import local_day
from bookings.models import Booking
from bookings.states import BookingStatus
from dispatch.darp.problem import Break, Driver, TimeWindow, Vehicle
from dispatch.mapping.day import UNDER_WAY, Day, Places, capacity
from dispatch.mapping.requests import Requests
from dispatch.models import Assignment
from fleet.models import DriverKind, Shift

# Using one vehicle more must save this much driving.
VEHICLE_MIN = 5
_HEADING_FOR = frozenset({BookingStatus.EN_ROUTE, BookingStatus.ARRIVED})


def work_of(day: Day) -> dict[int, list[tuple[Booking, Assignment]]]:
    """Give the assigned bookings of each shift, those completed too, by planned pickup."""
    work: dict[int, list[tuple[Booking, Assignment]]] = {shift.pk: [] for shift in day.shifts}
    for booking in day.bookings:
        current = day.current(booking)
        if current is not None and current.shift_id in work:
            work[current.shift_id].append((booking, current))
    for rides in work.values():
        rides.sort(key=lambda ride: (ride[1].pickup_at, ride[0].pk))
    return work


def build_vehicles(
    day: Day, places: Places, requests: Requests, travel: Sequence[Sequence[int]]
) -> tuple[list[Vehicle], list[Driver]]:
    """Turn the shifts of a day into vehicles, and their drivers."""
    work = work_of(day)
    drivers: dict[int, int] = {}
    for shift in day.shifts:
        drivers.setdefault(shift.driver_id, len(drivers))
    vehicles = []
    for shift in day.shifts:
        rides = work[shift.pk]
        vehicle = _vehicle(
            day, places, shift, rides, driver=drivers[shift.driver_id], travel=travel
        )
        kept = [ride for ride in rides if day.is_committed(ride[0])]
        committed = tuple(signed_route(requests.index, kept))
        vehicle = replace(vehicle, committed=committed)
        if any(booking.status in UNDER_WAY for booking, _ in kept):
            begun = [ride for ride in rides if _has_begun(ride[0])]
            _, seen_at = _whereabouts(places, shift, begun)
            vehicle = _on_the_road(day, vehicle, seen_at, requests, travel)
        vehicles.append(vehicle)
    return vehicles, _drivers(day, work, drivers)


def _vehicle(
    day: Day,
    places: Places,
    shift: Shift,
    rides: Sequence[tuple[Booking, Assignment]],
    *,
    driver: int,
    travel: Sequence[Sequence[int]],
) -> Vehicle:
    layouts: list[dict[str, int]] = shift.layouts  # type: ignore[attr-defined]
    begun = [ride for ride in rides if _has_begun(ride[0])]
    reserve = shift.driver.kind == DriverKind.RESERVE
    wait_min = day.policy.max_wait_aboard_min
    earliest = day.ticks_up(max(shift.starts_at, day.now))
    return Vehicle(
        start=_whereabouts(places, shift, begun)[0],
        end=places.of(shift.end_place),
        window=TimeWindow(earliest, max(earliest, day.ticks(shift.ends_at))),
        layouts=tuple(capacity(layout) for layout in layouts),
        driver=driver,
        break_=_break(day, places, shift, begun, travel),
        max_duration=_work_limit_s(day, shift),
        fixed_cost=float(
            (0 if begun else VEHICLE_MIN) + (day.policy.reserve_penalty_min if reserve else 0)
        ),
        started=min(day.ticks(ride[1].pickup_at) for ride in begun) if begun else None,
        aboard_layout=_aboard_layout(layouts, rides),
        max_wait_aboard=None if wait_min is None else 60 * wait_min,
    )


def _on_the_road(
    day: Day,
    vehicle: Vehicle,
    seen_at: datetime,
    requests: Requests,
    travel: Sequence[Sequence[int]],
) -> Vehicle:
    """A vehicle that drives, or boards, since its last report: its next stop is decided.

    It comes there as if it had left when reported, but is not done there in the past.
    """
    next_stop = vehicle.committed[0]
    request = requests.requests[abs(next_stop) - 1]
    place = request.pickup if next_stop > 0 else request.delivery
    needs_s = travel[vehicle.start][place]
    booking = requests.bookings[abs(next_stop) - 1]
    current = day.current(booking)
    if booking.status in _HEADING_FOR and current is not None:
        seen_at = max(seen_at, _moved_at(booking, current))
    if booking.status == BookingStatus.ARRIVED:
        needs_s += request.pickup_service
    elif booking.status == BookingStatus.ON_BOARD:
        # Nobody reports to have reached the delivery: the client may be alighting.
        needs_s += request.delivery_service
    left = max(day.ticks_up(seen_at), day.ticks_up(day.now) - needs_s)
    earliest = min(vehicle.window.earliest, left)
    return replace(
        vehicle, window=TimeWindow(earliest, max(earliest, vehicle.window.latest)), fixed=1
    )


def _work_limit_s(day: Day, shift: Shift) -> int | None:
    """Give the shift's part of what its driver may work a day: two shifts share it by length."""
    limit_min = shift.driver.max_work_min_per_day
    if limit_min is None:
        return None
    on = local_day(shift.starts_at, day.company.tz)
    lengths = [
        other.ends_at - other.starts_at
        for other in day.shifts
        if other.driver_id == shift.driver_id and local_day(other.starts_at, day.company.tz) == on
    ]
    return int(60 * limit_min * ((shift.ends_at - shift.starts_at) / sum(lengths, timedelta())))


def _has_begun(booking: Booking) -> bool:
    return booking.status in UNDER_WAY or booking.status == BookingStatus.COMPLETED


def _whereabouts(
    places: Places, shift: Shift, begun: Sequence[tuple[Booking, Assignment]]
) -> tuple[int, datetime]:
    """Give where the vehicle was last, and when: by its position, else by a reported event."""
    last_at, last_place = shift.starts_at, places.of(shift.start_place)
    for booking, current in begun:
        reported = [(booking.actual_pickup_at, booking.pickup_place)]
        if booking.status == BookingStatus.ARRIVED:
            reported.append((_moved_at(booking, current), booking.pickup_place))
        if booking.status == BookingStatus.COMPLETED:
            reported.append(
                (booking.actual_delivery_at or current.delivery_at, booking.delivery_place)
            )
        for at, place in reported:
            if at is not None and at >= last_at:
                last_at, last_place = at, places.of(place)
    position: list[dict[str, float]] = shift.last_position  # type: ignore[attr-defined]
    if position and position[0]["at"] >= last_at.timestamp():
        seen_at = datetime.fromtimestamp(position[0]["at"], UTC)
        return places.index(position[0]["lat"], position[0]["lon"]), seen_at
    return last_place, last_at


def _moved_at(booking: Booking, current: Assignment) -> datetime:
    """When the driver reported to be on the way or there; as planned where nobody did."""
    reported: datetime | None = booking.reported_at  # type: ignore[attr-defined]
    return reported or current.pickup_at


def _aboard_layout(
    layouts: Sequence[dict[str, int]], rides: Sequence[tuple[Booking, Assignment]]
) -> int | None:
    ids = [layout["id"] for layout in layouts]
    for booking, current in rides:
        if booking.status == BookingStatus.ON_BOARD and current.layout_id in ids:
            return ids.index(current.layout_id)
    return None


def signed_route(index: dict[int, int], rides: Sequence[tuple[Booking, Assignment]]) -> list[int]:
    """Give rides as signed requests in planned order; `index` numbers the bookings from 0.

    A driver who stands at a pickup, or is on the way to one with nobody aboard, goes on with that
    before anything else.
    """
    first = _first_pickup(rides)
    events: list[tuple[bool, datetime, int, int]] = []
    for booking, current in rides:
        if booking.pk not in index:
            continue
        number = index[booking.pk] + 1
        if booking.status != BookingStatus.ON_BOARD:
            events.append((booking is not first, current.pickup_at, 0, number))
        events.append((True, current.delivery_at, 1, -number))
    return [event[3] for event in sorted(events)]


def _first_pickup(rides: Sequence[tuple[Booking, Assignment]]) -> Booking | None:
    """The pickup that a driver is at or drives to: of several that were reported, the next."""
    aboard = any(booking.status == BookingStatus.ON_BOARD for booking, _ in rides)
    reported = {BookingStatus.ARRIVED} if aboard else _HEADING_FOR
    heading = [ride for ride in rides if ride[0].status in reported]
    heading.sort(key=lambda ride: (ride[0].status != BookingStatus.ARRIVED, ride[1].pickup_at))
    return heading[0][0] if heading else None


def _break(
    day: Day,
    places: Places,
    shift: Shift,
    begun: Sequence[tuple[Booking, Assignment]],
    travel: Sequence[Sequence[int]],
) -> Break | None:
    """Give the break still to come, or what is left of it; one whose window has passed is over."""
    if not shift.break_min or shift.break_from_at is None or shift.break_until_at is None:
        return None
    duration = timedelta(minutes=shift.break_min)
    for start, end in _idle(day, places, shift, begun, travel):
        rested = min(end, shift.break_until_at) - max(start, shift.break_from_at)
        if rested >= duration:
            return None
        # A break that could not begin any more has begun, if the driver does nothing else.
        if end == day.now and rested > timedelta() and end + duration > shift.break_until_at:
            duration -= rested
    latest = day.ticks(shift.break_until_at - duration)
    earliest = day.ticks_up(max(shift.break_from_at, day.now))
    if earliest > latest:
        return None
    return Break(TimeWindow(earliest, latest), int(duration.total_seconds()))


def _idle(
    day: Day,
    places: Places,
    shift: Shift,
    begun: Sequence[tuple[Booking, Assignment]],
    travel: Sequence[Sequence[int]],
) -> Iterator[tuple[datetime, datetime]]:
    """When the driver had nothing to do until now: no client, and no drive to one."""
    free, place = shift.starts_at, places.of(shift.start_place)
    for booking, current in begun:
        pickup, drive_s = places.of(booking.pickup_place), 0
        busy = current.pickup_at
        if booking.status == BookingStatus.EN_ROUTE:
            busy = _moved_at(booking, current)
        else:
            drive_s = travel[place][pickup]
        yield free, min(busy - timedelta(seconds=drive_s), day.now)
        free = max(free, booking.actual_delivery_at or current.ends_at)
        place = places.of(booking.delivery_place)
    if not any(booking.status in UNDER_WAY for booking, _ in begun):
        yield free, day.now


def _drivers(
    day: Day,
    work: dict[int, list[tuple[Booking, Assignment]]],
    index: dict[int, int],
) -> list[Driver]:
    drivers: list[Driver] = [Driver()] * len(index)
    for shift in day.shifts:
        done = sum(
            1
            for other in day.shifts
            if other.driver_id == shift.driver_id
            for booking, _ in work[other.pk]
            if booking.status == BookingStatus.COMPLETED
        )
        limits = [
            limit
            for limit in (day.policy.max_bookings_per_driver, shift.driver.max_bookings_per_day)
            if limit is not None
        ]
        drivers[index[shift.driver_id]] = Driver(
            max_requests=max(0, min(limits) - done) if limits else None,
            past_paid=int(sum(shift.past_paid_s)),  # type: ignore[attr-defined]
            past_duty=int(sum(shift.past_duty_s)),  # type: ignore[attr-defined]
        )
    return drivers
