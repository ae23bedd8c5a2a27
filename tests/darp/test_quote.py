"""Quotes are true and complete: each is applied and judged, and none is missing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch.darp.check import check, excess
from dispatch.darp.committed import relax
from dispatch.darp.plan import ordered
from dispatch.darp.problem import Break, Driver, Rule, TimeWindow
from dispatch.darp.quote import Push, quote
from dispatch.darp.schedule import evaluate
from dispatch.darp.search import solve
from dispatch.darp.timetable import driven, feasible
from tests.darp.building import problem_of, ride, van
from tests.darp.strategies import problems

THOROUGH = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


# Place 3 is 30 ticks from the start; a client is carried from 1 to 5.


def test_a_quote_says_when_who_is_pushed_and_what_room_is_left():
    later = TimeWindow(0, 60)
    problem = problem_of([ride(1, 5, delivery_window=later), ride(2, 3, max_ride=20)])
    plan = evaluate(problem, [(1, -1)]).plan

    found = quote(problem, plan, 1)[0]

    # The way is the same: on at 2, off at 3, and home at 100 as before.
    assert (found.vehicle, found.cost, found.signed) == (0, 0.0, (1, 2, -2, -1))
    assert (found.pickup, found.delivery) == (20, 30)
    assert (found.earliest, found.latest) == (20, 30)
    assert (found.pushed, found.slack) == ((), 10)


def test_the_limit_on_the_duration_leaves_less_room():
    # Delivered at place 3 from 100 on, home 30 later: 70 ticks begin at 60 at the earliest. The
    # other end is bound by the delivery, at 110 at the latest.
    problem = problem_of([ride(1, 3, delivery_window=TimeWindow(100, 110))], [van(max_duration=70)])

    [found] = quote(problem, ordered([()]), 0)

    assert (found.pickup, found.delivery) == (80, 100)
    assert (found.earliest, found.latest, found.slack) == (70, 90, 10)


def test_who_is_on_the_road_already_must_be_back_in_time():
    # Away since -40, home 50 after the pickup at the latest at 100: it starts by 50.
    problem = problem_of([ride(1, 3)], [van(started=-40, max_duration=140)])

    [found] = quote(problem, ordered([()]), 0)

    assert (found.pickup, found.earliest, found.latest, found.slack) == (10, 10, 50, 40)


def test_who_waits_for_another_is_pushed_by_the_ticks_it_takes():
    problem = problem_of([ride(1, 5), ride(2, 3, pickup_service=4, delivery_service=3)])
    plan = evaluate(problem, [(1, -1)]).plan

    found = quote(problem, plan, 1)[0]

    assert found.signed == (1, 2, -2, -1)
    assert found.pushed == (Push(0, pickup=0, delivery=7),)


def test_nobody_who_may_not_take_it_is_quoted():
    vans = [van(driver=0), van(driver=1), van(driver=2), van(driver=3, layouts=((0,),))]
    problem = problem_of(
        [ride(1, 2), ride(1, 2), ride(2, 3, pickup_window=TimeWindow(0, 5))],
        vans,
        forbidden=np.array([[Rule.SKILLS, 0, 0, 0]] + [[0] * 4] * 2),
        drivers=(Driver(), Driver(max_requests=1), Driver(), Driver()),
    )
    # The second van is as full as its driver may be; the third is on a route that it cannot keep.
    plan = ordered([(), (2, -2), (3, -3), ()])

    assert quote(problem, plan, 0) == []
    assert [found.vehicle for found in quote(problem, ordered([()] * 4), 0)] == [1, 2]


def test_what_requires_another_is_quoted_when_that_is_served():
    problem = problem_of([ride(1, 2), ride(2, 1, requires=0)])

    assert quote(problem, ordered([()]), 1) == []
    assert quote(problem, ordered([(1, -1)]), 1) != []


def test_committed_work_is_quoted_on_its_vehicle_and_what_comes_first_not_at_all():
    problem = problem_of([ride(1, 2), ride(2, 3)], [van(committed=(1, 2, -1, -2), fixed=1), van()])
    plan = ordered([(1, 2, -1, -2), ()])

    assert quote(problem, plan, 0) == []
    assert {found.vehicle for found in quote(problem, plan, 1)} == {0}


def test_a_request_that_does_not_exist_is_refused():
    problem = problem_of([ride(1, 2)])

    for request in (-1, 1):
        with pytest.raises(ValueError, match="no such request"):
            quote(problem, ordered([()]), request)


def test_the_break_goes_where_it_lets_the_request_in():
    vehicle = van(break_=Break(TimeWindow(0, 100), 30), window=TimeWindow(0, 120))
    problem = problem_of([ride(1, 2, pickup_window=TimeWindow(0, 15))], [vehicle])

    [found] = quote(problem, ordered([()]), 0)

    assert (found.pickup, found.cost) == (10, 40.0)


def others_of(plan, request):
    return [[s for s in r.signed() if abs(s) != request + 1] for r in plan.routes]


@given(problem=problems(max_requests=4), seed=st.integers(0, 9), data=st.data())
@THOROUGH
def test_each_quote_is_feasible_and_costs_what_it_says(problem, seed, data):
    problem = relax(problem)
    plan = solve(problem, iterations=5, seed=seed).plan
    request = data.draw(st.integers(0, len(problem.requests) - 1))
    starts = {
        (stop.kind, stop.request): stop.start for route in plan.routes for stop in route.stops
    }

    quotes = quote(problem, plan, request)

    assert [found.cost for found in quotes] == sorted(found.cost for found in quotes)
    base = evaluate(problem, others_of(plan, request))
    for found in quotes:
        routes = others_of(plan, request)
        assert [s for s in found.signed if abs(s) != request + 1] == routes[found.vehicle]
        routes[found.vehicle] = found.signed
        judged = evaluate(problem, routes)
        new = judged.plan
        assert excess(judged.violations, base.violations) == []
        assert found.cost == pytest.approx(new.cost.total - base.plan.cost.total, abs=1e-6)
        pushed = {}
        for stop in new.routes[found.vehicle].stops:
            if stop.request == request:
                assert stop.start in (found.pickup, found.delivery)
            elif stop.request >= 0 and (ticks := stop.start - starts[stop.kind, stop.request]):
                pushed.setdefault(stop.request, {})[stop.kind.name.lower()] = ticks
        assert pushed == {
            push.request: {
                end: ticks
                for end, ticks in (("pickup", push.pickup), ("delivery", push.delivery))
                if ticks
            }
            for push in found.pushed
        }


@given(problem=problems(max_requests=4), seed=st.integers(0, 9), data=st.data())
@THOROUGH
def test_no_feasible_insertion_is_missing(problem, seed, data):
    problem = relax(problem)
    plan = solve(problem, iterations=5, seed=seed).plan
    request = data.draw(st.integers(0, len(problem.requests) - 1))
    vehicles = problem.vehicles
    held = {abs(s) - 1 for vehicle in vehicles for s in vehicle.committed[: vehicle.fixed]}
    owner = {abs(s) - 1: v for v, vehicle in enumerate(vehicles) for s in vehicle.committed}
    if request in held or problem.requests[request].aboard:
        assert quote(problem, plan, request) == []
        return

    quoted = {(found.vehicle, found.signed) for found in quote(problem, plan, request)}

    base = others_of(plan, request)
    before = check(problem, driven(problem, base))
    broken = {v.vehicle for v in before if v.rule not in {Rule.REQUIRES, Rule.COMMITTED}}
    possible = set()
    for v, order in enumerate(base):
        if v in broken or owner.get(request, v) != v:
            continue
        for i in range(vehicles[v].fixed, len(order) + 1):
            for j in range(i, len(order) + 1):
                signed = (*order[:i], request + 1, *order[i:j], -(request + 1), *order[j:])
                routes = [signed if u == v else base[u] for u in range(len(base))]
                if not excess(check(problem, driven(problem, routes)), before):
                    possible.add((v, signed))
    assert quoted == possible


def pinned(problem, request, end, window):
    changed = list(problem.requests)
    changed[request] = replace(changed[request], **{f"{end}_window": window})
    return replace(problem, requests=tuple(changed))


@given(problem=problems(max_requests=3, max_vehicles=1, committed=False), data=st.data())
@THOROUGH
def test_the_room_that_is_left_is_exact(problem, data):
    plan = solve(problem, iterations=5, seed=0).plan
    request = data.draw(st.integers(0, len(problem.requests) - 1))
    # Feasible orders may be quoted with another break than the one that leaves most room.
    whole = problem.vehicles[0].break_ is None

    for found in quote(problem, plan, request):
        alone = replace(
            problem,
            requests=tuple(replace(r, requires=None) for r in problem.requests),
        )

        def possible(r, end, window, order=found.signed, alone=alone):
            return feasible(pinned(alone, r, end, window), [order])

        for at in (found.earliest, found.latest):
            assert possible(request, "pickup", TimeWindow(at, at))
        window = problem.requests[request].pickup_window
        if whole and found.earliest > window.earliest:
            assert not possible(request, "pickup", TimeWindow(window.earliest, found.earliest - 1))
        if whole and found.latest < window.latest:
            assert not possible(request, "pickup", TimeWindow(found.latest + 1, window.latest))
        stops = evaluate(problem, [found.signed]).plan.routes[0].stops
        tight = []
        for stop in stops:
            if stop.request < 0:
                continue
            end = stop.kind.name.lower()
            latest = getattr(problem.requests[stop.request], f"{end}_window").latest
            at = stop.start + found.slack
            assert at <= latest
            assert possible(stop.request, end, TimeWindow(at, latest))
            tight.append(
                at == latest or not possible(stop.request, end, TimeWindow(at + 1, latest))
            )
        assert any(tight) or not whole
