"""The exact judge of orders without times, against the timing rules as an integer program."""

from dataclasses import replace

import pytest
from hypothesis import given, settings

from dispatch.darp.problem import Break, Driver, TimeWindow
from dispatch.darp.timetable import feasible
from tests.darp.brute import orders
from tests.darp.building import problem_of, ride, van
from tests.darp.model import BREAK, Model
from tests.darp.strategies import problems

# Picked up at 15 at the latest, delivered at 60 at the earliest, 20 ticks of driving.
BETWEEN = ride(1, 3, pickup_window=TimeWindow(0, 15), delivery_window=TimeWindow(60, 70))


@pytest.mark.parametrize(("limit", "possible"), [(None, True), (45, True), (44, False)])
def test_a_ride_is_as_long_as_its_windows_make_it(limit, possible):
    assert feasible(problem_of([replace(BETWEEN, max_ride=limit)]), [(1, -1)]) is possible


@pytest.mark.parametrize(("limit", "possible"), [(None, True), (25, True), (24, False)])
def test_a_wait_is_as_long_as_the_windows_make_it(limit, possible):
    problem = problem_of([BETWEEN], [van(max_wait_aboard=limit)])

    assert feasible(problem, [(1, -1)]) is possible


def test_an_order_that_is_no_route_is_not_feasible():
    problem = problem_of([ride(1, 3)], [van(break_=Break(TimeWindow(0, 50), 5))])

    for order in ((-1, 1), (1,), (-1,), (1, 1, -1)):
        assert not feasible(problem, [order])
    assert feasible(problem, [(1, -1)])
    assert feasible(problem, [()])


@settings(max_examples=40, deadline=None)
@given(problems(max_vehicles=1, committed=False))
def test_the_judge_finds_a_schedule_where_the_integer_program_does(problem):
    problem = replace(problem, drivers=(Driver(),))
    solved = {}
    for order in orders(problem, 0, tuple(range(len(problem.requests)))):
        model = Model(problem, 0, order)
        bare = tuple(signed for signed in order if signed != BREAK)
        solved[bare] = solved.get(bare, False) or (model.can_be_served() and model.solve())

    assert {order: feasible(problem, [order]) for order in solved} == solved
