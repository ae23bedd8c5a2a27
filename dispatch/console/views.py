"""The day page and its buttons."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts.models import Company
from accounts.permissions import signed_in
from atmr import clock
from atmr.errors import DomainError
from dispatch.console import day as day_page
from dispatch.console import late
from dispatch.console.deciding import require
from dispatch.models import Alert, DispatchRun, RunState, RunTrigger
from dispatch.services import announcing, answers, applying, planning, policies, undoing
from dispatch.travel import GreatCircle
from fleet.models import Place, Shift

# A page must answer before the server or the person gives up: longer searches are for commands.
LONGEST_SEARCH_S = 20.0


def company_in_reach(request: HttpRequest, slug: str) -> Company:
    """Give the company if the signed-in person may see it; another company does not exist."""
    company = Company.objects.select_related("policy").filter(slug=slug).first()
    user = signed_in(request)
    if company is None or not (user.is_administrator or user.company_id == company.pk):
        raise Http404
    return company


@admin.site.admin_view
def today(request: HttpRequest, company: str) -> HttpResponse:
    """Lead to today's page, or to that of the day chosen."""
    tenant = company_in_reach(request, company)
    try:
        chosen = date.fromisoformat(request.GET.get("day", ""))
    except ValueError:
        chosen = clock.local_day(timezone.now(), tenant.tz)
    return redirect("console:day", tenant.slug, chosen)


@admin.site.admin_view
def day(request: HttpRequest, company: str, day: date) -> HttpResponse:
    """Show each driver's stops, who has no driver and why, and the state of the plan."""
    require(request, "dispatch.view_assignment")
    tenant = company_in_reach(request, company)
    with timezone.override(tenant.tz):
        page = day_page.read(
            tenant,
            day,
            user=signed_in(request),
            drive=_drive,
            run_id=_run_shown(request),
            is_open="open" in request.GET,
        )
        context = {
            **admin.site.each_context(request),
            "title": f"{date_format(day, 'l')} {date_format(day)}",
            "subtitle": tenant.name,
            "company": tenant,
            "day": page,
            "figures": _figures(page),
            "late": late.read(tenant, day, page.shifts, now=timezone.now()),
            "may_plan": signed_in(request).has_perm("dispatch.add_dispatchrun"),
        }
        return render(request, "dispatch/day.html", context)


@admin.site.admin_view
def stops(request: HttpRequest, company: str, day: date, shift: int) -> HttpResponse:
    """Show one driver's stops: the part of the day page that is fetched when it is opened."""
    require(request, "dispatch.view_assignment")
    tenant = company_in_reach(request, company)
    bounds = clock.day_bounds(day, tenant.tz)
    shifts = Shift.objects.for_company(tenant).planned().reaching_into(*bounds).with_people()
    found = shifts.filter(pk=shift).first()
    if found is None:
        raise Http404
    with timezone.override(tenant.tz):
        page = day_page.read_route(
            tenant,
            day,
            found,
            user=signed_in(request),
            drive=_drive,
            run_id=_run_shown(request),
        )
        context = {"day": page, "row": page.rows[0], "shift": found}
        return render(request, "dispatch/day_stops.html", context)


def _run_shown(request: HttpRequest) -> int | None:
    """Read which run's proposal is asked for."""
    run = request.GET.get("run", "")
    return int(run) if run.isdecimal() else None


def _figures(page: day_page.Day) -> dict[str, Any]:
    """Give the figures of what the page shows: of a proposal, or of the day as it stands."""
    if page.shown_run is not None:
        return dict(page.shown_run.metrics)
    return answers.figures_of_day(company=page.company, day=page.day)


def _drive(start: Place, end: Place) -> timedelta:
    """Tell how long a vehicle takes from a place to another, as planning does."""
    lat, lon = np.array([start.lat, end.lat]), np.array([start.lon, end.lon])
    return timedelta(seconds=int(GreatCircle().matrix_s(lat, lon)[0, 1]))


def _button(act: Callable[[HttpRequest, Company, date], None]) -> Callable[..., HttpResponse]:
    """Make a button of the day page: a refusal becomes a message, and the page is shown again.

    Planning takes its two or three seconds in the request: the person waits for the outcome, and
    it comes just as well when no worker runs.
    """

    @require_POST
    def view(request: HttpRequest, company: str, day: date) -> HttpResponse:
        require(request, "dispatch.change_dispatchrun")
        tenant = company_in_reach(request, company)
        try:
            act(request, tenant, day)
        except DomainError as exc:
            messages.error(request, str(exc))
        return redirect("console:day", tenant.slug, day)

    return admin.site.admin_view(view)


@_button
def plan(request: HttpRequest, company: Company, day: date) -> None:
    """Plan the day; what comes of it is a proposal."""
    budget_s = min(policies.policy_of(company).budget_s, LONGEST_SEARCH_S)
    summary = planning.plan_day(
        company=company,
        day=day,
        now=timezone.now(),
        overrides={"budget_s": budget_s},
        trigger=RunTrigger.PERSON,
        actor=signed_in(request),
    )
    if summary.state == RunState.REFUSED:
        messages.error(request, _("The plan breaks a rule and was refused. Nothing was changed."))
        return
    messages.success(
        request,
        _("Planned: %(assigned)s of %(bookings)s bookings have a driver in the proposal.")
        % {"assigned": summary.assigned, "bookings": summary.bookings},
    )


@_button
def apply(request: HttpRequest, company: Company, day: date) -> None:
    """Apply the proposal that the person has seen."""
    run = _run_of(request, company, day)
    stale = applying.apply_run(run=run, actor=signed_in(request), now=timezone.now())
    messages.success(request, _("The proposal is applied."))
    if stale:
        text = ngettext(
            "%(n)s booking had changed meanwhile and was left as it was: %(which)s.",
            "%(n)s bookings had changed meanwhile and were left as they were: %(which)s.",
            len(stale),
        )
        which = ", ".join(row["booking"] for row in stale)
        messages.warning(request, text % {"n": len(stale), "which": which})


@_button
def undo(request: HttpRequest, company: Company, day: date) -> None:
    """Go back to the plan before."""
    undone = undoing.undo(company=company, day=day, actor=signed_in(request), now=timezone.now())
    messages.success(
        request,
        _("Undone: %(restored)s restored, %(taken_back)s taken back.")
        % {"restored": undone.restored, "taken_back": undone.taken_back},
    )
    if undone.left:
        text = _("Left as they are: %(which)s.")
        messages.warning(request, text % {"which": ", ".join(undone.left)})


@_button
def announce(request: HttpRequest, company: Company, day: date) -> None:
    """Promise their planned pickup to those who only had an appointment."""
    promised = announcing.announce(company=company, day=day)
    text = ngettext("%(n)s pickup is promised.", "%(n)s pickups are promised.", promised)
    messages.success(request, text % {"n": promised})


@_button
def resolve(request: HttpRequest, company: Company, day: date) -> None:  # noqa: ARG001
    """Take an alert off the page: somebody has seen to it."""
    number = request.POST.get("alert", "")
    if number.isdecimal():
        alerts = Alert.objects.for_company(company).open().filter(pk=int(number))
        alerts.update(resolved_at=timezone.now())


def _run_of(request: HttpRequest, company: Company, day: date) -> DispatchRun:
    number = request.POST.get("run", "")
    runs = DispatchRun.objects.of_day(company, day)
    run = runs.filter(pk=int(number)).first() if number.isdecimal() else None
    if run is None:
        raise Http404
    return run
