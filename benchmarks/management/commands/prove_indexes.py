"""Show what each named index is worth on a history: pages and time with it and without it."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from atmr.errors import DomainError
from benchmarks import proof
from benchmarks.proof import Proof, Reading
from bookings.models import Booking


class Command(BaseCommand):
    help = (
        "For each named index: what of the product it serves, and that statement with it and\n"
        "without it. Fill a history first; tables are locked for seconds while it runs.\n"
        "Example: manage.py prove_indexes --at-least 1000000 --save proof.json"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--at-least", type=int, default=1_000_000, help="bookings; a million unless told"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--save", type=Path, help="write the JSON to a file, too")

    def handle(self, *_args: Any, at_least: int, save: Path | None, **options: Any) -> str:
        proofs: list[Proof] = []
        try:
            for each in proof.prove(at_least=at_least):
                proofs.append(each)
                if self.stderr.isatty():
                    self.stderr.write(each.index)
        except DomainError as error:
            raise CommandError(str(error)) from error
        bookings = Booking.objects.count()
        found = {"bookings": bookings, "indexes": [_as_dict(each) for each in proofs]}
        if save is not None:
            save.write_text(json.dumps(found, indent=2) + "\n")
        return json.dumps(found) if options["json"] else _text(bookings, proofs)


def _as_dict(each: Proof) -> dict[str, Any]:
    return {
        "index": each.index,
        "serves": each.serves,
        "kb": each.kb,
        "with": _reading(each.with_index),
        "without": _reading(each.without),
        "ratio": None if each.ratio is None else round(each.ratio, 1),
    }


def _reading(reading: Reading | None) -> dict[str, Any] | None:
    if reading is None:
        return None
    return {"nodes": reading.nodes, "hit": reading.hit, "read": reading.read, "ms": reading.ms}


def _text(bookings: int, proofs: list[Proof]) -> str:
    head = "| index | MB | serves | pages with | ms | pages without | ms | times the pages |"
    lines = [f"{bookings:,} bookings; each read twice, the second time counts", "", head]
    lines.append("|---|--:|---|--:|--:|--:|--:|--:|")
    for each in proofs:
        cells = [f"`{each.index}`", f"{each.kb / 1024:.0f}", each.serves]
        cells += [*_cells(each.with_index), *_cells(each.without)]
        cells.append("" if each.ratio is None else f"{each.ratio:,.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cells(reading: Reading | None) -> tuple[str, str]:
    if reading is None:
        return "not taken", ""
    if reading.ms is None:
        return "?", f"over {proof.PATIENCE_S:,} s"
    cold = f" ({reading.read:,} from disk)" if reading.read else ""
    return f"{reading.pages:,}{cold}", f"{reading.ms:,.1f}"
