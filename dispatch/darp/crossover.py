"""A population of plans, and a new plan from two of them.

A child takes over some neighbouring routes of one parent in place of those of the other which
serve about the same requests; what is then served by nobody enters anew.

References
----------
.. [1] Nagata and Kobayashi (2010), A memetic algorithm for the pickup and delivery problem with
   time windows using selective route exchange crossover. PPSN XI, 536-545.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dispatch.darp import kernel
from dispatch.darp.kernel import Data

Codes = NDArray[np.int64]


class Member(NamedTuple):
    """A plan of the population: by priorities missed, then cost, the least is the best."""

    missed: int
    cost: float
    routes: tuple[Codes, ...]

    def beats(self, other: "Member") -> bool:
        return self.missed < other.missed or (
            self.missed == other.missed and self.cost < other.cost - 1e-9
        )


class Population:
    """The best plans found so far, the best first; no two of the same cost."""

    def __init__(self, most: int, rng: np.random.Generator) -> None:
        self.most = most
        self.rng = rng
        self.members: list[Member] = []

    def add(self, member: Member) -> None:
        """Take a plan in if it is new, the worst one out if there are too many."""
        if any(not member.beats(one) and not one.beats(member) for one in self.members):
            return
        self.members = sorted([*self.members, member], key=lambda one: one[:2])[: self.most]

    def parents(self) -> tuple[Member, Member]:
        """Two plans, the first rather a good one; the same one twice where there is no other."""
        count = len(self.members)
        first = int(self.rng.integers(count, size=2).min())
        if count == 1:
            return self.members[0], self.members[0]
        second = (first + 1 + int(self.rng.integers(count - 1))) % count
        return self.members[first], self.members[second]


def cross(
    data: Data, near: NDArray[np.int64], parents: tuple[Member, Member], rng: np.random.Generator
) -> list[Codes]:
    """Routes of a child, one for each vehicle: ``near`` are the neighbours of each request.

    Vehicles that are alike stand for each other. Committed work stays where it is: it is in the
    route of the same vehicle in both parents, and what is not alike is not exchanged.
    """
    n = len(data.request)
    mine, other = (_homes(parent.routes, n) for parent in parents)
    giving = _around(mine, near, len(data.vehicle), rng)
    taken = _dealt(data, _overlapping(mine, other, giving), giving)
    routes = list(parents[0].routes)
    moved = np.zeros(2 * n, bool)
    for vehicle, source in taken.items():
        routes[vehicle] = parents[1].routes[source]
        moved[routes[vehicle]] = True
    for vehicle in range(len(routes)):
        if vehicle not in taken:
            route = routes[vehicle]
            routes[vehicle] = route[~moved[route]]
    return routes


def _homes(routes: tuple[Codes, ...], n: int) -> Codes:
    """The vehicle of each request, -1 where it has none."""
    homes = np.full(n, -1, np.int64)
    for vehicle, route in enumerate(routes):
        homes[route[route >= n] - n] = vehicle
    return homes


def _around(
    homes: Codes, near: NDArray[np.int64], vehicles: int, rng: np.random.Generator
) -> list[int]:
    """Up to half of the vehicles: those that serve a request of chance and its neighbours."""
    most = 1 + int(rng.integers(max(1, vehicles // 2)))
    seed = int(rng.integers(len(homes)))
    found = homes[np.concatenate([[seed], near[seed]])]
    return list(dict.fromkeys(found[found >= 0].tolist()))[:most]


def _overlapping(mine: Codes, other: Codes, giving: list[int]) -> list[int]:
    """As many vehicles of the other plan, those that serve the most of the same requests."""
    shared = other[np.isin(mine, giving) & (other >= 0)]
    counts = np.bincount(shared, minlength=1)
    order = np.argsort(-counts, kind="stable")[: len(giving)]
    return [int(v) for v in order if counts[v] > 0]


def _dealt(data: Data, sources: list[int], giving: list[int]) -> dict[int, int]:
    """Which vehicle takes over whose route: its own if it can, else one that is alike."""
    classes = data.vehicle[:, kernel.CLASS]
    free = list(giving)
    taken = {}
    for source in sorted(sources, key=lambda v: v not in giving):
        alike = [v for v in free if classes[v] == classes[source]]
        if alike:
            vehicle = source if source in alike else alike[0]
            free.remove(vehicle)
            taken[vehicle] = source
    return taken
