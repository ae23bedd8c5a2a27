"""A problem as the flat arrays that the kernels read, and empty room for a search."""

from collections.abc import Set

import numpy as np
from numpy.typing import NDArray

from dispatch.darp import kernel
from dispatch.darp.kernel import INF, NEVER, Data, State, Work
from dispatch.darp.problem import Problem, Request, Rule, Vehicle
from dispatch.darp.switches import without

NEIGHBOURS = 100
# Most requests that one route may hold, where the problem has more.
IN_A_ROUTE = 300
POOL = 50_000


def flatten(problem: Problem, off: Set[Rule] = frozenset()) -> Data:
    """The problem in arrays; nothing is lost but the rules in ``off``, a switch for tests."""
    given, n = problem, len(problem.requests)
    if off:
        problem = without(problem, off)
    requests = np.zeros((n, 6), np.int64)
    node = np.zeros((2 * n, 8), np.int64)
    cycles = _cycles(problem)
    weights = _priority_weights(problem)
    for r, request in enumerate(problem.requests):
        requires = -1 if request.requires is None else request.requires
        requests[r] = request.aboard, weights[r], requires, -1, r in cycles, request.aboard
        node[r], node[n + r] = _ends(request)
    for v, vehicle in enumerate(problem.vehicles):
        for signed in vehicle.committed:
            requests[abs(signed) - 1, kernel.COMMITTED] = v
        for signed in vehicle.committed[: vehicle.fixed]:
            requests[abs(signed) - 1, kernel.HELD] = 1
    start, other = _pairs(problem)
    duty = np.array([driver.past_duty for driver in problem.drivers], np.int64)
    for vehicle in given.vehicles:
        duty[vehicle.driver] += vehicle.window.latest - vehicle.window.earliest
    loads = [request.load for request in problem.requests]
    loads += [vehicle.layouts[0] for vehicle in problem.vehicles]
    resources = len(loads[0]) if loads else 0
    w = problem.weights
    return Data(
        travel=problem.travel,
        back=np.ascontiguousarray(problem.travel.T),
        node=node,
        request=requests,
        load=np.array([r.load for r in problem.requests], np.int64).reshape(n, resources),
        vehicle=_vehicles(problem),
        layout=_layouts(problem, resources),
        fixed_cost=np.array([vehicle.fixed_cost for vehicle in problem.vehicles], np.float64),
        forbidden=problem.forbidden,
        assign=problem.assign_cost,
        share=problem.may_share,
        pair_start=start,
        pair_other=other,
        driver_max=np.array(
            [INF if d.max_requests is None else d.max_requests for d in problem.drivers], np.int64
        ),
        driver_past=np.array([d.past_paid for d in problem.drivers], np.int64),
        driver_duty=duty,
        weight=np.array(
            [w.driving_tick, w.working_tick, w.waiting_aboard_tick, w.moved_promise, w.split_pair,
             w.fairness, _is_metric(problem.travel), w.late_tick,
             problem.may_share.all()], np.float64,
        ),
    )  # fmt: skip


def _is_metric(travel: NDArray[np.int32]) -> bool:
    """Whether no detour is a short cut, rounding aside; taken for granted of large matrices."""
    if len(travel) > 64:
        return True
    wide = travel.astype(np.int64)
    return bool((wide[:, None, :] + wide.T[None, :, :] >= 0.9999 * wide[:, :, None]).all())


def _ends(request: Request) -> tuple[tuple[int, ...], tuple[int, ...]]:
    promise = request.promise
    pickup = (
        request.pickup,
        *request.pickup_window,
        request.pickup_service,
        INF,
        *((NEVER, INF) if promise is None else promise),
        INF if request.pickup_due is None else request.pickup_due,
    )
    limit = INF if request.max_ride is None else request.max_ride
    delivery = (
        request.delivery,
        *request.delivery_window,
        request.delivery_service,
        limit,
        NEVER,
        INF,
        INF if request.delivery_due is None else request.delivery_due,
    )
    return pickup, delivery


def _cycles(problem: Problem) -> set[int]:
    """Requests that require themselves through others: served all or none."""
    found: set[int] = set()
    for r in range(len(problem.requests)):
        seen: set[int] = set()
        at = problem.requests[r].requires
        while at is not None and at not in seen:
            seen.add(at)
            at = problem.requests[at].requires
        if r in seen:
            found.add(r)
    return found


def _priority_weights(problem: Problem) -> list[int]:
    """Whole numbers whose sum over the unassigned orders plans as the priorities do.

    Committed work, and what it requires, ranks above all: its absence would be a broken rule.
    """
    requests = problem.requests
    levels = [request.priority for request in requests]
    top = max(levels, default=0) + 1
    for vehicle in problem.vehicles:
        for signed in vehicle.committed:
            at: int | None = abs(signed) - 1
            while at is not None and levels[at] != top:
                levels[at] = top
                at = requests[at].requires
    weight, weights = 1, {}
    for level in sorted(set(levels)):
        weights[level] = weight
        weight *= levels.count(level) + 1
    return [weights[level] for level in levels]


