"""PyVRP: shipments with windows on shifts of limited length; neither ride limits nor breaks."""

import logging
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from pyvrp import (
    Depot,
    Location,
    PenaltyParams,
    ProblemData,
    Shipment,
    Solution,
    SolveParams,
    VehicleType,
    solve,
)
from pyvrp.IteratedLocalSearch import IteratedLocalSearchCallbacks, IteratedLocalSearchParams
from pyvrp.stop import MaxRuntime

from benchmarks.peers.asking import (
    Reply,
    between,
    fixed_ticks,
    is_optional,
    origin,
    places_of,
    prizes,
)
from dispatch.darp.problem import Problem, TimeWindow, Vehicle

# It writes its log to standard error by itself, past what masks ours.
logging.getLogger("pyvrp").handlers.clear()


def route(problem: Problem, budget_s: float, seed: int) -> Reply:
    """Ask for the cheapest driving within the budget."""
    began = perf_counter()
    data, fleet = _data(problem)
    watch = _Watch(began, len(problem.requests))
    found = solve(
        data,
        MaxRuntime(max(0.0, budget_s - (perf_counter() - began))),
        seed=seed,
        collect_stats=False,
        params=SolveParams(
            IteratedLocalSearchParams(callbacks=watch),
            # Its default suits units of distance, and a unit of load is worth many ticks.
            PenaltyParams(max_penalty=max(100_000.0, 10.0 * problem.travel.max(initial=1))),
        ),
    )
    return Reply(_signed(problem, fleet, found.best), found.num_iterations, watch.trace)


class _Watch(IteratedLocalSearchCallbacks):
    """Notes the feasible plans on the way."""

    def __init__(self, began: float, requests: int) -> None:
        self.began = began
        self.requests = requests
        self.trace: list[tuple[float, int, float]] = []

    def on_best(self, best: Solution) -> None:
        if best.is_feasible():
            served = best.num_shipments()
            cost = float(best.distance() + best.fixed_vehicle_cost())
            self.trace.append((perf_counter() - self.began, self.requests - served, cost))


def _data(problem: Problem) -> tuple[ProblemData, list[list[int]]]:
    """The problem as PyVRP has it, and for each of its kinds of vehicle ours of that kind.

    A request has two locations of its own, so that what forbids it to a vehicle can be a drive
    that never ends.
    """
    n, first = len(problem.requests), origin(problem)
    depots = sorted(
        {place for vehicle in problem.vehicles for place in (vehicle.start, vehicle.end)}
    )
    places = [request.pickup for request in problem.requests]
    places += [request.delivery for request in problem.requests]
    places += depots
    travel = problem.travel[np.ix_(places, places)].astype(np.int64)
    kinds: dict[tuple, list[int]] = {}
    for v, vehicle in enumerate(problem.vehicles):
        kinds.setdefault(_kind(vehicle, problem.forbidden[:, v]), []).append(v)
    fleet = list(kinds.values())
    # A drive longer than any shift; more of it would upset what its penalties begin with.
    never = max(vehicle.window.latest for vehicle in problem.vehicles) - first + 1
    columns: dict[bytes, int] = {}
    matrices: list[NDArray[np.int64]] = []
    types = []
    for of_kind in fleet:
        v = of_kind[0]
        forbidden = np.flatnonzero(problem.forbidden[:, v])
        profile = columns.setdefault(forbidden.tobytes(), len(matrices))
        if profile == len(matrices):
            matrices.append(_closed(travel, forbidden, n, never))
        types.append(_type(problem, v, len(of_kind), depots, profile))
    data = ProblemData(
        [Location(0, 0) for _ in places],
        [],
        [Depot(2 * n + k) for k in range(len(depots))],
        types,
        matrices,  # type: ignore[arg-type]  # its stubs take the shape for a number
        matrices,  # type: ignore[arg-type]
        [],
        _shipments(problem, first),
    )
    return data, fleet


def _kind(vehicle: Vehicle, forbidden: NDArray[np.uint8]) -> tuple:
    return (
        vehicle.start, vehicle.end, vehicle.window, *places_of(vehicle), vehicle.max_duration,
        vehicle.fixed_cost, (forbidden > 0).tobytes(),
    )  # fmt: skip


def _closed(
    travel: NDArray[np.int64], forbidden: NDArray[np.intp], n: int, never: int
) -> NDArray[np.int64]:
    matrix = travel.copy()
    for at in (forbidden, forbidden + n):
        matrix[at, :] = never
        matrix[:, at] = never
    np.fill_diagonal(matrix, 0)
    return matrix


def _type(problem: Problem, v: int, count: int, depots: list[int], profile: int) -> VehicleType:
    vehicle = problem.vehicles[v]
    opens, closes = between(vehicle.window, origin(problem))
    longest = closes - opens if vehicle.max_duration is None else vehicle.max_duration
    return VehicleType(
        count,
        places_of(vehicle),
        depots.index(vehicle.start),
        depots.index(vehicle.end),
        fixed_cost=fixed_ticks(problem, vehicle),
        tw_early=opens,
        tw_late=closes,
        shift_duration=longest,
        profile=profile,
    )


def _shipments(problem: Problem, first: int) -> list[Shipment]:
    n, optional, worth = len(problem.requests), is_optional(problem), prizes(problem)

    def ends(window: TimeWindow, service: int) -> tuple[int, int, int]:
        return (*between(window, first), service)

    return [
        Shipment(
            r,
            n + r,
            *ends(request.pickup_window, request.pickup_service),
            *ends(request.delivery_window, request.delivery_service),
            list(request.load),
            worth[r] if optional else 0,
            required=not optional,
        )
        for r, request in enumerate(problem.requests)
    ]


def _signed(problem: Problem, fleet: list[list[int]], plan: Solution) -> list[list[int]]:
    routes: list[list[int]] = [[] for _ in problem.vehicles]
    free = [list(of_kind) for of_kind in fleet]
    for way in plan.routes():
        mine = routes[free[way.vehicle_type()].pop(0)]
        for stop in way.schedule():
            if stop.is_pickup():
                mine.append(stop.idx + 1)
            elif stop.is_delivery():
                mine.append(-stop.idx - 1)
    return routes
