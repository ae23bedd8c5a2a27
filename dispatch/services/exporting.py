"""Bookings as a CSV file, written line by line: its size never shows in memory."""

import csv
import io
from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, QuerySet, Subquery

from bookings.models import Booking
from dispatch.models import Assignment, AssignmentStatus

CHUNK_ROWS = 1000
# Excel takes a file for UTF-8 only behind this mark, and parts columns as its country does.
_BYTE_ORDER_MARK, _SEPARATOR = "\ufeff", ";"
# What a spreadsheet would run as a formula, whoever wrote it into a name or a note.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

Writer = Callable[[Any, ZoneInfo], str]


def _text(value: Any, _zone: ZoneInfo) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _instant(value: datetime | None, zone: ZoneInfo) -> str:
    return value.astimezone(zone).isoformat(timespec="seconds") if value else ""


def _day(value: datetime | None, zone: ZoneInfo) -> str:
    return value.astimezone(zone).date().isoformat() if value else ""


def _time(value: datetime | None, zone: ZoneInfo) -> str:
    return f"{value.astimezone(zone):%H:%M}" if value else ""


def _date(value: date | None, _zone: ZoneInfo) -> str:
    return value.isoformat() if value else ""


def _yes(value: bool, _zone: ZoneInfo) -> str:  # noqa: FBT001 - a cell's value
    return "yes" if value else "no"


# Heading, where its value is, how it is written. `docs/export.md` says what each means. Headings
# that the import knows too mean the same there.
COLUMNS: list[tuple[str, str, Writer]] = [
    ("booking", "reference", _text),
    ("company", "company__slug", _text),
    ("status", "status", _text),
    ("day", "scheduled_at", _day),
    ("pickup_time", "requested_pickup_at", _time),
    ("appointment_time", "appointment_at", _time),
    ("appointment_end", "appointment_ends_at", _time),
    ("client", "client__name", _text),
    ("birth_day", "client__birth_day", _date),
    ("mobility", "mobility", _text),
    ("companions", "companions", _text),
    ("pickup", "pickup_place__name", _text),
    ("pickup_floor", "pickup_floor", _text),
    ("delivery", "delivery_place__name", _text),
    ("delivery_floor", "delivery_floor", _text),
    ("partner", "partner__name", _text),
    ("partner_reference", "partner_reference", _text),
    ("priority", "priority", _text),
    ("payer", "payer", _text),
    ("exclusive", "exclusive", _yes),
    ("infectious", "infectious", _yes),
    ("driver", "last_driver", _text),
    ("outbound", "outbound__reference", _text),
    ("scheduled_at", "scheduled_at", _instant),
    ("promised_from", "promised_from", _instant),
    ("promised_until", "promised_until", _instant),
    ("actual_pickup_at", "actual_pickup_at", _instant),
    ("actual_delivery_at", "actual_delivery_at", _instant),
    ("booked_at", "created_at", _instant),
    ("cancel_reason", "cancel_reason", _text),
    ("driver_notes", "driver_notes", _text),
]
_zone_of = cache(ZoneInfo)


def csv_of(bookings: QuerySet[Booking]) -> Iterator[str]:
    """Write bookings in their order, each in its company's time. One statement.

    The rows stay with the server, in a cursor of its own, until they are asked for.
    """
    driver = Assignment.objects.filter(
        booking=OuterRef("pk"), status__in=[AssignmentStatus.LIVE, AssignmentStatus.DONE]
    ).order_by("-created_at")
    paths = [path for _heading, path, _write in COLUMNS]
    rows = (
        bookings.select_related(None)
        .annotate(last_driver=Subquery(driver.values("driver__name")[:1]))
        .values_list("company__time_zone", *paths)
        .iterator(chunk_size=CHUNK_ROWS)
    )
    buffer = io.StringIO()
    buffer.write(_BYTE_ORDER_MARK)
    lines = csv.writer(buffer, delimiter=_SEPARATOR, lineterminator="\r\n")
    lines.writerow([heading for heading, _path, _write in COLUMNS])
    for number, (zone_name, *values) in enumerate(rows, start=1):
        zone = _zone_of(zone_name)
        cells = zip(COLUMNS, values, strict=True)
        lines.writerow([write(value, zone) for (_heading, _path, write), value in cells])
        if number % CHUNK_ROWS == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()
