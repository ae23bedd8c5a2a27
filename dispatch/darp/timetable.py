"""When each stop of a given order is served: an exact judge of orders without times.

The rules of time of one vehicle's order are a simple temporal network. Whether it has a schedule is
decided exactly, breaks, ride times and waits included, by code that shares nothing with the search:
where the kernels refuse an order, ``feasible`` says whether they are right.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dispatch.darp.check import check
from dispatch.darp.cost import cost
from dispatch.darp.plan import Cost, Plan, Route, Stop, StopKind
from dispatch.darp.problem import Problem
from dispatch.darp.timing import Bound, schedule

# A tick of a client's lateness hurts more than one of the driver's or of the break; where a late
# pickup and a longer wait aboard are the same, it is the wait: times that are agreed are kept.
CLIENT, WAIT, STAFF = 101, 100, 1


def feasible(problem: Problem, signed_routes: Sequence[Sequence[int]]) -> bool:
    """Whether times, breaks and layouts exist with which these orders break no hard rule.

    There is one order for each vehicle, in signed request numbers (see ``Vehicle.committed``).
    """
    whole = all(_is_whole(problem, signed) for signed in signed_routes)
    return whole and check(problem, driven(problem, signed_routes)) == []


def _is_whole(problem: Problem, order: Sequence[int]) -> bool:
    """Whether each request is delivered once, after its one pickup unless it is aboard."""
    at = {signed: i for i, signed in enumerate(order)}
    delivered = all(-signed in at for signed in order if signed > 0)
    return (
        delivered
        and len(at) == len(order)
        and all(
            problem.requests[-signed - 1].aboard != (-signed in at) and at.get(-signed, -1) < i
            for signed, i in at.items()
            if signed < 0
        )
    )


def driven(problem: Problem, signed_routes: Sequence[Sequence[int]]) -> Plan:
    """The plan that follows a given order of stops on each vehicle, however late it makes them.

    It keeps every bound if the order allows it; otherwise it is late by as few ticks as possible,
    clients before drivers. The break is taken where that costs least. Each request of an order
    must be whole: picked up unless it is aboard, and then delivered.
    """
    routes = tuple(_route(problem, v, tuple(signed)) for v, signed in enumerate(signed_routes))
    served = {stop.request for route in routes for stop in route.stops}
    unassigned = tuple(r for r in range(len(problem.requests)) if r not in served)
    plan = Plan(routes, unassigned, Cost((), 0.0))
    return replace(plan, cost=cost(problem, plan))


@dataclass(frozen=True, slots=True)
class _Work:
    """One vehicle's order of stops: who, which end, where, for how long."""

    signed: tuple[int, ...]
    places: tuple[int, ...]
    services: tuple[int, ...]
    empty_before: tuple[bool, ...]  # of each stop, and of END


def _work(problem: Problem, order: tuple[int, ...]) -> _Work:
    requests = [problem.requests[abs(signed) - 1] for signed in order]
    aboard = sum(request.aboard for request in requests)
    empty = [aboard == 0]
    for signed in order:
        aboard += 1 if signed > 0 else -1
        empty.append(aboard == 0)
    ends = list(zip(order, requests, strict=True))
    return _Work(
        order,
        tuple(request.pickup if signed > 0 else request.delivery for signed, request in ends),
        tuple(
            request.pickup_service if signed > 0 else request.delivery_service
            for signed, request in ends
        ),
        tuple(empty),
    )


def _route(problem: Problem, v: int, order: tuple[int, ...]) -> Route:
    if not order:
        return Route()
    vehicle, work = problem.vehicles[v], _work(problem, order)
    n = len(work.signed)
    positions: list[int | None] = [None]
    if vehicle.break_ is not None:
        positions = [k for k in range(vehicle.fixed, n + 1) if work.empty_before[k]]
    best: tuple[int, int | None, list[int]] | None = None
    for position in positions:
        bounds = list(_bounds(problem, v, work, position))
        price, times = schedule(n + 3, bounds)
        if best is None or price < best[0]:
            best = price, position, times
        if price == 0:
            break
    assert best is not None, "after the last delivery the vehicle is empty"
    return _timed(problem, v, work, best[1], best[2])


# Moments of a schedule: when the vehicle leaves the start place, when the break starts, and when
# the service of each stop does; moment 0 is tick 0.
LEAVE, BREAK, FIRST = 1, 2, 3


def _bounds(problem: Problem, v: int, work: _Work, position: int | None) -> Iterator[Bound]:
    yield from _client_bounds(problem, work)
    yield from _driving_bounds(problem, v, work, position)
    yield from _shift_bounds(problem, v, work, position)


def _client_bounds(problem: Problem, work: _Work) -> Iterator[Bound]:
    """Windows and ride times; a client may be late, never early."""
    picked: dict[int, int] = {}
    for i, signed in enumerate(work.signed):
        request = problem.requests[abs(signed) - 1]
        window = request.pickup_window if signed > 0 else request.delivery_window
        yield Bound(0, FIRST + i, window.earliest)
        yield Bound(FIRST + i, 0, -window.latest, CLIENT)
        if signed > 0:
            picked[signed] = i
        elif request.max_ride is not None and -signed in picked:
            pickup = picked[-signed]
            yield Bound(
                FIRST + i, FIRST + pickup, -request.max_ride - work.services[pickup], CLIENT
            )


