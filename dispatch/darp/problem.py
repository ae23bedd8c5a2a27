"""What is to be planned: requests, vehicles and travel times, in whole ticks.

Everything is validated once, here; the search and the verifier trust it afterwards. A malformed
problem is a ``ValueError``; one without a feasible plan is not an error.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Rule(IntEnum):
    """A hard rule. ``Problem.forbidden`` holds those that speak of a request and a vehicle."""

    NONE = 0
    # Of a request and a vehicle, known before any route: the values of ``Problem.forbidden``.
    SKILLS = 1
    EQUIPMENT = 2
    DOCUMENTS = 3
    REFUSED_DRIVER = 4
    RESERVE_OFF = 5
    LOCKED_ELSEWHERE = 6
    # Of a route.
    CAPACITY = 10
    PICKUP_WINDOW = 11
    DELIVERY_WINDOW = 12
    RIDE_TIME = 13
    VEHICLE_WINDOW = 14
    DURATION = 15
    BREAK = 16
    SHARING = 17
    MAX_REQUESTS = 18
    # Of a plan.
    REQUIRES = 20
    COMMITTED = 21
    STRUCTURE = 22  # not a plan of this problem: a stop missing, twice, or at an impossible time


class TimeWindow(NamedTuple):
    """Earliest and latest start of service, in ticks, both included."""

    earliest: int
    latest: int


@dataclass(frozen=True, slots=True)
class Request:
    """One pickup and one delivery of a load.

    ``pickup`` and ``delivery`` are rows of ``Problem.travel``. ``load`` has one entry for each
    resource of the problem. ``max_ride`` caps the ride time: start of service at the delivery
    minus departure from the pickup.

    ``aboard``: the client is in the vehicle already. There is no pickup stop; the ride limit is
    then the caller's to fold into ``delivery_window``, and ``pickup_window`` says nothing. It is
    in the ``committed`` of its vehicle.

    ``requires``: index of a request without which this one may not be served. Two that require
    each other are served both or neither.

    ``promise``: pickups that start outside it cost ``Weights.moved_promise`` once.
    """

    pickup: int
    delivery: int
    pickup_window: TimeWindow
    delivery_window: TimeWindow
    load: tuple[int, ...]
    pickup_service: int = 0
    delivery_service: int = 0
    max_ride: int | None = None
    priority: int = 0
    aboard: bool = False
    requires: int | None = None
    promise: TimeWindow | None = None


@dataclass(frozen=True, slots=True)
class Break:
    """A pause with nobody aboard. ``window`` holds its **start**; its end is start + duration.

    It is taken where the vehicle is after its previous stop. As the first thing of a route it is
    taken at the start place before leaving, as the last thing at the end place after coming back;
    in these two cases it does not count into the route's duration. All of it lies inside the
    vehicle's window, none of it before the last of the ``fixed`` stops. An empty route needs none.
    """

    window: TimeWindow
    duration: int


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A driver on duty with a vehicle; one shift.

    ``window``: earliest departure from ``start``, latest arrival at ``end``. ``layouts`` are
    alternative capacity vectors; the layout may change only while nobody is aboard, so each pool
    fits one of them. ``aboard_layout`` is the layout in use while requests are aboard at the
    start.

    ``committed``: signed request numbers (``3`` picks up request 3, ``-3`` delivers it, counted
    from 1) that this vehicle must serve, in an order that a route of them alone can follow. They
    are never dropped and never leave the vehicle. Of these the first ``fixed`` come first in the
    route, in this order, with nothing between them (the vehicle is under way to them).

    ``started``: when the duration began to count, if the vehicle is on the road already.
    ``fixed_cost`` is charged when the route is not empty.
    """

    start: int
    end: int
    window: TimeWindow
    layouts: tuple[tuple[int, ...], ...]
    driver: int
    break_: Break | None = None
    max_duration: int | None = None
    fixed_cost: float = 0.0
    started: int | None = None
    committed: tuple[int, ...] = ()
    fixed: int = 0
    aboard_layout: int | None = None


@dataclass(frozen=True, slots=True)
class Driver:
    """Who drives one or more vehicles (shifts) of the problem.

    ``past_paid`` and ``past_duty``: paid and on-duty ticks of the trailing days, for fairness.
    ``max_requests`` limits the requests over all shifts of the driver, those aboard included.
    """

    max_requests: int | None = None
    past_paid: int = 0
    past_duty: int = 0


@dataclass(frozen=True, slots=True)
class Weights:
    """Prices. Per tick where the name ends in ``_tick``, else once for each occurrence.

    ``fairness`` is per tick of duty: the term is ``fairness * sum over drivers of
    max(0, load_d - mean) * duty_d`` with ``load_d = (past_paid + route durations) / duty_d``,
    ``duty_d = past_duty + lengths of the shift windows`` and ``mean`` the plain mean of all
    ``load_d`` of drivers with ``duty_d > 0``.
    """

    driving_tick: float = 1.0
    working_tick: float = 0.0
    waiting_aboard_tick: float = 0.0
    moved_promise: float = 0.0
    split_pair: float = 0.0
    fairness: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A dial-a-ride problem.

    Parameters
    ----------
    requests, vehicles, drivers
        ``Vehicle.driver`` is an index into ``drivers``.
    travel : shape (places, places), int32
        Driving ticks from place to place; need not be symmetric.
    forbidden : shape (requests, vehicles), uint8
        ``Rule`` that keeps a request from a vehicle, 0 where it may go. Default: all allowed.
    assign_cost : shape (requests, vehicles), float64
        Price of giving a request to a vehicle: a preferred driver not taken, an announced driver
        changed. Default: 0.
    may_share : shape (requests, requests), bool
        Symmetric. Whether two requests may be aboard at the same moment. Default: all may.
    pairs
        Index pairs of requests that would like the same driver (two legs of a round trip);
        each pair served by two drivers costs ``Weights.split_pair``.
    weights
        The objective's prices. Driving is the sum of travel over all legs of non-empty routes.
    """

    requests: tuple[Request, ...]
    vehicles: tuple[Vehicle, ...]
    drivers: tuple[Driver, ...]
    travel: NDArray[np.int32]
    forbidden: NDArray[np.uint8] | None = None
    assign_cost: NDArray[np.float64] | None = None
    may_share: NDArray[np.bool_] | None = None
    pairs: tuple[tuple[int, int], ...] = ()
    weights: Weights = field(default_factory=Weights)

    def __post_init__(self) -> None:
        n, m = len(self.requests), len(self.vehicles)
        for name, shape, dtype in (
            ("forbidden", (n, m), np.uint8),
            ("assign_cost", (n, m), np.float64),
        ):
            value = getattr(self, name)
            array = np.zeros(shape, dtype) if value is None else np.ascontiguousarray(value, dtype)
            if array.shape != shape:
                raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
            object.__setattr__(self, name, array)
        share = self.may_share
        share = np.ones((n, n), np.bool_) if share is None else np.ascontiguousarray(share, bool)
        if share.shape != (n, n) or not np.array_equal(share, share.T):
            raise ValueError("may_share must be a symmetric square over the requests")
        object.__setattr__(self, "may_share", share)
        travel = np.ascontiguousarray(self.travel, np.int32)
        if travel.ndim != 2 or travel.shape[0] != travel.shape[1] or (travel < 0).any():
            raise ValueError("travel must be a square matrix of ticks, none negative")
        object.__setattr__(self, "travel", travel)
