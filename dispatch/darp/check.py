"""The independent verifier: a problem and a plan in, every broken hard rule out.

It shares nothing with the search. Each rule is written from its definition in ``problem`` and
``plan``, one function for each, so that a reader can hold the two side by side.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import combinations

from dispatch.darp.plan import (
    BREAK,
    DELIVERY,
    END,
    PICKUP,
    START,
    Plan,
    Route,
    Stop,
    StopKind,
    Violation,
)
from dispatch.darp.problem import Problem, Rule, TimeWindow

Stops = tuple[Stop, ...]
SERVED = (PICKUP, DELIVERY)


def check(problem: Problem, plan: Plan) -> list[Violation]:
    """Every hard rule that `plan` breaks, each with its amount; none for a feasible plan.

    A route that is no route at all (it does not run from START to END, or names what does not
    exist) is reported as STRUCTURE and judged no further.
    """
    if len(plan.routes) != len(problem.vehicles):
        return [Violation(Rule.STRUCTURE, abs(len(plan.routes) - len(problem.vehicles)))]
    routes: list[Stops] = []
    found: list[Violation] = []
    for v, route in enumerate(plan.routes):
        whole = _is_route(problem, v, route)
        routes.append(route.stops if whole else ())
        if not whole:
            found.append(Violation(Rule.STRUCTURE, 1, v))
        elif route.stops:
            found.extend(_check_route(problem, v, route.stops))
    served = [_served(stops) for stops in routes]
    found.extend(_check_served(problem, served, plan.unassigned))
    found.extend(_check_requires(problem, served))
    found.extend(_check_max_requests(problem, served))
    for v, stops in enumerate(routes):
        found.extend(_check_committed(problem, v, stops, served[v]))
    return found


def excess(violations: Iterable[Violation], inherited: Iterable[Violation]) -> list[Violation]:
    """Those of `violations` that are not `inherited`, or are worse than there.

    Two violations are the same when rule, vehicle and requests are; the larger amount is worse.
    """
    known: dict[tuple[Rule, int, int, int], int] = {}
    for old in inherited:
        known[_identity(old)] = max(old.amount, known.get(_identity(old), 0))
    return [new for new in violations if new.amount > known.get(_identity(new), 0)]


def duration(problem: Problem, vehicle: int, stops: Stops) -> int:
    """From leaving the start place, or ``Vehicle.started``, to reaching the end place."""
    leaving = stops[1] if stops[1].kind is BREAK else stops[0]
    reaching = stops[-2] if stops[-2].kind is BREAK else stops[-1]
    started = problem.vehicles[vehicle].started
    return reaching.arrival - (leaving.departure if started is None else started)


def aboard_between(problem: Problem, vehicle: int, stops: Stops) -> list[set[int]]:
    """Who is aboard on leaving each stop.

    A client is aboard from the start of service at the pickup to the departure from the
    delivery, so two of them are together when one boards before the other has left, in the
    order of the stops.
    """
    aboard = {-signed - 1 for signed in problem.vehicles[vehicle].committed if signed < 0}
    aboard = {r for r in aboard if problem.requests[r].aboard}
    after = []
    for stop in stops:
        if stop.kind is PICKUP:
            aboard = aboard | {stop.request}
        elif stop.kind is DELIVERY:
            aboard = aboard - {stop.request}
        after.append(aboard)
    return after


def _identity(violation: Violation) -> tuple[Rule, int, int, int]:
    return violation.rule, violation.vehicle, violation.request, violation.other


def _is_route(problem: Problem, v: int, route: Route) -> bool:
    if not route.stops:
        return True
    first, *middle, last = route.stops
    return (
        first.kind is START
        and last.kind is END
        and last is not first
        and any(stop.kind in SERVED for stop in middle)
        and all(_is_middle(problem, v, stop) for stop in middle)
    )


def _is_middle(problem: Problem, v: int, stop: Stop) -> bool:
    if stop.kind is BREAK:
        return True
    return (
        stop.kind in SERVED
        and 0 <= stop.request < len(problem.requests)
        and 0 <= stop.layout < len(problem.vehicles[v].layouts)
    )


def _check_route(problem: Problem, v: int, stops: Stops) -> Iterator[Violation]:
    after = aboard_between(problem, v, stops)
    yield from _check_times(problem, v, stops)
    yield from _check_pairing(problem, v, stops)
    yield from _check_windows(problem, v, stops)
    yield from _check_ride_times(problem, v, stops)
    yield from _check_waiting_aboard(problem, v, stops, after)
    yield from _check_layouts(v, stops, after, problem.vehicles[v].aboard_layout)
    yield from _check_capacity(problem, v, stops, after)
    yield from _check_sharing(problem, v, after)
    yield from _check_forbidden(problem, v, stops)
    yield from _check_vehicle(problem, v, stops)
    yield from _check_break(problem, v, stops, after)


def _places(problem: Problem, v: int, stops: Stops) -> list[int]:
    """Where each stop must be; a break is where its predecessor is, the last one at the end."""
    vehicle = problem.vehicles[v]
    places: list[int] = []
    for i, stop in enumerate(stops):
        if stop.kind is START:
            places.append(vehicle.start)
        elif stop.kind is PICKUP:
            places.append(problem.requests[stop.request].pickup)
        elif stop.kind is DELIVERY:
            places.append(problem.requests[stop.request].delivery)
        elif stop.kind is BREAK and stops[i + 1].kind is not END:
            places.append(places[-1])
        else:
            places.append(vehicle.end)
    return places


def _service(problem: Problem, v: int, stop: Stop) -> int:
    if stop.kind is PICKUP:
        return problem.requests[stop.request].pickup_service
    if stop.kind is DELIVERY:
        return problem.requests[stop.request].delivery_service
    due = problem.vehicles[v].break_
    return due.duration if due is not None and stop.kind is BREAK else 0


def _check_times(problem: Problem, v: int, stops: Stops) -> Iterator[Violation]:
    """Places, and arrival, start and departure as they follow from one another."""
    places = _places(problem, v, stops)
    travel = problem.travel
    for i, stop in enumerate(stops):
        late = stop.departure - stop.start - _service(problem, v, stop)
        if late > 0 and (i == 0 or (i == 1 and stop.kind is BREAK)):
            late = 0
        astray = 0
        if i > 0:
            astray = stop.arrival - stops[i - 1].departure - travel.item(places[i - 1], places[i])
        elsewhere = stop.place != places[i]
        if elsewhere or late or astray or stop.arrival > stop.start:
            amount = max(int(elsewhere), abs(late), abs(astray), stop.arrival - stop.start)
            yield Violation(Rule.STRUCTURE, amount, v, stop.request)


def _check_pairing(problem: Problem, v: int, stops: Stops) -> Iterator[Violation]:
    """Pickup, then delivery, once each; who is aboard is only delivered, by this vehicle."""
    kinds: dict[int, list[StopKind]] = {}
    for stop in stops:
        if stop.kind in SERVED:
            kinds.setdefault(stop.request, []).append(stop.kind)
    for r, have in kinds.items():
        aboard = problem.requests[r].aboard and -(r + 1) in problem.vehicles[v].committed
        if have != ([DELIVERY] if aboard else [PICKUP, DELIVERY]):
            yield Violation(Rule.STRUCTURE, 1, v, r)


def _outside(window: TimeWindow, tick: int) -> int:
    return max(window.earliest - tick, tick - window.latest, 0)


def _check_windows(problem: Problem, v: int, stops: Stops) -> Iterator[Violation]:
    for stop in stops:
        if stop.kind is PICKUP:
            rule, window = Rule.PICKUP_WINDOW, problem.requests[stop.request].pickup_window
        elif stop.kind is DELIVERY:
            rule, window = Rule.DELIVERY_WINDOW, problem.requests[stop.request].delivery_window
        else:
            continue
        if outside := _outside(window, stop.start):
            yield Violation(rule, outside, v, stop.request)


def _check_ride_times(problem: Problem, v: int, stops: Stops) -> Iterator[Violation]:
    boarded: dict[int, int] = {}
    for stop in stops:
        if stop.kind is PICKUP:
            boarded[stop.request] = stop.departure
        elif stop.kind is DELIVERY and stop.request in boarded:
            limit = problem.requests[stop.request].max_ride
            ride = stop.start - boarded[stop.request]
            if limit is not None and ride > limit:
                yield Violation(Rule.RIDE_TIME, ride - limit, v, stop.request)


def _check_waiting_aboard(
    problem: Problem, v: int, stops: Stops, after: list[set[int]]
) -> Iterator[Violation]:
    """The longest wait at a stop reached with anyone aboard: one violation for the whole route."""
    limit = problem.vehicles[v].max_wait_aboard
    waits = [
        stop.start - stop.arrival
        for stop, aboard in zip(stops[1:], after[:-1], strict=True)
        if aboard
    ]
    if limit is not None and (over := max(waits, default=0) - limit) > 0:
        yield Violation(Rule.WAITING_ABOARD, over, v)


def _check_layouts(
    v: int, stops: Stops, after: list[set[int]], aboard_layout: int | None
) -> Iterator[Violation]:
    """The layout stays the same from boarding an empty vehicle until it is empty again."""
    layout = aboard_layout if after[0] else None
    for stop, aboard in zip(stops, after, strict=True):
        if stop.kind in SERVED:
            layout = stop.layout if layout is None else layout
            if stop.layout != layout:
                yield Violation(Rule.CAPACITY, 1, v, stop.request)
        if not aboard:
            layout = None


def _check_capacity(
    problem: Problem, v: int, stops: Stops, after: list[set[int]]
) -> Iterator[Violation]:
    """The worst overload of each resource, summed: one violation for the whole route."""
    vehicle = problem.vehicles[v]
    worst = [0] * len(vehicle.layouts[0])
    for stop, aboard in zip(stops, after, strict=True):
        if stop.kind is START:
            layout = vehicle.layouts[vehicle.aboard_layout or 0]
        elif stop.kind is PICKUP:
            layout = vehicle.layouts[stop.layout]
        else:
            continue
        carried = zip(*(problem.requests[r].load for r in aboard), strict=True)
        for k, (loads, places) in enumerate(zip(carried, layout, strict=bool(aboard))):
            worst[k] = max(worst[k], sum(loads) - places)
    if any(worst):
        yield Violation(Rule.CAPACITY, sum(worst), v)


def _check_sharing(problem: Problem, v: int, after: list[set[int]]) -> Iterator[Violation]:
    """One violation for each pair that is aboard at the same moment and may not be."""
    together = {
        pair for aboard in after if len(aboard) > 1 for pair in combinations(sorted(aboard), 2)
    }
    for a, b in sorted(together):
        if not problem.may_share.item(a, b):
            yield Violation(Rule.SHARING, 1, v, a, b)


def _check_forbidden(problem: Problem, v: int, stops: Stops) -> Iterator[Violation]:
    for r in sorted(_served(stops)):
        if rule := problem.forbidden.item(r, v):
            yield Violation(Rule(rule), 1, v, r)


def _check_vehicle(problem: Problem, v: int, stops: Stops) -> Iterator[Violation]:
    vehicle = problem.vehicles[v]
    if (early := vehicle.window.earliest - stops[0].departure) > 0:
        yield Violation(Rule.VEHICLE_WINDOW, early, v)
    if (late := stops[-1].arrival - vehicle.window.latest) > 0:
        yield Violation(Rule.VEHICLE_WINDOW, late, v)
    limit = vehicle.max_duration
    if limit is not None and (over := duration(problem, v, stops) - limit) > 0:
        yield Violation(Rule.DURATION, over, v)


def _check_break(
    problem: Problem, v: int, stops: Stops, after: list[set[int]]
) -> Iterator[Violation]:
    """Exactly one where the vehicle has one, inside its window and with nobody aboard."""
    taken = [i for i, stop in enumerate(stops) if stop.kind is BREAK]
    due = problem.vehicles[v].break_
    if due is None:
        if taken:
            yield Violation(Rule.BREAK, len(taken), v)
        return
    if not taken:
        yield Violation(Rule.BREAK, max(due.duration, 1), v)
    if len(taken) > 1:
        yield Violation(Rule.BREAK, len(taken) - 1, v)
    for i in taken:
        if after[i]:
            yield Violation(Rule.BREAK, len(after[i]), v)
        if outside := _outside(due.window, stops[i].start):
            yield Violation(Rule.BREAK, outside, v)


def _check_served(
    problem: Problem, served: list[set[int]], unassigned: tuple[int, ...]
) -> Iterator[Violation]:
    """Each request is in one route, or once among the unassigned, and nowhere else."""
    places = Counter(r for mine in served for r in mine)
    places.update(unassigned)
    for r in sorted(places.keys() | set(range(len(problem.requests)))):
        if not 0 <= r < len(problem.requests) or places[r] != 1:
            yield Violation(Rule.STRUCTURE, max(1, places[r] - 1), request=r)


def _check_requires(problem: Problem, served: list[set[int]]) -> Iterator[Violation]:
    anywhere = set().union(*served)
    for v, mine in enumerate(served):
        for r in sorted(mine):
            required = problem.requests[r].requires
            if required is not None and required not in anywhere:
                yield Violation(Rule.REQUIRES, 1, v, r, required)


def _check_max_requests(problem: Problem, served: list[set[int]]) -> Iterator[Violation]:
    """Over all vehicles of a driver; reported on the first of them."""
    for d, driver in enumerate(problem.drivers):
        if driver.max_requests is None:
            continue
        shifts = [v for v, vehicle in enumerate(problem.vehicles) if vehicle.driver == d]
        count = sum(len(served[v]) for v in shifts)
        if count > driver.max_requests:
            yield Violation(Rule.MAX_REQUESTS, count - driver.max_requests, shifts[0])


def _check_committed(
    problem: Problem, v: int, stops: Stops, served: set[int]
) -> Iterator[Violation]:
    """None is dropped or given away; the fixed ones come first, with nothing in between."""
    vehicle = problem.vehicles[v]
    for r in sorted({abs(signed) - 1 for signed in vehicle.committed} - served):
        yield Violation(Rule.COMMITTED, 1, v, r)
    first = [_signed(stop) for stop in stops[1 : 1 + vehicle.fixed]]
    for i, signed in enumerate(vehicle.committed[: vehicle.fixed]):
        if first[i : i + 1] != [signed]:
            yield Violation(Rule.COMMITTED, vehicle.fixed - i, v, abs(signed) - 1)
            return


def _served(stops: Stops) -> set[int]:
    return {stop.request for stop in stops if stop.kind in SERVED}


def _signed(stop: Stop) -> int:
    if stop.kind is PICKUP:
        return stop.request + 1
    return -(stop.request + 1) if stop.kind is DELIVERY else 0
