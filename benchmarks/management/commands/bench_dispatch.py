"""Measure planning a day the row-at-a-time way beside ours."""

import json
import sys
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from benchmarks import tables
from benchmarks.comparing import compare, network
from benchmarks.measuring import FOR_P99
from benchmarks.production import refuse_in_production
from dispatch.management.answering import Answer, AnsweringCommand

LARGEST = 20_000
DEFAULT_SIZES = "10,50,100,200,500"
PERCENTILES_AT = 100


class Command(AnsweringCommand):
    help = (
        "Plan and apply a day the row-at-a-time way and ours, by turns, on the same rows with the\n"
        "same plan, half of its bookings held by another driver before.\n"
        "Example: manage.py bench_dispatch --sizes 10,50,100,200,500 --latency-ms 1"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--sizes", type=_sizes, default=DEFAULT_SIZES, help=f"bookings: {DEFAULT_SIZES}"
        )
        parser.add_argument(
            "--latency-ms", type=_milliseconds, default=0.0, help="added to each round trip"
        )
        parser.add_argument("--repeats", type=_count, default=7, help="of each way: 7 unless told")
        parser.add_argument(
            "--percentiles",
            action="store_true",
            help=f"{FOR_P99} repeats at {PERCENTILES_AT} bookings, for the P99",
        )
        parser.add_argument("--seed", type=int, default=0, help="the same seed, the same days")
        parser.add_argument(
            "--markdown", action="store_true", help="print the tables of docs/performance.md"
        )
        parser.add_argument("--save", type=Path, metavar="FILE", help="write the JSON there too")
        parser.add_argument(
            "--allow-production", action="store_true", help="also where DEBUG is off"
        )

    def answer(self, **options: Any) -> Answer:
        refuse_in_production(options)
        found: dict[str, Any] = {"latency_ms": options["latency_ms"], "machine": tables.machine()}
        with network(options["latency_ms"]) as round_trip_ms:
            found["round_trip_ms"] = round_trip_ms
            found["rows"] = [
                self._size(size, _repeats(size, options), options["seed"])
                for size in options["sizes"]
            ]
        if options["save"]:
            options["save"].write_text(f"{json.dumps(found, indent=1)}\n")
        table = tables.markdown if options["markdown"] else tables.text
        return Answer(found, table(found))

    def _size(self, bookings: int, repeats: int, seed: int) -> dict[str, Any]:
        if sys.stderr.isatty():
            self.stderr.write(f"{bookings} bookings, {repeats} repeats ...")
        return compare(bookings, repeats, seed)


def _repeats(size: int, options: dict[str, Any]) -> int:
    wanted: int = options["repeats"]
    return max(wanted, FOR_P99) if options["percentiles"] and size == PERCENTILES_AT else wanted


def _sizes(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.isdecimal() and 1 <= int(part) <= LARGEST for part in parts):
        raise ArgumentTypeError(f"whole numbers from 1 to {LARGEST}, such as {DEFAULT_SIZES}")
    return [int(part) for part in parts]


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise ArgumentTypeError("a whole number from 1 to 10000")
    return int(text)


def _milliseconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1000:
        raise ArgumentTypeError("milliseconds from 0 to 1000")
    return found
