"""With what: places, drivers, vehicles, and time on duty."""

from datetime import date, datetime, timedelta
from typing import Self

import pghistory
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Company, Partner, User
from accounts.triggers import keeps_company, row_version, same_company
from fleet import triggers


class TsTzRange(Func):
    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


ON_DUTY = TsTzRange("starts_at", "ends_at")


class PlaceKind(models.TextChoices):
    HOSPITAL = "hospital", _("Hospital")
    CLINIC = "clinic", _("Clinic")
    DIALYSIS = "dialysis", _("Dialysis centre")
    PRACTICE = "practice", _("Practice")
    NURSING_HOME = "nursing_home", _("Nursing home")
    HOME = "home", _("Home")
    BASE = "base", _("Base")
    OTHER = "other", _("Other")


class GeoOrigin(models.TextChoices):
    MANUAL = "manual", _("Entered by hand")
    IMPORT = "import", _("Imported")
    GEOCODER = "geocoder", _("Geocoder")


class GeoQuality(models.TextChoices):
    ENTRANCE = "entrance", _("Entrance")
    STREET = "street", _("Street")
    AREA = "area", _("Area")


class Skill(models.TextChoices):
    WHEELCHAIR = "wheelchair", _("Secures wheelchairs")
    STRETCHER = "stretcher", _("Carries stretchers")
    OXYGEN = "oxygen", _("Handles oxygen")
    STAIRS = "stairs", _("Carries on stairs")
    BARIATRIC = "bariatric", _("Bariatric transport")


class Equipment(models.TextChoices):
    RAMP = "ramp", _("Ramp")
    LIFT = "lift", _("Lift")
    OXYGEN = "oxygen", _("Oxygen")
    STAIR_CHAIR = "stair_chair", _("Stair chair")
    CHILD_SEAT = "child_seat", _("Child seat")


class LicenceCategory(models.TextChoices):
    B = "B", "B"
    B121 = "B121", "B121 / BPT"
    C1 = "C1", "C1"
    D1 = "D1", "D1"


def _car_licence() -> list[str]:
    return [LicenceCategory.B.value]


class PlaceQuerySet(models.QuerySet["Place"]):
    def for_company(self, company: Company) -> Self:
        return self.filter(company=company)


@pghistory.track(model_name="PlaceHistory")
class Place(models.Model):
    """Where clients are picked up and delivered, and where shifts start and end."""

    company = models.ForeignKey(
        Company, on_delete=models.PROTECT, db_index=False, verbose_name=_("company")
    )
    partner = models.ForeignKey(
        Partner, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("partner")
    )
    name = models.CharField(_("name"), max_length=160)
    kind = models.CharField(_("kind"), max_length=16, choices=PlaceKind, default=PlaceKind.OTHER)
    address = models.CharField(_("address"), max_length=200, blank=True)
    lat = models.FloatField(_("latitude"))
    lon = models.FloatField(_("longitude"))
    geo_origin = models.CharField(
        _("origin of the coordinates"), max_length=16, choices=GeoOrigin, default=GeoOrigin.MANUAL
    )
    geo_quality = models.CharField(
        _("quality of the coordinates"),
        max_length=16,
        choices=GeoQuality,
        default=GeoQuality.STREET,
    )
    entrance_notes = models.TextField(_("entrance notes"), blank=True)
    service_min = models.PositiveSmallIntegerField(
        _("service time (min)"),
        null=True,
        blank=True,
        help_text=_("Time to board or alight here; empty: the company's policy."),
    )

    objects = PlaceQuerySet.as_manager()

    class Meta:
        verbose_name = _("place")
        verbose_name_plural = _("places")
        indexes = [
            # The company's places by name: lists, search as you type, the import's look-up.
            models.Index(fields=["company", "name"], name="place_company_name"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(lat__range=(-90, 90), lon__range=(-180, 180)),
                name="place_on_earth",
                violation_error_message=_("Latitude is -90 to 90, longitude -180 to 180."),
            ),
            models.CheckConstraint(
                condition=Q(service_min__isnull=True) | Q(service_min__lte=120),
                name="place_service_bounded",
                violation_error_message=_("Service takes 120 minutes at most."),
            ),
        ]
        triggers = [keeps_company()]

    def __str__(self) -> str:
        return self.name


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


class VehicleQuerySet(models.QuerySet["Vehicle"]):
    def for_company(self, company: Company) -> Self:
        return self.filter(company=company)


