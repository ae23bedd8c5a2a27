"""Routes that a search has seen, put together anew: the cheapest choice of those that fit."""

from itertools import combinations

import numpy as np
import pytest

from dispatch.darp import kernel
from dispatch.darp.check import check
from dispatch.darp.problem import Driver, Problem, Request, TimeWindow, Vehicle
from dispatch.darp.recombine import recombine
from dispatch.darp.search import DEFAULTS, _Search, solve
from dispatch.darp.stop import Limit

VEHICLES = 3
DAY = TimeWindow(0, 5000)


def problem_of(seed, requests=7):
    chance = np.random.default_rng(seed)
    at = chance.integers(0, 400, (2 * requests + 1, 2))
    travel = np.ceil(np.hypot(*(at[:, None] - at[None, :]).transpose(2, 0, 1))).astype(np.int32)
    opens = chance.integers(0, 2000, requests)
    return Problem(
        requests=tuple(
            Request(
                2 * r + 1,
                2 * r + 2,
                TimeWindow(o, o + 600),
                TimeWindow(0, 5000),
                (1,),
                max_ride=900,
            )
            for r, o in enumerate(opens.tolist())
        ),
        vehicles=tuple(
            Vehicle(0, 0, TimeWindow(0, 5000), ((2,),), driver=v) for v in range(VEHICLES)
        ),
        drivers=tuple(Driver() for _ in range(VEHICLES)),
        travel=travel,
    )


def searched(problem, iterations=150):
    search = _Search(problem, 0)
    search.begin(None, DEFAULTS.regret)
    search.improve(Limit(iterations=iterations), DEFAULTS, None)
    return search


def pooled(work, n):
    """The routes remembered: who is served, and the cost."""
    for column in range(work.counts[kernel.POOLED]):
        stops = work.pool_stops[work.pool_start[column] : work.pool_start[column + 1]]
        if work.pool_cost[column] < kernel.HUGE:
            yield frozenset((stops[stops >= n] - n).tolist()), float(work.pool_cost[column])


def by_force(routes, n):
    """(requests left out, cost) of the best choice of routes without a request in common."""
    best = (n, 0.0)
    for count in range(1, VEHICLES + 1):
        for chosen in combinations(routes, count):
            served = frozenset().union(*(who for who, _ in chosen))
            if len(served) == sum(len(who) for who, _ in chosen):
                best = min(best, (n - len(served), sum(cost for _, cost in chosen)))
    return best


@pytest.mark.parametrize("seed", range(5))
def test_the_cheapest_of_all_choices_is_found(seed):
    problem = problem_of(seed)
    search = searched(problem)
    n = len(problem.requests)
    prices = dict(pooled(search.work, n))

    chosen = recombine(search.data, search.work, 10.0)

    served = [frozenset((stops[stops >= n] - n).tolist()) for _, stops in chosen]
    found = n - sum(len(who) for who in served), sum(prices[who] for who in served)
    assert found == pytest.approx(by_force(list(prices.items()), n))
    assert len({v for v, _ in chosen}) == len(chosen)


def test_a_worse_choice_leaves_the_plan_as_it_is():
    search = searched(problem_of(1))
    best = search.best()
    kept = [search.state.base[v, : search.state.size[v]].tolist() for v in range(VEHICLES)]
    # All that is remembered is one route: whatever is chosen, most requests are left out.
    search.work.pool_cost[1 : search.work.counts[kernel.POOLED]] = kernel.HUGE

    search._recombine(1.0)

    assert [search.state.base[v, : search.state.size[v]].tolist() for v in range(VEHICLES)] == kept
    assert search.best().cost.total == best.cost.total


def test_a_search_by_the_clock_puts_routes_together_and_stays_feasible():
    problem = problem_of(2, requests=12)

    solution = solve(problem, budget_s=0.6)

    assert check(problem, solution.plan) == []
    assert solution.plan.cost.total <= solve(problem, iterations=0).plan.cost.total
