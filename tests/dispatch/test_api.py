"""Runs and assignments, as the company's own people read them."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import translation

from accounts.models import Role
from dispatch.models import Assignment, AssignmentStatus
from tests.factories import (
    DAY,
    AssignmentFactory,
    BookingFactory,
    CompanyFactory,
    DispatchRunFactory,
    ShiftFactory,
    UserFactory,
    on_day,
)

pytestmark = pytest.mark.django_db

RUNS, ASSIGNMENTS = "/api/v1/company/runs/", "/api/v1/company/assignments/"


@pytest.fixture(autouse=True)
def english(settings):
    settings.LANGUAGE_CODE = "en"
    with translation.override("en"):
        yield


@pytest.fixture(autouse=True)
def at_six(time_machine):
    time_machine.move_to(on_day(6), tick=False)


@pytest.fixture
def company():
    return CompanyFactory()


@pytest.fixture
def api(client, company):
    client.force_login(UserFactory(role=Role.DISPATCHER, company=company))
    return client


def ids(response):
    assert response.status_code == 200, response.content
    return [row["id"] for row in response.json()["results"]]


def ride(company, hour=9, **fields):
    """One live ride on a shift of its own."""
    booking = BookingFactory(company=company, requested_pickup_at=on_day(hour), status="assigned")
    return AssignmentFactory(company=company, booking=booking, **fields)


@pytest.mark.parametrize("rows", [1, 5])
def test_runs_cost_three_statements_however_many(api, company, rows, django_assert_num_queries):
    DispatchRunFactory.create_batch(rows, company=company)
    DispatchRunFactory()  # another company's

    with django_assert_num_queries(3):  # session, user with company, runs
        response = api.get(RUNS)

    assert len(ids(response)) == rows


@pytest.mark.parametrize("rows", [1, 5])
def test_assignments_cost_three_statements(api, company, rows, django_assert_num_queries):
    for _ in range(rows):
        ride(company)
    ride(CompanyFactory())

    with django_assert_num_queries(3):  # session, user with company, assignments with their rows
        response = api.get(ASSIGNMENTS)

    assert len(ids(response)) == rows


def test_a_run_has_its_id_first_and_instants_in_utc(api, company):
    run = DispatchRunFactory(company=company, started_at=on_day(6))

    row = api.get(f"{RUNS}{run.pk}/").json()

    assert next(iter(row)) == "id"
    assert row["day"] == DAY.isoformat()
    assert row["started_at"] == "2027-03-10T05:00:00Z"
    assert row["applied_at"] is None
    assert row["state"] == "proposed"


def test_an_assignment_carries_its_booking_driver_and_shift(api, company):
    assignment = ride(company)

    (row,) = api.get(ASSIGNMENTS).json()["results"]

    assert next(iter(row)) == "id"
    assert row["booking"] == {
        "id": assignment.booking.pk,
        "reference": assignment.booking.reference,
        "status": "assigned",
        "scheduled_at": "2027-03-10T08:00:00Z",
    }
    assert row["driver"] == {"id": assignment.driver.pk, "name": assignment.driver.name}
    assert row["shift"]["id"] == assignment.shift.pk
    assert row["pickup_at"] == "2027-03-10T08:00:00Z"
    assert row["dispatch_run"] is None
    assert api.get(f"{ASSIGNMENTS}{assignment.pk}/").json() == row


@pytest.mark.parametrize(
    ("url", "make"),
    [(RUNS, DispatchRunFactory), (ASSIGNMENTS, lambda: ride(CompanyFactory()))],
)
def test_a_row_of_another_company_does_not_exist(api, url, make):
    response = api.get(f"{url}{make().pk}/")

    assert response.status_code == 404
    assert response.json()["type"].endswith(":not-found")


@pytest.mark.parametrize("url", [RUNS, ASSIGNMENTS])
def test_who_has_not_signed_in_is_asked_to(client, url):
    response = client.get(url)

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Session realm="atmr"'
    assert response.json()["type"].endswith(":not-authenticated")


@pytest.mark.parametrize("url", [RUNS, ASSIGNMENTS])
@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.DRIVER, 403), (Role.VIEWER, 200), (Role.DISPATCHER, 200), (Role.MANAGER, 200)],
)
def test_roles_decide_who_reads(client, company, url, role, status):
    client.force_login(UserFactory(role=role, company=company))

    assert client.get(url).status_code == status


def test_an_administrator_of_no_company_is_told_so(client):
    client.force_login(UserFactory(role=Role.ADMINISTRATOR, company=None))

    response = client.get(RUNS)

    assert response.status_code == 403
    assert response.json()["type"].endswith(":no-company")


def test_runs_come_latest_first_and_by_day(api, company):
    first = DispatchRunFactory(company=company)
    later = DispatchRunFactory(company=company)
    other = DispatchRunFactory(company=company, day=DAY + timedelta(days=1))

    assert ids(api.get(RUNS)) == [other.pk, later.pk, first.pk]
    assert ids(api.get(RUNS, {"day": DAY.isoformat()})) == [later.pk, first.pk]


def test_assignments_come_by_pickup_and_by_day_status_and_run(api, company):
    run = DispatchRunFactory(company=company)
    late, early = ride(company, 15), ride(company, 8)
    proposed = ride(company, 10, status=AssignmentStatus.PROPOSED, dispatch_run=run)

    assert ids(api.get(ASSIGNMENTS)) == [early.pk, proposed.pk, late.pk]
    assert ids(api.get(ASSIGNMENTS, {"run": run.pk})) == [proposed.pk]
    assert ids(api.get(ASSIGNMENTS, {"status": "live"})) == [early.pk, late.pk]
    assert ids(api.get(ASSIGNMENTS, {"day": DAY.isoformat()})) == [early.pk, proposed.pk, late.pk]
    assert ids(api.get(ASSIGNMENTS, {"day": "2027-03-11"})) == []


def test_a_day_is_the_companys_not_utcs(api, company):
    night = ShiftFactory(company=company, starts_at=on_day(0), ends_at=on_day(6))
    just_after_midnight = ride(company, 0, shift=night)

    assert ids(api.get(ASSIGNMENTS, {"day": DAY.isoformat()})) == [just_after_midnight.pk]
    assert ids(api.get(ASSIGNMENTS, {"day": (DAY - timedelta(days=1)).isoformat()})) == []


@pytest.mark.parametrize(
    ("url", "query", "pointer"),
    [
        (RUNS, {"day": "tomorrow"}, "#/day"),
        (ASSIGNMENTS, {"status": "lost"}, "#/status"),
        (ASSIGNMENTS, {"run": "x"}, "#/run"),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(api, url, query, pointer):
    response = api.get(url, query)

    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == pointer


def test_pages_follow_one_another_and_are_bounded(api, company):
    runs = DispatchRunFactory.create_batch(5, company=company)

    first = api.get(RUNS, {"page_size": 2}).json()
    second = api.get(first["next"]).json()
    last = api.get(second["next"]).json()
    everything = api.get(RUNS, {"page_size": 100_000})

    shown = [row["id"] for page in (first, second, last) for row in page["results"]]
    assert shown == [run.pk for run in reversed(runs)]
    assert first["previous"] is None
    assert last["next"] is None
    assert api.get(last["previous"]).json()["results"] == second["results"]
    assert len(ids(everything)) == 5


def test_a_page_is_fifty_rows_and_two_hundred_at_most(api, company):
    DispatchRunFactory.create_batch(201, company=company)

    assert len(ids(api.get(RUNS))) == 50
    assert len(ids(api.get(RUNS, {"page_size": 100_000}))) == 200


def test_pages_of_equal_times_lose_nobody(api, company):
    rides = [ride(company).pk for _ in range(5)]

    seen, url = [], f"{ASSIGNMENTS}?page_size=2"
    while url:
        page = api.get(url).json()
        seen += [row["id"] for row in page["results"]]
        url = page["next"]

    assert seen == sorted(rides)


@pytest.fixture
def order(company):
    """Ask for a booking and a shift that suit each other."""
    booking = BookingFactory(company=company, requested_pickup_at=on_day(9))
    return {"booking": booking.pk, "shift": ShiftFactory(company=company).pk}


def test_a_dispatcher_gives_a_booking_to_a_shift(api, order):
    response = api.post(ASSIGNMENTS, order, content_type="application/json")

    assert response.status_code == 201, response.json()
    row = response.json()
    assert (row["booking"]["id"], row["booking"]["status"]) == (order["booking"], "assigned")
    assert (row["shift"]["id"], row["status"]) == (order["shift"], "live")
    assert ids(api.get(ASSIGNMENTS)) == [row["id"]]


def test_the_time_asked_for_is_kept_and_needs_its_offset(api, order):
    local = order | {"pickup_at": "2027-03-10T09:05:00"}
    asked = order | {"pickup_at": "2027-03-10T09:05:00+01:00"}

    refused = api.post(ASSIGNMENTS, local, content_type="application/json")
    given = api.post(ASSIGNMENTS, asked, content_type="application/json")

    assert refused.status_code == 400
    assert refused.json()["errors"][0]["pointer"] == "#/pickup_at"
    assert given.json()["pickup_at"] == "2027-03-10T08:05:00Z"


def test_a_booking_is_given_once(api, order):
    api.post(ASSIGNMENTS, order, content_type="application/json")

    again = api.post(ASSIGNMENTS, order, content_type="application/json")

    assert again.status_code == 409
    assert again.json()["type"].endswith(":already-assigned")
    assert Assignment.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "factory"), [("booking", BookingFactory), ("shift", ShiftFactory)]
)
def test_what_belongs_to_another_company_cannot_be_given(api, order, name, factory):
    response = api.post(ASSIGNMENTS, order | {name: factory().pk}, content_type="application/json")

    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == f"#/{name}"
    assert response.json()["errors"][0]["code"] == "does_not_exist"
    assert not Assignment.objects.exists()


@pytest.mark.parametrize(
    ("role", "status"), [(Role.VIEWER, 403), (Role.DRIVER, 403), (Role.MANAGER, 201)]
)
def test_roles_decide_who_assigns(client, company, order, role, status):
    client.force_login(UserFactory(role=role, company=company))

    response = client.post(ASSIGNMENTS, order, content_type="application/json")

    assert response.status_code == status


def test_a_session_alone_does_not_post(company, order):
    """Another site could make a browser do so: a token is due as in any form."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(UserFactory(role=Role.DISPATCHER, company=company))

    response = client.post(ASSIGNMENTS, order, content_type="application/json")

    assert response.status_code == 403
    assert not Assignment.objects.exists()


@pytest.mark.parametrize("token", ["nonsense", "cD0x", "cD1ub3QtYS1kYXRl", "%00"])
def test_a_cursor_that_was_tampered_with_is_not_found(api, company, token):
    DispatchRunFactory(company=company)

    response = api.get(f"{RUNS}?cursor={token}")

    assert response.status_code == 404
    assert response.json()["type"] == "urn:atmr:problem:not-found"
    assert api.get(f"{ASSIGNMENTS}?cursor={token}").status_code == 404


def test_a_cursor_of_one_list_opens_no_other(api, company):
    for _ in range(3):
        DispatchRunFactory(company=company)
    cursor = api.get(RUNS, {"page_size": 1}).json()["next"].partition("cursor=")[2]

    assert api.get(f"{RUNS}?cursor={cursor}").status_code == 200
    assert api.get(f"{ASSIGNMENTS}?cursor={cursor}").status_code == 404


@pytest.mark.parametrize("size", ["0", "-1", "many"])
def test_a_size_that_is_none_is_the_usual_one(api, company, size):
    for _ in range(3):
        DispatchRunFactory(company=company)

    assert len(ids(api.get(RUNS, {"page_size": size}))) == 3
