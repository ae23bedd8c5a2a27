"""What a company has as files that the import reads back without loss."""

import csv
import io
from collections.abc import Iterator

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from atmr.sheets import guarded
from exchange.services.kind import Kind

# Excel takes a file for UTF-8 only behind this mark, and parts columns as its country does.
_BYTE_ORDER_MARK, _SEPARATOR = "\ufeff", ";"


def grid(kind: Kind, *, empty: bool = False) -> Iterator[list[str]]:
    """Give the headings, and the lines unless it is the `empty` form; formulas are guarded."""
    names = [name for name in kind.columns if name not in kind.only_read]
    yield names
    for row in [] if empty else kind.rows():
        for line in kind.lines_of(row):
            yield [guarded(line[name]) for name in names]


def as_csv(kind: Kind, *, empty: bool = False) -> bytes:
    buffer = io.StringIO()
    buffer.write(_BYTE_ORDER_MARK)
    lines = csv.writer(buffer, delimiter=_SEPARATOR, lineterminator="\r\n")
    lines.writerows(grid(kind, empty=empty))
    return buffer.getvalue().encode()


def as_xlsx(kind: Kind, *, empty: bool = False) -> bytes:
    """Write every cell as text: a spreadsheet then changes no number, date or zero of it.

    Control characters have no place in an XLSX file: they are left out.
    """
    book = Workbook(write_only=True)
    sheet = book.create_sheet(kind.slug)
    for row in grid(kind, empty=empty):
        cells = []
        for text in row:
            cell = WriteOnlyCell(sheet, value=ILLEGAL_CHARACTERS_RE.sub("", text))
            cell.data_type, cell.number_format = "s", "@"
            cells.append(cell)
        sheet.append(cells)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()
