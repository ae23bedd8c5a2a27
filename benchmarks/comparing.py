"""Both ways of planning a day, by turns, on the same rows and with the same plan."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.test.utils import override_settings
from django.utils.translation import gettext_lazy as _

from accounts.models import Company
from atmr.errors import DomainError
from benchmarks.days import DAY, BenchDay, bench_day
from benchmarks.latency import round_trip_ms, slowed
from benchmarks.measuring import Sample, connections_used, measured, summary
from benchmarks.outcome import Outcome, differences, outcome_of, rows_written
from benchmarks.rowwise.planning import plan_day as plan_rowwise
from dispatch.models import RunState
from dispatch.services import planning


class OutcomesDiffer(DomainError):
    message = _("The two ways left different rows (%(what)s): there is nothing to compare.")


class NothingApplied(DomainError):
    message = _("The plan was not applied but is %(state)s: there is nothing to compare.")


@contextmanager
def network(latency_ms: float) -> Iterator[dict[str, float]]:
    """Put so much between us and the server, and say what a round trip takes then."""
    with override_settings(DEBUG=False):  # else Django keeps every statement, in a list
        direct = round_trip_ms()
        if not latency_ms:
            yield {"direct": direct, "used": direct}
            return
        with slowed(0):
            bare = round_trip_ms()
        with slowed(latency_ms):
            yield {"direct": direct, "proxy_alone": bare, "used": round_trip_ms()}


def compare(bookings: int, repeats: int, seed: int) -> dict[str, Any]:
    """Measure both ways for one size; give the row of the report.

    :raises OutcomesDiffer, NothingApplied: a figure would say nothing.
    """
    with bench_day(bookings, seed) as day:
        turns = [(day, _ours), (day, _theirs)]
        samples: dict[Any, list[Sample]] = {_ours: [], _theirs: []}
        for turn in range(repeats + 1):
            # Each goes first as often as the other; the first turn warms up and is not counted.
            found = [_once(*way) for way in (turns if turn % 2 else turns[::-1])]
            _must_agree(found)
            if turn:
                for way, sample, _outcome in found:
                    samples[way].append(sample)
        return _row(day, samples[_ours], samples[_theirs], rows_written(found[0][2]))


Way = Callable[[BenchDay, Company], object]


def _once(day: BenchDay, way: Way) -> tuple[Way, Sample, Outcome]:
    # Whatever hangs on the object of the last turn would be read no more.
    company = Company.objects.get(pk=day.company.pk)
    sample = measured(lambda: way(day, company))
    outcome = outcome_of(day)
    day.put_back()
    return way, sample, outcome


def _ours(day: BenchDay, company: Company) -> None:
    planning.plan_day(company=company, day=DAY, now=day.now, apply=True, solve=day.solve)


def _theirs(day: BenchDay, company: Company) -> None:
    plan_rowwise(company=company, day=DAY, now=day.now, solve=day.solve)


def _must_agree(found: list[tuple[Way, Sample, Outcome]]) -> None:
    (_, _, one), (_, _, other) = found
    state = one["run"]["state"]
    if state != RunState.APPLIED:
        raise NothingApplied(state=state)
    if unequal := differences(one, other):
        raise OutcomesDiffer(what=", ".join(unequal))


def _row(day: BenchDay, ours: list[Sample], theirs: list[Sample], written: int) -> dict[str, Any]:
    mine, baseline = summary(ours), summary(theirs)
    used, most = connections_used()
    return {
        "bookings": day.bookings,
        "drivers": day.drivers,
        "repeats": len(ours),
        "rows_written": written,
        "baseline_statements": baseline.pop("statements"),
        "baseline_s": baseline.pop("seconds"),
        "statements": mine.pop("statements"),
        "seconds": mine.pop("seconds"),
        "ratio": round(baseline["p50"] / mine["p50"], 2),
        **{f"baseline_{name}": value for name, value in baseline.items()},
        **mine,
        "rows_per_s": round(written / mine["p50"]),
        "baseline_rows_per_s": round(written / baseline["p50"]),
        "connections": used,
        "connections_most": most,
    }
