"""Interval arithmetic: time on duty less the time away."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple, Self


class Interval(NamedTuple):
    """The instants from `start` up to `end`, `end` itself no more."""

    start: datetime
    end: datetime

    def overlaps(self, other: Self) -> bool:
        return self.start < other.end and other.start < self.end

    def covers(self, other: Self) -> bool:
        return self.start <= other.start and other.end <= self.end

    def lasts(self) -> timedelta:
        return self.end - self.start


def remaining(duty: Interval, away: Iterable[Interval]) -> list[Interval]:
    """Give what is left of `duty` outside all of `away`, in order; nothing empty, nothing joined.

    Absences may overlap one another, and come in any order.
    """
    pieces: list[Interval] = []
    start = duty.start
    for absence in sorted(away):
        if not absence.overlaps(duty):
            continue
        if start < absence.start:
            pieces.append(Interval(start, absence.start))
        start = max(start, absence.end)
    if start < duty.end:
        pieces.append(Interval(start, duty.end))
    return pieces
