"""What is to be planned: requests, vehicles and travel times, in whole ticks.

Everything is validated once, here; the search and the verifier trust it afterwards. A malformed
problem is a ``ValueError``; one without a feasible plan is not an error.
"""

from dataclasses import dataclass, field, fields
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
    WAITING_ABOARD = 19
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

    ``pickup_due``, ``delivery_due``: each tick by which service starts later costs
    ``Weights.late_tick``. They may lie anywhere; the windows stay hard.
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
    pickup_due: int | None = None
    delivery_due: int | None = None


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

    ``started``: when the duration began to count, if the vehicle is on the road already; a break
    taken first then counts. ``fixed_cost`` is charged when the route is not empty.

    ``max_wait_aboard``: the longest wait at one stop, from arrival to the start of service, while
    anybody is aboard on arrival. Leaving the start place late is not a wait at a stop.
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
    max_wait_aboard: int | None = None


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

    ``late_tick`` is for starts of service after ``pickup_due`` and ``delivery_due``. Where it has a
    price, it should be at least ``working_tick + waiting_aboard_tick + fairness``: of the times of
    an order the search takes the least late ones.

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
    late_tick: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """A dial-a-ride problem.

    Parameters
    ----------
    requests, vehicles, drivers
        ``Vehicle.driver`` is an index into ``drivers``.
    travel : shape (places, places), int32
        Driving ticks from place to place, 0 on the diagonal; need not be symmetric.
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
    # None stands for the default until __post_init__ has filled it; readers never meet it.
    forbidden: NDArray[np.uint8] = None  # type: ignore[assignment]
    assign_cost: NDArray[np.float64] = None  # type: ignore[assignment]
    may_share: NDArray[np.bool_] = None  # type: ignore[assignment]
    pairs: tuple[tuple[int, int], ...] = ()
    weights: Weights = field(default_factory=Weights)

    def __post_init__(self) -> None:
        """Fill the defaults and validate.

        Raises
        ------
        ValueError
            The parts do not describe one problem.
        """
        self._set_matrices()
        resources = {len(request.load) for request in self.requests}
        resources |= {len(layout) for vehicle in self.vehicles for layout in vehicle.layouts}
        if len(resources) > 1:
            raise ValueError("loads and layouts must name the same resources")
        for r, request in enumerate(self.requests):
            _validate_request(f"request {r}", request, len(self.requests), len(self.travel))
        for v, vehicle in enumerate(self.vehicles):
            _validate_vehicle(f"vehicle {v}", vehicle, len(self.drivers), len(self.travel))
        for d, driver in enumerate(self.drivers):
            _require_not_negative(
                f"driver {d}", driver.max_requests, driver.past_paid, driver.past_duty
            )
        if any(not 0 <= r < len(self.requests) for pair in self.pairs for r in pair):
            raise ValueError("pairs must name requests of the problem")
        _require_not_negative("weights", *(getattr(self.weights, f.name) for f in fields(Weights)))
        self._validate_committed()

    def _set_matrices(self) -> None:
        n, m = len(self.requests), len(self.vehicles)
        for name, shape, default in (
            ("travel", np.shape(self.travel), None),
            ("forbidden", (n, m), np.zeros((n, m), np.uint8)),
            ("assign_cost", (n, m), np.zeros((n, m), np.float64)),
            ("may_share", (n, n), np.ones((n, n), np.bool_)),
        ):
            array = _matrix(name, getattr(self, name), shape, default)
            object.__setattr__(self, name, array)
        if not np.array_equal(self.may_share, self.may_share.T):
            raise ValueError("may_share must be symmetric")
        if self.travel.shape[0] != self.travel.shape[1] or (self.travel < 0).any():
            raise ValueError("travel must be a square matrix of ticks, none negative")
        if self.travel.diagonal().any():
            raise ValueError("travel from a place to itself must be 0")
        if not np.isin(self.forbidden, list(Rule)).all():
            raise ValueError("forbidden must hold values of Rule")
        if not np.isfinite(self.assign_cost).all():
            raise ValueError("assign_cost must be finite")

    def _validate_committed(self) -> None:
        """Each committed request is whole, on one vehicle; who is aboard is on one."""
        owner: dict[int, int] = {}
        for v, vehicle in enumerate(self.vehicles):
            mine = {abs(signed) - 1 for signed in vehicle.committed}
            if any(not 0 <= r < len(self.requests) for r in mine):
                raise ValueError(f"vehicle {v}: committed names an unknown request")
            if not owner.keys().isdisjoint(mine):
                raise ValueError(f"vehicle {v}: a request is committed to two vehicles")
            owner |= dict.fromkeys(mine, v)
            self._validate_work(f"vehicle {v}", vehicle, mine)
        if any(request.aboard and r not in owner for r, request in enumerate(self.requests)):
            raise ValueError("a request is aboard, but committed to no vehicle")

    def _validate_work(self, what: str, vehicle: Vehicle, committed: set[int]) -> None:
        for r in committed:
            stops = tuple(signed for signed in vehicle.committed if abs(signed) == r + 1)
            whole = (-(r + 1),) if self.requests[r].aboard else (r + 1, -(r + 1))
            if stops != whole:
                raise ValueError(f"{what}: committed stops of request {r} are {stops}")
        if vehicle.aboard_layout is None and any(self.requests[r].aboard for r in committed):
            raise ValueError(f"{what}: somebody is aboard, aboard_layout is missing")


def _matrix(
    name: str, value: NDArray | None, shape: tuple[int, ...], default: NDArray | None
) -> NDArray:
    dtype = np.dtype(np.int32) if default is None else default.dtype
    given = default if value is None else np.asarray(value)
    if given is None or given.ndim != 2 or given.shape != shape:
        raise ValueError(f"{name} must be a matrix of shape {shape}")
    array = np.ascontiguousarray(given, dtype)
    if not np.array_equal(array, given):
        raise ValueError(f"{name} does not fit {dtype}")
    return array


def _require_not_negative(what: str, *values: float | None) -> None:
    if any(value is not None and not 0 <= value < float("inf") for value in values):
        raise ValueError(f"{what}: a duration, load, limit or price is negative or endless")


def _require_index(what: str, size: int, *indices: int | None) -> None:
    if any(index is not None and not 0 <= index < size for index in indices):
        raise ValueError(f"{what}: an index is out of range")


def _require_window(what: str, window: TimeWindow | None) -> None:
    if window is not None and window.earliest > window.latest:
        raise ValueError(f"{what}: a window ends before it begins")


def _validate_request(what: str, request: Request, requests: int, places: int) -> None:
    _require_index(what, places, request.pickup, request.delivery)
    _require_index(what, requests, request.requires)
    for window in (request.pickup_window, request.delivery_window, request.promise):
        _require_window(what, window)
    _require_not_negative(what, request.pickup_service, request.delivery_service)
    _require_not_negative(what, request.max_ride, *request.load)


def _validate_vehicle(what: str, vehicle: Vehicle, drivers: int, places: int) -> None:
    if not vehicle.layouts:
        raise ValueError(f"{what} has no layout")
    _require_index(what, places, vehicle.start, vehicle.end)
    _require_index(what, drivers, vehicle.driver)
    _require_index(what, len(vehicle.layouts), vehicle.aboard_layout)
    _require_index(what, len(vehicle.committed) + 1, vehicle.fixed)
    _require_window(what, vehicle.window)
    if vehicle.break_ is not None:
        _require_window(what, vehicle.break_.window)
        _require_not_negative(what, vehicle.break_.duration)
    _require_not_negative(what, vehicle.max_duration, vehicle.fixed_cost, vehicle.max_wait_aboard)
    _require_not_negative(what, *(units for layout in vehicle.layouts for units in layout))
