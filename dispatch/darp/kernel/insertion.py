"""The cheapest insertion of one request into one route: the likely one, and the exact one."""

import numpy as np

from dispatch.darp.kernel.breaks import with_break
from dispatch.darp.kernel.columns import (
    ALL_SHARE,
    BREAK_FROM,
    BREAK_TICKS,
    BREAK_UNTIL,
    BUSY,
    CLOSES,
    CODE,
    DRIVER,
    DRIVING,
    FINISH,
    FIXED,
    FROM,
    HUGE,
    LATENESS,
    LATEST,
    LAYOUTS,
    LEG,
    MASK,
    METRIC,
    OF,
    OPENS,
    PLACE,
    POOL,
    PROMISES,
    READY,
    RIDE,
    SERVICE,
    UNTIL,
    VARIANTS,
    WAITING,
    WHERE,
    WORKING,
)
from dispatch.darp.kernel.compiling import inner, tight
from dispatch.darp.kernel.loads import fitting, layouts_with, loads_fit, mates_allow
from dispatch.darp.kernel.pricing import price, price_below

# How an insertion is looked for, and whether the route may have a break; each is compiled apart.
ROUGHLY, EXACTLY = range(2)
BARE, BROKEN = range(2)


@tight
def spliced(s, slot, i, j, r, n, out):
    """Copy a slot's sequence with ``r`` picked up after position ``i``, delivered after ``j``."""
    at = 0
    for h in range(s.length[slot] + 1):
        if h > 0:
            out[at] = s.stop[slot, h, CODE]
            at += 1
        if h == i:
            out[at] = r
            at += 1
        if h == j:
            out[at] = n + r
            at += 1
    return at


@inner
def best_in_empty(d, s, r, v, load):
    """(cost added, gap of the break) for the first request of a vehicle; HUGE where it cannot."""
    n = d.request.shape[0]
    if fitting(d, v, load) == 0:
        return HUGE, 0
    seq = s.row[1]
    worth = s.marginal[d.vehicle[v, DRIVER]]
    best = HUGE
    if d.vehicle[v, BREAK_TICKS] < 0:
        seq[0] = r
        seq[1] = n + r
        cost, duration = price(d, s, v, seq, np.int64(2))
        if cost < HUGE:
            best = cost + worth * duration
        return best, 0
    for gap in range(0, 3, 2):
        seq[0] = r
        seq[1] = n + r
        with_break(d, s.row[1], np.int64(2), gap, s.row[2])
        cost, duration = price(d, s, v, s.row[2], np.int64(3))
        if cost < HUGE and cost + worth * duration < best:
            best = cost + worth * duration
    return best, 0


@inner
def any_insertion(d, s, r, v, bound, out):
    """As ``best_insertion``, trying everything: for travel without the triangle inequality."""
    n = d.request.shape[0]
    worth = s.marginal[d.vehicle[v, DRIVER]]
    old = s.cost[v] + worth * s.duration[v]
    best = bound
    found = False
    for variant in range(s.variants[v]):
        slot = v * VARIANTS + variant
        for i in range(d.vehicle[v, FIXED], s.length[slot] + 1):
            for j in range(i, s.length[slot] + 1):
                if j > i and s.stop[slot, j, CODE] == 2 * n:
                    break
                size = spliced(s, slot, i, j, r, n, s.row[3])
                cost, duration = price(d, s, v, s.row[3], size)
                if cost >= HUGE or cost + worth * duration - old >= best:
                    continue
                bare = 0
                for h in range(size):
                    if s.row[3, h] != 2 * n:
                        s.row[6, bare] = s.row[3, h]
                        bare += 1
                if loads_fit(d, s, v, s.row[6], bare):
                    best = cost + worth * duration - old
                    found = True
                    out[0] = slot
                    out[1] = i
                    out[2] = j
    return best if found else HUGE


@tight
def beyond(guess, at, floor, after):
    """Whether a candidate comes after another one: dearer, or as dear and found later."""
    return guess > floor or (guess == floor and at > after)


@inner
def best_insertion(d, s, r, v, bound, out):
    """Cheapest feasible insertion of ``r`` into the route of ``v`` that costs less than ``bound``.

    Returns the cost added (HUGE where there is none); ``out`` gets slot, position of the pickup
    and of the delivery. What passes the tests of ``walk`` is verified exactly.
    """
    if s.size[v] + 6 > s.base.shape[1]:
        return HUGE
    if s.size[v] > 0 and d.weight[METRIC] > 0.0:
        return walk(d, s, r, v, bound, d.weight[DRIVING], EXACTLY, BROKEN, -HUGE, out)
    if s.size[v] > 0:
        return any_insertion(d, s, r, v, bound, out)
    return first_insertion(d, s, r, v, bound, out)


