"""The pages of the fleet: places, drivers, vehicles, shifts, absences."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qsl

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.postgres.fields import ArrayField
from django.db.models import Field, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts.scoped import CompanyAdmin, CompanyTabular
from atmr import clock
from fleet.models import (
    Absence,
    Driver,
    DriverDocument,
    Place,
    Position,
    Shift,
    Vehicle,
    VehicleLayout,
)


class TickedChoices(admin.options.BaseModelAdmin):
    """Show a list of choices as boxes to tick, not as words between commas."""

    def formfield_for_dbfield(
        self, db_field: Field, request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        if isinstance(db_field, ArrayField) and db_field.base_field.choices:
            return forms.MultipleChoiceField(
                choices=db_field.base_field.choices,
                required=not db_field.blank,
                label=capfirst(db_field.verbose_name),
                help_text=db_field.help_text,
                widget=UnfoldAdminCheckboxSelectMultipleWidget,
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)


class ReadOnly(admin.options.BaseModelAdmin):
    """Rows that only services, the road and the database write."""

    def has_add_permission(self, *_: Any) -> bool:
        return False

    def has_change_permission(self, *_: Any) -> bool:
        return False

    def has_delete_permission(self, *_: Any) -> bool:
        return False


class DayFilter(admin.SimpleListFilter):
    """Rows of a day in the zone of the company: yesterday, today, tomorrow, or the day given.

    With a second day, those of all days from the first to it.
    """

    title = _("day")
    parameter_name = "day"
    until_name = "until"
    template = "fleet/day_filter.html"
    start = "scheduled_at"
    others: Sequence[tuple[str, str]] = ()
    end: str | None = None  # rows that last: those that reach into the day

    def __init__(self, request: HttpRequest, params: dict[str, Any], *args: Any) -> None:
        super().__init__(request, params, *args)
        if self.until_name in params:
            self.used_parameters[self.until_name] = params.pop(self.until_name)[-1]

    def expected_parameters(self) -> list[str | None]:
        return [self.parameter_name, self.until_name]

    def lookups(self, *_args: Any) -> list[tuple[str, Any]]:
        today = timezone.localdate()
        return [
            ((today - timedelta(days=1)).isoformat(), _("Yesterday")),
            (today.isoformat(), _("Today")),
            ((today + timedelta(days=1)).isoformat(), _("Tomorrow")),
        ]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        ours = [self.parameter_name, self.until_name]
        query = changelist.get_query_string(remove=ours)
        self.others = parse_qsl(query[1:])  # the form for other days keeps them
        first, last = self.days()
        yield {"selected": first is None, "query_string": query, "display": _("All")}
        listed = [(date.fromisoformat(value), title) for value, title in self.lookup_choices]
        for day, title in listed:
            yield {
                "selected": first == last == day,
                "query_string": changelist.get_query_string({self.parameter_name: day}, ours),
                "display": title,
            }
        if first and last and (first != last or first not in dict(listed)):
            days = [date_format(day, "SHORT_DATE_FORMAT") for day in dict.fromkeys([first, last])]
            yield {
                "selected": True,
                "query_string": changelist.get_query_string(),
                "display": " - ".join(days),
            }

    def queryset(self, _request: HttpRequest, queryset: QuerySet) -> QuerySet | None:
        first, last = self.days()
        if first is None or last is None:
            return None
        # The zone in which the page is shown: the company's.
        zone = timezone.get_current_timezone()
        starts_at, ends_at = clock.day_bounds(first, zone)[0], clock.day_bounds(last, zone)[1]
        if self.end is None:
            inside = Q(**{f"{self.start}__gte": starts_at, f"{self.start}__lt": ends_at})
        else:
            inside = Q(**{f"{self.start}__lt": ends_at, f"{self.end}__gt": starts_at})
        return queryset.filter(inside)

    def days(self) -> tuple[date | None, date | None]:
        """Give the first and the last day asked for; none of both when the first is no day."""
        first = _as_day(self.value())
        return first, first and (_as_day(self.used_parameters.get(self.until_name)) or first)


def _as_day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        return None


class OnDutyFilter(DayFilter):
    start, end = "starts_at", "ends_at"


@admin.register(Place)
class PlaceAdmin(CompanyAdmin):
    list_display = ["name", "kind", "address", "partner", "geo_quality", "company"]
    list_filter = ["kind", "geo_quality", "geo_origin", "company"]
    list_select_related = ["partner", "company"]
    search_fields = ["name", "address"]
    ordering = ["name", "id"]
    autocomplete_fields = ["company", "partner"]
    fieldsets = [
        (None, {"fields": ["company", ("name", "reference"), "kind", "address", "partner"]}),
        (_("Position"), {"fields": [("lat", "lon"), ("geo_origin", "geo_quality")]}),
        (_("On the spot"), {"fields": ["entrance_notes", "service_min"]}),
    ]


class DocumentInline(CompanyTabular):
    model = DriverDocument
    fields = ["kind", "expires_day"]


@admin.register(Driver)
class DriverAdmin(TickedChoices, CompanyAdmin):
    list_display = ["name", "kind", "active", "phone", "licences", "company"]
    list_filter = ["active", "kind", "company"]
    list_select_related = ["company"]
    search_fields = ["name", "phone", "email"]
    ordering = ["name", "id"]
    autocomplete_fields = ["company", "user"]
    inlines = [DocumentInline]
    fieldsets = [
        (None, {"fields": ["company", ("name", "reference"), "kind", "active"]}),
        (None, {"fields": ["phone", "email", "user"]}),
        (_("May drive and do"), {"fields": ["licence_categories", "skills"]}),
        (_("Limits"), {"fields": [("max_bookings_per_day", "max_work_min_per_day")]}),
    ]

    @admin.display(description=_("licence categories"))
    def licences(self, driver: Driver) -> str:
        return ", ".join(driver.licence_categories)


@admin.register(DriverDocument)
class DriverDocumentAdmin(CompanyAdmin):
    list_display = ["driver", "kind", "expires_day"]
    list_filter = ["kind"]
    list_select_related = ["driver"]
    search_fields = ["driver__name"]
    ordering = ["expires_day", "id"]
    autocomplete_fields = ["driver"]


class LayoutInline(CompanyTabular):
    model = VehicleLayout
    fields = ["name", "seats", "wheelchairs", "stretchers", "seat_in_wheelchair_place"]


@admin.register(Vehicle)
class VehicleAdmin(TickedChoices, CompanyAdmin):
    list_display = ["plate", "name", "licence_category", "inspection_day", "active", "company"]
    list_filter = ["active", "licence_category", "company"]
    list_select_related = ["company"]
    search_fields = ["plate", "name"]
    ordering = ["plate", "id"]
    autocomplete_fields = ["company"]
    inlines = [LayoutInline]
    fieldsets = [
        (None, {"fields": ["company", "plate", "name", "active"]}),
        (_("On the road"), {"fields": ["licence_category", "inspection_day"]}),
        (_("On board"), {"fields": ["equipment"]}),
    ]


@admin.register(VehicleLayout)
class VehicleLayoutAdmin(CompanyAdmin):
    list_display = ["vehicle", "name", "seats", "wheelchairs", "stretchers"]
    list_select_related = ["vehicle"]
    search_fields = ["name", "vehicle__plate", "vehicle__name"]
    ordering = ["vehicle__plate", "name", "id"]
    autocomplete_fields = ["vehicle"]


@admin.register(Shift)
class ShiftAdmin(CompanyAdmin):
    list_display = ["driver", "vehicle", "starts_at", "ends_at", "break_min", "status", "company"]
    list_filter = [OnDutyFilter, "status", "driver", "company"]
    list_select_related = ["driver", "vehicle", "company"]
    search_fields = ["driver__name", "vehicle__plate"]
    ordering = ["-starts_at", "-id"]
    autocomplete_fields = ["company", "driver", "vehicle", "start_place", "end_place"]
    readonly_fields = ["status"]
    fieldsets = [
        (None, {"fields": ["company", ("driver", "vehicle"), "status", "reference"]}),
        (_("On duty"), {"fields": [("starts_at", "ends_at"), ("start_place", "end_place")]}),
        (_("Break"), {"fields": ["break_min", ("break_from_at", "break_until_at")]}),
    ]


@admin.register(Absence)
class AbsenceAdmin(CompanyAdmin):
    list_display = ["driver", "kind", "starts_at", "ends_at", "note"]
    list_filter = [OnDutyFilter, "kind", "driver"]
    list_select_related = ["driver"]
    search_fields = ["driver__name", "note"]
    ordering = ["-starts_at", "-id"]
    autocomplete_fields = ["driver"]
    fields = ["driver", "kind", ("starts_at", "ends_at"), "note"]


@admin.register(Position)
class PositionAdmin(ReadOnly, CompanyAdmin):
    list_display = ["shift", "at", "lat", "lon"]
    list_select_related = ["shift__driver", "shift__company"]
    search_fields = ["shift__driver__name"]
    ordering = ["-id"]
