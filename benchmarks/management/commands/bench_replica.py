"""How many reads a second are answered with a replica beside the primary, and without."""

import json
import os
import subprocess
import sys
import time
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts import paging
from accounts.models import Company
from atmr import routing
from atmr.embedded import EmbeddedError
from atmr.embedded.standby import Standby
from bookings.models import Booking
from dispatch.metrics import reading
from dispatch.models import Assignment
from dispatch.services import policies

PAGE = 50


class Command(BaseCommand):
    help = (
        "Have client processes read pages and the figures of a day for some seconds, all of the"
        " primary, then half of them of the replica: that of REPLICA_DATABASE_URL, or a copy of"
        " the embedded server made for it. On a machine that both servers share with the clients"
        " the gain is bounded by its cores."
        "\n\nExample: manage.py bench_replica --company demo --day 2027-03-10 --clients 4"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--company", required=True, help="short name of the company")
        parser.add_argument("--day", required=True, type=date.fromisoformat, help="with a plan")
        parser.add_argument("--clients", type=int, default=4, help="default: 4")
        parser.add_argument("--seconds", type=float, default=10, help="each time; default: 10")
        parser.add_argument("--client", choices=["default", "replica"], help="be one of them")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, company: str, day: date, **options: Any) -> None:
        try:
            tenant = Company.objects.get(slug=company)
        except Company.DoesNotExist as exc:
            raise CommandError(f"There is no company {company}.") from exc
        if options["client"]:
            reads = read(tenant, day, options["seconds"], options["client"])
            self.stdout.write(json.dumps({"reads": reads}))
            return
        found = self._compare([company, day.isoformat()], options)
        if options["json"]:
            self.stdout.write(json.dumps(found))
            return
        self.stdout.write(
            "{clients} clients, {cores} cores: {primary:.0f} reads a second of the primary,"
            " {both:.0f} of both, which is {gain_percent:+.0f} %".format(**found)
        )

    def _compare(self, of: list[str], options: dict[str, Any]) -> dict[str, Any]:
        clients, seconds = options["clients"], options["seconds"]
        standby = None
        url = os.environ.get("REPLICA_DATABASE_URL", "")
        try:
            if not url:
                standby = _made()
                url = standby.url(settings.DATABASES["default"]["NAME"])
            alone = _together(["default"] * clients, of, seconds, url)
            halves = ["default", "replica"] * clients
            both = _together(halves[:clients], of, seconds, url)
        except EmbeddedError as exc:
            raise CommandError(str(exc)) from exc
        finally:
            if standby is not None:
                standby.remove()
        return {
            "clients": clients,
            "cores": os.cpu_count(),
            "seconds": seconds,
            "primary": round(alone / seconds, 1),
            "both": round(both / seconds, 1),
            "gain_percent": round((both / alone - 1) * 100, 1),
        }


def read(company: Company, day: date, seconds: float, alias: str) -> int:
    """Read until the time is up, as the doors do; give how often."""
    policy = policies.policy_of(company)
    bookings = Booking.objects.for_company(company).with_people()
    assignments = Assignment.objects.for_company(company).with_people()
    lists: list[Any] = [
        bookings.order_by("-scheduled_at", "-id"),
        assignments.order_by("pickup_at", "id"),
    ]
    reads, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        if alias == routing.REPLICA:
            with routing.reading_from_replica() as chosen:
                if chosen != alias:
                    raise CommandError("The replica cannot be used.")
                _read_once(company, day, policy, lists)
        else:
            _read_once(company, day, policy, lists)
        reads += 1 + len(lists)
    return reads


def _read_once(company: Company, day: date, policy: Any, lists: list[Any]) -> None:
    for rows in lists:
        keys = paging.keys_of(rows) or []
        paging.page_of(rows, keys, None, PAGE)
    reading.of_period(company=company, first_day=day, last_day=day, policy=policy)


def _made() -> Standby:
    """Copy the embedded server, and let the copy catch up."""
    if settings.EMBEDDED.postgres is None:
        raise CommandError("Set REPLICA_DATABASE_URL: there is no embedded server to copy.")
    standby = Standby(settings.EMBEDDED.postgres, number=9)  # beside those of tests
    standby.create()
    return standby


def _together(aliases: list[str], of: list[str], seconds: float, url: str) -> int:
    """Run clients at the same time; give what all of them have read."""
    company, day = of
    environ = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "atmr.settings",
        "REPLICA_DATABASE_URL": url,
    }
    command = [sys.executable, "-m", "django", "bench_replica", "--company", company]
    command += ["--day", day, "--seconds", str(seconds), "--client"]
    clients = [
        subprocess.Popen(  # noqa: S603 - ourselves
            [*command, alias],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environ,
        )
        for alias in aliases
    ]
    answers = [client.communicate() for client in clients]
    for client, (_said, complaint) in zip(clients, answers, strict=True):
        if client.returncode:
            raise CommandError(complaint.strip())
    return sum(json.loads(said)["reads"] for said, _complaint in answers)
