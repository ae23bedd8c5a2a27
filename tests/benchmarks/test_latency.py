"""The proxy that makes a server on this machine as slow to answer as one on the network."""

import hashlib
import random

import pytest
from django.db import connection

from benchmarks.latency import round_trip_ms, slowed

pytestmark = pytest.mark.django_db(transaction=True)

BIG = 3_000_000


def test_every_round_trip_takes_longer_by_what_was_asked():
    with slowed(5):
        assert round_trip_ms(trips=5) >= 5

    assert round_trip_ms(trips=5) < 5


def test_large_questions_and_answers_pass_unchanged():
    sent = random.Random(1).randbytes(BIG)

    with slowed(1), connection.cursor() as cursor:
        cursor.execute("SELECT %s::bytea, md5(%s::bytea)", [sent, sent])
        received, digest = cursor.fetchone()
        cursor.execute("SELECT count(*), sum(n) FROM generate_series(1, 100000) n")
        assert cursor.fetchone() == (100000, 5000050000)
        cursor.execute("SELECT n FROM generate_series(1, 100000) n")
        assert [n for (n,) in cursor] == list(range(1, 100001))

    assert bytes(received) == sent
    assert digest == hashlib.md5(sent).hexdigest()


def test_the_connection_is_as_it_was_afterwards():
    before = connection.settings_dict

    with slowed(0), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert connection.settings_dict["HOST"] != before["HOST"]

    assert connection.settings_dict is before
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
