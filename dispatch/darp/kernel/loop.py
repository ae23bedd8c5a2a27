"""The search loop: build a plan, then take out, put back, keep or undo."""

import numpy as np

from dispatch.darp.kernel.chance import draw, draw_below
from dispatch.darp.kernel.changes import adopt, bring_back, removable, take_out, to_bank
from dispatch.darp.kernel.columns import (
    BANK,
    BEST_COST,
    BEST_MISSED,
    BLINK,
    CLASS,
    COST,
    DEPTH,
    DRIVER,
    HUGE,
    IMPROVED,
    MISSED,
    POOLED,
    REGRET,
    REQUIRED,
    REQUIRES,
    STEP,
    THRESHOLD,
)
from dispatch.darp.kernel.compiling import entry, inner
from dispatch.darp.kernel.filling import fill_in_turn, fill_up
from dispatch.darp.kernel.objective import sound, total
from dispatch.darp.kernel.removals import pick_some


@inner
def restore(d, s, w):
    """Put back every route this iteration changed."""
    n = d.request.shape[0]
    step = w.counts[STEP]
    for v in range(s.size.shape[0]):
        if w.touched[v] != step:
            continue
        for i in range(s.size[v]):
            code = s.base[v, i]
            if code >= n and s.vehicle_of[code - n] == v:
                s.vehicle_of[code - n] = -1
                s.driver_load[d.vehicle[v, DRIVER]] -= 1
    for v in range(s.size.shape[0]):
        if w.touched[v] != step:
            continue
        bring_back(s, w, v)
        for i in range(s.size[v]):
            code = s.base[v, i]
            if code >= n:
                s.vehicle_of[code - n] = v
                s.driver_load[d.vehicle[v, DRIVER]] += 1


@inner
def recount(d, s, w):
    """Bank and missed priorities from the routes."""
    w.counts[BANK] = 0
    w.counts[MISSED] = 0
    for r in range(s.vehicle_of.shape[0]):
        w.in_bank[r] = False
        if s.vehicle_of[r] < 0:
            to_bank(d, w, r)


@inner
def keep_best(s, w):
    """Copy the plan as the best so far."""
    w.counts[BEST_MISSED] = w.counts[MISSED]
    w.values[BEST_COST] = w.values[COST]
    for v in range(s.size.shape[0]):
        w.best_size[v] = s.size[v]
        for i in range(s.size[v]):
            w.best[v, i] = s.base[v, i]


@inner
def pool_routes(d, s, w):
    """Remember the routes that this iteration changed, the cheapest order of each."""
    n = d.request.shape[0]
    for v in range(s.size.shape[0]):
        k = s.size[v]
        if w.touched[v] != w.counts[STEP] or k == 0:
            continue
        key = w.request_hash[n + d.vehicle[v, CLASS]]
        for i in range(k):
            if s.base[v, i] >= n:
                key += w.request_hash[s.base[v, i] - n]
        at = np.int64(key % np.uint64(w.pool_slot.shape[0]))
        while w.pool_slot[at] >= 0 and w.pool_key[w.pool_slot[at]] != key:
            at = (at + 1) % w.pool_slot.shape[0]
        known = w.pool_slot[at]
        if known >= 0:
            if w.pool_cost[known] <= s.cost[v] + 1e-9:
                continue
            w.pool_cost[known] = HUGE
        count = w.counts[POOLED]
        begins = w.pool_start[count]
        if count + 1 >= w.pool_start.shape[0] or begins + k > w.pool_stops.shape[0]:
            return
        for i in range(k):
            w.pool_stops[begins + i] = s.base[v, i]
        w.pool_start[count + 1] = begins + k
        w.pool_vehicle[count] = v
        w.pool_cost[count] = s.cost[v]
        w.pool_key[count] = key
        w.pool_slot[at] = count
        w.counts[POOLED] = count + 1


@entry
def measure(d, s, w):
    """Who is served by whom and what the plan costs, from the routes; kept if it is the best."""
    n = d.request.shape[0]
    for r in range(n):
        s.vehicle_of[r] = -1
    for i in range(s.driver_load.shape[0]):
        s.driver_load[i] = 0
    for v in range(s.size.shape[0]):
        for i in range(s.size[v]):
            if s.base[v, i] >= n:
                s.vehicle_of[s.base[v, i] - n] = v
                s.driver_load[d.vehicle[v, DRIVER]] += 1
    recount(d, s, w)
    w.values[COST] = total(d, s)
    good = sound(d, s)
    for i in range(s.driver_load.shape[0]):
        good = good and s.driver_load[i] <= d.driver_max[i]
    if good and (
        w.counts[MISSED] < w.counts[BEST_MISSED]
        or (
            w.counts[MISSED] == w.counts[BEST_MISSED]
            and w.values[COST] < w.values[BEST_COST] - 1e-9
        )
    ):
        keep_best(s, w)
        w.counts[IMPROVED] = s.clock[1]
        return True
    return False


@inner
def construct(d, s, w, depth):
    """Insert all that fits, by regret; the first plan."""
    w.counts[STEP] += 1
    recount(d, s, w)
    total(d, s)
    before = -1
    while w.counts[BANK] > 0 and before != w.counts[BANK]:
        before = w.counts[BANK]
        fill_up(d, s, w, depth, 0.0)
    again = True
    while again:
        # Dropping a route's optional work (see cut) may leave others without whom they require.
        again = False
        for r in range(d.request.shape[0]):
            q = d.request[r, REQUIRES]
            if q >= 0 and s.vehicle_of[q] < 0 and removable(d, s, r):
                w.picked[0] = r
                take_out(d, s, w, np.int64(1))
                again = True
    w.values[COST] = total(d, s)
    keep_best(s, w)


@inner
def iterate(d, s, w, rounds, largest):
    """Some rounds of the search: take out, put back, keep or undo."""
    for _ in range(rounds):
        w.counts[STEP] += 1
        s.clock[1] += 1
        missed = w.counts[MISSED]
        amount = 1 + draw_below(s, largest)
        amount = max(amount, min(4, largest))
        count = pick_some(d, s, w, amount)
        if count == 0 and w.counts[BANK] == 0:
            continue
        take_out(d, s, w, count)
        if draw(s) < w.tune[REGRET]:
            fill_up(d, s, w, 1 + draw_below(s, int(w.tune[DEPTH])), w.tune[BLINK])
        else:
            fill_in_turn(d, s, w, w.tune[BLINK])
        if w.counts[MISSED] > missed:
            fill_up(d, s, w, np.int64(1), 0.0)
        cost = total(d, s)
        good = w.counts[REQUIRED] == 0 or sound(d, s)
        if good and (
            w.counts[MISSED] < missed
            or (w.counts[MISSED] == missed and cost < w.values[BEST_COST] + w.values[THRESHOLD])
        ):
            w.values[COST] = cost
            pool_routes(d, s, w)
            if w.counts[MISSED] < w.counts[BEST_MISSED] or (
                w.counts[MISSED] == w.counts[BEST_MISSED] and cost < w.values[BEST_COST] - 1e-9
            ):
                keep_best(s, w)
                w.counts[IMPROVED] = s.clock[1]
        else:
            restore(d, s, w)
            recount(d, s, w)
            total(d, s)


# What ``act`` does.
BUILD, IMPROVE, ADOPT = range(3)


@entry
def act(d, s, w, what, a, b):
    """``construct``, ``iterate`` or ``adopt``: one entry, for each is compiled by itself."""
    if what == BUILD:
        construct(d, s, w, a)
    elif what == IMPROVE:
        iterate(d, s, w, a, b)
    else:
        return adopt(d, s, w, a, b)
    return True
