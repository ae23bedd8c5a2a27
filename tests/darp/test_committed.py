"""What committed work breaks by itself, and the problem widened by just that much."""

import numpy as np
from hypothesis import given, settings

from dispatch.darp.check import check, excess
from dispatch.darp.committed import baseline, relax
from dispatch.darp.plan import Route, StopKind, Violation
from dispatch.darp.problem import Break, Driver, Rule, TimeWindow
from tests.darp.building import problem_of, ride, van
from tests.darp.model import BREAK, Model
from tests.darp.strategies import problems

TIMED = (
    Rule.PICKUP_WINDOW,
    Rule.DELIVERY_WINDOW,
    Rule.RIDE_TIME,
    Rule.VEHICLE_WINDOW,
    Rule.DURATION,
    Rule.BREAK,
    Rule.WAITING_ABOARD,
)


def inherited(problem):
    return check(problem, baseline(problem))


def test_a_vehicle_without_committed_work_stays_at_home():
    problem = problem_of([ride(1, 2)])

    plan = baseline(problem)

    assert plan.routes == (Route(),)
    assert plan.unassigned == (0,)
    assert relax(problem).vehicles == problem.vehicles


def test_committed_work_alone_is_driven_in_its_order():
    requests = [ride(1, 3), ride(2, 4), ride(1, 2)]
    problem = problem_of(requests, [van(committed=(2, 1, -1, -2))])

    plan = baseline(problem)

    assert plan.routes[0].signed() == (2, 1, -1, -2)
    assert plan.unassigned == (2,)
    assert check(problem, plan) == []


def test_a_late_pickup_is_inherited_with_the_ticks_it_is_late():
    # Place 3 is reached at 30 at the earliest, and place 1 at 30 + 20 + 2 of service.
    request = ride(3, 1, pickup_window=TimeWindow(0, 25), pickup_service=2)
    problem = problem_of([request], [van(committed=(1, -1))])

    assert inherited(problem) == [Violation(Rule.PICKUP_WINDOW, 5, 0, 0)]
    assert relax(problem).requests[0].pickup_window == TimeWindow(0, 30)


def test_waiting_before_a_pickup_cures_a_ride_that_would_be_too_long():
    # The delivery opens at 100; a pickup at 10 would ride 90, one at 70 rides 30.
    request = ride(1, 3, max_ride=30, delivery_window=TimeWindow(100, 110))
    problem = problem_of([request], [van(committed=(1, -1), max_duration=70)])

    assert inherited(problem) == []
    assert baseline(problem).routes[0].stops[1].start == 70
    assert baseline(problem).routes[0].stops[0].departure == 60


def test_a_break_goes_where_it_hurts_least():
    requests = [ride(1, 2), ride(2, 1, pickup_window=TimeWindow(50, 60))]
    problem = problem_of(
        requests,
        [van(committed=(1, -1, 2, -2), fixed=1, break_=Break(TimeWindow(0, 40), 10))],
    )

    kinds = [stop.kind for stop in baseline(problem).routes[0].stops]

    assert inherited(problem) == []
    assert kinds[3] is StopKind.BREAK


def test_a_break_is_late_rather_than_a_client():
    request = ride(1, 3, pickup_window=TimeWindow(0, 10))
    problem = problem_of([request], [van(committed=(1, -1), break_=Break(TimeWindow(0, 50), 10))])

    # Home at 60 after serving the client on time.
    assert inherited(problem) == [Violation(Rule.BREAK, 10, 0)]
    assert relax(problem).vehicles[0].break_ == Break(TimeWindow(0, 60), 10)


def test_an_overloaded_vehicle_gets_a_layout_that_fits_and_no_new_request():
    requests = [ride(1, 4), ride(2, 4), ride(1, 2)]
    vehicle = van(layouts=((1,),), committed=(1, 2, -1, -2))
    problem = problem_of(requests, [vehicle, van()])

    relaxed = relax(problem)

    assert inherited(problem) == [Violation(Rule.CAPACITY, 1, 0)]
    assert relaxed.vehicles[0].layouts == ((2,),)
    assert relaxed.forbidden.tolist() == [[0, 0], [0, 0], [Rule.CAPACITY, 0]]


