"""The pages of planning: assignments, runs, alerts, policy; and what failed in the background."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_celery_results import admin as _plain  # noqa: F401 - registers what is replaced
from django_celery_results.models import GroupResult, TaskResult
from unfold.admin import ModelAdmin
from unfold.decorators import display

from accounts.admin import CompanyAdmin, CompanyTabular
from bookings.admin import BookingAdmin
from bookings.models import Booking
from dispatch.models import (
    Alert,
    Assignment,
    AssignmentStatus,
    DispatchPolicy,
    DispatchRun,
    RunState,
    Unassigned,
)
from fleet.admin import DayFilter, ReadOnly

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
    fields = ["booking", "reason"]
    ordering = ["id"]


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


@admin.register(DispatchPolicy)
class DispatchPolicyAdmin(CompanyAdmin):
    list_display = ["company", "mode", "pooling", "reserve_drivers", "budget_s"]
    list_select_related = ["company"]
    search_fields = ["company__name"]
    ordering = ["company__name"]
    autocomplete_fields = ["company"]


admin.site.unregister(Booking)


@admin.register(Booking)
class DispatchedBookingAdmin(BookingAdmin):
    """A booking with who has driven it, and what can be decided about it."""

    inlines = [*BookingAdmin.inlines, AssignmentInline]


admin.site.unregister(TaskResult)
admin.site.unregister(GroupResult)


@admin.register(TaskResult)
class TaskResultAdmin(ReadOnly, ModelAdmin):
    """Background work and how it ended; failed tasks are found here by administrators."""

    list_display = ["task_name", "status", "date_created", "date_done", "worker"]
    list_filter = ["status", "task_name"]
    search_fields = ["task_name", "task_id"]
    ordering = ["-id"]
    show_full_result_count = False
