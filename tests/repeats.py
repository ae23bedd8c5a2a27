"""Relations read row by row fail the test in which the product does it.

zeal counts, for each line, how often it reads a relation, or gets a single row, on its own. Here a
line counts within one call of the product only: a test that calls a service twice is no loop of
the service, and what a test reads itself is its own affair.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import FrameType

from django.test.client import ClientHandler
from zeal import listeners, zeal_context

# What measures the product repeats itself on purpose, as tests do.
TESTS = tuple(f"{Path(__file__).parent.parent / name}/" for name in ("tests", "benchmarks"))

_calls: dict[FrameType | None, int] = {}  # frames are held, so that no later one is taken for it
_once = count()


def calling() -> tuple[str, int, str]:
    """Say which line reads: of the product, and in which of the calls that the test made."""
    frame, inner = sys._getframe(1), None
    while frame is not None and "site-packages" in frame.f_code.co_filename:
        frame, inner = frame.f_back, frame
    code = frame.f_code
    if code.co_filename.startswith(TESTS):
        return "a test", next(_once), code.co_name  # a line of its own each time
    line = frame.f_lineno
    while frame is not None and not frame.f_code.co_filename.startswith(TESTS):
        frame, inner = frame.f_back, frame
        if inner.f_code is ClientHandler.__call__.__code__:  # a redirection that is followed
            break
    number = _calls.setdefault(inner, len(_calls) + 1)
    return f"call {number} of the test, {code.co_filename}", line, code.co_name


@contextmanager
def watched() -> Iterator[None]:
    """Raise at a relation that the product reads row by row."""
    listeners.get_caller = calling
    try:
        with zeal_context():
            yield
    finally:
        _calls.clear()
