"""Make a day of a company to look at."""

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
from bookings.recurrence import is_holiday
from dispatch.demo import seeding
from dispatch.demo.seeding import Seeded

ZONE = ZoneInfo("Europe/Zurich")


class Command(BaseCommand):
    help = (
        "Make a day of the demonstration company: real places of Geneva, invented people.\n"
        "A day that was made before is replaced; what people entered stays.\n"
        "Example: manage.py seed_demo --bookings 100 --day 2027-03-10 --seed 1"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--bookings", type=_between(0, 20_000), default=100, help="100 unless told"
        )
        parser.add_argument(
            "--drivers", type=_between(1, 2_000), help="one for ten bookings, two at least"
        )
        parser.add_argument("--day", type=date.fromisoformat, help="the next working day")
        parser.add_argument("--seed", type=int, default=0, help="the same seed, the same day")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--allow-production", action="store_true", help="also where DEBUG is off"
        )

    def handle(self, *_args: Any, **options: Any) -> str:
        if not settings.DEBUG and not options["allow_production"]:
            raise CommandError(
                "This makes invented people with known sign-ins: for development only."
                " To do it here all the same, add --allow-production."
            )
        now = timezone.now()
        bookings = options["bookings"]
        try:
            seeded = seeding.seed_day(
                day=options["day"] or _next_working_day(local_day(now, ZONE)),
                bookings=bookings,
                drivers=options["drivers"] or max(2, bookings // 10),
                seed=options["seed"],
                now=now,
            )
        except DomainError as error:
            raise CommandError(str(error)) from error
        return json.dumps(_as_json(seeded)) if options["json"] else _text(seeded)


def _between(lowest: int, highest: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not lowest <= int(text) <= highest:
            raise ArgumentTypeError(f"a whole number from {lowest} to {highest}")
        return int(text)

    return parse


def _next_working_day(today: date) -> date:
    day = today + timedelta(days=1)
    while day.weekday() >= 5 or is_holiday(day):
        day += timedelta(days=1)
    return day


def _as_json(seeded: Seeded) -> dict[str, Any]:
    return {
        "company": seeded.company.slug,
        "day": seeded.day.isoformat(),
        "bookings": seeded.bookings,
        "unconfirmed": seeded.unconfirmed,
        "drivers": seeded.drivers,
        "unservable": seeded.unservable,
        "overbooked": seeded.overbooked,
        "replaced": seeded.replaced,
        "sign_ins": [asdict(sign_in) for sign_in in seeded.sign_ins],
    }


def _text(seeded: Seeded) -> str:
    made = f"{seeded.bookings} bookings to plan, {seeded.drivers} drivers"
    waiting = f"{seeded.unconfirmed} returns that wait for a call"
    lines = [f"{seeded.company.slug} {seeded.day}: {made}, {waiting}."]
    if seeded.unservable:
        lines.append(f"Nobody can serve {', '.join(seeded.unservable)}.")
    if seeded.overbooked:
        lines.append(f"More work than drivers: {seeded.overbooked} bookings may find none.")
    for sign_in in seeded.sign_ins:
        password = sign_in.password or "the password it has (manage.py changepassword)"
        lines.append(f"Sign in as {sign_in.email} with {password}")
    return "\n".join(lines)
