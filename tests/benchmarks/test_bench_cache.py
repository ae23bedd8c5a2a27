"""What the cache saves is measured on a day of its own, three ways by turns."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Company

pytestmark = pytest.mark.django_db(transaction=True)


def bench(**options):
    printed = StringIO()
    options = {"bookings": 10, "repeats": 1, "allow_production": True} | options
    call_command("bench_cache", stdout=printed, **options)
    return printed.getvalue()


def test_kept_answers_cost_one_statement_and_nothing_is_left_behind():
    found = json.loads(bench(json=True))

    statements = {
        row["answer"]: [row[way]["statements"] for way in ("without", "anew", "kept")]
        for row in found["rows"]
    }
    assert statements == {"figures of a day": [4, 6, 1], "result of a run": [3, 5, 1]}
    assert all(row[way]["ms"] > 0 for row in found["rows"] for way in ("without", "anew", "kept"))
    assert not Company.objects.exists()


def test_production_is_refused_until_told():
    with pytest.raises(CommandError, match="--allow-production"):
        bench(allow_production=False)
