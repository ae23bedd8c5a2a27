"""Each rule of the search is needed: without any of them it finds plans that ``check`` refuses."""

from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch.darp import search
from dispatch.darp.arrays import flatten
from dispatch.darp.check import check
from dispatch.darp.committed import relax
from dispatch.darp.problem import Break, Driver, Rule, TimeWindow
from dispatch.darp.search import solve
from dispatch.darp.switches import PAIRS, without
from tests.darp.building import problem_of, ride, van
from tests.darp.strategies import problems

RULES = [rule for rule in Rule if rule not in {Rule.NONE, Rule.STRUCTURE}]
TO_20 = TimeWindow(0, 20)
FROM_50 = TimeWindow(50, 10_000)


def barred(rule):
    """The nearer vehicle may not take the request."""
    return problem_of(
        [ride(1, 3)],
        [van(), van(start=7, end=7, driver=1)],
        forbidden=np.array([[rule, Rule.NONE]], np.uint8),
    )


def one_inside_the_other(vehicle, **changes):
    """Both on one trip is the shortest."""
    return problem_of([ride(1, 4), ride(2, 3)], [vehicle], **changes)


def one_too_far(vehicle):
    """Serving the first takes 40 ticks, the second 120."""
    return problem_of([ride(1, 2), ride(5, 6)], [vehicle])


def delivered_late(vehicle, **changes):
    """Who boards by 20 at place 1 would be at place 2 by 30, 20 ticks before it opens."""
    client = ride(1, 2, pickup_window=TO_20, delivery_window=FROM_50, **changes)
    return problem_of([client], [vehicle])


def promised_to_the_far_one():
    """The vehicle that has to take the request is not the one at hand."""
    return problem_of([ride(1, 2)], [van(), van(start=7, end=7, driver=1, committed=(1, -1))])


def begun_in_the_worse_order():
    """Another order of these two is shorter."""
    vehicle = van(end=7, committed=(1, -1, 2, -2), fixed=2)
    return problem_of([ride(4, 5), ride(1, 2)], [vehicle])


# For each rule problems whose best plan with it is another than their best plan without it.
CASES = {
    **{rule: [partial(barred, rule)] for rule in PAIRS},
    Rule.CAPACITY: [lambda: one_inside_the_other(van(layouts=((1,),)))],
    Rule.SHARING: [lambda: one_inside_the_other(van(), may_share=np.eye(2, dtype=bool))],
    Rule.PICKUP_WINDOW: [lambda: problem_of([ride(3, 4, pickup_window=TO_20), ride(1, 2)])],
    Rule.DELIVERY_WINDOW: [lambda: problem_of([ride(3, 4, delivery_window=TO_20), ride(1, 2)])],
    Rule.RIDE_TIME: [lambda: delivered_late(van(), max_ride=10)],
    Rule.WAITING_ABOARD: [lambda: delivered_late(van(max_wait_aboard=5))],
    Rule.VEHICLE_WINDOW: [lambda: one_too_far(van(window=TimeWindow(0, 60)))],
    Rule.DURATION: [lambda: one_too_far(van(max_duration=60))],
    Rule.BREAK: [lambda: problem_of([ride(1, 2)], [van(break_=Break(TO_20, 15))])],
    Rule.MAX_REQUESTS: [lambda: problem_of([ride(1, 2), ride(2, 3)], drivers=(Driver(1),))],
    Rule.REQUIRES: [lambda: problem_of([ride(1, 2, requires=1), ride(7, 6, pickup_window=TO_20)])],
    Rule.COMMITTED: [promised_to_the_far_one, begun_in_the_worse_order],
}


@pytest.mark.parametrize("rule", RULES)
def test_the_search_needs_the_rule(rule, monkeypatch):
    for case in CASES[rule]:
        problem = case()
        assert check(problem, solve(problem, iterations=50).plan) == []

        with monkeypatch.context() as patched:
            patched.setattr(search, "flatten", partial(flatten, off={rule}))
            plan = solve(problem, iterations=50).plan

        assert {violation.rule for violation in check(problem, plan)} == {rule}


@given(
    problem=problems(max_requests=3), off=st.sets(st.sampled_from(RULES)), seed=st.integers(0, 9)
)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_only_rules_that_are_off_are_broken(problem, off, seed):
    problem = relax(problem)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(search, "flatten", partial(flatten, off=off))
        plan = solve(problem, iterations=30, seed=seed).plan

    assert {violation.rule for violation in check(problem, plan)} <= off
    assert check(without(problem, off), plan) == []


@pytest.mark.parametrize("rule", [Rule.NONE, Rule.STRUCTURE])
def test_what_makes_a_plan_a_plan_cannot_be_switched_off(rule):
    with pytest.raises(ValueError, match="can be switched off"):
        without(problem_of([ride(1, 2)]), {rule})
