"""The chosen times of an order cost what the best ones do, by an integer program."""

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dispatch.darp.cost import cost
from dispatch.darp.plan import Plan
from dispatch.darp.schedule import evaluate
from tests.darp.building import UNPRICED
from tests.darp.model import BREAK, Model
from tests.darp.strategies import problems
from tests.darp.test_evaluate import whole_routes


def with_breaks(problem, route):
    """The order with the break at each moment at which nobody is aboard."""
    if problem.vehicles[0].break_ is None:
        return [tuple(route)]
    empty = [i for i in range(len(route) + 1) if sum(1 if s > 0 else -1 for s in route[:i]) == 0]
    return [(*route[:i], BREAK, *route[i:]) for i in empty]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(problem=problems(max_vehicles=1, committed=False), data=st.data())
def test_the_times_of_an_order_cost_no_more_than_any_others(problem, data):
    route = data.draw(whole_routes(problem))
    found = evaluate(problem, [route])
    assume(not found.violations)

    best = []
    for order in with_breaks(problem, route):
        model = Model(problem, 0, order)
        if model.can_be_served() and model.solve():
            best.append(cost(problem, Plan((model.route,), (), UNPRICED)).total)

    assert found.plan.cost.total == pytest.approx(min(best))
