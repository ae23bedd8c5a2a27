"""What a request costs with each vehicle of a plan, or which rule keeps it out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dispatch.darp import kernel
from dispatch.darp.arrays import flatten, new_state, new_work
from dispatch.darp.plan import Plan, Route, ordered
from dispatch.darp.problem import Problem, Rule
from dispatch.darp.schedule import as_row, codes


@dataclass(frozen=True, slots=True)
class Option:
    """What serving a request with a vehicle would take.

    ``cost`` is what it adds to the plan without the request, None where it is not feasible.
    Then ``rule`` is broken by ``amount`` (as in ``Violation``), by request ``by`` where one is to
    blame (-1: the vehicle), when the request enters as in ``signed``, the order that misses its
    times by the fewest ticks; ``broken`` counts the rules broken there, ``rule`` by the most. An
    order is empty where the rule holds whatever the order. Committed work stays with its vehicle
    at no cost.
    """

    vehicle: int
    cost: float | None
    rule: Rule = Rule.NONE
    amount: int = 0
    by: int = -1
    broken: int = 0
    signed: tuple[int, ...] = ()


def without(plan: Plan, request: int) -> Plan:
    """The orders of a plan with a request taken out."""
    return ordered([[s for s in r.signed() if abs(s) - 1 != request] for r in plan.routes])


class Weigher:
    """A plan ready to be asked what each request costs with each vehicle.

    Routes that are not feasible for the problem take nobody in.
    """

    def __init__(self, problem: Problem, plan: Plan) -> None:
        self.problem = problem
        self.data = flatten(problem)
        longest = max((len(route.stops) for route in plan.routes), default=0) + 4
        self.state = new_state(self.data, 0, longest)
        self.work = new_work(self.data, longest=longest, related=False)
        n, m = len(problem.requests), len(problem.vehicles)
        self.closed = [not self._load(v, plan.routes[v]) for v in range(m)]
        self._delta = np.zeros(m)
        self._found = np.zeros((m, 4), np.int64)
        self._size = np.zeros(m, np.int64)
        self._order = np.zeros((m, 2 * n + 4), np.int64)

    def _load(self, v: int, route: Route) -> bool:
        data, state = self.data, self.state
        stops = codes(route.signed(), len(self.problem.requests))
        row = as_row(stops, state.base.shape[1])
        fits = bool(
            kernel.loads_fit(data, state, v, row, len(stops))
            and kernel.set_route(data, state, v, row, len(stops))
        )
        if not fits:
            kernel.set_route(data, state, v, row, 0)
        for code in stops:
            if code >= len(self.problem.requests):
                state.vehicle_of[code - len(self.problem.requests)] = v
                state.driver_load[self.problem.vehicles[v].driver] += 1
        return fits

    def order(self, v: int) -> list[int]:
        """The stops of a route, in signed request numbers; none where it is closed."""
        return self._to_signed(self.state.base[v, : self.state.size[v]].tolist())

    def weigh(self, request: int, *, misses: bool = True) -> list[Option]:
        """One option for each vehicle, the request taken out of the plan where it is in it."""
        home = int(self.state.vehicle_of[request])
        owner = int(self.data.request[request, kernel.COMMITTED])
        if owner >= 0:
            return [self._committed(v, owner, request) for v in range(len(self.closed))]
        if not self._ask(request, home, misses=misses):
            return [
                Option(v, None, Rule.STRUCTURE, 1, request, 1)
                for v in range(len(self.problem.vehicles))
            ]
        return self._options()

    def prices(self, request: int) -> NDArray[np.float64]:
        """The ``cost`` of ``weigh`` for each vehicle, infinite where it is None; no orders."""
        home = int(self.state.vehicle_of[request])
        owner = int(self.data.request[request, kernel.COMMITTED])
        found = np.full(len(self.closed), np.inf)
        if owner >= 0:
            found[owner] = 0.0
        elif self._ask(request, home, misses=False):
            open_ = ~np.array(self.closed, np.bool_) & (self._delta < kernel.HUGE)
            found[open_] = self._delta[open_]
        return found

    def _ask(self, request: int, home: int, *, misses: bool) -> bool:
        """Have the kernel weigh a request with every vehicle, and put it back where it was."""
        if home >= 0 and (
            self.closed[home] or not kernel.lift(self.data, self.state, self.work, request)
        ):
            return False
        kernel.weigh(
            self.data, self.state, self.work, request, misses,
            self._delta, self._found, self._size, self._order,
        )  # fmt: skip
        if home >= 0:
            kernel.put_back(self.data, self.state, self.work, request, home)
        return True

    def _committed(self, v: int, owner: int, request: int) -> Option:
        if v != owner:
            return Option(v, None, Rule.COMMITTED, 1, request, 1)
        return Option(v, 0.0, signed=tuple(self.order(v)))

    def _to_signed(self, order: list[int]) -> list[int]:
        n = len(self.problem.requests)
        return [code + 1 if code < n else n - code - 1 for code in order]

    def _options(self) -> list[Option]:
        deltas, found, sizes = self._delta.tolist(), self._found.tolist(), self._size.tolist()
        options = []
        for v, delta in enumerate(deltas):
            if self.closed[v]:
                options.append(Option(v, None, Rule.STRUCTURE, 1, -1, 1))
                continue
            signed = tuple(self._to_signed(self._order[v, : sizes[v]].tolist()))
            if delta < kernel.HUGE:
                options.append(Option(v, delta, signed=signed))
            else:
                rule, amount, by, broken = found[v]
                options.append(Option(v, None, Rule(rule), amount, by, broken, signed))
        return options
