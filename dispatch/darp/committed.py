"""Work that a plan must keep, and what is broken already because of it.

A van that is late, or a lock that cannot be kept, must not stop every plan of the day. ``baseline``
drives the committed work alone, as well as its order allows; what that breaks is inherited, and
``relax`` widens the problem by just that much. Then every plan of the relaxed problem is one of the
given problem with nothing added:
``excess(check(problem, plan), check(problem, baseline(problem))) == []``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dispatch.darp.check import aboard_between, check
from dispatch.darp.cost import cost
from dispatch.darp.plan import Cost, Plan, Route, Stop, StopKind, Violation
from dispatch.darp.problem import Problem, Request, Rule, TimeWindow, Vehicle
from dispatch.darp.timing import Bound, schedule

# A tick of a client's lateness hurts more than one of the driver's or of the break.
CLIENT, STAFF = 100, 1


def baseline(problem: Problem) -> Plan:
    """The plan of each vehicle's ``committed`` stops alone, in their order.

    It keeps every bound if the order allows it; otherwise it is late by as few ticks as possible,
    clients before drivers. The break is taken where that costs least.
    """
    routes = tuple(_route(problem, v) for v in range(len(problem.vehicles)))
    served = {stop.request for route in routes for stop in route.stops}
    unassigned = tuple(r for r in range(len(problem.requests)) if r not in served)
    plan = Plan(routes, unassigned, Cost((), 0.0))
    return replace(plan, cost=cost(problem, plan))


def evaluate(problem: Problem, signed_routes: Sequence[Sequence[int]]) -> Plan:
    """The plan that follows a given order of stops on each vehicle, however late it makes them.

    Each route is driven as ``baseline`` drives committed work; ``check`` then says what it breaks.
    """
    vehicles = tuple(
        replace(vehicle, committed=tuple(signed))
        for vehicle, signed in zip(problem.vehicles, signed_routes, strict=True)
    )
    return baseline(replace(problem, vehicles=vehicles))


def relax(problem: Problem, start: Plan | None = None) -> Problem:
    """The same problem, its bounds widened until its baseline is feasible and no further.

    `start` is ``baseline(problem)``, computed if not given.
    """
    plan = baseline(problem) if start is None else start
    draft = _Draft(problem, plan)
    for violation in check(problem, plan):
        draft.widen(violation)
    return draft.done()


@dataclass(frozen=True, slots=True)
class _Work:
    """One vehicle's committed stops: who, which end, where, for how long."""

    signed: tuple[int, ...]
    places: tuple[int, ...]
    services: tuple[int, ...]
    empty_before: tuple[bool, ...]  # of each stop, and of END


def _work(problem: Problem, v: int) -> _Work:
    vehicle = problem.vehicles[v]
    requests = [problem.requests[abs(signed) - 1] for signed in vehicle.committed]
    aboard = sum(request.aboard for request in requests)
    empty = [aboard == 0]
    for signed in vehicle.committed:
        aboard += 1 if signed > 0 else -1
        empty.append(aboard == 0)
    ends = list(zip(vehicle.committed, requests, strict=True))
    return _Work(
        vehicle.committed,
        tuple(request.pickup if signed > 0 else request.delivery for signed, request in ends),
        tuple(
            request.pickup_service if signed > 0 else request.delivery_service
            for signed, request in ends
        ),
        tuple(empty),
    )


def _route(problem: Problem, v: int) -> Route:
    vehicle = problem.vehicles[v]
    if not vehicle.committed:
        return Route()
    work = _work(problem, v)
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
# the service of each committed stop does; moment 0 is tick 0.
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
    aboard = [r for r in _committed(vehicle) if problem.requests[r].aboard]
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


def _committed(vehicle: Vehicle) -> set[int]:
    return {abs(signed) - 1 for signed in vehicle.committed}


