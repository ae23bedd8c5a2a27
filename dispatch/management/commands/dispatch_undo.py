"""Go back to the plan before the last applied run."""

import json
from dataclasses import asdict
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Company
from atmr.errors import DomainError
from dispatch.services import undoing


class Command(BaseCommand):
    help = "Go back one plan. manage.py dispatch_undo --company demo --day 2027-03-10"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--company", required=True, help="short name of the company")
        parser.add_argument("--day", required=True, type=date.fromisoformat, help="2027-03-10")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> str:
        try:
            undone = undoing.undo(
                company=Company.objects.select_related("policy").get(slug=options["company"]),
                day=options["day"],
                actor=None,
                now=timezone.now(),
            )
        except Company.DoesNotExist as error:
            raise CommandError(f"There is no company “{options['company']}”.") from error
        except DomainError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            return json.dumps(asdict(undone))
        left = f" Left as they are: {', '.join(undone.left)}." if undone.left else ""
        return (
            f"Run {undone.run} undone: {undone.restored} assignments restored,"
            f" {undone.taken_back} bookings taken back.{left}"
        )