@inner
def first_insertion(d, s, r, v, bound, out):
    """As ``best_insertion``, into an empty route."""
    best, _ = best_in_empty(d, s, r, v, d.load[r])
    out[0] = v * VARIANTS
    out[1] = 0
    out[2] = 0
    return best if best < bound else HUGE


@inner
def likely_insertion(d, s, r, v, floor, out):
    """The insertion of ``r`` into ``v`` that seems the cheapest, and whether it is certain.

    Nothing is verified, so that it costs little: the price is that of the detour. After
    ``confirmed`` has refused one, the next one is asked for with its price as ``floor``, ``out``
    still holding its place.
    """
    if s.size[v] + 6 > s.base.shape[1]:
        return HUGE, True
    if s.size[v] == 0:
        return first_insertion(d, s, r, v, HUGE, out), True
    if d.weight[METRIC] == 0.0:
        return any_insertion(d, s, r, v, HUGE, out), True
    tick = d.weight[DRIVING] + d.weight[WORKING] + s.marginal[d.vehicle[v, DRIVER]]
    tick = max(tick, d.weight[DRIVING])
    if d.vehicle[v, BREAK_TICKS] < 0:
        return walk(d, s, r, v, HUGE, tick, ROUGHLY, BARE, floor, out), False
    return walk(d, s, r, v, HUGE, tick, ROUGHLY, BROKEN, floor, out), False


@tight
def confirmed(d, s, r, v, spot, guess):
    """What a likely insertion really adds to the cost; HUGE where it is not feasible.

    The chain, and its cost and duration in the scratch, stay for ``set_confirmed``.
    """
    n = d.request.shape[0]
    size = spliced(s, spot[0], spot[1], spot[2], r, n, s.row[3])
    cost, duration = price(d, s, v, s.row[3], size)
    if cost >= HUGE:
        return HUGE
    s.chain[0, OF] = s.version[v]
    s.chain[1, OF] = r
    s.trial_cost[0] = cost
    s.trial[1, 0] = duration
    if plainly_priced(d, s, v):
        return guess
    worth = s.marginal[d.vehicle[v, DRIVER]]
    return cost + worth * duration - s.cost[v] - worth * s.duration[v]


@tight
def plainly_priced(d, s, v):
    """Whether a detour costs what it drives and nothing else."""
    w = d.weight
    return (
        w[WORKING] == 0.0 and s.marginal[d.vehicle[v, DRIVER]] == 0.0 and w[WAITING] == 0.0
        and w[PROMISES] == 0.0 and w[LATENESS] == 0.0
    )  # fmt: skip


