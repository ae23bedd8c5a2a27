"""A malformed problem is refused when it is made."""

from dataclasses import replace

import numpy as np
import pytest

from dispatch.darp.problem import Break, Driver, Rule, TimeWindow, Weights
from tests.darp.building import line, problem_of, ride, van

BACKWARDS = TimeWindow(5, 4)


def test_matrices_have_defaults():
    problem = problem_of([ride(1, 2), ride(2, 3)], [van()])

    assert problem.forbidden.tolist() == [[0], [0]]
    assert problem.assign_cost.tolist() == [[0.0], [0.0]]
    assert problem.may_share.all()
    assert problem.travel.dtype == np.int32


@pytest.mark.parametrize(
    "request_",
    [
        ride(1, 8),
        ride(-1, 2),
        ride(1, 2, pickup_window=BACKWARDS),
        ride(1, 2, delivery_window=BACKWARDS),
        ride(1, 2, promise=BACKWARDS),
        ride(1, 2, pickup_service=-1),
        ride(1, 2, delivery_service=-1),
        ride(1, 2, max_ride=-1),
        ride(1, 2, load=(-1,)),
        ride(1, 2, load=(1, 1)),
        ride(1, 2, requires=1),
        ride(1, 2, aboard=True),
    ],
)
def test_a_malformed_request_is_refused(request_):
    with pytest.raises(ValueError, match=r"request 0|loads and layouts|is aboard"):
        problem_of([request_])


@pytest.mark.parametrize(
    "vehicle",
    [
        van(start=8),
        van(end=-1),
        van(window=BACKWARDS),
        van(layouts=()),
        van(layouts=((1,), (1, 2))),
        van(layouts=((-1,),)),
        van(break_=Break(BACKWARDS, 1)),
        van(break_=Break(TimeWindow(0, 1), -1)),
        van(max_duration=-1),
        van(max_wait_aboard=-1),
        van(fixed_cost=float("nan")),
        van(aboard_layout=1),
        van(committed=(1,)),
        van(committed=(-1, 1)),
        van(committed=(1, -1, 1)),
        van(committed=(3, -3)),
        van(committed=(0,)),
        van(committed=(1, -1), fixed=3),
        van(committed=(-2,)),
        van(committed=(2, -2), aboard_layout=0),
    ],
)
def test_a_malformed_vehicle_is_refused(vehicle):
    carried = van(committed=(-2,), aboard_layout=0)
    requests = [ride(1, 2), ride(0, 2, aboard=True)]
    problem_of(requests, [van(committed=(1, -1), fixed=2), carried])

    with pytest.raises(ValueError, match=r"vehicle 0|loads and layouts"):
        problem_of(requests, [vehicle, carried] if -2 not in vehicle.committed else [vehicle])


def test_a_request_is_committed_to_one_vehicle():
    vehicle = van(committed=(1, -1))

    with pytest.raises(ValueError, match="two vehicles"):
        problem_of([ride(1, 2)], [vehicle, vehicle])


@pytest.mark.parametrize(
    "changes",
    [
        {"travel": line()[:, :5]},
        {"travel": -line()},
        {"travel": line() + 2**31},
        {"travel": line() * 0.25},
        {"travel": line() + 1},
        {"forbidden": np.zeros((1, 2), np.uint8)},
        {"forbidden": np.array([[7], [0]], np.uint8)},
        {"assign_cost": np.zeros((1, 1))},
        {"assign_cost": np.full((2, 1), np.inf)},
        {"may_share": np.ones((1, 1), bool)},
        {"may_share": np.array([[True, True], [False, True]])},
        {"pairs": ((0, 2),)},
        {"drivers": ()},
        {"drivers": (Driver(max_requests=-1),)},
        {"weights": Weights(fairness=-0.1)},
        {"weights": Weights(late_tick=-0.1)},
    ],
)
def test_a_malformed_whole_is_refused(changes):
    with pytest.raises(
        ValueError, match=r"travel|forbidden|assign_cost|may_share|pairs|driver 0|weights|vehicle 0"
    ):
        problem_of([ride(1, 2), ride(2, 3)], **changes)


def test_a_rule_forbids():
    problem = problem_of([ride(1, 2)], forbidden=np.array([[Rule.CAPACITY]]))

    assert replace(problem).forbidden.item() == Rule.CAPACITY
