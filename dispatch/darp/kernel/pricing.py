"""What the times of one route cost, and which promises are worth keeping."""

from dispatch.darp.kernel.columns import (
    CLOSES,
    DRIVE,
    DRIVING,
    EARLY,
    FAIRNESS,
    HI,
    HI_KEPT,
    HUGE,
    KEEP,
    LATE,
    LATENESS,
    LO,
    LO_KEPT,
    MAX_DURATION,
    NEVER,
    OPENS,
    PROMISE_FROM,
    PROMISE_UNTIL,
    PROMISES,
    STARTED,
    STAY,
    WAITING,
    WORKING,
)
from dispatch.darp.kernel.compiling import entry, inner, tight
from dispatch.darp.kernel.times import (
    bound_end,
    earliest,
    has_due,
    keep_due,
    lateness,
    latest,
    lay_out,
    shorten,
    wait_least,
)


@inner
def narrow(d, s, seq, k):
    """Narrow pickup windows to what was promised where ``KEEP`` says so."""
    x = s.chain
    n = d.request.shape[0]
    for i in range(1, k + 1):
        if x[KEEP, i] == 1 and seq[i - 1] < n:
            x[LO, i] = max(x[LO, i], d.node[seq[i - 1], PROMISE_FROM])
            x[HI, i] = min(x[HI, i], d.node[seq[i - 1], PROMISE_UNTIL])


@inner
def priced_times(d, s, v, seq, k):
    """(price of the times, duration, promises moved) with the promises of ``KEEP`` kept.

    Of the times that are allowed the least late are chosen, of these the shortest, of these those
    with the least waiting aboard. The schedule ends up in LATE; the price is HUGE where there is
    none. LO_KEPT and HI_KEPT hold the bounds that are no promises.
    """
    x = s.chain
    for i in range(k + 2):
        x[LO, i] = x[LO_KEPT, i]
        x[HI, i] = x[HI_KEPT, i]
    narrow(d, s, seq, k)
    if not earliest(x, k + 1):
        return HUGE, 0, 0
    return chosen_times(d, s, v, seq, k, 0.0, HUGE)


@inner
def chosen_times(d, s, v, seq, k, worth, room):
    """As ``priced_times`` for a chain whose EARLY is valid, at a price below ``room``.

    ``worth`` is what a tick of the duration costs beside its price.
    """
    x = s.chain
    n = d.request.shape[0]
    w = d.weight
    due = w[LATENESS] > 0.0 and has_due(d, seq, k)
    if due and not keep_due(d, s, v, seq, k):
        return HUGE, 0, 0
    duration = shorten(d, s, v, seq, k)
    if duration > d.vehicle[v, MAX_DURATION] or (w[WORKING] + worth) * duration >= room:
        return HUGE, 0, 0
    duration, waited = wait_least(d, s, v, seq, k)
    moved = 0
    if w[PROMISES] > 0.0:
        for i in range(1, k + 1):
            code = seq[i - 1]
            if code < n and (
                x[LATE, i] < d.node[code, PROMISE_FROM] or x[LATE, i] > d.node[code, PROMISE_UNTIL]
            ):
                moved += 1
    cost = w[WORKING] * duration + w[WAITING] * waited + w[PROMISES] * moved
    if due:
        cost += w[LATENESS] * lateness(d, s, seq, k)
    return cost, duration, moved


@inner
def keep_promises(d, s, v, seq, k, worth, room):
    """(price of the times, duration) of a chain whose EARLY is valid, without promises.

    Promises are kept where that is worth its price. All are kept if that is possible, else as many
    as can be in the order of the route; then one after the other is given up or taken up again
    while that pays. ``KEEP`` holds the choice. The price is HUGE where it cannot be below ``room``.
    """
    x = s.chain
    n = d.request.shape[0]
    for i in range(k + 2):
        x[KEEP, i] = 0
        x[LO_KEPT, i] = x[LO, i]
        x[HI_KEPT, i] = x[HI, i]
    # Who keeps promises takes no less time than who keeps none, unless lateness comes before both.
    plain = d.weight[LATENESS] == 0.0
    unit = d.weight[WORKING] + worth
    if unit < 0.0 or not plain:
        room = HUGE
    bare, duration, moved = chosen_times(d, s, v, seq, k, worth, room)
    if bare >= HUGE or moved == 0:
        return bare, duration
    best = bare
    one = d.weight[PROMISES]
    bare -= moved * one
    wanted = 0
    for i in range(1, k + 1):
        code = seq[i - 1]
        if code < n and d.node[code, PROMISE_FROM] > NEVER and (
            max(d.node[code, PROMISE_FROM], d.node[code, OPENS])
            <= min(d.node[code, PROMISE_UNTIL], d.node[code, CLOSES])
        ):  # fmt: skip
            x[KEEP, i] = 1
            wanted += 1
    lasts = duration
    if wanted == 0:
        return best, duration
    cost, duration, moved = priced_times(d, s, v, seq, k)
    # Giving up any costs one: nothing is better than all of them for less than that.
    settled = plain and moved == 0 and cost <= best and cost <= one + d.weight[WORKING] * lasts
    if cost >= HUGE:
        if one + unit * lasts >= room:
            return HUGE, lasts
        for i in range(1, k + 1):
            x[KEEP, i] = -x[KEEP, i]
        for i in range(1, k + 1):
            if x[KEEP, i] == -1:
                x[KEEP, i] = 1
                cost, duration, moved = priced_times(d, s, v, seq, k)
                if cost >= HUGE:
                    x[KEEP, i] = -1
        cost, duration, moved = priced_times(d, s, v, seq, k)
    if cost > best:
        for i in range(1, k + 1):
            if x[KEEP, i] == 1:
                x[KEEP, i] = -1
    else:
        best = cost
        lasts = duration
    again = best - bare > 1e-9 and not settled
    while again and best - bare > 1e-9:
        again = False
        for i in range(1, k + 1):
            if x[KEEP, i] == 0:
                continue
            x[KEEP, i] = -x[KEEP, i]
            cost, duration, moved = priced_times(d, s, v, seq, k)
            if cost < best - 1e-9:
                best = cost
                lasts = duration
                again = True
            else:
                x[KEEP, i] = -x[KEEP, i]
    return best, lasts


