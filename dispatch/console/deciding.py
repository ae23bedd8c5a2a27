"""The page behind each decision: it asks what the service needs to know, and calls it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import ngettext

from accounts.permissions import signed_in
from atmr import clock
from atmr.errors import DomainError, refusal_of
from bookings.models import Booking
from dispatch.console.decisions import BY_SLUG, Step, correction_of
from dispatch.console.navigation import in_reach
from dispatch.forms import StepForm


def require(request: HttpRequest, permission: str) -> None:
    if not signed_in(request).has_perm(permission):
        raise PermissionDenied


@admin.site.admin_view
def decide(request: HttpRequest, step: str) -> HttpResponse:
    """Ask what a decision needs to know, and take it."""
    chosen = BY_SLUG.get(step)
    if chosen is None:
        raise Http404
    require(request, chosen.permission)
    bookings = _bookings_of(request, chosen)
    company, now = bookings[0].company, timezone.now()
    with timezone.override(company.tz):
        posted = request.POST if request.method == "POST" else None
        form = chosen.form(posted, bookings=bookings, now=now)
        if form.is_valid() and _take(request, chosen, form, now):
            return _back(request, bookings)
        label = correction_of(bookings[0]).label if _is_one_correction(chosen, bookings) else None
        context = {
            **admin.site.each_context(request),
            "title": label or chosen.label,
            "step": chosen,
            "form": form,
            "bookings": bookings,
            "back": _back(request, bookings).url,
        }
        return render(request, "dispatch/decide.html", context)


def _is_one_correction(step: Step, bookings: list[Booking]) -> bool:
    return step.slug == "correct" and len(bookings) == 1 and step.is_offered(bookings[0])


def _bookings_of(request: HttpRequest, step: Step) -> list[Booking]:
    """Read the bookings that the address names; none may be of another company."""
    numbers = {int(n) for n in request.GET.getlist("booking") if n.isdecimal()}
    rows = in_reach(
        request, Booking.objects.with_people().select_related("company__policy", "return_booking")
    )
    bookings = list(rows.filter(pk__in=numbers).order_by("scheduled_at", "id"))
    if not bookings or len(bookings) < len(numbers) or (len(bookings) > 1 and not step.for_many):
        raise Http404
    return bookings


def _take(request: HttpRequest, step: Step, form: StepForm, now: datetime) -> bool:
    """Take the decision for each booking; a refusal for a single one is shown in its form."""
    refused = take(request, step, form.bookings, form.answers(), now)
    if len(form.bookings) == 1 and refused:
        form.add_error(None, refused[0][1])
        return False
    tell(request, step, len(form.bookings), refused)
    return True


def take(
    request: HttpRequest,
    step: Step,
    bookings: Sequence[Booking],
    answers: dict[str, Any],
    now: datetime,
) -> list[tuple[Booking, str]]:
    """Call the service for each booking; give those that it refused, and why."""
    refused = []
    for booking in bookings:
        try:
            step.take(booking, signed_in(request), now, answers)
        except (DomainError, IntegrityError) as exc:
            refusal = exc if isinstance(exc, DomainError) else refusal_of(exc)
            if refusal is None:
                raise
            refused.append((booking, str(refusal)))
    return refused


def tell(request: HttpRequest, step: Step, total: int, refused: list[tuple[Booking, str]]) -> None:
    done = total - len(refused)
    if done:
        text = ngettext("%(step)s: %(n)s booking.", "%(step)s: %(n)s bookings.", done)
        messages.success(request, text % {"step": step.label, "n": done})
    for booking, why in refused:
        messages.error(request, f"{booking}: {why}")


def _back(request: HttpRequest, bookings: list[Booking]) -> HttpResponseRedirect:
    """Lead back to where the person came from: the day page, the booking, or the list."""
    company = bookings[0].company
    if "day" in request.GET:
        seen = clock.local_day(bookings[0].scheduled_at, company.tz)
        return redirect("console:day", company.slug, seen)
    if len(bookings) == 1:
        return redirect("admin:bookings_booking_change", bookings[0].pk)
    return redirect("admin:bookings_booking_changelist")
