"""Which requests are taken out next."""

import numpy as np

from dispatch.darp.kernel.chance import draw, draw_below
from dispatch.darp.kernel.changes import removable
from dispatch.darp.kernel.columns import (
    ABOARD,
    BANK,
    FINISH,
    HUGE,
    LONGEST,
    PLACE,
    RANK_POWER,
    RELATED,
    ROUTE,
    START,
    STRINGS,
    TIME,
    WORST,
)
from dispatch.darp.kernel.compiling import inner, tight


@tight
def pick(w, r, count):
    """Mark a request for removal; return the new count."""
    w.picked[count] = r
    w.marked[r] = True
    return count + 1


@inner
def some_served(d, s, w):
    """A random request that may be taken out; -1 where there is none."""
    n = d.request.shape[0]
    start = draw_below(s, n)
    for h in range(n):
        r = (start + h) % n
        if removable(d, s, r) and not w.marked[r]:
            return r
    return -1


@inner
def seed_request(d, s, w):
    """Where to begin: near someone unassigned if there is one, anywhere otherwise."""
    if w.counts[BANK] > 0 and draw(s) < 0.5:
        return w.bank[draw_below(s, w.counts[BANK])]
    return some_served(d, s, w)


@inner
def pick_random(d, s, w, amount):
    """Anyone."""
    count = np.int64(0)
    while count < amount:
        r = some_served(d, s, w)
        if r < 0:
            break
        count = pick(w, r, count)
    return count


@inner
def pick_related(d, s, w, amount):
    """A chain of related requests: each is close to one that was picked before (Shaw)."""
    count = np.int64(0)
    seed = seed_request(d, s, w)
    if seed < 0:
        return 0
    if removable(d, s, seed):
        count = pick(w, seed, count)
    width = w.near.shape[1]
    misses = 0
    while count < amount and misses < 4 * amount:
        if count > 0:
            seed = w.picked[draw_below(s, count)]
        h = int(draw(s) ** w.tune[RANK_POWER] * width)
        while h < width and (w.marked[w.near[seed, h]] or not removable(d, s, w.near[seed, h])):
            h += 1
        if h < width:
            count = pick(w, w.near[seed, h], count)
        else:
            misses += 1
    return count


@inner
def pick_worst(d, s, w, amount):
    """Those whose removal saves the most driving, with some chance."""
    n = d.request.shape[0]
    for r in range(n):
        w.key[r] = HUGE
    for v in range(s.size.shape[0]):
        before = d.vehicle[v, START]
        k = s.size[v]
        for i in range(k):
            code = s.base[v, i]
            here = d.node[code, PLACE]
            ahead = d.vehicle[v, FINISH]
            if i + 1 < k:
                ahead = d.node[s.base[v, i + 1], PLACE]
            saved = d.travel[before, here] + d.travel[here, ahead] - d.travel[before, ahead]
            r = code if code < n else code - n
            if removable(d, s, r):
                if w.key[r] == HUGE:
                    w.key[r] = -d.assign[r, v]
                w.key[r] -= saved
            before = here
    for r in range(n):
        if w.key[r] < HUGE:
            w.key[r] *= 0.5 + draw(s)
    count = np.int64(0)
    while count < amount:
        worst = 0
        for r in range(1, n):
            if w.key[r] < w.key[worst]:
                worst = r
        if w.key[worst] >= HUGE:
            break
        w.key[worst] = HUGE
        count = pick(w, worst, count)
    return count


@inner
def pick_time(d, s, w, amount):
    """Neighbours in time."""
    n = d.request.shape[0]
    count = np.int64(0)
    at = draw_below(s, n)
    for h in range(n):
        r = w.by_time[(at + h) % n]
        if removable(d, s, r) and draw(s) < 0.6:
            count = pick(w, r, count)
            if count >= amount:
                break
    return count


@inner
def vehicle_near(d, s, w, seed):
    """The vehicle of the closest related request that may be taken out; -1 where there is none."""
    for h in range(w.near.shape[1]):
        r = w.near[seed, h]
        if removable(d, s, r) and not w.marked[r]:
            return s.vehicle_of[r]
    return np.int64(-1)


@inner
def pick_route(d, s, w, amount):
    """Whole routes, the next one through a related request."""
    n = d.request.shape[0]
    count = np.int64(0)
    seed = seed_request(d, s, w)
    if seed < 0:
        return 0
    v = s.vehicle_of[seed]
    if v < 0:
        v = vehicle_near(d, s, w, seed)
    while count < amount and v >= 0:
        before = count
        for i in range(s.size[v]):
            code = s.base[v, i]
            if code < n and removable(d, s, code) and not w.marked[code] and count < amount:
                count = pick(w, code, count)
        if count == before:
            break
        seed = w.picked[draw_below(s, count)]
        v = vehicle_near(d, s, w, seed)
    return count


@inner
def mean_size(s):
    """Requests of a route that is not empty, on average."""
    stops = 0
    routes = 0
    for v in range(s.size.shape[0]):
        stops += s.size[v]
        if s.size[v] > 0:
            routes += 1
    return 0.5 * stops / max(routes, 1)


@tight
def pick_string(d, s, w, v, code, length, count, amount):
    """A string of neighbours around one stop of a route, grown at either end by chance."""
    n = d.request.shape[0]
    k = s.size[v]
    first = 0
    while s.base[v, first] != code:
        first += 1
    last = first
    left = length - 1
    count = pick(w, code if code < n else code - n, count)
    while left > 0 and count < amount and (first > 0 or last < k - 1):
        if last == k - 1 or (first > 0 and draw(s) < 0.5):
            first -= 1
            at = first
        else:
            last += 1
            at = last
        q = s.base[v, at] if s.base[v, at] < n else s.base[v, at] - n
        if not w.marked[q] and removable(d, s, q):
            count = pick(w, q, count)
            left -= 1
    return count


@inner
def pick_strings(d, s, w, amount):
    """Strings of neighbours around one stop, each from another route (slack induction)."""
    n = d.request.shape[0]
    seed = seed_request(d, s, w)
    count = np.int64(0)
    if seed < 0:
        return 0
    if draw(s) < 0.5:
        seed += n
    longest = min(w.tune[LONGEST], mean_size(s))
    strings = int(1.5 + draw(s) * max(0.0, 2.0 * amount / (1.0 + longest) - 1.0))
    used = w.used
    for v in range(s.size.shape[0]):
        used[v] = False
    for h in range(-1, w.near_stop.shape[1]):
        code = seed if h < 0 else w.near_stop[seed, h]
        r = code if code < n else code - n
        if not removable(d, s, r) or w.marked[r] or d.request[r, ABOARD] == 1:
            continue
        v = s.vehicle_of[r]
        if used[v]:
            continue
        used[v] = True
        length = int(1.0 + draw(s) * min(longest, 0.5 * s.size[v]))
        count = pick_string(d, s, w, v, code, length, count, 2 * amount)
        strings -= 1
        if strings == 0 or count >= 2 * amount:
            break
    return count


@inner
def pick_some(d, s, w, amount):
    """Take one of the removals, by their shares."""
    choice = draw(s)
    for kind in range(6):
        choice -= w.tune[kind]
        if choice < 0.0:
            break
    if kind == RELATED:
        return pick_related(d, s, w, amount)
    if kind == STRINGS:
        return pick_strings(d, s, w, amount)
    if kind == WORST:
        return pick_worst(d, s, w, amount)
    if kind == TIME:
        return pick_time(d, s, w, amount)
    if kind == ROUTE:
        return pick_route(d, s, w, amount)
    return pick_random(d, s, w, amount)
