"""Compiled kernels of the optimiser: feasibility, cost, insertion and the search loop.

Everything works on flat arrays (``Data`` is the problem, ``State`` the plan being changed); times
are int64 ticks. A route is a row of stop codes: ``r`` picks up request ``r``, ``n + r`` delivers
it, ``2 n`` is the break. Positions count from 1; 0 is the start and ``length + 1`` the end.

A route is stored without its break in ``State.base``; beside it up to ``VARIANTS`` ways to place
the break, the cheapest first, are kept with their earliest and latest times, and insertions are
tried into each of them.

Run this module to compile everything: ``python -m dispatch.darp.kernel``.
"""

import hashlib
import os
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np


def _cache_dir() -> Path:
    """A folder for this very source; what was compiled from another is never met."""
    digest = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    return Path(__file__).resolve().parents[2] / "var" / "numba" / digest[:16]


# Before Numba is imported, which reads it then.
os.environ.setdefault("NUMBA_CACHE_DIR", str(_cache_dir()))

from numba import config, njit  # noqa: E402

# The loops are short and branch; vectorising them costs a third of the time to compile.
config.LOOP_VECTORIZE = 0
config.SLP_VECTORIZE = 0

# Wrappers for calls from Python are most of the time to compile; few functions need one.
# Nothing is allocated in here, so reference counting, half of the code, is left out too.
inner = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False)
entry = njit(cache=True, nogil=True, no_cfunc_wrapper=True, _nrt=False)

_folder = Path(os.environ["NUMBA_CACHE_DIR"])
if not config.DISABLE_JIT and not _folder.exists():
    sys.stderr.write(f"Compiling the optimiser's kernels into {_folder}, about a minute ...\n")

INF = 1 << 50
NEVER = -INF
HUGE = 1e300
VARIANTS = 4

# Values of Rule.
CAPACITY, PICKUP_WINDOW, DELIVERY_WINDOW, RIDE_TIME, VEHICLE_WINDOW, DURATION, BREAK = range(10, 17)
MAX_REQUESTS, REQUIRES_OTHER, COMMITTED_ELSEWHERE, NO_PLAN = 18, 20, 21, 22
# Columns of Data.node.
PLACE, OPENS, CLOSES, SERVICE, RIDE, PROMISE_FROM, PROMISE_UNTIL = range(7)
# Columns of Data.vehicle.
(START, FINISH, FROM, UNTIL, BREAK_FROM, BREAK_UNTIL, BREAK_TICKS, MAX_DURATION, STARTED, FIXED,
 DRIVER, LAYOUTS, ABOARD_LAYOUT, CLASS) = range(14)  # fmt: skip
# Columns of Data.request.
ABOARD, PRIORITY, REQUIRES, COMMITTED, CYCLE, HELD = range(6)
# Entries of Data.weight.
DRIVING, WORKING, WAITING, PROMISES, PAIRS, FAIRNESS, METRIC = range(7)
# Rows of the scratch that holds one route's chain of times.
LO, HI, STAY, DRIVE, PICK, LIMIT, EARLY, LATE, ALONG, ON, HERE, HI_KEPT, KEEP = range(13)


class Data(NamedTuple):
    """The problem in arrays; see the columns above."""

    travel: np.ndarray
    node: np.ndarray
    request: np.ndarray
    load: np.ndarray
    vehicle: np.ndarray
    layout: np.ndarray
    fixed_cost: np.ndarray
    forbidden: np.ndarray
    assign: np.ndarray
    share: np.ndarray
    pair_start: np.ndarray
    pair_other: np.ndarray
    driver_max: np.ndarray
    driver_past: np.ndarray
    driver_duty: np.ndarray
    weight: np.ndarray


class State(NamedTuple):
    """Routes with all that insertion asks of them. Slots are ``vehicle * VARIANTS + variant``."""

    base: np.ndarray  # (vehicles, width) stop codes without the break
    size: np.ndarray  # (vehicles,) how many
    variants: np.ndarray  # (vehicles,) how many slots are filled
    cost: np.ndarray  # (vehicles,)
    duration: np.ndarray  # (vehicles,)
    version: np.ndarray  # (vehicles,) changes with the route's content
    sequence: np.ndarray  # (slots, width) stop codes with the break
    length: np.ndarray  # (slots,)
    leave: np.ndarray  # (slots, width) earliest departure after a position, were it to go on
    latest: np.ndarray  # (slots, width) latest start that leaves the rest feasible
    where: np.ndarray  # (slots, width) place after a position
    mask: np.ndarray  # (slots, width) layouts that fit the pool around a moment
    on: np.ndarray  # (slots, width) requests aboard after a position
    weight_on: np.ndarray  # (slots, width, resources)
    vehicle_of: np.ndarray  # (requests,) -1 where unassigned
    driver_load: np.ndarray  # (drivers,) requests
    marginal: np.ndarray  # (drivers,) price of one more tick of work for fairness
    chain: np.ndarray  # scratch (13, width)
    seat: np.ndarray  # scratch (requests,) position of a pickup
    row: np.ndarray  # scratch (8, width) stop codes
    trial_cost: np.ndarray  # scratch (VARIANTS,)
    trial: np.ndarray  # scratch (2, VARIANTS)
    trial_found: np.ndarray  # scratch (4,)
    driver_ticks: np.ndarray  # scratch (drivers,)
    rng: np.ndarray  # (1,) uint64
    clock: np.ndarray  # (2,) int64: next version, iterations done


# --- One route: times ---------------------------------------------------------------------


@inner
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
    x[ALONG, 0] = 0
    x[HERE, 0] = here
    drive = 0
    on = 0
    for i in range(k):
        code = seq[i]
        if code < n:
            on += 1
        elif code < 2 * n:
            on += d.request[code - n, ABOARD]
            s.seat[code - n] = -1
    for i in range(k):
        if seq[i] < n:
            on -= 1
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


