"""The best plan that can be put together from the routes a search has seen.

A set partitioning problem: each request in at most one of the chosen routes, each vehicle with at
most one, what is left out paid for by its priority. Solved by HiGHS in the time that is given.

References
----------
.. [1] Parragh and Schmid (2013), Hybrid column generation and large neighborhood search for the
   dial-a-ride problem. Computers and Operations Research 40(1), 490-497.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csc_array

from dispatch.darp import kernel
from dispatch.darp.kernel import Data, Work

# Columns that are solved in a second or two: the latest, which the best plans share.
FEWEST, EACH_SECOND, MOST = 1000, 2000, 4000


def recombine(data: Data, work: Work, time_s: float) -> list[tuple[int, NDArray[np.int64]]]:
    """Vehicles with their stop codes: the cheapest choice of pooled routes; empty if none is found.

    Vehicles that are alike stand for each other.
    """
    chosen = _columns(work, min(MOST, int(FEWEST + EACH_SECOND * time_s)))
    if not len(chosen) or time_s <= 0:
        return []
    picked = _solve(data, work, chosen, time_s)
    return _dealt(data, work, picked)


def _columns(work: Work, most: int) -> NDArray[np.int64]:
    """The routes to choose from, the latest first where there are too many."""
    count = int(work.counts[kernel.POOLED])
    usable = np.flatnonzero(work.pool_cost[:count] < kernel.HUGE)
    return usable[-most:]


def _solve(data: Data, work: Work, columns: NDArray[np.int64], time_s: float) -> NDArray[np.int64]:
    n = len(data.request)
    classes = data.vehicle[:, kernel.CLASS]
    rows, cols = [], []
    for at, column in enumerate(columns.tolist()):
        served = _served(work, column, n)
        rows.append(served)
        cols.append(np.full(len(served), at))
        rows.append(np.array([n + classes[work.pool_vehicle[column]]]))
        cols.append(np.array([at]))
    routes = len(columns)
    size = n + int(classes.max()) + 1
    held = data.request[:, kernel.ABOARD] == 1
    entries = (
        np.concatenate([*rows, np.arange(n)]),
        np.concatenate([*cols, routes + np.arange(n)]),
    )
    matrix = csc_array((np.ones(len(entries[0])), entries), shape=(size, routes + n))
    most = np.concatenate([np.ones(n), np.bincount(classes)])
    least = np.concatenate([np.ones(n), np.zeros(size - n)])
    costs = work.pool_cost[columns]
    # Beyond any saving, yet small enough for the solver's tolerances.
    missing = 4.0 * float(costs.max()) * np.minimum(data.request[:, kernel.PRIORITY], 1e3)
    found = milp(
        np.concatenate([costs, missing]),
        constraints=LinearConstraint(matrix, least, most),
        integrality=np.concatenate([np.ones(routes), np.zeros(n)]),
        bounds=Bounds(0, np.concatenate([np.ones(routes), np.where(held, 0.0, 1.0)])),
        options={"time_limit": time_s, "mip_rel_gap": 1e-6},
    )
    if found.x is None:
        return np.zeros(0, np.int64)
    return columns[found.x[:routes] > 0.5]


def _served(work: Work, column: int, n: int) -> NDArray[np.int64]:
    stops = work.pool_stops[work.pool_start[column] : work.pool_start[column + 1]]
    return stops[stops >= n] - n


def _dealt(
    data: Data, work: Work, picked: NDArray[np.int64]
) -> list[tuple[int, NDArray[np.int64]]]:
    """Give each chosen route to a vehicle of its class, the one that drove it if it is free."""
    classes = data.vehicle[:, kernel.CLASS].tolist()
    free: dict[int, list[int]] = {}
    for v, kind in enumerate(classes):
        free.setdefault(kind, []).append(v)
    dealt = []
    for column in picked.tolist():
        own = int(work.pool_vehicle[column])
        alike = free[classes[own]]
        vehicle = own if own in alike else alike[0]
        alike.remove(vehicle)
        stops = work.pool_stops[work.pool_start[column] : work.pool_start[column + 1]]
        dealt.append((vehicle, stops))
    return dealt
