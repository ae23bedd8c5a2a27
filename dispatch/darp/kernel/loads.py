"""Loads along one route: which layouts hold each pool, and who may share."""

from dispatch.darp.kernel.columns import ABOARD, ABOARD_LAYOUT, CODE, INF, LAYOUTS, MASK, POOL
from dispatch.darp.kernel.compiling import entry, inner, tight


@tight
def fitting(d, v, load):
    """Bit mask of the vehicle's layouts that hold this load."""
    mask = 0
    for layout in range(d.vehicle[v, LAYOUTS]):
        fits = True
        for q in range(load.shape[0]):
            if load[q] > d.layout[v, layout, q]:
                fits = False
                break
        if fits:
            mask |= 1 << layout
    return mask


@tight
def load_up(d, s, v, slot):
    """Loads, pools and their layouts along a slot's sequence; False where no layout fits."""
    n = d.request.shape[0]
    resources = d.load.shape[1]
    at = s.stop[slot]
    k = s.length[slot]
    every = (1 << d.vehicle[v, LAYOUTS]) - 1
    on = 0
    for q in range(resources):
        s.weight_on[slot, 0, q] = 0
    for i in range(1, k + 1):
        code = at[i, CODE]
        if n <= code < 2 * n and d.request[code - n, ABOARD]:
            on += 1
            for q in range(resources):
                s.weight_on[slot, 0, q] += d.load[code - n, q]
    mask = every
    if on > 0:
        mask = fitting(d, v, s.weight_on[slot, 0])
        if d.vehicle[v, ABOARD_LAYOUT] >= 0:
            mask &= 1 << d.vehicle[v, ABOARD_LAYOUT]
    at[0, POOL] = on
    at[0, MASK] = mask
    good = mask != 0
    for i in range(1, k + 1):
        code = at[i, CODE]
        if code < n:
            if on == 0:
                mask = every
            on += 1
            for q in range(resources):
                s.weight_on[slot, i, q] = s.weight_on[slot, i - 1, q] + d.load[code, q]
            mask &= fitting(d, v, s.weight_on[slot, i])
        else:
            for q in range(resources):
                s.weight_on[slot, i, q] = s.weight_on[slot, i - 1, q]
            if code < 2 * n:
                on -= 1
                for q in range(resources):
                    s.weight_on[slot, i, q] -= d.load[code - n, q]
            if on == 0:
                mask = every
        good = good and mask != 0
        at[i, POOL] = on
        at[i, MASK] = mask
    for i in range(k - 1, -1, -1):
        if at[i, POOL] > 0 and at[i + 1, POOL] > 0:
            at[i, MASK] = at[i + 1, MASK]
    return good


@entry
def loads_fit(d, s, v, base, k):
    """Whether an order of stops keeps to the layouts and shares only as allowed."""
    n = d.request.shape[0]
    slot = s.stop.shape[0] - 1
    s.length[slot] = k
    for i in range(k):
        s.stop[slot, i + 1, CODE] = base[i]
    if not load_up(d, s, v, slot):
        return False
    for i in range(k):
        if base[i] < n:
            for j in range(k):
                if base[j] >= n and base[j] - n != base[i]:
                    other = base[j] - n
                    if d.share[other, base[i]]:
                        continue
                    # Aboard together: picked up before i (or aboard at the start), out after it.
                    before = d.request[other, ABOARD] == 1
                    for h in range(i):
                        if base[h] == other:
                            before = True
                    if before and j > i:
                        return False
        elif d.request[base[i] - n, ABOARD]:
            for j in range(k):
                if (
                    base[j] >= n and d.request[base[j] - n, ABOARD] and base[j] != base[i]
                    and not d.share[base[j] - n, base[i] - n]
                ):  # fmt: skip
                    return False
    return True


@entry
def load_spare(d, s, v, k):
    """Loads and pools of the sequence in row 0, into the spare slot."""
    slot = s.stop.shape[0] - 1
    s.length[slot] = k
    for i in range(k):
        s.stop[slot, i + 1, CODE] = s.row[0, i]
    load_up(d, s, v, slot)


@tight
def layouts_with(room, layouts, aboard, i, load):
    """Which of a vehicle's layouts hold what is aboard after position ``i`` and this load."""
    mask = 0
    for layout in range(layouts):
        fits = True
        for q in range(load.shape[0]):
            if aboard[i, q] + load[q] > room[layout, q]:
                fits = False
                break
        if fits:
            mask |= 1 << layout
    return mask


@inner
def mates_allow(d, s, slot, i, r):
    """Whether all aboard after position ``i`` may share with ``r``."""
    n = d.request.shape[0]
    if s.stop[slot, i, POOL] == 0:
        return True
    # Those aboard after i: delivered later, picked up no later than i.
    for j in range(i + 1, s.length[slot] + 1):
        code = s.stop[slot, j, CODE]
        if n <= code < 2 * n and not d.share[code - n, r]:
            inside = False
            for h in range(i + 1, j):
                if s.stop[slot, h, CODE] == code - n:
                    inside = True
                    break
            if not inside:
                return False
        if s.stop[slot, j, POOL] == 0:
            break
    return True


@inner
def overload(d, r, v):
    """By how many units ``r`` alone exceeds the layout that suits it best."""
    least = INF
    for layout in range(d.vehicle[v, LAYOUTS]):
        over = 0
        for q in range(d.load.shape[1]):
            over += max(0, d.load[r, q] - d.layout[v, layout, q])
        least = min(least, over)
    return least
