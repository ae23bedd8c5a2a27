"""A statement that takes too long is logged, counted and kept, without any of its values."""

import threading

import pytest
import structlog
from django.db import DatabaseError, connection, connections
from psycopg import sql
from structlog.contextvars import bound_contextvars, merge_contextvars

from atmr import logs
from atmr.statements import fingerprint
from atmr.watching import recent
from atmr.watching.statements import Watcher, watch
from tests.dispatch.days import Line, plan
from tests.factories import CompanyFactory, UserFactory

pytestmark = pytest.mark.django_db

SLOW = "SELECT pg_sleep(0.45), %s::text"


@pytest.fixture(autouse=True)
def limit(settings):
    settings.SLOW_STATEMENT_MS = 400


@pytest.fixture
def lines():
    with structlog.testing.capture_logs(processors=[merge_contextvars]) as entries:
        yield entries


def slow(lines):
    return [entry for entry in lines if entry["event"] == "slow statement"]


def test_a_slow_statement_is_one_event_without_its_values(ask, lines, board):
    ask(SLOW, ["Marie Dubois"])
    ask("SELECT %s::text", ["Marie Dubois"])

    (entry,) = slow(lines)
    assert entry["ms"] >= 450
    assert entry["fingerprint"] == fingerprint(SLOW)
    assert entry["shape"] == "SELECT pg_sleep(?.?), %s::text"
    assert entry["site"].startswith("tests/watching/conftest.py:")
    assert entry["log_level"] == "warning"
    assert "Marie" not in str(lines)


@pytest.mark.parametrize(
    "sent",
    [
        sql.SQL("SELECT {}, 7").format(sql.Literal("Marie O'Hara")),
        b"SELECT 'Marie O''Hara', 7",
    ],
)
def test_a_statement_that_psycopg_put_together_is_reported_without_its_values(
    ask, lines, board, everything_is_slow, sent
):
    assert ask(sent) == [("Marie O'Hara", 7)]

    (entry,) = slow(lines)
    assert entry["shape"] == "SELECT ?, ?"
    assert "Marie" not in str(entry)


def test_its_limit_is_a_setting(ask, lines, board, settings):
    settings.SLOW_STATEMENT_MS = 5000
    ask(SLOW, ["x"])
    assert slow(lines) == []

    settings.SLOW_STATEMENT_MS = 400
    ask(SLOW, ["x"])
    assert len(slow(lines)) == 1


def test_a_statement_that_fails_slowly_is_reported_too(ask, lines, board):
    with pytest.raises(DatabaseError):
        ask("SELECT 1 / (SELECT 0 FROM pg_sleep(0.45))")

    assert len(slow(lines)) == 1


def test_it_says_which_request_sent_it(client, lines, board, everything_is_slow, counted):
    client.force_login(UserFactory())
    lines.clear()
    client.get("/admin/bookings/booking/")

    assert slow(lines)
    for entry in slow(lines):
        assert entry["kind"] == "request"
        assert entry["sender"] == "admin:bookings_booking_changelist"
        assert entry["request_id"]
    name = "atmr_slow_statements_total"
    grown = counted(name, kind="request", sender="admin:bookings_booking_changelist")
    assert grown == len(slow(lines))


def test_it_says_which_run_sent_it(lines, board, everything_is_slow):
    line = Line(CompanyFactory())
    line.booking(1, 3, 9)
    line.shift()
    lines.clear()

    summary = plan(line.company)

    sites = [entry["site"] for entry in slow(lines) if entry.get("run_id") == summary.run]
    assert any(site.startswith("dispatch/services/planning.py:") for site in sites)
    kept = [entry for entry in recent.latest() if entry["run"] == summary.run]
    assert len(kept) == len(sites)


def test_threads_and_connections_of_their_own_are_watched(lines, board, everything_is_slow):
    def work():
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 'of a thread'")
        finally:
            connection.close()

    for _ in range(2):  # the second takes the connection of the first out of the pool
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("SELECT 'of its own'")
    other.close()

    assert [entry["shape"] for entry in slow(lines)] == ["SELECT ?"] * 3


def test_a_connection_made_again_is_watched_once(ask):
    ask("SELECT 1")

    watch(connection)
    watch(connection)

    assert sum(isinstance(each, Watcher) for each in connection.execute_wrappers) == 1


def test_the_latest_are_kept_for_all_processes(ask, board, monkeypatch, everything_is_slow):
    monkeypatch.setattr(recent, "KEPT", 3)
    with bound_contextvars(command="dispatch", run_id=7):
        for table in ("a", "b", "c", "d"):
            ask(f"SELECT 1 AS {table}")

    kept = recent.latest()

    assert [entry["shape"] for entry in kept] == [f"SELECT ? AS {t}" for t in ("d", "c", "b")]
    assert (kept[0]["kind"], kept[0]["sender"], kept[0]["run"]) == ("command", "dispatch", 7)


def test_without_the_cache_server_there_is_the_log_alone(ask, lines, settings, everything_is_slow):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

    ask("SELECT 1")

    assert len(slow(lines)) == 1
    assert recent.latest() is None


def test_a_dead_cache_server_is_asked_once_and_then_left_alone(
    ask, lines, monkeypatch, everything_is_slow
):
    asked = []

    class Dead:
        def pipeline(self):
            asked.append(1)
            raise recent.RedisError

    monkeypatch.setattr(recent, "server", Dead)
    monkeypatch.setattr(recent, "_rests_until", 0.0)

    ask("SELECT 1")
    ask("SELECT 2")

    assert len(slow(lines)) == 2
    assert len(asked) == 1
    assert [e for e in lines if e["event"] == "slow statements are only logged"]


def test_masking_leaves_fingerprints_readable():
    names = [fingerprint(f"SELECT {'x' * n}") for n in range(2000)]

    events = [logs._mask_event(None, "", {"fingerprint": name}) for name in names]

    assert [event["fingerprint"] for event in events] == names
    assert "12" not in logs._mask_event(None, "", {"fingerprint": "+41 79 412 34 56"})
