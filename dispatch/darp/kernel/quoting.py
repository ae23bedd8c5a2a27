"""Every place where a request could enter a plan, with its times and the room it leaves."""

import numpy as np

from dispatch.darp.kernel.breaks import best_break, splice_break
from dispatch.darp.kernel.columns import (
    BREAK_TICKS,
    CLOSES,
    COMMITTED,
    DRIVE,
    DRIVER,
    EARLY,
    FAIRNESS,
    FINISH,
    FIXED,
    FROM,
    HELD,
    HI,
    HUGE,
    INF,
    LATE,
    LO,
    LONGEST_WAIT,
    MAX_DURATION,
    NEVER,
    OPENS,
    PLACE,
    SERVICE,
    START,
    STARTED,
    STAY,
    UNTIL,
)
from dispatch.darp.kernel.compiling import entry, inner
from dispatch.darp.kernel.explanation import r_requires
from dispatch.darp.kernel.loads import fitting, loads_fit
from dispatch.darp.kernel.objective import fairness, split_cost, total
from dispatch.darp.kernel.pricing import final_times
from dispatch.darp.kernel.times import earliest, hurry, latest


@inner
def entered(d, s, r, v, i, j, out):
    """Copy the order of ``v`` with ``r`` picked up after ``i`` stops, delivered after ``j``."""
    n = d.request.shape[0]
    at = np.int64(0)
    for h in range(s.size[v] + 1):
        if h > 0:
            out[at] = s.base[v, h - 1]
            at += 1
        if h == i:
            out[at] = r
            at += 1
        if h == j:
            out[at] = n + r
            at += 1
    return at


@inner
def hurried(d, v, seq, k):
    """Up to which position nobody is late when the vehicle hurries through an order; ``k + 1`` all.

    Breaks, ride times and waits can only make it later, so that what fails here fails.
    """
    here = d.vehicle[v, START]
    t = d.vehicle[v, FROM]
    for i in range(k):
        there = d.node[seq[i], PLACE]
        t = max(t + d.travel[here, there], d.node[seq[i], OPENS])
        if t > d.node[seq[i], CLOSES]:
            return i
        t += d.node[seq[i], SERVICE]
        here = there
    if t + d.travel[here, d.vehicle[v, FINISH]] > d.vehicle[v, UNTIL]:
        return k
    return k + 1


@inner
def may_enter(d, s, r, v):
    """Whether no rule keeps ``r``, which is in no route, from ``v`` whatever the order."""
    owner = d.request[r, COMMITTED]
    driver = d.vehicle[v, DRIVER]
    if d.request[r, HELD] or (owner >= 0 and owner != v) or (d.forbidden[r, v] and owner != v):
        return False
    return s.driver_load[driver] < d.driver_max[driver] and fitting(d, v, d.load[r]) != 0


@entry
def find_insertions(d, s, r, closed, spot, added):
    """All feasible orders with ``r``, which must be in no route: how many there are.

    ``spot`` gets vehicle, stops before the pickup, stops before the delivery, stops before the
    break; ``added`` what the order costs more than the plan without ``r``. Vehicles that are
    ``closed`` are left out.
    """
    total(d, s)
    count = 0
    if r_requires(d, s, r):
        return count
    for v in range(s.size.shape[0]):
        if closed[v] or not may_enter(d, s, r, v):
            continue
        k = s.size[v]
        seq = s.row[3]
        for i in range(d.vehicle[v, FIXED], k + 1):
            for j in range(i, k + 1):
                size = entered(d, s, r, v, i, j, seq)
                reached = hurried(d, v, seq, size)
                if reached <= j:
                    # The stops up to here are the same wherever ``r`` is delivered after them.
                    break
                if reached <= size or not loads_fit(d, s, v, seq, size):
                    continue
                cost, duration, gap = best_break(d, s, v, seq, size)
                if cost >= HUGE:
                    continue
                spot[count, 0] = v
                spot[count, 1] = i
                spot[count, 2] = j
                spot[count, 3] = gap
                added[count] = (
                    cost - s.cost[v] + split_cost(d, s, r, v)
                    + more_unfair(d, s, v, size, duration)
                )  # fmt: skip
                count += 1
    return count


@inner
def more_unfair(d, s, v, size, duration):
    """What fairness adds when the route of ``v`` has ``size`` stops and lasts ``duration``."""
    if d.weight[FAIRNESS] == 0.0:
        return 0.0
    lasted = s.duration[v]
    had = s.size[v]
    before = fairness(d, s)
    s.duration[v] = duration
    s.size[v] = size
    after = fairness(d, s)
    s.duration[v] = lasted
    s.size[v] = had
    return after - before


@entry
def time_insertions(d, s, r, count, spot, known, begins, start, later, room):
    """The times of the insertions found: ``start`` of each stop, from ``begins`` of each on.

    ``later`` is by how much that is later than ``known``, times by stop code (NEVER: no
    difference). ``room`` gets, with the same order and break, the earliest and latest start of the
    pickup, and the least by which any stop could start later than planned.
    """
    for c in range(count):
        v = spot[c, 0]
        size = entered(d, s, r, v, spot[c, 1], spot[c, 2], s.row[3])
        k = size
        gap = np.int64(-1)
        if d.vehicle[v, BREAK_TICKS] >= 0:
            k = size + 1
            gap = spot[c, 3]
        splice_break(d, s.row[3], size, gap, k, s.row[0])
        final_times(d, s, v, s.row[0], k)
        for h in range(size):
            at = h + 2 if 0 <= gap <= h else h + 1
            t = s.chain[at, LATE]
            start[begins[c] + h] = t
            if known[s.row[3, h]] > NEVER:
                later[begins[c] + h] = t - known[s.row[3, h]]
            else:
                later[begins[c] + h] = 0
        widest(d, s, v, s.row[0], k)
        pickup = spot[c, 1] + 2 if 0 <= gap <= spot[c, 1] else spot[c, 1] + 1
        room[c, 0] = s.chain[pickup, EARLY]
        room[c, 1] = s.chain[pickup, LATE]
        least = INF
        for h in range(size):
            at = h + 2 if 0 <= gap <= h else h + 1
            least = min(least, s.chain[at, LATE] - start[begins[c] + h])
        room[c, 2] = least


@inner
def widest(d, s, v, seq, k):
    """The earliest and the latest times of a feasible sequence, into EARLY and LATE."""
    n = d.request.shape[0]
    x = s.chain
    last = k + 1
    opening = seq[0] == 2 * n
    closing = seq[k - 1] == 2 * n
    first = 2 if opening else 0
    end = k - 1 if closing else last
    hurry(d, s, v, seq, k, d.vehicle[v, LONGEST_WAIT])
    # The duration begins this long before `first` starts, and ends this long after `end` does.
    after = x[end, STAY] + x[k, DRIVE] if closing else 0
    before = x[2, DRIVE] if opening else 0
    limit = d.vehicle[v, MAX_DURATION]
    if d.vehicle[v, STARTED] == NEVER and limit < INF:
        # Of a feasible sequence the end does not move when it begins as late as its end asks for.
        x[first, LO] = max(x[first, LO], x[end, EARLY] + after - limit + before)
        earliest(s, last)
        latest(s, last)
        x[end, HI] = min(x[end, HI], x[first, LATE] - before + limit - after)
    latest(s, last)
