"""Files made by people: CSV in any usual encoding, or XLSX, as rows of text."""

import csv
import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

import openpyxl
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from atmr.errors import DomainError

# Ten thousand lines are a tenth of it. An XLSX is a packed file: so much more when unpacked.
MOST_BYTES = 10 * 1024 * 1024
MOST_UNPACKED = 5 * MOST_BYTES
MOST_BESIDE = MOST_BYTES  # of it, in parts that hold no cells: these are read as a whole
# A few bytes can claim a cell in the two thousand millionth row, or merge all of them.
MOST_LINES, MOST_CELLS, MOST_MERGED = 200_000, 5_000_000, 2_000_000
# What a spreadsheet would run as a formula, whoever wrote it into a name or a note.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_SEPARATORS = ";\t,"
# Of an XLSX: pictures are never unpacked.
_HOLDS_CELLS = re.compile(r"xl/(worksheets/|sharedStrings\.xml$|media/)")
_HEADINGS_WITHIN = 10  # a title may stand above the headings of a spreadsheet


class UnreadableFile(DomainError):
    message = _("This is no text file that can be read. Save it as CSV with UTF-8 encoding.")


class UnreadableWorkbook(UnreadableFile):
    message = _(
        "This is no XLSX file that can be read: it is damaged, protected by a password, or of"
        " another kind. Save it as XLSX or CSV."
    )


class FileTooLarge(DomainError):
    message = _("The file is too large: at most %(most)s MB. Part it in several.")


class TooManyCells(FileTooLarge):
    message = _(
        "The file has too many lines or cells: at most %(lines)s lines. Part it in several."
    )


class EmptyFile(DomainError):
    message = _("The file has no lines below its headings.")


class Unreadable(str):
    """A cell that says nothing that can be read; `why` says what to do."""

    __slots__ = ("why",)
    why: str | Promise

    def __new__(cls, text: str, why: str | Promise) -> "Unreadable":
        made = super().__new__(cls, text)
        made.why = why
        return made


_MERGED = _("This cell is merged with others: part them, and write the value into each.")
_A_FORMULA = _("This cell holds a formula: copy it and paste its value.")
_AN_ERROR = _("The spreadsheet shows an error here: write the value.")

Row = tuple[int, list[str] | str]  # its number; a text instead of its cells when it is broken


@dataclass(frozen=True)
class Sheet:
    """The cells of the headings, and the rows below them as they are asked for."""

    headings: list[str]
    rows: Iterator[Row]
    separator: str


