"""The cheapest insertion of one request into one route."""

import numpy as np

from dispatch.darp.kernel.breaks import with_break
from dispatch.darp.kernel.columns import (
    BREAK_FROM,
    BREAK_TICKS,
    BREAK_UNTIL,
    CLOSES,
    DRIVER,
    DRIVING,
    FINISH,
    FIXED,
    FROM,
    HUGE,
    LATENESS,
    METRIC,
    OPENS,
    PLACE,
    PROMISES,
    RIDE,
    SERVICE,
    UNTIL,
    VARIANTS,
    WAITING,
    WORKING,
)
from dispatch.darp.kernel.compiling import inner
from dispatch.darp.kernel.loads import fitting, layouts_with, loads_fit, mates_allow
from dispatch.darp.kernel.pricing import price, price_below


@inner
def spliced(s, slot, i, j, r, n, out):
    """Copy a slot's sequence with ``r`` picked up after position ``i``, delivered after ``j``."""
    at = 0
    for h in range(s.length[slot] + 1):
        if h > 0:
            out[at] = s.sequence[slot, h - 1]
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
                if j > i and s.sequence[slot, j - 1] == 2 * n:
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


@inner
def best_insertion(d, s, r, v, bound, out):
    """Cheapest feasible insertion of ``r`` into the route of ``v`` that costs less than ``bound``.

    Returns the cost added (HUGE where there is none); ``out`` gets slot, position of the pickup
    and of the delivery. Constant-time tests against the earliest and latest times of the route
    leave few candidates, and each of these is verified exactly.
    """
    n = d.request.shape[0]
    load = d.load[r]
    if s.size[v] == 0:
        best, _ = best_in_empty(d, s, r, v, load)
        out[0] = v * VARIANTS
        out[1] = 0
        out[2] = 0
        return best if best < bound else HUGE
    if d.weight[METRIC] == 0.0:
        return any_insertion(d, s, r, v, bound, out)
    travel = d.travel
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
    direct = travel[from_place, to_place]
    w_drive = d.weight[DRIVING]
    worth = s.marginal[d.vehicle[v, DRIVER]]
    simple = (
        d.weight[WORKING] == 0.0 and worth == 0.0 and d.weight[WAITING] == 0.0
        and d.weight[PROMISES] == 0.0 and d.weight[LATENESS] == 0.0
    )  # fmt: skip
    extra = d.assign[r, v]
    alone = fitting(d, v, load)
    if alone == 0 or direct > limit:
        return HUGE
    best = bound
    found = False
    old = s.cost[v] + worth * s.duration[v]
    for variant in range(s.variants[v]):
        slot = v * VARIANTS + variant
        seq = s.sequence[slot]
        k = s.length[slot]
        for i in range(d.vehicle[v, FIXED], k + 1):
            ready = s.leave[slot, i]
            if ready > closes:
                break
            here = s.where[slot, i]
            arrive = ready + travel[here, from_place]
            if arrive > closes:
                continue
            if arrive < opens:
                arrive = opens
            # Nothing fits here if even the detour to the pickup makes the next stop late.
            if i < k and seq[i] < 2 * n:
                onward = board + travel[from_place, d.node[seq[i], PLACE]]
                if arrive + onward > s.latest[slot, i + 1]:
                    continue
            mask = alone
            if s.on[slot, i] > 0:
                if not mates_allow(d, s, slot, i, r):
                    continue
                mask = layouts_with(d, s, v, slot, i, r) & s.mask[slot, i]
                if mask == 0:
                    continue
            # Walk on with r aboard; j is the position after which it is delivered.
            t = arrive
            at_place = from_place
            stay = board
            ridden = -board
            added = travel[here, from_place]
            for j in range(i, k + 1):
                if j > i:
                    code = seq[j - 1]
                    if code == 2 * n:
                        break
                    there = d.node[code, PLACE]
                    leg = travel[at_place, there]
                    t += stay + leg
                    ridden += stay + leg
                    if j == i + 1:
                        added += leg - travel[here, there]
                    if t > s.latest[slot, j] or ridden > limit:
                        break
                    stay = d.node[code, SERVICE]
                    t = max(t, s.leave[slot, j] - stay)
                    at_place = there
                    if code < n and not d.share[code, r]:
                        break
                    if s.on[slot, j] > 0:
                        mask &= layouts_with(d, s, v, slot, j, r) & s.mask[slot, j]
                        if mask == 0:
                            break
                leg = travel[at_place, to_place]
                reach = t + stay + leg
                if j == i:
                    reach = t + board + leg
                if reach > to_closes:
                    break
                if reach < to_opens:
                    reach = to_opens
                if ridden + (board if j == i else stay) + leg > limit:
                    continue
                if j == i and reach - board - limit > closes:
                    continue
                # On to the next stop, over a break if it comes first.
                go = reach + alight
                follow = j
                if follow < k and seq[follow] == 2 * n and follow + 1 < k:
                    go = max(go, break_from)
                    if go > break_until:
                        continue
                    go += break_ticks
                    follow += 1
                if follow == k:
                    ahead = finish
                    if go + travel[to_place, ahead] > d.vehicle[v, UNTIL]:
                        continue
                elif seq[follow] == 2 * n:
                    ahead = finish
                    if go + travel[to_place, ahead] > break_until:
                        continue
                else:
                    ahead = d.node[seq[follow], PLACE]
                    if go + travel[to_place, ahead] > s.latest[slot, follow + 1]:
                        continue
                if j == i:
                    driven = added + direct + travel[to_place, ahead] - travel[here, ahead]
                else:
                    driven = added + leg + travel[to_place, ahead] - travel[at_place, ahead]
                guess = w_drive * driven + extra
                if guess >= best:
                    continue
                size = spliced(s, slot, i, j, r, n, s.row[3])
                most = HUGE if simple else best + old
                cost, duration = price_below(d, s, v, s.row[3], size, worth, most)
                if cost >= HUGE:
                    continue
                if not simple:
                    guess = cost + worth * duration - old
                    if guess >= best:
                        continue
                best = guess
                found = True
                out[0] = slot
                out[1] = i
                out[2] = j
    return best if found else HUGE
