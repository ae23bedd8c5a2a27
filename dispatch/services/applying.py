"""A proposal becomes the plan: what changed meanwhile is left as it is, the rest goes live."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import Company, User
from atmr.errors import DomainError, refusal_of
from bookings.services import moves
from dispatch.models import Assignment, AssignmentStatus, DispatchRun, Outbox, RunState
from dispatch.services import gauges, notices
from dispatch.services.changes import Change, Versions

# Everybody who changes who drives whom takes these locks in this order: bookings by id, then
# shifts by id. A shift's version counts the changes of its route too.
_LOCK = """
WITH b AS MATERIALIZED (
    SELECT id, version FROM bookings_booking
    WHERE company_id = %(company)s AND id = ANY(%(bookings)s) ORDER BY id FOR NO KEY UPDATE
), s AS MATERIALIZED (
    SELECT id, version FROM fleet_shift
    WHERE company_id = %(company)s AND id = ANY(%(shifts)s) ORDER BY id FOR NO KEY UPDATE
)
SELECT 'booking', id, version FROM b UNION ALL SELECT 'shift', id, version FROM s"""


# Routes are numbered, and whoever they concern is to be told: what follows from rows that went
# live, in one statement.
_FOLLOW = """
WITH told AS (
    INSERT INTO dispatch_outbox (company_id, run_id, kind, audience, booking_id, partner_id,
        driver_id, details, created_at)
    SELECT n.company_id, n.run_id, n.kind, n.audience, n.booking_id, n.partner_id,
        n.driver_id, n.details, n.created_at
    FROM jsonb_to_recordset(%(notices)s::jsonb) AS n(
        company_id bigint, run_id bigint, kind text, audience text, booking_id bigint,
        partner_id bigint, driver_id bigint, details jsonb, created_at timestamptz)
)
UPDATE dispatch_assignment a SET sequence = r.place
FROM (
    SELECT id, row_number() OVER (PARTITION BY shift_id ORDER BY pickup_at, id) - 1 AS place
    FROM dispatch_assignment WHERE shift_id = ANY(%(shifts)s) AND status IN ('live', 'done')
) r
WHERE a.id = r.id AND a.status = 'live' AND a.sequence <> r.place"""


class PlanClashes(DomainError):
    message = _("The plan clashes with what is in the database. Plan the day again.")


class NotProposed(DomainError):
    message = _("Only a proposal can be applied, and this run is: %(state)s. Plan the day again.")


def lock(*, company: Company, booking_ids: Iterable[int], shift_ids: Iterable[int]) -> Versions:
    """Lock bookings and shifts in the order everybody does, and give their versions now."""
    found = Versions()
    parameters: dict[str, Any] = {
        "company": company.pk,
        "bookings": sorted(booking_ids),
        "shifts": sorted(shift_ids),
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, parameters)
        for kind, pk, version in cursor.fetchall():
            (found.bookings if kind == "booking" else found.shifts)[pk] = version
    return found


def split_stale(
    changes: Sequence[Change], *, read: Versions, now: Versions, blocked: Collection[int] = ()
) -> tuple[list[Change], list[Change]]:
    """Part the changes that can still be made from those that meet a row that changed.

    A booking that stays where it is keeps others out of its shift, so whatever is linked by such
    shifts stays as it is together. `blocked` are bookings that stay for another reason.
    """
    bookings = {pk for pk, version in read.bookings.items() if now.bookings.get(pk) != version}
    bookings |= set(blocked)
    shifts = {pk for pk, version in read.shifts.items() if now.shifts.get(pk) != version}
    fresh: list[Change] = list(changes)
    stale: list[Change] = []
    while True:
        met = [c for c in fresh if c.booking_id in bookings or c.shift_ids & shifts]
        if not met:
            return fresh, stale
        stale += met
        kept = {id(change) for change in met}
        fresh = [change for change in fresh if id(change) not in kept]
        for change in met:
            # A booking without an assignment leaves a hole in the new route, and no clash.
            if change.current is not None:
                shifts |= change.shift_ids


def go_live(
    *,
    company: Company,
    changes: Sequence[Change],
    actor: User | None,
    now: datetime,
    reason: str,
    ended_by: DispatchRun | None = None,
    told: Sequence[Outbox] = (),
) -> None:
    """Write changes whose rows are locked: supersede, then make live, then move the bookings.

    `ended_by` is the run whose undo brings back what is superseded here. `told` are the notices
    of these changes, written with them.

    :raises PlanClashes: the database refused, by a rule that this code did not see.
    """
    ended = [change.current.pk for change in changes if change.current is not None]
    rows = [change.row for change in changes if change.row is not None]
    try:
        with transaction.atomic():
            if ended:
                Assignment.objects.filter(pk__in=ended).update(
                    status=AssignmentStatus.SUPERSEDED, ended_by_run=ended_by
                )
            _make_live(rows)
            _follow(set().union(*(change.shift_ids for change in changes)), told)
    except IntegrityError as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        gauges.count_conflict("clashes")
        raise PlanClashes(constraint=refusal.code) from error
    moves.hand_out(
        company=company,
        given=[c.booking_id for c in changes if c.row is not None and c.current is None],
        taken_back=[c.booking_id for c in changes if c.row is None],
        actor=actor,
        now=now,
        reason=reason,
    )


def _make_live(rows: Sequence[Assignment]) -> None:
    """Insert rows that are not stored yet; a stored proposal changes its status."""
    for row in rows:
        row.status = AssignmentStatus.LIVE
    new = [row for row in rows if row.pk is None]
    stored = [row.pk for row in rows if row.pk is not None]
    if new:
        Assignment.objects.bulk_create(new)
    if stored:
        Assignment.objects.filter(pk__in=stored).update(
            status=AssignmentStatus.LIVE, ended_by_run=None
        )


def _follow(shift_ids: Collection[int], told: Sequence[Outbox]) -> None:
    """Count the rides of routes that changed from 0 on, and write the notices."""
    parameters: dict[str, Any] = {
        "shifts": list(shift_ids),
        "notices": notices.as_rows(told),
    }
    with connection.cursor() as cursor:
        cursor.execute(_FOLLOW, parameters)


@transaction.atomic
def apply_run(*, run: DispatchRun, actor: User | None, now: datetime) -> list[dict[str, Any]]:
    """Apply a proposal made before; give the bookings left because something changed since.

    :raises NotProposed: the run is applied already, was undone, refused, or failed.
    :raises PlanClashes: the database refused the plan; nothing was changed.
    """
    run = DispatchRun.objects.select_for_update().select_related("company").get(pk=run.pk)
    if run.state != RunState.PROPOSED:
        raise NotProposed(state=run.get_state_display())
    rows = list(run.assignments.filter(status=AssignmentStatus.PROPOSED).select_related("booking"))
    dropped = {row.booking_id: row.booking for row in run.unassigned.select_related("booking")}
    concerned = dropped | {row.booking_id: row.booking for row in rows}
    references = {pk: booking.reference for pk, booking in concerned.items()}
    current = {
        row.booking_id: row for row in Assignment.objects.live().filter(booking__in=references)
    }
    changes = [Change(row.booking_id, current.get(row.booking_id), row) for row in rows]
    changes += [Change(pk, current[pk], None) for pk in dropped if pk in current]
    shifts: set[int] = set().union(*(change.shift_ids for change in changes))
    read = Versions.of_json(run.sources)
    read = Versions(
        {pk: version for pk, version in read.bookings.items() if pk in references},
        {pk: version for pk, version in read.shifts.items() if pk in shifts},
    )
    locked = lock(company=run.company, booking_ids=references, shift_ids=shifts)
    # Time has passed since the run: what is frozen by now stays, as it would for a new run.
    frozen_until = now + timedelta(minutes=run.settings["freeze_min"])
    too_late = {row.booking_id for row in rows if row.pickup_at < now}
    too_late |= {pk for pk, row in current.items() if row.pickup_at < frozen_until}
    fresh, stale = split_stale(changes, read=read, now=locked, blocked=too_late)
    if fresh:
        go_live(
            company=run.company,
            changes=fresh,
            actor=actor,
            now=now,
            reason=f"run {run.pk}",
            ended_by=run,
            told=notices.of_changes(
                run=run,
                changes=fresh,
                partners={pk: booking.partner_id for pk, booking in concerned.items()},
                now=now,
            ),
        )
    run.state, run.applied_at = RunState.APPLIED, now
    left = stale_rows(stale, references)
    run.stale = left
    run.save(update_fields=["state", "applied_at", "stale"])
    gauges.count_state(run)
    return left


def stale_rows(changes: Iterable[Change], references: dict[int, str]) -> list[dict[str, Any]]:
    """Say, for a run's record, which bookings were left as they are."""
    return [{"booking": references[change.booking_id]} for change in changes]
