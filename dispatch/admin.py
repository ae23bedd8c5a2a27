"""The pages of planning: assignments, runs, alerts, policy; and what failed in the background."""

from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET
from django_celery_results import admin as _plain  # noqa: F401 - registers what is replaced
from django_celery_results.models import GroupResult, TaskResult
from unfold.decorators import display

from accounts.changelist import PagedAdmin
from accounts.permissions import signed_in
from accounts.scoped import CompanyAdmin, CompanyTabular
from atmr import clock
from atmr.errors import DomainError
from atmr.routing import reads_replica
from bookings.admin import BookingAdmin, BookingSeriesAdmin
from bookings.models import Booking, BookingSeries
from bookings.services import booking as bookings
from bookings.services import series
from bookings.states import UNASSIGNED
from dispatch.console.deciding import take, tell
from dispatch.console.decisions import STEPS, Step, offered
from dispatch.console.duty import AbsenceOnDutyAdmin, ShiftOnDutyAdmin
from dispatch.console.exporting import export
from dispatch.models import (
    Alert,
    Assignment,
    AssignmentStatus,
    DispatchPolicy,
    DispatchRun,
    Outbox,
    RunState,
    Unassigned,
)
from dispatch.services import policies
from dispatch.services.intake import SERIES_AHEAD
from fleet.admin import DayFilter, ReadOnly
from fleet.models import Absence, Shift

RUN_LABELS = {
    RunState.RUNNING: "info",
    RunState.PROPOSED: "warning",
    RunState.APPLIED: "success",
    RunState.UNDONE: "default",
    RunState.REFUSED: "danger",
    RunState.FAILED: "danger",
}
ASSIGNMENT_LABELS = {
    AssignmentStatus.PROPOSED: "warning",
    AssignmentStatus.LIVE: "primary",
    AssignmentStatus.SUPERSEDED: "default",
    AssignmentStatus.CANCELLED: "danger",
    AssignmentStatus.DONE: "success",
}


class PickupDayFilter(DayFilter):
    start = "pickup_at"


class AssignmentInline(ReadOnly, CompanyTabular):
    model = Assignment
    hide_title = True
    fields = ["status", "driver", "shift", "pickup_at", "delivery_at", "lock", "dispatch_run"]
    ordering = ["-created_at", "-id"]
    verbose_name_plural = _("assignments, the latest first")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        rows = super().get_queryset(request)
        return rows.select_related("driver", "shift__driver", "shift__company", "dispatch_run")


@admin.register(Assignment)
class AssignmentAdmin(ReadOnly, CompanyAdmin):
    """Who drives whom. Written by runs and by decisions, never in a form."""

    list_display = ["booking", "client", "driver", "pickup_at", "delivery_at", "state", "lock"]
    list_filter = [PickupDayFilter, "status", "lock", "driver", "company"]
    list_select_related = ["booking__client", "driver"]
    search_fields = ["booking__reference", "booking__client__name", "driver__name"]
    ordering = ["-pickup_at", "-id"]

    @admin.display(description=_("client"))
    def client(self, assignment: Assignment) -> str:
        return str(assignment.booking.client)

    @display(description=_("status"), ordering="status", label=ASSIGNMENT_LABELS)  # type: ignore[untyped-decorator]
    def state(self, assignment: Assignment) -> tuple[str, Any]:
        return assignment.status, assignment.get_status_display()


