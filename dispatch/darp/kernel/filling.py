"""Putting requests from the bank into routes, by regret."""

import numpy as np

from dispatch.darp.kernel.chance import draw
from dispatch.darp.kernel.changes import drop_one, from_bank, put_in, to_bank
from dispatch.darp.kernel.columns import (
    ABOARD,
    BANK,
    CLASS,
    COMMITTED,
    CYCLE,
    DRIVER,
    HUGE,
    PRIORITY,
    REQUIRES,
    SCALE,
    TOP,
)
from dispatch.darp.kernel.compiling import inner
from dispatch.darp.kernel.insertion import best_insertion
from dispatch.darp.kernel.objective import split_cost


@inner
def find_empties(d, s, w):
    """Of empty vehicles that are alike only the first is tried."""
    for c in range(w.class_of_empty.shape[0]):
        w.class_of_empty[c] = -1
    for v in range(s.size.shape[0]):
        if s.size[v] == 0 and w.class_of_empty[d.vehicle[v, CLASS]] < 0:
            w.class_of_empty[d.vehicle[v, CLASS]] = v


@inner
def cost_in(d, s, w, r, v):
    """Cheapest insertion of ``r`` into ``v``, remembered for as long as the route is the same."""
    owner = d.request[r, COMMITTED]
    if d.request[r, ABOARD] or (d.forbidden[r, v] and owner != v) or (owner >= 0 and owner != v):
        return HUGE
    if s.size[v] == 0 and w.class_of_empty[d.vehicle[v, CLASS]] != v and owner != v:
        return HUGE
    driver = d.vehicle[v, DRIVER]
    if s.driver_load[driver] >= d.driver_max[driver]:
        return HUGE
    if w.seen[r, v] != s.version[v]:
        w.seen[r, v] = s.version[v]
        w.added[r, v] = best_insertion(d, s, r, v, HUGE, w.out)
        w.spot[r, v, 0] = w.out[0]
        w.spot[r, v, 1] = w.out[1]
        w.spot[r, v, 2] = w.out[2]
    cost = w.added[r, v]
    if cost < HUGE:
        cost += split_cost(d, s, r, v)
    return cost


@inner
def offer(w, r, v, cost):
    """Keep ``v`` among the cheapest vehicles of ``r`` if it is one."""
    at = TOP
    while at > 0 and w.top_cost[r, at - 1] > cost:
        at -= 1
    if at == TOP:
        return
    for h in range(TOP - 1, at, -1):
        w.top_cost[r, h] = w.top_cost[r, h - 1]
        w.top_vehicle[r, h] = w.top_vehicle[r, h - 1]
    w.top_cost[r, at] = cost
    w.top_vehicle[r, at] = v


@inner
def rank_vehicles(d, s, w, r, blink):
    """Fill the cheapest vehicles of ``r``."""
    for h in range(TOP):
        w.top_cost[r, h] = HUGE
        w.top_vehicle[r, h] = -1
    for v in range(s.size.shape[0]):
        if blink > 0.0 and draw(s) < blink:
            continue
        cost = cost_in(d, s, w, r, v)
        if cost < w.top_cost[r, TOP - 1]:
            offer(w, r, v, cost)


@inner
def may_enter(d, s, r):
    """Whether what ``r`` requires is served, or would enter with it."""
    q = d.request[r, REQUIRES]
    return q < 0 or s.vehicle_of[q] >= 0 or d.request[r, CYCLE] == 1


@inner
def enter_with_mates(d, s, w, r, v):
    """Insert ``r`` into ``v`` and with it all of its cycle of requirements, or nothing."""
    from_bank(d, w, r)
    if not put_in(d, s, w, r, v):
        to_bank(d, w, r)
        return False
    if d.request[r, CYCLE] == 0:
        return True
    find_empties(d, s, w)
    q = d.request[r, REQUIRES]
    good = True
    while q != r:
        if s.vehicle_of[q] < 0:
            rank_vehicles(d, s, w, q, 0.0)
            good = False
            if w.top_cost[q, 0] < HUGE:
                from_bank(d, w, q)
                if put_in(d, s, w, q, w.top_vehicle[q, 0]):
                    good = True
                    find_empties(d, s, w)
                else:
                    to_bank(d, w, q)
            if not good:
                break
        q = d.request[q, REQUIRES]
    if good:
        return True
    q = d.request[r, REQUIRES]
    while q != r:
        if s.vehicle_of[q] >= 0 and d.request[q, COMMITTED] < 0:
            drop_one(d, s, w, q)
        q = d.request[q, REQUIRES]
    drop_one(d, s, w, r)
    return False


@inner
def fill_up(d, s, w, depth, blink):
    """Insert what is in the bank: by regret over ``depth`` vehicles, the cheapest first for 1."""
    find_empties(d, s, w)
    waiting = w.waiting
    stale = w.stale
    count = w.counts[BANK]
    for i in range(count):
        waiting[i] = w.bank[i]
        stale[w.bank[i]] = True
    changed = np.int64(-1)
    opened = np.int64(-1)
    while count > 0:
        chosen = -1
        chosen_score = -HUGE
        for i in range(count):
            r = waiting[i]
            if not may_enter(d, s, r):
                stale[r] = True
                continue
            if stale[r]:
                rank_vehicles(d, s, w, r, blink)
                stale[r] = False
            else:
                for column in (changed, opened):
                    if column < 0:
                        continue
                    among = False
                    for h in range(TOP):
                        if w.top_vehicle[r, h] == column:
                            among = True
                    if among:
                        rank_vehicles(d, s, w, r, blink)
                        break
                    cost = cost_in(d, s, w, r, column)
                    if cost < w.top_cost[r, TOP - 1]:
                        offer(w, r, column, cost)
            first = w.top_cost[r, 0]
            if first >= HUGE:
                continue
            if depth == 1:
                score = -first
            else:
                score = 0.0
                for h in range(1, depth):
                    if w.top_cost[r, h] >= HUGE:
                        score += w.values[SCALE] * (1.0 + d.request[r, PRIORITY])
                    else:
                        score += w.top_cost[r, h] - first
            if chosen < 0 or score > chosen_score:
                chosen = i
                chosen_score = score
        if chosen < 0:
            return
        r = waiting[chosen]
        v = w.top_vehicle[r, 0]
        was_empty = s.size[v] == 0
        entered = enter_with_mates(d, s, w, r, v)
        find_empties(d, s, w)
        changed = v
        opened = w.class_of_empty[d.vehicle[v, CLASS]] if was_empty else np.int64(-1)
        driver = d.vehicle[v, DRIVER]
        whole = (
            d.request[r, CYCLE] == 1 or s.driver_load[driver] >= d.driver_max[driver]
        )  # fmt: skip
        kept = 0
        for i in range(count):
            q = waiting[i]
            if w.in_bank[q] and (entered or i != chosen):
                waiting[kept] = q
                kept += 1
                if whole:
                    stale[q] = True
        count = kept
        for h in range(d.pair_start[r], d.pair_start[r + 1]):
            stale[d.pair_other[h]] = True
