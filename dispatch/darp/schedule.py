"""Times along a route: from an order of stops to its best schedule."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dispatch.darp import kernel
from dispatch.darp.arrays import flatten, new_state
from dispatch.darp.check import check
from dispatch.darp.cost import cost
from dispatch.darp.kernel import Data, State
from dispatch.darp.plan import (
    BREAK,
    DELIVERY,
    END,
    PICKUP,
    START,
    Cost,
    Plan,
    Route,
    Stop,
    Violation,
)
from dispatch.darp.problem import Problem


def codes(signed: Iterable[int], requests: int) -> list[int]:
    """Signed request numbers as the kernel's stop codes."""
    return [s - 1 if s > 0 else requests - s - 1 for s in signed]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Hand-made routes at their best times, and every hard rule that they break."""

    plan: Plan
    violations: list[Violation]


def evaluate(problem: Problem, signed_routes: Sequence[Sequence[int]]) -> Evaluation:
    """Hand-made routes as ``planned`` times them, and what they break by ``check``."""
    plan = planned(problem, signed_routes)
    return Evaluation(plan, check(problem, plan))


def planned(problem: Problem, signed_routes: Sequence[Sequence[int]]) -> Plan:
    """Hand-made routes, one for each vehicle: their best schedule and its cost.

    Routes are kept as they are, feasible or not. Where an order cannot keep its times, ride times
    are kept first, as far as any times do; then every stop is as early as that allows, so that no
    window can be missed by less; then the duration is least. The break is taken where all that adds
    up to the fewest ticks.

    Raises
    ------
    ValueError
        There is not one route for each vehicle, or one names an unknown request.
    """
    n = len(problem.requests)
    if len(signed_routes) != len(problem.vehicles):
        raise ValueError("there must be one route for each vehicle")
    if any(not 1 <= abs(s) <= n for route in signed_routes for s in route):
        raise ValueError("a route names an unknown request")
    data = flatten(problem)
    longest = max((len(route) for route in signed_routes), default=0)
    state = new_state(data, 0, longest + 4)
    routes = tuple(
        timed(problem, data, state, v, codes(route, n)) for v, route in enumerate(signed_routes)
    )
    served = {abs(s) - 1 for route in signed_routes for s in route}
    plan = Plan(routes, tuple(r for r in range(n) if r not in served), Cost((), 0.0))
    return replace(plan, cost=cost(problem, plan))


def timed(problem: Problem, data: Data, state: State, vehicle: int, stops: list[int]) -> Route:
    """Any order of stops as a route, its break placed."""
    if not stops:
        return Route()
    found = np.zeros(4, np.int64)
    row = as_row(stops, state.base.shape[1])
    length = kernel.forced_times(data, state, vehicle, row, len(stops), found)
    sequence = state.row[0, :length].tolist()
    kernel.load_spare(data, state, vehicle, length)
    return to_route(problem, vehicle, sequence, state, len(state.length) - 1)


def scheduled(problem: Problem, data: Data, state: State, vehicle: int) -> Route:
    """The route that ``state`` holds for ``vehicle``, with the times the search priced."""
    if not state.size[vehicle]:
        return Route()
    slot = vehicle * kernel.VARIANTS
    length = int(state.length[slot])
    sequence = state.stop[slot, 1 : length + 1, kernel.CODE].copy()
    kernel.final_times(data, state, vehicle, sequence, length)
    return to_route(problem, vehicle, sequence.tolist(), state, slot)


def to_route(
    problem: Problem, vehicle: int, sequence: Sequence[int], state: State, slot: int
) -> Route:
    """Stops of a sequence whose times are in the scratch and whose pools are in ``slot``."""
    n = len(problem.requests)
    chain = state.chain[: len(sequence) + 2]
    times = chain[:, kernel.LATE].tolist()
    stay = chain[:, kernel.STAY].tolist()
    drive = chain[:, kernel.DRIVE].tolist()
    here = chain[:, kernel.HERE].tolist()
    masks = state.stop[slot, : len(sequence) + 1, kernel.MASK].tolist()
    aboard = state.stop[slot, : len(sequence) + 1, kernel.POOL].tolist()
    shift = problem.vehicles[vehicle]
    opening = sequence[0] == 2 * n
    leave = times[1] if opening else times[0]
    stops = [Stop(START, shift.start, leave, leave, leave)]
    left = leave
    for i, code in enumerate(sequence, 1):
        at = i - 1 if aboard[i - 1] else i
        layout = max(0, (masks[at] & -masks[at]).bit_length() - 1)
        arrival = left + drive[i]
        left = times[i] + stay[i]
        if code == 2 * n:
            if i == 1:
                left = times[2] - drive[2]
            stops.append(Stop(BREAK, here[i], arrival, times[i], left))
            continue
        kind = PICKUP if code < n else DELIVERY
        stops.append(Stop(kind, here[i], arrival, times[i], left, code % n, layout))
    arrival = left + drive[-1]
    stops.append(Stop(END, shift.end, arrival, arrival, arrival))
    return Route(tuple(stops))


def as_row(stops: Sequence[int], width: int) -> np.ndarray:
    """Stop codes in a row of the kernel's width."""
    row = np.zeros(width, np.int64)
    row[: len(stops)] = stops
    return row
