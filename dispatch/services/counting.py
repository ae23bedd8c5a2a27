"""What a piece of work costs: the statements it sends, how many are slow, the seconds by phase."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from atmr.statements import is_control

SLOW_S = 0.05

# The phase that work is in, for whoever watches it from outside; empty outside all phases.
current_phase: ContextVar[str] = ContextVar("current_phase", default="")


@dataclass
class StatementCount:
    statements: int = 0
    slow: int = 0

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: Any, context: Any
    ) -> Any:
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            if not is_control(sql):
                self.statements += 1
                self.slow += time.perf_counter() - started > SLOW_S


@contextmanager
def counted() -> Iterator[StatementCount]:
    """Count the statements that this thread's connection sends inside the block."""
    count = StatementCount()
    with connection.execute_wrapper(count):
        yield count


@dataclass
class Stopwatch:
    """Seconds by phase: a phase begins where the one before it ends."""

    seconds: dict[str, float] = field(default_factory=dict)
    _since: float = 0.0

    def begin(self, phase: str) -> None:
        self._end()
        current_phase.set(phase)

    def _end(self) -> None:
        now = time.perf_counter()
        if phase := current_phase.get():
            self.seconds[phase] = round(now - self._since, 4)
        self._since = now

    def sum(self, *, without: str) -> float:
        return round(sum(s for phase, s in self.seconds.items() if phase != without), 4)


@contextmanager
def timed() -> Iterator[Stopwatch]:
    """Time the phases that are begun inside the block."""
    watch = Stopwatch()
    before = current_phase.set("")
    try:
        yield watch
    finally:
        watch._end()  # noqa: SLF001 - the two are one
        current_phase.reset(before)
