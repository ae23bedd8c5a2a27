"""What a plan costs, recomputed from its stops: the judge of every cost the search reports."""

from itertools import pairwise

from dispatch.darp.check import Stops, aboard_between, duration
from dispatch.darp.plan import DELIVERY, PICKUP, Cost, Plan
from dispatch.darp.problem import Problem


def cost(problem: Problem, plan: Plan) -> Cost:
    """The objective of `problem`, each component as ``Weights`` and ``Cost`` define it.

    The plan must be one of the problem (``check`` finds no STRUCTURE); it need not be feasible.
    """
    routes = [(v, route.stops) for v, route in enumerate(plan.routes) if route.stops]
    drivers = {s.request: problem.vehicles[v].driver for v, stops in routes for s in stops}
    weights = problem.weights
    components = {
        "driving": weights.driving_tick * sum(_driven(problem, stops) for _, stops in routes),
        "working": weights.working_tick * sum(duration(problem, v, stops) for v, stops in routes),
        "waiting_aboard": weights.waiting_aboard_tick
        * sum(_waited_aboard(problem, v, stops) for v, stops in routes),
        "vehicles": sum(problem.vehicles[v].fixed_cost for v, _ in routes),
        "assigning": sum(
            problem.assign_cost.item(stop.request, v)
            for v, stops in routes
            for stop in stops
            if stop.kind is DELIVERY
        ),
        "moved_promises": weights.moved_promise
        * sum(_moved_promises(problem, stops) for _, stops in routes),
        "split_pairs": weights.split_pair
        * sum(a in drivers and b in drivers and drivers[a] != drivers[b] for a, b in problem.pairs),
        "late": weights.late_tick * sum(_late(problem, stops) for _, stops in routes),
        "fairness": weights.fairness * _unfair_ticks(problem, routes),
    }
    components = {name: float(price) for name, price in components.items()}
    return Cost(count_unassigned(problem, plan.unassigned), sum(components.values()), components)


def count_unassigned(problem: Problem, unassigned: tuple[int, ...]) -> tuple[int, ...]:
    """How many are left out, one entry for each priority of the problem, the highest first."""
    priorities = sorted({request.priority for request in problem.requests}, reverse=True)
    left = [problem.requests[r].priority for r in unassigned]
    return tuple(left.count(priority) for priority in priorities)


def _driven(problem: Problem, stops: Stops) -> int:
    return sum(problem.travel.item(a.place, b.place) for a, b in pairwise(stops))


def _waited_aboard(problem: Problem, v: int, stops: Stops) -> int:
    """Ticks between arrival and start at stops reached with anyone aboard."""
    after = aboard_between(problem, v, stops)
    return sum(
        stop.start - stop.arrival
        for stop, aboard in zip(stops[1:], after[:-1], strict=True)
        if aboard
    )


def _moved_promises(problem: Problem, stops: Stops) -> int:
    moved = 0
    for stop in stops:
        promise = problem.requests[stop.request].promise if stop.kind is PICKUP else None
        if promise is not None and not promise.earliest <= stop.start <= promise.latest:
            moved += 1
    return moved


def _late(problem: Problem, stops: Stops) -> int:
    """Ticks by which services start after they are due."""
    late = 0
    for stop in stops:
        due = None
        if stop.kind is PICKUP:
            due = problem.requests[stop.request].pickup_due
        elif stop.kind is DELIVERY:
            due = problem.requests[stop.request].delivery_due
        late += 0 if due is None else max(0, stop.start - due)
    return late


def _unfair_ticks(problem: Problem, routes: list[tuple[int, Stops]]) -> float:
    """Sum over drivers of ``max(0, load - mean load) * duty``; see ``Weights``."""
    paid = [driver.past_paid for driver in problem.drivers]
    duty = [driver.past_duty for driver in problem.drivers]
    for vehicle in problem.vehicles:
        duty[vehicle.driver] += vehicle.window.latest - vehicle.window.earliest
    for v, stops in routes:
        paid[problem.vehicles[v].driver] += duration(problem, v, stops)
    loads = [(p / on_duty, on_duty) for p, on_duty in zip(paid, duty, strict=True) if on_duty]
    if not loads:
        return 0.0
    mean = sum(load for load, _ in loads) / len(loads)
    return sum(max(0.0, load - mean) * on_duty for load, on_duty in loads)
