"""Run the optimiser over published instances, and say how far from the best known it ends."""

import sys
from argparse import ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from atmr.errors import DomainError
from benchmarks.darp import report
from benchmarks.darp.figure import require_one, write_figure
from benchmarks.darp.finding import Found, find_cases
from benchmarks.darp.geneva_runs import Size, day_rows, start_s
from benchmarks.darp.running import apart, each, machine
from benchmarks.darp.scores import behind, below_best_known, details, scoreboard
from benchmarks.darp.solving import OURS, Outcome, Task, asked, run
from benchmarks.darp.trials import Row
from benchmarks.peers.asking import SEEDED, Feature, cannot, known
from dispatch.management.answering import Answer, AnsweringCommand

OF_INSTANCES, OF_GENEVA, OF_PEERS_IN_GENEVA = [10.0], [2.0, 10.0], 60.0


class NothingToMeasure(DomainError):
    message = "Name a folder of instances, or a day of Geneva such as --geneva 500x50."


class Command(AnsweringCommand):
    help = (
        "Solve every published dial-a-ride instance below a folder; per family and budget how\n"
        "many plans are complete and feasible, and their gap to the best known cost.\n\n"
        "Example: manage.py bench_darp instances --budgets 1,10,60 --seeds 3\n"
        "Example: manage.py bench_darp --geneva 500x50 --against ortools,vroom,pyvrp"
    )
    requires_system_checks = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        kwargs["formatter_class"] = RawDescriptionHelpFormatter
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "folder", type=Path, nargs="?", metavar="DIR", help="read with all below it"
        )
        parser.add_argument(
            "--budgets",
            type=_budgets,
            help="wall seconds of a run, such as 1,10,60; unless told 10, and 2,10 of Geneva",
        )
        parser.add_argument("--seeds", type=_count, default=1, help="runs of each: 1 unless told")
        parser.add_argument(
            "--instances", default="*", metavar="GLOB", help="only those so named, such as 'R*a'"
        )
        parser.add_argument(
            "--geneva", type=_sizes, default="", metavar="DAYS", help="such as 500x50,2000x200"
        )
        parser.add_argument(
            "--against",
            type=_names,
            default="",
            metavar="PEERS",
            help="such as ortools,vroom,pyvrp",
        )
        parser.add_argument(
            "--peer-budget",
            type=_budget,
            metavar="S",
            help="wall seconds of a peer's run: as ours unless told, and 60 of Geneva",
        )
        parser.add_argument(
            "--trace", type=Path, metavar="FILE", help="draw the search on one instance, as SVG"
        )
        parser.add_argument("--jobs", type=_count, default=1, help="runs at a time: 1 unless told")
        parser.add_argument("--markdown", action="store_true", help="print tables for a document")

    def answer(self, **options: Any) -> Answer:
        peers = known(options["against"])
        if options["folder"] is None and not options["geneva"]:
            raise NothingToMeasure
        found = Found([], [])
        if options["folder"] is not None:
            found = find_cases(options["folder"], options["instances"])
        if options["trace"]:
            require_one(options["trace"], found.cases)
        outcomes = self._outcomes(_tasks(found, peers, options), options["jobs"])
        if options["trace"]:
            write_figure(options["trace"], found.cases[0].path, outcomes)
        answer = {
            "machine": machine(),
            "jobs": options["jobs"],
            "families": scoreboard(outcomes),
            "below_best_known": below_best_known(outcomes),
            "behind": behind(outcomes),
            "cannot": {peer: _left_out(peer, found) for peer in peers if found.cases},
            "skipped": found.skipped,
            "geneva": list(self._days(peers, options)),
            "start_s": start_s() if options["geneva"] else None,
        }
        table = report.markdown if options["markdown"] else report.text
        return Answer(answer | {"runs": details(outcomes)}, table(answer))

    def _outcomes(self, tasks: list[Task], jobs: int) -> list[Outcome]:
        ours = [task for task in tasks if task.solver == OURS]
        theirs = [task for task in tasks if task.solver != OURS]
        outcomes = []
        every = chain(each(run, ours, jobs), apart(asked, theirs, jobs) if theirs else ())
        for done, outcome in enumerate(every, 1):
            self._tell(f"{done}/{len(tasks)} {report.line(outcome)}")
            outcomes.append(outcome)
        return outcomes

    def _days(self, peers: list[str], options: dict[str, Any]) -> Iterator[Row]:
        budgets = options["budgets"] or OF_GENEVA
        theirs = OF_PEERS_IN_GENEVA if options["peer_budget"] is None else options["peer_budget"]
        for size in options["geneva"]:
            for seed in range(options["seeds"]):
                for row in day_rows(size, seed, budgets, peers, theirs):
                    self._tell(f"{size} {report.day_line(row)}")
                    yield row

    def _tell(self, line: str) -> None:
        if sys.stderr.isatty():
            self.stderr.write(line, lambda text: text)


def _tasks(found: Found, peers: list[str], options: dict[str, Any]) -> list[Task]:
    budgets, theirs = options["budgets"] or OF_INSTANCES, options["peer_budget"]
    return [
        Task(case.path, case.best_known, budget, seed, solver)
        for solver in (OURS, *peers)
        for budget in (budgets if solver == OURS or theirs is None else [theirs])
        for seed in range(options["seeds"] if solver in {OURS, *SEEDED} else 1)
        for case in found.cases
    ]


def _left_out(peer: str, found: Found) -> list[str]:
    """What a peer cannot express of some of the instances."""
    missing = {text for case in found.cases for text in cannot(peer, case.instance.problem)}
    return [str(feature) for feature in Feature if feature in missing]


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _sizes(text: str) -> list[Size]:
    try:
        return [Size.parse(part) for part in text.split(",")] if text else []
    except ValueError as error:
        raise ArgumentTypeError("bookings x drivers, such as 500x50,2000x200") from error


def _budget(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 86_400:
        raise ArgumentTypeError("seconds from 0 to 86400")
    return found


def _budgets(text: str) -> list[float]:
    return [_budget(part) for part in text.split(",")]


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1_000:
        raise ArgumentTypeError("a whole number from 1 to 1000")
    return int(text)
