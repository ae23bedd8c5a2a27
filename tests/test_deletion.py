"""What years of rows forbid to delete is told by its number, not row by row."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Role
from accounts.scoped import BLOCKING
from dispatch.models import AssignmentStatus
from fleet.models import Shift
from tests.factories import AssignmentFactory, ShiftFactory, UserFactory

pytestmark = pytest.mark.django_db


def page_of(client, rows):
    shift = ShiftFactory()
    client.force_login(UserFactory(role=Role.MANAGER, company=shift.company, language="en"))
    AssignmentFactory.create_batch(rows, shift=shift, status=AssignmentStatus.PROPOSED)
    return shift, reverse("admin:fleet_shift_delete", args=[shift.pk])


def test_page_costs_the_same_however_many_rows_forbid_it(client):
    costs = []
    for rows in (BLOCKING + 1, 2 * BLOCKING):
        _, page = page_of(client, rows)
        with CaptureQueriesContext(connection) as sent:
            answer = client.get(page)
        assert f"Assignments: {BLOCKING}+" in answer.content.decode()
        costs.append(len(sent))

    assert costs[0] == costs[1]


def test_nothing_is_deleted_that_others_need(client):
    shift, page = page_of(client, BLOCKING + 1)

    client.post(page, {"post": "yes"})

    assert Shift.objects.filter(pk=shift.pk).exists()


def test_few_rows_that_forbid_it_are_named(client):
    shift, page = page_of(client, 1)

    answer = client.get(page)

    (named,) = answer.context["protected"]
    assert shift.assignments.get().booking.reference in named


def test_what_nothing_needs_is_deleted(client):
    shift, page = page_of(client, 0)

    client.post(page, {"post": "yes"})

    assert not Shift.objects.filter(pk=shift.pk).exists()
