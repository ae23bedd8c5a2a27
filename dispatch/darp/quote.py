"""Where a request could enter a plan: every feasible insertion, the cheapest first."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dispatch.darp import kernel
from dispatch.darp.insertion import Weigher, without
from dispatch.darp.plan import Plan, StopKind
from dispatch.darp.problem import Problem


@dataclass(frozen=True, slots=True)
class Push:
    """How many ticks later than in the plan the services of a request start, earlier below 0."""

    request: int
    pickup: int
    delivery: int


@dataclass(frozen=True, slots=True)
class Quote:
    """One way to serve a request: in an order of stops of one vehicle, its break where it is best.

    ``cost`` is what it adds to the plan without the request, at the best times of both.
    ``signed`` is the order (see ``Vehicle.committed``), ``pickup`` and ``delivery`` the request's
    starts of service in it. The same order and break allow any start of its pickup from
    ``earliest`` to ``latest``. ``pushed`` names those whose times differ from the plan's. ``slack``
    is what is left then: each stop of the route could start at least so many ticks later than
    planned and break no rule.
    """

    vehicle: int
    cost: float
    signed: tuple[int, ...]
    pickup: int
    delivery: int
    earliest: int
    latest: int
    pushed: tuple[Push, ...]
    slack: int


def quote(problem: Problem, plan: Plan, request: int) -> list[Quote]:
    """All feasible insertions of a request into the routes of a plan, the cheapest first.

    The request is taken out of the plan where it is in it. Committed work stays with its vehicle,
    and what comes first there, or is aboard, where it is: that has no other place. Routes that are
    not feasible take nobody in.

    Raises
    ------
    ValueError
        The problem has no such request.
    """
    if not 0 <= request < len(problem.requests):
        raise ValueError("there is no such request")
    return _Quoting(problem, plan, request).ranked()


class _Quoting:
    """The insertions of one request, found by the kernels."""

    def __init__(self, problem: Problem, plan: Plan, request: int) -> None:
        self.weigher, self.request = Weigher(problem, without(plan, request)), request
        self.known = _known_times(len(problem.requests), plan, request)
        data, state = self.weigher.data, self.weigher.state
        most = state.size - data.vehicle[:, kernel.FIXED] + 1
        room = int(np.maximum(most * (most + 1) // 2, 0).sum())
        self.spot = np.zeros((room, 4), np.int64)
        self.added = np.zeros(room)
        closed = np.array(self.weigher.closed, np.bool_)
        self.count = kernel.find_insertions(data, state, request, closed, self.spot, self.added)

    def ranked(self) -> list[Quote]:
        """Equal costs are in the order of vehicles and stops."""
        best = np.argsort(self.added[: self.count], kind="stable")
        spot, added = np.ascontiguousarray(self.spot[best]), self.added[best].tolist()
        state = self.weigher.state
        begins = np.zeros(self.count + 1, np.int64)
        np.cumsum(state.size[spot[:, 0]] + 2, out=begins[1:])
        start, later = np.zeros(begins[-1], np.int64), np.zeros(begins[-1], np.int64)
        room = np.zeros((self.count, 3), np.int64)
        kernel.time_insertions(
            self.weigher.data, state, self.request, self.count, spot, self.known,
            begins, start, later, room,
        )  # fmt: skip
        return [
            self._quote(
                added[c],
                spot[c, :3].tolist(),
                start[begins[c] : begins[c + 1]],
                later[begins[c] : begins[c + 1]],
                room[c].tolist(),
            )
            for c in range(self.count)
        ]

    def _quote(
        self,
        cost: float,
        spot: list[int],
        start: NDArray[np.int64],
        later: NDArray[np.int64],
        room: list[int],
    ) -> Quote:
        v, pickup, delivery = spot
        signed = self.weigher.order(v)
        signed.insert(delivery, -(self.request + 1))
        signed.insert(pickup, self.request + 1)
        pushed: dict[int, list[int]] = {}
        for at in np.flatnonzero(later).tolist():
            ticks = pushed.setdefault(abs(signed[at]) - 1, [0, 0])
            ticks[signed[at] < 0] = int(later[at])
        return Quote(
            v,
            cost,
            tuple(signed),
            int(start[pickup]),
            int(start[delivery + 1]),
            room[0],
            room[1],
            tuple(Push(r, *ticks) for r, ticks in sorted(pushed.items())),
            room[2],
        )


def _known_times(n: int, plan: Plan, request: int) -> NDArray[np.int64]:
    """Starts of service in the plan by stop code; the request's own are nobody's concern."""
    known = np.full(2 * n, kernel.NEVER, np.int64)
    for route in plan.routes:
        for stop in route.stops:
            if stop.request >= 0 and stop.request != request:
                at = stop.request if stop.kind is StopKind.PICKUP else n + stop.request
                known[at] = stop.start
    return known
