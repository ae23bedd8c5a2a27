"""How commands that plan a day are asked to: the same options, read the same way."""

from argparse import ArgumentTypeError
from datetime import UTC, date, datetime
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from accounts.models import Company
from atmr.errors import DomainError
from dispatch.management.answering import company_of

# What a run's column for its seed holds.
LARGEST = 2**31 - 1


class NotASetting(DomainError):
    message = "--set wants NAME=VALUE, not “%(pair)s”."


def add_planning_arguments(parser: CommandParser) -> None:
    parser.add_argument("--company", required=True, help="short name of the company")
    parser.add_argument("--day", required=True, type=date.fromisoformat, help="2027-03-10")
    parser.add_argument("--apply", action="store_true", help="apply the plan at once")
    parser.add_argument("--budget", type=float, help="seconds of search")
    parser.add_argument("--iterations", type=_natural, help="iterations of search, not seconds")
    parser.add_argument(
        "--seed", type=_natural, default=0, help="same seed and iterations: same plan"
    )
    parser.add_argument("--now", type=datetime.fromisoformat, help="plan as if it were then")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="override a setting"
    )


def planning_of(options: dict[str, Any]) -> dict[str, Any]:
    """Give what `planning.plan_day` is to be called with.

    :raises NoSuchCompany: none has this short name.
    :raises NotASetting: an override is no pair.
    """
    company = company_of(options["company"])
    return {
        "company": company,
        "day": options["day"],
        "now": _instant(options["now"], company),
        "apply": options["apply"],
        "overrides": _overrides(options["set"], options["budget"]),
        "iterations": options["iterations"],
        "seed": options["seed"],
    }


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= LARGEST):
        raise ArgumentTypeError(f"a whole number from 0 to {LARGEST}, not {text}")
    return int(text)


def _instant(given: datetime | None, company: Company) -> datetime:
    """Read the clock, or take the time given: in the company's zone unless it says another."""
    if given is None:
        return timezone.now()
    # In UTC, hours that are added later are hours on the days when the clock changes, too.
    return (given if given.tzinfo else given.replace(tzinfo=company.tz)).astimezone(UTC)


def _overrides(pairs: list[str], budget: float | None) -> dict[str, Any]:
    overrides: dict[str, Any] = {} if budget is None else {"budget_s": budget}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise NotASetting(pair=pair)
        overrides[name.strip()] = value.strip()
    return overrides