def test_rules_about_who_goes_with_whom_are_lifted_for_committed_work_only():
    requests = [ride(1, 4), ride(2, 4), ride(1, 2), ride(3, 4, requires=2)]
    vehicle = van(committed=(1, 2, -1, -2, 4, -4))
    problem = problem_of(
        requests,
        [vehicle],
        forbidden=np.full((4, 1), Rule.SKILLS),
        may_share=np.eye(4, dtype=bool),
        drivers=(Driver(max_requests=1),),
    )

    relaxed = relax(problem)

    assert [v.rule for v in inherited(problem)] == [
        Rule.SHARING,
        *[Rule.SKILLS] * 3,
        Rule.REQUIRES,
        Rule.MAX_REQUESTS,
    ]
    assert relaxed.forbidden.tolist() == [[0], [0], [Rule.SKILLS], [0]]
    assert relaxed.may_share.sum() == 4 + 2
    assert relaxed.drivers[0].max_requests == 3
    assert relaxed.requests[3].requires is None


def test_a_vehicle_on_the_road_too_long_is_given_what_it_needs():
    vehicle = van(committed=(1, -1), started=-100, max_duration=120, window=TimeWindow(0, 50))
    problem = problem_of([ride(1, 3)], [vehicle])

    assert inherited(problem) == [
        Violation(Rule.VEHICLE_WINDOW, 10, 0),
        Violation(Rule.DURATION, 40, 0),
    ]
    assert relax(problem).vehicles[0].max_duration == 160


def test_a_wait_aboard_is_inherited_rather_than_a_client_fetched_late():
    # Both board at 10 and wait 30 ticks at place 3, 20 more than they may. If the second boarded 10
    # late, they would wait that much less.
    on_time = TimeWindow(10, 10)
    later = TimeWindow(60, 70)
    requests = [ride(1, 3, pickup_window=on_time, delivery_window=later) for _ in range(2)]
    problem = problem_of(requests, [van(committed=(1, 2, -1, -2), max_wait_aboard=10)])

    plan = baseline(problem)

    assert check(problem, plan) == [Violation(Rule.WAITING_ABOARD, 20, 0)]
    assert relax(problem).vehicles[0].max_wait_aboard == 30
    assert check(relax(problem), plan) == []


def test_who_is_aboard_keeps_the_layout():
    requests = [ride(0, 3, aboard=True), ride(1, 4)]
    vehicle = van(layouts=((2,), (1,)), committed=(-1, 2, -2), aboard_layout=1)

    stops = baseline(problem_of(requests, [vehicle])).routes[0].stops

    assert [stop.layout for stop in stops] == [-1, 1, 0, 0, -1]


@settings(deadline=None)
@given(problems())
def test_the_relaxed_problem_is_one_that_the_baseline_solves(problem):
    plan = baseline(problem)

    found = check(problem, plan)

    assert check(relax(problem, plan), plan) == []
    assert excess(check(problem, plan), found) == []
    assert not {v.rule for v in found} & {Rule.STRUCTURE, Rule.COMMITTED}


@settings(max_examples=60, deadline=None)
@given(problems())
def test_no_schedule_of_the_same_order_keeps_more_than_a_baseline_that_is_late(problem):
    late = {v.vehicle for v in inherited(problem) if v.rule in TIMED}

    for v, vehicle in enumerate(problem.vehicles):
        work = vehicle.committed
        places = range(vehicle.fixed, len(work) + 1)
        if vehicle.break_ is None:
            ways = [work]
        else:
            ways = [(*work[:i], BREAK, *work[i:]) for i in places if is_empty(problem, work[i:])]
        models = [Model(problem, v, order) for order in ways if work]
        for model in models:
            model.layouts = [0] * len(model.order)
        assert any(model.solve() for model in models) == (bool(work) and v not in late)


def is_empty(problem, still_to_come):
    """Nobody is aboard when each delivery to come has its pickup to come."""
    return all(-signed in still_to_come for signed in still_to_come if signed < 0)