def _vehicles(problem: Problem) -> NDArray[np.int64]:
    rows = np.zeros((len(problem.vehicles), 15), np.int64)
    for v, vehicle in enumerate(problem.vehicles):
        rows[v] = _vehicle(vehicle)
    classes: dict[bytes, int] = {}
    w = problem.weights
    personal = bool(problem.pairs) or w.fairness > 0
    for v, vehicle in enumerate(problem.vehicles):
        row = rows[v].copy()
        if not personal and problem.drivers[vehicle.driver].max_requests is None:
            row[kernel.DRIVER] = -1
        key = (
            row.tobytes()
            + repr((vehicle.layouts, vehicle.fixed_cost, vehicle.committed)).encode()
            + problem.forbidden[:, v].tobytes()
            + problem.assign_cost[:, v].tobytes()
        )
        rows[v, kernel.CLASS] = classes.setdefault(key, len(classes))
    return rows


def _vehicle(vehicle: Vehicle) -> tuple[int, ...]:
    pause = vehicle.break_
    return (
        vehicle.start,
        vehicle.end,
        *vehicle.window,
        *((0, 0, -1) if pause is None else (*pause.window, pause.duration)),
        INF if vehicle.max_duration is None else vehicle.max_duration,
        NEVER if vehicle.started is None else vehicle.started,
        vehicle.fixed,
        vehicle.driver,
        len(vehicle.layouts),
        -1 if vehicle.aboard_layout is None else vehicle.aboard_layout,
        INF if vehicle.max_wait_aboard is None else vehicle.max_wait_aboard,
        0,
    )


def _layouts(problem: Problem, resources: int) -> NDArray[np.int64]:
    most = max((len(vehicle.layouts) for vehicle in problem.vehicles), default=0)
    layouts = np.zeros((len(problem.vehicles), most, resources), np.int64)
    for v, vehicle in enumerate(problem.vehicles):
        for i, layout in enumerate(vehicle.layouts):
            layouts[v, i] = layout
    return layouts


