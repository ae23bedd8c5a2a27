"""Who drives whom, when: policy, runs, assignments, and what could not be assigned."""

import uuid
from datetime import date
from typing import Self

import pghistory
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from accounts.models import Company, User
from accounts.triggers import keeps_company, row_version, same_company
from bookings.models import Booking
from dispatch import triggers
from fleet.models import Driver, Shift, TsTzRange, VehicleLayout


class Mode(models.TextChoices):
    MANUAL = "manual", _("Manual")
    SEMI_AUTO = "semi_auto", _("Semi-automatic: proposes")
    AUTO = "auto", _("Automatic: applies")


# Lowest and highest value of each number of a policy, both included.
BOUNDS: dict[str, tuple[int, int]] = {
    "window_before_min": (0, 120),
    "window_after_min": (0, 120),
    "arrive_early_min": (0, 240),
    "arrive_late_min": (0, 240),
    "service_pickup_min": (0, 120),
    "service_delivery_min": (0, 120),
    "wheelchair_extra_min": (0, 60),
    "stretcher_extra_min": (0, 60),
    "max_ride_factor": (1, 10),
    "max_ride_plus_min": (0, 240),
    "max_ride_min": (1, 480),
    "max_detour_min": (0, 240),
    "late_after_min": (0, 120),
    "max_bookings_per_driver": (1, 200),
    "fairness_weight": (0, 1),
    "fairness_days": (0, 90),
    "reserve_penalty_min": (0, 1440),
    "freeze_min": (0, 1440),
    "no_reassign_min": (0, 1440),
    "move_promise_min": (0, 1440),
    "change_driver_min": (0, 1440),
    "budget_s": (0, 600),
}


def _bounded(field: str) -> models.CheckConstraint:
    lowest, highest = BOUNDS[field]
    return models.CheckConstraint(
        condition=Q(**{f"{field}__range": (lowest, highest)}),
        name=f"policy_{field}_bounded",
        violation_error_message=format_lazy(
            _("{field}: from {lowest} to {highest}."), field=field, lowest=lowest, highest=highest
        ),
    )