@inner
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
    """Least times that satisfy windows, driving and ride limits into EARLY; False if none do."""
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
    """Greatest times of a feasible chain into LATE."""
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
def settle(d, s, v, seq, k):
    """Choose the times of a chain whose EARLY is valid; they end up in LATE.

    Returns (duration, waiting with someone aboard). The duration is the least one where it has a
    price or a limit: the earliest end with the latest start that allows it. Every pool then ends
    as early as it can and begins as late as that allows, which is its least waiting.
    """
    x = s.chain
    n = d.request.shape[0]
    last = k + 1
    opening = seq[0] == 2 * n
    closing = seq[k - 1] == 2 * n
    started = d.vehicle[v, STARTED]
    limit = d.vehicle[v, MAX_DURATION]
    if started == NEVER and (limit < INF or d.weight[WORKING] > 0.0 or d.weight[FAIRNESS] > 0.0):
        if closing:
            at = k - 1
            ends = x[EARLY, at]
        else:
            at = last
            ends = x[EARLY, last]
        kept = x[HI, at]
        x[HI, at] = ends
        latest(x, last)
        x[HI, at] = kept
        if opening:
            x[LO, 2] = max(x[LO, 2], x[LATE, 2])
        else:
            x[LO, 0] = x[LATE, 0]
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

    The schedule ends up in LATE; the price is HUGE where there is none.
    """
    x = s.chain
    n = d.request.shape[0]
    lay_out(d, s, v, seq, k)
    bound_end(d, s, v, seq, k)
    narrow(d, s, seq, k)
    if not earliest(x, k + 1):
        return HUGE, 0, 0
    duration, waited = settle(d, s, v, seq, k)
    if duration > d.vehicle[v, MAX_DURATION]:
        return HUGE, 0, 0
    moved = 0
    for i in range(1, k + 1):
        code = seq[i - 1]
        if code < n and (
            x[LATE, i] < d.node[code, PROMISE_FROM] or x[LATE, i] > d.node[code, PROMISE_UNTIL]
        ):
            moved += 1
    w = d.weight
    cost = w[WORKING] * duration + w[WAITING] * waited + w[PROMISES] * moved
    return cost, duration, moved


@inner
def keep_promises(d, s, v, seq, k):
    """(price of the times, duration): promises are kept where that is worth its price.

    All are kept if that is possible, else as many as can be in the order of the route; then one
    after the other is given up or taken up again while that pays. ``KEEP`` holds the choice.
    """
    x = s.chain
    n = d.request.shape[0]
    wanted = 0
    for i in range(1, k + 1):
        code = seq[i - 1]
        x[KEEP, i] = 0
    bare, duration, moved = priced_times(d, s, v, seq, k)
    if bare >= HUGE or moved == 0:
        return bare, duration
    best = bare
    bare -= moved * d.weight[PROMISES]
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
    if cost >= HUGE:
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
    again = best - bare > 1e-9
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
    for i in range(k + 2):
        s.chain[KEEP, i] = 0
    if d.weight[PROMISES] > 0.0:
        keep_promises(d, s, v, seq, k)
    priced_times(d, s, v, seq, k)


@inner
def duration_only(d, s, v, seq, k):
    """The least duration of a chain whose EARLY is valid, -1 where the limit is broken."""
    x = s.chain
    n = d.request.shape[0]
    closing = seq[k - 1] == 2 * n
    ends = x[EARLY, k - 1] + x[STAY, k - 1] + x[DRIVE, k] if closing else x[EARLY, k + 1]
    started = d.vehicle[v, STARTED]
    limit = d.vehicle[v, MAX_DURATION]
    if started != NEVER:
        duration = ends - started
    else:
        at = k + 1
        if closing:
            at = k - 1
        kept = x[HI, at]
        x[HI, at] = x[EARLY, at]
        latest(x, k + 1)
        x[HI, at] = kept
        duration = ends - (x[LATE, 2] - x[DRIVE, 2]) if seq[0] == 2 * n else ends - x[LATE, 0]
    if duration > limit:
        duration = -1
    return duration


@inner
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
    duration = 0
    if w[PROMISES] > 0.0 and has_promise(d, seq, k):
        times, duration = keep_promises(d, s, v, seq, k)
        if times >= HUGE:
            return HUGE, 0
        cost += times
    elif w[WAITING] > 0.0:
        duration, waited = settle(d, s, v, seq, k)
        if duration > limit:
            return HUGE, 0
        cost += w[WAITING] * waited + w[WORKING] * duration
    elif w[WORKING] > 0.0 or w[FAIRNESS] > 0.0 or x[EARLY, k + 1] - x[EARLY, 0] > limit:
        duration = duration_only(d, s, v, seq, k)
        if duration < 0:
            return HUGE, 0
        cost += w[WORKING] * duration
    n = d.request.shape[0]
    for i in range(k):
        code = seq[i]
        if n <= code < 2 * n:
            cost += d.assign[code - n, v]
    return cost, duration


@inner
def force(d, s, v, seq, k, found):
    """Widen the chain of a route by as much as its order needs; return the ticks it took.

    EARLY is valid then. ``found`` gets the rule broken most, by how much, where, and how many are
    broken, the limit on the duration aside.
    """
    x = s.chain
    n = d.request.shape[0]
    lay_out(d, s, v, seq, k)
    excess = 0
    found[0] = 0
    found[1] = 0
    found[2] = -1
    found[3] = 0
    for i in range(k + 2):
        x[HI_KEPT, i] = x[HI, i]
        x[HI, i] = INF
        p = x[PICK, i]
        if p >= 0:
            over = x[ALONG, i] - x[ALONG, p] - x[STAY, p] - x[LIMIT, i]
            if over > 0:
                x[LIMIT, i] += over
                excess += over
                blame(found, RIDE_TIME, over, seq[i - 1] - n)
    earliest(x, k + 1)
    for i in range(k + 2):
        x[HI, i] = max(x[HI_KEPT, i], x[EARLY, i])
        over = x[EARLY, i] - x[HI_KEPT, i]
        if over <= 0:
            continue
        excess += over
        if i == 0 or i == k + 1:
            blame(found, VEHICLE_WINDOW, over, -1)
        elif seq[i - 1] < n:
            blame(found, PICKUP_WINDOW, over, seq[i - 1])
        elif seq[i - 1] < 2 * n:
            blame(found, DELIVERY_WINDOW, over, seq[i - 1] - n)
        elif x[EARLY, i] > d.vehicle[v, BREAK_UNTIL]:
            blame(found, BREAK, x[EARLY, i] - d.vehicle[v, BREAK_UNTIL], -1)
    return excess


@inner
def blame(found, rule, amount, who):
    """Note a broken rule; the one broken by the most ticks is told."""
    found[3] += 1
    if amount > found[1]:
        found[0] = rule
        found[1] = amount
        found[2] = who


@inner
def forced_excess(d, s, v, seq, k, bound, found):
    """``force`` with the limit on the duration; the schedule ends up in LATE if under ``bound``."""
    excess = force(d, s, v, seq, k, found)
    if excess >= bound:
        return excess
    duration, _ = settle(d, s, v, seq, k)
    over = duration - d.vehicle[v, MAX_DURATION]
    if over > 0:
        excess += over
        blame(found, DURATION, over, -1)
    return excess


@inner
def best_break(d, s, v, base, k):
    """(cost, duration, gap of the break) of an order of stops, its break where it is cheapest."""
    n = d.request.shape[0]
    if d.vehicle[v, BREAK_TICKS] < 0 or k == 0:
        cost, duration = price(d, s, v, base, k)
        return cost, duration, np.int64(0)
    best = HUGE
    lasts = np.int64(0)
    where = np.int64(0)
    on = 0
    for i in range(k):
        if base[i] >= n and d.request[base[i] - n, ABOARD]:
            on += 1
    for gap in range(k + 1):
        if gap > 0:
            on += 1 if base[gap - 1] < n else -1
        if on > 0 or gap < d.vehicle[v, FIXED]:
            continue
        with_break(d, base, k, gap, s.row[0])
        cost, duration = price(d, s, v, s.row[0], k + 1)
        if cost < best:
            best = cost
            lasts = duration
            where = np.int64(gap)
    return best, lasts, where


@entry
def forced_times(d, s, v, base, k, found):
    """Times of an order whether feasible or not, in LATE; the sequence with its break in row 0."""
    n = d.request.shape[0]
    if d.vehicle[v, BREAK_TICKS] < 0:
        for i in range(k):
            s.row[0, i] = base[i]
        forced_excess(d, s, v, s.row[0], k, INF, found)
        if found[3] == 0:
            final_times(d, s, v, s.row[0], k)
        return k
    best = INF
    cost, _, chosen = best_break(d, s, v, base, k)
    on = 0
    for i in range(k):
        if base[i] >= n and d.request[base[i] - n, ABOARD]:
            on += 1
    for gap in range(k + 1):
        if gap > 0:
            on += 1 if base[gap - 1] < n else -1
        if cost < HUGE:
            best = 0
            break
        if on > 0 or gap < d.vehicle[v, FIXED]:
            continue
        with_break(d, base, k, gap, s.row[0])
        excess = forced_excess(d, s, v, s.row[0], k + 1, best, found)
        if excess < best:
            best = excess
            chosen = gap
    if best == INF:
        chosen = k
    with_break(d, base, k, chosen, s.row[0])
    forced_excess(d, s, v, s.row[0], k + 1, INF, found)
    if found[3] == 0:
        final_times(d, s, v, s.row[0], k + 1)
    return k + 1


# --- One route: loads ---------------------------------------------------------------------


@inner
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


@inner
def load_up(d, s, v, slot):
    """Loads, pools and their layouts along a slot's sequence; False where no layout fits."""
    n = d.request.shape[0]
    resources = d.load.shape[1]
    seq = s.sequence[slot]
    k = s.length[slot]
    every = (1 << d.vehicle[v, LAYOUTS]) - 1
    on = 0
    for q in range(resources):
        s.weight_on[slot, 0, q] = 0
    for i in range(k):
        code = seq[i]
        if n <= code < 2 * n and d.request[code - n, ABOARD]:
            on += 1
            for q in range(resources):
                s.weight_on[slot, 0, q] += d.load[code - n, q]
    mask = every
    if on > 0:
        mask = fitting(d, v, s.weight_on[slot, 0])
        if d.vehicle[v, ABOARD_LAYOUT] >= 0:
            mask &= 1 << d.vehicle[v, ABOARD_LAYOUT]
    s.on[slot, 0] = on
    s.mask[slot, 0] = mask
    good = mask != 0
    for i in range(1, k + 1):
        code = seq[i - 1]
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
        s.on[slot, i] = on
        s.mask[slot, i] = mask
    for i in range(k - 1, -1, -1):
        if s.on[slot, i] > 0 and s.on[slot, i + 1] > 0:
            s.mask[slot, i] = s.mask[slot, i + 1]
    return good


