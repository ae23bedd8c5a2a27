"""Large neighbourhood search over compiled kernels; ``solve`` is the entry point.

Regret insertion builds a plan; then requests that are related, expensive, or neighbours in a
route are taken out and enter again, by regret or one after the other, and a plan a little worse
than the best may be kept (record-to-record travel). Some times in a budget the routes seen are put
together anew (set partitioning).

References
----------
.. [1] Ropke and Pisinger (2006), An adaptive large neighborhood search heuristic for the pickup
   and delivery problem with time windows. Transportation Science 40(4), 455-472.
.. [2] Gschwind and Drexl (2019), Adaptive large neighborhood search with a constant-time
   feasibility test for the dial-a-ride problem. Transportation Science 53(2), 480-491.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from threading import Thread
from time import perf_counter
from types import ModuleType
from typing import NamedTuple

import numpy as np

from dispatch.darp import kernel
from dispatch.darp.arrays import flatten, new_state, new_work
from dispatch.darp.cost import cost
from dispatch.darp.insertion import Weigher
from dispatch.darp.plan import Cost, Plan
from dispatch.darp.problem import Driver, Problem, Request, TimeWindow, Vehicle
from dispatch.darp.quote import quote
from dispatch.darp.schedule import as_row, codes, evaluate, scheduled
from dispatch.darp.stop import Limit


class Progress(NamedTuple):
    """A better plan has been found."""

    seconds: float
    iterations: int
    unassigned: int
    total: float


@dataclass(frozen=True, slots=True)
class Parameters:
    """How the search is conducted.

    ``tolerance``: by what share of the best cost a plan may be worse at the beginning and still be
    kept; it falls to ``cooling`` of that over the budget. ``largest``: most requests taken out at
    once. ``recombine_at``: after which shares of a budget routes are put together anew, each time
    for ``recombine_share`` of it, where that is ``recombine_least_s`` or more.
    """

    tolerance: float = 0.03
    cooling: float = 0.02
    largest: int = 14
    largest_share: float = 0.4
    regret: int = 3
    removals: tuple[float, ...] = (0.40, 0.40, 0.05, 0.03, 0.05, 0.07)
    blink: float = 0.01
    depth: int = 4
    rank_power: float = 3.0
    longest: int = 10
    regret_share: float = 0.3
    recombine_at: tuple[float, ...] = (0.5, 0.75, 0.9)
    recombine_share: float = 0.1
    recombine_least_s: float = 0.05
    chunk_s: float = 0.02


DEFAULTS = Parameters()


@dataclass(frozen=True, slots=True)
class Solution:
    """A feasible plan and what it took."""

    plan: Plan
    iterations: int
    seconds: float


def solve(
    problem: Problem,
    *,
    initial: Plan | None = None,
    budget_s: float | None = None,
    iterations: int | None = None,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    parameters: Parameters = DEFAULTS,
) -> Solution:
    """Find a good feasible plan.

    With a budget or a number of iterations of 0 the plan is only constructed, from ``initial``
    where given. With a limit by iterations alone, the same problem and seed give the same plan.

    Raises
    ------
    ValueError
        The committed work of a vehicle cannot be followed in its order.
    """
    warm_up()
    search = _Search(problem, seed, initial)
    search.begin(initial, parameters.regret)
    search.improve(Limit(budget_s, iterations), parameters, progress)
    return Solution(search.best(), int(search.state.clock[1]), search.elapsed())


class _Search:
    """One call of ``solve``: the problem in arrays, the plan at hand, and room to change it."""

    def __init__(self, problem: Problem, seed: int, initial: Plan | None = None) -> None:
        self.began = perf_counter()
        self.problem = problem
        self.data = flatten(problem)
        given = initial.routes if initial is not None else ()
        longest = max((len(route.stops) for route in given), default=0) + 4
        self.state = new_state(self.data, seed, longest)
        self.work = new_work(self.data, longest=longest)
        requires = self.data.request[:, kernel.REQUIRES]
        self.work.counts[kernel.REQUIRED] = (requires >= 0).sum()

    def elapsed(self) -> float:
        return perf_counter() - self.began

    def begin(self, initial: Plan | None, regret: int) -> None:
        """Set every route: what is committed, the given plan as far as it is feasible, the rest."""
        n = len(self.problem.requests)
        for v, vehicle in enumerate(self.problem.vehicles):
            if not self._set(v, codes(vehicle.committed, n)):
                raise ValueError(f"the committed work of vehicle {v} cannot be followed")
            for signed in vehicle.committed:
                if signed < 0:
                    self.state.vehicle_of[-signed - 1] = v
                    self.state.driver_load[vehicle.driver] += 1
        if initial is not None:
            for v, route in enumerate(initial.routes):
                self._adopt(v, route.signed())
        kernel.act(self.data, self.state, self.work, kernel.BUILD, regret, 0)

    def _set(self, v: int, stops: list[int]) -> bool:
        row = as_row(stops, self.state.base.shape[1])
        return bool(
            kernel.loads_fit(self.data, self.state, v, row, len(stops))
            and kernel.set_route(self.data, self.state, v, row, len(stops))
        )

    def _adopt(self, v: int, signed: tuple[int, ...]) -> None:
        """Take over a given route: in its order if that is feasible, else request by request."""
        vehicle = self.problem.vehicles[v]
        mine = {abs(s) - 1 for s in vehicle.committed}
        wanted = [s for s in signed if abs(s) - 1 in mine or self._is_free(abs(s) - 1, v)]
        new = [s - 1 for s in wanted if s > 0 and s - 1 not in mine]
        driven = self.state.driver_load[vehicle.driver] + len(new)
        if (
            driven <= self.data.driver_max[vehicle.driver]
            and _keeps(vehicle, wanted)
            and _is_whole(wanted)
            and self._set(v, codes(wanted, len(self.problem.requests)))
        ):
            self.state.vehicle_of[new] = v
            self.state.driver_load[vehicle.driver] = driven
            return
        for r in dict.fromkeys(new):
            kernel.act(self.data, self.state, self.work, kernel.ADOPT, r, v)

    def _is_free(self, r: int, v: int) -> bool:
        return bool(self.state.vehicle_of[r] < 0 and not self.problem.forbidden[r, v])

    def improve(
        self, limit: Limit, parameters: Parameters, progress: Callable[[Progress], None] | None
    ) -> None:
        """Search until the limit is spent."""
        work, n = self.work, len(self.problem.requests)
        largest = max(min(n, 4), min(parameters.largest, int(n * parameters.largest_share)))
        work.tune[:] = (
            *parameters.removals, parameters.blink, parameters.depth, parameters.rank_power,
            parameters.longest, parameters.regret_share,
        )  # fmt: skip
        stages = self._stages(limit, parameters)
        if stages:
            Thread(target=load_solver).start()
        rounds, reported = 10, -1
        while True:
            done, improved = int(self.state.clock[1]), int(work.counts[kernel.IMPROVED])
            elapsed = self.elapsed()
            if progress is not None and improved != reported:
                reported = improved
                progress(self._progress(elapsed))
            spent = limit.spent(elapsed, done, done - improved)
            if spent >= 1.0 or n == 0:
                return
            if stages and spent >= stages[0]:
                stages.pop(0)
                self._recombine(parameters.recombine_share * (limit.budget_s or 0.0))
                continue
            work.values[kernel.THRESHOLD] = (
                parameters.tolerance * parameters.cooling**spent * work.values[kernel.BEST_COST]
            )
            rounds = limit.rounds(done, rounds)
            kernel.act(self.data, self.state, work, kernel.IMPROVE, rounds, largest)
            took = max(self.elapsed() - elapsed, 1e-6)
            rounds = int(min(10.0 * rounds, max(1.0, rounds * parameters.chunk_s / took)))

    def _stages(self, limit: Limit, parameters: Parameters) -> list[float]:
        """At which shares of the budget routes are put together anew.

        A limit by iterations promises the same plan each time, a solver with a clock does not.
        """
        least = parameters.recombine_least_s / parameters.recombine_share
        if limit.iterations is not None or limit.budget_s is None or limit.budget_s < least:
            return []
        return list(parameters.recombine_at)

    def _recombine(self, time_s: float) -> None:
        """Put routes seen together anew; the search goes on from there if that is better."""
        given = dict(load_solver().recombine(self.data, self.work, time_s))
        if not given:
            return
        m, width = self.state.size.shape[0], self.state.base.shape[1]
        kept = [self.state.base[v, : self.state.size[v]].tolist() for v in range(m)]
        if self.work.counts[kernel.POOLED] > 0.8 * len(self.work.pool_cost):
            self.work.counts[kernel.POOLED] = 0
            self.work.pool_slot[:] = -1
        self._set_all([given[v].tolist() if v in given else [] for v in range(m)], width)
        if not kernel.measure(self.data, self.state, self.work):
            self._set_all(kept, width)
            kernel.measure(self.data, self.state, self.work)

    def _set_all(self, routes: list[list[int]], width: int) -> None:
        for v, stops in enumerate(routes):
            kernel.set_route(self.data, self.state, v, as_row(stops, width), len(stops))

    def _progress(self, elapsed: float) -> Progress:
        sizes = self.work.best_size
        served = sum(
            int((self.work.best[v, : sizes[v]] >= len(self.problem.requests)).sum())
            for v in range(len(sizes))
        )
        missed = len(self.problem.requests) - served
        total = float(self.work.values[kernel.BEST_COST])
        return Progress(elapsed, int(self.state.clock[1]), missed, total)

    def best(self) -> Plan:
        """The best plan found, with its schedule and its cost recomputed."""
        n, state, work = len(self.problem.requests), self.state, self.work
        state.vehicle_of[:] = -1
        for v, size in enumerate(work.best_size.tolist()):
            kernel.set_route(self.data, state, v, work.best[v], size)
            served = work.best[v, :size]
            state.vehicle_of[served[served >= n] - n] = v
        routes = tuple(
            scheduled(self.problem, self.data, state, v) for v in range(len(work.best_size))
        )
        unassigned = tuple(np.flatnonzero(state.vehicle_of < 0).tolist())
        bare = Plan(routes, unassigned, Cost((), 0.0))
        return replace(bare, cost=cost(self.problem, bare))


def _keeps(vehicle: Vehicle, wanted: list[int]) -> bool:
    """Whether a route has all that is committed, the fixed stops first."""
    fixed = vehicle.fixed
    return set(vehicle.committed) <= set(wanted) and wanted[:fixed] == list(
        vehicle.committed[:fixed]
    )


def _is_whole(wanted: list[int]) -> bool:
    """Whether each request is delivered once, after its one pickup if it has one."""
    at = {s: i for i, s in enumerate(wanted)}
    return len(at) == len(wanted) and all(at.get(-s, -1) > i for s, i in at.items() if s > 0)


def load_solver() -> ModuleType:
    """Load what puts routes together anew, with SciPy, which takes as long as all kernels do.

    A search that will need it does so beside its first rounds, in which no Python runs; processes
    that live long may ask for it when they start.
    """
    return import_module("dispatch.darp.recombine")


@cache
def warm_up() -> None:
    """Load every kernel, or compile it: each runs once on a problem of three requests."""
    window = TimeWindow(0, 100)
    requests = tuple(Request(0, 1, window, window, (1,)) for _ in range(3))
    vehicle = Vehicle(0, 0, window, ((1,),), driver=0)
    travel = 1 - np.eye(2, dtype=np.int32)
    problem = Problem(requests, (vehicle,), (Driver(),), travel)
    search = _Search(problem, 0)
    search.begin(None, DEFAULTS.regret)
    search.improve(Limit(iterations=2), DEFAULTS, None)
    kernel.measure(search.data, search.state, search.work)
    plan = search.best()
    Weigher(problem, plan).weigh(0)
    quote(problem, plan, 0)
    evaluate(problem, [(1, -1)])
