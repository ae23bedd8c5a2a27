"""How a booking ends before its client is carried, and what then becomes of its return."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from atmr.errors import DomainError
from bookings.models import Booking
from bookings.services import moves, trips
from bookings.services.timing import HasDriver
from bookings.signals import announce
from bookings.states import OPEN, WITH_DRIVER, BookingStatus, check_move


class ReturnUndecided(DomainError):
    message = _("%(reference)s has a return, %(return)s: say whether it goes too or stays.")


def reject(
    *,
    booking: Booking,
    actor: User | None,
    now: datetime,
    reason: str,
    return_too: bool | None = None,
) -> set[int]:
    """Decline a pending booking; give the ids of all bookings that ended.

    :raises IllegalMove: it is no longer pending.
    :raises ReturnUndecided: see `cancel`.
    """
    return _end(
        booking, BookingStatus.REJECTED, actor=actor, now=now, reason=reason, return_too=return_too
    )


def cancel(
    *,
    booking: Booking,
    actor: User | None,
    now: datetime,
    reason: str,
    return_too: bool | None = None,
    with_driver: bool = False,
) -> set[int]:
    """Cancel a booking; give the ids of all bookings that ended.

    `return_too` says what becomes of an open return: it is cancelled too, or it stands alone.
    With `with_driver`, the caller ends the assignments of those ids in the same transaction.

    :raises IllegalMove: the client is on board, or the booking is over.
    :raises ReturnUndecided: there is an open return, and `return_too` does not say.
    :raises HasDriver: a driver has one of them, and the caller did not say `with_driver`.
    """
    return _end(
        booking,
        BookingStatus.CANCELLED,
        actor=actor,
        now=now,
        reason=reason,
        return_too=return_too,
        with_driver=with_driver,
    )


def no_show(
    *,
    booking: Booking,
    actor: User | None,
    now: datetime,
    at: datetime | None = None,
    reason: str = "",
    return_too: bool | None = None,
) -> set[int]:
    """Report that the client did not come; give the ids of all bookings that ended.

    A driver has it, so the caller ends the assignments of those ids in the same transaction.

    :raises IllegalMove: the driver has not arrived.
    :raises ReturnUndecided: see `cancel`.
    :raises TimeInFuture, TimesOutOfOrder: see `moves.move`.
    """
    return _end(
        booking,
        BookingStatus.NO_SHOW,
        actor=actor,
        now=now,
        at=at,
        reason=reason,
        return_too=return_too,
        with_driver=True,
    )


def _end(
    booking: Booking,
    to: BookingStatus,
    *,
    actor: User | None,
    now: datetime,
    reason: str,
    return_too: bool | None,
    at: datetime | None = None,
    with_driver: bool = False,
) -> set[int]:
    with transaction.atomic():
        legs = trips.locked_trip(booking)
        check_move(BookingStatus(legs[booking.pk].status), to)
        back = next((leg for leg in legs.values() if leg.outbound_id == booking.pk), None)
        if back and back.status not in OPEN:
            back = None
        if back and return_too is None:
            raise ReturnUndecided(**{"reference": booking.reference, "return": back.reference})
        ending = [legs[booking.pk], back] if back and return_too else [legs[booking.pk]]
        for leg in ending:
            if leg.status in WITH_DRIVER and not with_driver:
                raise HasDriver(reference=leg.reference)
        moves.move(booking=booking, to=to, actor=actor, now=now, at=at, reason=reason)
        if back and return_too:
            _end_return(back, to, actor=actor, now=now, reason=reason)
        elif back:
            # Without its outbound a return is not planned, unless somebody says that it must be.
            Booking.objects.filter(pk=back.pk).update(stands_alone=True)
            announce(back.company_id, [back.pk])
    return {leg.pk for leg in ending}


def _end_return(
    back: Booking, outbound_to: BookingStatus, *, actor: User | None, now: datetime, reason: str
) -> None:
    rejected = outbound_to == BookingStatus.REJECTED and back.status == BookingStatus.PENDING
    moves.move(
        booking=back,
        to=BookingStatus.REJECTED if rejected else BookingStatus.CANCELLED,
        actor=actor,
        now=now,
        reason=reason or gettext("The client was not there for the outbound."),
    )
