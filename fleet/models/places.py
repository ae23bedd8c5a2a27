"""Where clients are picked up and delivered, and where shifts start and end."""

from typing import Self

import pghistory
from django.contrib.postgres.fields import DateTimeRangeField
from django.db import models
from django.db.models import Func, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Company, Partner
from accounts.triggers import keeps_company


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


class PlaceQuerySet(models.QuerySet["Place"]):
    def for_company(self, company: Company) -> Self:
        return self.filter(company=company)


@pghistory.track(model_name="PlaceHistory")
class Place(models.Model):
    """Where clients are picked up and delivered, and where shifts start and end."""

    company = models.ForeignKey(
        Company, on_delete=models.PROTECT, db_index=False, verbose_name=_("company")
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
            models.UniqueConstraint(
                fields=["company", "reference"],
                condition=~Q(reference=""),
                name="place_reference_unique",
                violation_error_message=_("Another row of the company has this reference."),
            ),
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
