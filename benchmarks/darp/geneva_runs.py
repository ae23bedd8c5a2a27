"""What the optimiser and its peers make of invented days of Geneva."""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from atmr.errors import DomainError
from benchmarks.darp.geneva import TooFewDrivers, for_peers, geneva_day
from benchmarks.darp.running import apart
from benchmarks.darp.solving import OURS
from benchmarks.darp.trials import Row, Trial, tried

WHOLE, NARROWED = "whole", "narrowed"


class ImpossibleDay(DomainError):
    message = "%(why)s."


@dataclass(frozen=True)
class Size:
    bookings: int
    drivers: int

    @classmethod
    def parse(cls, text: str) -> "Size":
        """Read ``500x50``.

        Raises
        ------
        ValueError
            It is none, or has nobody.
        """
        found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,3})", text)
        if found is None:
            raise ValueError(text)
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.bookings}x{self.drivers}"


def day_rows(
    size: Size, seed: int, budgets: Sequence[float], peers: Sequence[str], peer_budget_s: float
) -> Iterator[Row]:
    """Solve one day, whole; and narrowed beside the peers. Each in a process of its own.

    :raises ImpossibleDay: so few drivers cannot serve so many.
    """
    try:
        whole = geneva_day(size.bookings, size.drivers, seed)
    except TooFewDrivers as error:
        raise ImpossibleDay(why=error) from error
    trials = [Trial(whole, WHOLE, OURS, budget, seed) for budget in budgets]
    if peers:
        narrowed = for_peers(whole)
        trials += [Trial(narrowed, NARROWED, OURS, budget, seed) for budget in budgets]
        trials += [Trial(narrowed, NARROWED, peer, peer_budget_s, seed) for peer in peers]
    for row in apart(tried, trials, fresh=True):
        yield {"bookings": size.bookings, "drivers": size.drivers, **row}


def start_s() -> float:
    """Seconds a fresh process takes to import the optimiser and load its compiled kernels.

    To be asked when something has been solved: then there is nothing left to compile.
    """
    code = (
        "from time import perf_counter; began = perf_counter();"
        "from dispatch.darp.search import warm_up; warm_up();"
        "print(perf_counter() - began)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)  # noqa: S603
    return float(done.stdout)
