"""A day's rows to one dial-a-ride problem."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atmr.geo import bearings_deg
from bookings.models import Booking
from dispatch.darp.problem import Problem, Rule, Weights
from dispatch.mapping.day import Day, Places, may_pool
from dispatch.mapping.requests import Requests, build_requests
from dispatch.mapping.vehicles import build_vehicles
from dispatch.travel import TravelTimes
from fleet.models import DriverKind, Shift

# Prices beside the policy's, in minutes of driving (or per minute).
WORKING = 0.2
WAITING_ABOARD = 0.5
PREFERRED_DRIVER_MIN = 15.0
SAME_DRIVER_MIN = 5.0
# Rides that go further apart than this never share a vehicle.
SAME_DIRECTION_DEG = 90.0


@dataclass(frozen=True)
class MappedDay:
    """A problem, and which booking and shift each of its requests and vehicles is."""

    day: Day
    problem: Problem
    bookings: list[Booking]
    shifts: list[Shift]
    unplannable: list[tuple[Booking, str]]
    travel_source: str

    def index(self) -> dict[int, int]:
        return {booking.pk: number for number, booking in enumerate(self.bookings)}


def build(day: Day, travel: TravelTimes) -> MappedDay:
    """Turn a day's rows into a problem."""
    places = _places(day)
    travel_s = travel.matrix_s(np.array(places.lat), np.array(places.lon))
    driving = travel_s.tolist()
    requests = build_requests(day, places, driving)
    vehicles, drivers = build_vehicles(day, places, requests, driving)
    policy = day.policy
    per_tick = 1 / 60
    problem = Problem(
        requests=tuple(requests.requests),
        vehicles=tuple(vehicles),
        drivers=tuple(drivers),
        travel=travel_s,
        forbidden=_forbidden(day, requests),
        assign_cost=_assign_cost(day, requests),
        may_share=_may_share(day, requests, places),
        pairs=tuple(
            (requests.index[booking.outbound_id], number)
            for number, booking in enumerate(requests.bookings)
            if booking.outbound_id in requests.index
        ),
        weights=Weights(
            driving_tick=per_tick,
            working_tick=WORKING * per_tick,
            waiting_aboard_tick=WAITING_ABOARD * per_tick,
            moved_promise=float(policy.move_promise_min),
            split_pair=SAME_DRIVER_MIN,
            fairness=policy.fairness_weight * per_tick,
        ),
    )
    return MappedDay(
        day=day,
        problem=problem,
        bookings=requests.bookings,
        shifts=list(day.shifts),
        unplannable=requests.unplannable,
        travel_source=travel.source,
    )


def _places(day: Day) -> Places:
    """Collect every point of the day before the travel times are asked for."""
    places = Places()
    for booking in day.bookings:
        places.of(booking.pickup_place)
        places.of(booking.delivery_place)
    for shift in day.shifts:
        places.of(shift.start_place)
        places.of(shift.end_place)
        for position in shift.last_position:  # type: ignore[attr-defined]
            places.index(position["lat"], position["lon"])
    return places


def _forbidden(day: Day, requests: Requests) -> NDArray[np.uint8]:
    """Say which rule keeps a booking from a shift, whatever the route."""
    shifts = day.shifts
    forbidden = np.zeros((len(requests.bookings), len(shifts)), np.uint8)
    shift_rule = np.array([_rule_of_shift(day, shift) for shift in shifts], np.uint8)
    rows: dict[tuple[tuple[str, ...], tuple[str, ...]], NDArray[np.uint8]] = {}
    driver_ids = np.array([shift.driver_id for shift in shifts], np.int64)
    shift_ids = np.array([shift.pk for shift in shifts], np.int64)
    for number, booking in enumerate(requests.bookings):
        needs = (tuple(booking.skills), tuple(booking.equipment))
        if needs not in rows:
            rows[needs] = np.array([_rule_of_needs(shift, *needs) for shift in shifts], np.uint8)
        row = np.where(shift_rule > 0, shift_rule, rows[needs])
        refused = booking.refused_ids  # type: ignore[attr-defined]
        if refused:
            row = np.where((row == 0) & np.isin(driver_ids, refused), Rule.REFUSED_DRIVER, row)
        current = day.current(booking)
        if current is not None and day.is_committed(booking):
            elsewhere = (row == 0) & (shift_ids != current.shift_id)
            row = np.where(elsewhere, Rule.LOCKED_ELSEWHERE, row)
        forbidden[number] = row
    return forbidden


def _rule_of_shift(day: Day, shift: Shift) -> Rule:
    """Say what keeps every booking from a shift."""
    driver, vehicle = shift.driver, shift.vehicle
    duty_day = shift.starts_at.astimezone(day.company.tz).date()
    papers_out = (
        shift.has_expired_document  # type: ignore[attr-defined]
        or (vehicle.inspection_day is not None and vehicle.inspection_day < duty_day)
        or vehicle.licence_category not in driver.licence_categories
        or not (driver.active and vehicle.active)
    )
    if papers_out:
        return Rule.DOCUMENTS
    if driver.kind == DriverKind.RESERVE and not day.policy.reserve_drivers:
        return Rule.RESERVE_OFF
    return Rule.NONE


def _rule_of_needs(shift: Shift, skills: tuple[str, ...], equipment: tuple[str, ...]) -> Rule:
    if not set(skills) <= set(shift.driver.skills):
        return Rule.SKILLS
    if not set(equipment) <= set(shift.vehicle.equipment):
        return Rule.EQUIPMENT
    return Rule.NONE


def _assign_cost(day: Day, requests: Requests) -> NDArray[np.float64]:
    """Price a driver who is not preferred, and one who is not the driver announced."""
    cost = np.zeros((len(requests.bookings), len(day.shifts)))
    driver_ids = np.array([shift.driver_id for shift in day.shifts], np.int64)
    for number, booking in enumerate(requests.bookings):
        preferred = booking.preferred_ids  # type: ignore[attr-defined]
        if preferred:
            cost[number] += np.where(np.isin(driver_ids, preferred), 0.0, PREFERRED_DRIVER_MIN)
        current = day.current(booking)
        if current is not None:
            other = driver_ids != current.driver_id
            cost[number] += np.where(other, float(day.policy.change_driver_min), 0.0)
    return cost


def _may_share(day: Day, requests: Requests, places: Places) -> NDArray[np.bool_]:
    """Say which bookings may ride together: pooling on, neither rides alone, one direction."""
    bookings = requests.bookings
    if not day.policy.pooling:
        return np.zeros((len(bookings), len(bookings)), np.bool_)
    pools = np.array([may_pool(booking) for booking in bookings], np.bool_)
    bearing = bearings_deg(places.lat, places.lon)
    heading = np.array([bearing[request.pickup, request.delivery] for request in requests.requests])
    apart = np.abs(np.subtract.outer(heading, heading))
    apart = np.minimum(apart, 360.0 - apart)
    shared: NDArray[np.bool_] = np.logical_and.outer(pools, pools) & (apart <= SAME_DIRECTION_DEG)
    return shared