@entry
def loads_fit(d, s, v, base, k):
    """Whether an order of stops keeps to the layouts and shares only as allowed."""
    n = d.request.shape[0]
    slot = s.sequence.shape[0] - 1
    s.length[slot] = k
    for i in range(k):
        s.sequence[slot, i] = base[i]
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
    slot = s.sequence.shape[0] - 1
    s.length[slot] = k
    for i in range(k):
        s.sequence[slot, i] = s.row[0, i]
    load_up(d, s, v, slot)


# --- One route: storing -------------------------------------------------------------------


@inner
def store_slot(d, s, v, slot, seq, k):
    """Fill a slot with a feasible sequence and what insertion asks of it."""
    n = d.request.shape[0]
    x = s.chain
    s.length[slot] = k
    for i in range(k):
        s.sequence[slot, i] = seq[i]
    lay_out(d, s, v, seq, k)
    if k > 0:
        bound_end(d, s, v, seq, k)
    earliest(x, k + 1)
    latest(x, k + 1)
    here = d.vehicle[v, START]
    s.where[slot, 0] = here
    s.leave[slot, 0] = x[EARLY, 0]
    s.latest[slot, 0] = x[LATE, 0]
    for i in range(1, k + 1):
        code = seq[i - 1]
        s.latest[slot, i] = x[LATE, i]
        if code == 2 * n:
            start = max(s.leave[slot, i - 1], x[LO, i])
            s.leave[slot, i] = start + x[STAY, i]
        else:
            here = d.node[code, PLACE]
            s.leave[slot, i] = x[EARLY, i] + x[STAY, i]
        s.where[slot, i] = here
    s.latest[slot, k + 1] = x[LATE, k + 1]
    load_up(d, s, v, slot)


