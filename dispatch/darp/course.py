"""How a search is conducted, and the walks it consists of."""

from dataclasses import dataclass

import numpy as np

from dispatch.darp.crossover import Population
from dispatch.darp.stop import Limit


@dataclass(frozen=True, slots=True)
class Parameters:
    """How the search is conducted.

    ``tolerance``: by what share of the best cost a plan may be worse at the beginning and still be
    kept; it falls to ``cooling`` of that over the budget. ``largest``: most requests taken out at
    once. ``recombine_at``: after which shares of a budget routes are put together anew, each time
    for ``recombine_share`` of it, where that is ``recombine_least_s`` or more.

    A population of ``founders`` is bred where a budget lasts for ``crowd`` iterations a request.
    They walk one after the other for ``founding`` of it, and each child for ``brood`` iterations,
    or ``brood_each`` a request where that is more.
    """

    tolerance: float = 0.03
    cooling: float = 0.02
    largest: int = 14
    largest_share: float = 0.4
    regret: int = 3
    removals: tuple[float, ...] = (0.40, 0.40, 0.05, 0.03, 0.05, 0.07)
    blink: float = 0.01
    depth: int = 4
    rank_power: float = 3.0
    longest: int = 10
    regret_share: float = 0.3
    recombine_at: tuple[float, ...] = (0.85,)
    recombine_share: float = 0.08
    recombine_least_s: float = 0.05
    chunk_s: float = 0.02
    crowd: int = 1000
    founders: int = 5
    founding: float = 0.3
    founder_cooling: float = 0.05
    brood: int = 1500
    brood_each: int = 15
    brood_tolerance: float = 0.01
    brood_cooling: float = 0.1


DEFAULTS = Parameters()
# The share of a limit after which it is told how many iterations it lasts for.
SOON = 0.01


class Course:
    """The walks of a search: one through the whole budget, or many, each begun by the last ones."""

    def __init__(
        self, parameters: Parameters, limit: Limit, requests: int, rng: np.random.Generator
    ) -> None:
        self.parameters = parameters
        self.requests = requests
        self.brood = max(parameters.brood, parameters.brood_each * requests)
        self.limit = limit
        self.crowded: bool | None = None
        self.population = Population(parameters.founders, rng)
        self.walks = 0
        self.begun = 0

    def has_ended(self, spent: float, done: int) -> bool:
        """Whether the walk is over and another one is to begin."""
        if self.crowded is None and spent >= SOON and done > 0:
            limited = self.limit.budget_s is not None or self.limit.iterations is not None
            self.crowded = limited and done / spent >= self.parameters.crowd * self.requests
        return bool(self.crowded) and self._walked(spent, done) >= 1.0

    def _walked(self, spent: float, done: int) -> float:
        """The share of the walk that is done."""
        p: Parameters = self.parameters
        if not self.crowded:
            return spent
        if self.walks < p.founders:
            return spent * p.founders / p.founding - self.walks
        return (done - self.begun) / self.brood

    def tolerance(self, spent: float, done: int) -> float:
        """By what share of its best cost a plan may be worse now."""
        p, walked = self.parameters, min(1.0, max(0.0, self._walked(spent, done)))
        if not self.crowded:
            return float(p.tolerance * p.cooling**walked)
        if self.walks < p.founders:
            return float(p.tolerance * p.founder_cooling**walked)
        return float(p.brood_tolerance * p.brood_cooling**walked)

    def rounds(self, suggested: int, done: int) -> int:
        """How many iterations to do before asking again: a fraction of a child's walk."""
        if not self.crowded or self.walks < self.parameters.founders:
            return suggested
        step = max(1, self.brood // 10)
        return max(1, min(suggested, step, self.begun + self.brood - done))
