"""The scoreboard of the optimiser: what it finds in a folder, how it judges, what it prints."""

import json
from dataclasses import replace
from io import StringIO
from math import hypot
from xml.etree import ElementTree as ET

import pytest
from django.core.management import CommandError, call_command

from benchmarks.darp import exact
from benchmarks.darp.finding import find_cases
from benchmarks.darp.scores import behind
from benchmarks.darp.solving import Task, run
from benchmarks.management.commands import bench_darp
from benchmarks.peers import asking
from dispatch.darp.instances import FAMILIES
from dispatch.darp.instances import PATIENTS as PATIENTS_FAMILY
from tests.darp.test_instances import CORDEAU_2006, CORDEAU_LAPORTE_2003, MALHEIROS, PATIENTS

FILES = {
    "one/a1.txt": CORDEAU_2006,
    "two/R1.txt": CORDEAU_LAPORTE_2003,
    "two/three/het.txt": MALHEIROS,
    "ptp.json": json.dumps(PATIENTS),
}
# By hand: one vehicle serves both, 5 out, 5 on, over to the second, 1 on and 2 back; of het the
# vehicle in the corner of the delivery.
COST = 5 + 5 + hypot(6, 7) + 1 + 2
OPTIMUM = {"a1": COST, "R1": COST, "het": hypot(4, 4) + 5 + 1}


@pytest.fixture
def folder(tmp_path):
    """One invented instance of each family, and a file that is none."""
    for name, content in (FILES | {"notes.md": "No instance."}).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path


def know(folder, **best):
    lines = ["family,instance,best_known", *(f"any,{name},{cost}" for name, cost in best.items())]
    (folder / "best_known.csv").write_text("\n".join(lines))


def bench(folder, *options):
    printed = StringIO()
    call_command("bench_darp", str(folder), "--budgets", "0", *options, stdout=printed)
    return printed.getvalue()


def runs_of(folder, *options):
    return {run["instance"]: run for run in json.loads(bench(folder, "--json", *options))["runs"]}


def test_instances_of_every_family_are_found_by_content(folder):
    found = find_cases(folder)

    assert [(case.instance.family, case.instance.name) for case in found.cases] == [
        ("cordeau2006", "a1"),
        ("cordeau_laporte2003", "R1"),
        ("csplib_ptp", "ptp"),
        ("malheiros2021", "het"),
    ]
    assert found.skipped == ["notes.md"]


def test_the_table_of_best_known_values_may_lie_above(folder):
    know(folder, het=20.0)

    (case,) = find_cases(folder / "two", "h*").cases

    assert case.best_known == 20.0


def test_a_best_known_value_of_another_family_of_the_same_name_is_not_taken(folder):
    lines = ["family,instance,best_known", "cordeau2006,a1,24", "malheiros2021,a1,99"]
    (folder / "best_known.csv").write_text("\n".join(lines))

    (case,) = find_cases(folder, "a1").cases

    assert case.best_known == 24.0


def test_each_run_is_reported_with_its_gap_and_routes(folder):
    know(folder, a1=COST / 1.2, R1=COST)

    runs = runs_of(folder)

    assert {name: runs[name]["cost"] for name in OPTIMUM} == pytest.approx(OPTIMUM)
    assert all(run["feasible"] and run["complete"] for run in runs.values())
    assert runs["a1"]["gap_percent"] == pytest.approx(20.0)
    assert runs["R1"]["gap_percent"] == pytest.approx(0.0)
    assert runs["het"]["gap_percent"] is None
    assert sorted(signed for route in runs["a1"]["routes"] for signed in route) == [-2, -1, 1, 2]
    assert runs["ptp"]["groups_served"] == 2


def test_a_family_is_summed_over_instances_and_seeds(folder):
    know(folder, a1=COST / 1.2, b1=COST / 0.8)
    (folder / "b1.txt").write_text(CORDEAU_2006)

    answer = json.loads(bench(folder, "--json", "--seeds", "2", "--instances", "?1"))

    row = next(row for row in answer["families"] if row["family"] == "cordeau2006")
    assert (row["instances"], row["seeds"], row["runs"]) == (2, 2, 4)
    assert (row["complete"], row["feasible"], row["served"]) == (4, 4, 8)
    assert row["mean_gap_percent"] == row["median_gap_percent"] == pytest.approx(0.0)
    assert row["worst_gap_percent"] == pytest.approx(20.0)


def test_what_is_cheaper_than_the_best_known_is_listed_with_its_routes(folder):
    know(folder, a1=COST + 0.01, R1=COST)

    (below,) = json.loads(bench(folder, "--json"))["below_best_known"]

    assert (below["instance"], below["cost"]) == ("a1", pytest.approx(COST))
    assert len(below["routes"]) == 2
    assert "Below the best known" in bench(folder)


