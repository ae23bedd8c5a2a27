"""Files of the four published families, invented and small."""

import json

import pytest

from dispatch.darp.check import check
from dispatch.darp.instances import TICKS, read_instance
from dispatch.darp.problem import Rule, TimeWindow
from tests.darp.building import drop, pick, plan_of, route_of

CORDEAU_2006 = """\
2 2 480 3 30
0 0.0 0.0 0 0 0 480
1 3.0 4.0 3 1 0 1440
2 0.0 1.0 3 2 60 75
3 6.0 8.0 3 -1 20 35
4 0.0 2.0 3 -2 0 1440
5 0.0 0.0 0 0 0 480
"""
# The same, with its header counting nodes, and without the closing depot.
CORDEAU_LAPORTE_2003 = CORDEAU_2006.replace("2 2 480", "2 4 480").rsplit("\n", 2)[0]
MALHEIROS = """\
2 1
480 1 6 0 1
240 2 1 1 1
0 0 0 0 0 0 0 0 0 0 480
1 1 1 3 30 1 1 0 0 0 1440
2 4 5 3 0 -1 -1 0 0 60 75
3 0 0 0 0 0 0 0 0 0 480
"""
PATIENTS = {
    "sameVehicleBackward": False,
    "maxWaitTime": "00h30",
    "vehicles": [
        {
            "canTake": [0, 1],
            "start": 0,
            "end": 0,
            "capacity": 2,
            "availability": ["13h00:20h00", "07h00:12h00"],
        },
        {"canTake": [0], "start": -1, "end": -1, "capacity": 4, "availability": ["07h00:20h00"]},
    ],
    "patients": [
        {
            "category": 1,
            "load": 2,
            "start": 1,
            "destination": 2,
            "end": 1,
            "rdvTime": "10h00",
            "rdvDuration": "03h15",
            "srvDuration": "00h05",
        },
        {
            "category": 0,
            "load": 1,
            "start": -1,
            "destination": 2,
            "end": 1,
            "rdvTime": "09h00",
            "rdvDuration": "01h00",
            "srvDuration": "00h02",
        },
    ],
    "distMatrix": [[0, 7, 9], [7, 0, 5], [9, 5, 0]],
}


@pytest.fixture
def read(tmp_path):
    def read(text, name="small.txt"):
        (tmp_path / name).write_text(text)
        return read_instance(tmp_path / name)

    return read


def minutes(*values):
    return tuple(value * TICKS for value in values)


@pytest.mark.parametrize("text", [CORDEAU_2006, CORDEAU_LAPORTE_2003])
def test_single_depot_families_are_told_apart_by_their_rows(read, text):
    instance = read(text)

    first, second = instance.problem.requests
    vehicle = instance.problem.vehicles[1]
    assert instance.name == "small"
    assert len(instance.problem.vehicles) == 2
    assert first.delivery_window == TimeWindow(*minutes(20, 35))
    assert second.pickup_window == TimeWindow(*minutes(60, 75))
    assert second.load == (2,)
    assert (first.pickup_service, first.max_ride) == minutes(3, 30)
    assert vehicle.window == TimeWindow(*minutes(0, 480))
    assert (vehicle.max_duration, *vehicle.layouts) == (480 * TICKS, (3,))
    assert instance.distances[first.pickup, first.delivery] == 5.0


def test_the_cost_of_a_plan_is_its_exact_distance(read):
    instance = read(CORDEAU_2006)
    plan = plan_of(instance.problem, route_of(instance.problem, 0, pick(0, at=20), drop(0)))

    assert instance.cost(plan) == 20.0
    assert instance.routes(plan) == [[1, -1], []]


def test_distances_are_rounded_up_to_ticks(read):
    instance = read(CORDEAU_2006.replace("3.0 4.0", "1.0 1.0"))

    assert instance.distances[0, 1] == pytest.approx(1.41421356)
    assert instance.problem.travel[0, 1] == 14143


def test_the_heterogeneous_family_cumulates_what_may_take_a_better_place(read):
    problem = read(MALHEIROS).problem

    # Staff, seated, stretcher, wheelchair: 1 6 0 1 and 2 1 1 1; the request needs 1 1 0 0.
    assert [vehicle.layouts for vehicle in problem.vehicles] == [((0, 6, 7, 1),), ((1, 2, 4, 1),)]
    assert problem.requests[0].load == (0, 1, 2, 0)
    assert [vehicle.max_duration for vehicle in problem.vehicles] == list(minutes(480, 240))
    assert problem.requests[0].max_ride == 30 * TICKS


def test_the_heterogeneous_family_has_its_depots_in_turn(read):
    instance = read(MALHEIROS)
    first, second = instance.problem.vehicles

    assert instance.distances[first.start, second.start] == pytest.approx(200**0.5)
    assert instance.distances[first.start, instance.problem.requests[0].pickup] == pytest.approx(
        72**0.5
    )


def test_patients_go_to_their_appointment_and_back(read):
    problem = read(json.dumps(PATIENTS)).problem
    out, back, alone = problem.requests

    assert (out.pickup, out.delivery, back.pickup, back.delivery) == (1, 2, 2, 1)
    # Away from 9:30, out of the vehicle by 10:00 after 5 minutes of service.
    assert out.pickup_window == out.delivery_window == TimeWindow(*minutes(570, 595))
    # The appointment ends at 13:15.
    assert back.pickup_window == back.delivery_window == TimeWindow(*minutes(795, 825))
    assert (out.requires, back.requires, alone.requires) == (1, 0, None)
    assert (out.priority, back.priority, alone.priority) == (1, 0, 1)
    assert (alone.pickup, alone.pickup_window.earliest) == (2, 600 * TICKS)


def test_a_vehicle_with_two_availabilities_is_two_shifts_of_one_list(read):
    instance = read(json.dumps(PATIENTS))
    problem = instance.problem
    plan = plan_of(
        problem,
        route_of(problem, 0, pick(0, at=575 * TICKS), drop(0), leave=560 * TICKS),
        route_of(problem, 1, pick(1, at=800 * TICKS), drop(1), leave=780 * TICKS),
    )

    assert [vehicle.window for vehicle in problem.vehicles] == [
        TimeWindow(*minutes(420, 720)),
        TimeWindow(*minutes(780, 1200)),
        TimeWindow(*minutes(420, 1200)),
    ]
    assert [vehicle.driver for vehicle in problem.vehicles] == [0, 0, 1]
    assert instance.routes(plan) == [[1, -1, 2, -2], []]
    assert check(problem, plan) == []
    assert instance.cost(plan) == 7 + 5 + 9 + 9 + 5 + 7


def test_a_patient_goes_only_with_a_vehicle_of_the_category(read):
    problem = read(json.dumps(PATIENTS)).problem

    assert problem.forbidden.tolist() == [[0, 0, Rule.EQUIPMENT]] * 2 + [[0, 0, 0]]


def test_a_vehicle_without_a_depot_begins_and_ends_anywhere(read):
    instance = read(json.dumps(PATIENTS))
    vehicle = instance.problem.vehicles[2]

    assert not instance.distances[vehicle.start].any()
    assert not instance.distances[:, vehicle.end].any()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "{}",
        json.dumps(PATIENTS | {"sameVehicleBackward": True}),
        CORDEAU_2006.replace("2 2 480", "2 9 480"),
        MALHEIROS.replace("2 1\n", "2 3\n", 1),
    ],
)
def test_any_other_file_is_refused_by_name(read, text):
    with pytest.raises(ValueError, match=r"odd\.txt is no instance"):
        read(text, "odd.txt")