@pghistory.track(model_name="VehicleHistory")
class Vehicle(models.Model):
    """A vehicle, with what it carries on board besides people."""

    company = models.ForeignKey(
        Company, on_delete=models.PROTECT, db_index=False, verbose_name=_("company")
    )
    plate = models.CharField(_("plate"), max_length=16)
    name = models.CharField(_("name"), max_length=80, blank=True)
    equipment = ArrayField(
        models.CharField(max_length=16, choices=Equipment),
        default=list,
        blank=True,
        verbose_name=_("equipment"),
    )
    licence_category = models.CharField(
        _("licence needed"), max_length=8, choices=LicenceCategory, default=LicenceCategory.B
    )
    inspection_day = models.DateField(_("inspection valid until (included)"), null=True, blank=True)
    active = models.BooleanField(_("active"), default=True)

    objects = VehicleQuerySet.as_manager()

    class Meta:
        verbose_name = _("vehicle")
        verbose_name_plural = _("vehicles")
        constraints = [
            models.UniqueConstraint(
                fields=["company", "plate"],
                name="vehicle_plate_unique",
                violation_error_message=_("The company has a vehicle with this plate already."),
            ),
        ]
        triggers = [keeps_company()]

    def __str__(self) -> str:
        return f"{self.plate} {self.name}".strip()


@pghistory.track(model_name="VehicleLayoutHistory")
class VehicleLayout(models.Model):
    """One way to arrange a vehicle: seats for clients, wheelchair places, stretchers."""

    vehicle = models.ForeignKey(
        Vehicle,
        on_delete=models.CASCADE,
        related_name="layouts",
        db_index=False,
        verbose_name=_("vehicle"),
    )
    name = models.CharField(_("name"), max_length=80)
    seats = models.PositiveSmallIntegerField(_("seats"), default=0)
    wheelchairs = models.PositiveSmallIntegerField(_("wheelchair places"), default=0)
    stretchers = models.PositiveSmallIntegerField(_("stretchers"), default=0)
    seat_in_wheelchair_place = models.BooleanField(
        _("a free wheelchair place seats a person"),
        default=False,
        help_text=_("Folding seats in the wheelchair places."),
    )

    class Meta:
        verbose_name = _("layout")
        verbose_name_plural = _("layouts")
        constraints = [
            models.UniqueConstraint(
                fields=["vehicle", "name"],
                name="layout_name_unique",
                violation_error_message=_("The vehicle has a layout of this name already."),
            ),
            models.CheckConstraint(
                condition=Q(seats__gt=0) | Q(wheelchairs__gt=0) | Q(stretchers__gt=0),
                name="layout_carries_somebody",
                violation_error_message=_("A layout has room for one client at least."),
            ),
            models.CheckConstraint(
                condition=Q(seats__lte=60, wheelchairs__lte=20, stretchers__lte=10),
                name="layout_bounded",
                violation_error_message=_("At most 60 seats, 20 wheelchairs, 10 stretchers."),
            ),
        ]

    def __str__(self) -> str:
        return self.name


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
        ]
        constraints = [
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


class AbsenceKind(models.TextChoices):
    HOLIDAY = "holiday", _("Holiday")
    SICK = "sick", _("Sick")
    TRAINING = "training", _("Training")
    OTHER = "other", _("Other")


class AbsenceQuerySet(models.QuerySet["Absence"]):
    def for_company(self, company: Company) -> Self:
        return self.filter(driver__company=company)


@pghistory.track(model_name="AbsenceHistory")
class Absence(models.Model):
    """A time in which a driver is not on duty, whatever the shifts say."""

    driver = models.ForeignKey(
        Driver,
        on_delete=models.PROTECT,
        related_name="absences",
        db_index=False,
        verbose_name=_("driver"),
    )
    kind = models.CharField(_("kind"), max_length=10, choices=AbsenceKind)
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    note = models.CharField(_("note"), max_length=200, blank=True)

    objects = AbsenceQuerySet.as_manager()

    class Meta:
        verbose_name = _("absence")
        verbose_name_plural = _("absences")
        indexes = [
            # The absences of a driver around a time: the trigger's look-up.
            models.Index(fields=["driver", "starts_at"], name="absence_driver_starts"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="absence_ends_after_start",
                violation_error_message=_("The absence ends after it starts."),
            ),
        ]
        triggers = [triggers.absence_outside_shift()]

    def __str__(self) -> str:
        return f"{self.driver}: {self.get_kind_display()}"


class Position(models.Model):
    """Where a shift's vehicle was at an instant; the last one is where it is known to be."""

    shift = models.ForeignKey(
        Shift,
        on_delete=models.CASCADE,
        related_name="positions",
        db_index=False,
        verbose_name=_("shift"),
    )
    at = models.DateTimeField(_("at"))
    lat = models.FloatField(_("latitude"))
    lon = models.FloatField(_("longitude"))

    class Meta:
        verbose_name = _("position")
        verbose_name_plural = _("positions")
        indexes = [
            # The last known position of each shift of a day.
            models.Index(fields=["shift", "-at"], name="position_shift_latest"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(lat__range=(-90, 90), lon__range=(-180, 180)),
                name="position_on_earth",
                violation_error_message=_("Latitude is -90 to 90, longitude -180 to 180."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.shift_id} {self.at:%H:%M:%S}"
