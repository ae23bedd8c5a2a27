"""Back to the plan before: what the last applied run changed is changed back."""

from dataclasses import dataclass, field
from datetime import date, datetime

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Company, User
from atmr.errors import DomainError
from bookings.models import Booking
from bookings.states import BookingStatus
from dispatch.mapping.day import Day
from dispatch.models import Assignment, AssignmentStatus, DispatchRun, RunState
from dispatch.services import applying, gauges, notices, policies
from dispatch.services.changes import Change, Versions
from dispatch.services.judging import added_faults
from dispatch.services.loading import load_day


class NothingToUndo(DomainError):
    message = _("No applied run of this day is left to undo.")


@dataclass
class Undone:
    """What an undo did: counts, and the references of the bookings it left as they are."""

    run: int
    restored: int = 0
    taken_back: int = 0
    left: list[str] = field(default_factory=list)


@transaction.atomic
def undo(*, company: Company, day: date, actor: User | None, now: datetime) -> Undone:
    """Restore the assignments that were live before the last applied run of the day.

    What is under way, cancelled or moved since is left and listed, and so is what no longer fits.

    :raises NothingToUndo: no run of the day is applied.
    """
    run = (
        DispatchRun.objects.of_day(company, day)
        .filter(state=RunState.APPLIED)
        .select_for_update()
        .order_by("-applied_at", "-pk")
        .first()
    )
    if run is None:
        raise NothingToUndo
    rows = touched_by(run)
    applying.lock(
        company=company,
        booking_ids={row.booking_id for row in rows},
        shift_ids={row.shift_id for row in rows},
    )
    # What was read before the locks may be old by now.
    rows = touched_by(run)
    wanted, left = _wanted(run, rows)
    done, unfit = _fitting(company, day, now, wanted)
    applying.go_live(
        company=company,
        changes=done,
        actor=actor,
        now=now,
        reason=f"undo of run {run.pk}",
        told=notices.of_changes(
            run=run,
            changes=done,
            partners={row.booking_id: row.booking.partner_id for row in rows},
            now=now,
        ),
    )
    run.state, run.undone_at = RunState.UNDONE, now
    run.save(update_fields=["state", "undone_at"])
    gauges.count_state(run)
    left_ids = left | {change.booking_id for change in unfit}
    return Undone(
        run=run.pk,
        restored=sum(1 for change in done if change.row is not None),
        taken_back=sum(1 for change in done if change.row is None),
        left=list(
            Booking.objects.filter(pk__in=left_ids)
            .order_by("reference")
            .values_list("reference", flat=True)
        )
        if left_ids
        else [],
    )


def touched_by(run: DispatchRun) -> list[Assignment]:
    """Read what the run made and what it ended, and whatever else these bookings have live."""
    touched = Booking.objects.filter(
        Q(assignments__dispatch_run=run) | Q(assignments__ended_by_run=run)
    )
    return list(
        Assignment.objects.filter(
            Q(dispatch_run=run)
            | Q(ended_by_run=run)
            | Q(status=AssignmentStatus.LIVE, booking__in=touched.values("pk"))
        )
        .select_related("booking", "shift")
        .order_by("booking_id", "pk")
    )


def _wanted(run: DispatchRun, rows: list[Assignment]) -> tuple[list[Change], set[int]]:
    """Give the changes that take the run back, and the bookings that moved on since."""
    by_booking: dict[int, list[Assignment]] = {}
    for row in rows:
        by_booking.setdefault(row.booking_id, []).append(row)
    wanted, left = [], set()
    for booking_id, own in by_booking.items():
        live = next((row for row in own if row.status == AssignmentStatus.LIVE), None)
        made = next((row for row in own if row.dispatch_run_id == run.pk), None)
        before = next((row for row in own if row.ended_by_run_id == run.pk), None)
        if made is not None and made.status == AssignmentStatus.PROPOSED:
            continue  # proposed, never applied
        moved = live is not made
        settled = own[0].booking.status not in {BookingStatus.ACCEPTED, BookingStatus.ASSIGNED}
        if moved or settled:
            left.add(booking_id)
        else:
            wanted.append(Change(booking_id, live, before))
    return wanted, left


def _fitting(
    company: Company, day: date, now: datetime, wanted: list[Change]
) -> tuple[list[Change], list[Change]]:
    """Part the changes that still make a feasible day from those that no longer do."""
    rows = load_day(company=company, day=day, now=now, policy=policies.policy_of(company))
    known = {booking.pk for booking in rows.bookings}
    shifts = {shift.pk for shift in rows.shifts}
    unfit = {
        change.booking_id
        for change in wanted
        if change.booking_id not in known
        or (change.row is not None and change.row.shift_id not in shifts)
    }
    nothing = Versions()
    while True:
        fresh, stale = applying.split_stale(wanted, read=nothing, now=nothing, blocked=unfit)
        faults = added_faults(rows, fresh)
        bad = {fault.shift for fault in faults}
        bad_bookings = {fault.booking for fault in faults} | _needed(rows, fresh)
        newly = {
            change.booking_id
            for change in fresh
            if change.shift_ids & bad or change.booking_id in bad_bookings
        }
        if not newly:
            return fresh, stale
        unfit |= newly


def _needed(rows: Day, changes: list[Change]) -> set[int | None]:
    """Outbounds that would lose their driver while their return keeps one."""
    changed = {change.booking_id: change.row for change in changes}
    without = {pk for pk, row in changed.items() if row is None}
    return {
        booking.outbound_id
        for booking in rows.bookings
        if booking.outbound_id in without
        and not booking.stands_alone
        and changed.get(booking.pk, rows.current(booking)) is not None
    }
