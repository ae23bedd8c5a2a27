"""The scoreboard: per family, solver and budget what its runs came to."""

from collections.abc import Iterable
from dataclasses import asdict
from itertools import groupby
from statistics import fmean, median
from typing import Any

from benchmarks.darp.solving import OURS, Outcome

Row = dict[str, Any]


def scoreboard(outcomes: Iterable[Outcome]) -> list[Row]:
    """One row for each family, budget and solver, in the order in which solvers were run."""
    ranks: dict[str, int] = {}
    for outcome in (found := list(outcomes)):
        ranks.setdefault(outcome.solver, len(ranks))
    found.sort(key=lambda o: (o.family, o.budget_s, ranks[o.solver]))
    return [
        _row(list(runs))
        for _, runs in groupby(found, key=lambda o: (o.family, o.budget_s, o.solver))
    ]


def _row(runs: list[Outcome]) -> Row:
    gaps = [run.gap_percent for run in runs if run.gap_percent is not None]
    optional = runs[0].groups < runs[0].requests
    return {
        "family": runs[0].family,
        "solver": runs[0].solver,
        "budget_s": runs[0].budget_s,
        "instances": len({run.instance for run in runs}),
        "seeds": len({run.seed for run in runs}),
        "runs": len(runs),
        "complete": sum(run.complete for run in runs),
        "feasible": sum(run.feasible for run in runs),
        "complete_and_feasible": sum(run.complete and run.feasible for run in runs),
        "served": sum(run.served for run in runs),
        "requests": sum(run.requests for run in runs),
        "patients_served": sum(run.groups_served for run in runs) if optional else None,
        "patients": sum(run.groups for run in runs) if optional else None,
        "gap_runs": len(gaps),
        "median_gap_percent": median(gaps) if gaps else None,
        "mean_gap_percent": fmean(gaps) if gaps else None,
        "worst_gap_percent": max(gaps, default=None),
        "mean_gap_whatever_breaks_percent": _mean(
            100.0 * (run.cost / run.best_known - 1.0)
            for run in runs
            if run.best_known and run.complete
        ),
        **_moments(runs, "all_served_s" if optional else "first_complete_s"),
        "iterations": _mean(run.iterations for run in runs),
        "cpu_per_wall": sum(run.cpu_s for run in runs) / max(sum(r.seconds for r in runs), 1e-9),
        "longest_s": max(run.seconds for run in runs),
        "broken": _broken(runs),
    }


def _moments(runs: list[Outcome], name: str) -> Row:
    """Of optional requests the first plan that serves as many as the last one counts."""
    moments = [moment for run in runs if (moment := getattr(run, name)) is not None]
    return {
        "first_complete_median_s": median(moments) if moments else None,
        "first_complete_worst_s": max(moments, default=None),
    }


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _broken(runs: list[Outcome]) -> dict[str, int]:
    """In how many runs each rule was broken; what only the second judge found, beside them."""
    rules = sorted({rule for run in runs for rule in run.broken})
    found = {rule: sum(rule in run.broken for run in runs) for rule in rules}
    if alone := sum(bool(run.faults) and not run.broken for run in runs):
        found["only in the instance's own units"] = alone
    return found


def below_best_known(outcomes: Iterable[Outcome]) -> list[Row]:
    """The cheapest answer to each instance that costs less than the best known one.

    Published values have two decimals, so only what is less after rounding counts.
    """
    best: dict[tuple[str, str], Outcome] = {}
    for outcome in outcomes:
        if outcome.gap_percent is None or outcome.best_known is None:
            continue
        if round(outcome.cost, 2) >= round(outcome.best_known, 2):
            continue
        key = outcome.family, outcome.instance
        if key not in best or outcome.cost < best[key].cost:
            best[key] = outcome
    names = ("family", "instance", "solver", "budget_s", "seed", "best_known", "cost", "routes")
    return [{name: getattr(found, name) for name in names} for _, found in sorted(best.items())]


def behind(outcomes: Iterable[Outcome]) -> list[Row]:
    """Instances on which the best plan of a peer serves more than ours, or as many for less."""
    best: dict[tuple[str, str], dict[str, Outcome]] = {}
    for outcome in outcomes:
        if outcome.feasible:
            of_instance = best.setdefault((outcome.family, outcome.instance), {})
            known = of_instance.get(outcome.solver)
            if known is None or _worth(outcome) < _worth(known):
                of_instance[outcome.solver] = outcome
    return [
        {
            "family": family,
            "instance": instance,
            "solver": theirs.solver,
            "served": [theirs.groups_served, ours.groups_served if ours else 0],
            "cost": [theirs.cost, ours.cost if ours else None],
        }
        for (family, instance), of_instance in sorted(best.items())
        for ours in [of_instance.get(OURS)]
        for theirs in of_instance.values()
        if theirs.solver != OURS and (ours is None or _worth(theirs) < _worth(ours))
    ]


def _worth(outcome: Outcome) -> tuple[int, int, float]:
    """The less the better; cents of a unit are noise of published values."""
    return -outcome.groups_served, -outcome.served, round(outcome.cost, 2)


def details(outcomes: Iterable[Outcome]) -> list[Row]:
    """Every run by itself, without the way it took."""
    return [
        {name: value for name, value in asdict(outcome).items() if name != "trace"}
        for outcome in outcomes
    ]
