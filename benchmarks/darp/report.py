"""The scoreboard in words: for a terminal, and for `docs/optimiser-benchmarks.md`."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

Row = dict[str, Any]
Table = Callable[[Sequence[str], Iterable[Sequence[str]]], list[str]]
HEAD = (
    "family", "solver", "budget", "runs", "complete", "feasible",
    "median gap", "mean", "worst", "first plan", "worst", "iterations",
)  # fmt: skip


def text(answer: Row) -> str:
    """Columns of equal width."""
    return "\n".join(_lines(answer, _columns))


def markdown(answer: Row) -> str:
    """Tables for a document."""
    return "\n".join(_lines(answer, _pipes))


def _lines(answer: Row, table: Table) -> list[str]:
    on, rows = answer["machine"], answer["families"]
    where = f"{on['cores']} cores, {on['system']}, Python {on['python']}"
    lines = [
        f"{where}; wall seconds, one thread a run, {answer['jobs']} at a time.",
        "",
        *table(HEAD, [_cells(row) for row in rows]),
    ]
    if any(row["broken"] for row in rows):
        lines += ["", *(_broken(row) for row in rows if row["broken"])]
    for name, cannot in answer["cannot"].items():
        lines += ["", f"{name} cannot express: {'; '.join(cannot) or 'nothing of these'}."]
    if answer["below_best_known"]:
        lines += ["", "Below the best known:", *map(_below, answer["below_best_known"])]
    if answer["skipped"]:
        lines += ["", f"No instances: {', '.join(answer['skipped'])}"]
    return lines


def _broken(row: Row) -> str:
    rules = ", ".join(f"{rule} in {count}" for rule, count in row["broken"].items())
    where = f"{row['solver']} on {row['family']} at {row['budget_s']:g} s"
    gap = row["mean_gap_whatever_breaks_percent"]
    cost = "" if gap is None else f" (mean cost of what is complete {gap:+.1f} %)"
    return f"{where} breaks, of {row['runs']} runs: {rules}{cost}"


def _cells(row: Row) -> tuple[str, ...]:
    optional = row["patients"] is not None
    gaps = (
        (f"serves {row['patients_served']}/{row['patients']} patients", "", "")
        if optional
        else tuple(
            _or_dash(row[name], "{:.3f} %")
            for name in ("median_gap_percent", "mean_gap_percent", "worst_gap_percent")
        )
    )
    return (
        row["family"],
        row["solver"],
        f"{row['budget_s']:g} s",
        f"{row['instances']} x {row['seeds']}",
        f"{row['complete']}/{row['runs']}",
        f"{row['feasible']}/{row['runs']}",
        *gaps,
        _or_dash(row["first_complete_median_s"], "{:.3f} s"),
        _or_dash(row["first_complete_worst_s"], "{:.3f} s"),
        _or_dash(row["iterations"], "{:,.0f}"),
    )


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _below(found: Row) -> str:
    routes = " | ".join(" ".join(map(str, route)) or "-" for route in found["routes"])
    return (
        f"{found['family']} {found['instance']}: {found['cost']:.4f} < {found['best_known']:.2f}"
        f" ({found['solver']}, {found['budget_s']:g} s, seed {found['seed']}): {routes}"
    )


def _pipes(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def _columns(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [tuple(head), *map(tuple, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return [
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
