"""Drivers, their documents, and their time on duty with a vehicle."""

from datetime import date, datetime, timedelta
from typing import Self

import pghistory
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Company, User
from accounts.triggers import keeps_company, row_version, same_company
from fleet import triggers
from fleet.models.places import ON_DUTY, Place
from fleet.models.vehicles import LicenceCategory, Vehicle


class Skill(models.TextChoices):
    WHEELCHAIR = "wheelchair", _("Secures wheelchairs")
    STRETCHER = "stretcher", _("Carries stretchers")
    OXYGEN = "oxygen", _("Handles oxygen")
    STAIRS = "stairs", _("Carries on stairs")
    BARIATRIC = "bariatric", _("Bariatric transport")


def _car_licence() -> list[str]:
    return [LicenceCategory.B.value]


class DriverKind(models.TextChoices):
    REGULAR = "regular", _("Regular")
    RESERVE = "reserve", _("Reserve")


class DriverQuerySet(models.QuerySet["Driver"]):
    def for_company(self, company: Company) -> Self:
        return self.filter(company=company)

    def active(self) -> Self:
        return self.filter(active=True)

    def available(self, starts_at: datetime, ends_at: datetime) -> Self:
        """Active drivers on duty for the whole of [starts_at, ends_at)."""
        on_duty = Shift.objects.planned().filter(
            driver=models.OuterRef("pk"), starts_at__lte=starts_at, ends_at__gte=ends_at
        )
        return self.active().filter(models.Exists(on_duty))


