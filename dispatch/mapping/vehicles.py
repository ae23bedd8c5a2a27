"""Shifts to vehicles: where each is now, who is aboard, and what it must keep."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

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
    day: Day, places: Places, requests: Requests
) -> tuple[list[Vehicle], list[Driver]]:
    """Turn the shifts of a day into vehicles, and their drivers."""
    work = work_of(day)
    drivers: dict[int, int] = {}
    for shift in day.shifts:
        drivers.setdefault(shift.driver_id, len(drivers))
    vehicles = []
    for shift in day.shifts:
        rides = work[shift.pk]
        vehicle = _vehicle(day, places, shift, rides, drivers[shift.driver_id])
        committed, fixed = _committed(day, requests, rides)
        vehicles.append(replace(vehicle, committed=committed, fixed=fixed))
    return vehicles, _drivers(day, work, drivers)


def _vehicle(
    day: Day,
    places: Places,
    shift: Shift,
    rides: Sequence[tuple[Booking, Assignment]],
    driver: int,
) -> Vehicle:
    layouts: list[dict[str, int]] = shift.layouts  # type: ignore[attr-defined]
    begun = [ride for ride in rides if _has_begun(ride[0])]
    reserve = shift.driver.kind == DriverKind.RESERVE
    earliest = day.ticks_up(max(shift.starts_at, day.now))
    work_min = shift.driver.max_work_min_per_day
    return Vehicle(
        start=_whereabouts(places, shift, begun),
        end=places.of(shift.end_place),
        window=TimeWindow(earliest, max(earliest, day.ticks(shift.ends_at))),
        layouts=tuple(capacity(layout) for layout in layouts),
        driver=driver,
        break_=_break(day, shift),
        max_duration=None if work_min is None else 60 * work_min,
        fixed_cost=float(
            (0 if begun else VEHICLE_MIN) + (day.policy.reserve_penalty_min if reserve else 0)
        ),
        started=min(day.ticks(ride[1].pickup_at) for ride in begun) if begun else None,
        aboard_layout=_aboard_layout(layouts, rides),
    )


def _has_begun(booking: Booking) -> bool:
    return booking.status in UNDER_WAY or booking.status == BookingStatus.COMPLETED


def _whereabouts(places: Places, shift: Shift, begun: Sequence[tuple[Booking, Assignment]]) -> int:
    """Give where the vehicle is: by its last position, else by its last reported event."""
    last_at, last_place = shift.starts_at, places.of(shift.start_place)
    for booking, current in begun:
        reported = [(booking.actual_pickup_at, booking.pickup_place)]
        if booking.status == BookingStatus.ARRIVED:
            reported.append((current.pickup_at, booking.pickup_place))
        if booking.status == BookingStatus.COMPLETED:
            reported.append(
                (booking.actual_delivery_at or current.delivery_at, booking.delivery_place)
            )
        for at, place in reported:
            if at is not None and at >= last_at:
                last_at, last_place = at, places.of(place)
    position: list[dict[str, float]] = shift.last_position  # type: ignore[attr-defined]
    if position and position[0]["at"] >= last_at.timestamp():
        return places.index(position[0]["lat"], position[0]["lon"])
    return last_place


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

    A driver who is on the way to a pickup, or stands there, goes on to it before anything else.
    """
    events: list[tuple[bool, datetime, int, int]] = []
    for booking, current in rides:
        if booking.pk not in index:
            continue
        number = index[booking.pk] + 1
        if booking.status != BookingStatus.ON_BOARD:
            events.append((booking.status not in _HEADING_FOR, current.pickup_at, 0, number))
        events.append((True, current.delivery_at, 1, -number))
    return [event[3] for event in sorted(events)]


def _committed(
    day: Day, requests: Requests, rides: Sequence[tuple[Booking, Assignment]]
) -> tuple[tuple[int, ...], int]:
    """Give the signed requests the vehicle must keep, in planned order, and how many come first."""
    kept = [ride for ride in rides if day.is_committed(ride[0])]
    heading = any(booking.status in _HEADING_FOR for booking, _ in kept)
    return tuple(signed_route(requests.index, kept)), int(heading)


def _break(day: Day, shift: Shift) -> Break | None:
    """Give the break still to come; one whose window has passed was taken or missed."""
    if not shift.break_min or shift.break_from_at is None or shift.break_until_at is None:
        return None
    duration = 60 * shift.break_min
    latest = day.ticks(shift.break_until_at) - duration
    earliest = day.ticks_up(max(shift.break_from_at, day.now))
    if earliest > latest:
        return None
    return Break(TimeWindow(earliest, latest), duration)


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
