"""The rules of a whole plan, what is no plan at all, and what was broken before."""

from dataclasses import replace

import pytest

from dispatch.darp.check import check, excess
from dispatch.darp.plan import Plan, Route, StopKind, Violation
from dispatch.darp.problem import Break, Driver, Rule, TimeWindow
from tests.darp.building import (
    UNPRICED,
    aboard_problem,
    broken,
    drop,
    pause,
    pick,
    problem_of,
    ride,
    route_of,
    van,
)


def test_the_limit_of_a_driver_counts_over_all_shifts():
    requests = [ride(1, 2), ride(2, 3)]
    for limit, amounts in ((2, []), (1, [1])):
        problem = problem_of(requests, [van(), van()], drivers=(Driver(max_requests=limit),))
        routes = [route_of(problem, v, pick(v), drop(v)) for v in (0, 1)]

        assert broken(problem, *routes) == [
            Violation(Rule.MAX_REQUESTS, amount, 0) for amount in amounts
        ]


def test_a_request_is_not_served_without_the_one_it_requires():
    problem = problem_of([ride(1, 2), ride(2, 1, requires=0)])

    alone = route_of(problem, 0, pick(1), drop(1))
    first_only = route_of(problem, 0, pick(0), drop(0))
    both = route_of(problem, 0, pick(0), drop(0), pick(1), drop(1))

    assert broken(problem, alone) == [Violation(Rule.REQUIRES, 1, 0, 1, 0)]
    assert broken(problem, first_only) == []
    assert broken(problem, both) == []


def test_committed_work_stays_on_its_vehicle():
    problem = problem_of([ride(1, 2)], [van(committed=(1, -1)), van()])

    moved = route_of(problem, 1, pick(0), drop(0))

    assert broken(problem) == [Violation(Rule.COMMITTED, 1, 0, 0)]
    assert broken(problem, Route(), moved) == [Violation(Rule.COMMITTED, 1, 0, 0)]


def test_fixed_stops_come_first_and_in_order_with_nothing_between():
    requests = [ride(1, 3), ride(2, 4), ride(1, 2)]
    vehicle = van(committed=(1, 2, -1, -2), fixed=2, layouts=((3,),))
    problem = problem_of(requests, [vehicle])

    kept = route_of(problem, 0, pick(0), pick(1), drop(1), pick(2), drop(0), drop(2))
    between = route_of(problem, 0, pick(0), pick(2), pick(1), drop(2), drop(0), drop(1))
    turned = route_of(problem, 0, pick(1), pick(0), drop(0), drop(1))

    assert broken(problem, kept) == []
    assert broken(problem, between) == [Violation(Rule.COMMITTED, 1, 0, 1)]
    assert broken(problem, turned) == [Violation(Rule.COMMITTED, 2, 0, 0)]


def test_a_break_does_not_come_before_a_fixed_stop():
    vehicle = van(committed=(1, -1), fixed=1, break_=Break(TimeWindow(0, 1000), 5))
    problem = problem_of([ride(1, 3)], [vehicle])

    route = route_of(problem, 0, pause(), pick(0), drop(0))

    assert broken(problem, route) == [Violation(Rule.COMMITTED, 1, 0, 0)]


# Structure.


def change_stop(route, i, **changes):
    stops = list(route.stops)
    stops[i] = replace(stops[i], **changes)
    return Route(tuple(stops))


@pytest.mark.parametrize(
    ("stop", "changes", "amount"),
    [
        (1, {"arrival": 9}, 1),
        (1, {"start": 8}, 2),
        (1, {"place": 2}, 1),
        (2, {"departure": 36, "start": 33}, 3),
        (3, {"arrival": 63, "start": 63, "departure": 63}, 1),
        (0, {"place": 1}, 1),
    ],
)
def test_times_and_places_follow_from_one_another(stop, changes, amount):
    problem = problem_of([ride(1, 3, pickup_service=2)])
    route = route_of(problem, 0, pick(0), drop(0))
    assert [s.departure for s in route.stops] == [0, 12, 32, 62]

    found = broken(problem, change_stop(route, stop, **changes))

    assert (Rule.STRUCTURE, amount) in [(v.rule, v.amount) for v in found]


def test_a_delivery_follows_its_pickup_in_the_same_vehicle():
    problem = problem_of([ride(1, 3)], [van(), van()])
    turned = route_of(problem, 0, drop(0), pick(0))
    twice = route_of(problem, 0, pick(0), drop(0), pick(0), drop(0))
    split = [route_of(problem, 0, pick(0)), route_of(problem, 1, drop(0))]

    assert broken(problem, turned) == [Violation(Rule.STRUCTURE, 1, 0, 0)]
    assert broken(problem, twice) == [Violation(Rule.STRUCTURE, 1, 0, 0)]
    assert broken(problem, *split) == [
        Violation(Rule.STRUCTURE, 1, 0, 0),
        Violation(Rule.STRUCTURE, 1, 1, 0),
        Violation(Rule.STRUCTURE, 1, request=0),
    ]


def test_who_is_aboard_is_delivered_without_a_pickup():
    problem = aboard_problem()

    assert broken(problem, route_of(problem, 0, drop(0))) == []
    assert Violation(Rule.STRUCTURE, 1, 0, 0) in broken(
        problem, route_of(problem, 0, pick(0), drop(0))
    )


@pytest.mark.parametrize("unassigned", [(), (0, 1), (1, 1), (1, 7)])
def test_unassigned_lists_exactly_what_no_route_serves(unassigned):
    problem = problem_of([ride(1, 3), ride(2, 4)])
    route = route_of(problem, 0, pick(0), drop(0))

    found = check(problem, Plan((route,), unassigned, UNPRICED))

    assert [v.rule for v in found] == [Rule.STRUCTURE]
    assert check(problem, Plan((route,), (1,), UNPRICED)) == []


def test_a_route_runs_from_start_to_end_and_serves_somebody():
    problem = problem_of([ride(1, 3)])
    whole = route_of(problem, 0, pick(0), drop(0))
    idle = route_of(problem, 0)

    for route in (
        idle,
        Route(whole.stops[1:]),
        Route(whole.stops[:-1]),
        change_stop(whole, 1, kind=StopKind.START),
        change_stop(whole, 1, request=5),
        change_stop(whole, 1, layout=3),
    ):
        assert Violation(Rule.STRUCTURE, 1, 0) in broken(problem, route)


def test_there_is_one_route_for_each_vehicle():
    problem = problem_of([ride(1, 3)])

    assert check(problem, Plan((), (0,), UNPRICED)) == [Violation(Rule.STRUCTURE, 1)]


# What was broken before.


def test_excess_is_what_is_new_or_worse():
    late = Violation(Rule.PICKUP_WINDOW, 5, 0, 1)
    inherited = [late, Violation(Rule.RIDE_TIME, 3, 0, 1)]

    assert excess(inherited, inherited) == []
    assert excess([replace(late, amount=4)], inherited) == []
    assert excess([replace(late, amount=6)], inherited) == [replace(late, amount=6)]
    assert excess([replace(late, request=2)], inherited) == [replace(late, request=2)]
    assert excess([replace(late, vehicle=1)], inherited) == [replace(late, vehicle=1)]
