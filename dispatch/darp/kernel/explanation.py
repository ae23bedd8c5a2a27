"""What serving a request with each vehicle would take, and the rules it would break."""

import numpy as np

from dispatch.darp.kernel.breaks import best_break
from dispatch.darp.kernel.changes import bring_back, remember
from dispatch.darp.kernel.columns import (
    CAPACITY,
    CODE,
    COMMITTED,
    COMMITTED_ELSEWHERE,
    DRIVER,
    FAIRNESS,
    FIXED,
    HUGE,
    INF,
    MAX_REQUESTS,
    NO_PLAN,
    POOL,
    REQUIRES,
    REQUIRES_OTHER,
    STEP,
    VARIANTS,
)
from dispatch.darp.kernel.compiling import entry, inner
from dispatch.darp.kernel.forcing import blame, force, forced_excess, forced_times
from dispatch.darp.kernel.insertion import best_insertion, spliced
from dispatch.darp.kernel.loads import fitting, loads_fit, mates_allow, overload
from dispatch.darp.kernel.objective import fairness, split_cost, total
from dispatch.darp.kernel.routes import set_route


@inner
def plain(s, n, slot_row, size, out):
    """Copy a sequence without its break."""
    k = np.int64(0)
    for h in range(size):
        if s.row[slot_row, h] != 2 * n:
            out[k] = s.row[slot_row, h]
            k += 1
    return k


@inner
def nearest_miss(d, s, r, v, spot):
    """The order of ``v`` with ``r`` that breaks rules of time by the fewest ticks."""
    n = d.request.shape[0]
    best = INF
    trial = s.trial_found
    for variant in range(s.variants[v]):
        slot = v * VARIANTS + variant
        k = s.length[slot]
        for i in range(d.vehicle[v, FIXED], k + 1):
            if s.stop[slot, i, POOL] > 0 and not mates_allow(d, s, slot, i, r):
                continue
            for j in range(i, k + 1):
                if j > i:
                    code = s.stop[slot, j, CODE]
                    if code == 2 * n or (code < n and not d.share[code, r]):
                        break
                size = spliced(s, slot, i, j, r, n, s.row[3])
                excess = force(d, s, v, s.row[3], size, np.int64(INF), trial)
                if excess >= best:
                    continue
                bare = plain(s, n, np.int64(3), size, s.row[6])
                if not loads_fit(d, s, v, s.row[6], bare):
                    continue
                excess = forced_excess(d, s, v, s.row[3], size, best, trial)
                if excess < best:
                    best = excess
                    spot[0] = slot
                    spot[1] = i
                    spot[2] = j
    return best


@inner
def r_requires(d, s, r):
    """Whether ``r`` lacks whom it requires."""
    q = d.request[r, REQUIRES]
    return q >= 0 and s.vehicle_of[q] < 0


@entry
def weigh(d, s, w, r, misses, delta, found, size, order):
    """What serving ``r`` with each vehicle adds to the cost, or what it would break.

    ``r`` must not be in the plan. For each vehicle ``delta`` gets the cost added, HUGE where it is
    not possible; ``found`` the rule broken most, by how much, by whom, how many rules; ``order``
    and ``size`` the route with it, without its break. Misses are looked for on request.
    """
    n = d.request.shape[0]
    before = total(d, s)
    driver_of = d.vehicle[:, DRIVER]
    for v in range(s.size.shape[0]):
        delta[v] = HUGE
        size[v] = 0
        for h in range(4):
            found[v, h] = 0
        found[v, 2] = -1
        if d.request[r, COMMITTED] >= 0 and d.request[r, COMMITTED] != v:
            blame(found[v], COMMITTED_ELSEWHERE, 1, r)
        elif d.forbidden[r, v]:
            blame(found[v], np.int64(d.forbidden[r, v]), 1, r)
        elif s.driver_load[driver_of[v]] >= d.driver_max[driver_of[v]]:
            over = s.driver_load[driver_of[v]] + 1 - d.driver_max[driver_of[v]]
            blame(found[v], MAX_REQUESTS, over, r)
        elif fitting(d, v, d.load[r]) == 0:
            blame(found[v], CAPACITY, overload(d, r, v), r)
        else:
            if w.seen[r, v] != s.version[v]:
                w.seen[r, v] = s.version[v]
                w.added[r, v] = best_insertion(d, s, r, v, HUGE, w.out)
                for h in range(3):
                    w.spot[r, v, h] = w.out[h]
            if w.added[r, v] < HUGE:
                k = spliced(s, w.spot[r, v, 0], w.spot[r, v, 1], w.spot[r, v, 2], r, n, s.row[7])
                size[v] = plain(s, n, np.int64(7), k, order[v])
                cost, duration, _ = best_break(d, s, v, order[v], size[v])
                if r_requires(d, s, r):
                    blame(found[v], REQUIRES_OTHER, 1, d.request[r, REQUIRES])
                else:
                    delta[v] = cost - s.cost[v] + split_cost(d, s, r, v)
                    if d.weight[FAIRNESS] > 0.0:
                        kept = s.duration[v]
                        was = s.size[v]
                        now = fairness(d, s)
                        s.duration[v] = duration
                        s.size[v] = size[v]
                        delta[v] += fairness(d, s) - now
                        s.duration[v] = kept
                        s.size[v] = was
            elif misses:
                if nearest_miss(d, s, r, v, w.out) >= INF:
                    blame(found[v], NO_PLAN, 1, r)
                    continue
                k = spliced(s, w.out[0], w.out[1], w.out[2], r, n, s.row[7])
                size[v] = plain(s, n, np.int64(7), k, order[v])
                forced_times(d, s, v, order[v], size[v], found[v])
    fairness(d, s)
    return before


@entry
def lift(d, s, w, r):
    """Take ``r`` out of its route for a while; False where the rest could not be followed."""
    n = d.request.shape[0]
    v = s.vehicle_of[r]
    w.counts[STEP] += 1
    remember(s, w, v)
    k = np.int64(0)
    for i in range(s.size[v]):
        code = s.base[v, i]
        if code not in (r, n + r):
            s.row[5, k] = code
            k += 1
    if not set_route(d, s, v, s.row[5], k):
        return False
    s.vehicle_of[r] = -1
    s.driver_load[d.vehicle[v, DRIVER]] -= 1
    return True


@entry
def put_back(d, s, w, r, v):
    """Undo ``lift``."""
    bring_back(s, w, v)
    s.vehicle_of[r] = v
    s.driver_load[d.vehicle[v, DRIVER]] += 1
