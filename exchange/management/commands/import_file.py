"""Bring a company's places, vehicles, drivers or other data from a file."""

import json
import sys
from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import Company
from atmr.errors import DomainError
from exchange.management.told import as_json, as_lines
from exchange.services import bringing
from exchange.services.catalogue import KINDS


class Command(BaseCommand):
    help = (
        "Bring a company's data from a CSV or XLSX file: all of its lines, or none when one is"
        " bad. docs/import.md describes the columns.\n\n"
        "manage.py import_file places docs/import/places.csv --company demo --check"
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        kwargs["formatter_class"] = RawDescriptionHelpFormatter
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=list(KINDS))
        parser.add_argument("file", type=Path)
        parser.add_argument("--company", required=True, metavar="SLUG")
        parser.add_argument(
            "--check", action="store_true", help="tell the differences and store nothing"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, kind: str, file: Path, company: str, **options: Any) -> None:
        try:
            tenant = Company.objects.get(slug=company)
            outcome = bringing.bring(
                kind=KINDS[kind](tenant, now=timezone.now()),
                content=file.read_bytes(),
                apply=not options["check"],
                progress=self._progress,
            )
        except Company.DoesNotExist as exc:
            text = gettext("There is no company “%(slug)s”.") % {"slug": company}
            raise CommandError(text) from exc
        except OSError as exc:
            raise CommandError(f"{file}: {exc.strerror}") from exc
        except DomainError as exc:
            raise CommandError(f"{file}: {exc}") from exc
        if options["json"]:
            self.stdout.write(json.dumps(as_json(outcome)))
        else:
            self.stdout.write("\n".join(as_lines(outcome, differences=options["check"])))
        if outcome.errors:
            raise CommandError(gettext("Nothing was stored: correct these lines and repeat."))

    def _progress(self, done: int, lines: int) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\r{done} / {lines}", ending="" if done < lines else "\n")
