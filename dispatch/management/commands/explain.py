"""Say why a booking has its driver, or why it has none."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from atmr.errors import DomainError
from bookings.models import Booking
from dispatch.management.answering import Answer, AnsweringCommand
from dispatch.services import explaining
from fleet.models import Driver


class NoSuchBooking(DomainError):
    message = "There is no booking “%(reference)s”."


class SeveralBookings(DomainError):
    message = "Several companies have a booking “%(reference)s”: add --company."


class Command(AnsweringCommand):
    help = "Say why this driver, or why none: manage.py explain --booking 7KQ2M"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--booking", required=True, help="reference of the booking")
        parser.add_argument("--company", help="short name, where two companies use the reference")

    def answer(self, **options: Any) -> Answer:
        booking = _find(options["booking"], options["company"])
        found = explaining.explain_booking(booking=booking, now=timezone.now())
        return Answer(found, _text(found))


def _find(reference: str, company: str | None) -> Booking:
    found = Booking.objects.filter(reference=reference).select_related("company__policy")
    if company:
        found = found.filter(company__slug=company)
    bookings = list(found[:2])
    if not bookings:
        raise NoSuchBooking(reference=reference)
    if len(bookings) > 1:
        raise SeveralBookings(reference=reference)
    return bookings[0]


def _text(answer: dict[str, Any]) -> str:
    rows = [answer, *answer.get("runners_up", []), *answer.get("drivers", [])]
    names = Driver.objects.in_bulk({row["driver"] for row in rows if "driver" in row})
    head = f"{answer['booking']} ({answer['status']}): "
    if "why" in answer:
        lines = [
            f"  {names[miss['driver']]}: {explaining.sentence(miss['rule'], miss['amount'])}"
            for miss in answer.get("drivers", [])
        ]
        return "\n".join([head + answer["why"], *lines])
    terms = ", ".join(f"{name} {value:g}" for name, value in answer["terms"].items() if value)
    lines = [f"{head}{names[answer['driver']]}, pickup {answer['pickup_at']}, costs {terms}"]
    lines += [
        f"  {names[other['driver']]} would cost {other['cost']:g}" for other in answer["runners_up"]
    ]
    return "\n".join(lines)
