"""Go back to the plan before the last applied run."""

from dataclasses import asdict
from datetime import date
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from dispatch.management.answering import Answer, AnsweringCommand, company_of
from dispatch.services import undoing


class Command(AnsweringCommand):
    help = "Go back one plan. manage.py dispatch_undo --company demo --day 2027-03-10"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--company", required=True, help="short name of the company")
        parser.add_argument("--day", required=True, type=date.fromisoformat, help="2027-03-10")

    def answer(self, **options: Any) -> Answer:
        undone = undoing.undo(
            company=company_of(options["company"]),
            day=options["day"],
            actor=None,
            now=timezone.now(),
        )
        left = f" Left as they are: {', '.join(undone.left)}." if undone.left else ""
        text = (
            f"Run {undone.run} undone: {undone.restored} assignments restored,"
            f" {undone.taken_back} bookings taken back.{left}"
        )
        return Answer(asdict(undone), text)