class UnassignedInline(ReadOnly, CompanyTabular):
    model = Unassigned
    hide_title = True
    fields = ["booking", "reason"]
    ordering = ["id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        rows: QuerySet = super().get_queryset(request)
        return rows.select_related("booking")


@admin.register(DispatchRun)
class DispatchRunAdmin(ReadOnly, CompanyAdmin):
    list_display = [
        "id",
        "day",
        "result",
        "bookings",
        "assigned",
        "trigger",
        "started_at",
        "company",
    ]
    list_filter = ["state", "trigger", "company"]
    list_select_related = ["company"]
    search_fields = ["day"]
    ordering = ["-id"]
    inlines = [UnassignedInline]
    fieldsets = [
        (None, {"fields": ["company", ("day", "state"), ("bookings", "assigned"), "error"]}),
        (None, {"fields": [("trigger", "started_by"), ("started_at", "finished_at")]}),
        (None, {"fields": [("applied_at", "undone_at")]}),
        (_("Outcome"), {"fields": ["metrics", "cost", "violations", "inherited", "stale"]}),
        (_("Made with"), {"fields": [("travel_source", "seed"), "timings", "settings"]}),
    ]

    @display(description=_("state"), ordering="state", label=RUN_LABELS)  # type: ignore[untyped-decorator]
    def result(self, run: DispatchRun) -> tuple[str, Any]:
        return run.state, run.get_state_display()


@admin.register(Unassigned)
class UnassignedAdmin(ReadOnly, CompanyAdmin):
    list_display = ["booking", "client", "run", "reason"]
    list_select_related = ["booking__client", "run"]
    search_fields = ["booking__reference", "booking__client__name"]
    ordering = ["-id"]

    @admin.display(description=_("client"))
    def client(self, unassigned: Unassigned) -> str:
        return str(unassigned.booking.client)


@admin.register(Alert)
class AlertAdmin(CompanyAdmin):
    list_display = ["kind", "raised_at", "booking", "shift", "run", "resolved_at", "company"]
    list_filter = ["kind", ("resolved_at", admin.EmptyFieldListFilter), "company"]
    list_select_related = ["booking", "shift__driver", "shift__company", "run", "company"]
    search_fields = ["booking__reference", "booking__client__name"]
    ordering = ["-raised_at", "-id"]
    actions = ["resolve"]

    def get_readonly_fields(self, _request: HttpRequest, _obj: Any = None) -> list[str]:
        return [field.name for field in self.opts.fields]

    def has_add_permission(self, *_args: Any) -> bool:
        return False

    @admin.action(description=_("Mark as resolved"), permissions=["change"])
    def resolve(self, _request: HttpRequest, rows: QuerySet) -> None:
        rows.filter(resolved_at__isnull=True).update(resolved_at=timezone.now())


@admin.register(Outbox)
class OutboxAdmin(ReadOnly, CompanyAdmin):
    """What is to be told to whom. Written with the plans that it tells of."""

    list_display = ["created_at", "kind", "audience", "booking", "partner", "driver", "run"]
    list_filter = ["kind", "audience", "company"]
    list_select_related = ["booking", "partner", "driver", "run"]
    search_fields = ["booking__reference", "partner__name", "driver__name"]
    ordering = ["-id"]


@admin.register(DispatchPolicy)
class DispatchPolicyAdmin(CompanyAdmin):
    list_display = ["company", "mode", "pooling", "reserve_drivers", "budget_s"]
    list_select_related = ["company"]
    search_fields = ["company__name"]
    ordering = ["company__name"]
    autocomplete_fields = ["company"]


admin.site.unregister(Booking)


class MovedMeanwhile(DomainError):
    message = _("Somebody has changed this booking meanwhile. Look at it again first.")


@admin.register(Booking)
class DispatchedBookingAdmin(BookingAdmin):
    """A booking with who has driven it, and what can be decided about it.

    A new one goes through the service that gives it its reference. What a plan is built on is
    closed while a driver has the booking: it is taken back first, or moved by a decision.
    """

    inlines = [*BookingAdmin.inlines, AssignmentInline]
    has_export = True
    change_form_outer_before_template = "dispatch/booking_steps.html"
    times = ["anchor", "requested_pickup_at", "appointment_at", "appointment_ends_at"]
    planned_on = [
        "client",
        "pickup_place",
        "pickup_service_min",
        "delivery_place",
        "delivery_service_min",
        "stands_alone",
        "will_call",
        "priority",
        "mobility",
        "companions",
        "skills",
        "equipment",
        "exclusive",
        "infectious",
    ]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_GET(reads_replica(partial(export, self))))
        return [path("export/", view, name="bookings_booking_export"), *super().get_urls()]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fields = super().get_readonly_fields(request, obj)
        if obj is None:
            return fields
        closed = [] if obj.status in UNASSIGNED else self.planned_on
        return [*fields, *self.times, "company", "will_call", *closed]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        for step in STEPS:
            if step.for_many and signed_in(request).has_perm(step.permission):
                name = f"decide_{step.slug}"
                actions[name] = (partial(_decide, step), name, step.label)
        return actions

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        booking = self.get_object(request, object_id)
        context = extra_context or {}
        if booking is not None:
            live = booking.assignments.live().first()
            steps = offered(signed_in(request), booking, live.lock if live else None)
            context |= {"steps": steps, "booking": booking}
        return super().change_view(request, object_id, form_url, context)

    def save_model(self, request: HttpRequest, obj: Booking, form: Any, *_args: Any) -> None:
        if obj.pk is None:
            now = timezone.now()
            bookings.create_booking(booking=obj, actor=signed_in(request), now=now)
            return
        # Only what was changed here: its state may have moved while the form was open.
        row = Booking.objects.select_for_update(no_key=True).get(pk=obj.pk)
        if row.version != obj.version:
            raise MovedMeanwhile
        if form.changed_data:
            obj.save(update_fields=form.changed_data)


