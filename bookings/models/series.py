"""Bookings that come back by a rule."""

import pghistory
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Company, Partner
from accounts.triggers import keeps_company, same_company
from atmr.errors import DomainError
from bookings.models.clients import Client
from bookings.recurrence import parse_rule
from fleet.models import Place


class Priority(models.TextChoices):
    NORMAL = "normal", _("Normal")
    MEDICAL = "medical", _("Medical")
    URGENT = "urgent", _("Urgent")
    EMERGENCY = "emergency", _("Emergency")


class Anchor(models.TextChoices):
    PICKUP = "pickup", _("Pick up at")
    ARRIVE_BY = "arrive_by", _("Arrive by")


class ReturnKind(models.TextChoices):
    NONE = "none", _("No return")
    TIMED = "timed", _("At a fixed time")
    WILL_CALL = "will_call", _("When the client is ready")


@pghistory.track(model_name="BookingSeriesHistory")
class BookingSeries(models.Model):
    """Bookings that come back by a rule: dialysis three times a week.

    Times are wall-clock times of the company's zone: 07:30 stays 07:30 when the clocks change.
    """

    company = models.ForeignKey(Company, on_delete=models.PROTECT, verbose_name=_("company"))
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, related_name="series", verbose_name=_("client")
    )
    reference = models.CharField(
        _("own reference"),
        max_length=64,
        blank=True,
        help_text=_("By which files name this row; no other of the company has it."),
    )
    partner = models.ForeignKey(
        Partner, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("partner")
    )
    pickup_place = models.ForeignKey(
        Place, on_delete=models.PROTECT, related_name="+", verbose_name=_("from")
    )
    delivery_place = models.ForeignKey(
        Place, on_delete=models.PROTECT, related_name="+", verbose_name=_("to")
    )
    anchor = models.CharField(_("anchor"), max_length=10, choices=Anchor, default=Anchor.ARRIVE_BY)
    at_time = models.TimeField(_("time"), help_text=_("Of the pickup, or of the appointment."))
    stay_min = models.PositiveSmallIntegerField(_("length of the stay (min)"), default=0)
    return_kind = models.CharField(
        _("return"), max_length=10, choices=ReturnKind, default=ReturnKind.NONE
    )
    return_time = models.TimeField(_("return at"), null=True, blank=True)
    rule = models.CharField(
        _("recurrence rule"),
        max_length=200,
        help_text=_("An iCalendar rule such as FREQ=WEEKLY;BYDAY=MO,WE,FR."),
    )
    starts_day = models.DateField(_("first day"))
    until_day = models.DateField(_("last day"), null=True, blank=True)
    on_holidays = models.BooleanField(_("also on public holidays"), default=False)
    priority = models.CharField(
        _("priority"), max_length=10, choices=Priority, default=Priority.MEDICAL
    )
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("series")
        verbose_name_plural = pgettext_lazy("several", "series")
        constraints = [
            models.UniqueConstraint(
                fields=["company", "reference"],
                condition=~Q(reference=""),
                name="series_reference_unique",
                violation_error_message=_("Another row of the company has this reference."),
            ),
            models.CheckConstraint(
                condition=Q(until_day__isnull=True) | Q(until_day__gte=F("starts_day")),
                name="series_ends_after_start",
                violation_error_message=_("The last day is not before the first."),
            ),
            models.CheckConstraint(
                condition=~Q(return_kind=ReturnKind.TIMED) | Q(return_time__isnull=False),
                name="series_timed_return_has_time",
                violation_error_message=_("Give the time of the return."),
            ),
            models.CheckConstraint(
                condition=~Q(pickup_place=F("delivery_place")),
                name="series_goes_somewhere",
                violation_error_message=_("Pickup and delivery are two places."),
            ),
            models.CheckConstraint(
                condition=Q(stay_min__lte=1440),
                name="series_stay_bounded",
                violation_error_message=_("A stay lasts 24 hours at most."),
            ),
        ]
        triggers = [
            keeps_company(),
            same_company(
                client_id="bookings_client",
                pickup_place_id="fleet_place",
                delivery_place_id="fleet_place",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.client}: {self.rule}"

    def clean(self) -> None:
        if self.starts_day:
            try:
                parse_rule(self.rule, self.starts_day)
            except DomainError as exc:
                raise ValidationError({"rule": str(exc)}) from exc


class SeriesException(models.Model):
    """One day of a series that is left out, or served at another time."""

    series = models.ForeignKey(
        BookingSeries,
        on_delete=models.CASCADE,
        related_name="exceptions",
        db_index=False,
        verbose_name=_("series"),
    )
    day = models.DateField(_("day"))
    at_time = models.TimeField(
        _("time instead"), null=True, blank=True, help_text=_("Empty: left out.")
    )

    class Meta:
        verbose_name = _("exception")
        verbose_name_plural = _("exceptions")
        constraints = [
            models.UniqueConstraint(
                fields=["series", "day"],
                name="series_exception_once_a_day",
                violation_error_message=_("This day has an exception already."),
            ),
        ]

    def __str__(self) -> str:
        return str(self.day)


class SeriesSuspension(models.Model):
    """Days on which a series rests: a stay in hospital, a holiday. Both ends included."""

    series = models.ForeignKey(
        BookingSeries,
        on_delete=models.CASCADE,
        related_name="suspensions",
        verbose_name=_("series"),
    )
    from_day = models.DateField(_("from"))
    until_day = models.DateField(_("until (included)"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("suspension")
        verbose_name_plural = _("suspensions")
        constraints = [
            models.CheckConstraint(
                condition=Q(until_day__gte=F("from_day")),
                name="suspension_ends_after_start",
                violation_error_message=_("The last day is not before the first."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_day} - {self.until_day}"
