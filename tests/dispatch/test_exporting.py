"""Bookings as a CSV file: what is in it, who gets it, and that its size shows nowhere."""

import csv
import io
import json
import tracemalloc
from datetime import date

import pytest
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from accounts.models import Role
from benchmarks.copies import copy_booking
from bookings.models import Booking
from bookings.services import importing
from dispatch.models import AssignmentStatus
from dispatch.services import exporting
from tests import factories
from tests.factories import on_day
from tests.waiting import until

BUDGET = 4
EXPORT = "/admin/bookings/booking/export/"
BOOKINGS = "/admin/bookings/booking/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def company():
    return factories.CompanyFactory(slug="leman")


@pytest.fixture
def console(client, company):
    client.force_login(factories.UserFactory(company=company, language="en"))
    return client


def book(company, name="Rose Piguet", hour=9, **fields):
    person = factories.ClientFactory(company=company, name=name)
    fields.setdefault("requested_pickup_at", on_day(hour))
    return factories.BookingFactory(company=company, client=person, **fields)


def sent(response):
    return b"".join(response.streaming_content).decode()


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";"))


def fill(company, rows):
    copy_booking(book(company), rows - 1)


def test_a_booking_is_a_line_in_the_time_of_its_company(console, company):
    place = factories.PlaceFactory(company=company, name="Hôpital")
    booking = book(company, pickup_place=place, driver_notes="Sonner; deux fois")
    for name, status in (("Luc", AssignmentStatus.SUPERSEDED), ("Eva", AssignmentStatus.LIVE)):
        shift = factories.ShiftFactory(company=company, driver__name=name)
        factories.AssignmentFactory(booking=booking, shift=shift, status=status)

    response = console.get(EXPORT)
    text = sent(response)

    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="bookings-')
    assert "no-store" in response["Cache-Control"]
    assert text.startswith("\ufeffbooking;")
    (row,) = rows_of(text)
    assert list(row) == [heading for heading, _path, _write in exporting.COLUMNS]
    assert row["booking"] == booking.reference
    assert row["company"] == "leman"
    assert (row["day"], row["pickup_time"]) == ("2027-03-10", "09:00")
    assert row["scheduled_at"] == "2027-03-10T09:00:00+01:00"
    assert row["pickup"] == "Hôpital"
    assert row["driver"] == "Eva"
    assert row["driver_notes"] == "Sonner; deux fois"
    assert row["exclusive"] == "no"
    assert row["appointment_time"] == row["actual_pickup_at"] == ""


@pytest.mark.parametrize("evil", ["=1+1", "+41", "-2", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(console, company, evil):
    book(company, name=evil, driver_notes=evil)

    (row,) = rows_of(sent(console.get(EXPORT)))

    assert row["client"] == row["driver_notes"] == f"'{evil}"


def test_summer_time_shows_in_the_offset(console, company):
    book(company, requested_pickup_at=on_day(9, day=date(2027, 7, 1)))

    (row,) = rows_of(sent(console.get(EXPORT)))

    assert row["scheduled_at"] == "2027-07-01T09:00:00+02:00"


def test_the_file_has_the_rows_of_the_list_in_its_order(console, company):
    made = {
        day: book(company, requested_pickup_at=on_day(9, day=date(2027, 3, day))).reference
        for day in (9, 10, 11, 12)
    }
    Booking.objects.filter(reference=made[11]).update(status="cancelled")
    period = {"day": "2027-03-10", "until": "2027-03-12"}

    assert [row["booking"] for row in rows_of(sent(console.get(EXPORT, period)))] == [
        made[12],
        made[11],
        made[10],
    ]
    one_day = console.get(EXPORT, {"day": "2027-03-10"})
    assert [row["booking"] for row in rows_of(sent(one_day))] == [made[10]]
    cancelled = console.get(EXPORT, period | {"status__exact": "cancelled"})
    assert [row["booking"] for row in rows_of(sent(cancelled))] == [made[11]]
    found = console.get(EXPORT, {"q": made[9]})
    assert [row["booking"] for row in rows_of(sent(found))] == [made[9]]


def test_the_list_shows_a_period_and_links_to_its_file(console, company):
    for day in (9, 10, 11):
        book(company, requested_pickup_at=on_day(9, day=date(2027, 3, day)))

    page = console.get(BOOKINGS, {"day": "2027-03-10", "until": "2027-03-11"})

    assert len(page.context["cl"].result_list) == 2
    assert "03/10/2027 - 03/11/2027" in page.content.decode()
    assert 'href="export/?day=2027-03-10&amp;until=2027-03-11"' in page.content.decode()


def test_a_wrong_address_leads_back_to_the_list(console):
    response = console.get(EXPORT, {"nothing__such": "1"})

    assert response.status_code == 302
    assert response["Location"] == BOOKINGS
    assert console.post(EXPORT).status_code == 405


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.VIEWER, 200),
        (Role.DISPATCHER, 200),
        (Role.MANAGER, 200),
        (Role.DRIVER, 302),
        (None, 302),
    ],
)
def test_who_may_see_bookings_may_take_them_along(client, company, role, status):
    if role:
        client.force_login(factories.UserFactory(company=company, role=role))

    assert client.get(EXPORT).status_code == status


