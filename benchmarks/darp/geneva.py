"""A day of Geneva as a pure problem: real public places, invented homes, people and shifts.

The demonstration's own demand, whose diaries prove that every trip can be served, becomes requests
and vehicles by the rules of the default policy with pooling on; no database is asked.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from random import Random

import numpy as np
from numpy.typing import NDArray

from atmr.geo import bearings_deg
from bookings.models import Anchor, Mobility
from dispatch.darp.problem import (
    Break,
    Driver,
    Problem,
    Request,
    Rule,
    TimeWindow,
    Vehicle,
    Weights,
)
from dispatch.demo.demand import invent_demand
from dispatch.demo.geneva import Spot, spots
from dispatch.demo.people import invent_people
from dispatch.demo.roster import SHIFTS, LayoutPattern, driver_kind, driver_skills
from dispatch.demo.trips import Diaries, Diary, Trip
from dispatch.mapping.problem import SAME_DIRECTION_DEG, SAME_DRIVER_MIN, WAITING_ABOARD, WORKING
from dispatch.mapping.vehicles import VEHICLE_MIN
from dispatch.travel import GreatCircle
from fleet.models import DriverKind

# The default policy, in minutes.
BEFORE, AFTER, EARLY = 5, 10, 30
RIDE_FACTOR, RIDE_PLUS, LONGEST_RIDE, DETOUR = 1.5, 15, 90, 15
RESERVE, FAIRNESS = 60.0, 0.3
PRIORITIES = {"normal": 0, "medical": 1, "urgent": 2, "emergency": 3}
_DAY = date(2026, 3, 9)
# A load that leaves no room for anybody else, in a resource of its own.
WHOLE = 16


class TooFewDrivers(ValueError):
    """The diaries of so many drivers cannot hold so many bookings."""


def geneva_day(bookings: int, drivers: int, seed: int) -> Problem:
    """Invent a day on which every booking can be served; the same numbers give the same day.

    Raises
    ------
    TooFewDrivers
        Somebody would have to be left out.
    """
    rng = Random(f"{seed} {bookings} {drivers}")  # noqa: S311 - a game of chance, no secret
    bases = spots("depot")
    diaries = [
        Diary(number, SHIFTS[number % len(SHIFTS)], bases[number % len(bases)])
        for number in range(drivers)
    ]
    # Some are invented that nobody can serve: as many more, and they are left out again.
    asked = bookings
    while asked - _unservable(asked) < bookings:
        asked += 1
    demand = invent_demand(
        rng, bookings=asked, people=invent_people(rng, _DAY), diaries=Diaries(diaries)
    )
    if demand.overbooked:
        raise TooFewDrivers(f"{drivers} drivers cannot serve {bookings} bookings")
    trips = [trip for trip in demand.trips if trip.confirmed and trip not in demand.unservable]
    return _problem(trips, diaries)


def _unservable(bookings: int) -> int:
    return max(1, bookings // 100) if bookings >= 50 else 0


def _problem(trips: Sequence[Trip], diaries: Sequence[Diary]) -> Problem:
    ends = [spot for trip in trips for spot in (trip.pickup, trip.delivery)]
    index: dict[Spot, int] = {}
    for spot in (*ends, *(diary.base for diary in diaries)):
        index.setdefault(spot, len(index))
    lat, lon = (np.array([getattr(spot, name) for spot in index]) for name in ("lat", "lon"))
    travel = GreatCircle().matrix_s(lat, lon)
    number = {trip: r for r, trip in enumerate(trips)}
    requests = [_request(trip, index, travel) for trip in trips]
    for r, trip in enumerate(trips):
        if trip.outbound in number:
            requests[r] = _after(requests[r], requests, trip.outbound, number[trip.outbound])
    bearing = bearings_deg(lat, lon)
    per_tick = 1 / 60
    return Problem(
        requests=tuple(requests),
        vehicles=tuple(_vehicle(diary, index) for diary in diaries),
        drivers=tuple(Driver() for _ in diaries),
        travel=travel,
        forbidden=_forbidden(trips, diaries),
        may_share=_may_share(
            trips, np.array([bearing[request.pickup, request.delivery] for request in requests])
        ),
        pairs=tuple(
            (number[trip.outbound], r) for r, trip in enumerate(trips) if trip.outbound in number
        ),
        weights=Weights(
            driving_tick=per_tick,
            working_tick=WORKING * per_tick,
            waiting_aboard_tick=WAITING_ABOARD * per_tick,
            split_pair=SAME_DRIVER_MIN,
            fairness=FAIRNESS * per_tick,
        ),
    )


def _request(trip: Trip, index: dict[Spot, int], travel: NDArray[np.int32]) -> Request:
    pickup, delivery = index[trip.pickup], index[trip.delivery]
    direct, service, at = int(travel[pickup, delivery]), 60 * trip.service_min, 60 * trip.at
    ride = min(60 * LONGEST_RIDE, int(RIDE_FACTOR * direct) + 60 * RIDE_PLUS)
    if _may_pool(trip):
        ride = min(ride, direct + 60 * DETOUR)
    ride = max(ride, direct)
    if trip.anchor == Anchor.ARRIVE_BY:
        end = TimeWindow(at - service - 60 * EARLY, at - service)
        begin = TimeWindow(end.earliest - ride - service, end.latest - direct - service)
    else:
        begin = TimeWindow(at - 60 * BEFORE, at + 60 * AFTER)
        end = TimeWindow(begin.earliest + service + direct, begin.latest + service + ride)
    return Request(
        pickup=pickup,
        delivery=delivery,
        pickup_window=begin,
        delivery_window=end,
        load=_load(trip),
        pickup_service=service,
        delivery_service=service,
        max_ride=ride,
        priority=PRIORITIES[trip.priority.value],
    )


def _after(request: Request, requests: list[Request], outbound: Trip, number: int) -> Request:
    """A return is picked up when the outbound has surely ended, if that leaves it any time."""
    out = requests[number]
    free = max(out.delivery_window.latest + out.delivery_service, 60 * (outbound.ends or 0))
    window = request.pickup_window
    if free > window.latest:
        return request
    return replace(
        request,
        pickup_window=TimeWindow(max(free, window.earliest), window.latest),
        requires=number,
    )


def _may_pool(trip: Trip) -> bool:
    return not (trip.exclusive or trip.infectious)


def _load(trip: Trip) -> tuple[int, ...]:
    """Seats, wheelchair places, stretchers, seats with wheelchair places together."""
    wheelchair = int(trip.person.mobility == Mobility.WHEELCHAIR)
    stretcher = int(trip.person.mobility == Mobility.STRETCHER)
    seats = trip.person.companions + (0 if wheelchair or stretcher else 1)
    return seats, wheelchair, stretcher, seats + wheelchair


def _room(layout: LayoutPattern) -> tuple[int, ...]:
    together = layout.seats + layout.wheelchairs
    for_seats = together if layout.seat_in_wheelchair_place else layout.seats
    return for_seats, layout.wheelchairs, layout.stretchers, together


def _vehicle(diary: Diary, index: dict[Spot, int]) -> Vehicle:
    shift, base = diary.shift, index[diary.base]
    reserve = driver_kind(diary.number) == DriverKind.RESERVE
    latest = shift.break_until - shift.break_min
    return Vehicle(
        start=base,
        end=base,
        window=TimeWindow(60 * shift.start, 60 * shift.end),
        layouts=tuple(_room(layout) for layout in diary.vehicle.layouts),
        driver=diary.number,
        break_=Break(TimeWindow(60 * shift.break_from, 60 * latest), 60 * shift.break_min),
        fixed_cost=VEHICLE_MIN + (RESERVE if reserve else 0.0),
    )


def _forbidden(trips: Sequence[Trip], diaries: Sequence[Diary]) -> NDArray[np.uint8]:
    forbidden = np.zeros((len(trips), len(diaries)), np.uint8)
    for v, diary in enumerate(diaries):
        skills, equipment = set(driver_skills(diary.number)), set(diary.vehicle.equipment)
        for r, trip in enumerate(trips):
            if not set(trip.skills) <= skills:
                forbidden[r, v] = Rule.SKILLS
            elif not set(trip.equipment) <= equipment:
                forbidden[r, v] = Rule.EQUIPMENT
    return forbidden


def _may_share(trips: Sequence[Trip], heading: NDArray[np.float64]) -> NDArray[np.bool_]:
    pools = np.array([_may_pool(trip) for trip in trips], np.bool_)
    apart = np.abs(np.subtract.outer(heading, heading))
    apart = np.minimum(apart, 360.0 - apart)
    shared: NDArray[np.bool_] = np.logical_and.outer(pools, pools) & (apart <= SAME_DIRECTION_DEG)
    return shared


def for_peers(problem: Problem) -> Problem:
    """The same day, narrowed until any plan that keeps windows and capacities is feasible.

    - Ride limits: of the two windows the wider gives way, until the end of the later is no further
      from the beginning of the earlier than service and the longest ride. Whoever keeps these
      windows keeps the limit, which is dropped.
    - Breaks: a shift is two, before and after a break at the base in the middle of its window.
    - Layouts: each vehicle has its first alone.
    - Who may not share: those who share with nobody fill a resource of their own; all others may.
    - Pairs, waiting, fairness, priorities, requirements: dropped. The cost is seconds of driving.
    """
    loads = np.where(problem.may_share.any(axis=1), 1, WHOLE).tolist()
    halves = [(v, half) for v, vehicle in enumerate(problem.vehicles) for half in _halves(vehicle)]
    return replace(
        problem,
        requests=tuple(
            replace(
                _narrowed(request, int(problem.travel[request.pickup, request.delivery])),
                load=(*request.load, loads[r]),
                priority=0,
                requires=None,
            )
            for r, request in enumerate(problem.requests)
        ),
        vehicles=tuple(
            replace(half, layouts=((*half.layouts[0], WHOLE),), fixed_cost=0.0)
            for _, half in halves
        ),
        forbidden=problem.forbidden[:, [v for v, _ in halves]],
        assign_cost=problem.assign_cost[:, [v for v, _ in halves]],
        may_share=np.ones_like(problem.may_share),
        pairs=(),
        weights=Weights(),
    )


def _halves(vehicle: Vehicle) -> list[Vehicle]:
    if vehicle.break_ is None:
        return [vehicle]
    ends = sum(vehicle.break_.window) // 2
    (opens, closes), resumes = vehicle.window, ends + vehicle.break_.duration
    return [
        replace(vehicle, break_=None, window=TimeWindow(*window))
        for window in ((opens, ends), (resumes, closes))
    ]


def _narrowed(request: Request, direct: int) -> Request:
    """Windows that imply the ride limit, each still reached from the other."""
    if request.max_ride is None:
        return request
    (opens, closes), (earliest, latest) = request.pickup_window, request.delivery_window
    span = request.pickup_service + request.max_ride
    if closes - opens <= latest - earliest:
        latest = max(earliest, min(latest, opens + span))
    opens = max(opens, latest - span)
    closes = max(opens, min(closes, latest - request.pickup_service - direct))
    return replace(
        request,
        pickup_window=TimeWindow(opens, closes),
        delivery_window=TimeWindow(earliest, latest),
        max_ride=None,
    )
