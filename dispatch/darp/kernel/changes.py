"""Requests entering and leaving the plan, and the bank of those that are in no route."""

import numpy as np

from dispatch.darp.kernel.bundles import copy_rows
from dispatch.darp.kernel.columns import (
    BANK,
    BREAK_TICKS,
    COMMITTED,
    DRIVER,
    HELD,
    HUGE,
    MISSED,
    OF,
    PRIORITY,
    REQUIRED,
    REQUIRES,
    STEP,
    VARIANTS,
)
from dispatch.darp.kernel.compiling import inner, tight
from dispatch.darp.kernel.insertion import best_insertion, spliced
from dispatch.darp.kernel.routes import set_confirmed, set_route


@tight
def remember(s, w, v):
    """Keep a route as it was before this iteration changed it."""
    if w.touched[v] == w.counts[STEP]:
        return
    w.touched[v] = w.counts[STEP]
    w.kept_size[v] = s.size[v]
    w.kept_version[v] = s.version[v]
    w.kept_variants[v] = s.variants[v]
    w.kept_cost[v] = s.cost[v]
    w.kept_duration[v] = s.duration[v]
    copy_route(s, v, s.size.shape[0] + v, s.size[v], s.variants[v])


@tight
def bring_back(s, w, v):
    """Make the route that was kept the vehicle's own again."""
    copy_route(s, s.size.shape[0] + v, v, w.kept_size[v], w.kept_variants[v])
    s.size[v] = w.kept_size[v]
    s.version[v] = w.kept_version[v]
    s.variants[v] = w.kept_variants[v]
    s.cost[v] = w.kept_cost[v]
    s.duration[v] = w.kept_duration[v]


@inner
def copy_route(s, source, target, size, variants):
    """Copy the stops of a row and all that its slots know."""
    copy_rows(s.base[target], s.base[source], size)
    for variant in range(variants):
        a = source * VARIANTS + variant
        b = target * VARIANTS + variant
        k = s.length[a]
        s.length[b] = k
        copy_rows(s.stop[b], s.stop[a], k + 2)
        copy_rows(s.weight_on[b], s.weight_on[a], k + 2)


@tight
def put_in(d, s, w, r, v):
    """Insert ``r`` where ``cost_in`` found its place."""
    n = d.request.shape[0]
    remember(s, w, v)
    size = spliced(s, w.spot[r, v, 0], w.spot[r, v, 1], w.spot[r, v, 2], r, n, s.row[4])
    if s.size[v] == 0:
        s.row[4, 0] = r
        s.row[4, 1] = n + r
        size = 2
    k = np.int64(0)
    for i in range(size):
        if s.row[4, i] != 2 * n:
            s.row[4, k] = s.row[4, i]
            k += 1
    if s.chain[0, OF] == s.version[v] and s.chain[1, OF] == r and d.vehicle[v, BREAK_TICKS] < 0:
        set_confirmed(d, s, v, s.row[4], k)
    elif not set_route(d, s, v, s.row[4], k):
        return False
    s.vehicle_of[r] = v
    s.driver_load[d.vehicle[v, DRIVER]] += 1
    return True


@inner
def adopt(d, s, w, r, v):
    """Insert ``r`` into ``v`` if it fits anywhere."""
    driver = d.vehicle[v, DRIVER]
    if s.driver_load[driver] >= d.driver_max[driver]:
        return False
    if best_insertion(d, s, r, v, HUGE, w.out) >= HUGE:
        return False
    w.spot[r, v, 0] = w.out[0]
    w.spot[r, v, 1] = w.out[1]
    w.spot[r, v, 2] = w.out[2]
    return put_in(d, s, w, r, v)


@tight
def to_bank(d, w, r):
    """Count ``r`` as unassigned."""
    w.bank[w.counts[BANK]] = r
    w.counts[BANK] += 1
    w.in_bank[r] = True
    w.counts[MISSED] += d.request[r, PRIORITY]


@tight
def from_bank(d, w, r):
    """Count ``r`` as assigned."""
    for i in range(w.counts[BANK]):
        if w.bank[i] == r:
            for h in range(i, w.counts[BANK] - 1):
                w.bank[h] = w.bank[h + 1]
            break
    w.counts[BANK] -= 1
    w.in_bank[r] = False
    w.counts[MISSED] -= d.request[r, PRIORITY]


@tight
def removable(d, s, r):
    """Whether a request is served and may be taken out."""
    return s.vehicle_of[r] >= 0 and d.request[r, HELD] == 0


@inner
def cut(d, s, w, v):
    """Rebuild the route of ``v`` without the marked requests, which go to the bank."""
    n = d.request.shape[0]
    remember(s, w, v)
    k = np.int64(0)
    for i in range(s.size[v]):
        code = s.base[v, i]
        r = code if code < n else code - n
        if not w.marked[r]:
            s.row[5, k] = code
            k += 1
    fits = set_route(d, s, v, s.row[5], k)
    if not fits:
        # Only where driving times break the triangle inequality: keep what must stay.
        k = np.int64(0)
        for i in range(s.size[v]):
            code = s.base[v, i]
            r = code if code < n else code - n
            if d.request[r, COMMITTED] >= 0:
                s.row[5, k] = code
                k += 1
        if not set_route(d, s, v, s.row[5], k):
            return
    driver = d.vehicle[v, DRIVER]
    before = s.size.shape[0] + v
    for i in range(w.kept_size[v]):
        code = s.base[before, i]
        r = code if code < n else code - n
        if s.vehicle_of[r] == v and (code >= n):
            here = False
            for h in range(k):
                if s.row[5, h] == code:
                    here = True
                    break
            if not here:
                s.vehicle_of[r] = -1
                s.driver_load[driver] -= 1
                to_bank(d, w, r)


@inner
def drop_one(d, s, w, r):
    """Take one request out of the plan."""
    n = d.request.shape[0]
    v = s.vehicle_of[r]
    remember(s, w, v)
    k = np.int64(0)
    for i in range(s.size[v]):
        code = s.base[v, i]
        if code not in (r, n + r):
            s.row[5, k] = code
            k += 1
    if set_route(d, s, v, s.row[5], k):
        s.vehicle_of[r] = -1
        s.driver_load[d.vehicle[v, DRIVER]] -= 1
        to_bank(d, w, r)
        return True
    return False


@inner
def take_out(d, s, w, count):
    """Take out ``picked[:count]`` and all that may not be served without them."""
    n = d.request.shape[0]
    for i in range(count):
        w.marked[w.picked[i]] = True
    again = w.counts[REQUIRED] > 0
    while again:
        again = False
        for r in range(n):
            q = d.request[r, REQUIRES]
            if q >= 0 and w.marked[q] and not w.marked[r] and removable(d, s, r):
                w.marked[r] = True
                w.picked[count] = r
                count += 1
                again = True
    for i in range(count):
        v = s.vehicle_of[w.picked[i]]
        if v >= 0:
            cut(d, s, w, v)
    for i in range(count):
        w.marked[w.picked[i]] = False
