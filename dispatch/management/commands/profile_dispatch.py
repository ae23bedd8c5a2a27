"""Say what planning a day costs, statement by statement."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from dispatch.management.answering import Answer, AnsweringCommand
from dispatch.management.asking import add_planning_arguments, planning_of
from dispatch.models import RunState
from dispatch.services import comparing, profiling
from dispatch.services.counting import SLOW_S

WIDTH = 100


class Command(AnsweringCommand):
    help = (
        "Plan a day as `dispatch` does, and say what it cost: time, statements, rows, memory.\n"
        "Example: manage.py profile_dispatch --company demo --day 2027-03-10 --save before.json"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        add_planning_arguments(parser)
        parser.add_argument(
            "--explain",
            action="store_true",
            help="run the ten slowest again, rolled back, with EXPLAIN (ANALYZE, BUFFERS)",
        )
        parser.add_argument("--save", type=Path, metavar="FILE", help="keep the profile in a file")
        parser.add_argument("--compare", type=Path, metavar="FILE", help="beside one kept before")

    def answer(self, **options: Any) -> Answer:
        asked = planning_of(options)
        before = comparing.read_profile(options["compare"]) if options["compare"] else None
        if options["save"]:
            comparing.check_writable(options["save"])
        profile = profiling.profile_day(explain=options["explain"], **asked)
        if options["save"]:
            comparing.save_profile(profile, options["save"])
        if before is not None:
            profile["comparison"] = comparing.compare(before, profile)
        refusal = ""
        if profile["state"] == RunState.REFUSED:
            refusal = f"Run {profile['run']} was {profile['reason']}."
        return Answer(profile, "\n".join(_text(profile)), refusal)


def _text(profile: dict[str, Any]) -> Iterator[str]:
    yield from _head(profile)
    yield from _phases(profile)
    yield from _statements("Slow", f"over {1000 * SLOW_S:.0f} ms", profile["slow"])
    yield from _statements("Slowest", "first ten", profile["slowest"])
    yield from _repeated(profile["repeated"])
    if "comparison" in profile:
        yield from _comparison(profile["comparison"])


def _head(profile: dict[str, Any]) -> Iterator[str]:
    database, rows = profile["database"], profile["rows"]
    connections, memory = profile["connections"], profile["memory"]
    yield f"Company {profile['company']}, day {profile['day']}"
    yield (
        f"Database {database['name']} at {database['host']}:{database['port']},"
        f" PostgreSQL {database['server']}"
    )
    yield f"Run {profile['run']}: {profile['state']}" + (
        f" ({profile['reason']})" if profile["reason"] else ""
    )
    yield (
        f"{profile['assigned']} of {profile['bookings']} bookings assigned,"
        f" {profile['assignments_created']} assignments created"
    )
    yield f"Rows: {rows['read']} read, {rows['written']} written"
    yield (
        f"Memory: {memory['peak_mb']:.0f} MB at most, {memory['grown_mb']:.1f} MB more than before"
    )
    yield (
        f"Connections: {connections['process']} of {connections['process_max']} of this process,"
        f" {connections['database']} to this database, {connections['server_max']} allowed"
    )


def _phases(profile: dict[str, Any]) -> Iterator[str]:
    statements = profile["statements"]
    yield ""
    yield f"{'phase':<10}{'seconds':>10}{'statements':>12}"
    counts = statements["phases"] | {"total": statements["total"]}
    for phase, seconds in profile["seconds"].items():
        yield f"{phase:<10}{seconds:>10.4f}{counts[phase]:>12}"
    kinds = ", ".join(f"{count} {kind}" for kind, count in statements["kinds"].items())
    yield f"By kind: {kinds or 'none'}. The total leaves out the start: loading what is compiled."


def _statements(title: str, which: str, rows: list[dict[str, Any]]) -> Iterator[str]:
    yield ""
    yield f"{title} statements ({which}): {len(rows) or 'none'}"
    for row in rows:
        yield (
            f"{1000 * row['seconds']:>9.1f} ms {row['rows']:>7} rows"
            f"  {row['phase']:<7}{row['fingerprint']}  {row['site']}"
        )[:WIDTH]
        yield _short(row["shape"], indent=13)
        for line in row.get("plan", ()):
            yield from _wrapped(line)


def _repeated(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield ""
    yield f"Repeated statements (same shape from the same line, perhaps N+1): {len(rows) or 'none'}"
    for row in rows:
        yield f"{row['count']:>9} times  {row['phase']:<7}{row['fingerprint']}  {row['site']}"[
            :WIDTH
        ]
        yield _short(row["shape"], indent=13)


def _comparison(found: dict[str, Any]) -> Iterator[str]:
    old = found["old"]
    yield ""
    yield (
        f"Compared with run {old['run']} of {old['company']}, {old['day']}"
        f" ({old['assigned']} of {old['bookings']} assigned)"
    )
    yield (
        f"{'':<10}{'seconds':>10}{'now':>10}{'change':>10}{'statements':>14}{'now':>8}{'change':>8}"
    )
    for phase, seconds in found["seconds"].items():
        sent = found["statements"].get(phase, {"old": 0, "new": 0, "difference": 0})
        yield (
            f"{phase:<10}{seconds['old']:>10.4f}{seconds['new']:>10.4f}"
            f"{seconds['difference']:>+10.4f}{sent['old']:>14}{sent['new']:>8}"
            f"{sent['difference']:>+8}"
        )
    for title, name in (("New", "new_shapes"), ("Vanished", "vanished_shapes")):
        yield f"{title} shapes: {len(found[name]) or 'none'}"
        for row in found[name]:
            yield f"  {row['fingerprint']}  {row['phase']:<7}{row['site']}"[:WIDTH]
            yield _short(row["shape"], indent=4)


def _wrapped(line: str) -> list[str]:
    """Break a line of a plan, keeping its place in the tree."""
    depth = " " * (4 + len(line) - len(line.lstrip()))
    return textwrap.wrap(
        line.lstrip(), WIDTH, initial_indent=depth, subsequent_indent=f"{depth}    "
    )


def _short(text: str, *, indent: int) -> str:
    return " " * indent + (
        text if len(text) <= WIDTH - indent else f"{text[: WIDTH - indent - 1]}…"
    )
