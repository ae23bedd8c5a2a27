"""A file as lines of known columns, with what is wrong with its shape."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from atmr import sheets
from atmr.sheets import EmptyFile, Sheet, Unreadable, unguarded
from bookings.csvfile import (
    BROKEN,
    TOO_MANY,
    ColumnsMissing,
    ColumnTwice,
    Line,
    LineError,
    Table,
    plain,
)
from exchange.services.kind import Kind

_NO_HEADING = _("This cell stands below no heading: name its column, or part merged headings.")


def read_table(content: bytes, kind: Kind) -> Table:
    """Read a file of `kind`: its lines, what is broken, and its headings by our names.

    :raises UnreadableFile, FileTooLarge, EmptyFile: there is nothing that can be read.
    :raises ColumnsMissing, ColumnTwice: its headings do not say what is needed, or say it twice.
    """
    column_of = {
        plain(word): column.name
        for column in kind.columns.values()
        for word in [column.name, *column.words.split(",")]
    }
    sheet = sheets.read(content, known=lambda name: plain(name) in column_of)
    columns = [column_of.get(plain(heading)) for heading in sheet.headings]
    headings = _headings(sheet.headings, columns, kind)
    lines: list[Line] = []
    errors: list[LineError] = []
    for number, row in sheet.rows:
        if isinstance(row, str):
            errors.append(LineError(number, "", row, BROKEN))
            continue
        wrong = list(_wrong(number, row, sheet))
        errors.extend(wrong)
        values = {
            column: unguarded(cell.strip())
            for column, cell in zip(columns, row, strict=False)
            if column
        }
        if not wrong and any(cell.strip() for cell in row):
            lines.append(Line(number, values))
    if not lines and not errors:
        raise EmptyFile
    named = zip(sheet.headings, columns, strict=True)
    ignored = [heading for heading, column in named if heading and not column]
    return Table(lines, errors, headings, ignored)


def _wrong(number: int, row: list[str], sheet: Sheet) -> Iterator[LineError]:
    extra = [cell for cell in row[len(sheet.headings) :] if cell.strip()]
    if extra:
        yield LineError(number, "", sheet.separator.join(extra), TOO_MANY)
    if not any(cell.strip() for cell in row):
        return  # an empty line, merged or not
    for heading, cell in zip(sheet.headings, row, strict=False):
        if isinstance(cell, Unreadable):
            yield LineError(number, heading, str(cell), cell.why)
        elif cell.strip() and not heading.strip():
            yield LineError(number, "", cell, _NO_HEADING)


def _headings(first: list[str], columns: list[str | None], kind: Kind) -> dict[str, str]:
    headings: dict[str, str] = {}
    for heading, column in zip(first, columns, strict=True):
        if column in headings:
            raise ColumnTwice(first=headings[column], second=heading.strip())
        if column:
            headings[column] = heading.strip()
    missing = [
        column.name
        for column in kind.columns.values()
        if column.required and column.name not in headings
    ]
    if missing:
        raise ColumnsMissing(missing=", ".join(missing))
    return headings
