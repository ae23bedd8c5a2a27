"""Planning and applying a day, row at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from accounts.models import Company
from benchmarks.rowwise import figures
from benchmarks.rowwise.loading import load_day
from benchmarks.rowwise.writing import Writing
from bookings.models import Booking
from dispatch.darp import search
from dispatch.darp.check import check, excess
from dispatch.darp.committed import baseline, relax
from dispatch.darp.cost import cost
from dispatch.darp.plan import Plan, Violation, ordered
from dispatch.mapping.problem import MappedDay, build
from dispatch.mapping.rows import proposals, signed_routes
from dispatch.models import RUNNING, DispatchRun, RunState, RunTrigger, Unassigned
from dispatch.services import explaining, policies
from dispatch.services.changes import Change
from dispatch.services.planning import violation_json
from dispatch.services.runs import RunUnderWay
from dispatch.travel import GreatCircle


def plan_day(
    *, company: Company, day: date, now: datetime, solve: Callable[..., search.Solution]
) -> DispatchRun:
    """Plan a day and apply the plan.

    :raises RunUnderWay: another run of this day is under way.
    """
    policy = policies.resolve(company=company, overrides={})
    runs = DispatchRun.objects.of_day(company, day)
    if runs.filter(RUNNING).exists():
        raise RunUnderWay
    run = DispatchRun.objects.create(
        company=company,
        day=day,
        trigger=RunTrigger.COMMAND,
        started_at=now,
        settings=policies.as_settings(policy),
    )
    mapped = build(load_day(run, policy, now), GreatCircle())
    solved = _solve(mapped, solve)
    reasons = explaining.explain_plan(mapped, solved.plan)
    _describe(run, mapped, solved)
    left = _unassigned(run, mapped, solved.plan, reasons)
    changes = _changes(run, mapped, solved.plan, reasons)
    with transaction.atomic():
        writing = Writing(run, mapped, now)
        if run.state == RunState.APPLIED:
            writing.apply(changes, left)
            run.metrics = figures.of_day(run, mapped).as_json()
        writing.raise_alerts(solved.inherited)
        run.finished_at = run.applied_at = now
        run.save()
    return run


@dataclass(frozen=True)
class _Solved:
    plan: Plan
    added: list[Violation]
    inherited: list[Violation]


def _solve(mapped: MappedDay, solve: Callable[..., search.Solution]) -> _Solved:
    """Judge the plan as ours is judged."""
    problem = mapped.problem
    start = baseline(problem)
    found = solve(relax(problem, start), initial=ordered(signed_routes(mapped))).plan
    broken = check(problem, found)
    added = excess(broken, check(problem, start))
    plan = Plan(found.routes, found.unassigned, cost(problem, found))
    return _Solved(plan, added, [violation for violation in broken if violation not in added])


def _describe(run: DispatchRun, mapped: MappedDay, solved: _Solved) -> None:
    run.bookings = len(mapped.bookings) + len(mapped.unplannable)
    run.assigned = len(mapped.bookings) - len(solved.plan.unassigned)
    run.violations = [violation_json(mapped, violation) for violation in solved.added]
    run.inherited = [violation_json(mapped, violation) for violation in solved.inherited]
    run.cost = {
        "unassigned": list(solved.plan.cost.unassigned),
        "total": round(solved.plan.cost.total, 3),
        "components": {k: round(v, 3) for k, v in solved.plan.cost.components.items()},
    }
    run.travel_source = mapped.travel_source
    run.state = RunState.REFUSED if solved.added else RunState.APPLIED


def _changes(
    run: DispatchRun, mapped: MappedDay, plan: Plan, reasons: explaining.Reasons
) -> Sequence[Change]:
    found = []
    for proposal in proposals(mapped, plan, run):
        if proposal.is_change:
            proposal.row.explanation = reasons.assigned.get(proposal.number, {})
            pk = mapped.bookings[proposal.number].pk
            found.append(Change(pk, proposal.current, proposal.row))
    for booking in _left_out(mapped, plan):
        current = mapped.day.current(booking)
        if current is not None:
            found.append(Change(booking.pk, current, None))
    return sorted(found, key=lambda change: change.booking_id)


def _left_out(mapped: MappedDay, plan: Plan) -> list[Booking]:
    dropped = [mapped.bookings[number] for number in plan.unassigned]
    return dropped + [booking for booking, _ in mapped.unplannable]


def _unassigned(
    run: DispatchRun, mapped: MappedDay, plan: Plan, reasons: explaining.Reasons
) -> list[Unassigned]:
    found = [
        Unassigned(run=run, booking=booking, reason=reason)
        for booking, reason in mapped.unplannable
    ]
    for number in plan.unassigned:
        why = reasons.unassigned[number]
        booking = mapped.bookings[number]
        found.append(
            Unassigned(run=run, booking=booking, reason=why.reason, nearest_fix=why.details)
        )
    return found
