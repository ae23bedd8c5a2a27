"""Where a request could go, and what it would cost or break there."""

from collections.abc import Sequence
from dataclasses import dataclass

from dispatch.darp.plan import Plan
from dispatch.darp.problem import Problem, Rule


@dataclass(frozen=True, slots=True)
class Option:
    """One vehicle for a request: the price of the best place, or the nearest miss."""

    vehicle: int
    cost: float | None
    rule: Rule
    amount: int


def options(problem: Problem, plan: Plan, request: int) -> list[Option]:
    """The options of one request, one for each vehicle."""
    return options_of(problem, plan, [request])[0]


def options_of(problem: Problem, plan: Plan, requests: Sequence[int]) -> list[list[Option]]:
    """Give, for each request, the vehicles that can never take it with the rule that says so."""
    del plan
    return [
        [
            Option(v, None if rule else 0.0, Rule(rule), int(rule > 0))
            for v, rule in enumerate(problem.forbidden[request].tolist())
        ]
        for request in requests
    ]
