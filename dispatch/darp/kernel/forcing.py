"""Times of orders that nobody searched for: hand-made, infeasible, or to be kept as they are."""

import numpy as np

from dispatch.darp.kernel.breaks import best_break, with_break
from dispatch.darp.kernel.columns import (
    ABOARD,
    ALONG,
    BREAK,
    BREAK_TICKS,
    BREAK_UNTIL,
    DELIVERY_WINDOW,
    DRIVE,
    DURATION,
    EARLY,
    FIXED,
    HI,
    HI_KEPT,
    HUGE,
    INF,
    LATE,
    LATENESS,
    LIMIT,
    LONGEST_WAIT,
    MAX_DURATION,
    ON,
    PICK,
    PICKUP_WINDOW,
    RIDE_TIME,
    STAY,
    VEHICLE_WINDOW,
    WAITING_ABOARD,
)
from dispatch.darp.kernel.compiling import entry, inner
from dispatch.darp.kernel.pricing import final_times
from dispatch.darp.kernel.times import earliest, keep_due, lay_out, settle


@inner
def force(d, s, v, seq, k, wait, found):
    """Widen the chain of a route by as much as its order needs; return the ticks it took.

    EARLY is valid then. ``found`` gets the rule broken most, by how much, where, and how many are
    broken, the limit on the duration aside. ``wait`` is the longest wait with someone aboard.
    """
    x = s.chain
    n = d.request.shape[0]
    lay_out(d, s, v, seq, k, wait)
    excess = 0
    found[0] = 0
    found[1] = 0
    found[2] = -1
    found[3] = 0
    for i in range(k + 2):
        x[i, HI_KEPT] = x[i, HI]
        x[i, HI] = INF
        p = x[i, PICK]
        if p >= 0:
            over = x[i, ALONG] - x[p, ALONG] - x[p, STAY] - x[i, LIMIT]
            if over > 0:
                x[i, LIMIT] += over
                excess += over
                blame(found, RIDE_TIME, over, seq[i - 1] - n)
    earliest(s, k + 1)
    for i in range(k + 2):
        x[i, HI] = max(x[i, HI_KEPT], x[i, EARLY])
        over = x[i, EARLY] - x[i, HI_KEPT]
        if over <= 0:
            continue
        excess += over
        if i == 0 or i == k + 1:
            blame(found, VEHICLE_WINDOW, over, -1)
        elif seq[i - 1] < n:
            blame(found, PICKUP_WINDOW, over, seq[i - 1])
        elif seq[i - 1] < 2 * n:
            blame(found, DELIVERY_WINDOW, over, seq[i - 1] - n)
        elif x[i, EARLY] > d.vehicle[v, BREAK_UNTIL]:
            blame(found, BREAK, x[i, EARLY] - d.vehicle[v, BREAK_UNTIL], -1)
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
    """``force`` with all limits; the schedule ends up in LATE if under ``bound``.

    Where waits aboard are limited, either all of them are kept or none, whichever takes less.
    """
    limit = d.vehicle[v, LONGEST_WAIT]
    excess = forced_schedule(d, s, v, seq, k, limit, bound, found)
    if excess == 0 or limit == INF:
        return excess
    least = min(excess, bound)
    patient = forced_schedule(d, s, v, seq, k, np.int64(INF), least, found)
    if patient < least:
        return patient
    return forced_schedule(d, s, v, seq, k, limit, bound, found)


@inner
def longest_wait(s, k):
    """The longest wait at one stop with someone aboard, of the schedule in LATE."""
    x = s.chain
    longest = 0
    for i in range(1, k + 1):
        if x[i - 1, ON] > 0:
            waited = x[i, LATE] - x[i - 1, LATE] - x[i - 1, STAY] - x[i, DRIVE]
            longest = max(longest, waited)
    return longest


@inner
def forced_schedule(d, s, v, seq, k, wait, bound, found):
    """``forced_excess`` with ``wait`` as the longest wait that moves other stops."""
    excess = force(d, s, v, seq, k, wait, found)
    if excess >= bound:
        return excess
    if d.weight[LATENESS] > 0.0 and d.vehicle[v, MAX_DURATION] == INF:
        keep_due(d, s, v, seq, k)
    duration, _ = settle(d, s, v, seq, k)
    over = duration - d.vehicle[v, MAX_DURATION]
    if over > 0:
        excess += over
        blame(found, DURATION, over, -1)
    over = longest_wait(s, k) - d.vehicle[v, LONGEST_WAIT]
    if over > 0:
        excess += over
        blame(found, WAITING_ABOARD, over, -1)
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
