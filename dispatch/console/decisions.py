"""What a person can decide about bookings: each step is one service call behind one small form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from bookings.models import Booking
from bookings.services import ending, trips
from bookings.states import (
    CORRECTIONS,
    UNASSIGNED,
    WITH_DRIVER,
    Correction,
    check_move,
    sources,
)
from bookings.states import BookingStatus as S
from dispatch import forms
from dispatch.models import Lock
from dispatch.services import announcing, assigning, intake, progress

Answers = Mapping[str, Any]
Take = Callable[[Booking, User, datetime, Answers], object]


@dataclass(frozen=True)
class Step:
    """A decision: when it is offered, what it asks, and the service that takes it."""

    slug: str
    label: str | Promise  # on the button
    states: frozenset[S]
    take: Take
    form: type[forms.StepForm] = forms.StepForm
    for_many: bool = True
    suits: Callable[[Booking], bool] = lambda _booking: True  # what else must hold
    lock: frozenset[Lock] = frozenset(Lock)  # only for assignments locked like this
    permission: str = "bookings.change_booking"

    @cached_property
    def address(self) -> str:
        """Where it is taken; a day page of 150 bookings links there more than a thousand times."""
        return reverse("console:decide", args=[self.slug])

    @property
    def asks(self) -> bool:
        return self.form is not forms.StepForm

    def is_offered(self, booking: Booking, lock: str | None = None) -> bool:
        """Say whether it makes sense now; the service has the last word."""
        is_locked_so = lock is None or lock in self.lock
        return booking.status in self.states and is_locked_so and self.suits(booking)


def _accept(booking: Booking, actor: User, now: datetime, _answers: Answers) -> None:
    company = booking.company
    if not intake.accept_many(company=company, booking_ids=[booking.pk], actor=actor, now=now):
        booking.refresh_from_db()
        check_move(S(booking.status), S.ACCEPTED)


def _reject(booking: Booking, actor: User, now: datetime, answers: Answers) -> None:
    ending.reject(booking=booking, actor=actor, now=now, **answers)


def _cancel(booking: Booking, actor: User, now: datetime, answers: Answers) -> None:
    progress.cancel(booking=booking, actor=actor, now=now, **answers)


def _assign(booking: Booking, actor: User, now: datetime, answers: Answers) -> None:
    assigning.assign(booking=booking, actor=actor, now=now, **answers)


def _move(booking: Booking, actor: User, now: datetime, answers: Answers) -> None:
    assigning.move(booking=booking, actor=actor, now=now, **answers)


def _take_back(booking: Booking, actor: User, now: datetime, answers: Answers) -> None:
    assigning.take_back(booking=booking, actor=actor, now=now, **answers)


def _confirm(booking: Booking, _actor: User, _now: datetime, answers: Answers) -> None:
    intake.confirm_will_call(booking=booking, **answers)


def _retime(booking: Booking, actor: User, now: datetime, answers: Answers) -> None:
    intake.change_time(booking=booking, actor=actor, now=now, **answers)


def _promise(booking: Booking, _actor: User, _now: datetime, answers: Answers) -> None:
    announcing.move_promise(booking=booking, **answers)


def _book_return(booking: Booking, actor: User, now: datetime, answers: Answers) -> None:
    trips.book_return(outbound=booking, actor=actor, now=now, **answers)


def _correct(booking: Booking, actor: User, now: datetime, answers: Answers) -> None:
    progress.correct(
        booking=booking, correction=correction_of(booking), actor=actor, now=now, **answers
    )


def _lock(lock: Lock) -> Take:
    def take(booking: Booking, _actor: User, _now: datetime, _answers: Answers) -> None:
        assigning.set_lock(booking=booking, lock=lock)

    return take


def _report(to: S) -> Take:
    def take(booking: Booking, actor: User, now: datetime, answers: Answers) -> None:
        progress.report(booking=booking, to=to, actor=actor, now=now, **answers)

    return take


def _has_time(booking: Booking) -> bool:
    return booking.time_confirmed


def _waits_for_call(booking: Booking) -> bool:
    return not booking.time_confirmed


def _is_promised(booking: Booking) -> bool:
    return booking.promised_from is not None


def correction_of(booking: Booking) -> Correction:
    """Give the correction that takes the booking's present state back: each state has one."""
    return next(c for c, (wrong, _right) in CORRECTIONS.items() if wrong == booking.status)


