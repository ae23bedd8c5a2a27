"""One route made a vehicle's own: its variants, and what insertion asks of them."""

from dispatch.darp.kernel.breaks import with_break
from dispatch.darp.kernel.columns import (
    ABOARD,
    BREAK_FROM,
    BREAK_TICKS,
    BREAK_UNTIL,
    DRIVE,
    EARLY,
    FIXED,
    FROM,
    HUGE,
    INF,
    LATE,
    LIMIT,
    LO,
    PLACE,
    START,
    STAY,
    UNTIL,
    VARIANTS,
)
from dispatch.darp.kernel.compiling import entry, inner, tight
from dispatch.darp.kernel.loads import load_up
from dispatch.darp.kernel.pricing import price
from dispatch.darp.kernel.times import bound_end, earliest, latest, lay_out


@tight
def store_slot(d, s, v, slot, seq, k):
    """Fill a slot with a feasible sequence and what insertion asks of it."""
    n = d.request.shape[0]
    x = s.chain
    s.length[slot] = k
    for i in range(k):
        s.sequence[slot, i] = seq[i]
    lay_out(d, s, v, seq, k)
    if k > 0:
        bound_end(d, s, v, seq, k)
    # An insertion may shorten a wait: bounds that hold whatever enters know no limit on waits.
    x[LIMIT, 0] = INF
    earliest(x, k + 1)
    latest(x, k + 1)
    here = d.vehicle[v, START]
    s.where[slot, 0] = here
    s.leave[slot, 0] = x[EARLY, 0]
    s.latest[slot, 0] = x[LATE, 0]
    for i in range(1, k + 1):
        code = seq[i - 1]
        s.latest[slot, i] = x[LATE, i]
        if code == 2 * n:
            start = max(s.leave[slot, i - 1], x[LO, i])
            s.leave[slot, i] = start + x[STAY, i]
        else:
            here = d.node[code, PLACE]
            s.leave[slot, i] = x[EARLY, i] + x[STAY, i]
        s.where[slot, i] = here
        s.leg[slot, i] = x[DRIVE, i]
        s.stay[slot, i] = x[STAY, i]
    s.leg[slot, k + 1] = x[DRIVE, k + 1]
    if k > 0 and seq[k - 1] == 2 * n:
        # Whoever enters after a break that was the last thing to do lets it be taken on the way.
        s.leg[slot, k] = 0
        s.leg[slot, k + 1] = x[DRIVE, k]
    s.latest[slot, k + 1] = x[LATE, k + 1]
    load_up(d, s, v, slot)


@inner
def room_for_break(d, s, v, base, k):
    """Earliest and latest start of the break after each number of stops, into rows 8 and 9.

    They are necessary, not sufficient. False if no times suit the route even without a break.
    """
    x = s.chain
    lay_out(d, s, v, base, k)
    bound_end(d, s, v, base, k)
    x[LIMIT, 0] = INF
    if not earliest(x, k + 1):
        return False
    latest(x, k + 1)
    opens = max(d.vehicle[v, BREAK_FROM], d.vehicle[v, FROM])
    ticks = d.vehicle[v, BREAK_TICKS]
    closes = min(d.vehicle[v, BREAK_UNTIL], d.vehicle[v, UNTIL] - ticks)
    for gap in range(k + 1):
        ready = opens
        until = closes
        if gap > 0:
            ready = max(opens, x[EARLY, gap] + x[STAY, gap])
        if gap == k:
            ready = max(opens, x[EARLY, k] + x[STAY, k] + x[DRIVE, k + 1])
        else:
            until = min(closes, x[LATE, gap + 1] - x[DRIVE, gap + 1] - ticks)
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
        filled = 1
        store_slot(d, s, v, first, base, k)
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
            store_slot(d, s, v, first + q, s.row[0], k + 1)
        cost = costs[0]
        duration = durations[0]
    for i in range(k):
        s.base[v, i] = base[i]
    s.size[v] = k
    s.variants[v] = filled
    s.cost[v] = cost
    s.duration[v] = duration
    s.version[v] = s.clock[0]
    s.clock[0] += 1
    return True
