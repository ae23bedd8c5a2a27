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
# sidebar, the rows counted and the page of rows; then one for each filter by a relation.
BUDGETS = {
    "accounts.Company": 5,
    "accounts.Partner": 5,
    "accounts.PartnerAgreement": 6,
    "accounts.User": 6,
    "bookings.Booking": 7,
    "bookings.BookingEvent": 6,
    "bookings.BookingSeries": 7,
    "bookings.Client": 7,
    "bookings.SeriesException": 5,
    "bookings.SeriesSuspension": 5,
    "dispatch.Alert": 6,
    "dispatch.Assignment": 7,
    "dispatch.DispatchPolicy": 5,
    "dispatch.DispatchRun": 6,
    "dispatch.Outbox": 6,
    "dispatch.Unassigned": 5,
    "django_celery_results.TaskResult": 7,
    "fleet.Absence": 6,
    "fleet.Driver": 6,
    "fleet.DriverDocument": 5,
    "fleet.Place": 6,
    "fleet.Position": 5,
    "fleet.Shift": 7,
    "fleet.Vehicle": 6,
    "fleet.VehicleLayout": 5,
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