_CORRECTABLE = frozenset(wrong for wrong, _right in CORRECTIONS.values())
_LOCKED = frozenset({Lock.DRIVER, Lock.TIMES})
_ASSIGNED = frozenset({S.ASSIGNED})
_NOT_OVER = UNASSIGNED | WITH_DRIVER

STEPS = (
    Step("accept", _("Accept"), frozenset({S.PENDING}), _accept),
    Step("reject", _("Reject"), frozenset({S.PENDING}), _reject, forms.EndForm),
    Step(
        "confirm",
        _("Confirm the time"),
        UNASSIGNED,
        _confirm,
        forms.ConfirmForm,
        for_many=False,
        suits=_waits_for_call,
    ),
    Step(
        "assign",
        _("Assign"),
        frozenset({S.ACCEPTED}),
        _assign,
        forms.AssignForm,
        for_many=False,
        suits=_has_time,
        permission="dispatch.add_assignment",
    ),
    Step(
        "retime",
        _("Change the time"),
        UNASSIGNED | _ASSIGNED,
        _retime,
        forms.TimeChangeForm,
        for_many=False,
        suits=_has_time,
    ),
    Step(
        "promise",
        _("Move the promise"),
        frozenset({S.ACCEPTED, S.ASSIGNED}),
        _promise,
        forms.PromiseForm,
        for_many=False,
        suits=_is_promised,
    ),
    Step("en-route", _("En route"), _ASSIGNED, _report(S.EN_ROUTE), forms.TimeForm),
    Step("arrived", _("Arrived"), frozenset({S.EN_ROUTE}), _report(S.ARRIVED), forms.TimeForm),
    Step("on-board", _("On board"), frozenset({S.ARRIVED}), _report(S.ON_BOARD), forms.TimeForm),
    Step(
        "completed", _("Completed"), frozenset({S.ON_BOARD}), _report(S.COMPLETED), forms.TimeForm
    ),
    Step("no-show", _("No show"), frozenset({S.ARRIVED}), _report(S.NO_SHOW), forms.NoShowForm),
    Step(
        "move",
        _("Move"),
        _ASSIGNED,
        _move,
        forms.MoveForm,
        for_many=False,
        permission="dispatch.change_assignment",
    ),
    Step(
        "take-back",
        _("Take back"),
        frozenset({S.ASSIGNED, S.EN_ROUTE}),
        _take_back,
        forms.PerhapsReasonForm,
        permission="dispatch.change_assignment",
    ),
    Step(
        "lock-driver",
        _("Lock the driver"),
        _ASSIGNED,
        _lock(Lock.DRIVER),
        lock=frozenset({Lock.NONE, Lock.TIMES}),
        permission="dispatch.change_assignment",
    ),
    Step(
        "lock-times",
        _("Lock driver and times"),
        _ASSIGNED,
        _lock(Lock.TIMES),
        lock=frozenset({Lock.NONE, Lock.DRIVER}),
        permission="dispatch.change_assignment",
    ),
    Step(
        "unlock",
        _("Unlock"),
        WITH_DRIVER,
        _lock(Lock.NONE),
        lock=_LOCKED,
        permission="dispatch.change_assignment",
    ),
    Step(
        "return",
        _("Book the return"),
        _NOT_OVER | {S.COMPLETED},
        _book_return,
        forms.ReturnForm,
        for_many=False,
        permission="bookings.add_booking",
    ),
    Step("cancel", _("Cancel the booking"), sources(S.CANCELLED), _cancel, forms.EndForm),
    Step("correct", _("Correct a wrong button"), _CORRECTABLE, _correct, forms.ReasonForm),
)
BY_SLUG = {step.slug: step for step in STEPS}


def offered(user: User, booking: Booking, lock: str | None = None) -> list[Step]:
    """Give the steps that this person may take about a booking as it is now."""
    return [
        step for step in STEPS if step.is_offered(booking, lock) and user.has_perm(step.permission)
    ]
