"""One client carried once, and what happened to each booking."""

from typing import Self

import pghistory
import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Case, F, Q, When
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from accounts.models import Company, Partner, User
from accounts.triggers import keeps_company, row_version, same_company
from atmr.rows import RowsQuerySet
from bookings import triggers
from bookings.models.clients import Client, Mobility
from bookings.models.series import Anchor, BookingSeries, Priority
from bookings.states import BookingStatus
from fleet.models import Equipment, Place, Skill


class Payer(models.TextChoices):
    CLIENT = "client", _("Client")
    PARTNER = "partner", _("Partner")
    INSURER = "insurer", _("Insurer")


class BookingQuerySet(RowsQuerySet["Booking"]):
    def for_company(self, company: Company) -> Self:
        return self.filter(company=company)

    def with_people(self) -> Self:
        return self.select_related("client", "pickup_place", "delivery_place")


# Its moves, their reasons and reported times are history of their own: BookingEvent.
@pghistory.track(
    model_name="BookingHistory",
    exclude=[
        "scheduled_at",
        "version",
        "status",
        "cancel_reason",
        "actual_pickup_at",
        "actual_delivery_at",
    ],
)
class Booking(models.Model):
    """One client carried once from a pickup to a delivery."""

    company = models.ForeignKey(
        Company, on_delete=models.PROTECT, db_index=False, verbose_name=_("company")
    )
    reference = models.CharField(_("reference"), max_length=20, editable=False)
    partner = models.ForeignKey(
        Partner, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("partner")
    )
    partner_reference = models.CharField(_("partner's reference"), max_length=64, blank=True)
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, related_name="bookings", verbose_name=_("client")
    )
    status = models.CharField(
        _("status"), max_length=10, choices=BookingStatus, default=BookingStatus.PENDING
    )

    pickup_place = models.ForeignKey(
        Place, on_delete=models.PROTECT, related_name="+", verbose_name=_("from")
    )
    pickup_floor = models.CharField(_("floor at the pickup"), max_length=20, blank=True)
    pickup_contact = models.CharField(_("contact at the pickup"), max_length=120, blank=True)
    pickup_service_min = models.PositiveSmallIntegerField(
        _("service at the pickup (min)"), null=True, blank=True
    )
    delivery_place = models.ForeignKey(
        Place, on_delete=models.PROTECT, related_name="+", verbose_name=_("to")
    )
    delivery_floor = models.CharField(_("floor at the delivery"), max_length=20, blank=True)
    delivery_contact = models.CharField(_("contact at the delivery"), max_length=120, blank=True)
    delivery_service_min = models.PositiveSmallIntegerField(
        _("service at the delivery (min)"), null=True, blank=True
    )

    anchor = models.CharField(_("anchor"), max_length=10, choices=Anchor, default=Anchor.PICKUP)
    requested_pickup_at = models.DateTimeField(_("requested pickup"), null=True, blank=True)
    appointment_at = models.DateTimeField(_("appointment"), null=True, blank=True)
    appointment_ends_at = models.DateTimeField(_("end of the appointment"), null=True, blank=True)
    scheduled_at = models.GeneratedField(
        expression=Case(
            When(anchor=Anchor.ARRIVE_BY, then=F("appointment_at")),
            default=F("requested_pickup_at"),
        ),
        output_field=models.DateTimeField(_("scheduled at")),
        db_persist=True,
    )
    promised_from = models.DateTimeField(_("promised from"), null=True, blank=True)
    promised_until = models.DateTimeField(_("promised until"), null=True, blank=True)
    actual_pickup_at = models.DateTimeField(_("actual pickup"), null=True, blank=True)
    actual_delivery_at = models.DateTimeField(_("actual delivery"), null=True, blank=True)

    outbound = models.OneToOneField(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="return_booking",
        verbose_name=_("return of"),
    )
    stands_alone = models.BooleanField(_("served even if the outbound is not"), default=False)
    will_call = models.BooleanField(
        _("will call"),
        default=False,
        help_text=_("The time is confirmed when the client is ready."),
    )
    time_confirmed = models.BooleanField(_("time confirmed"), default=True)
    series = models.ForeignKey(
        BookingSeries,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="bookings",
        verbose_name=_("series"),
    )
    series_day = models.DateField(_("day of the series"), null=True, blank=True)

    priority = models.CharField(
        _("priority"), max_length=10, choices=Priority, default=Priority.NORMAL
    )
    mobility = models.CharField(
        _("mobility"), max_length=20, choices=Mobility, default=Mobility.WALKS
    )
    companions = models.PositiveSmallIntegerField(_("companions"), default=0)
    skills = ArrayField(
        models.CharField(max_length=16, choices=Skill),
        default=list,
        blank=True,
        verbose_name=_("skills needed"),
    )
    equipment = ArrayField(
        models.CharField(max_length=16, choices=Equipment),
        default=list,
        blank=True,
        verbose_name=_("equipment needed"),
    )
    exclusive = models.BooleanField(_("rides alone"), default=False)
    infectious = models.BooleanField(_("infectious"), default=False)
    payer = models.CharField(_("payer"), max_length=10, choices=Payer, default=Payer.CLIENT)
    driver_notes = models.TextField(_("notes for the driver"), blank=True)
    dispatcher_notes = models.TextField(_("notes for dispatchers"), blank=True)
    cancel_reason = models.CharField(_("reason when cancelled"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    version = models.PositiveIntegerField(default=0, editable=False)

    objects = BookingQuerySet.as_manager()

    class Meta:
        verbose_name = _("booking")
        verbose_name_plural = _("bookings")
        indexes = [
            # The dispatchable bookings of a company's day.
            models.Index(
                fields=["status", "scheduled_at", "company"],
                name="ix_booking_status_scheduled_company",
            ),
            # A company's bookings of a day in any state: lists and the day page.
            models.Index(fields=["company", "scheduled_at"], name="booking_company_scheduled"),
            # The list of all companies' bookings, latest first.
            models.Index(fields=["-scheduled_at", "-id"], name="booking_latest"),
            # The bookings whose reference, ours or the partner's, contains a piece of text.
            GinIndex(
                OpClass(Upper("reference"), name="gin_trgm_ops"),
                OpClass(Upper("partner_reference"), name="gin_trgm_ops"),
                name="booking_reference_pieces",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["company", "reference"],
                name="booking_reference_unique",
                violation_error_message=_("Another booking has this reference."),
            ),
            models.UniqueConstraint(
                fields=["company", "partner", "partner_reference"],
                condition=~Q(partner_reference=""),
                name="booking_partner_reference_unique",
                nulls_distinct=False,
                violation_error_message=_("This reference of the partner is booked already."),
            ),
            models.UniqueConstraint(
                fields=["series", "series_day"],
                condition=Q(outbound__isnull=True),
                name="booking_once_per_series_day",
                violation_error_message=_("The series has a booking on this day already."),
            ),
            models.CheckConstraint(
                condition=Q(anchor=Anchor.PICKUP, requested_pickup_at__isnull=False)
                | Q(anchor=Anchor.ARRIVE_BY, appointment_at__isnull=False),
                name="booking_anchor_has_time",
                violation_error_message=_(
                    "Give the requested pickup, or the appointment to arrive by."
                ),
            ),
            models.CheckConstraint(
                condition=Q(appointment_ends_at__isnull=True)
                | Q(appointment_ends_at__gte=F("appointment_at")),
                name="booking_appointment_ends_after_start",
                violation_error_message=_("The appointment ends after it starts."),
            ),
            models.CheckConstraint(
                condition=Q(promised_from__isnull=True, promised_until__isnull=True)
                | Q(
                    promised_from__isnull=False,
                    promised_until__isnull=False,
                    promised_from__lte=F("promised_until"),
                ),
                name="booking_promise_is_window",
                violation_error_message=_("The promised window starts before it ends."),
            ),
            models.CheckConstraint(
                condition=Q(actual_delivery_at__isnull=True)
                | Q(actual_pickup_at__isnull=False, actual_delivery_at__gte=F("actual_pickup_at")),
                name="booking_delivered_after_pickup",
                violation_error_message=_("The delivery follows a pickup."),
            ),
            models.CheckConstraint(
                condition=~Q(pickup_place=F("delivery_place")),
                name="booking_goes_somewhere",
                violation_error_message=_("Pickup and delivery are two places."),
            ),
            models.CheckConstraint(
                condition=Q(companions__lte=8),
                name="booking_companions_bounded",
                violation_error_message=_("At most eight companions."),
            ),
            models.CheckConstraint(
                condition=(Q(pickup_service_min__isnull=True) | Q(pickup_service_min__lte=120))
                & (Q(delivery_service_min__isnull=True) | Q(delivery_service_min__lte=120)),
                name="booking_service_bounded",
                violation_error_message=_("Service takes 120 minutes at most."),
            ),
            models.CheckConstraint(
                condition=Q(
                    status__in=BookingStatus.values,
                    priority__in=Priority.values,
                    mobility__in=Mobility.values,
                    anchor__in=Anchor.values,
                    payer__in=Payer.values,
                ),
                name="booking_choices_known",
                violation_error_message=_("Choose one of the values offered."),
            ),
            models.CheckConstraint(
                condition=Q(will_call=True) | Q(time_confirmed=True),
                name="booking_only_will_call_unconfirmed",
                violation_error_message=_("Only a will-call waits for its time."),
            ),
            models.CheckConstraint(
                condition=Q(series__isnull=True, series_day__isnull=True)
                | Q(series__isnull=False, series_day__isnull=False),
                name="booking_of_series_has_day",
                violation_error_message=_("A booking of a series has its day there."),
            ),
            models.CheckConstraint(
                condition=Q(outbound__isnull=True) | ~Q(outbound=F("id")),
                name="booking_returns_another",
                violation_error_message=_("A booking is not its own return."),
            ),
        ]
        triggers = [
            keeps_company(),
            same_company(
                client_id="bookings_client",
                pickup_place_id="fleet_place",
                delivery_place_id="fleet_place",
                outbound_id="bookings_booking",
                series_id="bookings_bookingseries",
            ),
            row_version("scheduled_at"),
            triggers.record_creation(),
            triggers.record_move(),
        ]

    def __str__(self) -> str:
        return self.reference


class BookingEvent(models.Model):
    """One move of a booking: who, when, from, to, why. Written by triggers, never changed."""

    booking = models.ForeignKey(
        Booking,
        on_delete=models.CASCADE,
        related_name="events",
        db_index=False,
        verbose_name=_("booking"),
    )
    company = models.ForeignKey(
        Company, on_delete=models.PROTECT, db_index=False, verbose_name=_("company")
    )
    from_status = models.CharField(_("from"), max_length=10, choices=BookingStatus, blank=True)
    to_status = models.CharField(_("to"), max_length=10, choices=BookingStatus)
    actor = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, db_index=False, verbose_name=_("who")
    )
    reason = models.CharField(_("why"), max_length=200, blank=True)
    happened_at = models.DateTimeField(_("happened at"))
    recorded_at = models.DateTimeField(_("recorded at"))

    class Meta:
        verbose_name = _("booking event")
        verbose_name_plural = _("booking events")
        indexes = [
            # The history of a booking, in order.
            models.Index(fields=["booking", "id"], name="bookingevent_booking"),
            # What happened in a company, latest first.
            models.Index(fields=["company", "-id"], name="bookingevent_company_latest"),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.from_status or '-'} > {self.to_status}"
