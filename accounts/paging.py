"""Pages of a long list: each begins where the last one ended, so all of them cost the same.

A cursor holds the ordering values of the row at the edge of a page. The database goes on from
there by an index; with OFFSET it would read and throw away every page before. Rows that come in
meanwhile move no page: none is shown twice, none is passed over.
"""

import functools
import json
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Any, Generic, TypeVar

from django.contrib.postgres.fields import ArrayField
from django.core import signing
from django.core.exceptions import FieldDoesNotExist
from django.db.models import F, Field, GeneratedField, JSONField, Model, Q, QuerySet
from django.db.models.expressions import OrderBy

Row = TypeVar("Row", bound=Model)
SALT = "accounts.paging"
EXACT_UP_TO = 1000
SURELY_MANY = 100 * EXACT_UP_TO


class BadCursor(Exception):
    """The cursor was not made by us, or for another order of the list."""


@dataclass(frozen=True)
class Key:
    """One column that a list is ordered by. PostgreSQL takes NULL for greater than any value."""

    path: str
    is_descending: bool
    is_nullable: bool
    field: Field  # what its values are
    attribute: str  # where a row of the page has them

    @property
    def name(self) -> str:
        return f"-{self.path}" if self.is_descending else self.path

    def rises(self, *, backwards: bool) -> bool:
        return self.is_descending == backwards

    def equal(self, value: Any) -> Q:
        return Q((f"{self.path}__isnull", True)) if value is None else Q((self.path, value))

    def beyond(self, value: Any, *, backwards: bool) -> Q | None:
        """Say what comes after `value`; None when nothing can."""
        rises = self.rises(backwards=backwards)
        if value is None:
            return None if rises else Q((f"{self.path}__isnull", False))
        if not rises:
            return Q((f"{self.path}__lt", value))
        greater = Q((f"{self.path}__gt", value))
        return greater | Q((f"{self.path}__isnull", True)) if self.is_nullable else greater

    def bound(self, value: Any, *, backwards: bool) -> Q:
        """Say it of this column alone, loosely: an index takes this, and no chain of ORs."""
        rises = self.rises(backwards=backwards)
        if value is None or (rises and self.is_nullable):
            return Q()
        return Q((f"{self.path}__{'gte' if rises else 'lte'}", value))


@dataclass(frozen=True)
class Cursor:
    """The edge of a page, and on which side of it the page lies that is asked for."""

    values: tuple[Any, ...]
    is_backwards: bool

    def token(self, keys: Sequence[Key]) -> str:
        """Write it for an address. Signed: the values go into a query as they are."""
        plain = [_plain(k.field.get_prep_value(v)) for k, v in zip(keys, self.values, strict=True)]
        return signing.dumps([_order(keys), self.is_backwards, plain], salt=SALT)

    @classmethod
    def of_token(cls, token: str, keys: Sequence[Key]) -> "Cursor":
        """Read it again.

        :raises BadCursor: it was changed on the way, or is of a list in another order.
        """
        try:
            order, is_backwards, plain = signing.loads(token, salt=SALT)
        except signing.BadSignature as exc:
            raise BadCursor from exc
        if order != _order(keys):
            raise BadCursor
        values = (k.field.to_python(value) for k, value in zip(keys, plain, strict=True))
        return cls(tuple(values), is_backwards)


@dataclass(frozen=True)
class Page(Generic[Row]):
    """The rows of a page in order, and where the pages around it begin."""

    rows: list[Row]
    previous: Cursor | None
    next: Cursor | None


@dataclass(frozen=True)
class Count:
    """How many rows a list has: counted when they are few, else as the planner believes."""

    number: int
    is_exact: bool


def count_of(rows: QuerySet, *, is_searched: bool = False) -> Count:
    """Count up to a bound; beyond it ask the planner, which answers from its statistics.

    Of a search it is asked first: what nearly every row has is on the page at once, but to count a
    thousand rows that are all at one end of two joined tables takes longer than the page.
    """
    rows = rows.order_by().select_related(None)
    if is_searched and (expected := _expected(rows)) > SURELY_MANY:
        return Count(expected, is_exact=False)
    counted = rows[: EXACT_UP_TO + 1].count()
    if counted <= EXACT_UP_TO:
        return Count(counted, is_exact=True)
    return Count(max(counted, expected if is_searched else _expected(rows)), is_exact=False)


