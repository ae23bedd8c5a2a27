"""Reads from a real streaming replica: with lag, when it falls, and when it is back."""

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.db import OperationalError, connection, connections, transaction
from django.http import HttpResponse
from django.test import Client, RequestFactory
from structlog.testing import capture_logs

from accounts.models import Company, Role
from atmr import routing
from atmr.embedded.standby import Standby
from atmr.settings import postgresql
from bookings.models import Booking
from tests.factories import (
    BookingFactory,
    CompanyFactory,
    DispatchRunFactory,
    UserFactory,
)
from tests.waiting import until

pytestmark = [
    pytest.mark.replica,
    pytest.mark.django_db(transaction=True, databases=["default", "replica"]),
]

RUNS = "/api/v1/company/runs/"
EXPORT = "/admin/bookings/booking/export/"


@pytest.fixture(scope="module")
def standby(django_db_setup):
    """The replica, known to Django for this module."""
    standby = Standby(settings.EMBEDDED.postgres, number=settings.TEST_PROCESS)
    standby.create()
    url = standby.url(connection.settings_dict["NAME"])
    connections.settings[routing.REPLICA] = {
        **connections.settings["default"],
        **postgresql(url),
        "CONN_MAX_AGE": 60,
        "TEST": {**connections.settings["default"]["TEST"], "MIRROR": "default"},
    }
    yield standby
    del connections[routing.REPLICA]
    del connections.settings[routing.REPLICA]
    standby.remove()


@pytest.fixture(autouse=True)
def replica(standby, db, monkeypatch):
    """The replica caught up, and nothing known of it."""
    monkeypatch.setattr(routing, "watch", routing.Watch())
    caught_up()
    yield connections.settings[routing.REPLICA]
    asked("SELECT pg_wal_replay_resume()")
    connections[routing.REPLICA].close()


@pytest.fixture
def company():
    return CompanyFactory()


@pytest.fixture
def api(company):
    client = Client()
    client.force_login(UserFactory(company=company, role=Role.DISPATCHER))
    return client


def asked(sql):
    with connections[routing.REPLICA].cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()


def caught_up():
    """Wait for the replica to replay what the primary has written by now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_insert_lsn() - '0/0'")
        (position,) = cursor.fetchone()
    until(lambda: asked("SELECT pg_last_wal_replay_lsn() - '0/0'")[0] >= position)


def looked_long_ago():
    """Let the next request look at the replica, as one some seconds later would."""
    sight = routing.watch.sight
    routing.watch.sight = routing.Sight(float("-inf"), sight.replayed, sight.trouble)


def servers_of(client, address):
    """On which servers an answer was read: whether each model's rows came from a replica."""
    seen = []

    def note(execute, sql, params, many, context):
        if sql.startswith("SELECT") and "dispatch_dispatchrun" in sql:
            seen.append(context["connection"].alias)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note), connections[routing.REPLICA].execute_wrapper(note):
        response = client.get(address)
    return response, seen


def test_reads_of_the_api_go_to_the_replica(api, company):
    run = DispatchRunFactory(company=company)
    caught_up()

    response, servers = servers_of(api, RUNS)

    assert [row["id"] for row in response.json()["results"]] == [run.pk]
    assert servers == ["replica"]
    assert asked("SELECT pg_is_in_recovery()") == (True,)


def test_figures_are_read_of_the_replica_alone(api, company):
    BookingFactory(company=company)
    caught_up()
    tables = set()

    def note(execute, sql, params, many, context):
        tables.add((context["connection"].alias, "bookings_booking" in sql))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note), connections[routing.REPLICA].execute_wrapper(note):
        response = api.get("/api/v1/company/metrics/", {"day": "2027-03-10"})

    assert response.json()["bookings"] == 1
    assert ("replica", True) in tables
    assert ("default", True) not in tables


def test_only_doors_choose_and_no_transaction_is_split(company):
    caught_up()
    assert Booking.objects.all().db == "default"

    with routing.reading_from_replica() as alias:
        assert alias == "replica"
        found = Company.objects.get(pk=company.pk)
        assert found._state.db == "replica"
        with transaction.atomic():
            assert Booking.objects.all().db == "default"
        found.name = "Renamed"
        found.save()

    assert Company.objects.get(pk=company.pk).name == "Renamed"
    assert found.users.all().db == "default"


def test_the_replica_is_not_written(company):
    with pytest.raises(Exception, match="read-only"):
        Company.objects.using("replica").filter(pk=company.pk).update(name="Nobody")


