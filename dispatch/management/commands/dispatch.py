"""Plan one company's bookings for one day."""

from typing import Any

from django.core.management.base import CommandParser

from dispatch.management.answering import Answer, AnsweringCommand
from dispatch.management.asking import add_planning_arguments, planning_of
from dispatch.models import RunState
from dispatch.services import planning
from dispatch.services.planning import Summary


class Command(AnsweringCommand):
    help = (
        "Plan one company's bookings for one day.\n"
        "Example: manage.py dispatch --company demo --day 2027-03-10 --apply --set pooling=on"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        add_planning_arguments(parser)

    def answer(self, **options: Any) -> Answer:
        summary = planning.plan_day(**planning_of(options))
        refusal = ""
        if summary.state == RunState.REFUSED:
            added = len(summary.violations)
            refusal = f"Run {summary.run} was refused: it would add {added} violations."
        return Answer(summary.as_json(), _text(summary), refusal)


def _text(summary: Summary) -> str:
    lines = [
        (
            f"Run {summary.run} ({summary.state}): {summary.assigned} of {summary.bookings}"
            f" bookings assigned, {summary.changed} changed, in"
            f" {summary.seconds['total']:.2f} s and {summary.sql['statements']} statements."
        ),
        *(f"  unassigned {left['booking']}: {left['reason']}" for left in summary.unassigned),
        *(f"  already broken: {found}" for found in summary.inherited),
        *(f"  changed meanwhile, left as it is: {row['booking']}" for row in summary.stale),
    ]
    return "\n".join(lines)
