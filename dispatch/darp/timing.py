"""Times for a given order of stops: an exact schedule, or the least late one.

A simple temporal network: moments, and bounds between pairs of them. Some bounds are hard (one
cannot arrive before having driven), others may be exceeded at a price per tick.

References
----------
.. [1] Dechter, Meiri and Pearl (1991), Temporal constraint networks. Artificial Intelligence
   49(1-3), 61-95.
"""

from typing import NamedTuple

import numpy as np


class Bound(NamedTuple):
    """``time[first] + ticks <= time[then]``, or else `price` for each tick missing; 0: hard."""

    first: int
    then: int
    ticks: int
    price: int = 0


def schedule(moments: int, bounds: list[Bound]) -> tuple[int, list[int]]:
    """The price of what must be exceeded, and the earliest times at that price.

    Moment 0 is tick 0, and all other moments must be bound to come no earlier than some tick.

    Raises
    ------
    ValueError
        The hard bounds contradict one another.
    """
    times = _earliest(moments, bounds)
    if times is not None:
        return 0, times
    late = _least_late(moments, bounds)
    eased = [
        bound._replace(ticks=bound.ticks - _missing(bound, late)) if bound.price else bound
        for bound in bounds
    ]
    times = _earliest(moments, eased)
    if times is None:
        raise ValueError("the hard bounds contradict one another")
    return sum(bound.price * _missing(bound, times) for bound in bounds), times


def _missing(bound: Bound, times: list[int]) -> int:
    return max(0, times[bound.first] + bound.ticks - times[bound.then])


def _earliest(moments: int, bounds: list[Bound]) -> list[int] | None:
    """Longest paths from moment 0 (Bellman and Ford); none if the bounds contradict."""
    times: list[int | None] = [0] + [None] * (moments - 1)
    for _ in range(moments + 1):
        changed = False
        for first, then, ticks, _price in bounds:
            start, known = times[first], times[then]
            if start is not None and (known is None or start + ticks > known):
                if then == 0:
                    return None
                times[then] = start + ticks
                changed = True
        if not changed:
            return [time for time in times if time is not None]
    return None


def _least_late(moments: int, bounds: list[Bound]) -> list[int]:
    """Times that exceed the priced bounds by as little as possible.

    A linear program: a time for each moment, the ticks missing for each priced bound. Its matrix is
    that of a network beside an identity, so a vertex has whole times.
    """
    # As slow to load as all kernels, and needed only where somebody is late already.
    from scipy.optimize import linprog  # noqa: PLC0415

    priced = [bound for bound in bounds if bound.price]
    matrix = np.zeros((len(bounds), moments + len(priced)))
    excess = moments
    for row, bound in enumerate(bounds):
        matrix[row, bound.first] += 1.0
        matrix[row, bound.then] -= 1.0
        if bound.price:
            matrix[row, excess] = -1.0
            excess += 1
    prices = np.array([0.0] * moments + [float(bound.price) for bound in priced])
    limits = np.array([-float(bound.ticks) for bound in bounds])
    free = [(0.0, 0.0)] + [(None, None)] * (moments - 1) + [(0.0, None)] * len(priced)
    found = linprog(prices, matrix, limits, bounds=free, method="highs-ds")
    if found.x is None:
        raise ValueError("the hard bounds contradict one another")
    return [round(time) for time in found.x[:moments]]
