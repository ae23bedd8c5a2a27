"""OR-Tools' routing library: guided local search over pickups and deliveries.

A ride limit is a bound between two cumulated times; a break is an interval, with whoever is aboard.
"""

from collections.abc import Iterator
from time import perf_counter
from typing import Any

import numpy as np
from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from benchmarks.peers.asking import (
    Reply,
    between,
    fixed_ticks,
    is_optional,
    origin,
    places_of,
    prizes,
)
from dispatch.darp.problem import Problem

TIME = "time"
NOT_OPTIONAL = False


def route(problem: Problem, budget_s: float, seed: int) -> Reply:  # noqa: ARG001 - it has none
    """Ask for the cheapest driving within the budget; building the model is part of it.

    Where its start serves nobody unless it serves all, others are tried, then one that need not.
    """
    began = perf_counter()
    reply = Reply([[] for _ in problem.vehicles])
    for optional, start in _starts(problem):
        model = _Model(problem, optional=optional)
        trace = model.watch(began)
        left = budget_s - (perf_counter() - began)
        found = model.routing.SolveWithParameters(_parameters(start, max(0.05, left)))
        if found is not None:
            return Reply(model.signed(found), None, trace)
    return reply


def _starts(problem: Problem) -> Iterator[tuple[bool, int]]:
    starts = routing_enums_pb2.FirstSolutionStrategy
    if not is_optional(problem):
        yield False, starts.PARALLEL_CHEAPEST_INSERTION
        yield False, starts.LOCAL_CHEAPEST_INSERTION
    yield True, starts.PARALLEL_CHEAPEST_INSERTION


def _parameters(start: int, left_s: float) -> Any:
    asked = pywrapcp.DefaultRoutingSearchParameters()
    asked.first_solution_strategy = start
    asked.local_search_metaheuristic = (
        routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    )
    asked.time_limit.FromMilliseconds(round(1000 * left_s))
    return asked


