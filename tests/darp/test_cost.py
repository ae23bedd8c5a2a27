"""Each component of the cost, on routes a reader can add up by hand."""

import numpy as np
import pytest

from dispatch.darp.cost import cost
from dispatch.darp.plan import Route
from dispatch.darp.problem import Break, Driver, TimeWindow, Weights
from tests.darp.building import ANY, drop, pause, pick, plan_of, problem_of, ride, route_of, van

ALL_PRICED = Weights(2.0, 3.0, 5.0, 7.0, 11.0, 13.0, 17.0)


def priced(problem, *routes):
    components = cost(problem, plan_of(problem, *routes)).components
    return {name: price for name, price in components.items() if price}


def test_an_empty_plan_costs_nothing():
    problem = problem_of([ride(1, 3)], [van(fixed_cost=100.0)], weights=ALL_PRICED)

    assert priced(problem, Route()) == {}


def test_driving_is_the_travel_over_all_legs():
    problem = problem_of([ride(1, 3)], weights=Weights(driving_tick=2.0))

    # 0 to 1, 1 to 3, 3 to 0: 10 + 20 + 30.
    assert priced(problem, route_of(problem, 0, pick(0), drop(0))) == {"driving": 120.0}


def test_working_is_the_duration_of_the_route():
    request = ride(1, 3, pickup_service=4, delivery_service=6)
    vehicle = van(break_=Break(ANY, 50))
    problem = problem_of([request], [vehicle], weights=Weights(0.0, working_tick=3.0))

    route = route_of(problem, 0, pick(0, at=15), drop(0), pause(), leave=2)

    # 60 of driving, 10 of service, 3 of waiting at the pickup; not the break at the end.
    assert priced(problem, route) == {"working": 3.0 * 73}


def test_waiting_aboard_counts_once_however_many_are_aboard():
    requests = [ride(1, 4), ride(2, 4), ride(3, 4)]
    weights = Weights(0.0, waiting_aboard_tick=5.0)
    problem = problem_of(requests, [van(layouts=((3,),))], weights=weights)

    events = [pick(0, at=11), pick(1, at=23), pick(2, at=37), drop(0), drop(1), drop(2, at=48)]

    # Empty on reaching the first; then 2 with one aboard, 4 with two and 1 with one at the end.
    assert priced(problem, route_of(problem, 0, *events)) == {"waiting_aboard": 5.0 * 7}


def test_a_used_vehicle_and_an_assignment_have_their_price():
    assign = np.array([[1.0, 2.0], [4.0, 8.0]])
    vehicles = [van(fixed_cost=100.0), van(fixed_cost=200.0)]
    requests = [ride(1, 2), ride(2, 3)]
    problem = problem_of(requests, vehicles, assign_cost=assign, weights=Weights(0.0))

    both = route_of(problem, 1, pick(0), drop(0), pick(1), drop(1))

    assert priced(problem, Route(), both) == {"vehicles": 200.0, "assigning": 10.0}


@pytest.mark.parametrize(("promise", "price"), [((10, 10), 0.0), ((0, 9), 7.0), ((11, 12), 7.0)])
def test_a_pickup_outside_its_promise_costs_once(promise, price):
    problem = problem_of(
        [ride(1, 3, promise=TimeWindow(*promise))], weights=Weights(0.0, moved_promise=7.0)
    )

    found = cost(problem, plan_of(problem, route_of(problem, 0, pick(0), drop(0))))

    assert found.components["moved_promises"] == found.total == price


@pytest.mark.parametrize(
    ("due", "ticks"),
    [({"pickup_due": 10}, 0), ({"pickup_due": 7}, 3), ({"pickup_due": 7, "delivery_due": 25}, 8)],
)
def test_each_tick_after_it_is_due_costs(due, ticks):
    problem = problem_of([ride(1, 3, **due)], weights=Weights(0.0, late_tick=17.0))

    found = cost(problem, plan_of(problem, route_of(problem, 0, pick(0), drop(0))))

    # Picked up at 10, delivered at 30.
    assert found.components["late"] == found.total == 17.0 * ticks


def test_a_pair_served_by_two_drivers_is_split():
    requests = [ride(1, 2), ride(2, 1)]
    vehicles = [van(driver=0), van(driver=0), van(driver=1)]
    weights = Weights(0.0, split_pair=11.0)
    problem = problem_of(requests, vehicles, pairs=((0, 1),), weights=weights)
    first = route_of(problem, 0, pick(0), drop(0))
    same_driver = route_of(problem, 1, pick(1), drop(1))
    other_driver = route_of(problem, 2, pick(1), drop(1))

    assert priced(problem, first, same_driver) == {}
    assert priced(problem, first, Route(), other_driver) == {"split_pairs": 11.0}
    assert priced(problem, first) == {}


def test_fairness_prices_the_load_above_the_mean():
    window = TimeWindow(0, 100)
    vehicles = [van(driver=0, window=window), van(driver=1, window=window)]
    drivers = (Driver(past_paid=40, past_duty=100), Driver(past_paid=100, past_duty=300), Driver())
    weights = Weights(0.0, fairness=13.0)
    problem = problem_of([ride(1, 3)], vehicles, drivers=drivers, weights=weights)

    found = cost(problem, plan_of(problem, route_of(problem, 0, pick(0), drop(0))))

    # Loads (40 + 60) / 200 = 0.5 and 100 / 400 = 0.25; the third is not on duty. Mean 0.375.
    assert found.components["fairness"] == pytest.approx(13.0 * 0.125 * 200)


def test_unassigned_requests_are_counted_by_priority():
    requests = [ride(1, 2, priority=p) for p in (0, 3, 0, 1, 3)]
    problem = problem_of(requests)

    found = cost(problem, plan_of(problem, route_of(problem, 0, pick(1), drop(1))))

    assert found.unassigned == (1, 1, 2)


def test_components_sum_up_to_the_total():
    request = ride(1, 3, delivery_due=31)
    problem = problem_of([request], [van(fixed_cost=100.0)], weights=ALL_PRICED)

    found = cost(problem, plan_of(problem, route_of(problem, 0, pick(0), drop(0, at=32))))

    assert found.total == sum(found.components.values()) == 2 * 60 + 3 * 62 + 5 * 2 + 100 + 17
