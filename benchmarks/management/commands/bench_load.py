"""Let people work at the console for a minute, and say how long they waited."""

import signal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from atmr.demo import THREADS
from atmr.errors import DomainError
from benchmarks.load import report, running
from benchmarks.load.stage import ensure_history, stage
from benchmarks.production import refuse_in_production
from dispatch.management.answering import Answer, AnsweringCommand

THINK_S = (5.0, 15.0)


class Stopped(DomainError):
    message = _("Stopped. What was started has been ended, and what was made removed.")


class Command(AnsweringCommand):
    help = (
        "Let so many people work at the console: lists, searches, day page, decisions, bookings,\n"
        "API, a plan now and then; against the web server as it is served.\n"
        "Example: manage.py bench_load --users 50 --seconds 60"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--users", type=int, default=50, help="50 unless told")
        parser.add_argument("--seconds", type=int, default=60, help="60 unless told")
        parser.add_argument("--bookings", type=int, help="make a history if it has fewer")
        parser.add_argument(
            "--allow-production", action="store_true", help="also where DEBUG is off"
        )

    def answer(self, **options: Any) -> Answer:
        refuse_in_production(options)
        # Whoever stops us stops what we started too.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        users, seconds = options["users"], options["seconds"]
        folder = Path(settings.BASE_DIR) / "var" / "load"
        folder.mkdir(parents=True, exist_ok=True)
        bookings = ensure_history(wanted=options["bookings"], say=self.stderr.write)
        running.collect_static(folder)
        now = timezone.now()
        try:
            with stage(users=users, seconds=seconds, think_s=THINK_S, now=now) as prepared:
                self.stderr.write(f"{users} people sign in and work for {seconds} s ...")
                found = running.run(prepared, folder=folder)
        except KeyboardInterrupt as stopped:
            raise Stopped from stopped
        found |= {"users": users, "bookings": bookings, "think_s": THINK_S}
        found["conditions"] = (
            f"{users} users, {THINK_S[0]:.0f} to {THINK_S[1]:.0f} s between clicks,"
            f" {found['seconds']:.0f} s; a history of {bookings:,} bookings;\n"
            f"gunicorn: {settings.WEB_PROCESSES} processes of {THREADS} threads,"
            " DEBUG=0. Milliseconds."
        )
        errors = sum(error["occurrences"] for error in found["errors"])
        refusal = f"{errors} requests failed." if errors else ""
        if refusal and not options["json"]:
            self.stdout.write(report.text(found))
        return Answer(found, report.text(found), refusal)
