"""Times along one route: its bounds, the earliest and the latest times, and the chosen ones."""

import numpy as np

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
    MAX_DURATION,
    NEVER,
    OF,
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
def lay_out(d, s, v, seq, k, wait):
    """Write the chain of times of a route into the scratch, each in EARLY as soon as it could be.

    ``wait`` is the limit on waits with someone aboard. Returns the driving ticks, whether windows
    are kept and no ride is too long even if nobody waits, and whether one is too long as it is.
    """
    x = s.chain
    n = d.request.shape[0]
    here = d.vehicle[v, START]
    opens = d.vehicle[v, FROM]
    closes = d.vehicle[v, UNTIL]
    x[0, LO] = opens
    x[0, HI] = closes
    x[0, STAY] = 0
    x[0, DRIVE] = 0
    x[0, PICK] = -1
    x[0, LIMIT] = wait
    x[0, ALONG] = 0
    x[0, HERE] = here
    x[0, EARLY] = opens
    x[0, OF] = -1
    fits = opens <= closes
    slow = False
    drive = 0
    along = 0
    busy = 0
    t = opens
    on = 0
    for i in range(k):
        code = seq[i]
        if n <= code < 2 * n:
            on += d.request[code - n, ABOARD]
            s.seat[code - n] = -1
    x[0, ON] = on
    for i in range(1, k + 1):
        code = seq[i - 1]
        x[i, PICK] = -1
        if code == 2 * n:
            leg = np.int64(0)
            if i == k:
                leg = np.int64(d.travel[here, d.vehicle[v, FINISH]])
                here = d.vehicle[v, FINISH]
            low = max(d.vehicle[v, BREAK_FROM], opens)
            high = min(d.vehicle[v, BREAK_UNTIL], closes - d.vehicle[v, BREAK_TICKS])
            stay = d.vehicle[v, BREAK_TICKS]
        else:
            there = d.node[code, PLACE]
            leg = np.int64(d.travel[here, there])
            here = there
            low = d.node[code, OPENS]
            high = d.node[code, CLOSES]
            stay = d.node[code, SERVICE]
        along += busy + leg
        t = max(t + busy + leg, low)
        if t > high:
            fits = False
        if code < n:
            s.seat[code] = i
            on += 1
        elif code < 2 * n:
            on -= 1
            p = s.seat[code - n]
            limit = d.node[code, RIDE]
            x[i, PICK] = p
            x[i, LIMIT] = limit
            if p >= 0 and t - x[p, EARLY] - x[p, STAY] > limit:
                slow = True
                if along - x[p, ALONG] - x[p, STAY] > limit:
                    fits = False
        x[i, LO] = low
        x[i, HI] = high
        x[i, STAY] = stay
        x[i, DRIVE] = leg
        x[i, ALONG] = along
        x[i, ON] = on
        x[i, HERE] = here
        x[i, EARLY] = t
        busy = stay
        drive += leg
    leg = np.int64(d.travel[here, d.vehicle[v, FINISH]])
    if k > 0 and seq[k - 1] == 2 * n:
        leg = np.int64(0)
    t = max(t + busy + leg, opens)
    if t > closes:
        fits = False
    x[k + 1, EARLY] = t
    x[k + 1, DRIVE] = leg
    x[k + 1, LO] = opens
    x[k + 1, HI] = closes
    x[k + 1, STAY] = 0
    x[k + 1, PICK] = -1
    x[k + 1, ON] = on
    x[k + 1, ALONG] = along + busy + leg
    return drive + leg, fits, slow


@inner
def hurry(d, s, v, seq, k, wait):
    """Lay out a route that is not empty with its least times; its driving, -1 where none suit."""
    drive, fits, slow = lay_out(d, s, v, seq, k, wait)
    if not fits:
        return np.int64(-1)
    if d.vehicle[v, STARTED] != NEVER:
        bound_end(d, s, v, seq, k)
        if s.chain[k - 1, EARLY] > s.chain[k - 1, HI] or s.chain[k + 1, EARLY] > s.chain[k + 1, HI]:
            return np.int64(-1)
    if slow and not shorten_rides(s, k + 1):
        return np.int64(-1)
    if wait < INF and not shorten_waits(s, k + 1):
        return np.int64(-1)
    return drive


