"""Each hard rule at its bound, where it holds, and one tick or unit past it."""

from dataclasses import replace

import numpy as np
import pytest

from dispatch.darp.plan import Route, Violation
from dispatch.darp.problem import Break, Rule, TimeWindow
from tests.darp.building import (
    ANY,
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


def test_a_ride_from_place_1_to_place_3_is_a_plan():
    problem = problem_of([ride(1, 3)])

    route = route_of(problem, 0, pick(0), drop(0))

    assert [stop.arrival for stop in route.stops] == [0, 10, 30, 60]
    assert broken(problem, route) == []


# Windows: place 1 is reached at 10, place 3 at 30.


@pytest.mark.parametrize(
    ("window", "found"),
    [
        (TimeWindow(10, 10), []),
        (TimeWindow(0, 9), [Violation(Rule.PICKUP_WINDOW, 1, 0, 0)]),
        (TimeWindow(11, 20), [Violation(Rule.PICKUP_WINDOW, 1, 0, 0)]),
    ],
)
def test_a_pickup_window_includes_both_ends(window, found):
    problem = problem_of([ride(1, 3, pickup_window=window)])

    assert broken(problem, route_of(problem, 0, pick(0), drop(0))) == found


@pytest.mark.parametrize(
    ("window", "found"),
    [
        (TimeWindow(30, 30), []),
        (TimeWindow(0, 28), [Violation(Rule.DELIVERY_WINDOW, 2, 0, 0)]),
        (TimeWindow(31, 40), [Violation(Rule.DELIVERY_WINDOW, 1, 0, 0)]),
    ],
)
def test_a_delivery_window_includes_both_ends(window, found):
    problem = problem_of([ride(1, 3, delivery_window=window)])

    assert broken(problem, route_of(problem, 0, pick(0), drop(0))) == found


def test_a_window_binds_the_start_of_service_not_the_arrival():
    problem = problem_of([ride(1, 3, pickup_window=TimeWindow(15, 20))])

    assert broken(problem, route_of(problem, 0, pick(0, at=15), drop(0))) == []


# Ride time: from leaving the pickup to the start of service at the delivery, 20 ticks of driving.


@pytest.mark.parametrize(("limit", "amounts"), [(20, []), (19, [1])])
def test_ride_time_leaves_out_both_services(limit, amounts):
    request = ride(1, 3, pickup_service=5, delivery_service=7, max_ride=limit)
    problem = problem_of([request])

    found = broken(problem, route_of(problem, 0, pick(0), drop(0)))

    assert found == [Violation(Rule.RIDE_TIME, amount, 0, 0) for amount in amounts]


def test_ride_time_includes_waiting_aboard():
    problem = problem_of([ride(1, 3, max_ride=20)])

    route = route_of(problem, 0, pick(0), drop(0, at=33))

    assert broken(problem, route) == [Violation(Rule.RIDE_TIME, 3, 0, 0)]


# Waiting with somebody aboard, at one stop.


@pytest.mark.parametrize(("limit", "amounts"), [(None, []), (6, []), (5, [1])])
def test_the_longest_wait_aboard_counts_and_not_their_sum(limit, amounts):
    problem = problem_of([ride(1, 3), ride(2, 3)], [van(max_wait_aboard=limit)])

    # 4 ticks at place 2 and 6 at place 3, both with the first client aboard.
    route = route_of(problem, 0, pick(0), pick(1, at=24), drop(0, at=40), drop(1))

    assert broken(problem, route) == [
        Violation(Rule.WAITING_ABOARD, amount, 0) for amount in amounts
    ]


def test_a_wait_with_nobody_aboard_has_no_limit():
    problem = problem_of([ride(1, 3), ride(3, 2)], [van(max_wait_aboard=0)])

    route = route_of(problem, 0, pick(0, at=50), drop(0), pick(1, at=200), drop(1))

    assert broken(problem, route) == []


def test_who_is_aboard_at_the_start_waits_aboard_at_the_first_stop():
    problem = aboard_problem(layouts=((2,),), max_wait_aboard=3)

    late = route_of(problem, 0, pick(1, at=14), drop(0), drop(1))

    assert broken(problem, late) == [Violation(Rule.WAITING_ABOARD, 1, 0)]
    assert broken(problem, route_of(problem, 0, pick(1), drop(0), drop(1), leave=100)) == []


# Capacity.


def test_a_van_with_two_seats_carries_two_and_not_three():
    requests = [ride(1, 5), ride(2, 5), ride(3, 5)]
    problem = problem_of(requests)
    two = route_of(problem, 0, pick(0), pick(1), drop(1), drop(0))
    three = route_of(problem, 0, pick(0), pick(1), pick(2), drop(2), drop(1), drop(0))

    assert broken(problem, two) == []
    assert broken(problem, three) == [Violation(Rule.CAPACITY, 1, 0)]


def test_a_seat_is_free_again_once_the_client_has_left():
    problem = problem_of([ride(1, 2), ride(2, 3)], [van(layouts=((1,),))])

    assert broken(problem, route_of(problem, 0, pick(0), drop(0), pick(1), drop(1))) == []


def test_one_layout_fits_every_moment_of_a_pool():
    # Four seats, or two seats and a wheelchair place: together they need three and one.
    requests = [ride(1, 5, load=(3, 0)), ride(2, 5, load=(0, 1))]
    problem = problem_of(requests, [van(layouts=((4, 0), (2, 1)))])

    for layout, amount in ((0, 1), (1, 1)):
        stops = [event._replace(layout=layout) for event in (pick(0), pick(1), drop(1), drop(0))]
        assert broken(problem, route_of(problem, 0, *stops)) == [
            Violation(Rule.CAPACITY, amount, 0)
        ]


def test_a_layout_does_not_change_with_somebody_aboard():
    requests = [ride(1, 5, load=(1, 0)), ride(2, 5, load=(0, 1))]
    problem = problem_of(requests, [van(layouts=((4, 0), (2, 1)))])
    changed = route_of(problem, 0, pick(0), pick(1, layout=1), drop(1, layout=1), drop(0, layout=1))

    assert broken(problem, changed) == [
        Violation(Rule.CAPACITY, 1, 0, 1),
        Violation(Rule.CAPACITY, 1, 0, 1),
        Violation(Rule.CAPACITY, 1, 0, 0),
    ]


def test_a_layout_changes_while_the_vehicle_is_empty():
    requests = [ride(1, 2, load=(4, 0)), ride(2, 3, load=(0, 1))]
    problem = problem_of(requests, [van(layouts=((4, 0), (2, 1)))])

    route = route_of(problem, 0, pick(0), drop(0), pick(1, layout=1), drop(1, layout=1))

    assert broken(problem, route) == []


def test_the_layout_at_the_start_holds_until_the_vehicle_is_empty():
    problem = aboard_problem()
    after = route_of(problem, 0, drop(0), pick(1, layout=1), drop(1, layout=1))
    during = route_of(problem, 0, pick(1), drop(0), drop(1))
    changed = route_of(problem, 0, pick(1, layout=1), drop(0, layout=1), drop(1, layout=1))

    assert broken(problem, after) == []
    assert broken(problem, during) == [Violation(Rule.CAPACITY, 1, 0)]
    assert [v.rule for v in broken(problem, changed)] == [Rule.CAPACITY] * 3


# Sharing.


def test_a_pair_that_may_not_share_is_never_aboard_together():
    problem = problem_of([ride(1, 3), ride(2, 4)], may_share=np.eye(2, dtype=bool))
    one_by_one = route_of(problem, 0, pick(0), drop(0), pick(1), drop(1))
    together = route_of(problem, 0, pick(1), pick(0), drop(0), drop(1))

    assert broken(problem, one_by_one) == []
    assert broken(problem, together) == [Violation(Rule.SHARING, 1, 0, 0, 1)]


def test_boarding_where_another_has_just_left_is_not_sharing():
    problem = problem_of([ride(1, 3), ride(3, 4)], may_share=np.eye(2, dtype=bool))

    assert broken(problem, route_of(problem, 0, pick(0), drop(0), pick(1), drop(1))) == []


def test_who_is_aboard_at_the_start_shares_with_who_boards_later():
    problem = replace(
        aboard_problem(layouts=((2,),)), may_share=np.array([[True, False], [False, True]])
    )

    route = route_of(problem, 0, pick(1), drop(0), drop(1))

    assert broken(problem, route) == [Violation(Rule.SHARING, 1, 0, 0, 1)]


# Request and vehicle.


@pytest.mark.parametrize("rule", [Rule.SKILLS, Rule.DOCUMENTS, Rule.LOCKED_ELSEWHERE])
def test_a_forbidden_vehicle_is_reported_under_its_rule(rule):
    problem = problem_of([ride(1, 3)], [van(), van()], forbidden=np.array([[rule, 0]]))

    on_first = route_of(problem, 0, pick(0), drop(0))
    on_second = route_of(problem, 1, pick(0), drop(0))

    assert broken(problem, on_first) == [Violation(rule, 1, 0, 0)]
    assert broken(problem, Route(), on_second) == []


def test_a_committed_request_on_its_own_forbidden_vehicle_is_still_reported():
    vehicle = van(committed=(1, -1))
    problem = problem_of([ride(1, 3)], [vehicle], forbidden=np.array([[Rule.REFUSED_DRIVER]]))

    route = route_of(problem, 0, pick(0), drop(0))

    assert broken(problem, route) == [Violation(Rule.REFUSED_DRIVER, 1, 0, 0)]


# The vehicle: out at 0, back at 60.


@pytest.mark.parametrize(
    ("window", "amounts"),
    [(TimeWindow(0, 60), []), (TimeWindow(1, 60), [1]), (TimeWindow(0, 58), [2])],
)
def test_a_vehicle_leaves_and_comes_back_in_its_window(window, amounts):
    problem = problem_of([ride(1, 3)], [van(window=window)])

    found = broken(problem, route_of(problem, 0, pick(0), drop(0)))

    assert found == [Violation(Rule.VEHICLE_WINDOW, amount, 0) for amount in amounts]


@pytest.mark.parametrize(("limit", "amounts"), [(60, []), (59, [1])])
def test_duration_counts_from_leaving_to_coming_back(limit, amounts):
    problem = problem_of([ride(1, 3)], [van(max_duration=limit)])

    found = broken(problem, route_of(problem, 0, pick(0), drop(0), leave=100))

    assert found == [Violation(Rule.DURATION, amount, 0) for amount in amounts]


def test_duration_counts_from_when_the_vehicle_started():
    problem = problem_of([ride(1, 3)], [van(max_duration=60, started=93)])

    found = broken(problem, route_of(problem, 0, pick(0), drop(0), leave=100))

    assert found == [Violation(Rule.DURATION, 7, 0)]


# Breaks, of 5 ticks.


def break_problem(window=ANY, **changes):
    return problem_of([ride(1, 3)], [van(break_=Break(window, 5), **changes)])


@pytest.mark.parametrize(
    "events",
    [(pause(), pick(0), drop(0)), (pick(0), drop(0), pause())],
    ids=["before leaving", "after coming back"],
)
def test_a_break_at_either_end_does_not_count_into_the_duration(events):
    exact = break_problem(max_duration=60)
    short = break_problem(max_duration=59)

    assert broken(exact, route_of(exact, 0, *events)) == []
    assert broken(short, route_of(short, 0, *events)) == [Violation(Rule.DURATION, 1, 0)]


def test_a_break_on_the_road_counts_into_the_duration():
    requests = [ride(1, 3), ride(3, 2)]
    problem = problem_of(requests, [van(break_=Break(TimeWindow(0, 1000), 5), max_duration=60)])

    route = route_of(problem, 0, pick(0), drop(0), pause(), pick(1), drop(1))

    assert broken(problem, route) == [Violation(Rule.DURATION, 5, 0)]


def test_a_break_before_leaving_counts_when_the_vehicle_has_started():
    problem = break_problem(max_duration=60, started=0)

    route = route_of(problem, 0, pause(), pick(0), drop(0))

    assert broken(problem, route) == [Violation(Rule.DURATION, 5, 0)]


def test_after_a_first_break_the_vehicle_leaves_when_it_likes():
    problem = break_problem(max_duration=60)

    route = route_of(problem, 0, pause(leave=200), pick(0), drop(0))

    assert broken(problem, route) == []


def test_a_break_at_the_end_is_over_before_the_vehicle_window_is():
    problem = break_problem()
    route = route_of(problem, 0, pick(0), drop(0), pause())

    for latest, amounts in ((65, []), (64, [1])):
        shift = problem_of(
            [ride(1, 3)], [replace(problem.vehicles[0], window=TimeWindow(0, latest))]
        )
        assert broken(shift, route) == [Violation(Rule.VEHICLE_WINDOW, a, 0) for a in amounts]


@pytest.mark.parametrize(
    ("window", "amounts"),
    [(TimeWindow(60, 60), []), (TimeWindow(0, 57), [3]), (TimeWindow(62, 70), [2])],
)
def test_a_break_starts_in_its_window(window, amounts):
    problem = break_problem(window=window)

    found = broken(problem, route_of(problem, 0, pick(0), drop(0), pause()))

    assert found == [Violation(Rule.BREAK, amount, 0) for amount in amounts]


def test_a_break_is_taken_once_and_with_nobody_aboard():
    problem = break_problem()

    none = route_of(problem, 0, pick(0), drop(0))
    twice = route_of(problem, 0, pause(), pick(0), drop(0), pause())
    aboard = route_of(problem, 0, pick(0), pause(), drop(0))

    assert broken(problem, none) == [Violation(Rule.BREAK, 5, 0)]
    assert broken(problem, twice) == [Violation(Rule.BREAK, 1, 0)]
    assert broken(problem, aboard) == [Violation(Rule.BREAK, 1, 0)]


def test_a_vehicle_without_a_break_takes_none_and_an_empty_route_needs_none():
    problem = problem_of([ride(1, 3)])

    assert broken(problem, route_of(problem, 0, pick(0), drop(0), pause())) == [
        Violation(Rule.BREAK, 1, 0)
    ]
    assert broken(break_problem(), Route()) == []


def test_a_break_is_as_long_as_it_must_be():
    problem = break_problem()

    short = route_of(problem, 0, pick(0), drop(0), pause(leave=64))

    assert broken(problem, short) == [Violation(Rule.STRUCTURE, 1, 0)]
