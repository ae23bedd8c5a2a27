"""The pages of what is asked: clients, bookings, series."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.scoped import CompanyAdmin, CompanyTabular
from bookings.models import (
    Booking,
    BookingEvent,
    BookingSeries,
    Client,
    SeriesException,
    SeriesSuspension,
)
from bookings.states import BookingStatus
from fleet.admin import DayFilter, ReadOnly, TickedChoices

STATUS_LABELS = {
    BookingStatus.PENDING: "warning",
    BookingStatus.ACCEPTED: "info",
    BookingStatus.ASSIGNED: "primary",
    BookingStatus.EN_ROUTE: "warning",
    BookingStatus.ARRIVED: "warning",
    BookingStatus.ON_BOARD: "warning",
    BookingStatus.COMPLETED: "success",
    BookingStatus.REJECTED: "danger",
    BookingStatus.NO_SHOW: "danger",
    BookingStatus.CANCELLED: "danger",
}


@admin.register(Client)
class ClientAdmin(CompanyAdmin):
    list_display = [
        "name",
        "birth_day",
        "phone",
        "mobility",
        "home",
        "partner",
        "active",
        "company",
    ]
    list_filter = ["active", "mobility", "partner", "company"]
    list_select_related = ["home", "partner", "company"]
    search_fields = ["name", "phone"]
    ordering = ["name", "id"]
    autocomplete_fields = ["company", "partner", "home", "preferred_drivers", "refused_drivers"]
    fieldsets = [
        (None, {"fields": ["company", ("name", "birth_day"), ("phone", "language"), "partner"]}),
        (None, {"fields": ["active", "reference"]}),
        (_("Home"), {"fields": ["home", ("floor", "door_code"), "access_notes"]}),
        (_("On the way"), {"fields": [("mobility", "companions"), "boarding_min"]}),
        (None, {"fields": ["boarding_notes", "preferred_drivers", "refused_drivers"]}),
    ]


class EventInline(ReadOnly, CompanyTabular):
    model = BookingEvent
    hide_title = True
    fields = ["happened_at", "from_status", "to_status", "actor", "reason"]
    ordering = ["id"]
    verbose_name_plural = _("what happened")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        rows: QuerySet = super().get_queryset(request)
        return rows.select_related("actor")


@admin.register(Booking)
class BookingAdmin(TickedChoices, CompanyAdmin):
    """The bookings. Their state is moved by decisions, never in the form."""

    list_display = [
        "reference",
        "when",
        "client",
        "pickup_place",
        "delivery_place",
        "state",
        "priority",
        "mobility",
        "company",
    ]
    list_filter = [DayFilter, "status", "priority", "mobility", "will_call", "partner", "company"]
    list_select_related = ["client", "pickup_place", "delivery_place", "company"]
    search_fields = ["reference", "partner_reference", "client__name"]
    ordering = ["-scheduled_at", "-id"]
    autocomplete_fields = ["company", "partner", "client", "pickup_place", "delivery_place"]
    inlines = [EventInline]
    readonly_fields = [
        "reference",
        "status",
        "promised_from",
        "promised_until",
        "actual_pickup_at",
        "actual_delivery_at",
        "outbound",
        "series",
        "series_day",
        "time_confirmed",
        "cancel_reason",
        "created_at",
    ]
    fieldsets = [
        (None, {"fields": ["company", ("reference", "status"), ("client", "priority")]}),
        (_("Pickup"), {"fields": ["pickup_place", ("pickup_floor", "pickup_contact")]}),
        (None, {"fields": ["pickup_service_min"]}),
        (_("Delivery"), {"fields": ["delivery_place", ("delivery_floor", "delivery_contact")]}),
        (None, {"fields": ["delivery_service_min"]}),
        (_("Time"), {"fields": ["anchor", "requested_pickup_at", "appointment_at"]}),
        (None, {"fields": ["appointment_ends_at", ("promised_from", "promised_until")]}),
        (None, {"fields": [("actual_pickup_at", "actual_delivery_at")]}),
        (_("Return"), {"fields": ["outbound", "stands_alone", ("will_call", "time_confirmed")]}),
        (_("On the way"), {"fields": [("mobility", "companions"), "skills", "equipment"]}),
        (None, {"fields": [("exclusive", "infectious")]}),
        (_("Who pays"), {"fields": ["payer", ("partner", "partner_reference")]}),
        (_("Notes"), {"fields": ["driver_notes", "dispatcher_notes"]}),
        (_("Origin"), {"fields": [("series", "series_day"), "cancel_reason", "created_at"]}),
    ]

    add_fieldsets = [
        (None, {"fields": ["company", ("client", "priority")]}),
        (_("Pickup"), {"fields": ["pickup_place", ("pickup_floor", "pickup_contact")]}),
        (None, {"fields": ["pickup_service_min"]}),
        (_("Delivery"), {"fields": ["delivery_place", ("delivery_floor", "delivery_contact")]}),
        (None, {"fields": ["delivery_service_min"]}),
        (_("Time"), {"fields": ["anchor", "requested_pickup_at", "appointment_at"]}),
        (None, {"fields": ["appointment_ends_at"]}),
        (_("On the way"), {"fields": [("mobility", "companions"), "skills", "equipment"]}),
        (None, {"fields": [("exclusive", "infectious")]}),
        (_("Who pays"), {"fields": ["payer", ("partner", "partner_reference")]}),
        (_("Notes"), {"fields": ["driver_notes", "dispatcher_notes"]}),
    ]

    def get_inlines(self, request: HttpRequest, obj: Booking | None) -> list[Any]:
        return list(super().get_inlines(request, obj)) if obj else []

    @admin.display(description=_("scheduled at"), ordering="scheduled_at")
    def when(self, booking: Booking) -> datetime:
        return booking.scheduled_at

    @display(description=_("status"), ordering="status", label=STATUS_LABELS)  # type: ignore[untyped-decorator]
    def state(self, booking: Booking) -> tuple[str, Any]:
        return booking.status, booking.get_status_display()


@admin.register(BookingEvent)
class BookingEventAdmin(ReadOnly, CompanyAdmin):
    list_display = ["booking", "from_status", "to_status", "happened_at", "actor", "reason"]
    list_filter = ["to_status", "company"]
    list_select_related = ["booking", "actor", "company"]
    search_fields = ["booking__reference"]
    ordering = ["-id"]


class ExceptionInline(CompanyTabular):
    model = SeriesException
    fields = ["day", "at_time"]


class SuspensionInline(CompanyTabular):
    model = SeriesSuspension
    fields = ["from_day", "until_day", "reason"]


@admin.register(BookingSeries)
class BookingSeriesAdmin(CompanyAdmin):
    list_display = ["client", "rule", "at_time", "starts_day", "until_day", "active", "company"]
    list_filter = ["active", "return_kind", "partner", "company"]
    list_select_related = ["client", "company"]
    search_fields = ["client__name", "rule"]
    ordering = ["client__name", "id"]
    autocomplete_fields = ["company", "client", "partner", "pickup_place", "delivery_place"]
    inlines = [ExceptionInline, SuspensionInline]
    fieldsets = [
        (None, {"fields": ["company", ("client", "partner"), "active", "priority", "reference"]}),
        (_("Ride"), {"fields": [("pickup_place", "delivery_place"), ("anchor", "at_time")]}),
        (_("Return"), {"fields": [("return_kind", "return_time"), "stay_min"]}),
        (_("Days"), {"fields": ["rule", ("starts_day", "until_day"), "on_holidays"]}),
    ]


@admin.register(SeriesException)
class SeriesExceptionAdmin(CompanyAdmin):
    list_display = ["series", "day", "at_time"]
    list_select_related = ["series__client"]
    search_fields = ["series__client__name"]
    ordering = ["-day", "-id"]
    autocomplete_fields = ["series"]


@admin.register(SeriesSuspension)
class SeriesSuspensionAdmin(CompanyAdmin):
    list_display = ["series", "from_day", "until_day", "reason"]
    list_select_related = ["series__client"]
    search_fields = ["series__client__name"]
    ordering = ["-from_day", "-id"]
    autocomplete_fields = ["series"]