@tight
def bound_end(d, s, v, seq, k):
    """Who is on the road already must be back before the limit on the duration."""
    started = d.vehicle[v, STARTED]
    if started == NEVER or d.vehicle[v, MAX_DURATION] >= INF:
        return
    x = s.chain
    back = started + d.vehicle[v, MAX_DURATION]
    if seq[k - 1] == 2 * d.request.shape[0]:
        x[k - 1, HI] = min(x[k - 1, HI], back - x[k, DRIVE] - x[k - 1, STAY])
    else:
        x[k + 1, HI] = min(x[k + 1, HI], back)


@inner
def earliest(s, last):
    """Least times that satisfy windows, driving and limits into EARLY; False if none do.

    A limit on waits with someone aboard moves the stop before later: its bound is raised then.
    """
    return earliest_patient(s, last) and shorten_waits(s, last)


@inner
def shorten_waits(s, last):
    """``earliest`` where the limit on waits is not kept yet."""
    x = s.chain
    cap = x[0, LIMIT]
    again = cap < INF
    while again:
        again = False
        for i in range(last, 0, -1):
            need = max(x[i, EARLY], x[i, LO]) - x[i, DRIVE] - x[i - 1, STAY] - cap
            if x[i - 1, ON] > 0 and need > max(x[i - 1, EARLY], x[i - 1, LO]):
                x[i - 1, LO] = need
                again = True
        if again and not earliest_patient(s, last):
            return False
    return True


@inner
def earliest_patient(s, last):
    """``earliest`` without a limit on waits."""
    x = s.chain
    t = x[0, LO]
    if t > x[0, HI]:
        return False
    x[0, EARLY] = t
    again = False
    for i in range(1, last + 1):
        t += x[i - 1, STAY] + x[i, DRIVE]
        if t < x[i, LO]:
            t = x[i, LO]
        if t > x[i, HI]:
            return False
        x[i, EARLY] = t
        p = x[i, PICK]
        if p >= 0 and t - x[p, EARLY] - x[p, STAY] > x[i, LIMIT]:
            if x[i, ALONG] - x[p, ALONG] - x[p, STAY] > x[i, LIMIT]:
                return False
            again = True
    return not again or shorten_rides(s, last)


@inner
def shorten_rides(s, last):
    """``earliest_patient`` where EARLY keeps all but the limits on rides.

    They move pickups later. Without a ride that is too long even when nobody waits, the system has
    no positive cycle and the passes end at its least fixpoint.
    """
    x = s.chain
    again = True
    while again:
        again = False
        first = last
        for i in range(last, 0, -1):
            p = x[i, PICK]
            if p >= 0:
                need = x[i, EARLY] - x[p, STAY] - x[i, LIMIT]
                if need > x[p, EARLY]:
                    if need > x[p, HI]:
                        return False
                    x[p, EARLY] = need
                    first = min(first, p)
        t = x[first, EARLY]
        for i in range(first + 1, last + 1):
            t += x[i - 1, STAY] + x[i, DRIVE]
            if t < x[i, EARLY]:
                t = x[i, EARLY]
            if t > x[i, HI]:
                return False
            x[i, EARLY] = t
            p = x[i, PICK]
            if p >= 0 and t - x[p, EARLY] - x[p, STAY] > x[i, LIMIT]:
                again = True
    return True


