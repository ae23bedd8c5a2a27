"""The answer: routes with their schedule, what is left unassigned, and what it all costs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from dispatch.darp.problem import Rule


class StopKind(IntEnum):
    START = 0
    PICKUP = 1
    DELIVERY = 2
    BREAK = 3
    END = 4


# For loops over stops: asking the class for a member takes ten times as long.
START, PICKUP, DELIVERY, BREAK, END = StopKind


@dataclass(frozen=True, slots=True)
class Stop:
    """One event of a route, in ticks.

    ``arrival <= start`` (waiting before service), ``departure == start + service``, except where
    the vehicle leaves the start place: the departure of START, or of a BREAK right after it
    (START's is then when that break is reached), may be later. ``request`` is an index, -1
    where there is none; ``layout`` at a pickup or delivery the index into ``Vehicle.layouts``
    in use there, the same in all of a pool, and -1 elsewhere.

    The duration of a route runs from leaving the start place (``Vehicle.started`` where given)
    to reaching the end place: the arrival of END, or of a BREAK right before it.
    """

    kind: StopKind
    place: int
    arrival: int
    start: int
    departure: int
    request: int = -1
    layout: int = -1


@dataclass(frozen=True, slots=True)
class Route:
    """The stops of one vehicle, START first and END last; no stops at all when unused."""

    stops: tuple[Stop, ...] = ()

    def signed(self) -> tuple[int, ...]:
        """Signed request numbers counted from 1: ``3`` picks up request 3, ``-3`` delivers it."""
        return tuple(
            stop.request + 1 if stop.kind is PICKUP else -(stop.request + 1)
            for stop in self.stops
            if stop.request >= 0
        )


@dataclass(frozen=True, slots=True)
class Cost:
    """What a plan costs. Compare ``unassigned`` first, then ``total``.

    ``unassigned`` counts the requests left out by priority, the highest first, one entry for
    every priority that occurs in the problem. ``components`` sum up to ``total``; their names:
    driving, working, waiting_aboard, vehicles, assigning, moved_promises, split_pairs, late,
    fairness.
    ``working`` prices the routes' durations, ``waiting_aboard`` the ticks between arrival and
    start at stops reached with anyone aboard (once, however many they are).
    """

    unassigned: tuple[int, ...]
    total: float
    components: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """One route for each vehicle of the problem, in its order."""

    routes: tuple[Route, ...]
    unassigned: tuple[int, ...]
    cost: Cost


def ordered(signed_routes: Sequence[Sequence[int]]) -> Plan:
    """A plan of orders alone, its times all zero: where a search may start."""
    routes = tuple(
        Route(
            tuple(
                Stop(StopKind.PICKUP if s > 0 else StopKind.DELIVERY, 0, 0, 0, 0, abs(s) - 1)
                for s in signed
            )
        )
        for signed in signed_routes
    )
    return Plan(routes, (), Cost((), 0.0))


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken hard rule and by how much: ticks, units of load, or requests; 1 where none fits.

    ``other`` is the second request where the rule is about two: SHARING and REQUIRES.
    """

    rule: Rule
    amount: int
    vehicle: int = -1
    request: int = -1
    other: int = -1
