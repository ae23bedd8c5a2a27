"""Start, stop and look at the embedded servers of this checkout."""

import json
from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from atmr.embedded import EmbeddedError


class Command(BaseCommand):
    help = "Start, stop or show the embedded PostgreSQL and Valkey.\n\nmanage.py embedded status"
    requires_system_checks = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        kwargs["formatter_class"] = RawDescriptionHelpFormatter
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["start", "stop", "status"])
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, action: str, **options: Any) -> str:
        services = settings.EMBEDDED
        try:
            if action == "start":
                services.ensure()
            elif action == "stop":
                services.stop()
            status = services.status()
        except EmbeddedError as exc:
            raise CommandError(str(exc)) from exc
        return json.dumps(status) if options["json"] else "\n".join(describe(status))


def describe(status: dict[str, dict[str, Any]]) -> list[str]:
    lines = []
    for name, server in status.items():
        if not server["embedded"]:
            lines.append(f"{name}: not embedded")
        elif server["running"]:
            lines.append(f"{name}: runs as process {server['pid']} at {server['url']}")
        else:
            lines.append(f"{name}: stopped")
    return lines
