"""Run the optimiser over published instances, and say how far from the best known it ends."""

import sys
from argparse import ArgumentTypeError
from itertools import chain
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from benchmarks.darp import report
from benchmarks.darp.finding import Case, find_cases
from benchmarks.darp.running import apart, each, machine
from benchmarks.darp.scores import below_best_known, details, scoreboard
from benchmarks.darp.solving import OURS, Outcome, Task, asked, run
from benchmarks.peers.asking import Feature, cannot, known
from dispatch.management.answering import Answer, AnsweringCommand


class Command(AnsweringCommand):
    help = (
        "Solve every published dial-a-ride instance below a folder; per family and budget how\n"
        "many plans are complete and feasible, and their gap to the best known cost.\n"
        "Example: manage.py bench_darp instances --budgets 1,10,60 --seeds 3"
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("folder", type=Path, metavar="DIR", help="read with all below it")
        parser.add_argument(
            "--budgets", type=_budgets, default="10", help="wall seconds of a run, such as 1,10,60"
        )
        parser.add_argument("--seeds", type=_count, default=1, help="runs of each: 1 unless told")
        parser.add_argument(
            "--instances", default="*", metavar="GLOB", help="only those so named, such as 'R*a'"
        )
        parser.add_argument("--jobs", type=_count, default=1, help="runs at a time: 1 unless told")
        parser.add_argument(
            "--against",
            type=_names,
            default="",
            metavar="PEERS",
            help="such as ortools,vroom,pyvrp",
        )
        parser.add_argument("--markdown", action="store_true", help="print tables for a document")

    def answer(self, **options: Any) -> Answer:
        peers = known(options["against"])
        found = find_cases(options["folder"], options["instances"])
        tasks = _tasks(found.cases, options["budgets"], options["seeds"], peers)
        outcomes = self._outcomes(tasks, options["jobs"])
        answer = {
            "machine": machine(),
            "jobs": options["jobs"],
            "families": scoreboard(outcomes),
            "below_best_known": below_best_known(outcomes),
            "cannot": {peer: _left_out(peer, found.cases) for peer in peers},
            "skipped": found.skipped,
        }
        table = report.markdown if options["markdown"] else report.text
        return Answer(answer | {"runs": details(outcomes)}, table(answer))

    def _outcomes(self, tasks: list[Task], jobs: int) -> list[Outcome]:
        self._tell(f"{len(tasks)} runs, {sum(t.budget_s for t in tasks) / jobs:.0f} s ...")
        outcomes = []
        ours = [task for task in tasks if task.solver == OURS]
        theirs = [task for task in tasks if task.solver != OURS]
        every = chain(each(run, ours, jobs), apart(asked, theirs, jobs))
        for done, outcome in enumerate(every, 1):
            gap = outcome.gap_percent
            gap_text = f"gap {gap:.3f} %" if gap is not None else f"{outcome.served} served"
            self._tell(
                f"{done}/{len(tasks)} {outcome.instance} {outcome.solver} {outcome.budget_s:g} s "
                f"seed {outcome.seed}: cost {outcome.cost:.2f}, {gap_text}"
            )
            outcomes.append(outcome)
        return outcomes

    def _tell(self, line: str) -> None:
        if sys.stderr.isatty():
            self.stderr.write(line, lambda text: text)


def _tasks(cases: list[Case], budgets: list[float], seeds: int, peers: list[str]) -> list[Task]:
    return [
        Task(case.path, case.best_known, budget, seed, solver)
        for solver in (OURS, *peers)
        for budget in budgets
        for seed in range(seeds)
        for case in cases
    ]


def _left_out(peer: str, cases: list[Case]) -> list[str]:
    """What a peer cannot express of some of the instances."""
    missing = {text for case in cases for text in cannot(peer, case.instance.problem)}
    return [str(feature) for feature in Feature if feature in missing]


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _budgets(text: str) -> list[float]:
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(0 <= budget <= 86_400 for budget in found):
        raise ArgumentTypeError("seconds from 0 to 86400, such as 1,10,60")
    return found


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1_000:
        raise ArgumentTypeError("a whole number from 1 to 1000")
    return int(text)
