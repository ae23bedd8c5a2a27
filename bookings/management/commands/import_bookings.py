"""Book the lines of a CSV file for one company."""

import json
import sys
from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext

from accounts.models import Company
from atmr.errors import DomainError, refusal_of
from bookings.services import importing
from bookings.services.importing import Report


class Command(BaseCommand):
    help = (
        "Book the lines of a CSV file: good lines are kept, bad ones are told, and none is booked"
        " twice. docs/import.md describes the columns.\n\n"
        "manage.py import_bookings docs/import-example.csv --company demo --accept 5 10"
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        kwargs["formatter_class"] = RawDescriptionHelpFormatter
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--company", required=True, metavar="SLUG")
        parser.add_argument(
            "--all-or-nothing", action="store_true", help="one bad line keeps all from being booked"
        )
        parser.add_argument(
            "--accept",
            nargs=2,
            type=int,
            metavar=("BEFORE", "AFTER"),
            help="accept the bookings, and promise each pickup from BEFORE minutes before the"
            " requested time to AFTER minutes after it; otherwise they wait as pending",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, file: Path, company: str, **options: Any) -> None:
        try:
            report = importing.import_bookings(
                company=Company.objects.get(slug=company),
                content=file.read_bytes(),
                actor=None,
                now=timezone.now(),
                all_or_nothing=options["all_or_nothing"],
                windows_min=tuple(options["accept"]) if options["accept"] else None,
                progress=self._progress,
            )
        except Company.DoesNotExist as exc:
            text = gettext("There is no company “%(slug)s”.") % {"slug": company}
            raise CommandError(text) from exc
        except OSError as exc:
            raise CommandError(f"{file}: {exc.strerror}") from exc
        except DomainError as exc:
            raise CommandError(f"{file}: {exc}") from exc
        except IntegrityError as exc:
            if (refusal := refusal_of(exc)) is None:
                raise
            raise CommandError(f"{file}: {refusal}") from exc
        if options["json"]:
            self.stdout.write(json.dumps(as_json(report)))
        else:
            self.stdout.write("\n".join(as_lines(report)))
        if report.errors and not report.created and not report.already_there:
            raise CommandError(gettext("Nothing was booked: correct these lines and repeat."))

    def _progress(self, done: int, lines: int) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\r{done} / {lines}", ending="" if done < lines else "\n")


def as_json(report: Report) -> dict[str, Any]:
    return {
        "lines": report.lines,
        "created": report.created,
        "already_there": [
            {"line": line, "same_as": same_as} for line, same_as in report.already_there
        ],
        "errors": [
            {
                "line": error.line,
                "column": error.column,
                "value": error.value,
                "message": str(error.message),
            }
            for error in report.errors
        ],
        "clients_created": report.clients,
        "places_created": report.places,
        "ignored_columns": report.ignored,
    }


def as_lines(report: Report) -> list[str]:
    lines = [
        gettext("Line %(line)s, %(column)s: %(message)s")
        % {
            "line": error.line,
            "column": f"{error.column} “{error.value}”".strip(),
            "message": error.message,
        }
        for error in report.errors
    ]
    lines += [
        gettext("Line %(line)s is booked already: %(same)s") % {"line": line, "same": same}
        for line, same in report.already_there
    ]
    if report.ignored:
        unread = ", ".join(report.ignored)
        lines.append(gettext("Columns left unread: %(columns)s") % {"columns": unread})
    lines.append(
        gettext(
            "%(lines)s lines: %(created)s bookings made, %(there)s lines booked already,"
            " %(bad)s bad lines; %(clients)s clients and %(places)s places added"
        )
        % {
            "lines": report.lines,
            "created": len(report.created),
            "there": len(report.already_there),
            "bad": len({error.line for error in report.errors}),
            "clients": report.clients,
            "places": len(report.places),
        }
    )
    return lines
