"""Random tiny problems, every rule and every price drawn or left out."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from dispatch.darp.problem import (
    Break,
    Driver,
    Problem,
    Request,
    Rule,
    TimeWindow,
    Vehicle,
    Weights,
)

UNBOUND = TimeWindow(-50, 500)
FORBIDDING = [Rule.SKILLS, Rule.EQUIPMENT, Rule.REFUSED_DRIVER, Rule.RESERVE_OFF]


@st.composite
def windows(draw, shortest=0, longest=60):
    opens = draw(st.integers(-10, 60))
    return TimeWindow(opens, opens + draw(st.integers(shortest, longest)))


@st.composite
def travels(draw, places):
    """Ticks between points of a plane, or any asymmetric matrix."""
    if draw(st.booleans()):
        points = np.array(
            draw(st.lists(st.tuples(*[st.integers(0, 9)] * 2), min_size=places, max_size=places))
        )
        return np.abs(points[:, None] - points[None, :]).sum(axis=2)
    size = places * places
    flat = draw(st.lists(st.integers(0, 15), min_size=size, max_size=size))
    matrix = np.array(flat).reshape(places, places)
    np.fill_diagonal(matrix, 0)
    return matrix


@st.composite
def requests(draw, index, size, places, resources):
    maybe = st.none() | st.integers(0, 40)
    return Request(
        pickup=draw(st.integers(0, places - 1)),
        delivery=draw(st.integers(0, places - 1)),
        pickup_window=draw(windows() | st.just(UNBOUND)),
        delivery_window=draw(st.just(UNBOUND) | windows(10, 90)),
        load=draw(st.tuples(*[st.integers(0, 2)] * resources)),
        pickup_service=draw(st.integers(0, 3)),
        delivery_service=draw(st.integers(0, 3)),
        max_ride=draw(maybe),
        priority=draw(st.integers(0, 2)),
        requires=draw(st.none() | st.integers(0, size - 1).filter(lambda other: other != index))
        if size > 1
        else None,
        promise=draw(st.none() | windows(0, 10)),
        pickup_due=draw(st.none() | st.integers(-10, 80)),
        delivery_due=draw(st.none() | st.integers(-10, 120)),
    )


@st.composite
def vehicles(draw, places, resources, drivers):
    opens = draw(st.integers(-20, 20))
    window = TimeWindow(opens, opens + draw(st.integers(60, 200)))
    roomy = st.just(((9,) * resources,))
    return Vehicle(
        start=draw(st.integers(0, places - 1)),
        end=draw(st.integers(0, places - 1)),
        window=window,
        layouts=draw(
            st.lists(st.tuples(*[st.integers(0, 3)] * resources), min_size=1, max_size=2).map(tuple)
            | roomy
        ),
        driver=draw(st.integers(0, drivers - 1)),
        break_=draw(st.none() | st.builds(Break, windows(), st.integers(0, 10))),
        max_duration=draw(st.none() | st.integers(30, 150)),
        fixed_cost=float(draw(st.integers(0, 20))),
        max_wait_aboard=draw(st.none() | st.integers(0, 20)),
    )


@st.composite
def weights(draw, fairness=True):
    """Prices; working time costs enough for padding a route never to pay by being fairer.

    A tick late costs what it can save of all else, which is where the order of the search ends.
    """
    unfair = draw(st.sampled_from([0.0, 0.25])) if fairness else 0.0
    working = 4.0 if unfair else draw(st.sampled_from([0.5, 0.0]))
    waiting = draw(st.sampled_from([0.0, 0.5, 2.0]))
    return Weights(
        driving_tick=draw(st.sampled_from([1.0, 0.0])),
        working_tick=working,
        waiting_aboard_tick=waiting,
        moved_promise=draw(st.sampled_from([0.0, 7.0])),
        split_pair=draw(st.sampled_from([0.0, 5.0])),
        fairness=unfair,
        late_tick=draw(st.sampled_from([0.0, working + waiting + unfair])),
    )


@st.composite
def problems(draw, max_requests=3, max_vehicles=2, committed=True):
    """Everything a problem can say; with `committed`, some work is under way already."""
    n = draw(st.integers(1, max_requests))
    m = draw(st.integers(1, max_vehicles))
    places, resources = draw(st.integers(2, 5)), draw(st.integers(1, 2))
    drivers = draw(st.integers(1, m))
    forbid = draw(st.booleans())
    cell = st.sampled_from([Rule.NONE, Rule.NONE, *FORBIDDING]) if forbid else st.just(Rule.NONE)
    cells = draw(st.lists(cell, min_size=n * m, max_size=n * m))
    apart = draw(st.lists(st.booleans(), min_size=n * n, max_size=n * n))
    share = ~np.array(apart, dtype=bool).reshape(n, n)
    vans = [draw(vehicles(places, resources, drivers)) for _ in range(m)]
    clients = [draw(requests(r, n, places, resources)) for r in range(n)]
    if committed and draw(st.booleans()):
        clients, vans = draw(committed_to(clients, vans))
    return Problem(
        requests=tuple(clients),
        vehicles=tuple(vans),
        drivers=tuple(
            Driver(draw(st.none() | st.integers(0, n)), draw(st.integers(0, 50)), 100)
            for _ in range(drivers)
        ),
        travel=draw(travels(places)),
        forbidden=np.array(cells, np.uint8).reshape(n, m),
        assign_cost=np.array(
            draw(st.lists(st.sampled_from([0.0, 3.0]), min_size=n * m, max_size=n * m))
        ).reshape(n, m),
        may_share=share & share.T if draw(st.booleans()) else None,
        pairs=draw(st.sampled_from([(), ((0, n - 1),)])) if n > 1 else (),
        weights=draw(weights()),
    )


@st.composite
def committed_to(draw, clients, vans):
    """Give some of the requests to vehicles, in an order, some of them aboard already."""
    clients, vans = list(clients), list(vans)
    owners = [draw(st.integers(-1, len(vans) - 1)) for _ in clients]
    for v, van in enumerate(vans):
        mine = [r for r, owner in enumerate(owners) if owner == v]
        order = draw(st.permutations([r for r in mine for _ in range(2)]))
        signed, seen, aboard = [], set(), set()
        for r in order:
            if r not in seen:
                seen.add(r)
                if not signed and draw(st.booleans()):
                    aboard.add(r)
                else:
                    signed.append(r + 1)
            elif r not in aboard:
                signed.append(-(r + 1))
        for r in sorted(aboard):
            clients[r] = replace(clients[r], aboard=True)
            place = draw(st.integers(0, len(signed)))
            signed.insert(place, -(r + 1))
        layouts = len(van.layouts)
        vans[v] = replace(
            van,
            committed=tuple(signed),
            fixed=draw(st.integers(0, len(signed))),
            aboard_layout=draw(st.integers(0, layouts - 1)) if aboard else None,
            started=van.window.earliest - draw(st.integers(0, 20)) if draw(st.booleans()) else None,
        )
    return clients, vans
