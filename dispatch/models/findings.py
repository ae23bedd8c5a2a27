"""What a run could not assign, and what a dispatcher must look at."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Company
from accounts.triggers import same_company
from bookings.models import Booking
from dispatch import triggers
from dispatch.models.runs import DispatchRun
from fleet.models import Shift


class UnassignedQuerySet(models.QuerySet["Unassigned"]):
    def for_company(self, company: Company) -> Self:
        return self.filter(run__company=company)


class Unassigned(models.Model):
    """A booking that a run could not serve: why, and what would help most."""

    run = models.ForeignKey(
        DispatchRun,
        on_delete=models.CASCADE,
        related_name="unassigned",
        db_index=False,
        verbose_name=_("run"),
    )
    booking = models.ForeignKey(
        Booking, on_delete=models.PROTECT, related_name="+", verbose_name=_("booking")
    )
    reason = models.CharField(_("reason"), max_length=40)
    nearest_fix = models.JSONField(_("what would help"), default=dict)

    objects = UnassignedQuerySet.as_manager()

    class Meta:
        verbose_name = _("unassigned booking")
        verbose_name_plural = _("unassigned bookings")
        constraints = [
            models.UniqueConstraint(
                fields=["run", "booking"],
                name="unassigned_once_per_run",
                violation_error_message=_("The run names this booking already."),
            ),
        ]
        triggers = [triggers.booking_of_run()]

    def __str__(self) -> str:
        return f"{self.booking}: {self.reason}"


class AlertKind(models.TextChoices):
    INHERITED_VIOLATION = "inherited_violation", _("The plan breaks a rule")
    ASSIGNMENT_LOST = "assignment_lost", _("A ride lost its driver")
    RETURN_IN_QUESTION = "return_in_question", _("What becomes of the return?")
    RUN_FAILED = "run_failed", _("A run failed")
    LATE = "late", _("A ride is late")


class AlertQuerySet(models.QuerySet["Alert"]):
    def for_company(self, company: Company) -> Self:
        return self.filter(company=company)

    def open(self) -> Self:
        return self.filter(resolved_at__isnull=True)


class Alert(models.Model):
    """Something a dispatcher must look at, until it is resolved."""

    company = models.ForeignKey(
        Company, on_delete=models.PROTECT, db_index=False, verbose_name=_("company")
    )
    kind = models.CharField(_("kind"), max_length=24, choices=AlertKind)
    booking = models.ForeignKey(
        Booking, on_delete=models.CASCADE, null=True, blank=True, verbose_name=_("booking")
    )
    shift = models.ForeignKey(
        Shift, on_delete=models.CASCADE, null=True, blank=True, verbose_name=_("shift")
    )
    run = models.ForeignKey(
        DispatchRun, on_delete=models.CASCADE, null=True, blank=True, verbose_name=_("run")
    )
    details = models.JSONField(_("details"), default=dict)
    raised_at = models.DateTimeField(_("raised at"))
    resolved_at = models.DateTimeField(_("resolved at"), null=True, blank=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        indexes = [
            # The open alerts of a company, latest first.
            models.Index(
                fields=["company", "-raised_at"],
                condition=Q(resolved_at__isnull=True),
                name="alert_open_by_company",
            ),
            # The list of alerts, those of years among them, latest first.
            models.Index(fields=["-raised_at", "-id"], name="alert_latest"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=AlertKind.values),
                name="alert_kind_known",
                violation_error_message=_("Choose one of the kinds."),
            ),
        ]
        triggers = [
            same_company(
                booking_id="bookings_booking",
                shift_id="fleet_shift",
                run_id="dispatch_dispatchrun",
            )
        ]

    def __str__(self) -> str:
        return str(self.get_kind_display())
