"""Why a vehicle, and why none: true statements about a plan, recomputed by the kernels."""

import numpy as np
from numpy.typing import NDArray

from dispatch.darp.insertion import Option, Weigher, without
from dispatch.darp.plan import Plan
from dispatch.darp.problem import Problem

__all__ = ["Option", "explain", "survey"]


def explain(problem: Problem, plan: Plan, request: int) -> list[Option]:
    """For each vehicle what serving a request with it would cost, or its nearest miss.

    A miss is the rule it would break and by how much. The request is taken out of the plan where
    it is in it, unless it is committed; nobody else changes vehicle.

    Raises
    ------
    ValueError
        The problem has no such request.
    """
    if not 0 <= request < len(problem.requests):
        raise ValueError("there is no such request")
    committed = {abs(signed) - 1 for vehicle in problem.vehicles for signed in vehicle.committed}
    rest = plan if request in committed else without(plan, request)
    return Weigher(problem, rest).weigh(request)


def survey(
    problem: Problem, plan: Plan
) -> tuple[dict[int, NDArray[np.float64]], dict[int, list[Option]]]:
    """What each request that the plan serves costs with each vehicle, and the others' options.

    A price is infinite where the vehicle cannot take the request.
    """
    weigher = Weigher(problem, plan)
    left = set(plan.unassigned)
    served = (request for request in range(len(problem.requests)) if request not in left)
    return (
        {request: weigher.prices(request) for request in served},
        {request: weigher.weigh(request) for request in plan.unassigned},
    )
