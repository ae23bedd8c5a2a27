"""The database page: for administrators alone, at a stated cost, without anybody's values."""

import threading
import time
from contextlib import closing

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from accounts.models import Role
from atmr.watching import recent
from dispatch.console import catalogue, database
from tests.factories import BookingFactory, UserFactory
from tests.watching.conftest import board  # noqa: F401 - a fixture

PAGE = "/admin/database/"
# The session, the person, the alerts counted in the sidebar; then the server, tables, indexes,
# connections and waits.
BUDGET = 8


@pytest.fixture
def administrator(client):
    user = UserFactory(role=Role.ADMINISTRATOR, company=None)
    client.force_login(user)
    return user


def extend():
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION pg_stat_statements")


@pytest.mark.django_db
@pytest.mark.parametrize("rows", [1, 20])
def test_the_page_costs_the_same_however_many_rows(client, administrator, rows):
    BookingFactory.create_batch(rows)

    with CaptureQueriesContext(connection) as statements:
        response = client.get(PAGE)

    assert response.status_code == 200
    assert len(statements) == BUDGET, [each["sql"][:80] for each in statements]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("role", "status"), [(Role.MANAGER, 403), (Role.DISPATCHER, 403), (Role.VIEWER, 403)]
)
def test_staff_of_a_company_may_not_see_it(client, role, status):
    client.force_login(UserFactory(role=role))

    assert client.get(PAGE).status_code == status
    assert PAGE not in client.get("/admin/").content.decode()


@pytest.mark.django_db
def test_strangers_and_drivers_are_shown_the_sign_in(client):
    as_stranger = client.get(PAGE)
    client.force_login(UserFactory(role=Role.DRIVER))
    as_driver = client.get(PAGE)

    assert as_stranger.status_code == as_driver.status_code == 302
    assert "/login/" in as_stranger["Location"]


@pytest.mark.django_db
def test_the_sidebar_of_an_administrator_leads_there(client, administrator):
    assert PAGE in client.get("/admin/").content.decode()


@pytest.mark.django_db
def test_without_the_extension_the_page_says_how_to_have_it(client, administrator):
    page = client.get(PAGE)

    assert page.context["statements"] is None
    assert "CREATE EXTENSION pg_stat_statements" in page.content.decode()


@pytest.mark.django_db
def test_with_the_extension_the_slowest_are_shown_without_values(client, administrator):
    extend()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_statements_reset()")
        cursor.execute("SELECT pg_sleep(0.05), %s AS rochat", ["Eva Rochat"])

    with CaptureQueriesContext(connection) as statements:
        page = client.get(PAGE)

    shown = {row["query"]: row for row in page.context["statements"]}
    assert len(statements) == BUDGET + 1
    assert any("AS rochat" in query for query in shown)
    assert "Eva Rochat" not in page.content.decode().replace(administrator.name, "")


@pytest.mark.django_db
def test_our_slow_statements_are_shown_with_their_sender(client, administrator, board):  # noqa: F811
    recent.keep(
        {
            "at": "2027-03-10T08:00:00+00:00", "ms": 1234, "fingerprint": "0123456789ab",
            "shape": "SELECT ? FROM x", "site": "dispatch/services/loading.py:9 load",
            "kind": "task", "sender": "dispatch.tasks.plan_day", "run": 77,
        }
    )  # fmt: skip

    page = client.get(PAGE).content.decode()

    for words in ("1,234", "0123456789ab", "SELECT ? FROM x", "dispatch.tasks.plan_day", "run 77"):
        assert words in page


@pytest.mark.django_db
def test_without_a_cache_server_it_says_where_they_are(client, administrator, monkeypatch):
    monkeypatch.setattr(recent, "server", lambda: None)

    assert "There is no cache server to keep them" in client.get(PAGE).content.decode()


@pytest.mark.django_db
def test_no_superuser_is_needed(administrator):
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE plain_reader NOLOGIN")
        cursor.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain_reader")
        cursor.execute("SET LOCAL ROLE plain_reader")

    page = database.read()

    assert len(page["tables"]) > 30
    assert page["server"]["max_connections"] > 0
    assert [row["state"] for row in page["connections"]] == [None]


@pytest.mark.django_db
def test_the_air_in_an_index_is_estimated():
    with connection.cursor() as cursor:
        for table in ("airy", "packed"):
            cursor.execute(f"CREATE TABLE {table} AS SELECT i FROM generate_series(1, 20000) i")
            cursor.execute(f"CREATE INDEX {table}_i ON {table} (i)")
        cursor.execute("DELETE FROM airy WHERE i % 4 <> 0")
        cursor.execute("ANALYZE airy, packed")

    found = {row["name"]: database.Index(**row) for row in catalogue.rows(catalogue.INDEXES)}

    assert 65 <= found["airy_i"].bloat_share <= 80  # three rows of four are gone
    assert found["packed_i"].bloat_share <= 5


@pytest.mark.parametrize(
    ("scans", "writes", "keeps_rule", "use"),
    [
        (0, 0, False, "never"),
        (0, 0, True, "rule"),
        (1, 100, False, "used"),
        (1, 101, False, "rarely"),
        (1, 101, True, "rule"),
    ],
)
def test_what_an_index_is_good_for(scans, writes, keeps_rule, use):
    index = database.Index(
        table="t", name="i", keeps_rule=keeps_rule, scans=scans, writes=writes, bytes=8192,
        bloat_bytes=None,
    )  # fmt: skip

    assert index.use == use


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("UPDATE c SET name = 'Eva O''Hara' WHERE id = 7", "UPDATE c SET name = ? WHERE id = ?"),
        ("UPDATE c SET name = 'Eva Roch", "UPDATE c SET name = …"),
        ("UPDATE c SET name = 'Eva O''Ha", "UPDATE c SET name = ?…"),
        ("SELECT $1, 'x', 'Eva", "SELECT $?, ?, …"),
    ],
)
def test_a_text_that_was_cut_inside_a_value_shows_none_of_it(query, shown):
    assert database.without_values(query).replace("??", "?") == shown
    assert "Eva" not in database.without_values(query)


@pytest.mark.django_db(transaction=True)
def test_who_waits_for_whom_is_shown_without_values():
    booking = BookingFactory()
    change = "UPDATE bookings_booking SET driver_notes = 'Eva Rochat' WHERE id = %s"
    holder = connections.create_connection("default")

    def wait():
        waiter = connections.create_connection("default")
        with closing(waiter), waiter.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(change, [booking.pk])
            cursor.execute("ROLLBACK")

    try:
        with holder.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(change, [booking.pk])
            thread = threading.Thread(target=wait)
            thread.start()
            waits = found()
            cursor.execute("ROLLBACK")
        thread.join()
    finally:
        holder.close()

    (wait_,) = waits
    assert wait_["waits_with"] == "UPDATE bookings_booking SET driver_notes = ? WHERE id = ?"
    assert wait_["state"] == "idle in transaction"
    assert wait_["waited_s"] >= 0
    assert "Eva" not in str(waits)


def found():
    """Ask until somebody is seen to wait."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if waits := database.read()["waits"]:
            return waits
    pytest.fail("Nobody waits.")
