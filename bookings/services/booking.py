"""Bookings: made and accepted."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TypedDict, Unpack

from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from accounts.models import Company, Partner, User
from atmr.errors import DomainError
from bookings.models import Anchor, Booking, Client, Mobility, Payer, Priority
from bookings.services import moves
from bookings.services.references import reference_of, reserve_ids
from bookings.signals import announce
from bookings.states import BookingStatus, IllegalMove
from fleet.models import Place


class ClientInactive(DomainError):
    message = _("%(client)s is no longer carried. Make the client active again first.")


class NoAgreement(DomainError):
    message = _("%(partner)s has no active agreement with this company.")


class AlreadyBooked(DomainError):
    message = _("This reference of the partner is booked already.")
    constraints = ("booking_partner_reference_unique",)


class TimeMissing(DomainError):
    message = _("Give the requested pickup, or the appointment to arrive by.")
    constraints = ("booking_anchor_has_time",)


class BookingDetails(TypedDict, total=False):
    """What may be said about a booking beside who, where and when."""

    partner: Partner | None
    partner_reference: str
    pickup_floor: str
    pickup_contact: str
    pickup_service_min: int | None
    delivery_floor: str
    delivery_contact: str
    delivery_service_min: int | None
    priority: Priority
    mobility: Mobility
    companions: int
    skills: list[str]
    equipment: list[str]
    exclusive: bool
    infectious: bool
    payer: Payer
    driver_notes: str
    dispatcher_notes: str


def draft(
    *,
    company: Company,
    client: Client,
    pickup_place: Place,
    delivery_place: Place,
    requested_pickup_at: datetime | None = None,
    appointment_at: datetime | None = None,
    appointment_ends_at: datetime | None = None,
    **details: Unpack[BookingDetails],
) -> Booking:
    """Give an unsaved booking: anchored to the requested pickup if there is one.

    Mobility and companions are those of the client today unless `details` says otherwise.

    :raises TimeMissing: there is neither a requested pickup nor an appointment.
    """
    if requested_pickup_at is None and appointment_at is None:
        raise TimeMissing
    as_booked: BookingDetails = {
        "mobility": Mobility(client.mobility),
        "companions": client.companions,
    }
    as_booked.update(details)
    return Booking(
        company=company,
        client=client,
        pickup_place=pickup_place,
        delivery_place=delivery_place,
        anchor=Anchor.ARRIVE_BY if requested_pickup_at is None else Anchor.PICKUP,
        requested_pickup_at=requested_pickup_at,
        appointment_at=appointment_at,
        appointment_ends_at=appointment_ends_at,
        **as_booked,
    )


def create_booking(*, booking: Booking, actor: User | None, now: datetime) -> Booking:
    """Store a draft as a pending booking with its reference.

    :raises ClientInactive, NoAgreement: the company does not carry for this client or partner.
    """
    create_many(company=booking.company, bookings=[booking], actor=actor, now=now)
    return booking


def check_at_once() -> None:
    """Have each statement of this transaction check its foreign keys, not the end of it.

    Every trigger of a row undoes a subtransaction of its own, and with it looks through all checks
    that were put off: ten thousand bookings in one transaction would take minutes.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def create_many(
    *, company: Company, bookings: Sequence[Booking], actor: User | None, now: datetime
) -> None:
    """Store drafts of one company as pending, in constant statements; outbounds before returns.

    :raises ClientInactive, NoAgreement: the company does not carry for a client or a partner.
    """
    if not bookings:
        return
    for booking in bookings:
        if not booking.client.active:
            raise ClientInactive(client=booking.client)
    _check_agreements(company, bookings)
    with transaction.atomic():
        for number, booking in zip(reserve_ids(len(bookings)), bookings, strict=True):
            booking.pk = number
            booking.reference = reference_of(number)
            booking.status = BookingStatus.PENDING
            # A draft was linked to its outbound before either had an id.
            booking.outbound = booking.outbound
        moves.say(actor=actor, at=now)
        Booking.objects.bulk_create(bookings)
        announce(company.pk, [booking.pk for booking in bookings])


def accept(
    *,
    booking: Booking,
    actor: User | None,
    now: datetime,
    window_before_min: int,
    window_after_min: int,
) -> None:
    """Accept a pending booking, and promise its pickup if that is what it is anchored to.

    :raises IllegalMove: it is no longer pending.
    """
    accepted = accept_many(
        company=booking.company,
        booking_ids=[booking.pk],
        actor=actor,
        now=now,
        window_before_min=window_before_min,
        window_after_min=window_after_min,
    )
    booking.refresh_from_db()
    if not accepted:
        status = BookingStatus(booking.status)
        raise IllegalMove(**{"from": status.label, "to": BookingStatus.ACCEPTED.label})


def accept_many(
    *,
    company: Company,
    booking_ids: Collection[int],
    actor: User | None,
    now: datetime,
    window_before_min: int,
    window_after_min: int,
) -> set[int]:
    """Accept those that are pending, and promise the pickups they are anchored to; give their ids.

    An arrive-by booking is promised nothing before a plan, a will-call nothing before its call.
    """
    with transaction.atomic():
        accepted = moves.move_many(
            company=company,
            booking_ids=booking_ids,
            to=BookingStatus.ACCEPTED,
            froms=[BookingStatus.PENDING],
            actor=actor,
            now=now,
        )
        promise(accepted, window_before_min=window_before_min, window_after_min=window_after_min)
    return accepted


def promise(booking_ids: Collection[int], *, window_before_min: int, window_after_min: int) -> None:
    """Promise the pickup of those that are accepted and anchored to a pickup with a time."""
    Booking.objects.filter(
        pk__in=booking_ids,
        status=BookingStatus.ACCEPTED,
        anchor=Anchor.PICKUP,
        time_confirmed=True,
    ).update(
        promised_from=F("requested_pickup_at") - timedelta(minutes=window_before_min),
        promised_until=F("requested_pickup_at") + timedelta(minutes=window_after_min),
    )


def _check_agreements(company: Company, bookings: Sequence[Booking]) -> None:
    partners = {booking.partner_id for booking in bookings if booking.partner_id}
    if partners:
        agreed = company.agreements.filter(active=True, partner__in=partners)
        missing = partners - set(agreed.values_list("partner_id", flat=True))
        if missing:
            partner = Partner.objects.filter(pk__in=missing).order_by("pk").first()
            raise NoAgreement(partner=partner)
