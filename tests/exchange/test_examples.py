"""The files of the documentation: a company begins with them, and with their XLSX twins."""

import csv
import io

import pytest

from bookings.csvfile import plain
from bookings.models import Booking, BookingSeries, Client
from exchange.services.catalogue import EXPORTED, KINDS
from fleet.models import Driver, Place, Shift, Vehicle, VehicleLayout
from tests.exchange.files import DOCS, bring, kind_of, told, workbook
from tests.factories import CompanyFactory

pytestmark = pytest.mark.django_db


def as_workbook(content):
    rows = csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=";")
    return workbook(*rows)


@pytest.mark.parametrize("change", [bytes, as_workbook])
def test_a_company_begins_with_the_files_of_the_documentation(change):
    company = CompanyFactory()

    for slug in KINDS:
        outcome = bring(slug, company, change((DOCS / f"{slug}.csv").read_bytes()))
        assert told(outcome) == []
        assert (outcome.applied, outcome.ignored) == (True, [])
    counts = [model.objects.filter(company=company).count() for model in (
        Place, Vehicle, Driver, Client, Shift, BookingSeries)]  # fmt: skip
    assert counts == [11, 3, 3, 3, 3, 2]  # five of the places come with the bookings
    assert VehicleLayout.objects.filter(vehicle__company=company).count() == 4
    assert Booking.objects.filter(company=company, series=None).count() == 5

    for slug in KINDS:
        again = bring(slug, company, change((DOCS / f"{slug}.csv").read_bytes()))
        assert (again.created, again.changed, told(again)) == (0, 0, [])


@pytest.mark.parametrize("slug", KINDS)
def test_every_kind_has_its_example(slug):
    assert (DOCS / f"{slug}.csv").is_file()


@pytest.mark.parametrize("slug", EXPORTED)
def test_no_heading_stands_for_two_columns(slug):
    seen = {}
    for column in kind_of(slug, CompanyFactory()).columns.values():
        for word in {plain(word) for word in [column.name, *column.words.split(",")]}:
            assert seen.setdefault(word, column.name) == column.name
