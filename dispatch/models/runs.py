"""Attempts to plan a day, and what became of each."""

from datetime import date
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Company, User
from accounts.triggers import keeps_company


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
    metrics = models.JSONField(
        _("figures"),
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text=_("What the plan amounts to, as proposed."),
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
