"""The best plan of a tiny problem, by trying everything.

Every assignment, every order of stops, every place of the break and every layout is tried. What
remains are times: an integer program states the timing rules as the definitions do. Nothing here is
shared with the search; ``check`` and ``cost`` decide what is feasible and what it costs.
"""

from functools import cache
from itertools import product

from dispatch.darp.check import check
from dispatch.darp.cost import cost
from dispatch.darp.plan import Cost, Plan, Route
from tests.darp.model import BREAK, Model, end_of, solve_together


def optimum(problem):
    """The cheapest feasible plan; None where committed work makes all plans infeasible."""
    n, m = len(problem.requests), len(problem.vehicles)
    best = None

    @cache
    def routes(v, served):
        return tuple(timed_routes(problem, v, served))

    plans = []
    for owners in product(range(-1, m), repeat=n):
        unassigned = tuple(r for r in range(n) if owners[r] < 0)
        blank = Plan((Route(),) * m, unassigned, Cost((), 0.0))
        plans.append((cost(problem, blank).unassigned, owners, unassigned))
    for left, owners, unassigned in sorted(plans):
        if best is not None and left > best.cost.unassigned:
            break
        choices = []
        for v in range(m):
            choices.append(routes(v, tuple(r for r in range(n) if owners[r] == v)))
            if not choices[-1]:
                break
        else:
            for chosen in product(*choices):
                for plan in with_fair_times(problem, chosen, unassigned, best):
                    if not check(problem, plan):
                        best = plan
    return best


def with_fair_times(problem, models, unassigned, best):
    """The plan of these routes at its best times, if it can beat `best`."""

    def plan_of(routes):
        plan = Plan(routes, unassigned, Cost((), 0.0))
        return Plan(routes, unassigned, cost(problem, plan))

    def beats(plan):
        old = None if best is None else (best.cost.unassigned, best.cost.total - 1e-9)
        return old is None or (plan.cost.unassigned, plan.cost.total) < old

    plan = plan_of(tuple(model.route for model in models))
    if problem.weights.fairness:
        unfair = plan.cost.components["fairness"]
        level = best is not None and plan.cost.unassigned == best.cost.unassigned
        if level and plan.cost.total - unfair >= best.cost.total:
            return
        plan = plan_of(solve_together(problem, models))
    if beats(plan):
        yield plan


def timed_routes(problem, v, served):
    """A model at its best times for each order that can be scheduled."""
    if not served:
        yield Model(problem, v, ())
        return
    for order in orders(problem, v, served):
        model = Model(problem, v, order)
        if model.can_be_served() and model.solve():
            yield model


def orders(problem, v, served):
    """All interleavings of pickups and deliveries, with the break wherever nobody is aboard.

    Those are left out that miss a latest start even when hurrying from stop to stop.
    """
    vehicle, requests = problem.vehicles[v], problem.requests

    def follow(order, place, time, waiting, riding, rested):
        if not waiting and not riding and rested:
            if time + int(problem.travel[place, vehicle.end]) <= vehicle.window.latest:
                yield order
            return
        nexts = [(r + 1, waiting - {r}, riding | {r}, rested) for r in waiting]
        nexts += [(-(r + 1), waiting, riding - {r}, rested) for r in riding]
        if not rested and not riding:
            nexts.append((BREAK, waiting, riding, True))
        for signed, *state in nexts:
            if signed == BREAK:
                to = place if waiting else vehicle.end
                window, service = vehicle.break_.window, vehicle.break_.duration
            else:
                to, window, service = end_of(requests[abs(signed) - 1], signed)
            start = max(window.earliest, time + int(problem.travel[place, to]))
            if start <= window.latest:
                yield from follow((*order, signed), to, start + service, *state)

    aboard = frozenset(r for r in served if requests[r].aboard)
    yield from follow(
        (),
        vehicle.start,
        vehicle.window.earliest,
        frozenset(served) - aboard,
        aboard,
        vehicle.break_ is None,
    )
