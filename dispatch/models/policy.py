"""How a company wants its days planned."""

import pghistory
from django.db import models
from django.db.models import F, Q
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from accounts.models import Company


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
    "max_wait_aboard_min": (0, 240),
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
    max_wait_aboard_min = models.PositiveSmallIntegerField(
        _("wait aboard (min)"),
        null=True,
        blank=True,
        default=10,
        help_text=_(
            "How long a vehicle may stand at a stop with a client aboard; empty: no limit."
        ),
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
