"""Runs beside one another, each on a thread of its own, and what is heard of them."""

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


def each(work: Callable[[T], R], tasks: Sequence[T], jobs: int) -> Iterator[R]:
    """Do the tasks in order; with more than one job, in fresh processes beside one another."""
    if jobs == 1:
        yield from map(work, tasks)
    else:
        yield from apart(work, tasks, jobs)


def apart(
    work: Callable[[T], R], tasks: Sequence[T], jobs: int = 1, *, fresh: bool = False
) -> Iterator[R]:
    """Do the tasks in processes that share nothing with this one, `fresh`: nor with one another."""
    children = 1 if fresh else None
    with ProcessPoolExecutor(jobs, get_context("spawn"), max_tasks_per_child=children) as pool:
        try:
            yield from pool.map(work, tasks)
        except GeneratorExit:
            pool.shutdown(cancel_futures=True)
            raise


def machine() -> dict[str, Any]:
    """Say what was measured on: a figure without its machine is none."""
    return {
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
