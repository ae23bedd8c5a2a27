"""When a search ends: after its time, after its iterations, or when it no longer improves."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """What a search may spend. Without either limit it ends when it no longer improves."""

    budget_s: float | None = None
    iterations: int | None = None
    patience: int = 5000

    def spent(self, elapsed_s: float, done: int, idle: int) -> float:
        """The share that is spent, 1 at the end."""
        share = 0.0
        if self.iterations is not None:
            share = 1.0 if done >= self.iterations else done / self.iterations
        if self.budget_s is not None:
            share = max(share, 1.0 if elapsed_s >= self.budget_s else elapsed_s / self.budget_s)
        if self.budget_s is None and self.iterations is None:
            share = min(1.0, idle / self.patience)
        return share

    def rounds(self, done: int, suggested: int) -> int:
        """How many iterations to do before asking again: without a clock, always the same."""
        if self.budget_s is None:
            suggested = 100
        return suggested if self.iterations is None else min(suggested, self.iterations - done)