@inner
def walk(d, s, r, v, bound, tick, how, breaks, floor, out):
    """The cheapest place of ``r`` in the route of ``v`` that passes constant-time tests.

    The earliest and latest times of the route, the ride so far, the layouts and those aboard leave
    few candidates. Each costs ``tick`` for a tick of its detour. ``EXACTLY``, those below ``bound``
    are verified and priced; ``ROUGHLY``, the cheapest is returned that comes after ``floor`` and
    the place in ``out``. ``BARE`` is for a vehicle without a break.
    """
    n = d.request.shape[0]
    load = d.load[r]
    finish = d.vehicle[v, FINISH]
    break_from = max(d.vehicle[v, BREAK_FROM], d.vehicle[v, FROM])
    break_ticks = d.vehicle[v, BREAK_TICKS]
    break_until = min(d.vehicle[v, BREAK_UNTIL], d.vehicle[v, UNTIL] - break_ticks)
    from_place = d.node[r, PLACE]
    to_place = d.node[n + r, PLACE]
    opens = d.node[r, OPENS]
    closes = d.node[r, CLOSES]
    board = d.node[r, SERVICE]
    to_opens = d.node[n + r, OPENS]
    to_closes = d.node[n + r, CLOSES]
    alight = d.node[n + r, SERVICE]
    limit = d.node[n + r, RIDE]
    onto_pickup = d.back[from_place]
    off_pickup = d.travel[from_place]
    onto_delivery = d.back[to_place]
    off_delivery = d.travel[to_place]
    direct = np.int64(off_pickup[to_place])
    worth = s.marginal[d.vehicle[v, DRIVER]]
    simple = plainly_priced(d, s, v)
    anyone = d.weight[ALL_SHARE] > 0.0
    extra = d.assign[r, v]
    alone = fitting(d, v, load)
    if alone == 0 or direct > limit:
        return HUGE
    best = bound
    found = False
    old = s.cost[v] + worth * s.duration[v]
    width = s.stop.shape[1]
    room = d.layout[v]
    layouts = d.vehicle[v, LAYOUTS]
    after = (out[0] * width + out[1]) * width + out[2]
    for variant in range(s.variants[v]):
        slot = v * VARIANTS + variant
        at = s.stop[slot]
        aboard = s.weight_on[slot]
        k = s.length[slot]
        first = d.vehicle[v, FIXED]
        while first <= k and at[first + 1, LATEST] < opens + board:
            first += 1
        for i in range(first, k + 1):
            ready = at[i, READY]
            if ready > closes:
                break
            approach = np.int64(onto_pickup[at[i, WHERE]])
            arrive = ready + approach
            if arrive > closes:
                continue
            if arrive < opens:
                arrive = opens
            # Nothing fits here if even the detour to the pickup makes the next stop late.
            held = closes
            if i < k and (breaks == BARE or at[i + 1, CODE] < 2 * n):
                onward = board + off_pickup[at[i + 1, WHERE]]
                if arrive + onward > at[i + 1, LATEST]:
                    continue
                held = min(held, at[i + 1, LATEST] - onward)
            mask = alone
            if at[i, POOL] > 0:
                if not anyone and not mates_allow(d, s, slot, i, r):
                    continue
                mask = layouts_with(room, layouts, aboard, i, load) & at[i, MASK]
                if mask == 0:
                    continue
            # Walk on with r aboard; j is the position after which it is delivered.
            t = arrive
            stay = board
            ridden = -board
            added = approach
            for j in range(i, k + 1):
                if j > i:
                    code = at[j, CODE]
                    if breaks == BROKEN and code == 2 * n:
                        break
                    leg = at[j, LEG]
                    if j == i + 1:
                        leg = np.int64(off_pickup[at[j, WHERE]])
                        added += leg - at[j, LEG]
                        if tick * added + extra >= best:
                            break
                    t += stay + leg
                    ridden += stay + leg
                    if t > at[j, LATEST] or ridden > limit:
                        break
                    stay = at[j, BUSY]
                    t = max(t, at[j, READY] - stay)
                    if not anyone and code < n and not d.share[code, r]:
                        break
                    if at[j, POOL] > 0:
                        mask &= layouts_with(room, layouts, aboard, j, load) & at[j, MASK]
                        if mask == 0:
                            break
                leg = direct
                if j > i:
                    leg = np.int64(onto_delivery[at[j, WHERE]])
                reach = t + stay + leg
                if reach > to_closes:
                    break
                if reach < to_opens:
                    reach = to_opens
                if ridden + stay + leg > limit:
                    continue
                # The pickup waits for the ride not to last too long; what follows it must bear it.
                if reach - board - limit > (closes if j == i else held):
                    if j == i:
                        continue
                    break
                # On to the next stop, over a break if it comes first.
                go = reach + alight
                follow = j
                if breaks == BROKEN and j + 1 < k and at[j + 1, CODE] == 2 * n:
                    go = max(go, break_from)
                    if go > break_until:
                        continue
                    go += break_ticks
                    follow += 1
                was = at[follow + 1, LEG]
                if follow == k:
                    away = off_delivery[finish]
                    if go + away > d.vehicle[v, UNTIL]:
                        continue
                elif breaks == BROKEN and at[follow + 1, CODE] == 2 * n:
                    away = off_delivery[finish]
                    was = at[k + 1, LEG]
                    if go + away > break_until:
                        continue
                else:
                    away = off_delivery[at[follow + 1, WHERE]]
                    if go + away > at[follow + 1, LATEST]:
                        continue
                driven = added + leg + away - was
                guess = tick * driven + extra
                if guess >= best:
                    continue
                if how == EXACTLY:
                    size = spliced(s, slot, i, j, r, n, s.row[3])
                    most = HUGE if simple else best + old
                    cost, duration = price_below(d, s, v, s.row[3], size, worth, most)
                    if cost >= HUGE:
                        continue
                    if not simple:
                        guess = cost + worth * duration - old
                        if guess >= best:
                            continue
                elif not beyond(guess, (slot * width + i) * width + j, floor, after):
                    continue
                best = guess
                found = True
                out[0] = slot
                out[1] = i
                out[2] = j
    return best if found else HUGE
