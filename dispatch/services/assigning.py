"""One decision by a person, under the rule that plans obey: who drives whom."""

import copy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from atmr.clock import local_day
from atmr.errors import DomainError
from bookings.models import Booking
from bookings.services import moves
from bookings.states import BookingStatus
from dispatch.darp import search
from dispatch.darp.committed import baseline, relax
from dispatch.mapping.day import Day
from dispatch.mapping.pinning import pinned
from dispatch.mapping.problem import build
from dispatch.mapping.rows import proposals
from dispatch.models import Assignment, AssignmentStatus, Lock
from dispatch.services import applying, explaining, policies
from dispatch.services.changes import Change
from dispatch.services.loading import load_day
from dispatch.travel import GreatCircle
from fleet.models import Shift, ShiftStatus

# Iterations of search for a place among rides that may move a little.
_TRIES = 200


class AlreadyAssigned(DomainError):
    message = _("The booking has a driver already. Move it, or take it back first.")
    constraints = ("assignment_one_live_per_booking",)


class NotAssigned(DomainError):
    message = _("The booking has no driver. Assign it first.")


class NotAssignable(DomainError):
    message = _("Only an accepted booking with a confirmed time is given to a driver.")


class RideUnderWay(DomainError):
    message = _("The ride is under way: it can be taken back, not moved.")


class ShiftCancelled(DomainError):
    message = _("This shift is cancelled. Choose another one.")


class RideDoesNotFit(DomainError):
    message = _("The ride does not fit into this shift: %(why)s")


class TooLateToReassign(DomainError):
    message = _("The pickup is in less than %(minutes)s minutes: say why the driver changes.")


@transaction.atomic
def assign(
    *,
    booking: Booking,
    shift: Shift,
    actor: User | None,
    now: datetime,
    pickup_at: datetime | None = None,
) -> Assignment:
    """Give an accepted booking to a shift, at `pickup_at` or at the best time there is.

    :raises NotAssignable: not accepted, or a will-call whose time is open.
    :raises AlreadyAssigned: a driver has it.
    :raises RideDoesNotFit: which rule is in the way, and by how much.
    """
    booking, current = _locked(booking, shift)
    if current is not None:
        raise AlreadyAssigned
    if booking.status != BookingStatus.ACCEPTED or not booking.time_confirmed:
        raise NotAssignable
    return _place(booking, shift, None, actor=actor, now=now, pickup_at=pickup_at, reason="")


@transaction.atomic
def move(
    *,
    booking: Booking,
    shift: Shift,
    actor: User | None,
    now: datetime,
    pickup_at: datetime | None = None,
    reason: str = "",
) -> Assignment:
    """Give an assigned booking to another shift, or another time.

    :raises NotAssigned, RideUnderWay: there is nothing to move, or no longer.
    :raises TooLateToReassign: so soon before the pickup a reason is due.
    :raises RideDoesNotFit: which rule is in the way, and by how much.
    """
    booking, current = _locked(booking, shift)
    if current is None:
        raise NotAssigned
    if booking.status != BookingStatus.ASSIGNED:
        raise RideUnderWay
    policy = policies.policy_of(booking.company)
    soon = current.pickup_at - now < timedelta(minutes=policy.no_reassign_min)
    if soon and current.shift_id != shift.pk and not reason.strip():
        raise TooLateToReassign(minutes=policy.no_reassign_min)
    return _place(booking, shift, current, actor=actor, now=now, pickup_at=pickup_at, reason=reason)


@transaction.atomic
def take_back(*, booking: Booking, actor: User | None, now: datetime, reason: str = "") -> None:
    """Take a booking back from its driver: it waits to be assigned again.

    :raises NotAssigned: no driver has it.
    :raises IllegalMove: the driver has arrived, or the client is on board.
    """
    booking, current = _locked(booking, None)
    if current is None:
        raise NotAssigned
    current.status = AssignmentStatus.CANCELLED
    current.save(update_fields=["status"])
    moves.move(booking=booking, to=BookingStatus.ACCEPTED, actor=actor, now=now, reason=reason)


@transaction.atomic
def set_lock(*, booking: Booking, lock: Lock) -> Assignment:
    """Order runs to keep the driver, or driver and times; or let them decide again.

    :raises NotAssigned: no driver has it.
    """
    booking, current = _locked(booking, None)
    if current is None:
        raise NotAssigned
    current.lock = lock
    current.save(update_fields=["lock"])
    return current


