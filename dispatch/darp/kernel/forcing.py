"""Times of orders that nobody searched for: hand-made, infeasible, or to be kept as they are."""

import numpy as np

from dispatch.darp.kernel.breaks import best_break, splice_break, with_break
from dispatch.darp.kernel.columns import (
    ABOARD,
    ALONG,
    BREAK,
    BREAK_TICKS,
    BREAK_UNTIL,
    DELIVERY_WINDOW,
    DURATION,
    EARLY,
    FIXED,
    HI,
    HI_KEPT,
    HUGE,
    INF,
    LIMIT,
    LO,
    MAX_DURATION,
    NEVER,
    PICK,
    PICKUP_WINDOW,
    RIDE_TIME,
    STAY,
    VEHICLE_WINDOW,
)
from dispatch.darp.kernel.compiling import entry, inner
from dispatch.darp.kernel.pricing import final_times, price
from dispatch.darp.kernel.times import bound_end, earliest, lay_out, settle


@inner
def force(d, s, v, seq, k, found):
    """Widen the chain of a route by as much as its order needs; return the ticks it took.

    EARLY is valid then. ``found`` gets the rule broken most, by how much, where, and how many are
    broken, the limit on the duration aside.
    """
    x = s.chain
    n = d.request.shape[0]
    lay_out(d, s, v, seq, k)
    excess = 0
    found[0] = 0
    found[1] = 0
    found[2] = -1
    found[3] = 0
    for i in range(k + 2):
        x[HI_KEPT, i] = x[HI, i]
        x[HI, i] = INF
        p = x[PICK, i]
        if p >= 0:
            over = x[ALONG, i] - x[ALONG, p] - x[STAY, p] - x[LIMIT, i]
            if over > 0:
                x[LIMIT, i] += over
                excess += over
                blame(found, RIDE_TIME, over, seq[i - 1] - n)
    earliest(x, k + 1)
    for i in range(k + 2):
        x[HI, i] = max(x[HI_KEPT, i], x[EARLY, i])
        over = x[EARLY, i] - x[HI_KEPT, i]
        if over <= 0:
            continue
        excess += over
        if i == 0 or i == k + 1:
            blame(found, VEHICLE_WINDOW, over, -1)
        elif seq[i - 1] < n:
            blame(found, PICKUP_WINDOW, over, seq[i - 1])
        elif seq[i - 1] < 2 * n:
            blame(found, DELIVERY_WINDOW, over, seq[i - 1] - n)
        elif x[EARLY, i] > d.vehicle[v, BREAK_UNTIL]:
            blame(found, BREAK, x[EARLY, i] - d.vehicle[v, BREAK_UNTIL], -1)
    return excess


@inner
def blame(found, rule, amount, who):
    """Note a broken rule; the one broken by the most ticks is told."""
    found[3] += 1
    if amount > found[1]:
        found[0] = rule
        found[1] = amount
        found[2] = who


@inner
def forced_excess(d, s, v, seq, k, bound, found):
    """``force`` with the limit on the duration; the schedule ends up in LATE if under ``bound``."""
    excess = force(d, s, v, seq, k, found)
    if excess >= bound:
        return excess
    duration, _ = settle(d, s, v, seq, k)
    over = duration - d.vehicle[v, MAX_DURATION]
    if over > 0:
        excess += over
        blame(found, DURATION, over, -1)
    return excess


@entry
def forced_times(d, s, v, base, k, found):
    """Times of an order whether feasible or not, in LATE; the sequence with its break in row 0."""
    n = d.request.shape[0]
    if d.vehicle[v, BREAK_TICKS] < 0:
        for i in range(k):
            s.row[0, i] = base[i]
        forced_excess(d, s, v, s.row[0], k, INF, found)
        if found[3] == 0:
            final_times(d, s, v, s.row[0], k)
        return k
    best = INF
    cost, _, chosen = best_break(d, s, v, base, k)
    on = 0
    for i in range(k):
        if base[i] >= n and d.request[base[i] - n, ABOARD]:
            on += 1
    for gap in range(k + 1):
        if gap > 0:
            on += 1 if base[gap - 1] < n else -1
        if cost < HUGE:
            best = 0
            break
        if on > 0 or gap < d.vehicle[v, FIXED]:
            continue
        with_break(d, base, k, gap, s.row[0])
        excess = forced_excess(d, s, v, s.row[0], k + 1, best, found)
        if excess < best:
            best = excess
            chosen = gap
    if best == INF:
        chosen = k
    with_break(d, base, k, chosen, s.row[0])
    forced_excess(d, s, v, s.row[0], k + 1, INF, found)
    if found[3] == 0:
        final_times(d, s, v, s.row[0], k + 1)
    return k + 1


@entry
def times_kept(d, s, v, base, k, kept):
    """Times of a feasible order that keep to ``kept`` (by stop code) if they can, in LATE.

    The sequence with its break is in row 0 then; returns its length.
    """
    n = d.request.shape[0]
    size = k
    gaps = np.int64(1)
    if d.vehicle[v, BREAK_TICKS] >= 0:
        size = k + 1
        gaps = k + 1
    best = HUGE
    chosen = np.int64(0)
    for trial in range(2):
        on = 0
        for i in range(k):
            if base[i] >= n and d.request[base[i] - n, ABOARD]:
                on += 1
        for gap in range(gaps):
            if gap > 0:
                on += 1 if base[gap - 1] < n else -1
            if size > k and (on > 0 or gap < d.vehicle[v, FIXED]):
                continue
            splice_break(d, base, k, gap, size, s.row[0])
            if trial == 0:
                if price(d, s, v, s.row[0], size)[0] >= HUGE:
                    continue
                lay_out(d, s, v, s.row[0], size)
                bound_end(d, s, v, s.row[0], size)
                for i in range(1, size + 1):
                    at = kept[s.row[0, i - 1]]
                    if at != NEVER:
                        s.chain[LO, i] = max(s.chain[LO, i], at)
                        s.chain[HI, i] = min(s.chain[HI, i], at)
                if not earliest(s.chain, size + 1):
                    continue
                lasts, _ = settle(d, s, v, s.row[0], size)
                if lasts <= d.vehicle[v, MAX_DURATION]:
                    return size
            else:
                cost, _ = price(d, s, v, s.row[0], size)
                if cost < best:
                    best = cost
                    chosen = gap
    splice_break(d, base, k, chosen, size, s.row[0])
    final_times(d, s, v, s.row[0], size)
    return size