def test_the_table_of_the_documents_has_a_line_for_each_family(folder):
    lines = bench(folder, "--markdown").splitlines()

    rows = [line for line in lines if line.startswith(("| c", "| m"))]
    assert len(rows) == 4
    assert any("serves 2/2 patients" in row for row in rows)


@pytest.mark.parametrize(
    ("folder_name", "options", "refusal"),
    [
        ("nowhere", [], "There is no folder"),
        ("", ["--instances", "z*"], "holds no instance of a known family named “z\\*”"),
    ],
)
def test_a_refusal_is_one_line(folder, folder_name, options, refusal):
    with pytest.raises(CommandError, match=refusal) as refused:
        bench(folder / folder_name, *options)

    assert "\n" not in str(refused.value)


def test_a_table_that_is_none_is_refused_by_name(folder):
    (folder / "best_known.csv").write_text("instance;best\na1;3\n")

    with pytest.raises(CommandError, match=r"best_known\.csv.* is no table"):
        bench(folder)


# The figure.


def test_the_search_on_an_instance_is_drawn(folder, tmp_path):
    know(folder, a1=COST)

    bench(folder, "--instances", "a1", "--seeds", "2", "--trace", str(tmp_path / "a1.svg"))

    drawn = ET.parse(tmp_path / "a1.svg").getroot()
    words = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert f"best known {COST:.2f}" in words
    assert {"seed 0: 22.22", "seed 1: 22.22"} <= set(words)
    circles = list(drawn.iter("{http://www.w3.org/2000/svg}circle"))
    assert len(circles) == 4  # two pickups and two deliveries


@pytest.mark.parametrize("names", ["*", "ptp"])
def test_more_than_one_instance_or_one_without_a_plane_is_not_drawn(folder, tmp_path, names):
    with pytest.raises(CommandError, match="--trace draws one instance"):
        bench(folder, "--instances", names, "--trace", str(tmp_path / "any.svg"))


def test_a_figure_that_could_not_be_written_is_refused_before_anything_runs(folder, tmp_path):
    with pytest.raises(CommandError, match=r"There is no folder for “.*any\.svg”"):
        bench(folder, "--instances", "a1", "--trace", str(tmp_path / "nowhere" / "any.svg"))


# Peers, each in a process of its own.


def test_peers_are_judged_on_the_whole_problem(folder):
    answer = json.loads(
        bench(folder, "--json", "--instances", "a1", "--against", "ortools,vroom,pyvrp")
    )

    runs = {run["solver"]: run for run in answer["runs"]}
    assert list(runs) == ["atmr", "ortools", "vroom", "pyvrp"]
    assert all(len(run["routes"]) == 2 for run in runs.values())
    assert runs["ortools"]["feasible"]
    assert answer["cannot"]["ortools"] == []
    assert answer["cannot"]["vroom"] == [
        "ride time limits",
        "duration limits from leaving to coming back",
    ]


def test_a_peer_that_breaks_a_rule_is_reported_with_it_and_has_no_gap(folder, monkeypatch):
    monkeypatch.setattr(bench_darp, "apart", lambda work, tasks, _jobs: map(work, tasks))
    far = CORDEAU_2006.replace("3.0 4.0 3 1 0 1440", "3.0 4.0 3 1 0 20").replace(
        "3 -1 20 35", "3 -1 300 320"
    )
    (folder / "a1.txt").write_text(far)
    know(folder, a1=COST)

    options = ("--json", "--instances", "a1", "--against", "vroom", "--seeds", "2")
    answer = json.loads(bench(folder, *options))

    theirs = next(run for run in answer["runs"] if run["solver"] == "vroom")
    assert (theirs["complete"], theirs["feasible"], theirs["gap_percent"]) == (True, False, None)
    # Its times miss by as few ticks as its order allows: windows or rides, whichever is less.
    assert theirs["broken"].keys() & {"RIDE_TIME", "PICKUP_WINDOW", "DELIVERY_WINDOW"}
    assert theirs["faults"] == ["vehicle 1 cannot keep its times"]
    row = next(row for row in answer["families"] if row["solver"] == "vroom")
    assert row["broken"] == dict.fromkeys(theirs["broken"], 1)
    assert row["seeds"] == 1  # it has none
    ours = next(run for run in answer["runs"] if run["solver"] == "atmr")
    assert (ours["complete"], ours["feasible"]) == (False, True)


def test_where_a_peer_is_ahead_is_told(folder):
    task = Task(folder / "one/a1.txt", COST, 0.0, 0)
    ours = run(task)
    cheaper = replace(ours, solver="ortools", cost=ours.cost - 1)
    infeasible = replace(cheaper, feasible=False, cost=1.0)
    fewer = replace(cheaper, served=1, groups_served=1, cost=2.0)

    assert behind([ours, infeasible, fewer, replace(ours, solver="vroom")]) == []
    (row,) = behind([cheaper, ours])
    assert (row["solver"], row["instance"], row["cost"]) == (
        "ortools",
        "a1",
        [ours.cost - 1, ours.cost],
    )