def _driving_bounds(problem: Problem, v: int, work: _Work, position: int | None) -> Iterator[Bound]:
    """Each stop is reached before its service starts, with the break on the way."""
    vehicle = problem.vehicles[v]
    pause = vehicle.break_.duration if vehicle.break_ else 0
    places = (vehicle.start, *work.places)
    for i in range(len(work.signed)):
        before = FIRST + i - 1 if i else LEAVE
        service = work.services[i - 1] if i else 0
        driving = problem.travel.item(places[i], places[i + 1])
        yield Bound(before, FIRST + i, service + driving)
        if vehicle.max_wait_aboard is not None and not work.empty_before[i]:
            waiting = service + driving + vehicle.max_wait_aboard
            yield Bound(FIRST + i, before, -waiting, WAIT)
        if position == i and i:
            yield Bound(before, BREAK, service)
            yield Bound(BREAK, FIRST + i, pause + driving)
    if position == 0:
        yield Bound(BREAK, LEAVE, pause)


def _shift_bounds(problem: Problem, v: int, work: _Work, position: int | None) -> Iterator[Bound]:
    """The vehicle's window, its duration and the break's window."""
    vehicle, n = problem.vehicles[v], len(work.signed)
    last = FIRST + n - 1
    back = work.services[-1] + problem.travel.item(work.places[-1], vehicle.end)
    yield Bound(0, LEAVE, vehicle.window.earliest)
    yield Bound(last, 0, back - vehicle.window.latest, STAFF)
    if vehicle.max_duration is not None and vehicle.started is not None:
        yield Bound(last, 0, back - vehicle.started - vehicle.max_duration, STAFF)
    elif vehicle.max_duration is not None:
        yield Bound(last, LEAVE, back - vehicle.max_duration, STAFF)
    if vehicle.break_ is None or position is None:
        yield Bound(0, BREAK, vehicle.window.earliest)
        return
    yield Bound(0, BREAK, max(vehicle.break_.window.earliest, vehicle.window.earliest))
    yield Bound(BREAK, 0, -vehicle.break_.window.latest, STAFF)
    if position == n:
        yield Bound(last, BREAK, back)
        yield Bound(BREAK, 0, vehicle.break_.duration - vehicle.window.latest, STAFF)


def _timed(problem: Problem, v: int, work: _Work, position: int | None, times: list[int]) -> Route:
    """Stops at the given times; the vehicle leaves no earlier than it must."""
    vehicle = problem.vehicles[v]
    layouts = _layouts(problem, v, work)
    leave = times[FIRST] - problem.travel.item(vehicle.start, work.places[0])
    out = times[BREAK] if position == 0 else leave
    stops = [Stop(StopKind.START, vehicle.start, out, out, out)]

    def add(kind: StopKind, place: int, start: int | None, service: int, **more: int) -> None:
        before = stops[-1]
        arrival = before.departure + problem.travel.item(before.place, place)
        start = arrival if start is None else start
        stops.append(Stop(kind, place, arrival, start, start + service, **more))

    for i, signed in enumerate(work.signed):
        if position == i:
            pause = leave - out if i == 0 else vehicle.break_.duration if vehicle.break_ else 0
            add(StopKind.BREAK, stops[-1].place, times[BREAK], pause)
        kind = StopKind.PICKUP if signed > 0 else StopKind.DELIVERY
        request, start = abs(signed) - 1, times[FIRST + i]
        service, layout = work.services[i], layouts[i]
        add(kind, work.places[i], start, service, request=request, layout=layout)
    if position == len(work.signed) and vehicle.break_ is not None:
        add(StopKind.BREAK, vehicle.end, times[BREAK], vehicle.break_.duration)
    add(StopKind.END, vehicle.end, None, 0)
    return Route(tuple(stops))


def _layouts(problem: Problem, v: int, work: _Work) -> list[int]:
    """For each stop the layout that fits its pool best, ``aboard_layout`` while it must be."""
    vehicle = problem.vehicles[v]
    aboard = {abs(signed) - 1 for signed in work.signed}
    aboard = {r for r in aboard if problem.requests[r].aboard}
    load = np.sum([problem.requests[r].load for r in aboard], axis=0, dtype=int)
    peak = load
    chosen: list[int] = []
    pool = 0
    for i, signed in enumerate(work.signed):
        load = load + np.sign(signed) * np.array(problem.requests[abs(signed) - 1].load)
        peak = np.maximum(peak, load)
        pool += 1
        if work.empty_before[i + 1]:
            overload = [int(np.maximum(peak - layout, 0).sum()) for layout in vehicle.layouts]
            layout = overload.index(min(overload))
            if aboard and not chosen and vehicle.aboard_layout is not None:
                layout = vehicle.aboard_layout
            chosen += [layout] * pool
            pool, peak = 0, load
    return chosen
