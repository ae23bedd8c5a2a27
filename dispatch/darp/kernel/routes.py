"""One route made a vehicle's own: its variants, and what insertion asks of them."""

import numpy as np

from dispatch.darp.kernel.breaks import with_break
from dispatch.darp.kernel.bundles import copy_rows
from dispatch.darp.kernel.columns import (
    ABOARD,
    BREAK_FROM,
    BREAK_TICKS,
    BREAK_UNTIL,
    BUSY,
    CODE,
    DRIVE,
    EARLY,
    FIXED,
    FROM,
    HUGE,
    INF,
    LATE,
    LATEST,
    LEG,
    LO,
    PLACE,
    READY,
    START,
    STAY,
    UNTIL,
    VARIANTS,
    WHERE,
)
from dispatch.darp.kernel.compiling import entry, inner
from dispatch.darp.kernel.loads import load_up
from dispatch.darp.kernel.pricing import price, unspoilt
from dispatch.darp.kernel.times import hurry, latest, lay_out


@inner
def store_slot(d, s, v, slot, seq, k, ready):
    """Fill a slot with a feasible sequence and what insertion asks of it.

    ``ready`` says that the chain is as ``hurry`` leaves it where no limit is set on waits.
    """
    n = d.request.shape[0]
    x = s.chain
    # An insertion may shorten a wait: bounds that hold whatever enters know no limit on waits.
    if k == 0:
        lay_out(d, s, v, seq, k, np.int64(INF))
    elif not ready:
        hurry(d, s, v, seq, k, np.int64(INF))
    latest(s, k + 1)
    at = s.stop[slot]
    s.length[slot] = k
    here = d.vehicle[v, START]
    leave = x[0, EARLY]
    at[0, WHERE] = here
    at[0, READY] = leave
    at[0, LATEST] = x[0, LATE]
    for i in range(1, k + 1):
        code = seq[i - 1]
        stay = x[i, STAY]
        if code == 2 * n:
            leave = max(leave, x[i, LO]) + stay
        else:
            here = d.node[code, PLACE]
            leave = x[i, EARLY] + stay
        at[i, CODE] = code
        at[i, READY] = leave
        at[i, LATEST] = x[i, LATE]
        at[i, WHERE] = here
        at[i, LEG] = x[i, DRIVE]
        at[i, BUSY] = stay
    at[k + 1, LEG] = x[k + 1, DRIVE]
    if k > 0 and seq[k - 1] == 2 * n:
        # Whoever enters after a break that was the last thing to do lets it be taken on the way.
        at[k, LEG] = 0
        at[k + 1, LEG] = x[k, DRIVE]
    at[k + 1, LATEST] = x[k + 1, LATE]
    load_up(d, s, v, slot)


@inner
def room_for_break(d, s, v, base, k):
    """Earliest and latest start of the break after each number of stops, into rows 8 and 9.

    They are necessary, not sufficient. False if no times suit the route even without a break.
    """
    x = s.chain
    if hurry(d, s, v, base, k, np.int64(INF)) < 0:
        return False
    latest(s, k + 1)
    opens = max(d.vehicle[v, BREAK_FROM], d.vehicle[v, FROM])
    ticks = d.vehicle[v, BREAK_TICKS]
    closes = min(d.vehicle[v, BREAK_UNTIL], d.vehicle[v, UNTIL] - ticks)
    for gap in range(k + 1):
        ready = opens
        until = closes
        if gap > 0:
            ready = max(opens, x[gap, EARLY] + x[gap, STAY])
        if gap == k:
            ready = max(opens, x[k, EARLY] + x[k, STAY] + x[k + 1, DRIVE])
        else:
            until = min(closes, x[gap + 1, LATE] - x[gap + 1, DRIVE] - ticks)
        s.row[8, gap] = ready
        s.row[9, gap] = until
    return True


@entry
def set_route(d, s, v, base, k):
    """Make this the vehicle's route, placing the break; False (nothing changed) if infeasible.

    ``base`` holds no break and its loads are known to fit.
    """
    n = d.request.shape[0]
    first = v * VARIANTS
    if k == 0 or d.vehicle[v, BREAK_TICKS] < 0:
        cost, duration = price(d, s, v, base, k)
        if cost >= HUGE:
            return False
        store_slot(d, s, v, first, base, k, k > 0 and unspoilt(d, v))
        own(s, v, base, k, 1, cost, duration)
    else:
        if not room_for_break(d, s, v, base, k):
            return False
        costs = s.trial_cost
        gaps = s.trial[0]
        durations = s.trial[1]
        filled = 0
        on = 0
        for i in range(k):
            if base[i] >= n and d.request[base[i] - n, ABOARD]:
                on += 1
        for gap in range(k + 1):
            if gap > 0:
                if base[gap - 1] < n:
                    on += 1
                else:
                    on -= 1
            if on > 0 or gap < d.vehicle[v, FIXED] or s.row[8, gap] > s.row[9, gap]:
                continue
            with_break(d, base, k, gap, s.row[0])
            cost, duration = price(d, s, v, s.row[0], k + 1)
            if cost >= HUGE:
                continue
            at = filled
            while at > 0 and costs[at - 1] > cost:
                at -= 1
            if at >= VARIANTS:
                continue
            filled = min(filled + 1, VARIANTS)
            for j in range(filled - 1, at, -1):
                costs[j] = costs[j - 1]
                gaps[j] = gaps[j - 1]
                durations[j] = durations[j - 1]
            costs[at] = cost
            gaps[at] = gap
            durations[at] = duration
        if filled == 0:
            return False
        for q in range(filled):
            with_break(d, base, k, gaps[q], s.row[0])
            store_slot(d, s, v, first + q, s.row[0], k + 1, ready=False)
        own(s, v, base, k, filled, costs[0], durations[0])
    return True


@inner
def set_confirmed(d, s, v, base, k):
    """``set_route`` for an order without a break that ``confirmed`` has just priced."""
    store_slot(d, s, v, v * VARIANTS, base, k, unspoilt(d, v))
    own(s, v, base, k, 1, s.trial_cost[0], s.trial[1, 0])


@inner
def own(s, v, base, k, filled, cost, duration):
    """Note the vehicle's route, its slots being filled."""
    copy_rows(s.base[v], base, k)
    s.size[v] = k
    s.variants[v] = filled
    s.cost[v] = cost
    s.duration[v] = duration
    s.version[v] = s.clock[0]
    s.clock[0] += 1
