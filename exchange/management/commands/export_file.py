"""Write a company's data as a file that the import reads back."""

from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import Company
from exchange.services import exporting
from exchange.services.catalogue import EXPORTED


class Command(BaseCommand):
    help = (
        "Write a company's data as CSV or XLSX, as the end of the file's name says.\n\n"
        "manage.py export_file clients clients.xlsx --company demo"
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        kwargs["formatter_class"] = RawDescriptionHelpFormatter
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kind", choices=list(EXPORTED))
        parser.add_argument("file", type=Path)
        parser.add_argument("--company", required=True, metavar="SLUG")
        parser.add_argument("--empty", action="store_true", help="the headings only, to fill in")

    def handle(self, *, kind: str, file: Path, company: str, empty: bool, **_: Any) -> None:
        try:
            tenant = Company.objects.get(slug=company)
        except Company.DoesNotExist as exc:
            text = gettext("There is no company “%(slug)s”.") % {"slug": company}
            raise CommandError(text) from exc
        write = exporting.as_xlsx if file.suffix.lower() == ".xlsx" else exporting.as_csv
        try:
            file.write_bytes(write(EXPORTED[kind](tenant, now=timezone.now()), empty=empty))
        except OSError as exc:
            raise CommandError(f"{file}: {exc.strerror}") from exc
