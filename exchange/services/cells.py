"""Cells as a company's people write them, and as its files give them back."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from atmr import clock
from bookings.csvcells import BadCell, parse_day, parse_time, parse_yes
from bookings.csvfile import plain

# Of a list in one cell. A comma stands inside names too.
_APART = re.compile(r"[|;\n]")
_SERIAL = re.compile(r"\d{4,5}(\.\d+)?")
_FRACTION = re.compile(r"0?\.\d+(e-\d+)?", re.IGNORECASE)
_WITH_OFFSET = re.compile(r"(.*\d)\s?([+-])(\d{2}):(\d{2})")
YES, NO = "yes", "no"


def read_text(at_most: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        line = " ".join(text.splitlines())
        if len(line) > at_most:
            raise BadCell(_("Write at most %(count)s characters.") % {"count": at_most})
        return line

    return read


def read_reference(text: str) -> str:
    if _APART.search(text):
        raise BadCell(_("A reference has neither a semicolon nor a vertical bar."))
    return read_text(64)(text)


def read_notes(text: str) -> str:
    """Read a text of several lines."""
    if len(text) > 2000:
        raise BadCell(_("Write at most %(count)s characters.") % {"count": 2000})
    return write_notes(text)


def write_notes(text: str) -> str:
    return "\n".join(text.splitlines())


def read_phone(text: str) -> str:
    """Read a telephone number; a spreadsheet that took it for a number cut its zero off."""
    if re.fullmatch(r"[1-9]\d{8}", text):
        raise BadCell(
            _("The first zero is lost: write 0%(digits)s, in a column formatted as text.")
            % {"digits": text}
        )
    if re.search(r"\d[.,]?\d*E\+\d", text, re.IGNORECASE):
        raise BadCell(_("Write the telephone number as 022 555 01 01 or +41 22 555 01 01."))
    return read_text(32)(text)


def read_email(text: str) -> str:
    try:
        validate_email(text)
    except ValidationError as exc:
        raise BadCell(_("Write one e-mail address, such as name@example.org.")) from exc
    return text


def read_number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"-?\d{1,6}", text) or not least <= int(text) <= most:
            raise BadCell(
                _("Write a whole number from %(least)s to %(most)s.")
                % {"least": least, "most": most}
            )
        return int(text)

    return read


def read_day(*, this_year: int, born: bool = False) -> Callable[[str], date]:
    """Give a reader of days; a document or an inspection may be valid far ahead."""

    def read(text: str) -> date:
        if _SERIAL.fullmatch(text):
            raise BadCell(_("This is how a spreadsheet counts days: format the cell as a date."))
        return parse_day(text, this_year=this_year, born=born)

    return read


def read_wall_time(text: str) -> time:
    if _FRACTION.fullmatch(text) or text in {"0", "1"}:
        raise BadCell(_("This is how a spreadsheet counts hours: format the cell as a time."))
    return parse_time(text)


def read_clock(text: str) -> tuple[time, timedelta | None]:
    """Read a time of the day, with its offset where the clocks show it twice: 02:30+01:00."""
    offset = None
    if found := _WITH_OFFSET.fullmatch(text):
        text = found[1]
        offset = timedelta(hours=int(found[3]), minutes=int(found[4]))
        offset = -offset if found[2] == "-" else offset
        if offset > timedelta(hours=14) or offset < timedelta(hours=-12):
            raise BadCell(_("Write the time as 07:30 or 7h30."))
    return read_wall_time(text), offset


def instant(day: date, clock_time: tuple[time, timedelta | None], zone: ZoneInfo) -> datetime:
    """Give the instant at which the wall shows a time; with an offset, exactly that one."""
    wall, offset = clock_time
    if offset is None:
        return clock.at(day, wall, zone)
    return datetime.combine(day, wall, timezone(offset)).astimezone(UTC)


def write_clock(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    text = local.isoformat(timespec="minutes" if not local.second else "seconds")[11:]
    plain_time = clock.at(local.date(), local.time(), zone) == at
    return text[:-6] if plain_time else text


def read_choice(choices: type[TextChoices], **words: str) -> Callable[[str], Any]:
    """Give a reader of a choice by its value, by what screens call it, or by other `words`."""
    known = {plain(value): value for value in choices.values}
    for value, others in words.items():
        known |= {plain(word): value for word in others.split(",")}

    def read(text: str) -> Any:
        word = plain(text)
        shown = {plain(str(choice.label)): choice.value for choice in choices}
        value = known.get(word) or shown.get(word)
        if value is None:
            accepted = ", ".join(str(choice.label) for choice in choices)
            raise BadCell(_("Write one of: %(values)s.") % {"values": accepted})
        return choices(value)

    return read


def read_list(one: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """Give a reader of several, with a vertical bar between; the same twice counts once."""

    def read(text: str) -> list[Any]:
        parts = [part.strip() for part in _APART.split(text)]
        return list(dict.fromkeys(one(part) for part in parts if part))

    return read


def write_list(values: Iterable[Any]) -> str:
    return " | ".join(str(value) for value in values)


def read_yes(text: str) -> bool:
    return parse_yes(text)


def write_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return YES if value else NO
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
