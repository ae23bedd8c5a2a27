"""Plan a day: load, solve outside any transaction, check, store, and apply if asked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.models import Company, User
from bookings.models import Booking
from bookings.services import booking as bookings
from dispatch.darp import search
from dispatch.darp.check import check, excess
from dispatch.darp.committed import baseline, relax
from dispatch.darp.cost import cost
from dispatch.darp.plan import Plan, Violation, ordered
from dispatch.mapping.problem import MappedDay, build
from dispatch.mapping.rows import Proposal, proposals, signed_routes
from dispatch.models import (
    Alert,
    AlertKind,
    Assignment,
    DispatchRun,
    RunState,
    RunTrigger,
    Unassigned,
)
from dispatch.services import (
    alerting,
    applying,
    explaining,
    figures,
    gauges,
    notices,
    policies,
)
from dispatch.services.changes import Change, Versions
from dispatch.services.counting import Stopwatch, counted, timed
from dispatch.services.loading import load_day
from dispatch.services.runs import open_run
from dispatch.travel import GreatCircle, TravelTimes


@dataclass
class Summary:
    """What a run did, in the words of the command's JSON."""

    run: int
    state: str = RunState.PROPOSED
    bookings: int = 0
    assigned: int = 0
    unassigned: list[dict[str, str]] = field(default_factory=list)
    violations: list[dict[str, Any]] = field(default_factory=list)
    inherited: list[dict[str, Any]] = field(default_factory=list)
    stale: list[dict[str, Any]] = field(default_factory=list)
    changed: int = 0
    cost: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    sql: dict[str, int] = field(default_factory=dict)
    travel_source: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class _Solved:
    """A plan with its judgement."""

    plan: Plan
    violations: list[Violation]
    inherited: list[Violation]


def plan_day(
    *,
    company: Company,
    day: date,
    now: datetime,
    apply: bool = False,
    overrides: Mapping[str, Any] | None = None,
    iterations: int | None = None,
    seed: int = 0,
    trigger: RunTrigger = RunTrigger.COMMAND,
    actor: User | None = None,
    travel: TravelTimes | None = None,
    solve: Callable[..., search.Solution] | None = None,
) -> Summary:
    """Plan one company's day, and apply the plan if asked to.

    `solve` stands in for the search: who measures everything else brings a plan.

    :raises UnknownSetting, BadSetting: an override that is none.
    :raises RunUnderWay: another run of this day is under way.
    :raises PlanClashes: the database refused the plan; nothing was changed.
    """
    with timed() as watch, counted() as count:
        watch.begin("start")
        search.warm_up()
        watch.begin("open")
        policy = policies.resolve(company=company, overrides=overrides or {})
        with open_run(
            company=company,
            day=day,
            trigger=trigger,
            actor=actor,
            now=now,
            settings=policies.as_settings(policy),
            seed=seed,
        ) as run:
            watch.begin("load")
            rows = load_day(company=company, day=day, now=now, policy=policy)
            watch.begin("travel")
            mapped = build(rows, travel or GreatCircle())
            solved = _solve(mapped, watch, solve or search.solve, iterations, seed)
            watch.begin("store")
            reasons = explaining.explain_plan(mapped, solved.plan)
            summary = _store(run, mapped, solved, reasons, apply=apply, actor=actor, watch=watch)
            watch.begin("close")
    summary.seconds = watch.seconds | {"total": watch.sum(without="start")}
    gauges.time_phases(summary.seconds)
    summary.sql = {"statements": count.statements, "slow": count.slow}
    return summary


def _solve(
    mapped: MappedDay,
    watch: Stopwatch,
    solve: Callable[..., search.Solution],
    iterations: int | None,
    seed: int,
) -> _Solved:
    problem = mapped.problem
    watch.begin("solve")
    start = baseline(problem)
    relaxed = relax(problem, start)
    solution = solve(
        relaxed,
        initial=ordered(signed_routes(mapped)),
        budget_s=None if iterations is not None else mapped.day.policy.budget_s,
        iterations=iterations,
        seed=seed,
    )
    watch.begin("check")
    found = check(problem, solution.plan)
    added = excess(found, check(problem, start))
    plan = Plan(solution.plan.routes, solution.plan.unassigned, cost(problem, solution.plan))
    return _Solved(plan, added, [violation for violation in found if violation not in added])


def _store(
    run: DispatchRun,
    mapped: MappedDay,
    solved: _Solved,
    reasons: explaining.Reasons,
    *,
    apply: bool,
    actor: User | None,
    watch: Stopwatch,
) -> Summary:
    """Write the proposal, or the refusal; apply it in the same transaction if asked."""
    run.bookings = len(mapped.bookings) + len(mapped.unplannable)
    run.assigned = len(mapped.bookings) - len(solved.plan.unassigned)
    run.violations = [violation_json(mapped, violation) for violation in solved.violations]
    run.inherited = [violation_json(mapped, violation) for violation in solved.inherited]
    run.cost = {
        "unassigned": list(solved.plan.cost.unassigned),
        "total": round(solved.plan.cost.total, 3),
        "components": {k: round(v, 3) for k, v in solved.plan.cost.components.items()},
    }
    run.travel_source = mapped.travel_source
    run.state = RunState.REFUSED if solved.violations else RunState.PROPOSED
    unassigned = _unassigned(run, mapped, solved.plan, reasons)
    changes: list[Change] = []
    if run.state == RunState.PROPOSED:
        proposed = proposals(mapped, solved.plan, run)
        changes = _changes(mapped, solved.plan, reasons, proposed)
        run.metrics = figures.of_plan(mapped, proposed).as_json()
    with transaction.atomic():
        bookings.check_at_once()
        if run.state == RunState.PROPOSED:
            Unassigned.objects.bulk_create(unassigned)
            if apply:
                changes = _apply(run, mapped, changes, actor)
            else:
                run.sources = versions_read(mapped).as_json()
                Assignment.objects.bulk_create([c.row for c in changes if c.row is not None])
        _raise_alerts(run, mapped, solved, changes if apply else [])
        run.finished_at = run.started_at + timedelta(seconds=sum(watch.seconds.values()))
        if run.state == RunState.APPLIED:
            run.applied_at = run.started_at
        run.timings = watch.seconds
        run.save(update_fields=_ENDED)
    return Summary(
        run=run.pk,
        state=run.state,
        bookings=run.bookings,
        assigned=run.assigned,
        unassigned=[{"booking": row.booking.reference, "reason": row.reason} for row in unassigned],
        violations=run.violations,
        inherited=run.inherited,
        stale=run.stale,
        changed=len(changes) if run.state == RunState.APPLIED else 0,
        cost=run.cost,
        travel_source=run.travel_source,
    )


