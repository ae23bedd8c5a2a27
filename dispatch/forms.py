"""The small forms behind a person's decisions: they check shape, the services decide."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    INPUT_CLASSES,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from atmr import clock
from bookings.models import Booking
from bookings.services.moves import REASON_LENGTH
from bookings.states import OPEN
from fleet.models import Shift


class MomentField(forms.DateTimeField):
    """A day and a time, in the browser's own field and in the zone of the page."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(
            {"class": " ".join(INPUT_CLASSES), "type": "datetime-local"}, format="%Y-%m-%dT%H:%M"
        )
        super().__init__(widget=widget, **kwargs)


class WhyField(forms.CharField):
    """A reason, as long as the record of moves takes it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label=_("Reason"),
            max_length=REASON_LENGTH,
            widget=UnfoldAdminTextInputWidget,
            **kwargs,
        )


class StepForm(forms.Form):
    """What is asked before a decision is taken about some bookings; by itself, nothing."""

    def __init__(
        self, *args: Any, bookings: Sequence[Booking], now: datetime, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.bookings = bookings
        self.now = now.replace(second=0, microsecond=0)

    def answers(self) -> dict[str, Any]:
        """Give what the service is called with."""
        return dict(self.cleaned_data)


class ReasonForm(StepForm):
    """Why."""

    reason = WhyField()


class PerhapsReasonForm(StepForm):
    """Why, where it is worth saying."""

    reason = WhyField(required=False)


class TimeForm(StepForm):
    """When it happened: now, unless said otherwise."""

    at = MomentField(label=_("It happened at"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("at", self.now)


class ReturnQuestion(StepForm):
    """What becomes of the return, asked where there is one that is still open."""

    return_too = forms.TypedChoiceField(
        label=_("What becomes of the return?"),
        choices=[("1", _("It ends too")), ("0", _("It stays and stands alone"))],
        coerce=lambda value: value == "1",
        widget=UnfoldAdminRadioSelectWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not any(self._has_open_return(booking) for booking in self.bookings):
            del self.fields["return_too"]

    def _has_open_return(self, booking: Booking) -> bool:
        back = getattr(booking, "return_booking", None)
        return back is not None and back.status in OPEN


class EndForm(ReasonForm, ReturnQuestion):
    """Why a booking ends, and what becomes of its return."""


class NoShowForm(TimeForm, ReturnQuestion):
    """When the driver gave up waiting, and what becomes of the return."""


class ConfirmForm(StepForm):
    """The time at which the client of a will-call is ready."""

    at = MomentField(label=_("Ready at"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("at", self.now)


class TimeChangeForm(StepForm):
    """Another pickup, or another appointment to arrive by."""

    requested_pickup_at = MomentField(label=_("Pick up at"), required=False)
    appointment_at = MomentField(
        label=_("Arrive by"), required=False, help_text=_("Counts when no pickup is given.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        booking = self.bookings[0]
        for name in self.fields:
            self.initial.setdefault(name, getattr(booking, name))


class PromiseForm(StepForm):
    """The time from which the pickup is promised; its window stays as wide as it is."""

    promised_from = MomentField(label=_("Promised from"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("promised_from", self.bookings[0].promised_from)


class ReturnForm(StepForm):
    """The way back: at a time, or when the client calls."""

    return_pickup_at = MomentField(
        label=_("Return at"),
        required=False,
        help_text=_("Empty for a will-call: expected at the end of the appointment."),
    )
    will_call = forms.BooleanField(
        label=_("The client will call"), required=False, widget=UnfoldBooleanSwitchWidget
    )


class ShiftField(forms.ModelChoiceField):
    """A shift, shown by its driver, hours and vehicle."""

    def label_from_instance(self, shift: Shift) -> str:
        zone = shift.company.tz
        starts_at, ends_at = shift.starts_at.astimezone(zone), shift.ends_at.astimezone(zone)
        return f"{shift.driver} · {starts_at:%H:%M}-{ends_at:%H:%M} · {shift.vehicle.plate}"


class AssignForm(StepForm):
    """The shift that shall serve a booking, and from when, if not as planning would."""

    shift = ShiftField(
        label=_("Driver"), queryset=Shift.objects.none(), widget=UnfoldAdminSelectWidget
    )
    pickup_at = MomentField(
        label=_("Pickup at"), required=False, help_text=_("Empty: at the best time there is.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        booking = self.bookings[0]
        company = booking.company
        bounds = clock.day_bounds(clock.local_day(booking.scheduled_at, company.tz), company.tz)
        shift: Any = self.fields["shift"]
        shift.queryset = (
            Shift.objects.for_company(company)
            .planned()
            .reaching_into(*bounds)
            .select_related("driver", "vehicle", "company")
            .order_by("driver__kind", "driver__name", "starts_at")
        )


class MoveForm(AssignForm):
    """Another shift or another time."""

    reason = WhyField(required=False, help_text=_("Needed shortly before the pickup."))
