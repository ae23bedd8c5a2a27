"""What each page, endpoint and service asks of the database: exactly, at two sizes.

Transaction control is not counted. A count that grows with the rows is a loop over a relation.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module

import pytest
import time_machine
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import ForeignKey
from django.test.utils import CaptureQueriesContext
from django.urls import URLResolver, get_resolver, reverse
from django.views.generic import RedirectView

from accounts.models import Company, Role
from atmr.statements import is_control
from bookings.models import SeriesException, SeriesSuspension
from dispatch.console.decisions import STEPS
from dispatch.models import Assignment, AssignmentStatus, DispatchRun, Outbox
from dispatch.services import applying, duty, explaining, planning
from exchange.services.catalogue import EXPORTED, KINDS
from fleet.models import DocumentKind, Driver, DriverDocument, Shift
from tests import factories
from tests.dispatch.days import Line
from tests.dispatch.test_decisions import ready_for
from tests.factories import DAY, on_day
from tests.test_admin_lists import BUDGETS as LISTS
from tests.test_admin_lists import address, every_list, fill

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen")]

_COSTS = "tests.accounts.test_costs"
_FILES = "tests.exchange.test_pages.test_pages_cost_the_same_statements_however_many_rows"
# Of every page and endpoint: how many statements it sends, or which test says so.
BUDGETS: dict[str, int | str] = {
    "access:account": f"{_COSTS}.test_the_own_page",
    "access:end_others": f"{_COSTS}.test_ending_sessions",
    "access:end_session": f"{_COSTS}.test_ending_sessions",
    "access:enrol": f"{_COSTS}.test_the_second_factor",
    "access:remove_factor": f"{_COSTS}.test_the_second_factor",
    "access:verify": f"{_COSTS}.test_the_second_factor",
    "access:arrive": f"{_COSTS}.test_a_link_from_a_letter",
    "access:link": f"{_COSTS}.test_a_link_from_a_letter",
    "admin/password_change/": f"{_COSTS}.test_another_password",
    "admin_password_reset": (
        "tests.accounts.test_links.test_the_page_asks_the_database_the_same_for_known_and_unknown"
    ),
    "admin:index": 5,
    "admin:app_list": 3,
    "admin:search": 2,
    "admin:autocomplete": 0,
    "admin:bookings_booking_export": (
        "tests.dispatch.test_exporting.test_a_file_costs_the_same_statements_however_long_it_is"
    ),
    "assignment-detail": 3,
    "assignment-list": "tests.dispatch.test_api.test_assignments_cost_three_statements",
    "console:announce": "tests.dispatch.test_announcing.test_announcing_costs_the_same_statements",
    "console:database": (
        "tests.dispatch.test_database_page.test_the_page_costs_the_same_however_many_rows"
    ),
    "console:day": "tests.dispatch.test_day_page.test_it_costs_the_same_however_full_the_day_is",
    "console:stops": "tests.dispatch.test_day_page.test_stops_of_a_driver_cost_the_same",
    "console:resolve": 4,
    "console:today": 3,
    "exchange:files": _FILES,
    **{f"exchange:bring-{slug}": _FILES for slug in KINDS},
    **{f"exchange:export-{slug}": _FILES for slug in EXPORTED},
    "metrics-list": "tests.dispatch.test_metrics.test_figures_of_a_day_cost_three_statements",
    "metrics": "tests.watching.test_metrics.test_gauges_are_one_statement_however_many_rows",
    "run-detail": 3,
    "run-result": 8,
    "run-list": "tests.dispatch.test_api.test_runs_cost_three_statements_however_many",
    "console:plan": "tests.test_budgets.test_proposing_costs_the_same_however_many_rides",
    "console:apply": "tests.test_budgets.test_applying_a_proposal_costs_the_same",
    "console:undo": (
        "tests.dispatch.test_applying.test_undo_costs_the_same_statements_however_many_rides"
    ),
    "console:decide": "tests.test_budgets.test_asking_for_a_decision_costs_the_same",
}
# Of every form: the session, the person, the row, the alerts counted in the sidebar; then one for
# each list of rows below it, each relation shown, each row chosen before and each list of choices.
FORMS = {
    "accounts.Company": 4,
    "accounts.Partner": 4,
    "accounts.PartnerAgreement": 8,
    "accounts.SignIn": 6,
    "accounts.User": 5,
    "bookings.Booking": 12,
    "bookings.BookingEvent": 7,
    "bookings.BookingSeries": 11,
    "bookings.Client": 9,
    "bookings.SeriesException": 6,
    "bookings.SeriesSuspension": 6,
    "dispatch.Alert": 10,
    "dispatch.Assignment": 11,
    "dispatch.DispatchPolicy": 6,
    "dispatch.DispatchRun": 6,
    "dispatch.Outbox": 8,
    "dispatch.Unassigned": 6,
    "django_celery_results.TaskResult": 4,
    "fleet.Absence": 6,
    "fleet.Driver": 6,
    "fleet.DriverDocument": 5,
    "fleet.Place": 6,
    "fleet.Position": 7,
    "fleet.Shift": 10,
    "fleet.Vehicle": 6,
    "fleet.VehicleLayout": 5,
}

# Asking for a decision: the session, the person, the bookings, the alerts counted in the sidebar;
# and the shifts to choose from.
CHOOSES = {"assign": 5, "move": 5}


@pytest.fixture
def frozen():
    with time_machine.travel(on_day(8, 30), tick=False):
        yield


@pytest.fixture
def line() -> Line:
    return Line(factories.CompanyFactory())


@pytest.fixture
def administrator(client):
    user = factories.UserFactory(role=Role.ADMINISTRATOR, company=None)
    client.force_login(user)
    return user


@contextmanager
def costs(number: int) -> Iterator[None]:
    with CaptureQueriesContext(connection) as captured:
        yield
    sent = [query["sql"] for query in captured if not is_control(query["sql"])]
    assert len(sent) == number, "\n".join(statement[:120] for statement in sent)


def day_of(line: Line, rides: int) -> Company:
    """Three shifts, rides for them, and one that nobody can take; policy read, as doors do."""
    for number in range(3):
        line.shift(number)
    for number in range(rides):
        line.booking(number % 5, 6, 8 + number % 8, number % 60)
    line.booking(1, 2, 4)
    return Company.objects.select_related("policy").get(pk=line.company.pk)


def plan_day(company: Company, **options: object) -> planning.Summary:
    return planning.plan_day(company=company, day=DAY, now=on_day(0), iterations=5, **options)


def upset(line: Line) -> None:
    """Make the plan that is live no good: one driver is out, one client refuses all others."""
    first, *_, last = Assignment.objects.live().select_related("booking__client", "driver")
    last.booking.client.refused_drivers.set(Driver.objects.filter(company=line.company))
    Driver.objects.filter(pk=first.driver_id).update(active=False)
    line.booking(2, 6, 11)


two_sizes = pytest.mark.parametrize("rides", [3, 30])


# --- Every address has its budget ---------------------------------------------------------------

# Addresses that read no rows, or lead elsewhere; and what the admin gives each of its lists.
WITHOUT_ROWS = {
    "healthz": "asks whether the servers answer",
    "readyz": "asks whether the servers answer",
    "admin/login/": "reads the person who signs in",
    "admin:login": "is shadowed by the one above",
    "admin:logout": "ends the session",
    "admin:password_change": "is shadowed by that of accounts",
    "admin:password_change_done": "tells that it is done",
    "admin:auth_user_password_change": "reads one person",
    "admin:jsi18n": "gives words",
    "admin:view_on_site": "leads to a page of a row; no model has one",
    "admin/(?P<url>.*)$": "says that there is no such page",
}
OF_EVERY_LIST = ("changelist", "add", "change", "delete", "history")


def addresses(patterns=None, space="", route="") -> Iterator[tuple[str, object]]:
    """Name every address that answers, or give its route where it has no name."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        whole = route + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from addresses(pattern.url_patterns, inner, whole)
        else:
            yield (space + pattern.name if pattern.name else whole), pattern.callback


