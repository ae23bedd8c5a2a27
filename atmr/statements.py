"""What the database is asked: the words that every watcher of statements shares.

Watchers look through `connection.execute_wrapper`, Django's public hook: they see what is sent.
"""

import hashlib
import re
import sys
from pathlib import Path

from django.conf import settings

# Where a transaction begins and ends is not what a budget of statements is about.
_CONTROL = (
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT",
    "RELEASE SAVEPOINT",
    "SET CONSTRAINTS",
)
_VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_QUOTED = re.compile(r"'(?:[^']|'')*'")
_NUMBER = re.compile(r"\b\d+\b")
_NAMED = re.compile(r"%\(\w+\)s")
_LIST = re.compile(r"\((?:\?|%s)(?:\s*,\s*(?:\?|%s))*\)")
_ROWS = re.compile(r"\(\.\.\)(?:\s*,\s*\(\.\.\))+")
_STEP = re.compile(rf"[()]|\b(?:{'|'.join(_VERBS)})\b")
# Python files that only pass a statement on.
_PASSES_ON = ("/statements.py", "/counting.py", "/profiling.py", "/watching.py")


def bare(sql: str) -> str:
    """Give the statement itself: one that triggers record carries their context before it."""
    return sql.partition("; ")[2] if sql.startswith("SELECT set_config('pghistory") else sql


def is_control(sql: str) -> bool:
    """Transaction control, which is not counted."""
    return bare(sql).lstrip().upper().startswith(_CONTROL)


def verb(sql: str) -> str:
    """Name the kind of statement: SELECT, INSERT, UPDATE, DELETE or other."""
    text = bare(sql).lstrip("( \n").upper()
    if text.startswith("WITH"):
        text = _after_tables(text)
    return next((word for word in _VERBS if text.startswith(word)), "other")


def _after_tables(text: str) -> str:
    """Skip the common tables of a WITH: the statement's own verb is outside all parentheses."""
    depth = 0
    for found in _STEP.finditer(text):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if depth == 0 and found[0] in _VERBS:
            return text[found.start() :]
    return text


def shape(sql: str) -> str:
    """Give the statement without its values, in one line: equal shapes do the same work."""
    text = " ".join(bare(sql).split())
    text = _NAMED.sub("%s", _NUMBER.sub("?", _QUOTED.sub("?", text)))
    return _ROWS.sub("(..)", _LIST.sub("(..)", text))


def fingerprint(sql: str) -> str:
    """Name a shape in twelve characters that stay the same from day to day."""
    return hashlib.sha256(shape(sql).encode()).hexdigest()[:12]


def call_site() -> str:
    """Say which line of ours sent the statement; whoever asks is a watcher, and is left out."""
    root = f"{settings.BASE_DIR}/"
    frame = sys._getframe(2)  # noqa: SLF001 - no public way costs as little
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(root) and "/.venv/" not in path and not path.endswith(_PASSES_ON):
            where = Path(path).relative_to(root)
            return f"{where}:{frame.f_lineno} {frame.f_code.co_name}"
        frame = frame.f_back  # type: ignore[assignment]
    return ""
