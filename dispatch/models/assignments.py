"""Bookings given to shifts."""

import uuid
from typing import Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Company
from accounts.triggers import row_version, same_company_at_once
from atmr.rows import RowsQuerySet
from bookings.models import Booking
from dispatch import triggers
from dispatch.models.runs import DispatchRun
from fleet.models import Driver, Shift, TsTzRange, VehicleLayout


class AssignmentStatus(models.TextChoices):
    PROPOSED = "proposed", _("Proposed")
    LIVE = "live", _("Live")
    SUPERSEDED = "superseded", _("Superseded")
    CANCELLED = "cancelled", _("Cancelled")
    DONE = "done", _("Done")


class Lock(models.TextChoices):
    NONE = "none", _("Free")
    DRIVER = "driver", _("Driver")
    TIMES = "times", _("Driver and times")


LIVE = Q(status=AssignmentStatus.LIVE)


class AssignmentQuerySet(RowsQuerySet["Assignment"]):
    def live(self) -> Self:
        return self.filter(LIVE)

    def for_company(self, company: Company) -> Self:
        return self.filter(company=company)

    def with_people(self) -> Self:
        return self.select_related("booking__client", "shift", "driver")


class Assignment(models.Model):
    """A booking given to a shift, with the times planned for the client."""

    company = models.ForeignKey(
        Company, on_delete=models.PROTECT, db_index=False, verbose_name=_("company")
    )
    booking = models.ForeignKey(
        Booking,
        on_delete=models.PROTECT,
        related_name="assignments",
        db_index=False,
        verbose_name=_("booking"),
    )
    driver = models.ForeignKey(
        Driver,
        on_delete=models.PROTECT,
        related_name="assignments",
        db_index=False,
        verbose_name=_("driver"),
    )
    shift = models.ForeignKey(
        Shift,
        on_delete=models.PROTECT,
        related_name="assignments",
        db_index=False,
        verbose_name=_("shift"),
    )
    layout = models.ForeignKey(
        VehicleLayout,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("layout"),
    )
    dispatch_run = models.ForeignKey(
        DispatchRun,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="assignments",
        db_index=False,
        verbose_name=_("run"),
    )
    ended_by_run = models.ForeignKey(
        DispatchRun,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="ended_assignments",
        db_index=False,
        verbose_name=_("ended by run"),
    )
    status = models.CharField(
        _("status"), max_length=10, choices=AssignmentStatus, default=AssignmentStatus.PROPOSED
    )
    sequence = models.PositiveSmallIntegerField(
        _("place in the route"), default=0, help_text=_("Order of the pickup in the shift.")
    )
    pickup_at = models.DateTimeField(_("pickup"))
    delivery_at = models.DateTimeField(_("delivery"))
    ends_at = models.DateTimeField(_("departure from the delivery"))
    lock = models.CharField(_("lock"), max_length=8, choices=Lock, default=Lock.NONE)
    pool = models.UUIDField(_("pool"), default=uuid.uuid4)
    explanation = models.JSONField(_("explanation"), default=dict)
    version = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("assignment")
        verbose_name_plural = _("assignments")
        indexes = [
            # The latest assignment of a booking.
            models.Index(fields=["booking", "created_at"], name="ix_assignment_booking_created"),
            # A run's assignments by status.
            models.Index(
                fields=["dispatch_run", "status"], name="ix_assignment_dispatch_run_status"
            ),
            # All that a shift had and has to do, in order: the day sheet, what a driver was paid in
            # the days before, and whether a shift may be deleted.
            models.Index(fields=["shift", "pickup_at"], name="assignment_shift_pickup"),
            # What a run ended, for its undo.
            models.Index(
                fields=["ended_by_run"],
                condition=Q(ended_by_run__isnull=False),
                name="assignment_ended_by_run",
            ),
            # A company's assignments by time: the list.
            models.Index(fields=["company", "pickup_at"], name="assignment_company_pickup"),
            # The list of all companies' assignments, latest first.
            models.Index(fields=["-pickup_at", "-id"], name="assignment_latest"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["booking"],
                condition=LIVE,
                name="assignment_one_live_per_booking",
                violation_error_message=_("The booking has a live assignment already."),
            ),
            models.CheckConstraint(
                condition=Q(delivery_at__gt=F("pickup_at"), ends_at__gte=F("delivery_at")),
                name="assignment_delivers_after_pickup",
                violation_error_message=_("The delivery is after the pickup."),
            ),
            models.CheckConstraint(
                condition=Q(status__in=AssignmentStatus.values, lock__in=Lock.values),
                name="assignment_choices_known",
                violation_error_message=_("Choose one of the values offered."),
            ),
            ExclusionConstraint(
                name="assignment_one_pool_at_a_time",
                expressions=[
                    ("shift", RangeOperators.EQUAL),
                    ("pool", RangeOperators.NOT_EQUAL),
                    (TsTzRange("pickup_at", "ends_at"), RangeOperators.OVERLAPS),
                ],
                condition=LIVE,
                deferrable=models.Deferrable.IMMEDIATE,
                violation_error_message=_("The driver has another ride at this time."),
            ),
        ]
        triggers = [
            *same_company_at_once(
                booking_id="bookings_booking",
                shift_id="fleet_shift",
                dispatch_run_id="dispatch_dispatchrun",
                ended_by_run_id="dispatch_dispatchrun",
            ),
            *triggers.driver_of_shift(),
            row_version(),
            *triggers.route_changes(),
        ]

    def __str__(self) -> str:
        return f"{self.booking} > {self.driver}"


class ShiftWithRides(Shift):
    """A shift, as what is assigned to it binds it."""

    class Meta:
        proxy = True
        triggers = [triggers.shift_keeps_rides()]
