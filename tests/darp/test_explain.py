"""Explanations are true: each is recomputed with the verifier and the recomputed cost."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dispatch.darp.check import check
from dispatch.darp.committed import relax
from dispatch.darp.explain import explain, survey
from dispatch.darp.problem import Rule
from dispatch.darp.quote import quote
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


TIMED = {
    Rule.PICKUP_WINDOW,
    Rule.DELIVERY_WINDOW,
    Rule.RIDE_TIME,
    Rule.VEHICLE_WINDOW,
    Rule.DURATION,
    Rule.WAITING_ABOARD,
}


@given(problem=problems(max_requests=4), seed=st.integers(0, 9), data=st.data())
@THOROUGH
def test_no_miss_is_nearer_and_no_insertion_cheaper_than_what_is_told(problem, seed, data):
    # Of orders with a break only the best places of it are looked at.
    vans = tuple(replace(vehicle, break_=None) for vehicle in problem.vehicles)
    problem = relax(replace(problem, vehicles=vans))
    plan = solve(problem, iterations=5, seed=seed).plan
    committed = {abs(s) - 1 for vehicle in problem.vehicles for s in vehicle.committed}
    request = data.draw(st.integers(0, len(problem.requests) - 1))
    assume(request not in committed)
    base = without(plan, request)
    told = evaluate(problem, base).violations
    assume(all(v.rule in {Rule.COMMITTED, Rule.REQUIRES} for v in told))

    cheapest = {}
    for found in reversed(quote(problem, plan, request)):
        cheapest[found.vehicle] = found.cost
    for option in explain(problem, plan, request):
        assert option.cost == pytest.approx(cheapest.get(option.vehicle))
        if option.cost is None and option.signed:
            ticks = [
                missed(problem, base, option.vehicle, signed)
                for signed in orders_with(base[option.vehicle], request, problem, option.vehicle)
            ]
            assert missed(problem, base, option.vehicle, option.signed) == min(ticks)


def orders_with(order, request, problem, v):
    for i in range(problem.vehicles[v].fixed, len(order) + 1):
        for j in range(i, len(order) + 1):
            yield (*order[:i], request + 1, *order[i:j], -(request + 1), *order[j:])


def missed(problem, base, v, signed):
    """Ticks by which an order misses its times; endless where it breaks another rule."""
    routes = [signed if u == v else base[u] for u in range(len(base))]
    found = [x for x in evaluate(problem, routes).violations if x.vehicle == v]
    if any(x.rule in {Rule.CAPACITY, Rule.SHARING} for x in found):
        return float("inf")
    return sum(x.amount for x in found if x.rule in TIMED)


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
