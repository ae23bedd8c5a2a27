"""Processor time of families of processes, from /proc; None where there is none."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from django.db import connection

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")


def seconds_of(roots: Mapping[str, int | None]) -> dict[str, float | None]:
    """Give the seconds that each root and its living descendants have taken so far."""
    parents, spent = _table()
    return {
        name: sum(spent[pid] for pid in _family(root, parents)) if root in spent else None
        for name, root in roots.items()
    }


def database_root() -> int | None:
    """Give the process all of this database's servers descend from; None on another machine."""
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    try:
        is_ours = b"postgres" in (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return None
    return _table()[0].get(pid) if is_ours else None


def _table() -> tuple[dict[int, int], dict[int, float]]:
    """Read every process: its parent, and its seconds in user and system mode."""
    parents: dict[int, int] = {}
    spent: dict[int, float] = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            # The name, in parentheses, may hold anything.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # gone meanwhile
        pid = int(folder.name)
        parents[pid] = int(fields[1])
        spent[pid] = (int(fields[11]) + int(fields[12])) / TICKS
    return parents, spent


def _family(root: int | None, parents: Mapping[int, int]) -> Iterable[int]:
    return [pid for pid in parents if root in set(_line(pid, parents))]


def _line(pid: int, parents: Mapping[int, int]) -> Iterable[int]:
    """Give a process and its ancestors."""
    while pid in parents:
        yield pid
        pid = parents[pid]
