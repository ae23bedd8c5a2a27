"""A second judge of the answers to published instances: its own reader, in doubles.

It shares neither the reader nor the ticks of the optimiser. From a file and the signed routes of
its contract (counted from 1, one list for each vehicle) it says what is wrong, if anything.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import dist, inf
from pathlib import Path
from typing import Any

EPSILON = 1e-6
Point = tuple[float, float]


@dataclass(frozen=True)
class Node:
    """Where a stop is, when its service may start, how long it takes, who boards or leaves."""

    place: Any
    earliest: float
    latest: float
    service: float
    load: tuple[float, ...]


@dataclass(frozen=True)
class Shift:
    start: Any
    end: Any
    earliest: float
    latest: float
    capacity: tuple[float, ...]
    longest: float = inf


@dataclass
class Facts:
    """An instance as its file states it. ``rides[r]`` is the longest ride of request ``r``."""

    pickups: list[Node]
    deliveries: list[Node]
    rides: list[float]
    vehicles: list[list[Shift]]
    # Of patients: which categories a vehicle takes, each one's, and whose legs go together.
    takes: list[set[int]] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    legs: list[tuple[int, ...]] = field(default_factory=list)
    matrix: list[list[float]] = field(default_factory=list)

    def driven(self, a: Any, b: Any) -> float:
        if not self.matrix:
            return dist(a, b)
        return 0.0 if -1 in (a, b) else float(self.matrix[a][b])


def faults(path: Path, routes: Sequence[Sequence[int]], *, complete: bool = True) -> list[str]:
    """What keeps `routes` from being a feasible answer, and a complete one if it should be."""
    facts = read_facts(path)
    if len(routes) != len(facts.vehicles):
        return [f"{len(routes)} routes for {len(facts.vehicles)} vehicles"]
    missing = len(facts.pickups) - sum(signed > 0 for route in routes for signed in route)
    left_out = [f"{missing} requests are not served"] if complete and missing else []
    return [*left_out, *_served(facts, routes), *_driven(facts, routes)]


def read_facts(path: Path) -> Facts:
    """Read a published instance of any of the four families."""
    text = path.read_text(encoding="utf-8")
    if text.lstrip().startswith("{"):
        return _patients(json.loads(text))
    rows = [[float(word) for word in line.split()] for line in text.splitlines() if line.split()]
    return _single_depot(rows) if len(rows[0]) == 5 else _several_depots(rows)


def _single_depot(rows: list[list[float]]) -> Facts:
    header, nodes = rows[0], rows[1:]
    n = (len(nodes) - 1) // 2
    depot, last = nodes[0], nodes[-1] if len(nodes) % 2 == 0 else nodes[0]
    shift = Shift(
        (depot[1], depot[2]), (last[1], last[2]), depot[5], last[6], (header[3],), header[2]
    )
    stops = [
        Node((x, y), opens, closes, service, (load,))
        for _, x, y, service, load, opens, closes in nodes[1 : 2 * n + 1]
    ]
    return Facts(stops[:n], stops[n:], [header[4]] * n, [[shift]] * int(header[0]))


def _several_depots(rows: list[list[float]]) -> Facts:
    fleet, n = int(rows[0][0]), int(rows[0][1])
    vehicles, nodes = rows[1 : fleet + 1], rows[fleet + 1 :]
    corners = [(-5.0, -5.0), (5.0, 5.0), (-5.0, 5.0), (5.0, -5.0)]
    shifts = [
        [Shift(corners[v % 4], corners[v % 4], nodes[0][9], nodes[-1][10], tuple(row[1:]), row[0])]
        for v, row in enumerate(vehicles)
    ]
    stops = [
        Node((row[1], row[2]), row[9], row[10], row[3], tuple(row[5:9]))
        for row in nodes[1 : 2 * n + 1]
    ]
    return Facts(stops[:n], stops[n:], [row[4] for row in nodes[1 : n + 1]], shifts)


def _clock(text: str) -> float:
    hours, minutes = text.split("h")
    return 60.0 * float(hours) + float(minutes)


def _patients(data: dict[str, Any]) -> Facts:
    facts = Facts([], [], [], [], matrix=data["distMatrix"])
    wait = _clock(data["maxWaitTime"])
    for patient in data["patients"]:
        begins, service = _clock(patient["rdvTime"]), _clock(patient["srvDuration"])
        ends = begins + _clock(patient["rdvDuration"])
        there, places = patient["destination"], (patient["start"], patient["end"])
        legs = []
        for at, (a, b, opens, closes) in enumerate(
            (
                (places[0], there, begins - wait, begins - service),
                (there, places[1], ends, ends + wait),
            )
        ):
            if places[at] == -1 or there == -1:
                continue
            legs.append(len(facts.pickups))
            load = (float(patient["load"]),)
            facts.pickups.append(Node(a, opens, closes, service, load))
            facts.deliveries.append(Node(b, opens, closes, service, (-load[0],)))
            facts.rides.append(inf)
            facts.kinds.append(patient["category"])
        facts.legs.append(tuple(legs))
    for vehicle in data["vehicles"]:
        hours = sorted(
            [_clock(time) for time in part.split(":")] for part in vehicle["availability"]
        )
        facts.vehicles.append(
            [
                Shift(vehicle["start"], vehicle["end"], a, b, (float(vehicle["capacity"]),))
                for a, b in hours
            ]
        )
        facts.takes.append(set(vehicle["canTake"]))
    return facts


def _served(facts: Facts, routes: Sequence[Sequence[int]]) -> Iterator[str]:
    """Each request at most once, picked up before delivered; of a patient all legs or none."""
    n = len(facts.pickups)
    stops = Counter(signed for route in routes for signed in route)
    if any(not 1 <= abs(signed) <= n or count > 1 for signed, count in stops.items()):
        yield "a stop is unknown, or served twice"
        return
    for number, route in enumerate(routes, 1):
        at = {signed: i for i, signed in enumerate(route)}
        if any(at.get(-abs(signed), -1) <= at.get(abs(signed), n * n + 1) for signed in route):
            yield f"vehicle {number}: a delivery without its pickup before"
    served = {signed - 1 for signed in stops if signed > 0}
    for patient, legs in enumerate(facts.legs, 1):
        if 0 < len(served.intersection(legs)) < len(legs):
            yield f"patient {patient} is served in one direction only"


def _driven(facts: Facts, routes: Sequence[Sequence[int]]) -> Iterator[str]:
    for v, route in enumerate(routes):
        if any(not 1 <= abs(signed) <= len(facts.pickups) for signed in route):
            continue
        if facts.takes and any(
            facts.kinds[abs(signed) - 1] not in facts.takes[v] for signed in route
        ):
            yield f"vehicle {v + 1} may not take one of its patients"
        if not _fits(facts, route, facts.vehicles[v][0].capacity):
            yield f"vehicle {v + 1} is overloaded"
        if not _split(facts, list(route), facts.vehicles[v]):
            yield f"vehicle {v + 1} cannot keep its times"


def _fits(facts: Facts, route: Sequence[int], capacity: tuple[float, ...]) -> bool:
    aboard = [0.0] * len(capacity)
    for signed in route:
        node = facts.pickups[signed - 1] if signed > 0 else facts.deliveries[-signed - 1]
        aboard = [a + units for a, units in zip(aboard, node.load, strict=True)]
        if not (_seated(aboard, capacity) if len(capacity) == 4 else aboard[0] <= capacity[0]):
            return False
    return True


def _seated(aboard: list[float], places: tuple[float, ...]) -> bool:
    """Staff sit on their own, a patient's seat or the stretcher; patients on the latter two."""
    staff, seated, stretcher, wheelchair = aboard
    seats, beds = places[1], places[2] - stretcher
    if beds < 0 or wheelchair > places[3]:
        return False
    beds -= max(0.0, seated - seats)
    seats -= min(seated, seats)
    return beds >= 0 and staff <= places[0] + seats + beds