@inner
def with_break(d, base, k, gap, out):
    """Copy a route into ``out`` with the break after its first ``gap`` stops."""
    for i in range(gap):
        out[i] = base[i]
    out[gap] = 2 * d.request.shape[0]
    for i in range(gap, k):
        out[i + 1] = base[i]


@entry
def set_route(d, s, v, base, k):
    """Make this the vehicle's route, placing the break; False (nothing changed) if infeasible.

    ``base`` holds no break and its loads are known to fit.
    """
    n = d.request.shape[0]
    first = v * VARIANTS
    if k == 0 or d.vehicle[v, BREAK_TICKS] < 0:
        cost, duration = price(d, s, v, base, k)
        if cost >= HUGE:
            return False
        filled = 1
        store_slot(d, s, v, first, base, k)
    else:
        costs = s.trial_cost
        gaps = s.trial[0]
        durations = s.trial[1]
        filled = 0
        on = 0
        for i in range(k):
            if base[i] >= n and d.request[base[i] - n, ABOARD]:
                on += 1
        for gap in range(k + 1):
            if gap > 0:
                if base[gap - 1] < n:
                    on += 1
                else:
                    on -= 1
            if on > 0 or gap < d.vehicle[v, FIXED]:
                continue
            with_break(d, base, k, gap, s.row[0])
            cost, duration = price(d, s, v, s.row[0], k + 1)
            if cost >= HUGE:
                continue
            at = filled
            while at > 0 and costs[at - 1] > cost:
                at -= 1
            if at >= VARIANTS:
                continue
            filled = min(filled + 1, VARIANTS)
            for j in range(filled - 1, at, -1):
                costs[j] = costs[j - 1]
                gaps[j] = gaps[j - 1]
                durations[j] = durations[j - 1]
            costs[at] = cost
            gaps[at] = gap
            durations[at] = duration
        if filled == 0:
            return False
        for q in range(filled):
            with_break(d, base, k, gaps[q], s.row[0])
            store_slot(d, s, v, first + q, s.row[0], k + 1)
        cost = costs[0]
        duration = durations[0]
    for i in range(k):
        s.base[v, i] = base[i]
    s.size[v] = k
    s.variants[v] = filled
    s.cost[v] = cost
    s.duration[v] = duration
    s.version[v] = s.clock[0]
    s.clock[0] += 1
    return True


# --- Insertion ----------------------------------------------------------------------------


@inner
def mates_allow(d, s, slot, i, r):
    """Whether all aboard after position ``i`` may share with ``r``."""
    n = d.request.shape[0]
    if s.on[slot, i] == 0:
        return True
    # Those aboard after i: delivered later, picked up no later than i.
    for j in range(i + 1, s.length[slot] + 1):
        code = s.sequence[slot, j - 1]
        if n <= code < 2 * n and not d.share[code - n, r]:
            inside = False
            for h in range(i + 1, j):
                if s.sequence[slot, h - 1] == code - n:
                    inside = True
                    break
            if not inside:
                return False
        if s.on[slot, j] == 0:
            break
    return True


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
        and d.weight[PROMISES] == 0.0
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
                cost, duration = price(d, s, v, s.row[3], size)
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


@inner
def layouts_with(d, s, v, slot, i, r):
    """Layouts that hold what is aboard after position ``i`` together with ``r``."""
    mask = 0
    for layout in range(d.vehicle[v, LAYOUTS]):
        fits = True
        for q in range(d.load.shape[1]):
            if s.weight_on[slot, i, q] + d.load[r, q] > d.layout[v, layout, q]:
                fits = False
                break
        if fits:
            mask |= 1 << layout
    return mask


@inner
def sound(d, s):
    """Whether nobody is served without whom they require (committed work aside)."""
    for r in range(s.vehicle_of.shape[0]):
        q = d.request[r, REQUIRES]
        if q >= 0 and s.vehicle_of[r] >= 0 and s.vehicle_of[q] < 0 and d.request[r, COMMITTED] < 0:
            return False
    return True


# --- The whole plan -----------------------------------------------------------------------