def _pairs(problem: Problem) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Partners of each request, in compressed rows."""
    partners: list[list[int]] = [[] for _ in problem.requests]
    for a, b in problem.pairs:
        if a != b:
            partners[a].append(b)
            partners[b].append(a)
    start = np.cumsum([0, *(len(row) for row in partners)], dtype=np.int64)
    return start, np.array([q for row in partners for q in row], np.int64)


def new_state(data: Data, seed: int, longest: int = 0) -> State:
    """Room for a plan; every route is still to be set."""
    n, m = len(data.request), len(data.vehicle)
    width = max(width_of(data), longest)
    slots = 2 * m * kernel.VARIANTS + 1
    resources = data.load.shape[1]
    return State(
        base=np.empty((2 * m, width), np.int64),
        size=np.zeros(m, np.int64),
        variants=np.zeros(m, np.int64),
        cost=np.zeros(m),
        duration=np.zeros(m, np.int64),
        version=np.zeros(m, np.int64),
        length=np.zeros(slots, np.int64),
        stop=np.empty((slots, width, 8), np.int64),
        weight_on=np.empty((slots, width, resources), np.int64),
        vehicle_of=np.full(n, -1, np.int64),
        driver_load=np.zeros(len(data.driver_max), np.int64),
        marginal=np.zeros(len(data.driver_max)),
        chain=np.empty((width, 16), np.int64),
        seat=np.zeros(n, np.int64),
        row=np.empty((10, width), np.int64),
        trial_cost=np.zeros(kernel.VARIANTS),
        trial=np.zeros((2, kernel.VARIANTS), np.int64),
        trial_found=np.zeros(4, np.int64),
        driver_ticks=np.zeros(len(data.driver_max)),
        rng=np.array([_scrambled(seed)], np.uint64),
        clock=np.array([1, 0], np.int64),
    )


def width_of(data: Data) -> int:
    """Room for the stops of one route, its ends and its break."""
    committed = np.bincount(data.request[:, kernel.COMMITTED] + 1)[1:].max(initial=0)
    return int(min(2 * len(data.request), 2 * (IN_A_ROUTE + committed)) + 4)


def _scrambled(seed: int) -> int:
    """A well mixed start for the generator, never 0 (splitmix64)."""
    z = (seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) % 2**64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
    return (z ^ (z >> 31)) or 1


def new_work(data: Data, *, longest: int = 0, related: bool = True) -> Work:
    """Room for a search; who is related is needed to take requests out by it."""
    n, m = len(data.request), len(data.vehicle)
    width = max(width_of(data), longest)
    classes = int(data.vehicle[:, kernel.CLASS].max()) + 1 if m else 0
    near, by_time = np.zeros((n, 0), np.int64), np.zeros(n, np.int64)
    near_stop = np.zeros((2 * n, 0), np.int64)
    if related:
        near, by_time = _related(data)
        near_stop = _related_stops(data)
    return Work(
        added=np.full((n, m), kernel.HUGE),
        spot=np.zeros((n, m, 3), np.int64),
        seen=np.full((n, m), -1, np.int64),
        certain=np.zeros((n, m), np.bool_),
        near=near,
        near_stop=near_stop,
        offers=np.zeros(m),
        by_time=by_time,
        bank=np.zeros(n, np.int64),
        in_bank=np.zeros(n, np.bool_),
        top_cost=np.full((n, kernel.TOP), kernel.HUGE),
        top_vehicle=np.full((n, kernel.TOP), -1, np.int64),
        out=np.zeros(3, np.int64),
        marked=np.zeros(n, np.bool_),
        picked=np.zeros(n, np.int64),
        key=np.zeros(n),
        waiting=np.zeros(n, np.int64),
        stale=np.zeros(n, np.bool_),
        used=np.zeros(m, np.bool_),
        kept_size=np.zeros(m, np.int64),
        kept_version=np.zeros(m, np.int64),
        kept_variants=np.zeros(m, np.int64),
        kept_cost=np.zeros(m),
        kept_duration=np.zeros(m, np.int64),
        touched=np.zeros(m, np.int64),
        best=np.empty((m, width), np.int64),
        best_size=np.zeros(m, np.int64),
        counts=np.zeros(8, np.int64),
        values=np.array([0.0, 0.0, 0.0, 4.0 * float(data.travel.max(initial=1))]),
        class_of_empty=np.full(classes, -1, np.int64),
        tune=np.zeros(11),
        pool_stops=np.empty(POOL * 30, np.int64),
        pool_start=np.zeros(POOL + 1, np.int64),
        pool_vehicle=np.empty(POOL, np.int64),
        pool_cost=np.empty(POOL),
        pool_key=np.empty(POOL, np.uint64),
        pool_slot=np.full(2 * POOL, -1, np.int64),
        request_hash=np.random.default_rng(0).integers(1 << 63, size=n + classes, dtype=np.uint64),
    )


def _related(data: Data) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each request the others by distance and time, and all of them by time."""
    n = len(data.request)
    pickup, delivery = data.node[:n], data.node[n:]
    a, b = pickup[:, kernel.PLACE], delivery[:, kernel.PLACE]
    direct = data.travel[a, b].astype(np.int64)
    ride = np.minimum(delivery[:, kernel.RIDE], INF >> 4)
    stay = pickup[:, kernel.SERVICE]
    opens = np.maximum(pickup[:, kernel.OPENS], delivery[:, kernel.OPENS] - ride - stay)
    closes = np.minimum(pickup[:, kernel.CLOSES], delivery[:, kernel.CLOSES] - direct - stay)
    begins = (opens + closes) // 2
    ends = np.clip(begins + stay + direct, delivery[:, kernel.OPENS], delivery[:, kernel.CLOSES])
    apart = (
        data.travel[np.ix_(a, a)].astype(np.int64)
        + data.travel[np.ix_(b, b)]
        + np.abs(begins[:, None] - begins)
        + np.abs(ends[:, None] - ends)
    )
    np.fill_diagonal(apart, np.iinfo(np.int64).max)
    return _closest(apart, min(NEIGHBOURS, max(n - 1, 0))), np.argsort(begins, kind="stable")


def _related_stops(data: Data) -> NDArray[np.int64]:
    """For each stop those of other requests, by the time from one to the other, waiting included.

    Rows of some hundred stops at a time: the whole matrix of a large problem is a large one.
    """
    stops = len(data.node)
    place, opens, closes = (
        data.node[:, column] for column in (kernel.PLACE, kernel.OPENS, kernel.CLOSES)
    )
    busy = data.node[:, kernel.SERVICE]
    width = min(NEIGHBOURS, max(stops - 2, 0))
    near = np.zeros((stops, width), np.int64)
    for first in range(0, stops, 500):
        rows = np.arange(first, min(first + 500, stops))
        there = data.travel[np.ix_(place[rows], place)].astype(np.int64)
        back = data.travel[np.ix_(place, place[rows])].T
        after = opens - (closes[rows] + busy[rows])[:, None] - there
        before = opens[rows][:, None] - (closes + busy) - back
        apart = there + np.maximum(0, np.maximum(after, before))
        apart[np.arange(len(rows)), rows] = np.iinfo(np.int64).max
        apart[np.arange(len(rows)), (rows + stops // 2) % stops] = np.iinfo(np.int64).max
        near[rows] = _closest(apart, width)
    return near


def _closest(apart: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """The columns of the least entries of each row, the least first."""
    if width == 0:
        return np.zeros((len(apart), 0), np.int64)
    some = np.argpartition(apart, width - 1, axis=1)[:, :width]
    order = np.argsort(np.take_along_axis(apart, some, 1), axis=1, kind="stable")
    return np.ascontiguousarray(np.take_along_axis(some, order, 1))
