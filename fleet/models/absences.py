"""When drivers are away, and where their vehicles were."""

from typing import Self

import pghistory
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Company
from fleet import triggers
from fleet.models.duty import Driver, Shift


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
