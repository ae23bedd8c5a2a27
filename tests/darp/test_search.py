"""What the search returns: feasible, priced as recomputed, and as good as brute force."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch.darp.check import check
from dispatch.darp.committed import relax
from dispatch.darp.cost import cost
from dispatch.darp.search import solve
from tests.darp.brute import optimum
from tests.darp.strategies import problems

THOROUGH = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@given(problem=problems(max_requests=4), seed=st.integers(0, 9))
@THOROUGH
def test_every_plan_is_feasible_and_costs_what_the_search_believed(problem, seed):
    problem = relax(problem)
    believed = []

    plan = solve(problem, iterations=50, seed=seed, progress=believed.append).plan

    assert check(problem, plan) == []
    assert plan.cost == cost(problem, plan)
    assert believed[-1].total == pytest.approx(plan.cost.total)


@given(problem=problems(max_requests=4), seed=st.integers(0, 9))
@THOROUGH
def test_a_plan_goes_on_from_another_without_getting_worse(problem, seed):
    problem = relax(problem)
    first = solve(problem, iterations=20, seed=seed).plan

    second = solve(problem, initial=first, iterations=0).plan

    assert check(problem, second) == []
    assert (second.cost.unassigned, second.cost.total) <= (
        first.cost.unassigned,
        first.cost.total + 1e-6,
    )


@given(problem=problems(max_requests=2), seed=st.integers(0, 9))
@settings(THOROUGH, max_examples=60)
def test_as_many_are_served_as_by_brute_force(problem, seed):
    problem = relax(problem)

    plan = solve(problem, iterations=100, seed=seed).plan

    assert plan.cost.unassigned == optimum(problem).cost.unassigned


@given(problem=problems(max_requests=4), seed=st.integers(0, 9))
@settings(THOROUGH, max_examples=30)
def test_the_same_seed_and_iterations_give_the_same_plan(problem, seed):
    problem = relax(problem)

    once, again = (solve(problem, iterations=40, seed=seed).plan for _ in range(2))

    assert once == again
