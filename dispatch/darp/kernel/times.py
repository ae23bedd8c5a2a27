"""Times along one route: its bounds, the earliest and the latest times, and the chosen ones."""

from dispatch.darp.kernel.columns import (
    ABOARD,
    ALONG,
    BREAK_FROM,
    BREAK_TICKS,
    BREAK_UNTIL,
    CLOSES,
    DRIVE,
    DUE,
    EARLY,
    FAIRNESS,
    FINISH,
    FROM,
    HERE,
    HI,
    INF,
    LATE,
    LIMIT,
    LO,
    LONGEST_WAIT,
    MAX_DURATION,
    NEVER,
    ON,
    OPENS,
    PICK,
    PLACE,
    RIDE,
    SERVICE,
    START,
    STARTED,
    STAY,
    UNTIL,
    WORKING,
)
from dispatch.darp.kernel.compiling import inner, tight


@tight
def lay_out(d, s, v, seq, k):
    """Write the chain of times of a route into the scratch; return its driving ticks."""
    x = s.chain
    n = d.request.shape[0]
    here = d.vehicle[v, START]
    opens = d.vehicle[v, FROM]
    closes = d.vehicle[v, UNTIL]
    x[LO, 0] = opens
    x[HI, 0] = closes
    x[STAY, 0] = 0
    x[DRIVE, 0] = 0
    x[PICK, 0] = -1
    x[LIMIT, 0] = d.vehicle[v, LONGEST_WAIT]
    x[ALONG, 0] = 0
    x[HERE, 0] = here
    drive = 0
    on = 0
    for i in range(k):
        code = seq[i]
        if n <= code < 2 * n:
            on += d.request[code - n, ABOARD]
            s.seat[code - n] = -1
    x[ON, 0] = on
    for i in range(1, k + 1):
        code = seq[i - 1]
        x[PICK, i] = -1
        if code == 2 * n:
            leg = 0
            if i == k:
                leg = d.travel[here, d.vehicle[v, FINISH]]
                here = d.vehicle[v, FINISH]
            x[LO, i] = max(d.vehicle[v, BREAK_FROM], opens)
            x[HI, i] = min(d.vehicle[v, BREAK_UNTIL], closes - d.vehicle[v, BREAK_TICKS])
            x[STAY, i] = d.vehicle[v, BREAK_TICKS]
        else:
            there = d.node[code, PLACE]
            leg = d.travel[here, there]
            here = there
            x[LO, i] = d.node[code, OPENS]
            x[HI, i] = d.node[code, CLOSES]
            x[STAY, i] = d.node[code, SERVICE]
            if code < n:
                s.seat[code] = i
                on += 1
            else:
                on -= 1
                x[PICK, i] = s.seat[code - n]
                x[LIMIT, i] = d.node[code, RIDE]
        x[DRIVE, i] = leg
        x[ALONG, i] = x[ALONG, i - 1] + x[STAY, i - 1] + leg
        x[ON, i] = on
        x[HERE, i] = here
        drive += leg
    leg = d.travel[here, d.vehicle[v, FINISH]]
    if k > 0 and seq[k - 1] == 2 * n:
        leg = 0
    x[DRIVE, k + 1] = leg
    x[LO, k + 1] = opens
    x[HI, k + 1] = closes
    x[STAY, k + 1] = 0
    x[PICK, k + 1] = -1
    x[ON, k + 1] = on
    x[ALONG, k + 1] = x[ALONG, k] + x[STAY, k] + leg
    return drive + leg


@tight
def bound_end(d, s, v, seq, k):
    """Who is on the road already must be back before the limit on the duration."""
    started = d.vehicle[v, STARTED]
    if started == NEVER or d.vehicle[v, MAX_DURATION] >= INF:
        return
    x = s.chain
    back = started + d.vehicle[v, MAX_DURATION]
    if seq[k - 1] == 2 * d.request.shape[0]:
        x[HI, k - 1] = min(x[HI, k - 1], back - x[DRIVE, k] - x[STAY, k - 1])
    else:
        x[HI, k + 1] = min(x[HI, k + 1], back)


