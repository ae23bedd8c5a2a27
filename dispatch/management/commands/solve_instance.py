"""Solve a published dial-a-ride instance with the optimiser that plans a company's day."""

import json
from argparse import RawDescriptionHelpFormatter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from dispatch.darp.check import check
from dispatch.darp.instances import TICKS, Instance, read_instance
from dispatch.darp.plan import Plan
from dispatch.darp.search import Progress, solve

BUDGET_S = 10.0


class Command(BaseCommand):
    help = (
        "Solve a published dial-a-ride instance.\n\n"
        "manage.py solve_instance a2-16.txt --budget 5 --json"
    )
    requires_system_checks = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        kwargs["formatter_class"] = RawDescriptionHelpFormatter
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="a file of one of the four known families")
        parser.add_argument(
            "--budget",
            type=float,
            metavar="S",
            help=f"seconds to search; {BUDGET_S:g} if neither this nor --iterations is given",
        )
        parser.add_argument(
            "--iterations", type=int, metavar="N", help="iterations to search; repeatable"
        )
        parser.add_argument("--seed", type=int, default=0, metavar="S")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(
        self,
        *,
        file: Path,
        budget: float | None,
        iterations: int | None,
        seed: int,
        **options: Any,
    ) -> None:
        if min(budget or 0, iterations or 0, seed) < 0:
            raise CommandError("--budget, --iterations and --seed must not be negative.")
        try:
            instance = read_instance(file)
        except (OSError, ValueError) as exc:
            raise CommandError(str(exc)) from exc
        solution = solve(
            instance.problem,
            budget_s=BUDGET_S if budget is None and iterations is None else budget,
            iterations=iterations,
            seed=seed,
            progress=self._progress(),
        )
        report = describe(instance, solution.plan)
        report |= {"seconds": round(solution.seconds, 3), "iterations": solution.iterations}
        self.stdout.write(json.dumps(report) if options["json"] else as_text(report))
        if report["violations"]:
            raise CommandError(f"The plan breaks {len(report['violations'])} rules.")

    def _progress(self) -> Callable[[Progress], None] | None:
        if not self.stderr.isatty():
            return None
        return lambda found: self.stderr.write(
            f"{found.seconds:.1f} s, {found.iterations} iterations: "
            f"{found.unassigned} unassigned, cost {found.total / TICKS:.2f}",
            lambda line: line,
        )


def describe(instance: Instance, plan: Plan) -> dict[str, Any]:
    """The answer in the instance's own terms; requests and vehicles are counted from 1."""
    return {
        "instance": instance.name,
        "cost": instance.cost(plan),
        "served": len(instance.problem.requests) - len(plan.unassigned),
        "unassigned": [r + 1 for r in plan.unassigned],
        "violations": [
            {
                "rule": violation.rule.name,
                "amount": violation.amount / TICKS,
                "vehicle": instance.owners[violation.vehicle] + 1
                if violation.vehicle >= 0
                else None,
                "request": violation.request + 1 if violation.request >= 0 else None,
            }
            for violation in check(instance.problem, plan)
        ],
        "routes": instance.routes(plan),
    }


def as_text(report: dict[str, Any]) -> str:
    summary = (
        f"{report['instance']}: cost {report['cost']:.2f}, {report['served']} served, "
        f"{len(report['unassigned'])} unassigned, in {report['seconds']} s "
        f"and {report['iterations']} iterations"
    )
    lines = [summary]
    if report["unassigned"]:
        lines.append(f"unassigned: {' '.join(map(str, report['unassigned']))}")
    for number, route in enumerate(report["routes"], start=1):
        lines.append(f"vehicle {number}: {' '.join(map(str, route)) or '-'}")
    return "\n".join(lines)
