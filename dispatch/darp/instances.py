"""Published dial-a-ride instances, read into problems.

Four families are told apart by their content: the single-depot ones of Cordeau (2006) and of
Cordeau and Laporte (2003), whose header counts requests or nodes; the multi-depot heterogeneous
one of Malheiros et al. (2021); and CSPLib's problem 082, patients to and from appointments.

A unit of an instance is ``TICKS`` ticks. Distances are rounded up, bounds inwards, so what is
feasible in ticks is feasible; what a plan costs is summed again over the exact distances.

References
----------
.. [1] Cordeau (2006), A branch-and-cut algorithm for the dial-a-ride problem. Operations
   Research 54(3), 573-586.
.. [2] Cordeau and Laporte (2003), A tabu search heuristic for the static multi-vehicle
   dial-a-ride problem. Transportation Research Part B 37(6), 579-594.
.. [3] Malheiros, Ramalho, Passeti, Bulhoes and Subramanian (2021), A hybrid algorithm for the
   multi-depot heterogeneous dial-a-ride problem. Computers and Operations Research 129.
.. [4] Cappart, Thomas, Schaus and Rousseau (2018), A constraint programming approach for solving
   patient transportation problems. CP 2018, LNCS 11008; CSPLib problem 082.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dispatch.darp.plan import Plan
from dispatch.darp.problem import Driver, Problem, Request, Rule, TimeWindow, Vehicle

TICKS = 10_000
FAMILIES = CORDEAU, CORDEAU_LAPORTE, MALHEIROS, PATIENTS = (
    "cordeau2006",
    "cordeau_laporte2003",
    "malheiros2021",
    "csplib_ptp",
)


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """A published instance: the problem, and how to state its answer.

    ``family`` is one of ``FAMILIES``, told by the content of the file. ``distances`` are exact,
    between the places of the problem. ``owners[v]`` is the vehicle of the file that vehicle ``v``
    of the problem belongs to: one with several availabilities is several vehicles of one driver.
    """

    name: str
    family: str
    problem: Problem
    distances: NDArray[np.float64]
    owners: tuple[int, ...]

    def cost(self, plan: Plan) -> float:
        """Travel time over the exact distances."""
        return sum(
            self.distances.item(before.place, stop.place)
            for route in plan.routes
            for before, stop in pairwise(route.stops)
        )

    def routes(self, plan: Plan) -> list[list[int]]:
        """Signed request numbers for each vehicle of the file, in its order."""
        lists: list[list[int]] = [[] for _ in range(max(self.owners, default=-1) + 1)]
        for owner, route in zip(self.owners, plan.routes, strict=True):
            lists[owner].extend(route.signed())
        return lists


def read_instance(path: Path) -> Instance:
    """Read a published instance of any of the four families.

    Raises
    ------
    ValueError
        The file is none of them.
    OSError
        The file cannot be read.
    """
    text = path.read_text(encoding="utf-8")
    try:
        if text.lstrip().startswith("{"):
            return _read_patients(path.stem, json.loads(text))
        rows = [[float(value) for value in line.split()] for line in text.splitlines()]
        rows = [row for row in rows if row]
        if len(rows[0]) == 5:
            return _read_cordeau(path.stem, rows)
        return _read_malheiros(path.stem, rows)
    except (KeyError, IndexError, TypeError, ValueError) as exc:
        raise ValueError(f"{path.name} is no instance of a known family: {exc!r}") from exc


def _up(value: float) -> int:
    return ceil(value * TICKS)


def _down(value: float) -> int:
    return floor(value * TICKS)


def _window(earliest: float, latest: float) -> TimeWindow:
    return TimeWindow(_up(earliest), _down(latest))


def _euclidean(points: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    x, y = np.array(points).T
    distances: NDArray[np.float64] = np.hypot(x[:, None] - x[None, :], y[:, None] - y[None, :])
    return distances


def _read_cordeau(name: str, rows: list[list[float]]) -> Instance:
    """One depot, one resource: ``vehicles requests-or-nodes route_limit capacity max_ride``."""
    (fleet, count, route_limit, capacity, max_ride), *nodes = rows
    family = CORDEAU if len(nodes) > count + 1 else CORDEAU_LAPORTE
    n = int(count) if family == CORDEAU else int(count) // 2
    if len(nodes) not in {2 * n + 1, 2 * n + 2}:
        raise ValueError(f"{len(nodes)} rows for {n} requests")
    distances = _euclidean([(row[1], row[2]) for row in nodes])
    opening, closing = nodes[0], nodes[-1] if len(nodes) == 2 * n + 2 else nodes[0]
    vehicles = [
        Vehicle(
            start=0,
            end=len(nodes) - 1 if len(nodes) == 2 * n + 2 else 0,
            window=_window(opening[5], closing[6]),
            layouts=((int(capacity),),),
            driver=v,
            max_duration=_down(route_limit),
        )
        for v in range(int(fleet))
    ]
    requests = [_request(r, n + r, nodes, (int(nodes[r][4]),), max_ride) for r in range(1, n + 1)]
    return _instance(name, family, requests, vehicles, distances)


def _request(
    pickup: int,
    delivery: int,
    nodes: list[list[float]],
    load: tuple[int, ...],
    max_ride: float,
) -> Request:
    """A request between two rows ``id x y service ... earliest latest``."""
    out, back = nodes[pickup], nodes[delivery]
    return Request(
        pickup=pickup,
        delivery=delivery,
        pickup_window=_window(*out[-2:]),
        delivery_window=_window(*back[-2:]),
        load=load,
        pickup_service=_up(out[3]),
        delivery_service=_up(back[3]),
        max_ride=_down(max_ride),
    )


def _read_malheiros(name: str, rows: list[list[float]]) -> Instance:
    """Four depots and four resources; upgrading is linear in cumulated loads."""
    (count, requests), rows = rows[0], rows[1:]
    fleet, nodes = rows[: int(count)], rows[int(count) :]
    n = int(requests)
    if len(nodes) != 2 * n + 2 or {len(row) for row in nodes} != {11}:
        raise ValueError(f"{len(nodes)} rows for {n} requests")
    # The depots come after the places of the requests; row 0 is their dummy.
    distances = _euclidean([*((row[1], row[2]) for row in nodes[: 2 * n + 1]), *DEPOTS])
    vehicles = [
        Vehicle(
            start=2 * n + 1 + v % len(DEPOTS),
            end=2 * n + 1 + v % len(DEPOTS),
            window=_window(nodes[0][9], nodes[-1][10]),
            layouts=(_cumulated(row[1:]),),
            driver=v,
            max_duration=_down(row[0]),
        )
        for v, row in enumerate(fleet)
    ]
    clients = [
        _request(r, n + r, nodes, _cumulated(nodes[r][5:9]), nodes[r][4]) for r in range(1, n + 1)
    ]
    return _instance(name, MALHEIROS, clients, vehicles, distances)


DEPOTS = ((-5.0, -5.0), (5.0, 5.0), (-5.0, 5.0), (5.0, -5.0))


def _cumulated(units: list[float]) -> tuple[int, ...]:
    """Staff, seated, stretcher, wheelchair: who may take another's place is counted with it.

    Staff may sit on a patient's seat or the stretcher, a seated patient on the stretcher.
    """
    staff, seated, stretcher, wheelchair = (int(unit) for unit in units)
    return stretcher, seated + stretcher, staff + seated + stretcher, wheelchair


def _read_patients(name: str, data: dict[str, Any]) -> Instance:
    """CSPLib's problem 082, as its specification and the model of its authors have it.

    The way out may begin ``maxWaitTime`` before the appointment, and the patient is out of the
    vehicle when it begins; the way back begins after it, and its delivery starts ``maxWaitTime``
    after its end at the latest. There is no other limit on a ride. Both legs of a patient are
    served or neither. Each availability of a vehicle is a route of its own, from depot to depot.
    To serve many patients, not many legs, comes first: a second leg is of lower priority.
    """
    if data["sameVehicleBackward"]:
        raise ValueError("both legs by the same vehicle (sameVehicleBackward) is not supported")
    matrix = np.array(data["distMatrix"], float)
    # Place -1, the depot of a vehicle without one, is the last row: it is no distance away.
    distances = np.pad(matrix, (0, 1))
    requests: list[Request] = []
    categories: list[int] = []
    for patient in data["patients"]:
        legs = _legs(patient, _minutes(data["maxWaitTime"]), len(requests))
        requests += legs
        categories += [patient["category"]] * len(legs)
    shifts = [
        (owner, vehicle, [_minutes(time) for time in available.split(":")])
        for owner, vehicle in enumerate(data["vehicles"])
        for available in sorted(vehicle["availability"])
    ]
    vehicles = [
        Vehicle(
            start=vehicle["start"] % len(distances),
            end=vehicle["end"] % len(distances),
            window=_window(opens, closes),
            layouts=((vehicle["capacity"],),),
            driver=owner,
        )
        for owner, vehicle, (opens, closes) in shifts
    ]
    taken = [
        [category in vehicle["canTake"] for _, vehicle, _ in shifts] for category in categories
    ]
    forbidden = np.where(np.array(taken, bool), Rule.NONE, Rule.EQUIPMENT)
    return _instance(name, PATIENTS, requests, vehicles, distances, forbidden=forbidden)


def _legs(patient: dict[str, Any], max_wait: int, first: int) -> list[Request]:
    """The way out, then the way back, without those from or to no place (-1).

    `first` is the index of the first of them.
    """
    begins = _minutes(patient["rdvTime"])
    ends = begins + _minutes(patient["rdvDuration"])
    service = _minutes(patient["srvDuration"])
    ways = [
        (patient["start"], patient["destination"], begins - max_wait, begins - service),
        (patient["destination"], patient["end"], ends, ends + max_wait),
    ]
    ways = [way for way in ways if -1 not in way[:2]]
    return [
        Request(
            pickup=pickup,
            delivery=delivery,
            # Of a service longer than the wait, the pickup alone fits, and the leg is unservable.
            pickup_window=_window(earliest, max(earliest, latest)),
            delivery_window=_window(earliest, max(earliest, latest)),
            load=(patient["load"],),
            pickup_service=_up(service),
            delivery_service=_up(service),
            priority=int(leg == 0),
            requires=first + 1 - leg if len(ways) == 2 else None,
        )
        for leg, (pickup, delivery, earliest, latest) in enumerate(ways)
    ]


def _minutes(time: str) -> int:
    hours, minutes = time.split("h")
    return 60 * int(hours) + int(minutes)


def _instance(
    name: str,
    family: str,
    requests: list[Request],
    vehicles: list[Vehicle],
    distances: NDArray[np.float64],
    *,
    forbidden: NDArray[np.int_] | None = None,
) -> Instance:
    """Drivers are the vehicles of the file."""
    owners = tuple(vehicle.driver for vehicle in vehicles)
    shape = (len(requests), len(vehicles))
    problem = Problem(
        requests=tuple(requests),
        vehicles=tuple(vehicles),
        drivers=tuple(Driver() for _ in range(max(owners, default=-1) + 1)),
        travel=np.ceil(distances * TICKS).astype(np.int32),
        forbidden=(np.zeros(shape) if forbidden is None else forbidden).astype(np.uint8),
    )
    return Instance(name, family, problem, distances, owners)
