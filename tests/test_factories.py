"""The factories keep their promise: valid rows, of one company."""

import inspect

import pytest
from django.apps import apps
from django.db import models
from factory.django import DjangoModelFactory

from accounts.models import Company
from tests import factories
from tests.factories import (
    AssignmentFactory,
    BookingFactory,
    CompanyFactory,
    ShiftFactory,
    UserFactory,
)

OURS = {"accounts", "fleet", "bookings", "dispatch"}
FACTORIES = [
    maker
    for _, maker in inspect.getmembers(factories, inspect.isclass)
    if issubclass(maker, DjangoModelFactory)
    and maker is not DjangoModelFactory
    and not maker._meta.abstract
]

pytestmark = pytest.mark.django_db


def test_every_model_has_one_factory():
    tables = {
        model
        for model in apps.get_models()
        if model._meta.app_label in OURS
        and not model._meta.proxy
        and not hasattr(model, "pgh_tracked_model")
    }

    assert sorted(str(maker._meta.model) for maker in FACTORIES) == sorted(map(str, tables))


@pytest.mark.parametrize("maker", FACTORIES, ids=lambda maker: maker.__name__)
def test_row_is_valid_and_comes_with_one_company_at_most(maker):
    row = maker()

    json = [field.name for field in row._meta.fields if isinstance(field, models.JSONField)]
    row.full_clean(exclude=json)  # forms call an empty dictionary blank
    assert Company.objects.count() <= 1


@pytest.mark.parametrize("maker", FACTORIES, ids=lambda maker: maker.__name__)
def test_row_follows_the_company_it_is_given(maker):
    if maker is CompanyFactory:
        return

    company = CompanyFactory()
    maker(company=company)

    assert list(Company.objects.all()) == [company]


def test_ride_follows_the_company_of_its_shift():
    shift = ShiftFactory()

    ride = AssignmentFactory(shift=shift)

    assert ride.booking.client.company == ride.booking.pickup_place.company == shift.company


def test_arrive_by_booking_has_no_promised_pickup():
    booking = BookingFactory(arrive_by=True)

    assert booking.scheduled_at == booking.appointment_at
    assert booking.promised_from is None


def test_person_can_sign_in():
    assert UserFactory().check_password(factories.PASSWORD)
