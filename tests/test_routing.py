"""Without a replica, everything is on the one server, and nothing is asked or remembered."""

import pytest
from django.db import connections

from accounts.models import Company
from atmr import routing
from tests.factories import CompanyFactory, DispatchRunFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_without_a_replica_nothing_is_chosen_and_nothing_is_remembered(client):
    company = CompanyFactory()
    client.force_login(UserFactory(company=company))
    DispatchRunFactory(company=company)

    with routing.reading_from_replica() as alias:
        assert alias == "default"
        assert Company.objects.all().db == "default"
    read = client.get("/api/v1/company/runs/")
    written = client.post("/admin/bookings/booking/")

    assert routing.REPLICA not in connections
    assert len(read.json()["results"]) == 1
    assert routing.COOKIE not in written.cookies


def test_only_the_primary_is_migrated():
    router = routing.ReplicaRouter()

    assert router.allow_migrate("replica", "bookings") is False
    assert router.allow_migrate("default", "bookings") is None
    assert router.db_for_write(Company) == "default"
    assert router.allow_relation(Company(), Company())
