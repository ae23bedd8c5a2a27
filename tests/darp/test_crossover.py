"""Plans of a population: who stays in it, what two of them give, and what is bred from them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch.darp import kernel
from dispatch.darp.check import check
from dispatch.darp.committed import relax
from dispatch.darp.cost import cost
from dispatch.darp.course import DEFAULTS, Course
from dispatch.darp.crossover import Member, Population, cross
from dispatch.darp.search import _Search, solve
from dispatch.darp.stop import Limit
from tests.darp.strategies import problems
from tests.darp.test_recombine import problem_of

BREEDING = replace(DEFAULTS, crowd=1, founders=3, founding=0.5, brood=15, brood_each=1)
SOME = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def member(cost, missed=0):
    return Member(missed, cost, ())


def walked(problem, seed):
    """What a short walk finds, and the search that walked."""
    search = _Search(problem, seed)
    search.begin(None, 1 + seed % 4)
    search.improve(Limit(iterations=15), DEFAULTS, None)
    return search.found, search


def served(route, n):
    return (route[route >= n] - n).tolist()


def test_the_best_stay_in_a_population():
    population = Population(2, np.random.default_rng(0))

    for one in (member(5.0), member(1.0, missed=1), member(3.0), member(4.0)):
        population.add(one)

    assert population.members == [member(3.0), member(4.0)]


def test_a_plan_as_good_as_one_that_is_known_is_not_taken_in():
    population = Population(3, np.random.default_rng(0))

    population.add(member(3.0))
    population.add(member(3.0 + 1e-12))

    assert len(population.members) == 1


def test_parents_differ_where_there_are_two():
    population = Population(3, np.random.default_rng(0))
    population.add(member(1.0))
    assert population.parents() == (member(1.0), member(1.0))

    population.add(member(2.0))

    assert all(first != second for first, second in (population.parents() for _ in range(20)))


@given(problem=problems(max_requests=4), seed=st.integers(0, 9))
@SOME
def test_a_child_serves_nobody_twice_and_keeps_what_is_committed(problem, seed):
    problem = relax(problem)
    n = len(problem.requests)
    (first, search), (second, _) = walked(problem, seed), walked(problem, seed + 1)

    child = cross(search.data, search.work.near, (first, second), np.random.default_rng(seed))

    carried = [r for route in child for r in served(route, n)]
    assert len(carried) == len(set(carried))
    for v, vehicle in enumerate(problem.vehicles):
        assert {-s - 1 for s in vehicle.committed if s < 0} <= set(served(child[v], n))
        classes = search.data.vehicle[:, kernel.CLASS]
        alike = [second.routes[w] for w in np.flatnonzero(classes == classes[v])]
        kept = [code for code in first.routes[v].tolist() if code in set(child[v].tolist())]
        assert child[v].tolist() == kept or any(np.array_equal(child[v], one) for one in alike)


def test_a_child_takes_routes_of_both_parents():
    problem = problem_of(seed=3, requests=12)
    (first, search), (second, _) = walked(problem, 0), walked(problem, 1)
    mine, other = ({tuple(route.tolist()) for route in one.routes} for one in (first, second))
    mixed = 0

    for seed in range(30):
        rng = np.random.default_rng(seed)
        child = cross(search.data, search.work.near, (first, second), rng)
        own = {tuple(route.tolist()) for route in child}
        mixed += bool(own & (other - mine)) and bool(own - other)

    assert mixed > 5


@given(problem=problems(max_requests=4), seed=st.integers(0, 9))
@SOME
def test_what_is_bred_is_feasible_and_costs_what_the_search_believed(problem, seed):
    problem = relax(problem)
    believed = []

    found = solve(problem, iterations=400, seed=seed, parameters=BREEDING, progress=believed.append)

    assert check(problem, found.plan) == []
    assert found.plan.cost == cost(problem, found.plan)
    assert believed[-1].total == pytest.approx(found.plan.cost.total)
    assert found.iterations == 400


@given(problem=problems(max_requests=4), seed=st.integers(0, 9))
@settings(SOME, max_examples=30)
def test_what_is_bred_from_a_given_plan_is_never_worse(problem, seed):
    problem = relax(problem)
    first = solve(problem, iterations=0, seed=seed).plan

    second = solve(problem, initial=first, iterations=400, seed=seed, parameters=BREEDING).plan

    assert check(problem, second) == []
    assert (second.cost.unassigned, second.cost.total) <= (
        first.cost.unassigned,
        first.cost.total + 1e-6,
    )


def test_the_same_seed_breeds_the_same_plan():
    problem = problem_of(seed=5, requests=10)

    once, again = (solve(problem, iterations=200, seed=4, parameters=BREEDING) for _ in range(2))

    assert once.plan == again.plan


def course_of(requests=10, limit=None, **parameters):
    limit = limit or Limit(iterations=10_000)
    return Course(replace(DEFAULTS, **parameters), limit, requests, np.random.default_rng(0))


@pytest.mark.parametrize(("iterations", "bred"), [(999, False), (1000, True)])
def test_a_population_needs_iterations_enough(iterations, bred):
    course = course_of(limit=Limit(iterations=iterations), crowd=100)

    ended = [course.has_ended(done / iterations, done) for done in range(0, iterations, 9)]

    assert any(ended) is bred


def test_a_search_without_limits_breeds_nothing():
    course = course_of(limit=Limit(), crowd=1)

    assert not any(course.has_ended(done / 5000, done) for done in range(0, 5000, 99))


def test_it_is_told_once_whether_there_is_time_for_a_population():
    fast, slow = (course_of(limit=Limit(budget_s=10.0)) for _ in range(2))

    for course, done in ((fast, 110), (slow, 90)):
        course.has_ended(0.01, done)
        course.has_ended(0.02, 110)

    assert (fast.crowded, slow.crowded) == (True, False)


def test_children_of_many_requests_walk_for_longer():
    few, many = course_of(requests=10), course_of(requests=500)

    assert (few.brood, many.brood) == (1500, 7500)


def test_the_tolerance_falls_in_each_walk_and_rises_with_the_next():
    course = course_of(crowd=1)

    course.has_ended(0.01, 100)
    founding = [course.tolerance(spent, 0) for spent in (0.0, 0.03, 0.06)]
    course.walks, course.begun = DEFAULTS.founders, 3000
    breeding = [course.tolerance(0.3, 3000 + done) for done in (0, 750, 1500)]

    assert founding == pytest.approx([0.03, 0.03 * 0.05**0.5, 0.0015])
    assert breeding == pytest.approx([0.01, 0.01 * 0.1**0.5, 0.001])