_ENDED = [
    "state",
    "bookings",
    "assigned",
    "violations",
    "inherited",
    "stale",
    "cost",
    "metrics",
    "sources",
    "travel_source",
    "timings",
    "finished_at",
    "applied_at",
]


def _changes(
    mapped: MappedDay, plan: Plan, reasons: explaining.Reasons, proposed: Sequence[Proposal]
) -> list[Change]:
    """Give what the plan would change: equal rows are left out, as if nobody had asked."""
    changes = []
    for proposal in proposed:
        if proposal.is_change:
            proposal.row.explanation = reasons.assigned.get(proposal.number, {})
            pk = mapped.bookings[proposal.number].pk
            changes.append(Change(pk, proposal.current, proposal.row))
    for number in plan.unassigned:
        current = mapped.day.current(mapped.bookings[number])
        if current is not None:
            changes.append(Change(mapped.bookings[number].pk, current, None))
    for booking, _ in mapped.unplannable:
        current = mapped.day.current(booking)
        if current is not None:
            changes.append(Change(booking.pk, current, None))
    return changes


def versions_read(mapped: MappedDay) -> Versions:
    """Give the versions of all rows that the plan was made from."""
    return Versions(
        bookings={booking.pk: booking.version for booking in mapped.day.bookings},
        shifts={shift.pk: shift.version for shift in mapped.day.shifts},
    )


def _apply(
    run: DispatchRun, mapped: MappedDay, changes: Sequence[Change], actor: User | None
) -> list[Change]:
    """Apply what nobody changed meanwhile; give the changes made."""
    read = versions_read(mapped)
    fresh: list[Change] = []
    if changes:
        shifts = set().union(*(change.shift_ids for change in changes))
        booking_ids = {change.booking_id for change in changes}
        # Only what this plan touches is locked and compared.
        read = Versions(
            {pk: read.bookings[pk] for pk in booking_ids},
            {pk: read.shifts[pk] for pk in shifts},
        )
        locked = applying.lock(company=run.company, booking_ids=booking_ids, shift_ids=shifts)
        fresh, stale = applying.split_stale(changes, read=read, now=locked)
        references = {booking.pk: booking.reference for booking in mapped.day.bookings}
        partners = {booking.pk: booking.partner_id for booking in mapped.day.bookings}
        run.stale = applying.stale_rows(stale, references)
        if fresh:
            applying.go_live(
                company=run.company,
                changes=fresh,
                actor=actor,
                now=run.started_at,
                reason=f"run {run.pk}",
                ended_by=run,
                told=notices.of_changes(
                    run=run, changes=fresh, partners=partners, now=run.started_at
                ),
            )
    run.state = RunState.APPLIED
    return fresh


def _unassigned(
    run: DispatchRun, mapped: MappedDay, plan: Plan, reasons: explaining.Reasons
) -> list[Unassigned]:
    rows = [
        Unassigned(run=run, booking=booking, reason=reason)
        for booking, reason in mapped.unplannable
    ]
    for number in plan.unassigned:
        why = reasons.unassigned[number]
        rows.append(
            Unassigned(
                run=run,
                booking=mapped.bookings[number],
                reason=why.reason,
                nearest_fix=why.details,
            )
        )
    return rows


def violation_json(mapped: MappedDay, violation: Violation) -> dict[str, Any]:
    """Say a violation in references and ids."""
    found: dict[str, Any] = {"rule": violation.rule.name.lower(), "amount": violation.amount}
    if violation.request >= 0:
        found["booking"] = mapped.bookings[violation.request].reference
    if violation.vehicle >= 0:
        found["shift"] = mapped.shifts[violation.vehicle].pk
    return found


def _raise_alerts(
    run: DispatchRun, mapped: MappedDay, solved: _Solved, changes: Sequence[Change]
) -> None:
    """Tell the dispatchers what is broken already, and which rides lost their driver."""
    by_id: dict[int, Booking] = {booking.pk: booking for booking in mapped.day.bookings}
    alerts = [
        Alert(
            company_id=run.company_id,
            kind=AlertKind.INHERITED_VIOLATION,
            booking=mapped.bookings[violation.request] if violation.request >= 0 else None,
            shift=mapped.shifts[violation.vehicle] if violation.vehicle >= 0 else None,
            run=run,
            details=violation_json(mapped, violation),
            raised_at=run.started_at,
        )
        for violation in solved.inherited
        if alerting.is_alarm(violation, mapped.day.policy)
    ]
    alerts += [
        Alert(
            company_id=run.company_id,
            kind=AlertKind.ASSIGNMENT_LOST,
            booking=by_id[change.booking_id],
            shift_id=change.current.shift_id,
            run=run,
            raised_at=run.started_at,
        )
        for change in changes
        if change.row is None and change.current is not None
    ]
    alerting.raise_once(alerts)
