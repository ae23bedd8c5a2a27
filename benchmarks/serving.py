"""For each named index, what of the product it serves: the code itself, not a copy of its query."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from django.contrib import admin
from django.db import connection
from django.db.models import Count, Model
from django.http import HttpRequest
from django.test import RequestFactory

from accounts.models import Company, Role, User
from atmr import statements
from atmr.clock import day_bounds
from bookings.models import Booking, BookingEvent, Client
from bookings.states import BookingStatus, Correction
from dispatch.console import day as day_page
from dispatch.models import Alert, Assignment, DispatchRun, Outbox, RunState
from dispatch.services import loading, policies, progress, undoing
from fleet.models import Absence, Place, Shift


@dataclass(frozen=True)
class Subject:
    """Whom and what the queries are asked about: a company of many rows, and one of few."""

    company: Company
    small: Company
    day: date
    proposed: DispatchRun
    moved: DispatchRun
    completed: Booking
    shift: Shift
    now: datetime

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        return day_bounds(self.day, self.company.tz)


Statement = tuple[str, Any]
Serve = Callable[[Subject], object]


def listed(model: type[Model], *, by: str, query: str = "") -> Serve:
    """Open a list of the console as a manager of a company, or as an administrator."""

    def serve(subject: Subject) -> object:
        user = User(pk=0, email="", role=Role.ADMINISTRATOR)
        if by != "administrator":
            user = User(pk=0, email="", role=Role.MANAGER, company=getattr(subject, by))
        request: HttpRequest = RequestFactory().get(f"/?{query}")
        request.user = user
        return admin.site.get_model_admin(model).get_changelist_instance(request).result_list

    return serve


def _searched(subject: Subject) -> object:
    """Look for a booking by its reference, among those of all companies."""
    query = f"q={subject.completed.reference}"
    return listed(Booking, by="administrator", query=query)(subject)


def _shifts(subject: Subject) -> object:
    policy = policies.policy_of(subject.company)
    return list(loading.shifts_of_day(subject.company, *subject.bounds, policy))


def _bookings(subject: Subject) -> object:
    return list(loading.bookings_of_day(subject.company, *subject.bounds))


def _day_page(subject: Subject, *, proposed: bool = False) -> object:
    user = User(pk=0, email="", role=Role.MANAGER, company=subject.company)
    run_id = subject.proposed.pk if proposed else None
    return day_page.read(
        subject.company, subject.day, user=user, drive=lambda *_: timedelta(), run_id=run_id
    )


def _corrected(subject: Subject) -> object:
    return progress.correct(
        booking=subject.completed,
        correction=Correction.UNDO_COMPLETED,
        actor=None,
        now=subject.now,
        reason="wrong button",
    )


def _absences(subject: Subject) -> object:
    # A trigger asks this for every shift; PostgreSQL shows no plan of what is asked inside one.
    starts_at, ends_at = subject.bounds
    return list(
        Absence.objects.filter(
            driver=subject.shift.driver_id, starts_at__lt=ends_at, ends_at__gt=starts_at
        )
    )


SERVED: dict[str, tuple[str, Serve]] = {
    "ix_booking_status_scheduled_company": (
        "the dispatchable bookings of a day",
        lambda s: list(loading.dispatchable(s.company, *s.bounds)),
    ),
    "ix_assignment_booking_created": ("the latest assignment of a booking", _corrected),
    "ix_assignment_dispatch_run_status": (
        "a run's assignments by status: the day page with a proposal",
        partial(_day_page, proposed=True),
    ),
    "booking_company_scheduled": (
        "a small company's list of bookings",
        listed(Booking, by="small"),
    ),
    "booking_latest": ("the list of all bookings", listed(Booking, by="administrator")),
    "booking_reference_pieces": ("a search for a piece of a reference", _searched),
    "bookingevent_booking": ("when a driver reported: planning a day", _bookings),
    "bookingevent_company_latest": (
        "a small company's list of events",
        listed(BookingEvent, by="small"),
    ),
    "client_company_name": ("a company's list of clients", listed(Client, by="company")),
    "place_company_name": ("a company's list of places", listed(Place, by="company")),
    "shift_company_starts": ("the shifts of a day: the day page", _day_page),
    "shift_latest": ("the list of all shifts", listed(Shift, by="administrator")),
    "absence_driver_starts": ("a driver's absences around a shift", _absences),
    "position_shift_latest": ("where each vehicle is: planning a day", _shifts),
    "dispatchrun_company_day": ("the runs of a day: the day page", _day_page),
    "assignment_shift_pickup": ("what drivers were paid: planning a day", _shifts),
    "assignment_ended_by_run": (
        "what a run ended: its undo",
        lambda s: undoing.touched_by(s.moved),
    ),
    "assignment_company_pickup": (
        "a small company's list of assignments",
        listed(Assignment, by="small"),
    ),
    "assignment_latest": ("the list of all assignments", listed(Assignment, by="administrator")),
    "alert_open_by_company": (
        "a company's open alerts",
        listed(Alert, by="company", query="resolved_at__isempty=1"),
    ),
    "alert_latest": ("the list of all alerts", listed(Alert, by="administrator")),
    "outbox_company_latest": ("a small company's list of notices", listed(Outbox, by="small")),
}


def asked(serve: Serve, subject: Subject) -> list[Statement]:
    """Give the reads that something of the product sends, as it sends them."""
    sent: list[Statement] = []

    def watch(execute: Callable, sql: str, params: object, many: bool, context: dict) -> object:  # noqa: FBT001 - Django's own
        sent.append((statements.bare(sql), params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        serve(subject)
    return [(sql, params) for sql, params in sent if statements.verb(sql) == "SELECT"]


def find_subject() -> Subject | None:
    """Choose what to ask about: the company of most bookings, and that of fewest; None if none."""
    by_size = list(
        Booking.objects.values_list("company").annotate(rows=Count("pk")).order_by("-rows")
    )
    if not by_size:
        return None
    companies = Company.objects.in_bulk()
    company, small = (companies[by_size[place][0]] for place in (0, -1))
    runs = DispatchRun.objects.for_company(company)
    proposed = runs.filter(state=RunState.PROPOSED).order_by("-day", "-id").first()
    moved = runs.filter(ended_assignments__isnull=False).order_by("-id").first()
    completed = Booking.objects.for_company(company).filter(status=BookingStatus.COMPLETED).last()
    if proposed is None or moved is None or completed is None:
        return None
    bounds = day_bounds(proposed.day, company.tz)
    shift = Shift.objects.for_company(company).planned().reaching_into(*bounds).first()
    if shift is None:
        return None
    return Subject(
        company=company,
        small=small,
        day=proposed.day,
        proposed=proposed,
        moved=moved,
        completed=completed,
        shift=shift,
        now=completed.scheduled_at + timedelta(days=1),
    )
