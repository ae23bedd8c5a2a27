"""Every list of the admin opens at a cost that is stated here and does not grow with its rows."""

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_celery_results.models import TaskResult

from accounts.models import Role
from dispatch.models import NoticeKind, Outbox
from tests import factories

# Statements of a list for an administrator: the session, the person, the alerts counted in the
# sidebar and the page of rows; then one for each filter by a relation. A list of more than one page
# is counted too, and one of more rows than are counted is estimated: `test_changelist.py`.
BUDGETS = {
    "accounts.Company": 4,
    "accounts.Partner": 4,
    "accounts.PartnerAgreement": 5,
    "accounts.SignIn": 5,
    "accounts.User": 5,
    "bookings.Booking": 6,
    "bookings.BookingEvent": 5,
    "bookings.BookingSeries": 6,
    "bookings.Client": 6,
    "bookings.SeriesException": 4,
    "bookings.SeriesSuspension": 4,
    "dispatch.Alert": 5,
    "dispatch.Assignment": 6,
    "dispatch.DispatchPolicy": 4,
    "dispatch.DispatchRun": 5,
    "dispatch.Outbox": 5,
    "dispatch.Unassigned": 4,
    "django_celery_results.TaskResult": 6,
    "fleet.Absence": 5,
    "fleet.Driver": 5,
    "fleet.DriverDocument": 4,
    "fleet.Place": 5,
    "fleet.Position": 4,
    "fleet.Shift": 6,
    "fleet.Vehicle": 5,
    "fleet.VehicleLayout": 4,
}


def fill(model, rows):
    if model is TaskResult:
        for number in range(rows):
            TaskResult.objects.create(task_id=f"task-{number}", task_name="dispatch.plan_day")
        return
    factory = getattr(factories, f"{model.__name__}Factory")
    for _ in range(rows):
        company = factories.CompanyFactory()
        factory(**optional_relations(model, company))


def optional_relations(model, company):
    """Fill what a row may leave empty and the list shows: an empty relation costs nothing."""
    shown = admin.site._registry[model].list_display
    if model is Outbox:  # either a partner is told, of a ride, or a driver, of a route
        if Outbox.objects.count() % 2:
            driver = factories.DriverFactory(company=company)
            kind = NoticeKind.ROUTE_CHANGED
            return {"driver": driver, "booking": None, "audience": "driver", "kind": kind}
        return {"partner": factories.PartnerFactory(company=company), "audience": "partner"}
    return {
        field.name: getattr(factories, f"{field.related_model.__name__}Factory")(company=company)
        for field in model._meta.fields
        if field.many_to_one and field.null and field.name in shown and field.name != "company"
    }


def address(model, page, *args):
    return reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_{page}", args=args)


every_list = pytest.mark.parametrize(
    "model", admin.site._registry, ids=lambda model: model._meta.label
)


@pytest.mark.django_db
@pytest.mark.parametrize("rows", [1, 6])
@every_list
def test_list_costs_what_is_stated_however_many_rows(client, model, rows):
    client.force_login(factories.UserFactory(role=Role.ADMINISTRATOR, company=None))
    fill(model, rows)

    with CaptureQueriesContext(connection) as statements:
        response = client.get(address(model, "changelist"))

    assert response.status_code == 200
    assert len(response.context["cl"].result_list) >= rows
    assert len(statements) == BUDGETS[model._meta.label], [q["sql"][:300] for q in statements]


@pytest.mark.django_db
@pytest.mark.parametrize("role", [Role.MANAGER, Role.DISPATCHER])
@every_list
def test_rows_of_another_company_are_on_no_page(client, model, role):
    client.force_login(factories.UserFactory(role=role))
    fill(model, 2)

    listed = client.get(address(model, "changelist"))

    if listed.status_code != 403:  # not a page of this role at all
        assert listed.status_code == 200
        seen = [row.pk for row in listed.context["cl"].result_list]
        strangers = model.objects.exclude(pk__in=seen)
        assert strangers.exists()
        for row in strangers:
            assert client.get(address(model, "change", row.pk)).status_code in {302, 403}
            assert client.get(address(model, "delete", row.pk)).status_code in {302, 403}
            assert client.get(address(model, "history", row.pk)).status_code in {302, 403}


@pytest.mark.django_db
@every_list
def test_a_driver_and_a_stranger_are_shown_the_sign_in(client, model):
    client.force_login(factories.UserFactory(role=Role.DRIVER))

    as_driver = client.get(address(model, "changelist"))
    client.logout()
    as_stranger = client.get(address(model, "changelist"))

    assert as_driver.status_code == as_stranger.status_code == 302
    assert "/login/" in as_driver["Location"]


@pytest.mark.django_db
@every_list
def test_a_viewer_changes_nothing(client, model):
    company = factories.CompanyFactory()
    client.force_login(factories.UserFactory(role=Role.VIEWER, company=company))

    assert client.get(address(model, "add")).status_code == 403
    assert client.post(address(model, "add"), {}).status_code == 403


@pytest.mark.django_db
@every_list
def test_every_form_opens_and_is_searchable(client, model):
    client.force_login(factories.UserFactory(role=Role.ADMINISTRATOR, company=None))
    fill(model, 1)
    row = model.objects.latest("pk")

    assert client.get(address(model, "change", row.pk)).status_code == 200
    assert client.get(address(model, "add")).status_code in {200, 403}
    assert client.get(address(model, "changelist"), {"q": "x"}).status_code == 200
