"""Round trips: two linked bookings, out and back."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from atmr.errors import DomainError
from bookings.models import Anchor, Booking
from bookings.services import booking as booking_service
from bookings.states import OPEN


class ReturnBooked(DomainError):
    message = _("The booking has a return already.")
    constraints = ("bookings_booking_outbound_id_key",)


class ReturnOfReturn(DomainError):
    message = _("%(reference)s is a return itself.")


class ReturnTimeMissing(DomainError):
    message = _("Give the time of the return, or say that the client will call.")


class ReturnBeforeOutbound(DomainError):
    message = _("The return cannot start before the outbound.")


def book_round_trip(
    *,
    outbound: Booking,
    return_pickup_at: datetime | None,
    will_call: bool = False,
    stands_alone: bool = False,
    actor: User | None,
    now: datetime,
) -> tuple[Booking, Booking]:
    """Store a draft and the return that follows from it, both pending, in constant statements.

    The return of a will-call is expected at `return_pickup_at`, or at the end of the appointment
    if that is left out, and is dispatched only when the client has called.

    :raises ReturnTimeMissing: a return at a fixed time has none.
    :raises ReturnBeforeOutbound: the return would start before the outbound.
    :raises ClientInactive, NoAgreement: see `booking.create_booking`.
    """
    back = draft_return(
        outbound=outbound,
        return_pickup_at=return_pickup_at,
        will_call=will_call,
        stands_alone=stands_alone,
    )
    booking_service.create_many(
        company=outbound.company, bookings=[outbound, back], actor=actor, now=now
    )
    return outbound, back


def book_return(
    *,
    outbound: Booking,
    return_pickup_at: datetime | None,
    will_call: bool = False,
    stands_alone: bool = False,
    actor: User | None,
    now: datetime,
) -> Booking:
    """Store a return of a booking that has none yet; see `book_round_trip`.

    :raises ReturnBooked, ReturnOfReturn: the booking has a return, or is one.
    """
    with transaction.atomic():
        legs = locked_trip(outbound)
        if outbound.outbound_id is not None:
            raise ReturnOfReturn(reference=outbound.reference)
        if len(legs) > 1:
            raise ReturnBooked
        back = draft_return(
            outbound=legs[outbound.pk],
            return_pickup_at=return_pickup_at,
            will_call=will_call,
            stands_alone=stands_alone,
        )
        return booking_service.create_booking(booking=back, actor=actor, now=now)


def draft_return(
    *,
    outbound: Booking,
    return_pickup_at: datetime | None,
    will_call: bool = False,
    stands_alone: bool = False,
) -> Booking:
    """Give the unsaved way back of a booking, drafted or stored.

    :raises ReturnTimeMissing: a return at a fixed time has none.
    :raises ReturnBeforeOutbound: the return would start before the outbound.
    """
    starts_at = starts(outbound)
    if return_pickup_at is None and not will_call:
        raise ReturnTimeMissing
    expected_at = return_pickup_at or outbound.appointment_ends_at or starts_at
    if expected_at < starts_at:
        raise ReturnBeforeOutbound
    return Booking(
        company=outbound.company,
        client=outbound.client,
        partner=outbound.partner,
        outbound=outbound,
        stands_alone=stands_alone,
        anchor=Anchor.PICKUP,
        requested_pickup_at=expected_at,
        will_call=will_call,
        time_confirmed=not will_call,
        pickup_place=outbound.delivery_place,
        pickup_floor=outbound.delivery_floor,
        pickup_contact=outbound.delivery_contact,
        pickup_service_min=outbound.delivery_service_min,
        delivery_place=outbound.pickup_place,
        delivery_floor=outbound.pickup_floor,
        delivery_contact=outbound.pickup_contact,
        delivery_service_min=outbound.pickup_service_min,
        series=outbound.series,
        series_day=outbound.series_day,
        priority=outbound.priority,
        mobility=outbound.mobility,
        companions=outbound.companions,
        skills=list(outbound.skills),
        equipment=list(outbound.equipment),
        exclusive=outbound.exclusive,
        infectious=outbound.infectious,
        payer=outbound.payer,
        driver_notes=outbound.driver_notes,
    )


def starts(booking: Booking) -> datetime:
    """Give the instant a booking is anchored to, of a draft too."""
    anchored = (
        booking.appointment_at
        if booking.anchor == Anchor.ARRIVE_BY
        else booking.requested_pickup_at
    )
    if anchored is None:
        raise booking_service.TimeMissing
    return anchored


def locked_trip(booking: Booking) -> dict[int, Booking]:
    """Lock a booking with its outbound or return, in the order of their ids."""
    legs = Q(pk=booking.pk) | Q(outbound=booking.pk) | Q(return_booking=booking.pk)
    rows = Booking.objects.for_company(booking.company).filter(legs).order_by("pk")
    return {row.pk: row for row in rows.select_for_update(of=("self",), no_key=True)}


def check_order(legs: Iterable[Booking]) -> None:
    """Let a trip pass whose return, once it has a time, starts after its outbound.

    :raises ReturnBeforeOutbound: it starts earlier.
    """
    by_id = {leg.pk: leg for leg in legs}
    for leg in by_id.values():
        outbound = by_id.get(leg.outbound_id or 0)
        timed = leg.time_confirmed and leg.status in OPEN
        if outbound and timed and starts(leg) < starts(outbound):
            raise ReturnBeforeOutbound
