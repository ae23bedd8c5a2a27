"""Explanations are true: each is recomputed with the verifier and the recomputed cost."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch.darp.check import check
from dispatch.darp.committed import relax
from dispatch.darp.explain import explain, survey
from dispatch.darp.problem import Rule
from dispatch.darp.schedule import evaluate
from dispatch.darp.search import solve
from tests.darp.strategies import problems

THOROUGH = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def without(plan, request):
    return [[s for s in r.signed() if abs(s) != request + 1] for r in plan.routes]


@given(problem=problems(max_requests=4), seed=st.integers(0, 9))
@THOROUGH
def test_each_option_costs_or_breaks_what_it_says(problem, seed):
    problem = relax(problem)
    plan = solve(problem, iterations=5, seed=seed).plan

    committed = {abs(s) - 1 for vehicle in problem.vehicles for s in vehicle.committed}
    for request in set(range(len(problem.requests))) - committed:
        base = evaluate(problem, without(plan, request)).plan
        if any(v.rule not in {Rule.COMMITTED, Rule.REQUIRES} for v in check(problem, base)):
            continue  # without the triangle inequality the rest may not stand alone
        for option in explain(problem, plan, request):
            if not option.signed:
                assert option.rule != Rule.NONE
                continue
            routes = without(plan, request)
            routes[option.vehicle] = list(option.signed)
            moved = evaluate(problem, routes).plan
            broken = [
                (v.rule, v.amount)
                for v in check(problem, moved)
                if v.rule is not Rule.REQUIRES or v.request == request
            ]
            if option.cost is None:
                assert (option.rule, option.amount) in broken
            else:
                assert broken == []
                assert option.cost == pytest.approx(moved.cost.total - base.cost.total, abs=1e-6)


@given(problem=problems(max_requests=4), seed=st.integers(0, 9))
@THOROUGH
def test_a_feasible_plan_is_evaluated_to_the_same_cost(problem, seed):
    problem = relax(problem)
    plan = solve(problem, iterations=20, seed=seed).plan

    again = evaluate(problem, [route.signed() for route in plan.routes])

    assert again.violations == []
    assert again.plan.cost.total == pytest.approx(plan.cost.total)


@given(problem=problems(max_requests=3), seed=st.integers(0, 9))
@settings(THOROUGH, max_examples=30)
def test_all_options_at_once_are_those_of_each_request(problem, seed):
    problem = relax(problem)
    plan = solve(problem, iterations=5, seed=seed).plan

    prices, misses = survey(problem, plan)

    assert sorted([*prices, *misses]) == list(range(len(problem.requests)))
    for request, found in prices.items():
        alone = [option.cost for option in explain(problem, plan, request)]
        assert [None if cost == float("inf") else cost for cost in found.tolist()] == alone
    for request, listed in misses.items():
        assert listed == explain(problem, plan, request)
