"""Invented days of Geneva as problems, and what is measured on them."""

import json
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from benchmarks.darp import geneva_runs
from benchmarks.darp.geneva import TooFewDrivers, for_peers, geneva_day
from benchmarks.management.commands import bench_darp
from benchmarks.peers import ortools, pyvrp, vroom
from benchmarks.peers.asking import Feature, used, without_halves
from dispatch.darp.check import check
from dispatch.darp.problem import Break, Rule, TimeWindow
from dispatch.darp.schedule import evaluate
from dispatch.darp.search import solve
from tests.darp.building import problem_of, ride, van


@pytest.fixture(scope="module")
def day():
    return geneva_day(60, 8, 0)


def test_the_same_numbers_give_the_same_day_and_others_another(day):
    again, other = geneva_day(60, 8, 0), geneva_day(60, 8, 1)

    assert again.requests == day.requests
    assert again.vehicles == day.vehicles
    assert np.array_equal(again.travel, day.travel)
    assert other.requests != day.requests


def test_a_day_has_what_the_optimiser_must_mind(day):
    kinds = {int(np.argmax(np.array(request.load[:3]) > 0)) for request in day.requests}

    assert len(day.requests) == 60
    assert kinds >= {0, 1}  # seats and wheelchair places
    assert all(vehicle.break_ for vehicle in day.vehicles)
    assert any(len(vehicle.layouts) > 1 for vehicle in day.vehicles)
    assert all(request.max_ride for request in day.requests)
    assert any(request.requires is not None for request in day.requests)
    assert set(np.unique(day.forbidden)) > {Rule.NONE}
    assert 0 < day.may_share.mean() < 1


def test_a_whole_day_is_served_without_a_search(day):
    plan = solve(day, iterations=0).plan

    assert plan.unassigned == ()
    assert check(day, plan) == []


def test_too_few_drivers_are_no_day():
    with pytest.raises(TooFewDrivers, match="1 drivers cannot serve 60 bookings"):
        geneva_day(60, 1, 0)


def test_what_peers_get_implies_the_ride_limits_and_is_reachable(day):
    narrowed = for_peers(day)

    for before, after in zip(day.requests, narrowed.requests, strict=True):
        boards, leaves = after.pickup_window, after.delivery_window
        longest = leaves.latest - boards.earliest - after.pickup_service
        direct = int(day.travel[before.pickup, before.delivery])
        assert longest <= before.max_ride
        assert boards.latest + after.pickup_service + direct <= leaves.latest
        for new, old in ((boards, before.pickup_window), (leaves, before.delivery_window)):
            assert old.earliest <= new.earliest <= new.latest <= old.latest


def test_what_peers_get_has_shifts_around_the_breaks(day):
    shift = day.vehicles[0]
    first, second = for_peers(day).vehicles[:2]

    assert first.window.earliest == shift.window.earliest
    assert shift.break_.window.earliest <= first.window.latest <= shift.break_.window.latest
    assert second.window == TimeWindow(
        first.window.latest + shift.break_.duration, shift.window.latest
    )
    assert first.driver == second.driver == shift.driver


def test_what_peers_get_seats_nobody_beside_who_rides_alone(day):
    shares = day.may_share.copy()
    shares[7, :] = shares[:, 7] = False

    narrowed = for_peers(replace(day, may_share=shares))

    room = narrowed.vehicles[0].layouts[0][-1]
    assert [request.load[-1] for request in narrowed.requests[6:9]] == [1, room, 1]


@pytest.mark.parametrize("peer", [ortools, vroom, pyvrp])
def test_what_peers_plan_there_is_feasible(peer):
    narrowed = for_peers(geneva_day(12, 3, 0))

    found = evaluate(narrowed, peer.route(narrowed, 0.5, 0).routes)

    assert found.violations == []  # how many they serve is a matter of time


# Peers on a problem by hand: places ten ticks apart on a line, the van starts at place 0.