class Work(NamedTuple):
    """What the search needs beside the plan."""

    added: np.ndarray  # (requests, vehicles) cost of the cheapest insertion
    spot: np.ndarray  # (requests, vehicles, 3) where: slot, positions
    seen: np.ndarray  # (requests, vehicles) version of the route this was computed for
    near: np.ndarray  # (requests, neighbours) related requests, the closest first
    by_time: np.ndarray  # (requests,) in order of their likely time
    bank: np.ndarray  # (requests,) unassigned, the first ``counts[BANK]``
    in_bank: np.ndarray  # (requests,)
    top_cost: np.ndarray  # (requests, TOP) cheapest vehicles
    top_vehicle: np.ndarray  # (requests, TOP)
    out: np.ndarray  # (3,) scratch
    marked: np.ndarray  # (requests,) to be taken out
    picked: np.ndarray  # (requests,) list of these
    key: np.ndarray  # (requests,) scratch
    waiting: np.ndarray  # (requests,) scratch
    stale: np.ndarray  # (requests,) scratch
    used: np.ndarray  # (vehicles,) scratch
    backup: np.ndarray  # (vehicles, width)
    backup_size: np.ndarray
    backup_version: np.ndarray
    touched: np.ndarray  # (vehicles,) iteration in which a route was first changed
    best: np.ndarray  # (vehicles, width)
    best_size: np.ndarray
    counts: np.ndarray  # see below
    values: np.ndarray  # see below
    class_of_empty: np.ndarray  # (classes,) first empty vehicle of a class, -1
    tune: np.ndarray  # see below
    pool_stops: np.ndarray  # stop codes of the routes seen, one after the other
    pool_start: np.ndarray  # where each begins, and the last ends
    pool_vehicle: np.ndarray
    pool_cost: np.ndarray  # HUGE where a cheaper order of the same requests is known
    pool_key: np.ndarray  # what it serves, hashed
    pool_slot: np.ndarray  # hash table of routes, -1 where free
    request_hash: np.ndarray  # (requests + vehicles,) random, uint64


TOP = 4
# Entries of Work.counts and Work.values.
BANK, MISSED, BEST_MISSED, STEP, IMPROVED, REQUIRED, POOLED = range(7)
COST, BEST_COST, THRESHOLD, SCALE = range(4)
# Entries of Work.tune: shares of the removals, then parameters of removal and insertion.
RELATED, STRINGS, WORST, TIME, ROUTE, ANYONE, BLINK, DEPTH, RANK_POWER, LONGEST = range(10)


