"""What happens to a ride: reported from the road, cancelled, corrected; its assignment follows."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from accounts.models import Company, User
from bookings.models import Booking
from bookings.services import ending, moves
from bookings.states import BookingStatus, Correction
from dispatch.models import Assignment, AssignmentStatus

# A ride that is over has no live assignment, and one that is corrected has it again.
_BACK_TO_LIVE = {
    Correction.UNDO_COMPLETED: AssignmentStatus.DONE,
    Correction.UNDO_NO_SHOW: AssignmentStatus.CANCELLED,
}


@transaction.atomic
def report(
    *,
    booking: Booking,
    to: BookingStatus,
    actor: User | None,
    now: datetime,
    at: datetime | None = None,
    reason: str = "",
    return_too: bool | None = None,
) -> None:
    """Report a state from the road with the time it happened; see `moves.move` for refusals."""
    if to == BookingStatus.NO_SHOW:
        ended = ending.no_show(
            booking=booking, actor=actor, now=now, at=at, reason=reason, return_too=return_too
        )
        _end(booking.company, ended, AssignmentStatus.CANCELLED)
        return
    moves.move(booking=booking, to=to, actor=actor, now=now, at=at, reason=reason)
    if to == BookingStatus.COMPLETED:
        _end(booking.company, [booking.pk], AssignmentStatus.DONE)


@transaction.atomic
def cancel(
    *,
    booking: Booking,
    actor: User | None,
    now: datetime,
    reason: str,
    return_too: bool | None = None,
) -> None:
    """Cancel a booking, and take it from its driver; see `ending.cancel` for refusals."""
    ended = ending.cancel(
        booking=booking,
        actor=actor,
        now=now,
        reason=reason,
        return_too=return_too,
        with_driver=True,
    )
    _end(booking.company, ended, AssignmentStatus.CANCELLED)


@transaction.atomic
def correct(
    *, booking: Booking, correction: Correction, actor: User | None, now: datetime, reason: str
) -> None:
    """Take back a wrong button; see `moves.correct` for refusals."""
    moves.correct(booking=booking, correction=correction, actor=actor, now=now, reason=reason)
    ended_as = _BACK_TO_LIVE.get(correction)
    if ended_as is not None:
        last = (
            Assignment.objects.for_company(booking.company)
            .filter(booking=booking, status=ended_as)
            .order_by("-created_at", "-pk")
            .first()
        )
        if last is not None:
            last.status = AssignmentStatus.LIVE
            last.save(update_fields=["status"])


def _end(company: Company, booking_ids: Collection[int], status: AssignmentStatus) -> None:
    Assignment.objects.for_company(company).live().filter(booking__in=booking_ids).update(
        status=status
    )
