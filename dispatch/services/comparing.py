"""Profiles kept in files, and what changed from one to the next."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atmr.errors import DomainError
from dispatch.services.profiling import FORMAT


class NotAProfile(DomainError):
    message = "%(file)s is no profile: %(why)s."


class CannotSave(DomainError):
    message = "%(file)s cannot be written: %(why)s."


def read_profile(file: Path) -> dict[str, Any]:
    """Read a profile that `save_profile` wrote.

    :raises NotAProfile: there is no such file, or something else is in it.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotAProfile(file=file, why=error.strerror) from error
    except ValueError as error:
        raise NotAProfile(file=file, why="it holds no JSON") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise NotAProfile(file=file, why=f"profile_dispatch --save did not write it as {FORMAT}")
    try:
        compare(found, found)
    except (KeyError, TypeError, AttributeError) as error:
        raise NotAProfile(file=file, why="parts of it are missing") from error
    return found


def check_writable(file: Path) -> None:
    """Find out before the work whether its outcome can be kept.

    :raises CannotSave: it could not.
    """
    is_new = not file.exists()
    try:
        with file.open("a", encoding="utf-8"):
            pass
        if is_new:
            file.unlink()
    except OSError as error:
        raise CannotSave(file=file, why=error.strerror) from error


def save_profile(profile: Mapping[str, Any], file: Path) -> None:
    file.write_text(json.dumps(profile, indent=1) + "\n", encoding="utf-8")


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Say what changed: seconds and statements by phase, and which shapes came or went."""
    before = {row["fingerprint"]: row for row in old["shapes"]}
    after = {row["fingerprint"]: row for row in new["shapes"]}
    return {
        "old": {name: old[name] for name in ("company", "day", "run", "bookings", "assigned")},
        "seconds": _differences(old["seconds"], new["seconds"]),
        "statements": _differences(
            old["statements"]["phases"] | {"total": old["statements"]["total"]},
            new["statements"]["phases"] | {"total": new["statements"]["total"]},
        ),
        "new_shapes": [_told(row) for key, row in after.items() if key not in before],
        "vanished_shapes": [_told(row) for key, row in before.items() if key not in after],
    }


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Put two sets of numbers side by side; a phase that only one of them has counts 0."""
    rows = {}
    for name in [*(name for name in old if name not in new), *new]:
        was, is_now = old.get(name, 0), new.get(name, 0)
        rows[name] = {"old": was, "new": is_now, "difference": round(is_now - was, 4)}
    return rows


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("fingerprint", "kind", "phase", "count", "site", "shape")}