class _Draft:
    """A problem while its bounds are being widened."""

    def __init__(self, problem: Problem, plan: Plan) -> None:
        self.problem, self.plan = problem, plan
        self.requests = list(problem.requests)
        self.vehicles = list(problem.vehicles)
        self.drivers = list(problem.drivers)
        self.forbidden = problem.forbidden.copy()
        self.may_share = problem.may_share.copy()

    def done(self) -> Problem:
        return replace(
            self.problem,
            requests=tuple(self.requests),
            vehicles=tuple(self.vehicles),
            drivers=tuple(self.drivers),
            forbidden=self.forbidden,
            may_share=self.may_share,
        )

    def widen(self, violation: Violation) -> None:
        rule, v, r = violation.rule, violation.vehicle, violation.request
        if rule in OF_REQUEST:
            self.requests[r] = _widen_request(self.requests[r], violation)
        elif rule in OF_VEHICLE:
            self.vehicles[v] = _widen_vehicle(self.vehicles[v], violation)
        elif rule is Rule.MAX_REQUESTS:
            driver = self.drivers[self.vehicles[v].driver]
            limit = (driver.max_requests or 0) + violation.amount
            self.drivers[self.vehicles[v].driver] = replace(driver, max_requests=limit)
        elif rule is Rule.SHARING:
            self.may_share[[r, violation.other], [violation.other, r]] = True
        elif rule is Rule.CAPACITY:
            self._fit_layouts(v)
        else:
            self.forbidden[r, v] = Rule.NONE

    def _fit_layouts(self, v: int) -> None:
        """Let the layouts in use carry the committed work, and nobody else board."""
        vehicle, stops = self.problem.vehicles[v], self.plan.routes[v].stops
        layouts = [np.array(layout) for layout in vehicle.layouts]
        in_use = vehicle.aboard_layout or 0
        for stop, aboard in zip(stops, aboard_between(self.problem, v, stops), strict=True):
            in_use = stop.layout if stop.request >= 0 else in_use
            load = np.sum([self.problem.requests[r].load for r in aboard], axis=0, dtype=int)
            layouts[in_use] = np.maximum(layouts[in_use], load)
        fitted = tuple(tuple(int(units) for units in layout) for layout in layouts)
        self.vehicles[v] = replace(self.vehicles[v], layouts=fitted)
        others = sorted(set(range(len(self.requests))) - _committed(vehicle))
        column = self.forbidden[others, v]
        self.forbidden[others, v] = np.where(column == Rule.NONE, Rule.CAPACITY, column)


OF_REQUEST = (Rule.PICKUP_WINDOW, Rule.DELIVERY_WINDOW, Rule.RIDE_TIME, Rule.REQUIRES)
OF_VEHICLE = (Rule.VEHICLE_WINDOW, Rule.DURATION, Rule.BREAK)


def _later(window: TimeWindow, ticks: int) -> TimeWindow:
    return TimeWindow(window.earliest, window.latest + ticks)


def _widen_request(request: Request, violation: Violation) -> Request:
    ticks = violation.amount
    if violation.rule is Rule.PICKUP_WINDOW:
        return replace(request, pickup_window=_later(request.pickup_window, ticks))
    if violation.rule is Rule.DELIVERY_WINDOW:
        return replace(request, delivery_window=_later(request.delivery_window, ticks))
    if violation.rule is Rule.RIDE_TIME:
        return replace(request, max_ride=(request.max_ride or 0) + ticks)
    return replace(request, requires=None)


def _widen_vehicle(vehicle: Vehicle, violation: Violation) -> Vehicle:
    ticks = violation.amount
    if violation.rule is Rule.VEHICLE_WINDOW:
        return replace(vehicle, window=_later(vehicle.window, ticks))
    if violation.rule is Rule.DURATION:
        return replace(vehicle, max_duration=(vehicle.max_duration or 0) + ticks)
    due = vehicle.break_
    return replace(vehicle, break_=due and replace(due, window=_later(due.window, ticks)))
