"""One solver on one invented day, in a process that does nothing else.

No app is imported here: the process has what the optimiser needs, and its memory is weighed.
"""

import resource
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.darp.solving import OURS, replied, solved
from benchmarks.peers.asking import cannot
from dispatch.darp.check import check
from dispatch.darp.plan import Plan
from dispatch.darp.problem import Problem
from dispatch.darp.quote import quote
from dispatch.darp.schedule import evaluate

Row = dict[str, Any]
# Linux counts in KiB, macOS in bytes.
_RSS_UNIT = 1 if sys.platform == "darwin" else 2**10
_ASKED, _EVALUATED = 40, 9


@dataclass(frozen=True, eq=False)
class Trial:
    """A problem, whole or narrowed for peers, and who is to solve it in how long."""

    problem: Problem
    kind: str
    solver: str
    budget_s: float
    seed: int


def tried(trial: Trial) -> Row:
    """Solve, judge, and weigh this process, which did nothing else."""
    problem = trial.problem
    if trial.solver == OURS:
        found = solved(problem, trial.budget_s, trial.seed)
    else:
        found = replied(problem, trial.solver, trial.budget_s, trial.seed)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT / 2**20
    plan = found.plan
    broken = Counter(violation.rule.name for violation in check(problem, plan))
    return {
        "problem": trial.kind,
        "solver": trial.solver,
        "budget_s": trial.budget_s,
        "seed": trial.seed,
        "complete": not plan.unassigned,
        "feasible": not broken,
        "unassigned": len(plan.unassigned),
        "cost": plan.cost.total,
        "seconds": found.seconds,
        "cpu_s": found.cpu_s,
        "iterations": found.iterations,
        "first_complete_s": next((s for s, missed, _ in found.trace if missed == 0), None),
        "memory_mib": memory,
        "broken": dict(broken),
        "cannot": [] if trial.solver == OURS else cannot(trial.solver, problem),
        **(_answers(problem, found.plan, trial.seed) if trial.solver == OURS else {}),
    }


def _answers(problem: Problem, plan: Plan, seed: int) -> Row:
    """How long quotes and an evaluation take with this plan, in milliseconds."""
    n = len(problem.requests)
    quotes = []
    for request in Random(seed).sample(range(n), min(_ASKED, n)):  # noqa: S311
        began = perf_counter()
        quote(problem, plan, request)
        quotes.append(1000.0 * (perf_counter() - began))
    evaluations = [
        _evaluated(problem, [r.signed() for r in plan.routes]) for _ in range(_EVALUATED)
    ]
    return {
        "quote_ms": median(quotes),
        "quote_worst_ms": max(quotes),
        "evaluate_ms": median(evaluations),
        "evaluate_worst_ms": max(evaluations),
    }


def _evaluated(problem: Problem, routes: Sequence[Sequence[int]]) -> float:
    began = perf_counter()
    evaluate(problem, routes)
    return 1000.0 * (perf_counter() - began)
