"""How many statements a piece of work sends, and how many of them are slow."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection

from atmr.statements import is_control

SLOW_S = 0.05


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