def _decide(
    step: Step, _page: DispatchedBookingAdmin, request: HttpRequest, rows: QuerySet
) -> HttpResponse | None:
    """Take a decision about the bookings chosen, or ask first what it needs to know."""
    if step.asks:
        chosen = urlencode([("booking", pk) for pk in rows.values_list("pk", flat=True)])
        return HttpResponseRedirect(f"{reverse('console:decide', args=[step.slug])}?{chosen}")
    chosen_rows = list(rows.select_related("company__policy"))
    refused = take(request, step, chosen_rows, {}, timezone.now())
    tell(request, step, len(chosen_rows), refused)
    return None


admin.site.unregister(BookingSeries)


@admin.register(BookingSeries)
class FollowedSeriesAdmin(BookingSeriesAdmin):
    """A series whose bookings follow what is changed here."""

    def save_model(self, request: HttpRequest, obj: BookingSeries, form: Any, *args: Any) -> None:
        form.before = series.definition_of(obj) if obj.pk else None
        super().save_model(request, obj, form, *args)

    def save_related(self, request: HttpRequest, form: Any, *args: Any) -> None:
        super().save_related(request, form, *args)
        now = timezone.now()
        company = form.instance.company
        policy = policies.policy_of(company)
        ahead: dict[str, Any] = {
            "until_day": clock.local_day(now, company.tz) + SERIES_AHEAD,
            "now": now,
            "actor": signed_in(request),
            "window_before_min": policy.window_before_min,
            "window_after_min": policy.window_after_min,
        }
        if form.before is not None:
            series.follow_change(before=form.before, **ahead)
        else:
            made = series.materialise(company=company, only=[form.instance.pk], **ahead)
            for refusal in made.refused.values():
                raise refusal


admin.site.unregister([Shift, Absence])
admin.site.register(Shift, ShiftOnDutyAdmin)
admin.site.register(Absence, AbsenceOnDutyAdmin)


admin.site.unregister(TaskResult)
admin.site.unregister(GroupResult)


@admin.register(TaskResult)
class TaskResultAdmin(ReadOnly, PagedAdmin):
    """Background work and how it ended; failed tasks are found here by administrators."""

    list_display = ["task_name", "status", "date_created", "date_done", "worker"]
    list_filter = ["status", "task_name"]
    search_fields = ["task_name", "task_id"]
    ordering = ["-id"]