class _Model:
    """Nodes are the pickups, then the deliveries, then the places where vehicles start and end."""

    def __init__(self, problem: Problem, *, optional: bool) -> None:
        self.problem = problem
        # What leaving a request out costs at either end; none where all must be served.
        self.worth = prizes(problem) if optional else []
        self.first = origin(problem)
        n = len(problem.requests)
        ends = sorted({p for vehicle in problem.vehicles for p in (vehicle.start, vehicle.end)})
        self.places = [request.pickup for request in problem.requests]
        self.places += [request.delivery for request in problem.requests]
        self.places += ends
        self.services = [request.pickup_service for request in problem.requests]
        self.services += [request.delivery_service for request in problem.requests]
        self.services += [0] * len(ends)
        self.manager = pywrapcp.RoutingIndexManager(
            len(self.places),
            len(problem.vehicles),
            [2 * n + ends.index(vehicle.start) for vehicle in problem.vehicles],
            [2 * n + ends.index(vehicle.end) for vehicle in problem.vehicles],
        )
        self.routing = pywrapcp.RoutingModel(self.manager)
        self.solver = self.routing.solver()
        self.time = self._time()
        self._loads()
        self._vehicles()
        self._requests()

    def _time(self) -> Any:
        travel = self.problem.travel[np.ix_(self.places, self.places)].astype(np.int64)
        self.routing.SetArcCostEvaluatorOfAllVehicles(
            self.routing.RegisterTransitMatrix(travel.tolist())
        )
        with_service = travel + np.array(self.services, np.int64)[:, None]
        horizon = max(vehicle.window.latest for vehicle in self.problem.vehicles) - self.first
        self.routing.AddDimension(
            self.routing.RegisterTransitMatrix(with_service.tolist()),
            horizon,
            horizon,
            fix_start_cumul_to_zero=False,
            name=TIME,
        )
        return self.routing.GetDimensionOrDie(TIME)

    def _loads(self) -> None:
        ends = [0] * (len(self.places) - 2 * len(self.problem.requests))
        for k in range(len(self.problem.vehicles[0].layouts[0])):
            loads = [request.load[k] for request in self.problem.requests]
            asked = self.routing.RegisterUnaryTransitVector([*loads, *(-u for u in loads), *ends])
            places = [places_of(vehicle)[k] for vehicle in self.problem.vehicles]
            self.routing.AddDimensionWithVehicleCapacity(
                asked, 0, places, fix_start_cumul_to_zero=True, name=f"load {k}"
            )

    def _vehicles(self) -> None:
        visits = [self.services[self.manager.IndexToNode(i)] for i in range(self.routing.Size())]
        for v, vehicle in enumerate(self.problem.vehicles):
            opens, closes = between(vehicle.window, self.first)
            self.time.CumulVar(self.routing.Start(v)).SetRange(opens, closes)
            self.time.CumulVar(self.routing.End(v)).SetRange(opens, closes)
            self.routing.SetFixedCostOfVehicle(fixed_ticks(self.problem, vehicle), v)
            if vehicle.max_duration is not None:
                self.time.SetSpanUpperBoundForVehicle(vehicle.max_duration, v)
            if vehicle.break_ is not None:
                starts = between(vehicle.break_.window, self.first)
                pause = self.solver.FixedDurationIntervalVar(
                    *starts, vehicle.break_.duration, NOT_OPTIONAL, f"break {v}"
                )
                self.time.SetBreakIntervalsOfVehicle([pause], v, visits)

    def _requests(self) -> None:
        everybody = len(self.problem.vehicles)
        for r, request in enumerate(self.problem.requests):
            pickup, delivery = self._ends(r)
            self.routing.AddPickupAndDelivery(pickup, delivery)
            vehicle_of = self.routing.VehicleVar
            self.solver.Add(vehicle_of(pickup) == vehicle_of(delivery))
            boards, leaves = self.time.CumulVar(pickup), self.time.CumulVar(delivery)
            self.solver.Add(boards <= leaves)
            boards.SetRange(*between(request.pickup_window, self.first))
            leaves.SetRange(*between(request.delivery_window, self.first))
            if request.max_ride is not None:
                self.solver.Add(leaves <= boards + request.pickup_service + request.max_ride)
            open_to = [v for v in range(everybody) if not self.problem.forbidden[r, v]]
            for end in (pickup, delivery):
                if self.worth:
                    self.routing.AddDisjunction([end], self.worth[r])
                if len(open_to) < everybody:  # its SetAllowedVehiclesForIndex takes no list
                    vehicle_of(end).SetValues([-1, *open_to])

    def _ends(self, r: int) -> tuple[int, int]:
        n = len(self.problem.requests)
        return self.manager.NodeToIndex(r), self.manager.NodeToIndex(n + r)

    def watch(self, began: float) -> list[tuple[float, int, float]]:
        """Note each better plan, its penalties told from its cost."""
        trace: list[tuple[float, int, float]] = []
        best = [float("inf")]

        def note() -> None:
            cost = self.routing.CostVar().Min()
            if cost < best[0]:
                best[0] = cost
                missed = [r for r in range(len(self.worth)) if self._is_missed(r)]
                driven = float(cost - 2 * sum(self.worth[r] for r in missed))
                trace.append((perf_counter() - began, len(missed), driven))

        self.routing.AddAtSolutionCallback(note)
        return trace

    def _is_missed(self, r: int) -> bool:
        return bool(self.routing.ActiveVar(self._ends(r)[0]).Value() == 0)

    def signed(self, found: Any) -> list[list[int]]:
        """The routes of an answer; of none at all, empty ones."""
        n = len(self.problem.requests)
        routes: list[list[int]] = [[] for _ in self.problem.vehicles]
        for v, mine in enumerate(routes if found is not None else []):
            index = found.Value(self.routing.NextVar(self.routing.Start(v)))
            while not self.routing.IsEnd(index):
                node = self.manager.IndexToNode(index)
                mine.append(node + 1 if node < n else n - node - 1)
                index = found.Value(self.routing.NextVar(index))
        return routes
