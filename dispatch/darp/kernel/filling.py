"""Putting requests from the bank into routes: by regret, or one after the other."""

import numpy as np

from dispatch.darp.kernel.chance import draw
from dispatch.darp.kernel.changes import drop_one, from_bank, put_in, to_bank
from dispatch.darp.kernel.columns import (
    ABOARD,
    BANK,
    CLASS,
    CLOSES,
    COMMITTED,
    CYCLE,
    DRIVER,
    HUGE,
    OPENS,
    PLACE,
    PRIORITY,
    REQUIRED,
    REQUIRES,
    SCALE,
    TOP,
)
from dispatch.darp.kernel.compiling import inner, tight
from dispatch.darp.kernel.insertion import confirmed, likely_insertion
from dispatch.darp.kernel.objective import split_cost


@tight
def find_empties(d, s, w):
    """Of empty vehicles that are alike only the first is tried."""
    for c in range(w.class_of_empty.shape[0]):
        w.class_of_empty[c] = -1
    for v in range(s.size.shape[0]):
        if s.size[v] == 0 and w.class_of_empty[d.vehicle[v, CLASS]] < 0:
            w.class_of_empty[d.vehicle[v, CLASS]] = v


@inner
def look(d, s, added, certain, spot, r, v, floor):
    """Remember the insertion of ``r`` into ``v`` that seems the cheapest of those after one."""
    added[r, v], certain[r, v] = likely_insertion(d, s, r, v, floor, spot[r, v])


@tight
def stands(d, s, w, r, v):
    """Whether the insertion remembered is feasible at its cost; else a better guess replaces it.

    What is certain stands.
    """
    guess = w.added[r, v]
    if w.certain[r, v] or guess >= HUGE:
        return True
    cost = confirmed(d, s, r, v, w.spot[r, v], guess)
    if cost >= HUGE:
        look(d, s, w.added, w.certain, w.spot, r, v, guess)
        return False
    w.added[r, v] = cost
    w.certain[r, v] = True
    return cost <= guess + 1e-9


@inner
def choose(d, s, w, r, blink):
    """The vehicle that takes ``r`` at the least cost, -1 where none can; chance hides some."""
    offers = w.offers
    for v in range(s.size.shape[0]):
        offers[v] = HUGE
        if blink == 0.0 or draw(s) >= blink:
            offers[v] = cost_in(d, s, w, r, v)
    while True:
        best = np.int64(-1)
        least = HUGE
        for v in range(s.size.shape[0]):
            if offers[v] < least:
                least = offers[v]
                best = np.int64(v)
        if best < 0 or stands(d, s, w, r, best):
            return best
        offers[best] = cost_in(d, s, w, r, best)


@tight
def cost_in(d, s, w, r, v):
    """What ``r`` seems to add to ``v``, remembered for as long as the route is the same."""
    if w.seen[r, v] != s.version[v]:
        w.seen[r, v] = s.version[v]
        if admitted(d, r, v):
            look(d, s, w.added, w.certain, w.spot, r, v, -HUGE)
        else:
            w.added[r, v] = HUGE
    cost = w.added[r, v]
    if cost >= HUGE:
        return HUGE
    if s.size[v] == 0 and w.class_of_empty[d.vehicle[v, CLASS]] != v:
        return HUGE
    driver = d.vehicle[v, DRIVER]
    if s.driver_load[driver] >= d.driver_max[driver]:
        return HUGE
    return cost + split_cost(d, s, r, v)


@tight
def admitted(d, r, v):
    """Whether ``v`` may take ``r`` at all."""
    owner = d.request[r, COMMITTED]
    if d.request[r, ABOARD] or (owner >= 0 and owner != v):
        return False
    return d.forbidden[r, v] == 0 or owner == v


@tight
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


@tight
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
            taker = choose(d, s, w, q, 0.0)
            good = False
            if taker >= 0:
                from_bank(d, w, q)
                if put_in(d, s, w, q, taker):
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
        if not stands(d, s, w, r, v):
            stale[r] = True
            changed = np.int64(-1)
            opened = np.int64(-1)
            continue
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


@inner
def put_in_order(d, s, w, count):
    """Sort the waiting: by chance, the longest rides, the narrowest windows or the first, first."""
    n = d.request.shape[0]
    waiting = w.waiting
    way = draw(s)
    for i in range(count):
        r = waiting[i]
        if way < 0.3:
            w.key[r] = draw(s)
        elif way < 0.6:
            w.key[r] = -d.travel[d.node[r, PLACE], d.node[n + r, PLACE]]
        elif way < 0.8:
            w.key[r] = d.node[r, CLOSES] - d.node[r, OPENS]
        else:
            w.key[r] = d.node[r, OPENS] + d.node[r, CLOSES]
    for i in range(1, count):
        r = waiting[i]
        at = i
        while at > 0 and w.key[waiting[at - 1]] > w.key[r]:
            waiting[at] = waiting[at - 1]
            at -= 1
        waiting[at] = r


@inner
def fill_in_turn(d, s, w, blink):
    """Insert what is in the bank one after the other, each where it costs least."""
    find_empties(d, s, w)
    entered = True
    while entered:
        entered = False
        count = w.counts[BANK]
        for i in range(count):
            w.waiting[i] = w.bank[i]
        put_in_order(d, s, w, count)
        for i in range(count):
            r = w.waiting[i]
            if not w.in_bank[r] or not may_enter(d, s, r):
                continue
            v = choose(d, s, w, r, blink)
            if v < 0:
                continue
            was_empty = s.size[v] == 0
            if enter_with_mates(d, s, w, r, v):
                entered = w.counts[REQUIRED] > 0
            if was_empty or d.request[r, CYCLE] == 1:
                find_empties(d, s, w)
