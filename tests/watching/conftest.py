"""What the tests of watching share: slow statements on demand, and the figures counted so far."""

import pytest
from django.db import connection
from prometheus_client import REGISTRY

from atmr.watching import recent


@pytest.fixture
def board():
    """The shared list and counters, empty before and after."""
    client = recent.server()

    def clear():
        for key in client.scan_iter("atmr:slow-statements*"):
            client.delete(key)

    clear()
    yield client
    clear()


@pytest.fixture
def everything_is_slow(settings):
    settings.SLOW_STATEMENT_MS = -1


@pytest.fixture
def ask():
    """Send a statement as the product does."""

    def execute(sql, params=None):
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall()

    return execute


@pytest.fixture
def counted():
    """Give what a figure has grown by since the test began."""
    before = {}

    def key(name, labels):
        return name, tuple(sorted(labels.items()))

    for metric in REGISTRY.collect():
        for sample in metric.samples:
            before[key(sample.name, sample.labels)] = sample.value

    def growth(figure, **labels):
        value = REGISTRY.get_sample_value(figure, labels) or 0
        return value - before.get(key(figure, labels), 0)

    return growth