@inner
def latest(s, last):
    """Greatest times of a feasible chain into LATE.

    A limit on waits with someone aboard bounds the stop after it: its bound is lowered then.
    """
    latest_patient(s, last)
    x = s.chain
    cap = x[0, LIMIT]
    again = cap < INF
    while again:
        again = False
        for i in range(1, last + 1):
            limit = min(x[i - 1, LATE], x[i - 1, HI]) + x[i - 1, STAY] + x[i, DRIVE] + cap
            if x[i - 1, ON] > 0 and limit < min(x[i, LATE], x[i, HI]):
                x[i, HI] = limit
                again = True
        if again:
            latest_patient(s, last)


@inner
def latest_patient(s, last):
    """``latest`` without a limit on waits."""
    x = s.chain
    t = x[last, HI]
    x[last, LATE] = t
    for i in range(last - 1, -1, -1):
        t -= x[i + 1, DRIVE] + x[i, STAY]
        if t > x[i, HI]:
            t = x[i, HI]
        x[i, LATE] = t
    again = True
    while again:
        again = False
        top = 0
        for i in range(1, last + 1):
            p = x[i, PICK]
            if p >= 0:
                limit = x[p, LATE] + x[p, STAY] + x[i, LIMIT]
                if x[i, LATE] > limit:
                    x[i, LATE] = limit
                    top = i
        if top > 0:
            again = True
            t = x[top, LATE]
            for i in range(top - 1, -1, -1):
                t -= x[i + 1, DRIVE] + x[i, STAY]
                if t > x[i, LATE]:
                    t = x[i, LATE]
                x[i, LATE] = t


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
        ends = x[k - 1, EARLY] + x[k - 1, STAY] + x[k, DRIVE] if closing else x[last, EARLY]
        # A break taken first does not count: the vehicle leaves just in time for what follows.
        if seq[0] == 2 * n:
            x[2, LO] = max(x[2, LO], ends - limit + x[2, DRIVE])
        else:
            x[0, LO] = max(x[0, LO], ends - limit)
        if not earliest(s, last):
            return False
    for i in range(1, k + 1):
        code = seq[i - 1]
        if code < 2 * n and d.node[code, DUE] < x[i, HI]:
            x[i, HI] = max(d.node[code, DUE], x[i, EARLY])
    return True


@inner
def lateness(d, s, seq, k):
    """Ticks by which the schedule in LATE starts after what was due."""
    n = d.request.shape[0]
    late = 0
    for i in range(1, k + 1):
        code = seq[i - 1]
        if code < 2 * n:
            late += max(0, s.chain[i, LATE] - d.node[code, DUE])
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
    ends = x[at, EARLY]
    if at < last:
        ends += x[at, STAY] + x[k, DRIVE]
    started = d.vehicle[v, STARTED]
    if started != NEVER:
        return ends - started
    limit = d.vehicle[v, MAX_DURATION]
    if limit == INF and d.weight[WORKING] == 0.0 and d.weight[FAIRNESS] == 0.0:
        return 0
    kept = x[at, HI]
    x[at, HI] = x[at, EARLY]
    latest(s, last)
    x[at, HI] = kept
    if opening:
        x[2, LO] = max(x[2, LO], x[2, LATE])
        return ends - (x[2, LATE] - x[2, DRIVE])
    x[0, LO] = x[0, LATE]
    return ends - x[0, LATE]


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
    if x[0, LO] > x[0, EARLY] or (opening and x[2, LO] > x[2, EARLY]):
        earliest(s, last)
    ends = x[k - 1, EARLY] + x[k - 1, STAY] + x[k, DRIVE] if closing else x[last, EARLY]
    for i in range(1, last + 1):
        if x[i, ON] == 0:
            x[i, HI] = x[i, EARLY]
    latest(s, last)
    waited = 0
    for i in range(1, last):
        if x[i - 1, ON] > 0:
            waited += x[i, LATE] - x[i - 1, LATE] - x[i - 1, STAY] - x[i, DRIVE]
    if started != NEVER:
        duration = ends - started
    elif opening:
        duration = ends - (x[2, LATE] - x[2, DRIVE])
    else:
        duration = ends - x[0, LATE]
    return duration, waited
