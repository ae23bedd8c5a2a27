"""What is to be told to whom."""

from typing import Self

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Company, Partner
from accounts.triggers import same_company
from bookings.models import Booking
from dispatch.models.runs import DispatchRun
from fleet.models import Driver


class NoticeKind(models.TextChoices):
    RIDE_PLANNED = "ride_planned", _("The ride is planned")
    RIDE_CHANGED = "ride_changed", _("The ride has changed")
    RIDE_LOST = "ride_lost", _("The ride lost its driver")
    ROUTE_CHANGED = "route_changed", _("The route has changed")


class Audience(models.TextChoices):
    CLIENT = "client", _("The client")
    PARTNER = "partner", _("The partner")
    DRIVER = "driver", _("The driver")


OF_RIDE = [NoticeKind.RIDE_PLANNED, NoticeKind.RIDE_CHANGED, NoticeKind.RIDE_LOST]


class OutboxQuerySet(models.QuerySet["Outbox"]):
    def for_company(self, company: Company) -> Self:
        return self.filter(company=company)


class Outbox(models.Model):
    """One notice: what is to be told to one client, partner or driver.

    It is written with what it tells of, in one transaction: neither is ever there without the
    other. `details` hold ids and instants, never names.
    """

    company = models.ForeignKey(
        Company, on_delete=models.PROTECT, db_index=False, verbose_name=_("company")
    )
    run = models.ForeignKey(
        DispatchRun, on_delete=models.CASCADE, null=True, blank=True, verbose_name=_("run")
    )
    kind = models.CharField(_("kind"), max_length=16, choices=NoticeKind)
    audience = models.CharField(_("told to"), max_length=8, choices=Audience)
    booking = models.ForeignKey(
        Booking, on_delete=models.CASCADE, null=True, blank=True, verbose_name=_("booking")
    )
    partner = models.ForeignKey(
        Partner,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("partner"),
    )
    driver = models.ForeignKey(
        Driver,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("driver"),
    )
    details = models.JSONField(_("details"), default=dict, encoder=DjangoJSONEncoder)
    created_at = models.DateTimeField(_("created at"))

    objects = OutboxQuerySet.as_manager()

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        indexes = [
            # The notices of a company, latest first.
            models.Index(fields=["company", "-id"], name="outbox_company_latest"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    audience=Audience.CLIENT,
                    booking__isnull=False,
                    partner__isnull=True,
                    driver__isnull=True,
                    kind__in=OF_RIDE,
                )
                | Q(
                    audience=Audience.PARTNER,
                    booking__isnull=False,
                    partner__isnull=False,
                    driver__isnull=True,
                    kind__in=OF_RIDE,
                )
                | Q(
                    audience=Audience.DRIVER,
                    booking__isnull=True,
                    partner__isnull=True,
                    driver__isnull=False,
                    kind=NoticeKind.ROUTE_CHANGED,
                ),
                name="outbox_audience_is_named",
                violation_error_message=_(
                    "A client or partner is told of a ride, a driver of a route."
                ),
            ),
        ]
        triggers = [
            same_company(
                run_id="dispatch_dispatchrun",
                booking_id="bookings_booking",
                driver_id="fleet_driver",
            )
        ]

    def __str__(self) -> str:
        return str(self.get_kind_display())
