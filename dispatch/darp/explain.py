"""Why a vehicle, and why none: true statements about a plan, recomputed by the kernels."""

from collections.abc import Sequence

from dispatch.darp.insertion import Option, Weigher
from dispatch.darp.plan import Plan
from dispatch.darp.problem import Problem

__all__ = ["Option", "options", "options_of"]


def options(problem: Problem, plan: Plan, request: int) -> list[Option]:
    """For each vehicle what serving a request with it would cost, or the rule it would break.

    The request is taken out of the plan where it is in it; nobody else changes vehicle.
    """
    return Weigher(problem, plan).weigh(request)


def options_of(problem: Problem, plan: Plan, requests: Sequence[int]) -> list[list[Option]]:
    """The options of several requests.

    Misses are looked for only where the plan leaves a request out: of one that is served, a
    vehicle that cannot take it is an option without cost and without a rule.
    """
    weigher = Weigher(problem, plan)
    left = set(plan.unassigned)
    return [weigher.weigh(request, misses=request in left) for request in requests]
