"""The figures of `bench_dispatch` as tables: for a terminal, and for `docs/performance.md`."""

import os
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from benchmarks.measuring import KINDS

Row = dict[str, Any]
PREDECESSOR_SIZE = 100


def machine() -> dict[str, Any]:
    """Say what was measured on: a figure without its machine is none."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        server = cursor.fetchone()[0].split()[0]
        cursor.execute("SHOW synchronous_commit")
        commit = cursor.fetchone()[0]
    return {
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "postgresql": server,
        "synchronous_commit": commit,
    }


def conditions(answer: Row) -> str:
    """Say in a line or two under what the figures hold."""
    on, trips = answer["machine"], answer["round_trip_ms"]
    told = ", ".join(f"{name.replace('_', ' ')} {ms} ms" for name, ms in trips.items())
    return (
        f"{on['cores']} cores, {on['system']}, Python {on['python']},"
        f" PostgreSQL {on['postgresql']} (synchronous_commit {on['synchronous_commit']}).\n"
        f"Added to a round trip: {answer['latency_ms']} ms. SELECT 1: {told}."
    )


def text(answer: Row) -> str:
    """Put the figures into a table of less than 100 columns, two lines a size."""
    head = (
        f"{'bookings':>8} {'drivers':>7}  {'way':<11} {'statements':>10} "
        f"{'SEL/INS/UPD/other':>19} {'seconds':>8} {'p99':>7} {'ratio':>6} "
        f"{'db cpu':>6} {'rows/s':>6}"
    )
    lines = [conditions(answer), "", head]
    for row in answer["rows"]:
        first = f"{row['bookings']:>8} {row['drivers']:>7}"
        lines.append(f"{first}  {_line(row, 'row by row', 'baseline_')}")
        lines.append(f"{'':>16}  {_line(row, 'ours', '')}")
    return "\n".join(lines)


def _line(row: Row, way: str, prefix: str) -> str:
    kinds = "/".join(str(row[f"{prefix}by_kind"][kind]) for kind in KINDS)
    seconds = row["seconds" if way == "ours" else "baseline_s"]
    ratio = f"{row['ratio']:.1f}x" if way == "ours" else ""
    return (
        f"{way:<11} {row[f'{prefix}statements']:>10} {kinds:>19} {seconds:>8.3f}"
        f" {_or_dash(row[f'{prefix}p99'], '{:.3f}'):>7} {ratio:>6}"
        f" {_or_dash(row[f'{prefix}cpu_share'], '{:.0%}'):>6} {row[f'{prefix}rows_per_s']:>6}"
    )


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


@dataclass(frozen=True)
class Estimate:
    """What the predecessor expected of one change, and where to find what is true of ours."""

    what: str
    before: str
    after: str
    size: int
    measured: Callable[[Row], tuple[str, str]]  # row by row, ours


def _kind(*kinds: str) -> Callable[[Row], tuple[str, str]]:
    def read(row: Row) -> tuple[str, str]:
        return tuple(str(sum(row[f"{p}by_kind"][k] for k in kinds)) for p in ("baseline_", ""))  # type: ignore[return-value]

    return read


def _pair(before: str, after: str, form: str = "{}") -> Callable[[Row], tuple[str, str]]:
    return lambda row: (_or_dash(row[before], form), _or_dash(row[after], form))


def _seconds(row: Row) -> tuple[str, str]:
    return f"{row['baseline_s']:.3f} s", f"{row['seconds']:.3f} s ({row['ratio']:.1f}x)"


def _connections(row: Row) -> tuple[str, str]:
    used = f"{row['connections']} of {row['connections_most']}"
    return used, used


_SIZED = ((10, "0.5", "0.08"), (50, "2.5", "0.25"), (100, "6", "0.4"), (200, "15", "0.8"))
ESTIMATES = (
    Estimate(
        "statements", "700", "10", PREDECESSOR_SIZE, _pair("baseline_statements", "statements")
    ),
    Estimate("INSERT", "100", "1", PREDECESSOR_SIZE, _kind("INSERT")),
    Estimate("UPDATE", "50", "1", PREDECESSOR_SIZE, _kind("UPDATE")),
    Estimate("SELECT (repeated)", "450", "3", PREDECESSOR_SIZE, _kind("SELECT")),
    *(
        Estimate("a run", f"{before} s", f"{after} s", size, _seconds)
        for size, before, after in (*_SIZED, (500, "45", "2"))
    ),
    Estimate("P50", "3 s", "0.2 s", PREDECESSOR_SIZE, _pair("baseline_p50", "p50", "{:.3f} s")),
    Estimate("P99", "12 s", "0.8 s", PREDECESSOR_SIZE, _pair("baseline_p99", "p99", "{:.3f} s")),
    Estimate(
        "database CPU, share of the run",
        "85 %",
        "10 %",
        PREDECESSOR_SIZE,
        _pair("baseline_cpu_share", "cpu_share", "{:.0%}"),
    ),
    Estimate("connections of one run", "9 of 10", "2 of 10", PREDECESSOR_SIZE, _connections),
)


def markdown(answer: Row) -> str:
    """Put the figures beside what the predecessor estimated, line by line."""
    rows = {row["bookings"]: row for row in answer["rows"]}
    lines = [
        conditions(answer),
        "",
        *_table(
            ("", "bookings", "estimated: before", "after", "measured: row by row", "ours"),
            (_estimate_line(estimate, rows.get(estimate.size)) for estimate in ESTIMATES),
        ),
        "",
        *_table(
            (
                "bookings",
                "drivers",
                "statements",
                "seconds",
                "P99",
                "rows/s",
                "database CPU",
                "times",
            ),
            (_size_line(row) for row in answer["rows"]),
        ),
    ]
    return "\n".join(lines)


def _estimate_line(estimate: Estimate, row: Row | None) -> Sequence[str]:
    measured = estimate.measured(row) if row else ("-", "-")
    return (estimate.what, str(estimate.size), estimate.before, estimate.after, *measured)


def _size_line(row: Row) -> Sequence[str]:
    return (
        str(row["bookings"]),
        str(row["drivers"]),
        f"{row['baseline_statements']} → {row['statements']}",
        f"{row['baseline_s']:.3f} → {row['seconds']:.3f}",
        f"{_or_dash(row['baseline_p99'], '{:.3f}')} → {_or_dash(row['p99'], '{:.3f}')}",
        f"{row['baseline_rows_per_s']} → {row['rows_per_s']}",
        f"{_or_dash(row['baseline_cpu_share'], '{:.0%}')} → {_or_dash(row['cpu_share'], '{:.0%}')}",
        f"{row['ratio']:.1f}",
    )


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *lines)]