def _expected(rows: QuerySet) -> int:
    """Give the number of rows that the planner expects."""
    plan = rows.explain(format="json")
    return int(json.loads(plan)[0]["Plan"]["Plan Rows"]) if plan else 0


def keys_of(rows: QuerySet) -> list[Key] | None:
    """Read the order of a queryset; None when it is none that a page can go on from."""
    keys = [_key(rows.model, part) for part in rows.query.order_by]
    return [key for key in keys if key] if keys and all(keys) else None


def page_of(
    rows: QuerySet[Row],
    keys: Sequence[Key],
    cursor: Cursor | None,
    size: int,
    *,
    ids_first: bool = False,
) -> Page[Row]:
    """Read one page, and one row more to know whether another follows. One statement.

    With `ids_first`, which rows these are is found before anything is joined to them: where no
    index serves the order, the sort then carries no more than ids.
    """
    is_backwards = cursor is not None and cursor.is_backwards
    near = rows if cursor is None else rows.filter(_beyond(keys, cursor))
    near = near.reverse() if is_backwards else near
    if ids_first and not rows.query.distinct:  # those are told apart only by all their columns
        ids = near.select_related(None).values("pk")[: size + 1]
        chosen = rows.filter(pk__in=ids)
        near = chosen.reverse() if is_backwards else chosen
    found = list(near.annotate(**_related(keys))[: size + 1])
    has_more = len(found) > size
    found = found[:size]
    if is_backwards:
        found.reverse()
    if not found:
        return Page(found, None, None)
    has_previous = has_more if is_backwards else cursor is not None
    has_next = is_backwards or has_more
    return Page(
        found,
        _edge(found[0], keys, is_backwards=True) if has_previous else None,
        _edge(found[-1], keys, is_backwards=False) if has_next else None,
    )


def _key(model: type[Model], part: Any) -> Key | None:
    """Follow one part of an order to its column."""
    name, is_descending = _named(part)
    is_nullable = False
    field: Any = None
    for step in name.split("__"):
        if field is not None:
            model = field.related_model
        found = _column(model, step)
        if found is None:
            return None
        # A generated column is as null as what it is declared to give.
        field = found.output_field if isinstance(found, GeneratedField) else found
        is_nullable = is_nullable or field.null
    if isinstance(field, (ArrayField, JSONField)):
        return None
    if field.is_relation and field.related_model._meta.ordering:
        return None  # Django would follow that order instead
    attribute = f"key_{name}" if "__" in name else found.attname
    return Key(name, is_descending, is_nullable, field, attribute)


def _column(model: type[Model] | None, step: str) -> Any:
    if model is None:
        return None
    if step == "pk":
        return model._meta.pk
    try:
        field: Any = model._meta.get_field(step)
    except FieldDoesNotExist:
        return None
    return field if field.concrete and not field.many_to_many else None


def _named(part: Any) -> tuple[str, bool]:
    """Give the name in a part of an order, and whether it is descending; "" for what has none."""
    if isinstance(part, str):
        return part.removeprefix("-"), part.startswith("-")
    if isinstance(part, OrderBy) and not (part.nulls_first or part.nulls_last):
        return getattr(part.expression, "name", ""), part.descending
    return getattr(part, "name", "") if isinstance(part, F) else "", False


def _beyond(keys: Sequence[Key], cursor: Cursor) -> Q:
    """Say which rows lie beyond the edge: in one column further, and equal in all before it."""
    ways: list[Q] = []
    same = Q()
    for key, value in zip(keys, cursor.values, strict=True):
        further = key.beyond(value, backwards=cursor.is_backwards)
        if further is not None:
            ways.append(same & further)
        same &= key.equal(value)
    if not ways:
        return Q(pk__in=[])
    bound = keys[0].bound(cursor.values[0], backwards=cursor.is_backwards)
    return bound & functools.reduce(operator.or_, ways)


def _related(keys: Sequence[Key]) -> dict[str, F]:
    """What a row must bring along from other tables for a cursor."""
    return {key.attribute: F(key.path) for key in keys if "__" in key.path}


def _edge(row: Model, keys: Sequence[Key], *, is_backwards: bool) -> Cursor:
    return Cursor(tuple(getattr(row, key.attribute) for key in keys), is_backwards)


def _order(keys: Sequence[Key]) -> str:
    return ",".join(key.name for key in keys)


def _plain(value: Any) -> Any:
    """Write a value as JSON has it; the field reads it back to the last microsecond."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    return value.isoformat() if isinstance(value, (date, time)) else str(value)
