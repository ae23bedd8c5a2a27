"""What every kind of file has in common: columns, rows found and made, rows stored."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import Model, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Company, User
from atmr import clock
from atmr.rows import RowsQuerySet
from bookings.csvcells import BadCell
from bookings.csvfile import Line, LineError
from bookings.services.lookups import CellRefused
from exchange.services import cells
from exchange.services.related import Known, Related, reference_of

_EMPTY = _("This cell must not be empty.")
REFERENCE_WORDS = "own reference, ref, référence, réf, numéro, no, referenz, nummer, id"


@dataclass(frozen=True)
class Column:
    """A column of a file: its headings, and how its cells are read and written."""

    name: str
    words: str
    read: Callable[[str], Any]
    write: Callable[[Any], str] = cells.write_text
    empty: Any = ""  # what an empty cell says
    required: bool = False


Values = dict[str, Any]


@dataclass
class Draft:
    """What lines of the file say about one row, and what that changes."""

    lines: list[Line]
    values: Values
    row: Any
    is_new: bool
    changes: list[tuple[str, str, str]] = field(default_factory=list)  # column, before, after

    @property
    def changed(self) -> set[str]:
        """Name the columns that differ from what the row had."""
        return {name for name, *_texts in self.changes}


class FileKind:
    """A kind of file, for one company."""

    slug: ClassVar[str]
    label: ClassVar[Promise]
    model: ClassVar[type[Model]]
    do_not_call_in_templates = True

    def __init__(self, company: Company, *, now: datetime, actor: User | None = None) -> None:
        self.company = company
        self.now = now
        self.actor = actor


class Kind(FileKind, ABC):
    """A kind whose lines are rows of a table, both in and out."""

    relations: ClassVar[tuple[str, ...]] = ()
    extras: ClassVar[tuple[str, ...]] = ()  # columns that are rows of another table
    only_read: ClassVar[tuple[str, ...]] = ()  # columns that exports do not have

    def __init__(self, company: Company, *, now: datetime, actor: User | None = None) -> None:
        super().__init__(company, now=now, actor=actor)
        self.this_year = clock.local_day(now, company.tz).year
        self.related = Related(company)
        self.columns = {column.name: column for column in self.make_columns()}

    @abstractmethod
    def make_columns(self) -> list[Column]:
        """Give the columns, in the order of an export."""

    # --- Reading --------------------------------------------------------------------------------

    def units(self, lines: list[Line]) -> list[list[Line]]:
        """Put lines together that speak about one row."""
        return [[line] for line in lines]

    def values_of(self, lines: list[Line], headings: dict[str, str]) -> Values | list[LineError]:
        """Read the cells of a unit: what they say, or everything that is wrong with them."""
        return self.read_line(lines[0], headings)

    def read_line(self, line: Line, headings: dict[str, str]) -> Values | list[LineError]:
        values: Values = {}
        errors: list[LineError] = []
        for name, heading in headings.items():
            column, text = self.columns[name], line.cells.get(name, "")
            try:
                if column.required and not text:
                    raise BadCell(_EMPTY)
                values[name] = column.read(text) if text else column.empty
            except BadCell as exc:
                errors.append(LineError(line.number, heading, text, exc.accepted))
        return errors or values

    def prepare(self, batch: Sequence[Values]) -> None:
        """Read what a batch of lines may mean, of a kind whose rows are too many to read."""

    @abstractmethod
    def find(self, values: Values) -> Any | None:
        """Find the row that a line speaks about.

        :raises CellRefused: several rows may be meant.
        """

    def new(self) -> Any:
        return self.model(company=self.company)

    @abstractmethod
    def identity(self, row: Any, values: Values) -> object:
        """Give what a new row without a reference is known by."""

    def key(self, row: Any, values: Values) -> object:
        """Tell two new rows of a file apart: those with references may be namesakes."""
        reference = values.get("reference")
        return f"reference {reference}" if reference else self.identity(row, values)

    def get(self, row: Any, name: str) -> Any:
        return getattr(row, name)

    def put(self, row: Any, name: str, value: Any) -> None:
        """Set a field of the row; what other tables hold is stored by `save_extras`."""
        if name not in self.extras:
            setattr(row, name, list(value) if isinstance(value, tuple) else value)

    def write(self, name: str, value: Any) -> str:
        return value if name == "reference" else self.columns[name].write(value)

    def difference(self, row: Any, name: str, value: Any) -> tuple[str, str]:
        """Give what a stored row has and what a line says, both as they are written."""
        return self.text(row, name), self.write(name, value)

    def heading(self, name: str) -> str:
        """Name a column that the file does not have."""
        field: Any = self.model._meta.get_field(name)
        return str(getattr(field, "verbose_name", None) or field.related_model._meta.verbose_name)

    def settle(self, draft: Draft) -> None:
        """Complete what follows from the cells, before the row is checked."""

    def check(self, _draft: Draft) -> Iterator[tuple[str, str | Promise]]:
        """Give the columns that a rule refuses, and why."""
        yield from ()

    # --- Storing --------------------------------------------------------------------------------

    def save(self, drafts: Sequence[Draft]) -> None:
        """Store new and changed rows, in constant statements."""
        made = [draft.row for draft in drafts if draft.is_new]
        if made:
            self.model._default_manager.bulk_create(made)
        changed = [draft for draft in drafts if not draft.is_new]
        fields = {name for draft in changed for name in draft.changed}
        plain = sorted(fields - set(self.extras))
        if changed and plain:
            RowsQuerySet(self.model).bulk_update([draft.row for draft in changed], plain)
        self.save_extras(drafts)

    def save_extras(self, drafts: Sequence[Draft]) -> None:
        """Store what stands in other tables."""

    # --- Writing --------------------------------------------------------------------------------

    @abstractmethod
    def rows(self) -> QuerySet | Iterable[Any]:
        """Give the rows of an export, in their order."""

    def lines_of(self, row: Any) -> Iterator[dict[str, str]]:
        """Write a row as the lines of a file."""
        yield {name: self.text(row, name) for name in self.columns}

    def text(self, row: Any, name: str) -> str:
        if name == "reference":
            return reference_of(row) if row.pk else row.reference
        return self.write(name, self.get(row, name))


class KnownKind(Kind):
    """A kind of which a company has so few rows that all are read, once for a file."""

    @abstractmethod
    def existing(self) -> Known:
        """Give the company's rows of this kind, read once."""

    @abstractmethod
    def same(self, values: Values) -> list[Any]:
        """Give the rows that are meant where a line gives no reference, or a new one."""

    def rows(self) -> Iterable[Any]:
        return self.existing().rows

    def find(self, values: Values) -> Any | None:
        """Find by the reference, else as `same` tells."""
        reference = values.get("reference", "")
        try:
            row = self.existing().of_reference(reference)
        except BadCell as exc:
            raise CellRefused("reference", exc.accepted) from exc
        if row is not None:
            return row
        rows = self.same(values)
        if reference:  # one of another reference is another row
            rows = [row for row in rows if not row.reference]
        if len(rows) > 1:
            names = ", ".join(reference_of(row) for row in rows[:5])
            raise CellRefused(
                "reference",
                _("Several have this name: write the reference (%(references)s).")
                % {"references": names},
            )
        return rows[0] if rows else None


def reference_column() -> Column:
    return Column("reference", REFERENCE_WORDS, cells.read_reference)