@pghistory.track(model_name="DispatchPolicyHistory")
class DispatchPolicy(models.Model):
    """How a company wants its days planned. A run may override any setting."""

    company = models.OneToOneField(
        Company, on_delete=models.CASCADE, related_name="policy", verbose_name=_("company")
    )
    mode = models.CharField(_("mode"), max_length=10, choices=Mode, default=Mode.SEMI_AUTO)
    window_before_min = models.PositiveSmallIntegerField(
        _("window before (min)"),
        default=5,
        help_text=_("How much before the requested time a pickup may start."),
    )
    window_after_min = models.PositiveSmallIntegerField(
        _("window after (min)"),
        default=10,
        help_text=_("How much after the requested time a pickup may start."),
    )
    arrive_early_min = models.PositiveSmallIntegerField(
        _("arrive early (min)"),
        default=30,
        help_text=_("How long before the appointment a client may be there."),
    )
    arrive_late_min = models.PositiveSmallIntegerField(
        _("arrive late (min)"),
        default=0,
        help_text=_("How long before the appointment a client must be there."),
    )
    service_pickup_min = models.PositiveSmallIntegerField(
        _("service at the pickup (min)"), default=5, help_text=_("Time to board.")
    )
    service_delivery_min = models.PositiveSmallIntegerField(
        _("service at the delivery (min)"), default=5, help_text=_("Time to alight.")
    )
    wheelchair_extra_min = models.PositiveSmallIntegerField(
        _("extra for a wheelchair (min)"), default=5, help_text=_("Ramp and belts, at both ends.")
    )
    stretcher_extra_min = models.PositiveSmallIntegerField(
        _("extra for a stretcher (min)"), default=10, help_text=_("At both ends.")
    )
    max_ride_factor = models.FloatField(
        _("ride limit, factor"),
        default=1.5,
        help_text=_("A ride takes at most this many times the direct ride, plus the minutes."),
    )
    max_ride_plus_min = models.PositiveSmallIntegerField(
        _("ride limit, plus (min)"),
        default=15,
        help_text=_("Minutes added to the factor's share of the direct ride."),
    )
    max_ride_min = models.PositiveSmallIntegerField(
        _("ride limit (min)"),
        default=90,
        help_text=_("No ride takes longer, unless the direct ride does."),
    )
    pooling = models.BooleanField(
        _("pooling"), default=False, help_text=_("Several clients may ride together.")
    )
    max_detour_min = models.PositiveSmallIntegerField(
        _("detour (min)"),
        default=15,
        help_text=_("How much longer than the direct ride a pooled ride may take."),
    )
    late_after_min = models.PositiveSmallIntegerField(
        _("late after (min)"), default=5, help_text=_("From when a ride counts as late.")
    )
    max_bookings_per_driver = models.PositiveSmallIntegerField(
        _("bookings per driver"),
        null=True,
        blank=True,
        help_text=_("A driver's bookings a day at most; empty: no limit."),
    )
    fairness_weight = models.FloatField(
        _("fairness"), default=0.3, help_text=_("0: the cheapest plan; 1: the most equal one.")
    )
    fairness_days = models.PositiveSmallIntegerField(
        _("fairness, days"), default=7, help_text=_("How many days before count.")
    )
    reserve_drivers = models.BooleanField(
        _("reserve drivers"), default=True, help_text=_("Off: a run never uses them.")
    )
    reserve_penalty_min = models.PositiveSmallIntegerField(
        _("price of a reserve driver (min)"),
        default=60,
        help_text=_("Minutes of driving that using a reserve driver must save."),
    )
    freeze_min = models.PositiveSmallIntegerField(
        _("freeze (min)"),
        default=30,
        help_text=_("Runs leave pickups as they are that start this soon."),
    )
    no_reassign_min = models.PositiveSmallIntegerField(
        _("no change of driver (min)"),
        default=10,
        help_text=_("People need a reason to change the driver this soon before the pickup."),
    )
    move_promise_min = models.PositiveSmallIntegerField(
        _("price of a moved promise (min)"),
        default=15,
        help_text=_("Minutes of driving that a pickup outside its promise must save."),
    )
    change_driver_min = models.PositiveSmallIntegerField(
        _("price of a changed driver (min)"),
        default=10,
        help_text=_("Minutes of driving that changing an announced driver must save."),
    )
    budget_s = models.FloatField(
        _("budget (s)"), default=2, help_text=_("Seconds of search for a plan.")
    )

    class Meta:
        verbose_name = _("dispatch policy")
        verbose_name_plural = _("dispatch policies")
        constraints = [
            models.CheckConstraint(
                condition=Q(mode__in=Mode.values),
                name="policy_mode_known",
                violation_error_message=_("Choose one of the modes."),
            ),
            *map(_bounded, BOUNDS),
            models.CheckConstraint(
                condition=Q(arrive_late_min__lte=F("arrive_early_min")),
                name="policy_arrival_is_window",
                violation_error_message=_("arrive_late_min is not more than arrive_early_min."),
            ),
        ]

    def __str__(self) -> str:
        return str(self.company)


class RunState(models.TextChoices):
    RUNNING = "running", _("Running")
    PROPOSED = "proposed", _("Proposed")
    APPLIED = "applied", _("Applied")
    UNDONE = "undone", _("Undone")
    REFUSED = "refused", _("Refused")
    FAILED = "failed", _("Failed")


class RunTrigger(models.TextChoices):
    PERSON = "person", _("A person")
    SCHEDULE = "schedule", _("The timetable")
    COMMAND = "command", _("A command")


RUNNING = Q(state=RunState.RUNNING)