def is_of_a_list(name: str, view: object) -> bool:
    """A page that every list of the admin has, or its old address, which leads to it."""
    names = {
        f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"
        for model in admin.site._registry
        for page in OF_EVERY_LIST
    }
    return name in names or getattr(view, "view_class", None) is RedirectView


def test_every_address_has_a_budget():
    named = {name for name, view in addresses() if not is_of_a_list(name, view)}

    assert named == BUDGETS.keys() | WITHOUT_ROWS.keys()


def test_every_list_and_form_has_a_budget():
    registered = {model._meta.label for model in admin.site._registry}

    assert registered == FORMS.keys() == LISTS.keys()


@pytest.mark.parametrize("where", [where for where in BUDGETS.values() if isinstance(where, str)])
def test_a_budget_kept_elsewhere_is_there(where):
    module, name = where.rsplit(".", 1)

    assert callable(getattr(import_module(module), name))


# --- Services -----------------------------------------------------------------------------------


@two_sizes
def test_planning_anew_costs_the_same_however_many_rides(line, rides):
    company = day_of(line, rides)
    plan_day(company, apply=True)
    upset(line)

    # Run and lock, shifts, bookings, unassigned, versions, superseded, live, places, moves,
    # notices, alerts, run, unlock.
    with costs(12):
        summary = plan_day(company, apply=True)

    assert summary.sql["statements"] == 12
    assert summary.changed