def test_who_has_written_sees_it_while_the_replica_lags(api, company):
    booking = BookingFactory(company=company)
    stranger = Client()
    stranger.force_login(UserFactory(company=company))
    DispatchRunFactory(company=company)
    caught_up()
    asked("SELECT pg_wal_replay_pause()")
    DispatchRunFactory(company=company)  # by a task, say: nobody's own write

    api.post("/admin/bookings/booking/", {"action": "x", "_selected_action": booking.pk})
    looked_long_ago()
    mine, my_servers = servers_of(api, RUNS)
    _theirs, their_servers = servers_of(stranger, RUNS)

    assert my_servers == ["default"]
    assert len(mine.json()["results"]) == 2
    assert their_servers == ["replica"]

    asked("SELECT pg_wal_replay_resume()")
    caught_up()
    again, my_servers = servers_of(api, RUNS)
    assert my_servers == ["replica"]
    assert len(again.json()["results"]) == 2


def test_a_position_that_was_tampered_with_counts_for_nothing(api):
    api.cookies[routing.COOKIE] = "99999999999999:forged"

    _response, servers = servers_of(api, RUNS)

    assert servers == ["replica"]


def test_a_replica_that_lags_too_far_is_not_used(api, company, settings):
    settings.REPLICA_MAX_LAG_S = 0
    asked("SELECT pg_wal_replay_pause()")
    DispatchRunFactory(company=company)
    until(lambda: asked("SELECT pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()")[0])

    with capture_logs() as logs:
        looked_long_ago()
        response, servers = servers_of(api, RUNS)
        looked_long_ago()
        servers_of(api, RUNS)

    assert servers == ["default"]
    assert len(response.json()["results"]) == 1
    told = [entry for entry in logs if entry["event"] == "replica not used"]
    assert [entry["reason"] for entry in told] == ["it lags behind"]


def test_the_replica_falls_and_nobody_notices_and_it_is_used_when_it_is_back(api, company, standby):
    DispatchRunFactory(company=company)
    caught_up()
    assert servers_of(api, RUNS)[1] == ["replica"]

    with capture_logs() as logs:
        standby.stop()
        fallen = [api.get(RUNS) for _ in range(3)]
        export = b"".join(api.get(EXPORT).streaming_content)
        down, servers = servers_of(api, RUNS)
        standby.start()
        looked_long_ago()
        back, servers_then = servers_of(api, RUNS)

    assert [response.status_code for response in [*fallen, down, back]] == [200] * 5
    assert export.startswith("\ufeffbooking;".encode())
    assert servers == ["default"]
    assert servers_then == ["replica"]
    told = [entry["event"] for entry in logs if entry["event"].startswith("replica")]
    assert told == ["replica not used", "replica used again"]


def test_a_replica_that_fails_is_asked_again_after_a_while_not_by_every_request(
    api, standby, monkeypatch
):
    looks = []
    looked = routing._looked
    monkeypatch.setattr(routing, "_looked", lambda: looks.append(1) or looked())
    standby.stop()

    for _ in range(5):
        assert api.get(RUNS).status_code == 200
    standby.start()

    assert len(looks) == 1


def test_a_read_that_the_replica_breaks_off_is_asked_again_of_the_primary():
    aliases = []

    @routing.reads_replica
    def view(_request):
        aliases.append(Booking.objects.all().db)
        if aliases[-1] == "replica":
            raise OperationalError("canceling statement due to conflict with recovery")
        return HttpResponse("read")

    assert view(RequestFactory().get("/")).content == b"read"
    assert aliases == ["replica", "default"]

    with pytest.raises(OperationalError):
        routing.reads_replica(_failing)(RequestFactory().post("/"))


def _failing(_request):
    raise OperationalError("the primary is gone")


def test_a_server_that_is_no_replica_is_not_taken_for_one():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(connections[routing.REPLICA].settings_dict, "PORT", "")
        connections[routing.REPLICA].close()

        with routing.reading_from_replica() as alias:
            assert alias == "default"
        assert routing.watch.sight.trouble == "it is no replica"

        connections[routing.REPLICA].close()


def test_the_check_of_connections_looks_at_the_replica_too(settings, monkeypatch):
    assert run_checks(tags=["database"], databases=["default", "replica"]) == []

    settings.WEB_PROCESSES = 10

    errors = run_checks(tags=["database"], databases=["replica"])
    assert [error.id for error in errors] == ["atmr.E001"]
