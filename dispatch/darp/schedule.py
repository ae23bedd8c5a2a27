"""Times along a route: from an order of stops to its best schedule."""

from collections.abc import Iterable, Sequence

import numpy as np

from dispatch.darp import kernel
from dispatch.darp.kernel import Data, State
from dispatch.darp.plan import Route, Stop, StopKind
from dispatch.darp.problem import Problem


def codes(signed: Iterable[int], requests: int) -> list[int]:
    """Signed request numbers as the kernel's stop codes."""
    return [s - 1 if s > 0 else requests - s - 1 for s in signed]


def scheduled(problem: Problem, data: Data, state: State, vehicle: int) -> Route:
    """The route that ``state`` holds for ``vehicle``, with the times the search priced."""
    if not state.size[vehicle]:
        return Route()
    slot = vehicle * kernel.VARIANTS
    length = int(state.length[slot])
    sequence = state.sequence[slot, :length]
    kernel.final_times(data, state, vehicle, sequence, length)
    return to_route(problem, vehicle, sequence.tolist(), state, slot)


def to_route(
    problem: Problem, vehicle: int, sequence: Sequence[int], state: State, slot: int
) -> Route:
    """Stops of a sequence whose times are in the scratch and whose pools are in ``slot``."""
    n = len(problem.requests)
    times = state.chain[kernel.LATE, : len(sequence) + 2].tolist()
    stay = state.chain[kernel.STAY, : len(sequence) + 2].tolist()
    drive = state.chain[kernel.DRIVE, : len(sequence) + 2].tolist()
    here = state.chain[kernel.HERE, : len(sequence) + 1].tolist()
    masks = state.mask[slot, : len(sequence) + 1].tolist()
    aboard = state.on[slot, : len(sequence) + 1].tolist()
    shift = problem.vehicles[vehicle]
    opening = sequence[0] == 2 * n
    leave = times[1] if opening else times[0]
    stops = [Stop(StopKind.START, shift.start, leave, leave, leave)]
    left = leave
    for i, code in enumerate(sequence, 1):
        at = i - 1 if aboard[i - 1] else i
        layout = (masks[at] & -masks[at]).bit_length() - 1 if aboard[at] else -1
        arrival = left + drive[i]
        left = times[i] + stay[i]
        if code == 2 * n:
            if i == 1:
                left = times[2] - drive[2]
            stops.append(Stop(StopKind.BREAK, here[i], arrival, times[i], left))
            continue
        kind = StopKind.PICKUP if code < n else StopKind.DELIVERY
        stops.append(Stop(kind, here[i], arrival, times[i], left, code % n, layout))
    arrival = left + drive[-1]
    stops.append(Stop(StopKind.END, shift.end, arrival, arrival, arrival))
    return Route(tuple(stops))


def as_row(stops: Sequence[int], width: int) -> np.ndarray:
    """Stop codes in a row of the kernel's width."""
    row = np.zeros(width, np.int64)
    row[: len(stops)] = stops
    return row
