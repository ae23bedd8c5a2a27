"""What an export costs in memory, as it is and the way a first version would do it."""

import csv
import io
import json
import os
import resource
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Company
from benchmarks.copies import copy_booking
from bookings.models import Booking, Client
from dispatch.services import exporting
from fleet.models import Place

# Linux counts in KiB, macOS in bytes.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


def at_once(bookings: QuerySet[Booking]) -> Iterator[str]:
    """The way of a first version: all rows as objects, the whole file as a string."""
    related = ("company", "client", "pickup_place", "delivery_place", "partner", "outbound")
    rows = list(bookings.select_related(*related))
    buffer = io.StringIO()
    lines = csv.writer(buffer, delimiter=";")
    for booking in rows:
        zone = booking.company.tz
        lines.writerow(
            [write(_follow(booking, path), zone) for _heading, path, write in exporting.COLUMNS]
        )
    yield buffer.getvalue()


def _follow(row: Any, path: str) -> Any:
    for step in path.split("__"):
        row = getattr(row, step, None)  # no drivers are seeded: reading them would cost it more
    return row


WAYS: dict[str, Callable[[QuerySet[Booking]], Iterator[str]]] = {
    "streamed": exporting.csv_of,
    "at_once": at_once,
}


class Command(BaseCommand):
    help = (
        "Export bookings as CSV, streamed and all at once, each in a process of its own, and say"
        " what each takes: seconds, and how far the process grew (peak resident memory). The rows"
        " are seeded in a transaction that is taken back."
        "\n\nExample: manage.py bench_export --rows 100000"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rows", type=int, default=100_000, help="default: 100000")
        parser.add_argument("--way", choices=WAYS, help="one of the two, in this process")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, rows: int, way: str | None, **options: Any) -> None:
        found = [measure(way, rows)] if way else [self._apart(name, rows) for name in WAYS]
        if options["json"]:
            self.stdout.write(json.dumps({"rows": rows, "ways": found}))
            return
        for line in found:
            self.stdout.write(
                "{way:9} {rows} rows, {bytes} bytes in {seconds:.2f} s;"
                " the process grew by {grown_mb:.1f} MB to {peak_mb:.1f} MB".format(**line)
            )

    def _apart(self, way: str, rows: int) -> dict[str, Any]:
        """Measure in a fresh process: a peak of memory never comes down again."""
        arguments = ["bench_export", "--rows", str(rows), "--way", way, "--json"]
        done = subprocess.run(  # noqa: S603 - ourselves
            [sys.executable, "-m", "django", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "atmr.settings"},
        )
        if done.returncode:
            raise CommandError(done.stderr.strip())
        (line,) = json.loads(done.stdout)["ways"]
        return dict(line)


def measure(way: str, rows: int) -> dict[str, Any]:
    with transaction.atomic():
        bookings = _seeded(rows)
        for _part in WAYS[way](bookings[:1]):  # imports and plans are nobody's rows
            pass
        before_mb, start, size = _peak_mb(), time.perf_counter(), 0
        for part in WAYS[way](bookings):
            size += len(part.encode())
        seconds, peak_mb = time.perf_counter() - start, _peak_mb()
        transaction.set_rollback(True)
    return {
        "way": way,
        "rows": rows,
        "bytes": size,
        "seconds": round(seconds, 3),
        "grown_mb": round(peak_mb - before_mb, 1),
        "peak_mb": round(peak_mb, 1),
    }


def _seeded(rows: int) -> QuerySet[Booking]:
    company = Company.objects.create(slug="bench-export", name="Export")
    ends = [
        Place.objects.create(company=company, name=name, lat=46.2, lon=6.1)
        for name in ("Clinique", "Domicile")
    ]
    booking = Booking.objects.create(
        company=company,
        reference="BENCH",
        client=Client.objects.create(company=company, name="Rose Piguet"),
        pickup_place=ends[0],
        delivery_place=ends[1],
        requested_pickup_at=datetime(2027, 3, 10, 8, tzinfo=UTC),
        driver_notes="Sonner au deuxième, la porte de gauche",
    )
    copy_booking(booking, rows - 1)
    return Booking.objects.for_company(company).order_by("-scheduled_at", "-id")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT / 1e6
