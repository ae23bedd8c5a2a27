"""When: another time for a booking, and the time at last for a will-call."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from atmr.errors import DomainError
from bookings.models import Anchor, Booking
from bookings.services import trips
from bookings.services.booking import TimeMissing
from bookings.signals import announce
from bookings.states import OPEN, WITH_DRIVER, BookingStatus


class HasDriver(DomainError):
    message = _("A driver has %(reference)s: this needs the assignment to end or to change too.")


class NotOpen(DomainError):
    message = _("%(reference)s cannot change any more: “%(status)s”.")


class NotWillCall(DomainError):
    message = _("%(reference)s is no will-call: change its time instead.")


class AlreadyConfirmed(DomainError):
    message = _("The time of %(reference)s is confirmed already: change it instead.")


def change_time(
    *,
    booking: Booking,
    requested_pickup_at: datetime | None = None,
    appointment_at: datetime | None = None,
    appointment_ends_at: datetime | None = None,
    window_before_min: int,
    window_after_min: int,
    with_driver: bool = False,
) -> None:
    """Move an open booking to another time, promise it anew, and bring `booking` up to date.

    It is anchored to the requested pickup if that is given, else to the appointment. An appointment
    that moves takes its end along. With `with_driver`, the caller sees to the assignment.

    :raises TimeMissing: there is neither a requested pickup nor an appointment.
    :raises HasDriver: a driver has it, and the caller did not say `with_driver`.
    :raises NotOpen: the client is on board, or the booking is over.
    :raises ReturnBeforeOutbound: a confirmed return would start before its outbound.
    """
    if requested_pickup_at is None and appointment_at is None:
        raise TimeMissing
    with transaction.atomic():
        legs = trips.locked_trip(booking)
        row = legs[booking.pk]
        _check_open(row)
        if row.status in WITH_DRIVER and not with_driver:
            raise HasDriver(reference=row.reference)
        if appointment_at and row.appointment_at and row.appointment_ends_at:
            stay = row.appointment_ends_at - row.appointment_at
            appointment_ends_at = appointment_ends_at or appointment_at + stay
        row.anchor = Anchor.ARRIVE_BY if requested_pickup_at is None else Anchor.PICKUP
        row.requested_pickup_at = requested_pickup_at
        row.appointment_at = appointment_at or row.appointment_at
        row.appointment_ends_at = appointment_ends_at or row.appointment_ends_at
        trips.check_order(legs.values())
        _store_time(row, window_before_min, window_after_min)
    booking.refresh_from_db()


def confirm_will_call(
    *, booking: Booking, at: datetime, window_before_min: int, window_after_min: int
) -> None:
    """Give a will-call its time, now that the client has called; bring `booking` up to date.

    :raises NotWillCall, AlreadyConfirmed: there is no time to confirm.
    :raises NotOpen: the booking is over.
    :raises ReturnBeforeOutbound: the client calls from before the outbound.
    """
    with transaction.atomic():
        legs = trips.locked_trip(booking)
        row = legs[booking.pk]
        if not row.will_call:
            raise NotWillCall(reference=row.reference)
        if row.time_confirmed:
            raise AlreadyConfirmed(reference=row.reference)
        _check_open(row)
        row.requested_pickup_at = at
        row.time_confirmed = True
        trips.check_order(legs.values())
        _store_time(row, window_before_min, window_after_min)
    booking.refresh_from_db()


def _check_open(booking: Booking) -> None:
    """Let a booking pass that nobody carries yet and that is not over.

    :raises NotOpen: the client is on board, or the booking is over.
    """
    if booking.status not in OPEN or booking.status == BookingStatus.ON_BOARD:
        status = BookingStatus(booking.status).label
        raise NotOpen(reference=booking.reference, status=status)


def _store_time(booking: Booking, window_before_min: int, window_after_min: int) -> None:
    """Store the new time of a locked booking with the promise that follows from it."""
    due = booking.requested_pickup_at
    if due is None or booking.status == BookingStatus.PENDING or not booking.time_confirmed:
        booking.promised_from = booking.promised_until = None
    else:
        booking.promised_from = due - timedelta(minutes=window_before_min)
        booking.promised_until = due + timedelta(minutes=window_after_min)
    booking.save(
        update_fields=[
            "anchor",
            "requested_pickup_at",
            "appointment_at",
            "appointment_ends_at",
            "time_confirmed",
            "promised_from",
            "promised_until",
        ]
    )
    announce(booking.company_id, [booking.pk])