@inner
def earliest(x, last):
    """Least times that satisfy windows, driving and limits into EARLY; False if none do.

    A limit on waits with someone aboard moves the stop before later: its bound is raised then.
    """
    if not earliest_patient(x, last):
        return False
    cap = x[LIMIT, 0]
    again = cap < INF
    while again:
        again = False
        for i in range(last, 0, -1):
            need = max(x[EARLY, i], x[LO, i]) - x[DRIVE, i] - x[STAY, i - 1] - cap
            if x[ON, i - 1] > 0 and need > max(x[EARLY, i - 1], x[LO, i - 1]):
                x[LO, i - 1] = need
                again = True
        if again and not earliest_patient(x, last):
            return False
    return True


@inner
def earliest_patient(x, last):
    """``earliest`` without a limit on waits."""
    t = x[LO, 0]
    if t > x[HI, 0]:
        return False
    x[EARLY, 0] = t
    again = False
    for i in range(1, last + 1):
        t += x[STAY, i - 1] + x[DRIVE, i]
        if t < x[LO, i]:
            t = x[LO, i]
        if t > x[HI, i]:
            return False
        x[EARLY, i] = t
        p = x[PICK, i]
        if p >= 0 and t - x[EARLY, p] - x[STAY, p] > x[LIMIT, i]:
            if x[ALONG, i] - x[ALONG, p] - x[STAY, p] > x[LIMIT, i]:
                return False
            again = True
    # Ride limits move pickups later. Without a ride that is too long even when nobody waits,
    # the system has no positive cycle and the passes end at its least fixpoint.
    while again:
        again = False
        first = last
        for i in range(last, 0, -1):
            p = x[PICK, i]
            if p >= 0:
                need = x[EARLY, i] - x[STAY, p] - x[LIMIT, i]
                if need > x[EARLY, p]:
                    if need > x[HI, p]:
                        return False
                    x[EARLY, p] = need
                    first = min(first, p)
        t = x[EARLY, first]
        for i in range(first + 1, last + 1):
            t += x[STAY, i - 1] + x[DRIVE, i]
            if t < x[EARLY, i]:
                t = x[EARLY, i]
            if t > x[HI, i]:
                return False
            x[EARLY, i] = t
            p = x[PICK, i]
            if p >= 0 and t - x[EARLY, p] - x[STAY, p] > x[LIMIT, i]:
                again = True
    return True


@inner
def latest(x, last):
    """Greatest times of a feasible chain into LATE.

    A limit on waits with someone aboard bounds the stop after it: its bound is lowered then.
    """
    latest_patient(x, last)
    cap = x[LIMIT, 0]
    again = cap < INF
    while again:
        again = False
        for i in range(1, last + 1):
            limit = min(x[LATE, i - 1], x[HI, i - 1]) + x[STAY, i - 1] + x[DRIVE, i] + cap
            if x[ON, i - 1] > 0 and limit < min(x[LATE, i], x[HI, i]):
                x[HI, i] = limit
                again = True
        if again:
            latest_patient(x, last)


@inner
def latest_patient(x, last):
    """``latest`` without a limit on waits."""
    t = x[HI, last]
    x[LATE, last] = t
    for i in range(last - 1, -1, -1):
        t -= x[DRIVE, i + 1] + x[STAY, i]
        if t > x[HI, i]:
            t = x[HI, i]
        x[LATE, i] = t
    again = True
    while again:
        again = False
        top = 0
        for i in range(1, last + 1):
            p = x[PICK, i]
            if p >= 0:
                limit = x[LATE, p] + x[STAY, p] + x[LIMIT, i]
                if x[LATE, i] > limit:
                    x[LATE, i] = limit
                    top = i
        if top > 0:
            again = True
            t = x[LATE, top]
            for i in range(top - 1, -1, -1):
                t -= x[DRIVE, i + 1] + x[STAY, i]
                if t > x[LATE, i]:
                    t = x[LATE, i]
                x[LATE, i] = t


