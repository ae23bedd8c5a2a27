"""A problem in which chosen rules bind nothing: for tests that each rule of the search is needed.

The search that leaves a rule out finds plans which ``check`` refuses. Nothing here is known to the
kernels: they search as ever, in a problem that asks for less.
"""

from collections.abc import Callable, Set
from dataclasses import replace

import numpy as np

from dispatch.darp.problem import Driver, Problem, Request, Rule, TimeWindow, Vehicle

# Far outside of any day, and far from where ticks overflow.
ALWAYS = TimeWindow(-(1 << 40), 1 << 40)

PAIRS = (
    Rule.SKILLS,
    Rule.EQUIPMENT,
    Rule.DOCUMENTS,
    Rule.REFUSED_DRIVER,
    Rule.RESERVE_OFF,
    Rule.LOCKED_ELSEWHERE,
)


def without(problem: Problem, off: Set[Rule]) -> Problem:
    """The same problem without these rules.

    Raises
    ------
    ValueError
        One of them is no rule, or is what makes a plan a plan.
    """
    known = {*PAIRS, *OF_REQUEST, *OF_VEHICLE, *OF_DRIVER, Rule.SHARING, Rule.COMMITTED}
    if unknown := set(off) - known:
        raise ValueError(f"not rules that can be switched off: {sorted(unknown)}")
    requests, vehicles, drivers = problem.requests, problem.vehicles, problem.drivers
    for rule in off:
        if rule in OF_REQUEST:
            requests = tuple(OF_REQUEST[rule](request) for request in requests)
        elif rule in OF_VEHICLE:
            vehicles = tuple(OF_VEHICLE[rule](vehicle) for vehicle in vehicles)
        elif rule in OF_DRIVER:
            drivers = tuple(OF_DRIVER[rule](driver) for driver in drivers)
        elif rule is Rule.COMMITTED:
            vehicles = tuple(_uncommitted(problem, vehicle) for vehicle in vehicles)
    return replace(
        problem,
        requests=requests,
        vehicles=vehicles,
        drivers=drivers,
        forbidden=np.where(np.isin(problem.forbidden, list(off)), Rule.NONE, problem.forbidden),
        may_share=problem.may_share | (Rule.SHARING in off),
    )


def _uncommitted(problem: Problem, vehicle: Vehicle) -> Vehicle:
    """Who is aboard cannot change vehicles; all else can."""
    aboard = tuple(s for s in vehicle.committed if problem.requests[abs(s) - 1].aboard)
    return replace(vehicle, committed=aboard, fixed=0)


def _weightless(request: Request) -> Request:
    return replace(request, load=(0,) * len(request.load))


def _any_time(vehicle: Vehicle) -> Vehicle:
    """Who is on the road already cannot have left before."""
    opens = ALWAYS.earliest if vehicle.started is None else vehicle.started
    return replace(vehicle, window=TimeWindow(opens, ALWAYS.latest))


OF_REQUEST: dict[Rule, Callable[[Request], Request]] = {
    Rule.CAPACITY: _weightless,
    Rule.PICKUP_WINDOW: lambda request: replace(request, pickup_window=ALWAYS),
    Rule.DELIVERY_WINDOW: lambda request: replace(request, delivery_window=ALWAYS),
    Rule.RIDE_TIME: lambda request: replace(request, max_ride=None),
    Rule.REQUIRES: lambda request: replace(request, requires=None),
}
OF_VEHICLE: dict[Rule, Callable[[Vehicle], Vehicle]] = {
    Rule.VEHICLE_WINDOW: _any_time,
    Rule.DURATION: lambda vehicle: replace(vehicle, max_duration=None),
    Rule.BREAK: lambda vehicle: replace(vehicle, break_=None),
    Rule.WAITING_ABOARD: lambda vehicle: replace(vehicle, max_wait_aboard=None),
}
OF_DRIVER: dict[Rule, Callable[[Driver], Driver]] = {
    Rule.MAX_REQUESTS: lambda driver: replace(driver, max_requests=None),
}
