"""Vehicles and how their room can be arranged."""

from typing import Self

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Company
from accounts.triggers import keeps_company


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