@pghistory.track(model_name="DriverHistory")
class Driver(models.Model):
    """A person who drives; regular, or reserve for when the regular ones cannot serve."""

    company = models.ForeignKey(Company, on_delete=models.PROTECT, verbose_name=_("company"))
    user = models.OneToOneField(
        User,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="driver",
        verbose_name=_("sign-in"),
    )
    reference = models.CharField(
        _("own reference"),
        max_length=64,
        blank=True,
        help_text=_("By which files name this row; no other of the company has it."),
    )
    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=8, choices=DriverKind, default=DriverKind.REGULAR)
    active = models.BooleanField(_("active"), default=True)
    phone = models.CharField(_("phone"), max_length=32, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    licence_categories = ArrayField(
        models.CharField(max_length=8, choices=LicenceCategory),
        default=_car_licence,
        blank=True,
        verbose_name=_("licence categories"),
    )
    skills = ArrayField(
        models.CharField(max_length=16, choices=Skill),
        default=list,
        blank=True,
        verbose_name=_("skills"),
    )
    max_bookings_per_day = models.PositiveSmallIntegerField(
        _("bookings a day at most"), null=True, blank=True
    )
    max_work_min_per_day = models.PositiveSmallIntegerField(
        _("minutes of work a day at most"), null=True, blank=True
    )

    objects = DriverQuerySet.as_manager()

    class Meta:
        verbose_name = _("driver")
        verbose_name_plural = _("drivers")
        constraints = [
            models.UniqueConstraint(
                fields=["company", "reference"],
                condition=~Q(reference=""),
                name="driver_reference_unique",
                violation_error_message=_("Another row of the company has this reference."),
            ),
            models.CheckConstraint(
                condition=Q(kind__in=DriverKind.values),
                name="driver_kind_known",
                violation_error_message=_("A driver is regular or reserve."),
            ),
            models.CheckConstraint(
                condition=Q(max_work_min_per_day__isnull=True)
                | Q(max_work_min_per_day__range=(1, 1440)),
                name="driver_work_within_a_day",
                violation_error_message=_("Give 1 to 1440 minutes."),
            ),
            models.CheckConstraint(
                condition=Q(max_bookings_per_day__isnull=True)
                | Q(max_bookings_per_day__range=(1, 200)),
                name="driver_bookings_bounded",
                violation_error_message=_("From 1 to 200 bookings, or empty."),
            ),
        ]
        triggers = [keeps_company(), same_company(user_id="accounts_user")]

    def __str__(self) -> str:
        return self.name


class DocumentKind(models.TextChoices):
    LICENCE = "licence", _("Driving licence")
    PROFESSIONAL = "professional", _("Professional transport permit")
    MEDICAL = "medical", _("Medical examination")
    FIRST_AID = "first_aid", _("First aid")


@pghistory.track(model_name="DriverDocumentHistory")
class DriverDocument(models.Model):
    """A document without which the driver may not carry clients once it has expired."""

    driver = models.ForeignKey(
        Driver,
        on_delete=models.CASCADE,
        related_name="documents",
        db_index=False,
        verbose_name=_("driver"),
    )
    kind = models.CharField(_("kind"), max_length=16, choices=DocumentKind)
    expires_day = models.DateField(_("valid until (included)"))

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        constraints = [
            models.UniqueConstraint(
                fields=["driver", "kind"],
                name="document_once_per_kind",
                violation_error_message=_("This driver has a document of this kind already."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.expires_day})"

    def is_valid_on(self, day: date) -> bool:
        return day <= self.expires_day


class ShiftStatus(models.TextChoices):
    PLANNED = "planned", _("Planned")
    CANCELLED = "cancelled", _("Cancelled")


PLANNED = Q(status=ShiftStatus.PLANNED)
LONGEST_SHIFT = timedelta(hours=24)
BREAK = models.ExpressionWrapper(
    F("break_min") * models.Value(timedelta(minutes=1)), output_field=models.DurationField()
)


class ShiftQuerySet(models.QuerySet["Shift"]):
    def for_company(self, company: Company) -> Self:
        return self.filter(company=company)

    def planned(self) -> Self:
        return self.filter(PLANNED)

    def reaching_into(self, starts_at: datetime, ends_at: datetime) -> Self:
        # What began earlier has ended: without that bound, years of shifts would be looked through.
        return self.filter(
            starts_at__lt=ends_at, ends_at__gt=starts_at, starts_at__gt=starts_at - LONGEST_SHIFT
        )

    def with_people(self) -> Self:
        return self.select_related("driver", "vehicle", "start_place", "end_place")


@pghistory.track(model_name="ShiftHistory", exclude=["version"])
class Shift(models.Model):
    """A driver on duty with a vehicle."""

    company = models.ForeignKey(
        Company, on_delete=models.PROTECT, db_index=False, verbose_name=_("company")
    )
    reference = models.CharField(
        _("own reference"),
        max_length=64,
        blank=True,
        help_text=_("By which files name this row; no other of the company has it."),
    )
    driver = models.ForeignKey(
        Driver, on_delete=models.PROTECT, related_name="shifts", verbose_name=_("driver")
    )
    vehicle = models.ForeignKey(
        Vehicle, on_delete=models.PROTECT, related_name="shifts", verbose_name=_("vehicle")
    )
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    start_place = models.ForeignKey(
        Place, on_delete=models.PROTECT, related_name="+", verbose_name=_("starts from")
    )
    end_place = models.ForeignKey(
        Place, on_delete=models.PROTECT, related_name="+", verbose_name=_("ends at place")
    )
    break_min = models.PositiveSmallIntegerField(_("break (min)"), default=0)
    break_from_at = models.DateTimeField(_("break not before"), null=True, blank=True)
    break_until_at = models.DateTimeField(
        _("break over by"), null=True, blank=True, help_text=_("The whole break lies before.")
    )
    status = models.CharField(
        _("status"), max_length=10, choices=ShiftStatus, default=ShiftStatus.PLANNED
    )
    version = models.PositiveIntegerField(default=0, editable=False)

    objects = ShiftQuerySet.as_manager()

    class Meta:
        verbose_name = _("shift")
        verbose_name_plural = _("shifts")
        indexes = [
            # The shifts of a company's day: planning, the day page, the list by day.
            models.Index(fields=["company", "starts_at"], name="shift_company_starts"),
            # The list of all companies' shifts, latest first.
            models.Index(fields=["-starts_at", "-id"], name="shift_latest"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["company", "reference"],
                condition=~Q(reference=""),
                name="shift_reference_unique",
                violation_error_message=_("Another row of the company has this reference."),
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="shift_ends_after_start",
                violation_error_message=_("The shift ends after it starts."),
            ),
            models.CheckConstraint(
                condition=Q(
                    ends_at__lte=F("starts_at")
                    + models.Value("24 hours", output_field=models.DurationField())
                ),
                name="shift_within_a_day",
                violation_error_message=_("A shift lasts 24 hours at most."),
            ),
            models.CheckConstraint(
                condition=Q(break_min=0)
                | Q(
                    break_from_at__isnull=False,
                    break_until_at__isnull=False,
                    break_from_at__gte=F("starts_at"),
                    break_until_at__gte=F("break_from_at") + BREAK,
                    break_until_at__lte=F("ends_at"),
                ),
                name="shift_break_inside",
                violation_error_message=_(
                    "A break needs a window inside the shift, as long as the break at least."
                ),
            ),
            models.CheckConstraint(
                condition=Q(status__in=ShiftStatus.values),
                name="shift_status_known",
                violation_error_message=_("A shift is planned or cancelled."),
            ),
            ExclusionConstraint(
                name="shift_driver_one_at_a_time",
                expressions=[("driver", RangeOperators.EQUAL), (ON_DUTY, RangeOperators.OVERLAPS)],
                condition=PLANNED,
                violation_error_message=_("The driver has another shift at this time."),
            ),
            ExclusionConstraint(
                name="shift_vehicle_one_at_a_time",
                expressions=[("vehicle", RangeOperators.EQUAL), (ON_DUTY, RangeOperators.OVERLAPS)],
                condition=PLANNED,
                violation_error_message=_("The vehicle has another shift at this time."),
            ),
        ]
        triggers = [
            keeps_company(),
            same_company(
                driver_id="fleet_driver",
                vehicle_id="fleet_vehicle",
                start_place_id="fleet_place",
                end_place_id="fleet_place",
            ),
            triggers.shift_outside_absence(),
            row_version(),
        ]

    def __str__(self) -> str:
        start = self.starts_at.astimezone(self.company.tz)
        return f"{self.driver} {start:%Y-%m-%d %H:%M}"

    def covers(self, starts_at: datetime, ends_at: datetime) -> bool:
        return self.starts_at <= starts_at and ends_at <= self.ends_at
