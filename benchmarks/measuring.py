"""What a piece of work takes: time, statements by kind, the database's own processor time."""

import gc
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from time import perf_counter
from typing import Any, cast

from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper

from atmr.statements import is_control, verb

KINDS = ("SELECT", "INSERT", "UPDATE", "other")
# From how many runs on the slowest in a hundred says something.
FOR_P99 = 100


@dataclass
class Sample:
    """One run: seconds, statements by kind, seconds of the server's processor where it tells."""

    seconds: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    cpu_s: float | None = None

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: Any, context: Any
    ) -> Any:
        if not is_control(sql):
            kind = verb(sql)
            self.kinds[kind if kind in KINDS else "other"] += 1
        return execute(sql, params, many, context)


def measured(work: Callable[[], object]) -> Sample:
    """Do the work once, and say what it took."""
    sample = Sample()
    gc.collect()
    cpu_before = backend_cpu_s()
    with connection.execute_wrapper(sample):
        began = perf_counter()
        work()
        sample.seconds = perf_counter() - began
    cpu_after = backend_cpu_s()
    if cpu_before is not None and cpu_after is not None:
        sample.cpu_s = cpu_after - cpu_before
    return sample


def backend_cpu_s() -> float | None:
    """Give the processor time of the server process behind this connection; None if elsewhere.

    Linux counts it in nanoseconds, for whoever is on the same machine.
    """
    pid = connection.connection.info.backend_pid
    folder = Path(f"/proc/{pid}")
    try:
        if b"postgres" not in (folder / "cmdline").read_bytes():
            return None
        return int((folder / "schedstat").read_text().split()[0]) / 1e9
    except (OSError, ValueError, IndexError):
        return None


def connections_used() -> tuple[int, int]:
    """Give how many connections of this process's pool are open, and how many it may open."""
    pool = cast("DatabaseWrapper", connection).pool
    return (pool.get_stats()["pool_size"], pool.max_size) if pool else (1, 1)


def summary(samples: Sequence[Sample]) -> dict[str, Any]:
    """Put the samples of one way into figures."""
    seconds = sorted(sample.seconds for sample in samples)
    kinds = samples[-1].kinds
    return {
        "statements": kinds.total(),
        "by_kind": {kind: kinds[kind] for kind in KINDS},
        "seconds": round(median(seconds), 4),
        "p50": round(median(seconds), 4),
        "p99": round(percentile(seconds, 99), 4) if len(seconds) >= FOR_P99 else None,
        **_cpu(samples),
    }


def _cpu(samples: Sequence[Sample]) -> dict[str, float | None]:
    known = [(s.cpu_s, s.seconds) for s in samples if s.cpu_s is not None]
    if not known:
        return {"cpu_s": None, "cpu_share": None}
    spent = fmean(cpu for cpu, _ in known)
    return {
        "cpu_s": round(spent, 4),
        "cpu_share": round(spent / fmean(seconds for _, seconds in known), 3),
    }


def percentile(ascending: Sequence[float], percent: float) -> float:
    """Give the value that so many percent of all do not exceed (nearest rank)."""
    return ascending[max(0, math.ceil(percent / 100 * len(ascending)) - 1)]