def _locked(booking: Booking, shift: Shift | None) -> tuple[Booking, Assignment | None]:
    """Lock a booking, its shift and the one it may go to, and read them as they are now.

    :raises ShiftCancelled: nobody drives that shift.
    """
    company = booking.company
    held = Assignment.objects.live().filter(booking=booking).values_list("shift_id", flat=True)
    shift_ids = set(held) | ({shift.pk} if shift is not None else set())
    applying.lock(company=company, booking_ids=[booking.pk], shift_ids=shift_ids)
    fresh = (
        Booking.objects.for_company(company).select_related("company", "client").get(pk=booking.pk)
    )
    if shift is not None:
        # Another company's shift does not exist for this one.
        status = Shift.objects.for_company(company).values_list("status", flat=True)
        if status.get(pk=shift.pk) == ShiftStatus.CANCELLED:
            raise ShiftCancelled
    return fresh, Assignment.objects.live().filter(booking=fresh).first()


def _place(
    booking: Booking,
    shift: Shift,
    current: Assignment | None,
    *,
    actor: User | None,
    now: datetime,
    pickup_at: datetime | None,
    reason: str,
) -> Assignment:
    """Put one booking into a shift's day; the others keep their times if that is possible."""
    company = booking.company
    rows = load_day(
        company=company,
        day=local_day(booking.scheduled_at, company.tz),
        now=now,
        policy=policies.policy_of(company),
        around=(booking, shift),
    )
    changes = _insertion(rows, booking, pickup_at, keep_times=True)
    if changes is None:
        changes = _insertion(rows, booking, pickup_at, keep_times=False)
    if changes is None:
        raise RideDoesNotFit(why=explaining.why_not(_without(rows, booking), booking, pickup_at))
    changes = [
        Change(change.booking_id, current, change.row)
        if change.booking_id == booking.pk
        else change
        for change in changes
    ]
    applying.go_live(company=company, changes=changes, actor=actor, now=now, reason=reason)
    placed = next(change.row for change in changes if change.booking_id == booking.pk)
    if placed is None:
        raise NotAssigned
    return placed


def _insertion(
    rows: Day, booking: Booking, pickup_at: datetime | None, *, keep_times: bool
) -> list[Change] | None:
    """Find a place for the booking among the rides of the one shift; None when there is none."""
    day = _without(rows, booking)
    others = {other.pk for other in day.bookings if day.current(other) is not None}
    if not keep_times:
        # What a run would take back keeps its place here until a run does.
        others &= {other.pk for other, _ in build(day, GreatCircle()).unplannable}
    day = _with(day, _times_kept(day, others))
    mapped = build(day, GreatCircle())
    number = mapped.index().get(booking.pk)
    if number is None or not mapped.shifts:
        return None
    problem = mapped.problem
    if pickup_at is not None:
        problem = pinned(problem, number, day.ticks(pickup_at))
    relaxed = relax(problem, baseline(problem))
    plan = search.solve(relaxed, iterations=_TRIES, seed=0).plan
    lost = set(plan.unassigned)
    if number in lost or any(day.current(mapped.bookings[other]) for other in lost):
        return None
    changes = [
        Change(mapped.bookings[proposal.number].pk, proposal.current, proposal.row)
        for proposal in proposals(mapped, plan, None)
        if proposal.is_change
    ]
    return None if keep_times and len(changes) > 1 else changes


def _without(rows: Day, booking: Booking) -> Day:
    """Give the day as if the booking waited for a driver."""
    return _with(rows, {booking.pk: {"current": None, "status": BookingStatus.ACCEPTED}})


def _times_kept(rows: Day, others: set[int]) -> dict[int, dict[str, Any]]:
    """Lock others to their times; their rows are compared with these, and stay equal."""
    kept = {}
    for other in rows.bookings:
        current = rows.current(other)
        if other.pk in others and current is not None:
            bound = copy.copy(current)
            bound.lock = Lock.TIMES
            kept[other.pk] = {"current": bound}
    return kept


def _with(rows: Day, values: dict[int, dict[str, Any]]) -> Day:
    bookings = []
    for booking in rows.bookings:
        patched = copy.copy(booking) if booking.pk in values else booking
        for name, value in values.get(booking.pk, {}).items():
            setattr(patched, name, value)
        bookings.append(patched)
    return replace(rows, bookings=bookings)
