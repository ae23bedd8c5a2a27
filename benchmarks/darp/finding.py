"""The instances of a folder, and what is known of them."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from atmr.errors import DomainError
from dispatch.darp.instances import Instance, read_instance

BEST_KNOWN = "best_known.csv"
_LARGEST_BYTES = 20_000_000


class NoSuchFolder(DomainError):
    message = "There is no folder “%(folder)s”."


class NoInstances(DomainError):
    message = "“%(folder)s” holds no instance of a known family%(matching)s."


class BadBestKnown(DomainError):
    message = "“%(file)s” is no table of best known values: %(why)s."


@dataclass(frozen=True, eq=False)
class Case:
    """A file that was recognised, and the best known cost of its instance if there is one."""

    path: Path
    instance: Instance
    best_known: float | None


@dataclass(frozen=True)
class Found:
    """The instances of a folder, by family and size, and the files that are none."""

    cases: list[Case]
    skipped: list[str]


def find_cases(folder: Path, pattern: str = "*") -> Found:
    """Read every file below `folder` whose name matches; what is no instance is skipped.

    :raises NoSuchFolder: there is none.
    :raises NoInstances: no file is one.
    :raises BadBestKnown: the table beside or above them cannot be read.
    """
    if not folder.is_dir():
        raise NoSuchFolder(folder=folder)
    best = best_known_of(folder)
    cases: list[Case] = []
    skipped: list[str] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if path.name == BEST_KNOWN or not (
            fnmatch(path.stem, pattern) or fnmatch(path.name, pattern)
        ):
            continue
        instance = _read(path)
        if instance is None:
            skipped.append(str(path.relative_to(folder)))
        else:
            cases.append(Case(path, instance, _best_of(best, instance)))
    if not cases:
        raise NoInstances(folder=folder, matching="" if pattern == "*" else f" named “{pattern}”")
    cases.sort(key=_rank)
    return Found(cases, skipped)


def _rank(case: Case) -> tuple[str, int, str]:
    return case.instance.family, len(case.instance.problem.requests), case.instance.name


def _read(path: Path) -> Instance | None:
    try:
        return read_instance(path) if path.stat().st_size <= _LARGEST_BYTES else None
    except (OSError, ValueError):
        return None


def best_known_of(folder: Path) -> dict[tuple[str, str], float]:
    """By family and instance, from the nearest ``best_known.csv`` in `folder` or above it."""
    at = folder.resolve()
    for place in (at, *at.parents):
        if (place / BEST_KNOWN).is_file():
            return _table(place / BEST_KNOWN)
    return {}


def _table(file: Path) -> dict[tuple[str, str], float]:
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            return {
                (row["family"], row["instance"]): float(row["best_known"])
                for row in csv.DictReader(lines)
            }
    except (KeyError, TypeError, ValueError, OSError) as exc:
        raise BadBestKnown(file=file, why=repr(exc)) from exc


def _best_of(best: dict[tuple[str, str], float], instance: Instance) -> float | None:
    """Under its family, else under its name alone where that names one instance."""
    if (instance.family, instance.name) in best:
        return best[instance.family, instance.name]
    return _only(value for (_, name), value in best.items() if name == instance.name)


def _only(values: Iterable[float]) -> float | None:
    found = list(values)
    return found[0] if len(found) == 1 else None
