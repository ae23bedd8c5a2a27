"""Columns and structures: the problem, a plan being changed, and what a search needs beside it."""

from typing import NamedTuple

import numpy as np

from dispatch.darp.kernel.bundles import bundled

INF = 1 << 50
NEVER = -INF
HUGE = 1e300
VARIANTS = 4

# Values of Rule.
CAPACITY, PICKUP_WINDOW, DELIVERY_WINDOW, RIDE_TIME, VEHICLE_WINDOW, DURATION, BREAK = range(10, 17)
MAX_REQUESTS, WAITING_ABOARD = 18, 19
REQUIRES_OTHER, COMMITTED_ELSEWHERE, NO_PLAN = 20, 21, 22
# Columns of Data.node.
PLACE, OPENS, CLOSES, SERVICE, RIDE, PROMISE_FROM, PROMISE_UNTIL, DUE = range(8)
# Columns of Data.vehicle.
(START, FINISH, FROM, UNTIL, BREAK_FROM, BREAK_UNTIL, BREAK_TICKS, MAX_DURATION, STARTED, FIXED,
 DRIVER, LAYOUTS, ABOARD_LAYOUT, LONGEST_WAIT, CLASS) = range(15)  # fmt: skip
# Columns of Data.request.
ABOARD, PRIORITY, REQUIRES, COMMITTED, CYCLE, HELD = range(6)
# Entries of Data.weight.
DRIVING, WORKING, WAITING, PROMISES, PAIRS, FAIRNESS, METRIC, LATENESS, ALL_SHARE = range(9)
# Columns of State.stop: the stop at a position, when it can be left if a request is picked up next
# (the earliest), when it must start for the rest to be feasible (the latest), the place after it,
# the drive to it and the service there; the layouts that fit the pool around it, how many aboard.
CODE, READY, LATEST, WHERE, LEG, BUSY, MASK, POOL = range(8)
# Columns of the scratch that holds one route's chain of times. LIMIT is that of the ride which ends
# at a position; at position 0 it is that of a wait with someone aboard.
LO, HI, STAY, DRIVE, PICK, LIMIT, EARLY, LATE, ALONG, ON, HERE, LO_KEPT, HI_KEPT, KEEP = range(14)
# Whose chain was priced last: in row 0 the version of the route, in row 1 the request in it.
OF = 14


@bundled(node=8, request=6, vehicle=15)
class Data(NamedTuple):
    """The problem in arrays; see the columns above."""

    travel: np.ndarray
    back: np.ndarray
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


@bundled(stop=8, chain=16)
class State(NamedTuple):
    """Routes with all that insertion asks of them. Slots are ``vehicle * VARIANTS + variant``.

    After those of the vehicles come as many rows and slots in which the routes are kept that an
    iteration changes, and one spare slot.
    """

    base: np.ndarray  # (2 vehicles, width) stop codes without the break
    size: np.ndarray  # (vehicles,) how many
    variants: np.ndarray  # (vehicles,) how many slots are filled
    cost: np.ndarray  # (vehicles,)
    duration: np.ndarray  # (vehicles,)
    version: np.ndarray  # (vehicles,) changes with the route's content
    length: np.ndarray  # (slots,) stops of the sequence with the break
    stop: np.ndarray  # (slots, width, 8) by position, see above
    weight_on: np.ndarray  # (slots, width, resources)
    vehicle_of: np.ndarray  # (requests,) -1 where unassigned
    driver_load: np.ndarray  # (drivers,) requests
    marginal: np.ndarray  # (drivers,) price of one more tick of work for fairness
    chain: np.ndarray  # scratch (width, 16)
    seat: np.ndarray  # scratch (requests,) position of a pickup
    row: np.ndarray  # scratch (10, width) stop codes, or times
    trial_cost: np.ndarray  # scratch (VARIANTS,)
    trial: np.ndarray  # scratch (2, VARIANTS)
    trial_found: np.ndarray  # scratch (4,)
    driver_ticks: np.ndarray  # scratch (drivers,)
    rng: np.ndarray  # (1,) uint64
    clock: np.ndarray  # (2,) int64: next version, iterations done


TOP = 4
# Entries of Work.counts and Work.values.
BANK, MISSED, BEST_MISSED, STEP, IMPROVED, REQUIRED, POOLED = range(7)
COST, BEST_COST, THRESHOLD, SCALE = range(4)
# Entries of Work.tune: shares of the removals, then parameters of removal and insertion.
RELATED, STRINGS, WORST, TIME, ROUTE, ANYONE, BLINK, DEPTH, RANK_POWER, LONGEST, REGRET = range(11)


@bundled(spot=3, top_cost=TOP, top_vehicle=TOP)
class Work(NamedTuple):
    """What the search needs beside the plan."""

    added: np.ndarray  # (requests, vehicles) cost of the cheapest insertion
    spot: np.ndarray  # (requests, vehicles, 3) where: slot, positions
    certain: np.ndarray  # (requests, vehicles) whether it is known to be feasible, at that cost
    seen: np.ndarray  # (requests, vehicles) version of the route this was computed for
    near: np.ndarray  # (requests, neighbours) related requests, the closest first
    near_stop: np.ndarray  # (2 requests, neighbours) related stop codes, the closest first
    offers: np.ndarray  # (vehicles,) scratch
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
    kept_size: np.ndarray  # (vehicles,) of the routes kept
    kept_version: np.ndarray
    kept_variants: np.ndarray
    kept_cost: np.ndarray
    kept_duration: np.ndarray
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
