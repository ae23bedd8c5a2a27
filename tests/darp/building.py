"""Problems and routes small enough to redo by hand.

Places lie on a line, ten ticks apart: place 3 is 20 ticks from place 1.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from dispatch.darp.check import check
from dispatch.darp.plan import Cost, Plan, Route, Stop, StopKind
from dispatch.darp.problem import Driver, Problem, Request, TimeWindow, Vehicle

ANY = TimeWindow(0, 10_000)
UNPRICED = Cost((), 0.0)


def line(places: int = 8) -> np.ndarray:
    at = 10 * np.arange(places)
    return np.abs(at[:, None] - at[None, :])


def ride(pickup: int, delivery: int, **changes) -> Request:
    return replace(Request(pickup, delivery, ANY, ANY, (1,)), **changes)


def van(**changes) -> Vehicle:
    return replace(Vehicle(0, 0, ANY, ((2,),), driver=0), **changes)


def problem_of(requests, vehicles=None, **changes) -> Problem:
    vehicles = (van(),) if vehicles is None else tuple(vehicles)
    drivers = tuple(Driver() for _ in range(max(v.driver for v in vehicles) + 1))
    return Problem(
        **{
            "requests": tuple(requests),
            "vehicles": vehicles,
            "drivers": drivers,
            "travel": line(),
            **changes,
        }
    )


class Event(NamedTuple):
    """What a route does next; it waits until ``at`` where given, and leaves at ``leave``."""

    kind: StopKind
    request: int = -1
    at: int | None = None
    leave: int | None = None
    layout: int = 0


def pick(request: int, at: int | None = None, **more) -> Event:
    return Event(StopKind.PICKUP, request, at, **more)


def drop(request: int, at: int | None = None, **more) -> Event:
    return Event(StopKind.DELIVERY, request, at, **more)


def pause(at: int | None = None, **more) -> Event:
    return Event(StopKind.BREAK, -1, at, **more)


def route_of(problem: Problem, v: int, *events: Event, leave: int = 0) -> Route:
    """Drive through the events, leaving the start place at `leave`."""
    vehicle = problem.vehicles[v]
    stops = [Stop(StopKind.START, vehicle.start, leave, leave, leave)]
    for i, event in enumerate(events):
        place, service = stops[-1].place, 0
        if event.kind is StopKind.PICKUP:
            request = problem.requests[event.request]
            place, service = request.pickup, request.pickup_service
        elif event.kind is StopKind.DELIVERY:
            request = problem.requests[event.request]
            place, service = request.delivery, request.delivery_service
        else:
            service = vehicle.break_.duration if vehicle.break_ else 0
            place = vehicle.end if i == len(events) - 1 else place
        arrival = stops[-1].departure + int(problem.travel[stops[-1].place, place])
        start = arrival if event.at is None else event.at
        departure = start + service if event.leave is None else event.leave
        layout = event.layout if event.request >= 0 else -1
        stops.append(Stop(event.kind, place, arrival, start, departure, event.request, layout))
    back = stops[-1].departure + int(problem.travel[stops[-1].place, vehicle.end])
    return Route((*stops, Stop(StopKind.END, vehicle.end, back, back, back)))


def plan_of(problem: Problem, *routes: Route) -> Plan:
    """The given routes for the first vehicles; what they do not serve is unassigned."""
    routes += (Route(),) * (len(problem.vehicles) - len(routes))
    served = {stop.request for route in routes for stop in route.stops}
    unassigned = tuple(r for r in range(len(problem.requests)) if r not in served)
    return Plan(routes, unassigned, UNPRICED)


def broken(problem, *routes):
    return check(problem, plan_of(problem, *routes))


def aboard_problem(**changes):
    """Request 0 is aboard in layout 0 (one seat), request 1 may board at place 1."""
    requests = [ride(0, 3, aboard=True), ride(1, 4)]
    vehicle = van(layouts=((1,), (2,)), committed=(-1,), aboard_layout=0)
    return problem_of(requests, [replace(vehicle, **changes)])