@inner
def keep_due(d, s, v, seq, k):
    """Cap the times of a chain whose EARLY is valid: what is not late already shall not become so.

    EARLY is then the least late of all times that keep to the limit on the duration too; False
    where none do.
    """
    x = s.chain
    n = d.request.shape[0]
    last = k + 1
    limit = d.vehicle[v, MAX_DURATION]
    if d.vehicle[v, STARTED] == NEVER and limit < INF:
        closing = seq[k - 1] == 2 * n
        ends = x[EARLY, k - 1] + x[STAY, k - 1] + x[DRIVE, k] if closing else x[EARLY, last]
        # A break taken first does not count: the vehicle leaves just in time for what follows.
        if seq[0] == 2 * n:
            x[LO, 2] = max(x[LO, 2], ends - limit + x[DRIVE, 2])
        else:
            x[LO, 0] = max(x[LO, 0], ends - limit)
        if not earliest(x, last):
            return False
    for i in range(1, k + 1):
        code = seq[i - 1]
        if code < 2 * n and d.node[code, DUE] < x[HI, i]:
            x[HI, i] = max(d.node[code, DUE], x[EARLY, i])
    return True


@inner
def lateness(d, s, seq, k):
    """Ticks by which the schedule in LATE starts after what was due."""
    n = d.request.shape[0]
    late = 0
    for i in range(1, k + 1):
        code = seq[i - 1]
        if code < 2 * n:
            late += max(0, s.chain[LATE, i] - d.node[code, DUE])
    return late


@tight
def has_due(d, seq, k):
    """Whether any stop on the route has a time at which it is due."""
    n = d.request.shape[0]
    found = 0
    for i in range(k):
        if seq[i] < 2 * n and d.node[seq[i], DUE] < INF:
            found += 1
    return found > 0


@inner
def shorten(d, s, v, seq, k):
    """Let a chain whose EARLY is valid begin as late as its earliest end allows.

    Returns the duration, the least one. Where it has neither a price nor a limit the chain is left
    as it is, and 0 returned.
    """
    x = s.chain
    n = d.request.shape[0]
    last = k + 1
    opening = seq[0] == 2 * n
    at = k - 1 if seq[k - 1] == 2 * n else last
    ends = x[EARLY, at]
    if at < last:
        ends += x[STAY, at] + x[DRIVE, k]
    started = d.vehicle[v, STARTED]
    if started != NEVER:
        return ends - started
    limit = d.vehicle[v, MAX_DURATION]
    if limit == INF and d.weight[WORKING] == 0.0 and d.weight[FAIRNESS] == 0.0:
        return 0
    kept = x[HI, at]
    x[HI, at] = x[EARLY, at]
    latest(x, last)
    x[HI, at] = kept
    if opening:
        x[LO, 2] = max(x[LO, 2], x[LATE, 2])
        return ends - (x[LATE, 2] - x[DRIVE, 2])
    x[LO, 0] = x[LATE, 0]
    return ends - x[LATE, 0]


@inner
def settle(d, s, v, seq, k):
    """Choose the times of a chain whose EARLY is valid; they end up in LATE.

    Returns (duration, waiting with someone aboard). The duration is the least one where it has a
    price or a limit: the earliest end with the latest start that allows it. Every pool then ends
    as early as it can and begins as late as that allows, which is its least waiting.
    """
    shorten(d, s, v, seq, k)
    return wait_least(d, s, v, seq, k)


@inner
def wait_least(d, s, v, seq, k):
    """``settle`` after ``shorten``."""
    x = s.chain
    n = d.request.shape[0]
    last = k + 1
    opening = seq[0] == 2 * n
    closing = seq[k - 1] == 2 * n
    started = d.vehicle[v, STARTED]
    if x[LO, 0] > x[EARLY, 0] or (opening and x[LO, 2] > x[EARLY, 2]):
        earliest(x, last)
    ends = x[EARLY, k - 1] + x[STAY, k - 1] + x[DRIVE, k] if closing else x[EARLY, last]
    for i in range(1, last + 1):
        if x[ON, i] == 0:
            x[HI, i] = x[EARLY, i]
    latest(x, last)
    waited = 0
    for i in range(1, last):
        if x[ON, i - 1] > 0:
            waited += x[LATE, i] - x[LATE, i - 1] - x[STAY, i - 1] - x[DRIVE, i]
    if started != NEVER:
        duration = ends - started
    elif opening:
        duration = ends - (x[LATE, 2] - x[DRIVE, 2])
    else:
        duration = ends - x[LATE, 0]
    return duration, waited
