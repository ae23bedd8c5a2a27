"""Why a vehicle, and why none: true statements about a plan, recomputed by the kernels."""

import numpy as np
from numpy.typing import NDArray

from dispatch.darp.insertion import Option, Weigher
from dispatch.darp.plan import Plan
from dispatch.darp.problem import Problem

__all__ = ["Option", "options", "survey"]


def options(problem: Problem, plan: Plan, request: int) -> list[Option]:
    """For each vehicle what serving a request with it would cost, or the rule it would break.

    The request is taken out of the plan where it is in it; nobody else changes vehicle.
    """
    return Weigher(problem, plan).weigh(request)


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