@two_sizes
def test_proposing_costs_the_same_however_many_rides(line, rides):
    company = day_of(line, rides)

    with costs(7):  # run and lock, shifts, bookings, unassigned, assignments, run, unlock
        plan_day(company)


@two_sizes
def test_applying_a_proposal_costs_the_same(line, rides):
    run = DispatchRun.objects.get(pk=plan_day(day_of(line, rides)).run)

    # Run, its rows, what it left out, what is live, versions, live, places, moves, notices, run;
    # places are as the proposal has them.
    with costs(9):
        assert applying.apply_run(run=run, actor=None, now=on_day(0)) == []


@two_sizes
def test_explaining_a_booking_costs_the_same(line, rides):
    company = day_of(line, rides)
    plan_day(company, apply=True)
    booking = Assignment.objects.live().select_related("booking__company__policy").first().booking

    with costs(2):  # shifts, bookings
        explaining.explain_booking(booking=booking, now=on_day(0))


@two_sizes
def test_cancelling_a_shift_costs_the_same(line, rides):
    plan_day(day_of(line, rides), apply=True)
    shift = Shift.objects.filter(assignments__status="live").distinct().first()

    # Company, which rides, locks, rides, shift and rides again, what was driven; their end, alerts,
    # moves, places, the shift.
    with costs(12):
        duty.cancel_shift(shift=shift, actor=None, now=on_day(0), take_back=True)


# --- Pages --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 5])
def test_front_page_costs_the_same_however_many_companies(client, administrator, rows):
    for _ in range(rows):
        factories.AlertFactory(company=factories.BookingFactory().company)

    with costs(BUDGETS["admin:index"]):
        assert client.get(reverse("admin:index")).status_code == 200


@pytest.mark.parametrize("rows", [1, 5])
def test_a_list_of_pages_and_a_search_cost_the_same(client, administrator, rows):
    for _ in range(rows):
        factories.BookingFactory()

    with costs(BUDGETS["admin:app_list"]):
        client.get(reverse("admin:app_list", args=["fleet"]))
    with costs(BUDGETS["admin:search"]):
        client.get(reverse("admin:search"), {"s": "b"})