@entry
def final_times(d, s, v, seq, k):
    """The schedule that ``price`` prices, into LATE."""
    lay_out(d, s, v, seq, k)
    bound_end(d, s, v, seq, k)
    if not earliest(s.chain, k + 1):
        return
    if d.weight[PROMISES] == 0.0:
        chosen_times(d, s, v, seq, k, 0.0, HUGE)
        return
    keep_promises(d, s, v, seq, k, 0.0, HUGE)
    priced_times(d, s, v, seq, k)


@tight
def duration_only(d, s, v, seq, k):
    """The least duration of a chain whose EARLY is valid."""
    x = s.chain
    n = d.request.shape[0]
    closing = seq[k - 1] == 2 * n
    ends = x[EARLY, k - 1] + x[STAY, k - 1] + x[DRIVE, k] if closing else x[EARLY, k + 1]
    if d.vehicle[v, STARTED] != NEVER:
        return ends - d.vehicle[v, STARTED]
    at = k - 1 if closing else k + 1
    x[HI, at] = x[EARLY, at]
    latest(x, k + 1)
    return ends - (x[LATE, 2] - x[DRIVE, 2]) if seq[0] == 2 * n else ends - x[LATE, 0]


@inner
def assigned(d, v, seq, k):
    """What giving the requests of a route to its vehicle costs."""
    n = d.request.shape[0]
    cost = 0.0
    for i in range(k):
        if n <= seq[i] < 2 * n:
            cost += d.assign[seq[i] - n, v]
    return cost


@tight
def has_promise(d, seq, k):
    """Whether anyone's pickup on the route was promised."""
    n = d.request.shape[0]
    found = 0
    for i in range(k):
        if seq[i] < n and d.node[seq[i], PROMISE_FROM] > NEVER:
            found += 1
    return found > 0


@inner
def price(d, s, v, seq, k):
    """(cost, duration) of a route whose loads are known to fit; cost HUGE where times do not."""
    return price_below(d, s, v, seq, k, 0.0, HUGE)


@inner
def price_below(d, s, v, seq, k, worth, most):
    """``price``, or HUGE where ``cost + worth * duration`` is found to be ``most`` or more."""
    if k == 0:
        return 0.0, 0
    x = s.chain
    drive = lay_out(d, s, v, seq, k)
    bound_end(d, s, v, seq, k)
    if not earliest(x, k + 1):
        return HUGE, 0
    w = d.weight
    cost = w[DRIVING] * drive + d.fixed_cost[v]
    limit = d.vehicle[v, MAX_DURATION]
    room = HUGE
    if most < HUGE:
        # Sums are rounded: who is that close is priced to the end.
        room = most - cost - assigned(d, v, seq, k) + 1e-6
    duration = 0
    if w[PROMISES] > 0.0 and has_promise(d, seq, k):
        times, duration = keep_promises(d, s, v, seq, k, worth, room)
        if times >= HUGE:
            return HUGE, 0
        cost += times
    elif w[WAITING] > 0.0 or (w[LATENESS] > 0.0 and has_due(d, seq, k)):
        times, duration, _ = chosen_times(d, s, v, seq, k, worth, room)
        if times >= HUGE:
            return HUGE, 0
        cost += times
    elif w[WORKING] > 0.0 or w[FAIRNESS] > 0.0 or span(d, x, seq, k) > limit:
        duration = duration_only(d, s, v, seq, k)
        if duration > limit:
            return HUGE, 0
        cost += w[WORKING] * duration
    n = d.request.shape[0]
    for i in range(k):
        code = seq[i]
        if n <= code < 2 * n:
            cost += d.assign[code - n, v]
    return cost, duration


@inner
def span(d, x, seq, k):
    """How long a route lasts at its earliest times if it reaches its first stop just in time."""
    if seq[0] == 2 * d.request.shape[0]:
        return x[EARLY, k + 1] - x[EARLY, 2] + x[DRIVE, 2]
    return x[EARLY, k + 1] - x[EARLY, 1] + x[DRIVE, 1]
