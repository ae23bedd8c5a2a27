"""The table of roles, and the company that bounds what each of them reaches."""

import pytest
from django.apps import apps

from accounts.models import Company, Role
from accounts.permissions import has_company, may, of_company, path_to_company
from tests.factories import (
    CompanyFactory,
    PartnerFactory,
    ShiftFactory,
    UserFactory,
    VehicleLayoutFactory,
)

APPS = ["accounts", "bookings", "dispatch", "fleet"]
OURS = [model for app in APPS for model in apps.get_app_config(app).get_models()]


def test_roles_are_a_contract():
    assert Role.values == ["administrator", "manager", "dispatcher", "viewer", "driver"]


@pytest.mark.parametrize(
    ("role", "action", "label", "allowed"),
    [
        (Role.VIEWER, "view", "bookings.booking", True),
        (Role.VIEWER, "change", "bookings.booking", False),
        (Role.VIEWER, "view", "accounts.user", False),
        (Role.DISPATCHER, "change", "bookings.booking", True),
        (Role.DISPATCHER, "add", "bookings.client", True),
        (Role.DISPATCHER, "change", "dispatch.assignment", True),
        (Role.DISPATCHER, "delete", "bookings.booking", False),
        (Role.DISPATCHER, "change", "fleet.vehicle", False),
        (Role.DISPATCHER, "change", "dispatch.dispatchpolicy", False),
        (Role.DISPATCHER, "view", "fleet.drivershistory", False),
        (Role.MANAGER, "change", "fleet.vehicle", True),
        (Role.MANAGER, "change", "dispatch.dispatchpolicy", True),
        (Role.MANAGER, "change", "accounts.user", True),
        (Role.MANAGER, "delete", "bookings.booking", False),
        (Role.MANAGER, "change", "accounts.company", True),
        (Role.MANAGER, "add", "accounts.company", False),
        (Role.MANAGER, "view", "django_celery_results.taskresult", False),
        (Role.ADMINISTRATOR, "delete", "accounts.company", True),
        (Role.ADMINISTRATOR, "view", "django_celery_results.taskresult", True),
        (Role.DRIVER, "view", "bookings.booking", False),
    ],
)
@pytest.mark.django_db
def test_each_role_may_do_its_work_and_no_more(role, action, label, allowed):
    user = UserFactory(role=role)
    app, model = label.split(".")

    assert may(user, action, label) is allowed
    assert user.has_perm(f"{app}.{action}_{model}") is allowed


@pytest.mark.django_db
def test_who_left_may_do_nothing():
    user = UserFactory(role=Role.ADMINISTRATOR, is_active=False)

    assert not may(user, "view", "bookings.booking")
    assert not user.has_module_perms("bookings")


@pytest.mark.django_db
def test_permissions_cost_no_statement(django_assert_num_queries):
    user = UserFactory(role=Role.MANAGER)

    with django_assert_num_queries(0):
        assert user.has_perm("fleet.change_vehicle")
        assert user.has_module_perms("fleet")


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
@pytest.mark.django_db
def test_every_model_of_ours_leads_to_a_company(model):
    of_company(model._default_manager.all(), 1).first()


@pytest.mark.django_db
def test_rows_of_another_company_and_of_none_are_left_out():
    company = CompanyFactory()
    shift, layout = ShiftFactory(company=company), VehicleLayoutFactory(company=company)
    partner = PartnerFactory(company=company)
    ShiftFactory()
    VehicleLayoutFactory()
    PartnerFactory(company=CompanyFactory())

    for row in (shift, layout, partner, company):
        rows = type(row)._default_manager.all()
        assert row in of_company(rows, company.pk)
        assert {r.pk for r in of_company(rows, company.pk)} >= {row.pk}
        assert not of_company(rows, CompanyFactory().pk).filter(pk=row.pk).exists()
        assert not of_company(rows, None).exists()


def test_a_model_without_a_company_is_a_mistake_that_is_heard():
    with pytest.raises(LookupError, match="belongs to no company"):
        path_to_company(apps.get_model("sessions.session"))
    assert not has_company(Company)