def test_nobody_of_another_company_gets_a_line(client, company):
    book(company)
    client.force_login(factories.UserFactory(role=Role.MANAGER))

    assert rows_of(sent(client.get(EXPORT))) == []
    assert rows_of(sent(client.get(EXPORT, {"company__id__exact": company.pk}))) == []


def test_an_administrator_gets_every_company(client, company):
    book(company)
    book(factories.CompanyFactory(slug="jura"))
    client.force_login(factories.UserFactory(role=Role.ADMINISTRATOR, company=None))

    companies = {row["company"] for row in rows_of(sent(client.get(EXPORT)))}

    assert companies == {"leman", "jura"}


@pytest.mark.parametrize("rows", [1, 2500])
def test_a_file_costs_the_same_statements_however_long_it_is(console, company, rows):
    fill(company, rows)

    with CaptureQueriesContext(connection) as statements:
        text = sent(console.get(EXPORT))

    # The session, the person, the choices of the two filters by a relation, and the file: what is
    # fetched from its cursor is no statement more.
    assert len(rows_of(text)) == rows
    assert len(statements) == BUDGET, [entry["sql"][:200] for entry in statements]


def test_what_is_exported_is_booked_already_to_the_import(console, company):
    first = book(company)
    second = book(company, name="=Jean", hour=11, appointment_at=on_day(12), driver_notes="=1")

    report = importing.import_bookings(
        company=company,
        content=sent(console.get(EXPORT)).encode(),
        actor=None,
        now=on_day(6),
        all_or_nothing=False,
        windows_min=None,
    )

    assert report.errors == []
    assert [same for _line, same in report.already_there] == [second.reference, first.reference]


def test_memory_does_not_grow_with_the_rows(company, monkeypatch):
    monkeypatch.setattr(exporting, "CHUNK_ROWS", 100)
    fill(company, 2000)

    def peak(rows):
        tracemalloc.start()
        for _chunk in exporting.csv_of(rows):
            pass
        _now, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    few = peak(Booking.objects.order_by("id")[:400])
    many = peak(Booking.objects.order_by("id"))

    assert many < few * 1.2


def test_the_rows_stay_with_the_server_until_they_are_asked_for(company):
    fill(company, 2500)

    lines = exporting.csv_of(Booking.objects.all())
    next(lines)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_cursors WHERE name LIKE '_django_%'")
        open_cursors = cursor.fetchone()
    lines.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_cursors WHERE name LIKE '_django_%'")
        left = cursor.fetchone()

    assert (open_cursors, left) == ((1,), (0,))


def lent(pool):
    """Connections in use; those that the pool is still opening by itself count for a while."""
    stats = pool.get_stats()
    return stats["pool_size"] - stats["pool_available"]


def of_server(client, path):
    """What a server does with a request: the answer's parts, and `close` when it is done."""
    cookies = "; ".join(f"{name}={cookie.value}" for name, cookie in client.cookies.items())
    environ = RequestFactory().get(path, headers={"cookie": cookies}).environ
    return get_wsgi_application()(environ, lambda *_: None)


@pytest.mark.django_db(transaction=True)
def test_who_goes_away_half_way_gives_the_connection_back(company):
    fill(company, 5000)
    client = Client()
    client.force_login(factories.UserFactory(company=company))
    connection.close()
    pool = connection.pool

    response = of_server(client, EXPORT)
    parts = iter(response)
    first = next(parts)
    until(lambda: lent(pool) == 1)
    response.close()
    until(lambda: lent(pool) == 0)

    assert first.startswith("\ufeffbooking;".encode())
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_cursors WHERE name LIKE '_django_%'")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("way", ["streamed", "at_once"])
def test_both_ways_that_are_measured_write_every_row_and_leave_none(way, capsys):
    call_command("bench_export", rows=300, way=way, json=True)

    answer = json.loads(capsys.readouterr().out)
    (line,) = answer["ways"]
    assert (line["way"], line["rows"]) == (way, 300)
    assert line["bytes"] > 300 * 100
    assert line["grown_mb"] >= 0
    assert not Booking.objects.exists()
