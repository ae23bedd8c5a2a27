"""Hand-made routes: driven as well as their order allows, and told all that they break."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.darp.check import check
from dispatch.darp.cost import cost
from dispatch.darp.plan import StopKind, Violation
from dispatch.darp.problem import Driver, Rule, TimeWindow
from dispatch.darp.schedule import evaluate
from dispatch.darp.timetable import feasible
from tests.darp.building import problem_of, ride, van
from tests.darp.strategies import problems

LATE = 100_000


def test_a_late_route_is_told_every_rule_it_breaks_by_how_much():
    # Place 1 is reached at 10 and place 3 at 30; the way home takes until 60.
    request = ride(
        1, 3, pickup_window=TimeWindow(0, 7), delivery_window=TimeWindow(0, 25), max_ride=18
    )
    problem = problem_of([request], [van(window=TimeWindow(0, 50), max_duration=55)])

    found = evaluate(problem, [(1, -1)])

    assert found.violations == [
        Violation(Rule.PICKUP_WINDOW, 3, 0, 0),
        Violation(Rule.DELIVERY_WINDOW, 5, 0, 0),
        Violation(Rule.RIDE_TIME, 2, 0, 0),
        Violation(Rule.VEHICLE_WINDOW, 10, 0),
        Violation(Rule.DURATION, 5, 0),
    ]
    assert found.plan.cost.total == 60.0


def test_what_is_no_route_is_reported_and_not_refused():
    problem = problem_of([ride(1, 2), ride(2, 3)])

    for route in [(-1, 1), (1,), (-1,), (1, 1, -1), (1, -1, -1), (1, 2, -1)]:
        found = evaluate(problem, [route])
        assert Rule.STRUCTURE in {violation.rule for violation in found.violations}
        assert found.plan.routes[0].signed() == route


@pytest.mark.parametrize("routes", [[], [(), ()], [(3, -3)], [(0,)]])
def test_routes_of_another_problem_are_refused(routes):
    with pytest.raises(ValueError, match=r"one route for each vehicle|unknown request"):
        evaluate(problem_of([ride(1, 2), ride(2, 3)]), routes)


@st.composite
def routes_of(draw, problem):
    """Any stops on any vehicle, also such as are no routes."""
    n = len(problem.requests)
    stops = draw(st.permutations([sign * r for r in range(1, n + 1) for sign in (1, -1)]))
    stops = stops[: draw(st.integers(0, len(stops)))]
    routes = [[] for _ in problem.vehicles]
    for stop in stops:
        routes[draw(st.integers(0, len(routes) - 1))].append(stop)
    return routes


@settings(max_examples=50, deadline=None)
@given(problem=problems(), data=st.data())
def test_any_stops_are_evaluated_as_they_are_judged(problem, data):
    routes = data.draw(routes_of(problem))

    found = evaluate(problem, routes)

    assert [list(route.signed()) for route in found.plan.routes] == routes
    assert found.violations == check(problem, found.plan)
    assert found.plan.cost == cost(problem, found.plan)


@st.composite
def whole_routes(draw, problem):
    """Every request picked up once, and then delivered, by the only vehicle."""
    stops = []
    for r in draw(st.permutations([*range(len(problem.requests))] * 2)):
        stops.append(-(r + 1) if r + 1 in stops else r + 1)
    return stops


@settings(max_examples=40, deadline=None)
@given(problem=problems(max_vehicles=1, committed=False), data=st.data())
def test_an_order_breaks_a_rule_only_where_no_schedule_keeps_all(problem, data):
    route = data.draw(whole_routes(problem))

    assert (evaluate(problem, [route]).violations == []) == feasible(problem, [route])


@settings(max_examples=40, deadline=None)
@given(problem=problems(max_vehicles=1, committed=False), data=st.data())
def test_no_times_of_an_order_miss_anything_by_less(problem, data):
    vehicle = replace(problem.vehicles[0], break_=None, layouts=((99,) * 2,))
    problem = replace(
        problem,
        requests=tuple(replace(r, load=(1, 1), requires=None) for r in problem.requests),
        vehicles=(vehicle,),
        drivers=(Driver(),),
        forbidden=None,
        may_share=None,
    )
    route = data.draw(whole_routes(problem))

    found = evaluate(problem, [route])

    missed = {(v.rule, v.request): v.amount for v in found.violations}
    loose = loosened(problem, missed)
    assert feasible(loose, [route])
    for (rule, r), amount in missed.items():
        if rule is Rule.RIDE_TIME:
            # However late everybody is: nobody waits on this ride.
            anyhow = loosened(problem, missed, max_wait_aboard=None)
            limit = problem.requests[r].max_ride + amount - 1
            assert not feasible(change(anyhow, r, max_ride=limit), [route])
        elif rule in {Rule.PICKUP_WINDOW, Rule.DELIVERY_WINDOW}:
            end = rule.name.lower()
            window = getattr(problem.requests[r], end)
            sooner = TimeWindow(window.earliest, window.latest + amount - 1)
            assert not feasible(change(loose, r, **{end: sooner}), [route])
        elif rule is Rule.VEHICLE_WINDOW:
            sooner = TimeWindow(vehicle.window.earliest, vehicle.window.latest + amount - 1)
            home = replace(loose, vehicles=(replace(loose.vehicles[0], window=sooner),))
            assert not feasible(home, [route])
        elif rule is Rule.DURATION:
            kept = as_late_as(problem, found.plan, missed)
            limit = vehicle.max_duration + amount - 1
            shorter = replace(kept, vehicles=(replace(kept.vehicles[0], max_duration=limit),))
            assert feasible(kept, [route])
            assert not feasible(shorter, [route])


def change(problem, r, **changes):
    requests = list(problem.requests)
    requests[r] = replace(requests[r], **changes)
    return replace(problem, requests=tuple(requests))


def loosened(problem, missed, **changes):
    """Nothing is ever late; rides last as long as they were found to, and so do waits."""
    vehicle = problem.vehicles[0]
    if (Rule.WAITING_ABOARD, -1) in missed:
        changes["max_wait_aboard"] = None
    window = TimeWindow(vehicle.window.earliest, LATE)
    vehicle = replace(vehicle, window=window, max_duration=None, **changes)
    requests = []
    for r, request in enumerate(problem.requests):
        longer = missed.get((Rule.RIDE_TIME, r), 0)
        requests.append(
            replace(
                request,
                pickup_window=TimeWindow(request.pickup_window.earliest, LATE),
                delivery_window=TimeWindow(request.delivery_window.earliest, LATE),
                max_ride=None if request.max_ride is None else request.max_ride + longer,
            )
        )
    return replace(problem, requests=tuple(requests), vehicles=(vehicle,))


def as_late_as(problem, plan, missed):
    """The problem with every window open until the plan's times, and no limit on the duration."""
    kept = loosened(problem, missed)
    for stop in plan.routes[0].stops:
        if stop.kind in {StopKind.PICKUP, StopKind.DELIVERY}:
            end = f"{stop.kind.name.lower()}_window"
            window = getattr(problem.requests[stop.request], end)
            until = TimeWindow(window.earliest, max(window.latest, stop.start))
            kept = change(kept, stop.request, **{end: until})
    vehicle, end = problem.vehicles[0], plan.routes[0].stops[-1].arrival
    window = TimeWindow(vehicle.window.earliest, max(vehicle.window.latest, end))
    return replace(kept, vehicles=(replace(kept.vehicles[0], window=window),))
