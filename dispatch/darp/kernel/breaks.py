"""Where the break of one route is taken."""

import numpy as np

from dispatch.darp.kernel.columns import ABOARD, BREAK_TICKS, FIXED, HUGE
from dispatch.darp.kernel.compiling import inner
from dispatch.darp.kernel.pricing import price


@inner
def with_break(d, base, k, gap, out):
    """Copy a route into ``out`` with the break after its first ``gap`` stops."""
    for i in range(gap):
        out[i] = base[i]
    out[gap] = 2 * d.request.shape[0]
    for i in range(gap, k):
        out[i + 1] = base[i]


@inner
def splice_break(d, base, k, gap, size, out):
    """Copy a route, with the break after ``gap`` stops if ``size`` has room for it."""
    if size > k:
        with_break(d, base, k, gap, out)
        return
    for i in range(k):
        out[i] = base[i]


@inner
def best_break(d, s, v, base, k):
    """(cost, duration, gap of the break) of an order of stops, its break where it is cheapest."""
    n = d.request.shape[0]
    if d.vehicle[v, BREAK_TICKS] < 0 or k == 0:
        cost, duration = price(d, s, v, base, k)
        return cost, duration, np.int64(0)
    best = HUGE
    lasts = np.int64(0)
    where = np.int64(0)
    on = 0
    for i in range(k):
        if base[i] >= n and d.request[base[i] - n, ABOARD]:
            on += 1
    for gap in range(k + 1):
        if gap > 0:
            on += 1 if base[gap - 1] < n else -1
        if on > 0 or gap < d.vehicle[v, FIXED]:
            continue
        with_break(d, base, k, gap, s.row[0])
        cost, duration = price(d, s, v, s.row[0], k + 1)
        if cost < best:
            best = cost
            lasts = duration
            where = np.int64(gap)
    return best, lasts, where
