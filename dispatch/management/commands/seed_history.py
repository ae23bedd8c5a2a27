"""Fill years of the past, to judge lists, reports and plans on millions of rows."""

import json
from argparse import ArgumentTypeError
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from atmr.clock import local_day
from atmr.errors import DomainError
from dispatch.demo import history
from dispatch.demo.history import History

ZONE = ZoneInfo("Europe/Zurich")


class Command(BaseCommand):
    help = (
        "Fill years of bookings, events and assignments for the companies history-1 to history-N,\n"
        "up to yesterday. What it made before is replaced; other companies are left alone.\n"
        "Example: manage.py seed_history --days 730 --companies 3 --bookings-per-day 460"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=_between(1, 3_660), default=730, help="730 unless told")
        parser.add_argument("--companies", type=_between(1, 50), default=3, help="3 unless told")
        parser.add_argument(
            "--bookings-per-day",
            type=_between(1, 5_000),
            default=100,
            help="of each company, in the mean of a week; 100 unless told",
        )
        parser.add_argument("--seed", type=int, default=0, help="the same seed, the same rows")
        parser.add_argument(
            "--last-day", type=date.fromisoformat, help="yesterday unless told, never later"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--allow-production", action="store_true", help="also where DEBUG is off"
        )

    def handle(self, *_args: Any, **options: Any) -> str:
        if not settings.DEBUG and not options["allow_production"]:
            raise CommandError(
                "This fills the database with invented years: for development and measurement only."
                " To do it here all the same, add --allow-production."
            )
        yesterday = local_day(timezone.now(), ZONE) - timedelta(days=1)
        last_day = options["last_day"] or yesterday
        if last_day > yesterday:
            raise CommandError(f"A history ends yesterday at the latest, on {yesterday}.")
        try:
            made = history.seed_history(
                last_day=last_day,
                days=options["days"],
                companies=options["companies"],
                bookings_per_day=options["bookings_per_day"],
                seed=options["seed"],
                progress=self._progress,
            )
        except DomainError as error:
            raise CommandError(str(error)) from error
        return json.dumps(_as_json(made)) if options["json"] else _text(made)

    def _progress(self, done: int, of: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{done} of {of} days", ending="\n" if done == of else "")
            self.stderr.flush()


def _between(lowest: int, highest: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not lowest <= int(text) <= highest:
            raise ArgumentTypeError(f"a whole number from {lowest} to {highest}")
        return int(text)

    return parse


def _as_json(made: History) -> dict[str, Any]:
    return {
        **asdict(made),
        "first_day": made.first_day.isoformat(),
        "last_day": made.last_day.isoformat(),
        "rows": dict(made.rows),
        "total": made.rows.total(),
        "rows_per_s": round(made.rows_per_s),
    }


def _text(made: History) -> str:
    width = max(map(len, made.rows))
    lines = [f"{', '.join(made.companies)}: {made.first_day} to {made.last_day}"]
    if made.replaced:
        lines.append(f"{made.replaced} bookings of before removed in {made.clear_s:.1f} s")
    lines += [f"{table:<{width}} {count:>10,}" for table, count in made.rows.items()]
    lines.append(f"{'rows':<{width}} {made.rows.total():>10,}")
    lines.append(
        f"written in {made.write_s:.1f} s, indexes and foreign keys included:"
        f" {made.rows_per_s:,.0f} rows a second; statistics in {made.analyze_s:.1f} s"
    )
    return "\n".join(lines)
