"""Files become rows, all of a file or none; every bad line is told, and nothing is made twice."""

import hashlib
from collections.abc import Callable, Iterator, Sequence

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Company
from atmr.errors import DomainError, refusal_of
from bookings.csvfile import Line, LineError
from bookings.services.booking import check_at_once
from bookings.services.lookups import CellRefused
from exchange.services.booked import Bookings
from exchange.services.kind import Draft, Kind, Values
from exchange.services.outcome import SHOWN, Difference, Outcome
from exchange.services.tables import read_table

# So many lines are asked about one by one; a file of which more are refused is another matter.
MOST_REFUSED = 100
AT_ONCE = 1000
_STOPPED = _("The check stops here: the database refuses too many lines.")


def bring(
    *,
    kind: Kind | Bookings,
    content: bytes,
    apply: bool,
    expected: str = "",
    progress: Callable[[int, int], None] = lambda _done, _lines: None,
) -> Outcome:
    """Read a file of `kind`, store what it says unless a line is bad, and tell the differences.

    Without `apply`, the database judges the rows too, and then forgets them. With `expected`, the
    digest of a preview, nothing is stored unless the differences are still the same.

    :raises UnreadableFile, FileTooLarge, EmptyFile, ColumnsMissing, ColumnTwice: see `read_table`.
    :raises ChangedMeanwhile: they are others than `expected`.
    """
    if isinstance(kind, Bookings):
        return kind.bring(content, apply=apply, expected=expected, progress=progress)
    table = read_table(content, kind)
    outcome = Outcome(lines=len(table.lines) + len(table.errors), ignored=table.ignored)
    outcome.errors.extend(table.errors)
    with transaction.atomic():
        check_at_once()
        # Two files at once would not see each other's rows: the second waits.
        list(Company.objects.select_for_update(no_key=True).filter(pk=kind.company.pk))
        reading = _Reading(kind, table.headings, outcome)
        units = kind.units(table.lines)
        for start in range(0, len(units), AT_ONCE):
            batch = units[start : start + AT_ONCE]
            reading.take(batch)
            progress(start + len(batch), len(units))
        outcome.digest = reading.digest.hexdigest()
        outcome.settle(apply=apply, expected=expected)
    return outcome


class _Reading:
    """Turns lines into drafts, stores them, and tells of those that cannot be stored."""

    def __init__(self, kind: Kind, headings: dict[str, str], outcome: Outcome) -> None:
        self.kind = kind
        self.headings = headings
        self.outcome = outcome
        self.seen: dict[object, int] = {}
        self.digest = hashlib.sha256()
        self.refused = 0  # by the database

    def take(self, units: Sequence[list[Line]]) -> None:
        read: list[tuple[list[Line], Values]] = []
        for unit in units:
            values = self.kind.values_of(unit, self.headings)
            if isinstance(values, list):
                self.outcome.errors.extend(values)
            else:
                read.append((unit, values))
        self.kind.prepare([values for _unit, values in read])
        drafts = [draft for unit, values in read if (draft := self._draft(unit, values))]
        wanted = [draft for draft in drafts if draft.is_new or draft.changes]
        self.outcome.unchanged += len(drafts) - len(wanted)
        self._save(wanted)
        for draft in wanted:
            self._tell(draft)

    def _draft(self, unit: list[Line], values: Values) -> Draft | None:
        kind, line = self.kind, unit[0]
        try:
            found = kind.find(values)
        except CellRefused as refused:
            self._refuse(line, refused.column, refused.message)
            return None
        draft = Draft(unit, values, kind.new() if found is None else found, found is None)
        if self._is_twice(draft):
            return None
        self._change(draft)
        kind.settle(draft)
        wrong = list(self._wrong(draft)) if draft.is_new or draft.changes else []
        for column, message in wrong:
            self._refuse(line, column, message)
        return None if wrong else draft

    def _is_twice(self, draft: Draft) -> bool:
        """Refuse a line that speaks about the row of another line."""
        line = draft.lines[0]
        keys = [self.kind.key(draft.row, draft.values)] if draft.is_new else [draft.row.pk]
        if reference := draft.values.get("reference"):
            keys.append(f"reference {reference}")
        for key in keys:
            first = self.seen.setdefault(key, line.number)
            if first != line.number:
                text = _("Line %(line)s speaks about the same row.") % {"line": first}
                self._refuse(line, "reference", text)
                return True
        return False

    def _change(self, draft: Draft) -> None:
        """Put the values into the row, and note which differ from what it has."""
        kind = self.kind
        for name, value in draft.values.items():
            if draft.is_new:
                before, after = "", kind.write(name, value)
            else:
                before, after = kind.difference(draft.row, name, value)
            if draft.is_new or after != before:
                kind.put(draft.row, name, value)
            if after != before:
                draft.changes.append((name, before, after))

    def _wrong(self, draft: Draft) -> Iterator[tuple[str, str | Promise]]:
        """Check a row as the forms do, short of what asks the database row by row."""
        try:
            draft.row.clean_fields(exclude={"company", *self.kind.relations})
            draft.row.clean()
        except ValidationError as exc:
            for name, errors in exc.update_error_dict({}).items():
                yield name, " ".join(text for error in errors for text in error.messages)
            return
        yield from self.kind.check(draft)

    def _save(self, drafts: list[Draft]) -> None:
        """Store drafts together; when the database refuses some, by halves to tell which."""
        if not drafts or self.refused > MOST_REFUSED:
            return
        try:
            with transaction.atomic():
                self.kind.save(drafts)
        except (IntegrityError, DomainError) as exc:
            if len(drafts) > 1:
                half = len(drafts) // 2
                self._save(drafts[:half])
                self._save(drafts[half:])
                return
            self.refused += 1
            stops = self.refused > MOST_REFUSED
            self._refuse(drafts[0].lines[0], "", _STOPPED if stops else _message(exc))

    def _refuse(self, line: Line, column: str, message: str | Promise) -> None:
        heading = self.headings.get(column, "")
        value = line.cells.get(column, "")
        self.outcome.errors.append(LineError(line.number, heading, value, message))

    def _tell(self, draft: Draft) -> None:
        known = None if draft.is_new else draft.row.pk  # the next id is another each time
        self.digest.update(repr((known, draft.changes)).encode())
        if draft.is_new:
            self.outcome.created += 1
        else:
            self.outcome.changed += 1
        if len(self.outcome.differences) < SHOWN:
            changes = [
                (self.headings.get(name) or self.kind.heading(name), before, after)
                for name, before, after in draft.changes
            ]
            line = draft.lines[0].number
            self.outcome.differences.append(Difference(line, str(draft.row), draft.is_new, changes))


def _message(error: IntegrityError | DomainError) -> str:
    refusal = error if isinstance(error, DomainError) else refusal_of(error)
    if refusal is None:
        raise error
    return str(refusal)
