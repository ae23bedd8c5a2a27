"""The people who are carried."""

from typing import Self

import pghistory
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Company, Language, Partner
from accounts.triggers import keeps_company, same_company
from bookings import triggers
from fleet.models import Driver, Place


class Mobility(models.TextChoices):
    WALKS = "walks", _("Walks")
    FOLDING_WHEELCHAIR = "folding_wheelchair", _("Folding wheelchair")
    WHEELCHAIR = "wheelchair", _("Rigid or electric wheelchair")
    STRETCHER = "stretcher", _("Stretcher")


class ClientQuerySet(models.QuerySet["Client"]):
    def for_company(self, company: Company) -> Self:
        return self.filter(company=company)

    def active(self) -> Self:
        return self.filter(active=True)


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), model_name="ClientHistory")
class Client(models.Model):
    """A person who is carried."""

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
    name = models.CharField(_("name"), max_length=120)
    birth_day = models.DateField(_("birth date"), null=True, blank=True)
    phone = models.CharField(_("phone"), max_length=32, blank=True)
    language = models.CharField(
        _("language"), max_length=2, choices=Language, default=Language.FRENCH
    )
    home = models.ForeignKey(
        Place,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("home"),
    )
    floor = models.CharField(_("floor"), max_length=20, blank=True)
    door_code = models.CharField(_("door code"), max_length=20, blank=True)
    access_notes = models.TextField(_("access notes"), blank=True)
    active = models.BooleanField(_("active"), default=True)
    mobility = models.CharField(
        _("mobility"), max_length=20, choices=Mobility, default=Mobility.WALKS
    )
    companions = models.PositiveSmallIntegerField(_("companions"), default=0)
    preferred_drivers = models.ManyToManyField(
        Driver, blank=True, related_name="+", verbose_name=_("preferred drivers")
    )
    refused_drivers = models.ManyToManyField(
        Driver, blank=True, related_name="+", verbose_name=_("refused drivers")
    )
    boarding_min = models.PositiveSmallIntegerField(
        _("extra boarding time (min)"), default=0, help_text=_("At both ends of a ride.")
    )
    boarding_notes = models.TextField(_("boarding notes"), blank=True)

    objects = ClientQuerySet.as_manager()

    class Meta:
        verbose_name = _("client")
        verbose_name_plural = _("clients")
        indexes = [
            # The company's clients by name: lists and search as you type.
            models.Index(fields=["company", "name"], name="client_company_name"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["company", "reference"],
                condition=~Q(reference=""),
                name="client_reference_unique",
                violation_error_message=_("Another row of the company has this reference."),
            ),
            models.CheckConstraint(
                condition=Q(companions__lte=8),
                name="client_companions_bounded",
                violation_error_message=_("At most eight companions."),
            ),
            models.CheckConstraint(
                condition=Q(boarding_min__lte=60),
                name="client_boarding_bounded",
                violation_error_message=_("Boarding takes 60 extra minutes at most."),
            ),
            models.CheckConstraint(
                condition=Q(mobility__in=Mobility.values),
                name="client_mobility_known",
                violation_error_message=_("Choose one of the mobilities."),
            ),
        ]
        triggers = [
            keeps_company(),
            same_company(home_id="fleet_place"),
            triggers.erase_history(),
        ]

    def __str__(self) -> str:
        return self.name


@pghistory.track(model_name="PreferredDriverHistory", obj_field=None)
class PreferredDriver(Client.preferred_drivers.through):  # type: ignore[name-defined,misc]
    """A driver whom a client likes to ride with."""

    class Meta:
        proxy = True
        triggers = [triggers.driver_of_company()]


@pghistory.track(model_name="RefusedDriverHistory", obj_field=None)
class RefusedDriver(Client.refused_drivers.through):  # type: ignore[name-defined,misc]
    """A driver with whom a client never rides."""

    class Meta:
        proxy = True
        triggers = [triggers.driver_of_company()]