@pytest.mark.parametrize("peer", [ortools, vroom, pyvrp])
def test_a_peer_finds_the_cheapest_driving(peer):
    problem = problem_of([ride(1, 4), ride(2, 3), ride(4, 1)])

    found = evaluate(problem, peer.route(problem, 0.5, 0).routes)

    assert found.violations == []
    assert (found.plan.unassigned, found.plan.cost.total) == ((), 80)


@pytest.mark.parametrize("peer", [ortools, vroom, pyvrp])
def test_a_peer_knows_who_may_not_take_whom(peer):
    forbidden = np.array([[Rule.SKILLS, Rule.NONE], [Rule.NONE, Rule.EQUIPMENT]])
    problem = problem_of([ride(1, 2), ride(1, 2)], [van(), van(driver=1)], forbidden=forbidden)

    assert peer.route(problem, 0.5, 0).routes == [[2, -2], [1, -1]]


def test_ortools_keeps_ride_limits_and_breaks():
    pause = Break(TimeWindow(0, 400), 25)
    # Both together would be cheaper, but the first would ride 30 instead of 20.
    problem = problem_of(
        [ride(1, 3, max_ride=20), ride(2, 4, pickup_service=10)],
        [van(break_=pause, window=TimeWindow(0, 500))],
    )

    found = evaluate(problem, ortools.route(problem, 0.5, 0).routes)

    assert (found.plan.unassigned, found.violations) == ((), [])


def test_what_a_problem_has_is_told_by_its_parts(day):
    assert used(problem_of([ride(1, 2)])) == set()
    assert used(problem_of([ride(1, 2)], [van(max_wait_aboard=5)])) == {Feature.WAITS}
    assert {str(feature) for feature in used(day)} == {
        "ride time limits",
        "breaks",
        "breaks with nobody aboard",
        "alternative layouts",
        "vehicles that may not take everybody",
        "requests served both or neither",
        "priorities",
        "pairs that may not share",
        "prices other than of driving and of using a vehicle",
    }


def test_halves_of_what_goes_together_are_taken_out():
    problem = problem_of([ride(1, 2, requires=1), ride(2, 1, requires=0), ride(3, 4)])

    assert without_halves(problem, [[1, 3, -1, -3]]) == [[3, -3]]
    assert without_halves(problem, [[1, -1, 2, -2]]) == [[1, -1, 2, -2]]


# The command.


def bench(*options):
    printed = StringIO()
    call_command("bench_darp", "--budgets", "0", "--json", *options, stdout=printed)
    return json.loads(printed.getvalue())


def test_a_day_is_measured_in_a_process_of_its_own():
    answer = bench("--geneva", "20x4")

    (row,) = answer["geneva"]
    assert (row["bookings"], row["drivers"], row["problem"]) == (20, 4, "whole")
    assert row["feasible"]
    assert row["complete"]
    assert row["memory_mib"] > 10
    assert row["quote_ms"] > 0 < row["evaluate_ms"]
    assert answer["start_s"] > 0
    assert answer["families"] == []


def test_peers_are_given_the_narrowed_day_and_their_own_time(monkeypatch):
    monkeypatch.setattr(geneva_runs, "apart", lambda work, tasks, **_: map(work, tasks))
    monkeypatch.setattr(bench_darp, "start_s", lambda: 1.0)

    rows = bench("--geneva", "20x4", "--against", "vroom", "--peer-budget", "1")["geneva"]

    told = [(row["problem"], row["solver"], row["budget_s"]) for row in rows]
    assert told == [("whole", "atmr", 0.0), ("narrowed", "atmr", 0.0), ("narrowed", "vroom", 1.0)]
    assert all(row["feasible"] and row["complete"] for row in rows)


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ([], "Name a folder of instances, or a day"),
        (["--geneva", "60x1"], "1 drivers cannot serve 60 bookings"),
        (["--geneva", "60"], "bookings x drivers"),
    ],
)
def test_what_cannot_be_measured_is_refused(options, refusal):
    with pytest.raises(CommandError, match=refusal):
        call_command("bench_darp", *options)
