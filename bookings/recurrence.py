"""On which days a series comes back: its rule, and the public holidays of Geneva."""

import re
from collections.abc import Iterator
from datetime import date, datetime, time
from functools import lru_cache
from typing import cast

import holidays
from dateutil.rrule import rrule, rrulestr
from django.utils.translation import gettext_lazy as _

from atmr.errors import DomainError

_WEEKDAY = "(MO|TU|WE|TH|FR|SA|SU)"
_NTH_WEEKDAY = rf"([+-]?[1-5])?{_WEEKDAY}"
_MONTH_DAY = r"-?([1-9]|[12]\d|3[01])"
_MONTH = r"([1-9]|1[0-2])"
_ALWAYS = {
    "FREQ": r"\w+",
    "INTERVAL": r"[1-9]\d{0,2}",
    "COUNT": r"[1-9]\d{0,3}",
    "UNTIL": r"\d{8}(T\d{6}Z?)?",
    "WKST": _WEEKDAY,
}
_WEEKLY = _ALWAYS | {"BYDAY": f"{_WEEKDAY}(,{_WEEKDAY})*"}
_MONTHLY = _ALWAYS | {
    "BYDAY": f"{_NTH_WEEKDAY}(,{_NTH_WEEKDAY})*",
    "BYMONTHDAY": f"{_MONTH_DAY}(,{_MONTH_DAY})*",
    "BYMONTH": f"{_MONTH}(,{_MONTH})*",
    "BYSETPOS": f"{_MONTH_DAY}(,{_MONTH_DAY})*",
}
# Narrower than iCalendar: a rule that names no day would be searched until the year 9999, and with
# these parts that search is short, or there is always a day.
_PARTS = {"DAILY": _ALWAYS, "WEEKLY": _WEEKLY, "MONTHLY": _MONTHLY, "YEARLY": _MONTHLY}


class InvalidRule(DomainError):
    message = _(
        "“%(rule)s” is no rule that a series can follow: look at “%(part)s”."
        " Write for example FREQ=WEEKLY;BYDAY=MO,WE,FR."
    )


class RuleNeverHappens(DomainError):
    message = _("“%(rule)s” names no day at all.")


def parse_rule(text: str, starts_day: date) -> rrule:
    """Read an iCalendar rule that counts from `starts_day` and names days, not hours.

    :raises InvalidRule: it is misspelt, or comes back more than once a day.
    :raises RuleNeverHappens: there is no such day.
    """
    parts = _parts_of(text)
    if "UNTIL" in parts:  # the whole of that day
        parts["UNTIL"] = parts["UNTIL"][:8] + "T235959"
    starts_at = datetime.combine(starts_day, time.min)
    joined = ";".join(f"{name}={value}" for name, value in parts.items())
    try:
        rule = cast("rrule", rrulestr(joined, dtstart=starts_at))
    except ValueError as exc:
        raise InvalidRule(rule=text, part=exc) from exc
    if next(iter(rule), None) is None:
        raise RuleNeverHappens(rule=text)
    return rule


def rule_days(rule: rrule, from_day: date, until_day: date) -> Iterator[date]:
    """Give the days of the rule in [from_day, until_day], in order."""
    for moment in rule.xafter(datetime.combine(from_day, time.min), inc=True):
        if moment.date() > until_day:
            return
        yield moment.date()


def is_holiday(day: date) -> bool:
    """Say whether Geneva rests on `day`; weekends are no holidays."""
    return day in _holidays(day.year)


def _parts_of(text: str) -> dict[str, str]:
    pairs = [
        part.partition("=")[::2]
        for part in text.strip().upper().removeprefix("RRULE:").strip(";").split(";")
    ]
    parts = dict(pairs)
    if parts.get("FREQ") not in _PARTS or {"COUNT", "UNTIL"} <= parts.keys():
        raise InvalidRule(rule=text, part="COUNT" if parts.get("FREQ") in _PARTS else "FREQ")
    known = _PARTS[parts["FREQ"]]
    for name, value in pairs:
        if name not in known or parts[name] != value or not re.fullmatch(known[name], value):
            raise InvalidRule(rule=text, part=f"{name}={value}")
    return parts


@lru_cache(maxsize=32)
def _holidays(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("CH", subdiv="GE", years=year))
