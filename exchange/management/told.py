"""What became of a file, as a command prints it."""

from typing import Any

from django.utils.translation import gettext

from bookings.csvfile import LineError
from exchange.services.outcome import Outcome

# So many bad lines are printed; all are counted.
SHOWN = 200


def as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "lines": outcome.lines,
        "created": outcome.created,
        "changed": outcome.changed,
        "unchanged": outcome.unchanged,
        "applied": outcome.applied,
        "errors_total": len(outcome.errors),
        "errors": [
            {
                "line": error.line,
                "column": error.column,
                "value": error.value,
                "message": str(error.message),
            }
            for error in outcome.errors[:SHOWN]
        ],
        "differences": [
            {
                "line": difference.line,
                "new": difference.is_new,
                "changes": [
                    {"column": column, "before": before, "after": after}
                    for column, before, after in difference.changes
                ],
            }
            for difference in outcome.differences
        ],
        "added": outcome.added,
        "ignored_columns": outcome.ignored,
    }


def as_lines(outcome: Outcome, *, differences: bool) -> list[str]:
    lines = [_bad(error) for error in outcome.errors[:SHOWN]]
    if len(outcome.errors) > SHOWN:
        more = len(outcome.errors) - SHOWN
        lines.append(gettext("and %(more)s more") % {"more": more})
    for difference in outcome.differences if differences else []:
        what = gettext("new") if difference.is_new else gettext("changed")
        texts = [
            f"{column}: {after}" if difference.is_new else f"{column}: {before} > {after}"
            for column, before, after in difference.changes
            if difference.is_new or before != after
        ]
        lines.append(f"{difference.line} {what} {difference.name}: {'; '.join(texts)}")
    if outcome.ignored:
        unread = ", ".join(outcome.ignored)
        lines.append(gettext("Columns left unread: %(columns)s") % {"columns": unread})
    if outcome.added:
        lines.append(gettext("Added besides: %(rows)s") % {"rows": ", ".join(outcome.added)})
    lines.append(outcome.summary())
    return lines


def _bad(error: LineError) -> str:
    return gettext("Line %(line)s, %(column)s: %(message)s") % {
        "line": error.line,
        "column": f"{error.column} “{error.value}”".strip(),
        "message": error.message,
    }
