"""Both ways of planning a day, by turns: equal rows, and whose statements grow."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from zeal import zeal_ignore

from accounts.models import Company
from benchmarks.days import name_of
from benchmarks.measuring import percentile
from benchmarks.rowwise.writing import Writing
from bookings.models import Booking
from tests.factories import BookingFactory, CompanyFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def row_by_row():
    """The baseline is what the rest of the suite is guarded against."""
    with zeal_ignore():
        yield


def bench(**options):
    """Run the command, and give what it printed."""
    printed = StringIO()
    options = {"repeats": 1, "allow_production": True} | options
    call_command("bench_dispatch", stdout=printed, **options)
    return printed.getvalue()


def test_both_leave_the_same_rows_and_only_the_baseline_grows():
    CompanyFactory(slug="bench-10", name=name_of(10))  # left by a run that was killed
    other = BookingFactory()

    small, large = json.loads(bench(sizes=[10, 20], json=True))["rows"]

    assert small["statements"] == large["statements"] <= 12
    assert large["baseline_statements"] > small["baseline_statements"] + 100
    assert [small["bookings"], small["drivers"], large["bookings"]] == [10, 2, 20]
    assert small["ratio"] == pytest.approx(small["baseline_s"] / small["seconds"], rel=0.05)
    assert sum(small["baseline_by_kind"].values()) == small["baseline_statements"]
    assert min(small["by_kind"][kind] for kind in ("SELECT", "INSERT", "UPDATE")) > 0
    assert [Booking.objects.get(), Company.objects.get()] == [other, other.company]


def test_what_differs_is_named_and_nothing_is_reported(monkeypatch):
    monkeypatch.setattr(Writing, "_tell", lambda *_: None)

    with pytest.raises(CommandError, match="different rows \\(notices\\)"):
        bench(sizes=[4])

    assert not Company.objects.exists()


def test_a_company_of_somebody_else_is_left_alone():
    BookingFactory(company=CompanyFactory(slug="bench-4"))

    with pytest.raises(CommandError, match="was not made by the benchmark"):
        bench(sizes=[4])

    assert Booking.objects.get().company.slug == "bench-4"


def test_production_is_refused_until_told():
    with pytest.raises(CommandError, match="--allow-production"):
        bench(sizes=[4], allow_production=False)


def test_the_table_of_the_documents_stands_beside_the_estimates(tmp_path):
    saved = tmp_path / "bench.json"

    lines = bench(sizes=[10], latency_ms=1, markdown=True, save=saved).splitlines()

    found = json.loads(saved.read_text())
    row = found["rows"][0]
    assert found["latency_ms"] == 1
    assert found["round_trip_ms"]["used"] >= 1
    assert row["seconds"] >= 0.001 * row["statements"]
    assert row["baseline_s"] >= 0.001 * row["baseline_statements"]
    assert "| statements | 100 | 700 | 10 | - | - |" in lines
    assert any(line.startswith("| a run | 10 | 0.5 s | 0.08 s | ") for line in lines)


def test_the_table_for_a_terminal_fits_it():
    assert max(map(len, bench(sizes=[4]).splitlines())) <= 100


@pytest.mark.parametrize("sizes", ["", "0", "ten", "10,,20", "20001"])
def test_sizes_are_whole_numbers(sizes):
    with pytest.raises(CommandError, match="whole numbers"):
        call_command("bench_dispatch", "--sizes", sizes)


def test_percentiles_are_values_that_occurred():
    values = list(range(1, 101))

    assert [percentile(values, p) for p in (50, 99, 100)] == [50, 99, 100]
    assert percentile([3.0], 99) == 3.0
