"""The scoreboard in words: for a terminal, and for `docs/optimiser-benchmarks.md`."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from benchmarks.darp.solving import Outcome

Row = dict[str, Any]
Table = Callable[[Sequence[str], Iterable[Sequence[str]]], list[str]]
HEAD = (
    "family", "solver", "budget", "runs", "complete", "feasible",
    "median gap", "mean", "worst", "first plan", "worst", "iterations",
)  # fmt: skip
DAY_HEAD = (
    "day", "seed", "problem", "solver", "budget", "left out", "rules broken", "cost",
    "first plan", "memory", "quote", "evaluate", "iterations",
)  # fmt: skip


def text(answer: Row) -> str:
    """Columns of equal width."""
    return "\n".join(_lines(answer, _columns))


def markdown(answer: Row) -> str:
    """Tables for a document."""
    return "\n".join(_lines(answer, _pipes))


def line(outcome: Outcome) -> str:
    """One run, as it is done."""
    gap = outcome.gap_percent
    found = f"{outcome.served} served" if gap is None else f"gap {gap:.3f} %"
    return (
        f"{outcome.instance} {outcome.solver} {outcome.budget_s:g} s seed {outcome.seed}: "
        f"cost {outcome.cost:.2f}, {found}"
    )


def day_line(row: Row) -> str:
    """One run on a day of Geneva, as it is done."""
    return (
        f"{row['problem']} {row['solver']} {row['budget_s']:g} s seed {row['seed']}: "
        f"cost {row['cost']:.1f}, {row['unassigned']} left out"
    )


def _lines(answer: Row, table: Table) -> list[str]:
    on = answer["machine"]
    where = f"{on['cores']} cores, {on['system']}, Python {on['python']}"
    lines = [f"{where}; wall seconds, one thread a run, {answer['jobs']} at a time."]
    if answer["families"]:
        lines += _instances(answer, table)
    if answer["geneva"]:
        lines += _geneva(answer, table)
    return lines


def _instances(answer: Row, table: Table) -> list[str]:
    rows = answer["families"]
    lines = ["", *table(HEAD, [_cells(row) for row in rows])]
    if any(row["broken"] for row in rows):
        lines += ["", *(_broken(row) for row in rows if row["broken"])]
    for name, cannot in answer["cannot"].items():
        lines += ["", _cannot(name, cannot)]
    if answer["cannot"]:
        ahead = [f"{row['solver']} on {row['instance']}" for row in answer["behind"]]
        lines += ["", f"A peer's best plan is better than ours: {', '.join(ahead) or 'never'}."]
    if answer["below_best_known"]:
        lines += ["", "Below the best known:", *map(_below, answer["below_best_known"])]
    if answer["skipped"]:
        lines += ["", f"No instances: {', '.join(answer['skipped'])}"]
    return lines


def _geneva(answer: Row, table: Table) -> list[str]:
    rows = answer["geneva"]
    told = {row["solver"]: row["cannot"] for row in rows if row["problem"] == "narrowed"}
    return [
        "",
        *table(DAY_HEAD, [_day_cells(row) for row in rows]),
        "",
        f"Import and warm start of the kernels: {answer['start_s']:.2f} s.",
        *(_cannot(name, cannot) for name, cannot in told.items() if cannot),
    ]


def _cannot(name: str, cannot: Sequence[str]) -> str:
    return f"{name} cannot express: {'; '.join(cannot) or 'nothing of these'}."


def _day_cells(row: Row) -> tuple[str, ...]:
    return (
        f"{row['bookings']} x {row['drivers']}",
        str(row["seed"]),
        row["problem"],
        row["solver"],
        f"{row['budget_s']:g} s",
        str(row["unassigned"]),
        ", ".join(f"{count} {rule}" for rule, count in row["broken"].items()) or "-",
        f"{row['cost']:,.1f}",
        _or_dash(row["first_complete_s"], "{:.3f} s"),
        f"{row['memory_mib']:.0f} MiB",
        _or_dash(row.get("quote_worst_ms"), "{:.1f} ms"),
        _or_dash(row.get("evaluate_worst_ms"), "{:.1f} ms"),
        _or_dash(row["iterations"], "{:,.0f}"),
    )


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
