"""What a company has already, by the references and names that a file may use."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Company, Partner
from bookings.csvcells import BadCell
from bookings.csvfile import plain
from bookings.models import Client
from bookings.services.lookups import Names, any_order
from fleet.models import Driver, Place, Vehicle

Row = TypeVar("Row", bound=Model)

# A row that was given no reference is told apart in files by this one.
_OURS = "atmr-"
# Files of another installation bring references like ours, and later a row here gets that number.
SAID_OF_TWO = _("Two rows have this reference: give one of them another on its page.")


def reference_of(row: Any) -> str:
    """Give the reference by which files know a row: its own, or one that follows from its id."""
    return getattr(row, "reference", "") or f"{_OURS}{row.pk}"


def id_of(reference: str) -> int | None:
    """Give the id in a reference that follows from one."""
    number = reference.removeprefix(_OURS)
    return int(number) if number != reference and re.fullmatch(r"\d{1,18}", number) else None


class Known(Generic[Row]):
    """Rows of one company by their references and names."""

    def __init__(
        self,
        rows: Iterable[Row],
        *,
        name: Callable[[Row], str] = str,
        key: Callable[[str], str] = plain,
        other: Callable[[Row], str] | None = None,
    ) -> None:
        self._name = name
        self.rows = list(rows)
        referred: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows:
            if hasattr(row, "reference"):
                referred[reference_of(row)].append(row)
        self._by_reference = {said: rows[0] for said, rows in referred.items()}
        self._said_of_two = {said for said, rows in referred.items() if len(rows) > 1}
        self._names = Names(((name(row), row) for row in self.rows), key=key)
        self._others = Names(((other(row), row) for row in self.rows) if other else (), key=key)

    def of_reference(self, reference: str) -> Row | None:
        """Find the row of a reference.

        :raises BadCell: it is the own one of a row, and follows from the id of another.
        """
        if reference in self._said_of_two:
            raise BadCell(SAID_OF_TWO)
        return self._by_reference.get(reference)

    def named(self, text: str) -> list[Row]:
        return self._names.find(text)

    def read(self, text: str) -> Row:
        """Find the one row that a cell names.

        :raises BadCell: none has the name or reference, or several have it.
        """
        if row := self.of_reference(text):
            return row
        found = self._names.find(text) or self._others.find(text)
        if len(found) == 1:
            return found[0]
        if found:
            raise BadCell(_several(found))
        near = self._names.near(text) or self._others.near(text)
        if near:
            said = _("This name is not known. Did you mean: %(names)s?")
            raise BadCell(said % {"names": ", ".join(near)})
        raise BadCell(_("This name is not known."))

    def write(self, row: Row | None) -> str:
        """Name a row so that it is found again: by its name unless another has it too."""
        if row is None:
            return ""
        name = self._name(row)
        alone = len(self._names.find(name)) == 1 and not re.search(r"[|;\n]", name)
        if alone and self._by_reference.get(name, row) == row:
            return name
        return reference_of(row) if hasattr(row, "reference") else name


def _several(rows: list[Any]) -> str | Promise:
    references = ", ".join(reference_of(row) for row in rows[:5] if hasattr(row, "reference"))
    return _("Several have this name: write the reference (%(references)s).") % {
        "references": references
    }


class Related:
    """The rows of a company that lines may name, each kind read when it is first asked for."""

    def __init__(self, company: Company) -> None:
        self.company = company

    @cached_property
    def places(self) -> Known[Place]:
        rows = Place.objects.for_company(self.company).select_related("partner").order_by("pk")
        return Known(rows, other=lambda place: place.address)

    @cached_property
    def drivers(self) -> Known[Driver]:
        rows = Driver.objects.for_company(self.company).order_by("pk")
        return Known(rows.prefetch_related("documents"), key=any_order)

    @cached_property
    def vehicles(self) -> Known[Vehicle]:
        rows = Vehicle.objects.for_company(self.company).order_by("pk")
        return Known(rows, name=lambda row: row.plate, other=lambda row: row.name)

    @cached_property
    def clients(self) -> Known[Client]:
        rows = Client.objects.for_company(self.company).order_by("pk")
        return Known(rows.select_related("home", "partner"), key=any_order)

    @cached_property
    def partners(self) -> Known[Partner]:
        return Known(Partner.objects.for_company(self.company).order_by("pk"))
