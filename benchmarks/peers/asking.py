"""How a peer is asked: by name, for as long as we search, about what it can express."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec

from atmr.errors import DomainError
from dispatch.darp.problem import Problem, TimeWindow, Vehicle, Weights

# The module that must be installed, by the name under which a peer is asked for.
MODULES = {"ortools": "ortools", "vroom": "vroom", "pyvrp": "pyvrp"}

# Those who draw by a seed; the others give one answer, and are asked once.
SEEDED = {"pyvrp"}


class UnknownPeer(DomainError):
    message = "There is no peer “%(name)s”; there are %(known)s."


class PeerNotInstalled(DomainError):
    message = "“%(name)s” is not installed: pip install -r requirements-dev.txt."


class Feature(StrEnum):
    """What a problem may have that a solver may be unable to express."""

    RIDES = "ride time limits"
    BREAKS = "breaks"
    EMPTY_BREAKS = "breaks with nobody aboard"
    LAYOUTS = "alternative layouts"
    DURATIONS = "duration limits from leaving to coming back"
    OPEN_TO = "vehicles that may not take everybody"
    TOGETHER = "requests served both or neither"
    PRIORITIES = "priorities"
    SHARING = "pairs that may not share"
    DRIVER_LIMITS = "limits over all shifts of a driver"
    WAITS = "limits on waiting with somebody aboard"
    UNDER_WAY = "work under way or committed"
    PRICES = "prices other than of driving and of using a vehicle"


@dataclass(frozen=True)
class Reply:
    """Signed routes for each vehicle, and the plans on the way: seconds, unassigned, cost."""

    routes: list[list[int]]
    iterations: int | None = None
    trace: list[tuple[float, int, float]] = field(default_factory=list)


Route = Callable[[Problem, float, int], Reply]


def known(names: list[str]) -> list[str]:
    """The given peers, each of which is known and installed.

    :raises UnknownPeer: one is not known.
    :raises PeerNotInstalled: one is not installed.
    """
    for name in names:
        if name not in MODULES:
            raise UnknownPeer(name=name, known=", ".join(MODULES))
        if find_spec(MODULES[name]) is None:
            raise PeerNotInstalled(name=name)
    return names


def route_of(name: str) -> Route:
    """Load a peer; only its own process should."""
    found: Route = import_module(f"benchmarks.peers.{name}").route
    return found


def used(problem: Problem) -> set[Feature]:
    """The features that occur in a problem."""
    requests, vehicles = problem.requests, problem.vehicles
    breaks = any(vehicle.break_ is not None for vehicle in vehicles)
    occurs = {
        Feature.RIDES: any(request.max_ride is not None for request in requests),
        Feature.BREAKS: breaks,
        Feature.EMPTY_BREAKS: breaks,
        Feature.LAYOUTS: any(len(vehicle.layouts) > 1 for vehicle in vehicles),
        Feature.DURATIONS: any(vehicle.max_duration is not None for vehicle in vehicles),
        Feature.OPEN_TO: bool(problem.forbidden.any()),
        Feature.TOGETHER: any(request.requires is not None for request in requests),
        Feature.PRIORITIES: len({request.priority for request in requests}) > 1,
        Feature.SHARING: not problem.may_share.all(),
        Feature.DRIVER_LIMITS: any(driver.max_requests is not None for driver in problem.drivers),
        Feature.WAITS: any(vehicle.max_wait_aboard is not None for vehicle in vehicles),
        Feature.UNDER_WAY: any(vehicle.committed for vehicle in vehicles),
        Feature.PRICES: bool(_other_prices(problem)),
    }
    return {feature for feature, there in occurs.items() if there}


def _other_prices(problem: Problem) -> bool:
    plain = Weights(driving_tick=problem.weights.driving_tick)
    return problem.weights != plain or bool(problem.assign_cost.any())


# What each states to its solver. The rest of what a problem has is left out.
EXPRESSES = {
    "ortools": {
        Feature.RIDES, Feature.BREAKS, Feature.DURATIONS, Feature.OPEN_TO, Feature.PRIORITIES,
    },
    "vroom": {Feature.BREAKS, Feature.EMPTY_BREAKS, Feature.OPEN_TO, Feature.PRIORITIES},
    "pyvrp": {Feature.DURATIONS, Feature.OPEN_TO, Feature.PRIORITIES},
}  # fmt: skip


def cannot(name: str, problem: Problem) -> list[str]:
    """What a peer leaves out of a problem, in the order of ``Feature``."""
    missing = used(problem) - EXPRESSES[name]
    return [str(feature) for feature in Feature if feature in missing]


def origin(problem: Problem) -> int:
    """The tick from which peers, who know no earlier time than 0, count: the first of a shift.

    Nothing happens before; a window that opens earlier opens then.
    """
    return min((vehicle.window.earliest for vehicle in problem.vehicles), default=0)


def between(window: TimeWindow, first: int) -> tuple[int, int]:
    """A window counted from `first`; one that ends before is the moment 0, and not kept."""
    return max(0, window.earliest - first), max(0, window.latest - first)


def places_of(vehicle: Vehicle) -> list[int]:
    """The most of each resource that any layout has: a choice between them is not expressed."""
    return [max(units) for units in zip(*vehicle.layouts, strict=True)]


def is_optional(problem: Problem) -> bool:
    """Whether leaving requests out is expected: they have priorities, or go together."""
    return bool(used(problem) & {Feature.TOGETHER, Feature.PRIORITIES})


def ranks(problem: Problem) -> list[int]:
    """For each request its priority, 0 for the lowest; all the same where requests go together.

    No peer can say that a request is worth nothing without its other, and one that puts the ways
    out before the ways back serves fewer of both.
    """
    if Feature.TOGETHER in used(problem):
        return [0] * len(problem.requests)
    known = sorted({request.priority for request in problem.requests})
    return [known.index(request.priority) for request in problem.requests]


def prizes(problem: Problem) -> list[int]:
    """For each request more than any plan costs, and by a factor more for a higher priority."""
    n, m = len(problem.requests), len(problem.vehicles)
    dearest = int(problem.travel.max(initial=1)) * (2 * n + m)
    dearest += sum(fixed_ticks(problem, vehicle) for vehicle in problem.vehicles)
    return [min(dearest * (n + 1) ** rank, 1 << 52) for rank in ranks(problem)]


def fixed_ticks(problem: Problem, vehicle: Vehicle) -> int:
    """What using a vehicle costs, in ticks of driving."""
    return round(vehicle.fixed_cost / problem.weights.driving_tick) if vehicle.fixed_cost else 0


def without_halves(problem: Problem, routes: list[list[int]]) -> list[list[int]]:
    """Take out those who are served without the one they require, as no peer does by itself."""
    while True:
        served = {signed - 1 for route in routes for signed in route if signed > 0}
        alone = {r for r in served if problem.requests[r].requires not in {None, *served}}
        if not alone:
            return routes
        routes = [[s for s in route if abs(s) - 1 not in alone] for route in routes]