@pytest.mark.parametrize("rows", [1, 5])
def test_a_way_to_today_costs_the_same(client, administrator, rows):
    for _ in range(rows):
        company = factories.CompanyFactory()

    with costs(BUDGETS["console:today"]):
        client.get(reverse("console:today", args=[company.slug]))


@pytest.mark.parametrize("rows", [1, 5])
def test_resolving_an_alert_costs_the_same(client, rows):
    user = factories.UserFactory(role=Role.DISPATCHER)
    client.force_login(user)
    for _ in range(rows):
        alert = factories.AlertFactory(company=user.company)

    with costs(BUDGETS["console:resolve"]):
        client.post(reverse("console:resolve", args=[user.company.slug, DAY]), {"alert": alert.pk})


@two_sizes
def test_a_proposal_on_the_day_page_costs_the_same(client, line, rides):
    client.force_login(factories.UserFactory(role=Role.DISPATCHER, company=line.company))
    run = plan_day(day_of(line, rides)).run
    page = reverse("console:day", args=[line.company.slug, DAY])

    with costs(11 + 2):  # as the live day, today, without figures: see test_day_page.py
        assert client.get(page, {"run": run, "open": 1}).status_code == 200


@pytest.mark.parametrize("rows", [1, 5])
@pytest.mark.parametrize("step", [step.slug for step in STEPS])
def test_asking_for_a_decision_costs_the_same(client, step, rows):
    user = factories.UserFactory(role=Role.DISPATCHER)
    client.force_login(user)
    for_many = next(chosen.for_many for chosen in STEPS if chosen.slug == step)
    bookings = [ready_for(step, user.company)[0] for _ in range(rows)]
    asked = bookings if for_many else bookings[:1]
    query = {"booking": [booking.pk for booking in asked]}

    with costs(CHOOSES.get(step, 4)):
        assert client.get(reverse("console:decide", args=[step]), query).status_code == 200


@pytest.mark.parametrize("rows", [1, 4])
@every_list
def test_form_costs_what_is_stated_however_many_rows_belong_to_it(
    client, administrator, model, rows
):
    fill(model, rows)
    row = model.objects.filter(**{"audience": "partner"} if model is Outbox else {}).latest("pk")
    for inline in admin.site._registry[model].inlines:
        for number in range(rows):
            add_inline(inline.model, row, number)
    ContentType.objects.get_for_model(model)  # kept in memory from the first form on

    with costs(FORMS[model._meta.label]):
        assert client.get(address(model, "change", row.pk)).status_code == 200


def add_inline(model, row, number):
    """Give `row` one more of the rows that its form lists below it."""
    link = next(
        field
        for field in model._meta.fields
        if isinstance(field, ForeignKey) and field.related_model is type(row)
    )
    differs = {
        DriverDocument: {"kind": DocumentKind.values[number % 4]},
        SeriesException: {"day": DAY + timedelta(days=number)},
        SeriesSuspension: {"from_day": DAY - timedelta(days=number)},
        Assignment: {"status": AssignmentStatus.SUPERSEDED},
    }
    if model is Assignment:
        differs[model]["dispatch_run"] = factories.DispatchRunFactory(company=row.company)
    factory = getattr(factories, f"{model.__name__}Factory")
    factory(**{link.name: row}, **differs.get(model, {}))


# --- API ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 5])
def test_one_row_of_the_api_costs_the_same(client, rows):
    user = factories.UserFactory(role=Role.DISPATCHER)
    client.force_login(user)
    run = factories.DispatchRunFactory(company=user.company)
    for _ in range(rows):
        ride = factories.AssignmentFactory(company=user.company, dispatch_run=run)

    with costs(BUDGETS["run-detail"]):
        assert client.get(reverse("run-detail", args=[run.pk])).status_code == 200
    with costs(BUDGETS["run-result"]):  # not kept yet; kept, one statement tells its version
        assert client.get(reverse("run-result", args=[run.pk])).status_code == 200
    with costs(BUDGETS["assignment-detail"]):
        assert client.get(reverse("assignment-detail", args=[ride.pk])).status_code == 200