def read(content: bytes, *, known: Callable[[str], bool]) -> Sheet:
    """Read a file; `known` says of a text whether it is a heading.

    :raises UnreadableFile, UnreadableWorkbook: it is neither text nor a workbook.
    :raises FileTooLarge, EmptyFile: there is too much to read, or nothing.
    """
    if len(content) > MOST_BYTES:
        raise FileTooLarge(most=MOST_BYTES // 1024**2)
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return _below_headings(_bounded(_workbook_rows(content)), "; ", known)
    text, skipped, separator = _start(_decoded(content), known)
    rows = ((number + skipped, cells) for number, cells in _bounded(_csv_rows(text, separator)))
    head = next(rows, None)
    first = head[1] if head and isinstance(head[1], list) else []
    return Sheet([cell.strip() for cell in first], rows, separator)


def guarded(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would run, or that begins with one itself."""
    return f"'{text}" if text.startswith((*FORMULA, "'")) else text


def unguarded(text: str) -> str:
    """Take away the apostrophe that `guarded` put there."""
    return text[1:] if text[:1] == "'" and text[1:].startswith((*FORMULA, "'")) else text


def _bounded(rows: Iterator[Row]) -> Iterator[Row]:
    """Give no more than a file may hold.

    :raises TooManyCells: there is more.
    """
    filled = 0
    for number, cells in rows:
        filled += len(cells)
        if number > MOST_LINES or filled > MOST_CELLS:
            raise TooManyCells(lines=MOST_LINES)
        yield number, cells


def _below_headings(rows: Iterator[Row], separator: str, known: Callable[[str], bool]) -> Sheet:
    """Find the headings among the first rows: a title may stand above them."""
    passed: list[Row] = []
    for row in rows:
        if not any(cell.strip() for cell in row[1]):
            continue
        passed.append(row)
        if sum(map(known, row[1])) >= 2:
            return Sheet(list(row[1]), rows, separator)
        if len(passed) == _HEADINGS_WITHIN:
            break
    if not passed:
        raise EmptyFile
    first, *others = passed

    def below() -> Iterator[Row]:
        yield from others
        yield from rows

    return Sheet(list(first[1]), below(), separator)


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):  # what Excel calls Unicode text
        encodings = ["utf-16"]
    elif b"\0" in content[:200]:
        encodings = ["utf-16-le" if content[1:2] == b"\0" else "utf-16-be"]
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise UnreadableFile


def _start(text: str, known: Callable[[str], bool]) -> tuple[str, int, str]:
    """Give the text from the headings on, the number of lines before it, and the separator."""
    lines = text.splitlines(keepends=True)
    skipped = 0
    for line in lines:
        if re.fullmatch(r"sep=.", line.strip(), re.IGNORECASE):
            skipped += 1  # a word to Excel; the headings tell us as much
        elif line.strip(" \t\r\n;,"):
            break
        else:
            skipped += 1
    if skipped == len(lines):
        raise EmptyFile

    def found(separator: str) -> int:
        names = next(csv.reader([lines[skipped]], delimiter=separator), [])
        return sum(map(known, names))

    return "".join(lines[skipped:]), skipped, max(_SEPARATORS, key=found)


def _csv_rows(text: str, separator: str) -> Iterator[Row]:
    """Give each row with the number of its first line; a text for a row that cannot be read."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        number = reader.line_num + 1
        try:
            yield number, next(reader)
        except StopIteration:
            return
        except csv.Error as exc:
            yield number, str(exc)


def _workbook_rows(content: bytes) -> Iterator[Row]:
    """Give the rows of the first sheet that shows, read one by one."""
    try:
        _check_unpacked(content)
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
        sheet = next(sheet for sheet in book.worksheets if sheet.sheet_state == "visible")
        merged = _merged_cells(content, sheet)
        sheet.reset_dimensions()  # what wrote the file may have told a wrong size
        for number, row in enumerate(sheet.iter_rows(), start=1):
            cells = [_cell_text(cell) for cell in row]
            for column in sorted(merged.get(number, ())):
                cells.extend([""] * (column - len(cells)))
                cells[column - 1] = Unreadable("", _MERGED)
            yield number, cells
    except FileTooLarge:
        raise
    except Exception as exc:  # a damaged file may break anything within the reader
        raise UnreadableWorkbook from exc


def _check_unpacked(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        parts = packed.infolist()
    unpacked = sum(part.file_size for part in parts)
    beside = sum(part.file_size for part in parts if not _HOLDS_CELLS.match(part.filename))
    if unpacked > MOST_UNPACKED or beside > MOST_BESIDE:
        raise FileTooLarge(most=MOST_BYTES // 1024**2)


def _merged_cells(content: bytes, sheet: Any) -> dict[int, set[int]]:
    """Give, by row, the columns that a merged range hides: they are empty and look filled."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        xml = packed.read(sheet._worksheet_path.lstrip("/"))  # noqa: SLF001 - in no public place
    hidden: dict[int, set[int]] = defaultdict(set)
    marked = 0
    for found in re.finditer(rb'<mergeCell\b[^>]*\bref="([A-Z]+\d+:[A-Z]+\d+)"', xml):
        left, top, right, bottom = openpyxl.utils.range_boundaries(found[1].decode())
        columns = set(range(left, min(right, left + 100) + 1))
        rows = range(top, min(bottom, top + 10_000) + 1)
        marked += len(rows) * len(columns)
        if marked > MOST_MERGED:
            raise TooManyCells(lines=MOST_LINES)
        for row in rows:
            hidden[row] |= columns if row > top else columns - {left}
    return hidden


def _cell_text(cell: Any) -> str:
    if cell.value is None:
        return ""
    if cell.data_type == "f":
        return Unreadable(str(cell.value), _A_FORMULA)
    if cell.data_type == "e":
        return Unreadable(str(cell.value), _AN_ERROR)
    return text_of(cell.value)


def text_of(value: object) -> str:
    """Write a typed cell as a person would: dates and times plainly, numbers without `.0`."""
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, time):
        return _clock(value.hour, value.minute, value.second)
    if isinstance(value, timedelta):  # a number of hours that goes beyond a day
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return _clock(minutes // 60, minutes % 60, seconds)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _moment(value: datetime) -> str:
    if value.year < 1901:  # a time of the day, counted from the day on which calendars begin
        return _clock(value.hour, value.minute, value.second)
    if value.time() == time.min:
        return value.date().isoformat()
    return value.isoformat(sep=" ", timespec="minutes")


def _clock(hour: int, minute: int, second: int) -> str:
    return f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "")
