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
    INF,
    KEEP,
    LATE,
    LATENESS,
    LO,
    LO_KEPT,
    LONGEST_WAIT,
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
    earliest,
    has_due,
    hurry,
    keep_due,
    lateness,
    latest,
    shorten,
    wait_least,
)


@inner
def narrow(d, s, seq, k):
    """Narrow pickup windows to what was promised where ``KEEP`` says so."""
    x = s.chain
    n = d.request.shape[0]
    for i in range(1, k + 1):
        if x[i, KEEP] == 1 and seq[i - 1] < n:
            x[i, LO] = max(x[i, LO], d.node[seq[i - 1], PROMISE_FROM])
            x[i, HI] = min(x[i, HI], d.node[seq[i - 1], PROMISE_UNTIL])


@inner
def priced_times(d, s, v, seq, k):
    """(price of the times, duration, promises moved) with the promises of ``KEEP`` kept.

    Of the times that are allowed the least late are chosen, of these the shortest, of these those
    with the least waiting aboard. The schedule ends up in LATE; the price is HUGE where there is
    none. LO_KEPT and HI_KEPT hold the bounds that are no promises.
    """
    x = s.chain
    for i in range(k + 2):
        x[i, LO] = x[i, LO_KEPT]
        x[i, HI] = x[i, HI_KEPT]
    narrow(d, s, seq, k)
    if not earliest(s, k + 1):
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
                x[i, LATE] < d.node[code, PROMISE_FROM] or x[i, LATE] > d.node[code, PROMISE_UNTIL]
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
        x[i, KEEP] = 0
        x[i, LO_KEPT] = x[i, LO]
        x[i, HI_KEPT] = x[i, HI]
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
            x[i, KEEP] = 1
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
            x[i, KEEP] = -x[i, KEEP]
        for i in range(1, k + 1):
            if x[i, KEEP] == -1:
                x[i, KEEP] = 1
                cost, duration, moved = priced_times(d, s, v, seq, k)
                if cost >= HUGE:
                    x[i, KEEP] = -1
        cost, duration, moved = priced_times(d, s, v, seq, k)
    if cost > best:
        for i in range(1, k + 1):
            if x[i, KEEP] == 1:
                x[i, KEEP] = -1
    else:
        best = cost
        lasts = duration
    again = best - bare > 1e-9 and not settled
    while again and best - bare > 1e-9:
        again = False
        for i in range(1, k + 1):
            if x[i, KEEP] == 0:
                continue
            x[i, KEEP] = -x[i, KEEP]
            cost, duration, moved = priced_times(d, s, v, seq, k)
            if cost < best - 1e-9:
                best = cost
                lasts = duration
                again = True
            else:
                x[i, KEEP] = -x[i, KEEP]
    return best, lasts


@entry
def final_times(d, s, v, seq, k):
    """The schedule that ``price`` prices, into LATE."""
    if hurry(d, s, v, seq, k, d.vehicle[v, LONGEST_WAIT]) < 0:
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
    ends = x[k - 1, EARLY] + x[k - 1, STAY] + x[k, DRIVE] if closing else x[k + 1, EARLY]
    if d.vehicle[v, STARTED] != NEVER:
        return ends - d.vehicle[v, STARTED]
    at = k - 1 if closing else k + 1
    kept = x[at, HI]
    x[at, HI] = x[at, EARLY]
    latest(s, k + 1)
    x[at, HI] = kept
    return ends - (x[2, LATE] - x[2, DRIVE]) if seq[0] == 2 * n else ends - x[0, LATE]


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
    drive = hurry(d, s, v, seq, k, d.vehicle[v, LONGEST_WAIT])
    if drive < 0:
        return HUGE, 0
    return priced(d, s, v, seq, k, drive, worth, most)


@tight
def unspoilt(d, v):
    """Whether pricing leaves the chain of a route of ``v`` as ``hurry`` has made it."""
    w = d.weight
    return (
        w[PROMISES] == 0.0 and w[WAITING] == 0.0 and w[LATENESS] == 0.0
        and d.vehicle[v, LONGEST_WAIT] >= INF
    )  # fmt: skip


@inner
def priced(d, s, v, seq, k, drive, worth, most):
    """``price_below`` of a route that ``hurry`` has laid out."""
    x = s.chain
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
        return x[k + 1, EARLY] - x[2, EARLY] + x[2, DRIVE]
    return x[k + 1, EARLY] - x[1, EARLY] + x[1, DRIVE]
