"""The pages of shifts and absences, where rides go back when a driver is no longer on duty."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.permissions import signed_in
from accounts.scoped import CompanyForm
from atmr import clock
from atmr.errors import DomainError
from dispatch.services import duty
from fleet import services
from fleet.admin import AbsenceAdmin, ShiftAdmin
from fleet.models import Absence, AbsenceKind, Shift


class ShiftForm(CompanyForm):
    take_back = forms.BooleanField(
        label=_("Take back rides that no longer fit"),
        required=False,
        help_text=_("They wait for a driver again. Another driver or vehicle takes all back."),
    )


class ShiftOnDutyAdmin(ShiftAdmin):
    """A shift, which changes under its rides only when somebody says that they are taken back."""

    form = ShiftForm
    actions = ["cancel_shifts"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[tuple]:
        fieldsets = super().get_fieldsets(request, obj)
        return fieldsets if obj is None else [*fieldsets, (_("Rides"), {"fields": ["take_back"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fields = super().get_readonly_fields(request, obj)
        return fields if obj is None else [*fields, "company"]

    def save_model(self, request: HttpRequest, obj: Shift, form: Any, *args: Any) -> None:
        if obj.pk is None:
            day = clock.local_day(obj.starts_at, obj.company.tz)
            services.check_may_drive(driver=obj.driver, vehicle=obj.vehicle, day=day)
            super().save_model(request, obj, form, *args)
            return
        changes: Any = {
            name: form.cleaned_data[name]
            for name in form.changed_data
            if name in duty.ShiftChanges.__annotations__
        }
        if changes:
            taken = duty.change_shift(
                shift=Shift.objects.select_related("company").get(pk=obj.pk),
                actor=signed_in(request),
                now=timezone.now(),
                take_back=form.cleaned_data["take_back"],
                **changes,
            )
            tell_taken_back(request, len(taken))

    @admin.action(
        description=_("Cancel these shifts and take their rides back"), permissions=["change"]
    )
    def cancel_shifts(self, request: HttpRequest, rows: QuerySet[Shift]) -> None:
        for shift in rows.select_related("company", "driver"):
            try:
                taken = duty.cancel_shift(
                    shift=shift, actor=signed_in(request), now=timezone.now(), take_back=True
                )
            except DomainError as refusal:
                self.message_user(request, f"{shift}: {refusal}", messages.ERROR)
            else:
                self.message_user(request, _("%(shift)s is cancelled.") % {"shift": shift})
                tell_taken_back(request, len(taken))


class AbsenceOnDutyAdmin(AbsenceAdmin):
    """An absence, which shortens, splits or cancels the shifts in its way when it is entered."""

    def save_model(self, request: HttpRequest, obj: Absence, form: Any, *args: Any) -> None:
        if obj.pk is not None:
            super().save_model(request, obj, form, *args)
            return
        recorded = duty.record_absence(
            driver=obj.driver,
            kind=AbsenceKind(obj.kind),
            starts_at=obj.starts_at,
            ends_at=obj.ends_at,
            note=obj.note,
            actor=signed_in(request),
            now=timezone.now(),
        )
        obj.pk = recorded.absence.pk
        for shift in recorded.cancelled:
            self.message_user(request, _("%(shift)s is cancelled.") % {"shift": shift})
        for shift in [*recorded.shortened, *recorded.opened]:
            zone = shift.company.tz
            times = [f"{at.astimezone(zone):%H:%M}" for at in (shift.starts_at, shift.ends_at)]
            text = _("%(shift)s is now from %(start)s to %(end)s.")
            self.message_user(
                request, text % {"shift": shift.driver, "start": times[0], "end": times[1]}
            )
        tell_taken_back(request, len(recorded.taken_back))


def tell_taken_back(request: HttpRequest, number: int) -> None:
    if number:
        text = ngettext(
            "%(n)s ride waits for a driver again.", "%(n)s rides wait for a driver again.", number
        )
        messages.warning(request, text % {"n": number})