def test_an_unknown_peer_is_refused_by_name(folder):
    with pytest.raises(CommandError, match="There is no peer “cuopt”; there are ortools, vroom"):
        bench(folder, "--against", "cuopt")


def test_a_peer_that_is_not_installed_is_refused(folder, monkeypatch):
    monkeypatch.setitem(asking.MODULES, "vroom", "no_such_module")

    with pytest.raises(CommandError, match="“vroom” is not installed"):
        bench(folder, "--against", "vroom")


# The second judge, by hand.

ROUTES = {
    "one/a1.txt": [[1, -1, 2, -2], []],
    "two/R1.txt": [[], [1, -1, 2, -2]],
    "two/three/het.txt": [[1, -1], []],
    "ptp.json": [[1, -1, 3, -3, 2, -2], []],
}


@pytest.mark.parametrize("name", ROUTES)
def test_the_second_judge_finds_nothing_in_a_feasible_answer(folder, name):
    assert exact.faults(folder / name, ROUTES[name]) == []


@pytest.mark.parametrize(
    ("name", "routes", "fault"),
    [
        ("one/a1.txt", [[1, -1], []], "1 requests are not served"),
        ("one/a1.txt", [[1, -1, 2, -2]], "1 routes for 2 vehicles"),
        ("one/a1.txt", [[1, -1, -2, 2], []], "a delivery without its pickup before"),
        ("one/a1.txt", [[1, -1, 2, -2], [2, -2]], "served twice"),
        ("one/a1.txt", [[1, 2, -1, -2], []], "cannot keep its times"),
        ("two/three/het.txt", [[], []], "1 requests are not served"),
        ("ptp.json", [[1, -1], [3, -3]], "patient 1 is served in one direction only"),
        ("ptp.json", [[3, -3], [1, -1, 2, -2]], "may not take one of its patients"),
        ("ptp.json", [[2, -2, 1, -1, 3, -3], []], "cannot keep its times"),
    ],
)
def test_the_second_judge_says_what_is_wrong(folder, name, routes, fault):
    assert any(fault in found for found in exact.faults(folder / name, routes))


def test_the_second_judge_may_be_told_that_some_are_left_out(folder):
    assert exact.faults(folder / "one/a1.txt", [[1, -1], []], complete=False) == []


def test_the_second_judge_counts_places(folder):
    crowded = CORDEAU_2006.replace("2 2 480 3 30", "2 2 480 2 30").replace("60 75", "0 1440")
    (folder / "a1.txt").write_text(crowded)

    found = exact.faults(folder / "a1.txt", [[1, 2, -1, -2], []])

    assert "vehicle 1 is overloaded" in found


@pytest.mark.parametrize(
    ("header", "keeps"),
    [
        ("2 2 480 3 5", True),  # the first rides 5
        ("2 2 480 3 4.9", False),
        # It leaves at 22 at the latest, to be there at 35, and is back at 69 at the earliest.
        ("2 2 47 3 30", True),
        ("2 2 46.9 3 30", False),
    ],
)
def test_the_second_judge_keeps_limits_on_rides_and_routes(folder, header, keeps):
    (folder / "a1.txt").write_text(CORDEAU_2006.replace("2 2 480 3 30", header))

    found = exact.faults(folder / "a1.txt", [[1, -1, 2, -2], []])

    assert found == ([] if keeps else ["vehicle 1 cannot keep its times"])


@pytest.mark.parametrize(
    ("aboard", "fits"),
    [
        ([1.0, 2.0, 0.0, 0.0], True),  # all on their own
        ([2.0, 2.0, 0.0, 0.0], True),  # the second of the staff on the stretcher
        ([3.0, 1.0, 0.0, 0.0], True),  # one on a seat, one on the stretcher
        ([2.0, 3.0, 0.0, 0.0], False),
        ([1.0, 3.0, 0.0, 0.0], True),  # a patient sits on the stretcher
        ([1.0, 3.0, 1.0, 0.0], False),
        ([0.0, 0.0, 0.0, 1.0], False),  # nowhere for a wheelchair
    ],
)
def test_who_may_take_another_place(aboard, fits):
    assert exact._seated(aboard, (1.0, 2.0, 1.0, 0.0)) is fits


# Published instances, where ATMR_INSTANCES names their folder.


@pytest.mark.instances
def test_both_judges_agree_on_every_published_instance(instances):
    answer = json.loads(bench(instances, "--json"))

    assert {row["family"] for row in answer["families"]} == set(FAMILIES)
    assert [run["instance"] for run in answer["runs"] if not run["feasible"]] == []
    known = {row["family"] for row in answer["families"] if row["gap_runs"]}
    assert known == set(FAMILIES) - {PATIENTS_FAMILY}
