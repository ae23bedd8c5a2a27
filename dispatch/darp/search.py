"""Large neighbourhood search over compiled kernels; ``solve`` is the entry point.

Regret insertion builds a plan; then requests that are related, expensive, or neighbours in a
route are taken out and enter again, by regret or one after the other, and a plan a little worse
than the best may be kept (record-to-record travel). Where there is time for many iterations, some
short walks begin a population, and the others begin where two plans of it are crossed. Towards the
end of a budget the routes seen are put together anew (set partitioning).

References
----------
.. [1] Ropke and Pisinger (2006), An adaptive large neighborhood search heuristic for the pickup
   and delivery problem with time windows. Transportation Science 40(4), 455-472.
.. [2] Gschwind and Drexl (2019), Adaptive large neighborhood search with a constant-time
   feasibility test for the dial-a-ride problem. Transportation Science 53(2), 480-491.
"""

from collections.abc import Callable, Sequence
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
from dispatch.darp.course import DEFAULTS, Course, Parameters
from dispatch.darp.crossover import Codes, Member, cross
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
        self.rng = np.random.default_rng(seed)
        self.found = Member(0, 0.0, ())
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
        self.found = self._walked()
        self.given = self.found.routes if initial is not None else None

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
        course = Course(parameters, limit, n, self.rng)
        rounds, reported = 10, False
        while True:
            elapsed, done = self.elapsed(), int(self.state.clock[1])
            if progress is not None and not reported:
                progress(self._progress(elapsed))
            spent = limit.spent(elapsed, done, done - int(work.counts[kernel.IMPROVED]))
            if spent >= 1.0 or n == 0:
                return
            if stages and spent >= stages[0]:
                stages.pop(0)
                self._recombine(parameters.recombine_share * (limit.budget_s or 0.0))
            elif course.has_ended(spent, done):
                self._begin_walk(course, done)
            share = course.tolerance(spent, done)
            work.values[kernel.THRESHOLD] = share * work.values[kernel.BEST_COST]
            rounds = course.rounds(limit.rounds(done, rounds), done)
            began = self.elapsed()
            kernel.act(self.data, self.state, work, kernel.IMPROVE, rounds, largest)
            reported = not self._note()
            took = max(self.elapsed() - began, 1e-6)
            rounds = int(min(10.0 * rounds, max(1.0, rounds * parameters.chunk_s / took)))

    def _note(self) -> bool:
        """Remember the plan of this walk if it is the best so far."""
        counts, values = self.work.counts, self.work.values
        now = Member(int(counts[kernel.BEST_MISSED]), float(values[kernel.BEST_COST]), ())
        if not now.beats(self.found):
            return False
        self.found = self._walked()
        return True

    def _walked(self) -> Member:
        """The best plan of this walk."""
        work = self.work
        routes = tuple(work.best[v, :size].copy() for v, size in enumerate(work.best_size.tolist()))
        return Member(
            int(work.counts[kernel.BEST_MISSED]), float(work.values[kernel.BEST_COST]), routes
        )

    def _begin_walk(self, course: Course, done: int) -> None:
        """Take what the last walk found into the population, and begin the next."""
        population = course.population
        population.add(self._walked())
        course.walks += 1
        course.begun = done
        if course.walks >= course.parameters.founders:
            parents = population.parents()
            child = cross(self.data, self.work.near, parents, self.rng)
            if not self._start(child, course.parameters.regret):
                self._start(parents[0].routes, course.parameters.regret)
        elif self.given is not None:
            self._start(self.given, course.parameters.regret)
        else:
            n = len(self.problem.requests)
            bare = [np.array(codes(v.committed, n), np.int64) for v in self.problem.vehicles]
            self._start(bare, 1 + course.walks % course.parameters.depth)

    def _start(self, routes: Sequence[Codes], regret: int) -> bool:
        """Begin a walk with these routes and what else fits; False if they are not feasible."""
        if not self._set_all(routes):
            return False
        kernel.measure(self.data, self.state, self.work)
        kernel.act(self.data, self.state, self.work, kernel.BUILD, regret, 0)
        return bool((self.state.driver_load <= self.data.driver_max).all())

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
        if self.work.counts[kernel.POOLED] > 0.8 * len(self.work.pool_cost):
            self.work.counts[kernel.POOLED] = 0
            self.work.pool_slot[:] = -1
        if not given:
            return
        state, nothing = self.state, np.zeros(0, np.int64)
        kept = [state.base[v, :size].copy() for v, size in enumerate(state.size.tolist())]
        self._set_all([given.get(v, nothing) for v in range(len(kept))])
        if not kernel.measure(self.data, self.state, self.work):
            self._set_all(kept)
            kernel.measure(self.data, self.state, self.work)

    def _set_all(self, routes: Sequence[Codes]) -> bool:
        width = self.state.base.shape[1]
        feasible = True
        for v, stops in enumerate(routes):
            row = as_row(stops.tolist(), width)
            feasible &= bool(kernel.set_route(self.data, self.state, v, row, len(stops)))
        return feasible

    def _progress(self, elapsed: float) -> Progress:
        n = len(self.problem.requests)
        served = sum(int((route >= n).sum()) for route in self.found.routes)
        return Progress(elapsed, int(self.state.clock[1]), n - served, self.found.cost)

    def best(self) -> Plan:
        """The best plan found, with its schedule and its cost recomputed."""
        n, state = len(self.problem.requests), self.state
        state.vehicle_of[:] = -1
        self._set_all(self.found.routes)
        for v, stops in enumerate(self.found.routes):
            state.vehicle_of[stops[stops >= n] - n] = v
        routes = tuple(
            scheduled(self.problem, self.data, state, v) for v in range(len(self.found.routes))
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