@inner
def draw(s):
    """A uniform number in [0, 1) (xorshift64*)."""
    x = s.rng[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    s.rng[0] = x
    return np.float64((x * np.uint64(2685821657736338717)) >> np.uint64(11)) / 9007199254740992.0


@inner
def draw_below(s, k):
    """A uniform whole number in [0, k)."""
    return min(int(draw(s) * k), k - 1)


@inner
def split_cost(d, s, r, v):
    """What serving ``r`` with ``v`` adds for pairs that want one driver."""
    cost = 0.0
    if d.weight[PAIRS] == 0.0:
        return cost
    for h in range(d.pair_start[r], d.pair_start[r + 1]):
        other = s.vehicle_of[d.pair_other[h]]
        if other >= 0 and d.vehicle[other, DRIVER] != d.vehicle[v, DRIVER]:
            cost += d.weight[PAIRS]
    return cost


@inner
def fairness(d, s):
    """The fairness term; the price of one more tick for each driver goes to ``s.marginal``."""
    weight = d.weight[FAIRNESS]
    if weight == 0.0:
        return 0.0
    drivers = d.driver_duty.shape[0]
    loads = s.driver_ticks
    for i in range(drivers):
        loads[i] = 0.0
    for v in range(s.size.shape[0]):
        if s.size[v] > 0:
            loads[d.vehicle[v, DRIVER]] += s.duration[v]
    counted = 0
    mean = 0.0
    for i in range(drivers):
        if d.driver_duty[i] > 0:
            loads[i] = (loads[i] + d.driver_past[i]) / d.driver_duty[i]
            mean += loads[i]
            counted += 1
    if counted == 0:
        return 0.0
    mean /= counted
    term = 0.0
    above = 0.0
    for i in range(drivers):
        if d.driver_duty[i] > 0 and loads[i] > mean:
            term += (loads[i] - mean) * d.driver_duty[i]
            above += d.driver_duty[i]
    for i in range(drivers):
        if d.driver_duty[i] > 0:
            s.marginal[i] = -weight * above / (counted * d.driver_duty[i])
            if loads[i] > mean:
                s.marginal[i] += weight
    return weight * term


@inner
def total(d, s):
    """The cost of the plan, fairness prices refreshed."""
    cost = fairness(d, s)
    for v in range(s.size.shape[0]):
        cost += s.cost[v]
    if d.weight[PAIRS] > 0.0:
        split = 0.0
        for r in range(s.vehicle_of.shape[0]):
            if s.vehicle_of[r] >= 0:
                split += split_cost(d, s, r, s.vehicle_of[r])
        cost += split / 2
    return cost


@inner
def find_empties(d, s, w):
    """Of empty vehicles that are alike only the first is tried."""
    for c in range(w.class_of_empty.shape[0]):
        w.class_of_empty[c] = -1
    for v in range(s.size.shape[0]):
        if s.size[v] == 0 and w.class_of_empty[d.vehicle[v, CLASS]] < 0:
            w.class_of_empty[d.vehicle[v, CLASS]] = v


@inner
def cost_in(d, s, w, r, v):
    """Cheapest insertion of ``r`` into ``v``, remembered for as long as the route is the same."""
    owner = d.request[r, COMMITTED]
    if d.request[r, ABOARD] or (d.forbidden[r, v] and owner != v) or (owner >= 0 and owner != v):
        return HUGE
    if s.size[v] == 0 and w.class_of_empty[d.vehicle[v, CLASS]] != v and owner != v:
        return HUGE
    driver = d.vehicle[v, DRIVER]
    if s.driver_load[driver] >= d.driver_max[driver]:
        return HUGE
    if w.seen[r, v] != s.version[v]:
        w.seen[r, v] = s.version[v]
        w.added[r, v] = best_insertion(d, s, r, v, HUGE, w.out)
        w.spot[r, v, 0] = w.out[0]
        w.spot[r, v, 1] = w.out[1]
        w.spot[r, v, 2] = w.out[2]
    cost = w.added[r, v]
    if cost < HUGE:
        cost += split_cost(d, s, r, v)
    return cost


@inner
def offer(w, r, v, cost):
    """Keep ``v`` among the cheapest vehicles of ``r`` if it is one."""
    at = TOP
    while at > 0 and w.top_cost[r, at - 1] > cost:
        at -= 1
    if at == TOP:
        return
    for h in range(TOP - 1, at, -1):
        w.top_cost[r, h] = w.top_cost[r, h - 1]
        w.top_vehicle[r, h] = w.top_vehicle[r, h - 1]
    w.top_cost[r, at] = cost
    w.top_vehicle[r, at] = v


@inner
def rank_vehicles(d, s, w, r, blink):
    """Fill the cheapest vehicles of ``r``."""
    for h in range(TOP):
        w.top_cost[r, h] = HUGE
        w.top_vehicle[r, h] = -1
    for v in range(s.size.shape[0]):
        if blink > 0.0 and draw(s) < blink:
            continue
        cost = cost_in(d, s, w, r, v)
        if cost < w.top_cost[r, TOP - 1]:
            offer(w, r, v, cost)


@inner
def remember(s, w, v):
    """Keep a route as it was before this iteration changed it."""
    if w.touched[v] == w.counts[STEP]:
        return
    w.touched[v] = w.counts[STEP]
    w.backup_size[v] = s.size[v]
    w.backup_version[v] = s.version[v]
    for i in range(s.size[v]):
        w.backup[v, i] = s.base[v, i]


@inner
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
    if not set_route(d, s, v, s.row[4], k):
        return False
    s.vehicle_of[r] = v
    s.driver_load[d.vehicle[v, DRIVER]] += 1
    return True


@entry
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


@inner
def to_bank(d, w, r):
    """Count ``r`` as unassigned."""
    w.bank[w.counts[BANK]] = r
    w.counts[BANK] += 1
    w.in_bank[r] = True
    w.counts[MISSED] += d.request[r, PRIORITY]


@inner
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
    for i in range(w.backup_size[v]):
        code = w.backup[v, i]
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


@inner
def may_enter(d, s, r):
    """Whether what ``r`` requires is served, or would enter with it."""
    q = d.request[r, REQUIRES]
    return q < 0 or s.vehicle_of[q] >= 0 or d.request[r, CYCLE] == 1


@inner
def enter_with_mates(d, s, w, r, v):
    """Insert ``r`` into ``v`` and with it all of its cycle of requirements, or nothing."""
    from_bank(d, w, r)
    if not put_in(d, s, w, r, v):
        to_bank(d, w, r)
        return False
    if d.request[r, CYCLE] == 0:
        return True
    find_empties(d, s, w)
    q = d.request[r, REQUIRES]
    good = True
    while q != r:
        if s.vehicle_of[q] < 0:
            rank_vehicles(d, s, w, q, 0.0)
            good = False
            if w.top_cost[q, 0] < HUGE:
                from_bank(d, w, q)
                if put_in(d, s, w, q, w.top_vehicle[q, 0]):
                    good = True
                    find_empties(d, s, w)
                else:
                    to_bank(d, w, q)
            if not good:
                break
        q = d.request[q, REQUIRES]
    if good:
        return True
    q = d.request[r, REQUIRES]
    while q != r:
        if s.vehicle_of[q] >= 0 and d.request[q, COMMITTED] < 0:
            drop_one(d, s, w, q)
        q = d.request[q, REQUIRES]
    drop_one(d, s, w, r)
    return False


@inner
def fill_up(d, s, w, depth, blink):
    """Insert what is in the bank: by regret over ``depth`` vehicles, the cheapest first for 1."""
    find_empties(d, s, w)
    waiting = w.waiting
    stale = w.stale
    count = w.counts[BANK]
    for i in range(count):
        waiting[i] = w.bank[i]
        stale[w.bank[i]] = True
    changed = np.int64(-1)
    opened = np.int64(-1)
    while count > 0:
        chosen = -1
        chosen_score = -HUGE
        for i in range(count):
            r = waiting[i]
            if not may_enter(d, s, r):
                stale[r] = True
                continue
            if stale[r]:
                rank_vehicles(d, s, w, r, blink)
                stale[r] = False
            else:
                for column in (changed, opened):
                    if column < 0:
                        continue
                    among = False
                    for h in range(TOP):
                        if w.top_vehicle[r, h] == column:
                            among = True
                    if among:
                        rank_vehicles(d, s, w, r, blink)
                        break
                    cost = cost_in(d, s, w, r, column)
                    if cost < w.top_cost[r, TOP - 1]:
                        offer(w, r, column, cost)
            first = w.top_cost[r, 0]
            if first >= HUGE:
                continue
            if depth == 1:
                score = -first
            else:
                score = 0.0
                for h in range(1, depth):
                    if w.top_cost[r, h] >= HUGE:
                        score += w.values[SCALE] * (1.0 + d.request[r, PRIORITY])
                    else:
                        score += w.top_cost[r, h] - first
            if chosen < 0 or score > chosen_score:
                chosen = i
                chosen_score = score
        if chosen < 0:
            return
        r = waiting[chosen]
        v = w.top_vehicle[r, 0]
        was_empty = s.size[v] == 0
        entered = enter_with_mates(d, s, w, r, v)
        find_empties(d, s, w)
        changed = v
        opened = w.class_of_empty[d.vehicle[v, CLASS]] if was_empty else np.int64(-1)
        driver = d.vehicle[v, DRIVER]
        whole = (
            d.request[r, CYCLE] == 1 or s.driver_load[driver] >= d.driver_max[driver]
        )  # fmt: skip
        kept = 0
        for i in range(count):
            q = waiting[i]
            if w.in_bank[q] and (entered or i != chosen):
                waiting[kept] = q
                kept += 1
                if whole:
                    stale[q] = True
        count = kept
        for h in range(d.pair_start[r], d.pair_start[r + 1]):
            stale[d.pair_other[h]] = True


# --- Removal ------------------------------------------------------------------------------


@inner
def removable(d, s, r):
    """Whether a request is served and may be taken out."""
    return s.vehicle_of[r] >= 0 and d.request[r, HELD] == 0


@inner
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
        if count > 0 and draw(s) < 0.7:
            seed = w.picked[draw_below(s, count)]
        skip = int(draw(s) ** w.tune[RANK_POWER] * width)
        found = False
        for h in range(width):
            r = w.near[seed, h]
            if removable(d, s, r) and not w.marked[r]:
                if skip == 0:
                    count = pick(w, r, count)
                    found = True
                    break
                skip -= 1
        if not found:
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
def pick_strings(d, s, w, amount):
    """Strings of neighbours in several routes around one place and time."""
    n = d.request.shape[0]
    seed = seed_request(d, s, w)
    count = np.int64(0)
    if seed < 0:
        return 0
    longest = 2 + draw_below(s, int(w.tune[LONGEST]))
    used = w.used
    for v in range(s.size.shape[0]):
        used[v] = False
    for h in range(-1, w.near.shape[1]):
        r = seed if h < 0 else w.near[seed, h]
        if not removable(d, s, r) or w.marked[r]:
            continue
        v = s.vehicle_of[r]
        if used[v]:
            continue
        used[v] = True
        at = 0
        for i in range(s.size[v]):
            if s.base[v, i] == r:
                at = i
        back = draw_below(s, longest)
        i = max(0, at - back)
        last = min(s.size[v], i + longest)
        while i < last:
            code = s.base[v, i]
            q = code if code < n else code - n
            if removable(d, s, q) and not w.marked[q] and count < amount:
                count = pick(w, q, count)
            i += 1
        if count >= amount:
            break
    return count


# --- Search -------------------------------------------------------------------------------


@inner
def restore(d, s, w):
    """Put back every route this iteration changed."""
    n = d.request.shape[0]
    step = w.counts[STEP]
    for v in range(s.size.shape[0]):
        if w.touched[v] != step:
            continue
        for i in range(s.size[v]):
            code = s.base[v, i]
            if code >= n and s.vehicle_of[code - n] == v:
                s.vehicle_of[code - n] = -1
                s.driver_load[d.vehicle[v, DRIVER]] -= 1
    for v in range(s.size.shape[0]):
        if w.touched[v] != step:
            continue
        set_route(d, s, v, w.backup[v], w.backup_size[v])
        s.version[v] = w.backup_version[v]
        for i in range(s.size[v]):
            code = s.base[v, i]
            if code >= n:
                s.vehicle_of[code - n] = v
                s.driver_load[d.vehicle[v, DRIVER]] += 1


@inner
def recount(d, s, w):
    """Bank and missed priorities from the routes."""
    w.counts[BANK] = 0
    w.counts[MISSED] = 0
    for r in range(s.vehicle_of.shape[0]):
        w.in_bank[r] = False
        if s.vehicle_of[r] < 0:
            to_bank(d, w, r)


@inner
def keep_best(s, w):
    """Copy the plan as the best so far."""
    w.counts[BEST_MISSED] = w.counts[MISSED]
    w.values[BEST_COST] = w.values[COST]
    for v in range(s.size.shape[0]):
        w.best_size[v] = s.size[v]
        for i in range(s.size[v]):
            w.best[v, i] = s.base[v, i]


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


@inner
def pool_routes(d, s, w):
    """Remember the routes that this iteration changed, the cheapest order of each."""
    n = d.request.shape[0]
    for v in range(s.size.shape[0]):
        k = s.size[v]
        if w.touched[v] != w.counts[STEP] or k == 0:
            continue
        key = w.request_hash[n + d.vehicle[v, CLASS]]
        for i in range(k):
            if s.base[v, i] >= n:
                key += w.request_hash[s.base[v, i] - n]
        at = np.int64(key % np.uint64(w.pool_slot.shape[0]))
        while w.pool_slot[at] >= 0 and w.pool_key[w.pool_slot[at]] != key:
            at = (at + 1) % w.pool_slot.shape[0]
        known = w.pool_slot[at]
        if known >= 0:
            if w.pool_cost[known] <= s.cost[v] + 1e-9:
                continue
            w.pool_cost[known] = HUGE
        count = w.counts[POOLED]
        begins = w.pool_start[count]
        if count + 1 >= w.pool_start.shape[0] or begins + k > w.pool_stops.shape[0]:
            return
        for i in range(k):
            w.pool_stops[begins + i] = s.base[v, i]
        w.pool_start[count + 1] = begins + k
        w.pool_vehicle[count] = v
        w.pool_cost[count] = s.cost[v]
        w.pool_key[count] = key
        w.pool_slot[at] = count
        w.counts[POOLED] = count + 1


@entry
def measure(d, s, w):
    """Who is served by whom and what the plan costs, from the routes; kept if it is the best."""
    n = d.request.shape[0]
    for r in range(n):
        s.vehicle_of[r] = -1
    for i in range(s.driver_load.shape[0]):
        s.driver_load[i] = 0
    for v in range(s.size.shape[0]):
        for i in range(s.size[v]):
            if s.base[v, i] >= n:
                s.vehicle_of[s.base[v, i] - n] = v
                s.driver_load[d.vehicle[v, DRIVER]] += 1
    recount(d, s, w)
    w.values[COST] = total(d, s)
    good = sound(d, s)
    for i in range(s.driver_load.shape[0]):
        good = good and s.driver_load[i] <= d.driver_max[i]
    if good and (
        w.counts[MISSED] < w.counts[BEST_MISSED]
        or (
            w.counts[MISSED] == w.counts[BEST_MISSED]
            and w.values[COST] < w.values[BEST_COST] - 1e-9
        )
    ):
        keep_best(s, w)
        w.counts[IMPROVED] = s.clock[1]
        return True
    return False


@entry
def construct(d, s, w, depth):
    """Insert all that fits, by regret; the first plan."""
    w.counts[STEP] += 1
    recount(d, s, w)
    total(d, s)
    before = -1
    while w.counts[BANK] > 0 and before != w.counts[BANK]:
        before = w.counts[BANK]
        fill_up(d, s, w, depth, 0.0)
    again = True
    while again:
        # Dropping a route's optional work (see cut) may leave others without whom they require.
        again = False
        for r in range(d.request.shape[0]):
            q = d.request[r, REQUIRES]
            if q >= 0 and s.vehicle_of[q] < 0 and removable(d, s, r):
                w.picked[0] = r
                take_out(d, s, w, np.int64(1))
                again = True
    w.values[COST] = total(d, s)
    keep_best(s, w)


@entry
def iterate(d, s, w, rounds, largest):
    """Some rounds of the search: take out, put back, keep or undo."""
    for _ in range(rounds):
        w.counts[STEP] += 1
        s.clock[1] += 1
        missed = w.counts[MISSED]
        amount = 1 + draw_below(s, largest)
        amount = max(amount, min(4, largest))
        count = pick_some(d, s, w, amount)
        if count == 0 and w.counts[BANK] == 0:
            continue
        take_out(d, s, w, count)
        fill_up(d, s, w, 1 + draw_below(s, int(w.tune[DEPTH])), w.tune[BLINK])
        if w.counts[MISSED] > missed:
            fill_up(d, s, w, np.int64(1), 0.0)
        cost = total(d, s)
        good = w.counts[REQUIRED] == 0 or sound(d, s)
        if good and (
            w.counts[MISSED] < missed
            or (w.counts[MISSED] == missed and cost < w.values[BEST_COST] + w.values[THRESHOLD])
        ):
            w.values[COST] = cost
            pool_routes(d, s, w)
            if w.counts[MISSED] < w.counts[BEST_MISSED] or (
                w.counts[MISSED] == w.counts[BEST_MISSED] and cost < w.values[BEST_COST] - 1e-9
            ):
                keep_best(s, w)
                w.counts[IMPROVED] = s.clock[1]
        else:
            restore(d, s, w)
            recount(d, s, w)
            total(d, s)


# --- Explanation --------------------------------------------------------------------------


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
            if s.on[slot, i] > 0 and not mates_allow(d, s, slot, i, r):
                continue
            for j in range(i, k + 1):
                if j > i:
                    code = s.sequence[slot, j - 1]
                    if code == 2 * n or (code < n and not d.share[code, r]):
                        break
                size = spliced(s, slot, i, j, r, n, s.row[3])
                excess = force(d, s, v, s.row[3], size, trial)
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


@inner
def r_requires(d, s, r):
    """Whether ``r`` lacks whom it requires."""
    q = d.request[r, REQUIRES]
    return q >= 0 and s.vehicle_of[q] < 0


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


@entry
def times_kept(d, s, v, base, k, kept):
    """Times of a feasible order that keep to ``kept`` (by stop code) if they can, in LATE.

    The sequence with its break is in row 0 then; returns its length.
    """
    n = d.request.shape[0]
    size = k
    gaps = np.int64(1)
    if d.vehicle[v, BREAK_TICKS] >= 0:
        size = k + 1
        gaps = k + 1
    best = HUGE
    chosen = np.int64(0)
    for trial in range(2):
        on = 0
        for i in range(k):
            if base[i] >= n and d.request[base[i] - n, ABOARD]:
                on += 1
        for gap in range(gaps):
            if gap > 0:
                on += 1 if base[gap - 1] < n else -1
            if size > k and (on > 0 or gap < d.vehicle[v, FIXED]):
                continue
            splice_break(d, base, k, gap, size, s.row[0])
            if trial == 0:
                if price(d, s, v, s.row[0], size)[0] >= HUGE:
                    continue
                lay_out(d, s, v, s.row[0], size)
                bound_end(d, s, v, s.row[0], size)
                for i in range(1, size + 1):
                    at = kept[s.row[0, i - 1]]
                    if at != NEVER:
                        s.chain[LO, i] = max(s.chain[LO, i], at)
                        s.chain[HI, i] = min(s.chain[HI, i], at)
                if not earliest(s.chain, size + 1):
                    continue
                lasts, _ = settle(d, s, v, s.row[0], size)
                if lasts <= d.vehicle[v, MAX_DURATION]:
                    return size
            else:
                cost, _ = price(d, s, v, s.row[0], size)
                if cost < best:
                    best = cost
                    chosen = gap
    splice_break(d, base, k, chosen, size, s.row[0])
    final_times(d, s, v, s.row[0], size)
    return size


@inner
def splice_break(d, base, k, gap, size, out):
    """Copy a route, with the break after ``gap`` stops if ``size`` has room for it."""
    if size > k:
        with_break(d, base, k, gap, out)
        return
    for i in range(k):
        out[i] = base[i]


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
    set_route(d, s, v, w.backup[v], w.backup_size[v])
    s.version[v] = w.backup_version[v]
    s.vehicle_of[r] = v
    s.driver_load[d.vehicle[v, DRIVER]] += 1


def main() -> None:
    """Compile every kernel, or load what is compiled already."""
    from dispatch.darp.search import warm_up  # noqa: PLC0415

    warm_up()


if __name__ == "__main__":
    main()
