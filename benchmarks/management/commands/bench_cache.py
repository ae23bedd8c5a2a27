"""Measure what keeping answers saves: figures of a day and results of a run."""

from collections.abc import Callable
from statistics import median
from typing import Any

from django.core.management.base import CommandParser

from benchmarks.comparing import network
from benchmarks.days import DAY, BenchDay, bench_day
from benchmarks.measuring import Sample, measured
from benchmarks.production import refuse_in_production
from dispatch.management.answering import Answer, AnsweringCommand
from dispatch.models import Assignment, DispatchRun
from dispatch.services import answers

# Two of each way are made before one counts: connections, plans and caches of the server.
_WARM_UP = 2


class Command(AnsweringCommand):
    help = (
        "Ask for the figures of a day and the result of a run without the cache, kept in it, and\n"
        "made anew through it; median milliseconds and statements of each.\n"
        "Example: manage.py bench_cache --bookings 500 --latency-ms 1"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--bookings", type=int, default=500, help="of the day: 500 unless told")
        parser.add_argument("--repeats", type=int, default=21, help="of each way: 21 unless told")
        parser.add_argument("--latency-ms", type=float, default=0.0, help="added to a round trip")
        parser.add_argument("--seed", type=int, default=0, help="the same seed, the same day")
        parser.add_argument(
            "--allow-production", action="store_true", help="also where DEBUG is off"
        )

    def answer(self, **options: Any) -> Answer:
        refuse_in_production(options)
        with network(options["latency_ms"]), bench_day(options["bookings"], options["seed"]) as day:
            rows = [
                {"answer": name, **_compared(day, ask, without, options["repeats"])}
                for name, ask, without in _asked(day)
            ]
        found = {
            "bookings": options["bookings"],
            "latency_ms": options["latency_ms"],
            "repeats": options["repeats"],
            "rows": rows,
        }
        return Answer(found, _text(found))


def _asked(day: BenchDay) -> list[tuple[str, Callable[[], Any], Callable[[], Any]]]:
    """Each answer: how it is asked for, and how it would be made without a cache."""
    run = DispatchRun.objects.get(pk=day.first_run)
    return [
        (
            "figures of a day",
            lambda: answers.figures_of_day(company=day.company, day=DAY),
            lambda: answers.make_figures(company=day.company, day=DAY),
        ),
        (
            "result of a run",
            lambda: answers.result_of_run(run),
            lambda: answers.make_result(run.pk),
        ),
    ]


def _compared(
    day: BenchDay, ask: Callable[[], Any], without: Callable[[], Any], repeats: int
) -> dict[str, Any]:
    taken: dict[str, list[Sample]] = {"without": [], "anew": [], "kept": []}
    ride = Assignment.objects.filter(dispatch_run=day.first_run).latest("pk")
    for number in range(repeats + _WARM_UP):
        # What is kept is out of date from here on.
        Assignment.objects.filter(pk=ride.pk).update(explanation={"measured": number})
        round_ = {"without": measured(without), "anew": measured(ask), "kept": measured(ask)}
        if number >= _WARM_UP:
            for way, sample in round_.items():
                taken[way].append(sample)
    return {
        way: {
            "ms": round(1000 * median(sample.seconds for sample in samples), 2),
            "statements": max(sample.kinds.total() for sample in samples),
        }
        for way, samples in taken.items()
    }


def _text(found: dict[str, Any]) -> str:
    lines = ["{bookings} bookings, {latency_ms} ms added, {repeats} repeats".format(**found)]
    for row in found["rows"]:
        ways = ", ".join(
            f"{way} {row[way]['ms']} ms with {row[way]['statements']} statements"
            for way in ("without", "anew", "kept")
        )
        lines.append(f"{row['answer']}: {ways}")
    return "\n".join(lines)