class DispatchRunQuerySet(models.QuerySet["DispatchRun"]):
    def for_company(self, company: Company) -> Self:
        return self.filter(company=company)

    def of_day(self, company: Company, day: date) -> Self:
        return self.filter(company=company, day=day)


class DispatchRun(models.Model):
    """One attempt to plan one company's day: its settings, its proposal, its outcome."""

    company = models.ForeignKey(
        Company, on_delete=models.PROTECT, db_index=False, verbose_name=_("company")
    )
    day = models.DateField(_("day"))
    trigger = models.CharField(_("started by"), max_length=10, choices=RunTrigger)
    state = models.CharField(_("state"), max_length=10, choices=RunState, default=RunState.RUNNING)
    started_by = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("who"),
    )
    settings = models.JSONField(
        _("settings"), default=dict, db_default=models.Value({}, models.JSONField())
    )
    seed = models.PositiveIntegerField(_("seed"), default=0)
    sources = models.JSONField(
        _("what was read"),
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text=_("Versions of the rows the run decided about."),
    )
    travel_source = models.CharField(
        _("source of travel times"), max_length=40, blank=True, db_default=""
    )
    bookings = models.PositiveIntegerField(_("bookings"), default=0, db_default=0)
    assigned = models.PositiveIntegerField(_("assigned"), default=0, db_default=0)
    cost = models.JSONField(
        _("cost"), default=dict, db_default=models.Value({}, models.JSONField())
    )
    violations = models.JSONField(
        _("violations"), default=list, db_default=models.Value([], models.JSONField())
    )
    inherited = models.JSONField(
        _("violations already there"), default=list, db_default=models.Value([], models.JSONField())
    )
    stale = models.JSONField(
        _("changed meanwhile"), default=list, db_default=models.Value([], models.JSONField())
    )
    timings = models.JSONField(
        _("timings"), default=dict, db_default=models.Value({}, models.JSONField())
    )
    error = models.TextField(_("error"), blank=True, db_default="")
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    applied_at = models.DateTimeField(_("applied at"), null=True, blank=True)
    undone_at = models.DateTimeField(_("undone at"), null=True, blank=True)

    objects = DispatchRunQuerySet.as_manager()

    class Meta:
        verbose_name = _("dispatch run")
        verbose_name_plural = _("dispatch runs")
        indexes = [
            # The runs of a company's day, latest first.
            models.Index(fields=["company", "day", "-id"], name="dispatchrun_company_day"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["company", "day"],
                condition=RUNNING,
                name="dispatchrun_one_running",
                violation_error_message=_("A run of this day is under way."),
            ),
            models.CheckConstraint(
                condition=Q(state__in=RunState.values, trigger__in=RunTrigger.values),
                name="dispatchrun_choices_known",
                violation_error_message=_("Choose one of the values offered."),
            ),
            models.CheckConstraint(
                condition=RUNNING | Q(finished_at__isnull=False),
                name="dispatchrun_ended_has_time",
                violation_error_message=_("A run that has ended has a time of its end."),
            ),
        ]
        triggers = [keeps_company()]

    def __str__(self) -> str:
        return f"{self.day} #{self.pk}"


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


class AssignmentQuerySet(models.QuerySet["Assignment"]):
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
            # The driver's day sheet: live work of one shift, in order.
            models.Index(
                fields=["shift", "pickup_at"], condition=LIVE, name="assignment_live_by_shift"
            ),
            # What a run ended, for its undo.
            models.Index(
                fields=["ended_by_run"],
                condition=Q(ended_by_run__isnull=False),
                name="assignment_ended_by_run",
            ),
            # A company's assignments by time: the list.
            models.Index(fields=["company", "pickup_at"], name="assignment_company_pickup"),
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
            same_company(
                booking_id="bookings_booking",
                shift_id="fleet_shift",
                dispatch_run_id="dispatch_dispatchrun",
                ended_by_run_id="dispatch_dispatchrun",
            ),
            triggers.driver_of_shift(),
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
