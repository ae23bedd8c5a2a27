"""One solver on one problem for one budget: what it found, and when."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, process_time

from benchmarks.darp import exact
from benchmarks.peers.asking import route_of, without_halves
from dispatch.darp.check import check
from dispatch.darp.instances import TICKS, Instance, read_instance
from dispatch.darp.plan import Plan
from dispatch.darp.problem import Problem
from dispatch.darp.schedule import planned
from dispatch.darp.search import Progress, load_solver, solve, warm_up

OURS = "atmr"


@dataclass(frozen=True)
class Task:
    """What to run: a file's instance, the best known cost if any, a budget of wall seconds."""

    path: Path
    best_known: float | None
    budget_s: float
    seed: int
    solver: str = OURS


@dataclass(frozen=True)
class Found:
    """A plan, and the plans on the way to it: seconds, unassigned, cost in ticks."""

    plan: Plan
    seconds: float
    cpu_s: float
    iterations: int | None
    trace: list[tuple[float, int, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """One run, judged twice. What is missing is None: a gap without a best known cost."""

    family: str
    instance: str
    solver: str
    budget_s: float
    seed: int
    requests: int
    served: int
    groups: int
    groups_served: int
    complete: bool
    feasible: bool
    cost: float
    best_known: float | None
    gap_percent: float | None
    seconds: float
    cpu_s: float
    iterations: int | None
    first_complete_s: float | None
    all_served_s: float | None
    broken: dict[str, int]
    faults: list[str]
    routes: list[list[int]]
    trace: list[tuple[float, int, float]]


def run(task: Task) -> Outcome:
    """Solve and judge; loading kernels is not part of the budget."""
    instance = read_instance(task.path)
    return judged(task, instance, solved(instance.problem, task.budget_s, task.seed))


def solved(problem: Problem, budget_s: float, seed: int) -> Found:
    """What our optimiser finds."""
    warm_up()
    load_solver()
    trace: list[tuple[float, int, float]] = []

    def note(progress: Progress) -> None:
        trace.append((progress.seconds, progress.unassigned, progress.total))

    wall, cpu = perf_counter(), process_time()
    solution = solve(problem, budget_s=budget_s, seed=seed, progress=note)
    return Found(
        solution.plan,
        perf_counter() - wall,
        process_time() - cpu,
        solution.iterations,
        trace,
    )


def judged(task: Task, instance: Instance, found: Found) -> Outcome:
    """Say what was found in the instance's own units: by ``check``, and by its own file."""
    problem, plan = instance.problem, found.plan
    routes = instance.routes(plan)
    broken = Counter(violation.rule.name for violation in check(problem, plan))
    complete = not plan.unassigned
    faults = exact.faults(task.path, routes, complete=complete)
    feasible = not broken and not faults
    cost = instance.cost(plan)
    groups = _groups(problem)
    left = set(plan.unassigned)
    measurable = task.best_known is not None and complete and feasible
    return Outcome(
        family=instance.family,
        instance=instance.name,
        solver=task.solver,
        budget_s=task.budget_s,
        seed=task.seed,
        requests=len(problem.requests),
        served=len(problem.requests) - len(left),
        groups=len(groups),
        groups_served=sum(left.isdisjoint(group) for group in groups),
        complete=complete,
        feasible=feasible,
        cost=cost,
        best_known=task.best_known,
        gap_percent=100.0 * (cost / task.best_known - 1.0)
        if measurable and task.best_known
        else None,
        seconds=found.seconds,
        cpu_s=found.cpu_s,
        iterations=found.iterations,
        first_complete_s=_first(found.trace, 0) if feasible else None,
        all_served_s=_first(found.trace, len(left)) if feasible else None,
        broken=dict(broken),
        faults=faults,
        routes=routes,
        trace=[(seconds, missed, total / TICKS) for seconds, missed, total in found.trace],
    )


def _first(trace: Sequence[tuple[float, int, float]], unassigned: int) -> float | None:
    return next((seconds for seconds, missed, _ in trace if missed <= unassigned), None)


def _groups(problem: Problem) -> list[set[int]]:
    """Requests that are served together or not at all: a patient, or each request alone."""
    return [
        {r} if request.requires is None else {r, request.requires}
        for r, request in enumerate(problem.requests)
        if request.requires is None or r < request.requires
    ]


def asked(task: Task) -> Outcome:
    """Ask a peer, and judge its routes on the whole problem, with the best times they can have.

    To be run in a process of its own.
    """
    instance = read_instance(task.path)
    return judged(task, instance, replied(instance.problem, task.solver, task.budget_s, task.seed))


def replied(problem: Problem, peer: str, budget_s: float, seed: int) -> Found:
    """What a peer finds, halves of what goes together taken out; loading it is not counted."""
    route = route_of(peer)
    wall, cpu = perf_counter(), process_time()
    reply = route(problem, budget_s, seed)
    seconds, cpu_s = perf_counter() - wall, process_time() - cpu
    plan = planned(problem, without_halves(problem, reply.routes))
    return Found(plan, seconds, cpu_s, reply.iterations, reply.trace)