def _split(facts: Facts, route: list[int], shifts: Sequence[Shift]) -> bool:
    """Whether the list is one route for each availability, in their order, some of them empty."""
    if not route:
        return True
    if not shifts:
        return False
    aboard: set[int] = set()
    ends = [0]
    for i, signed in enumerate(route, 1):
        aboard ^= {abs(signed)}
        if not aboard:
            ends.append(i)
    return any(
        _in_time(facts, route[:end], shifts[0]) and _split(facts, route[end:], shifts[1:])
        for end in ends
    )


def _in_time(facts: Facts, route: list[int], shift: Shift) -> bool:
    """Whether any times of this order keep all bounds."""
    if not route:
        return True
    stops = [facts.pickups[s - 1] if s > 0 else facts.deliveries[-s - 1] for s in route]
    nothing = (0.0,) * len(shift.capacity)
    first = Node(shift.start, shift.earliest, shift.latest, 0.0, nothing)
    last = Node(shift.end, shift.earliest, shift.latest, 0.0, nothing)
    nodes = [first, *stops, last]
    at = {signed: i for i, signed in enumerate(route, 1)}
    bounds = [
        (i, i + 1, a.service + facts.driven(a.place, b.place))
        for i, (a, b) in enumerate(pairwise(nodes))
    ]
    bounds.append((len(nodes) - 1, 0, -shift.longest))
    bounds += [
        (at[-s], at[s], -(facts.pickups[s - 1].service + facts.rides[s - 1]))
        for s in route
        if s > 0
    ]
    return _reachable([(node.earliest, node.latest) for node in nodes], bounds)


def _reachable(windows: list[tuple[float, float]], bounds: list[tuple[int, int, float]]) -> bool:
    """Longest paths: push the times up until nothing moves, or one is past its window.

    A bound (first, then, least) asks that time[then] is at least time[first] + least.
    """
    times = [earliest for earliest, _ in windows]
    for _ in range(len(times) + 1):
        moved = False
        for first, then, least in bounds:
            if times[first] + least > times[then] + EPSILON / len(times):
                times[then] = times[first] + least
                moved = True
        late = (time - latest for time, (_, latest) in zip(times, windows, strict=True))
        if max(late) > EPSILON:
            return False
        if not moved:
            return True
    return False
