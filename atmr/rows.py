"""Many rows written in one statement that does not grow with them."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, TypeVar

from django.contrib.postgres.fields import ArrayField
from django.db import connections, models, transaction

_Row = TypeVar("_Row", bound=models.Model)


class RowsQuerySet(models.QuerySet[_Row]):
    """`bulk_update` with Django's signature and a body that stays fast.

    Django's own sends one CASE with a WHEN for each row and column, and plans it each time; this
    sends one UPDATE .. FROM unnest(arrays), whose text depends on the columns alone. What arrays
    cannot say is left to Django's.
    """

    def bulk_update(
        self, objs: Iterable[_Row], fields: Iterable[str], batch_size: int | None = None
    ) -> int:
        rows, names = list(objs), list(fields)
        super().bulk_update((), names, batch_size)  # Django's checks of the arguments
        columns: list[Any] = [self.model._meta.get_field(name) for name in names]
        if self.query.where or not _are_plain(rows, columns):
            return super().bulk_update(rows, names, batch_size)
        waiting = iter(rows)
        size = batch_size or max(1, len(rows))
        changed = 0
        with transaction.atomic(using=self.db, savepoint=False):
            while batch := list(islice(waiting, size)):
                changed += self._update_from_arrays(batch, columns)
        return changed

    bulk_update.alters_data = True  # type: ignore[attr-defined]

    def _update_from_arrays(self, rows: Sequence[_Row], columns: Sequence[Any]) -> int:
        connection = connections[self.db]
        key: Any = self.model._meta.pk
        quote = connection.ops.quote_name
        arrays = [
            [column.get_db_prep_save(getattr(row, column.attname), connection) for row in rows]
            for column in (key, *columns)
        ]
        types = ", ".join(f"%s::{_array_type(column, connection)}" for column in (key, *columns))
        taken = ", ".join(f"{quote(column.column)} = n.c{i}" for i, column in enumerate(columns))
        names = ", ".join(f"c{i}" for i in range(len(columns)))
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {quote(self.model._meta.db_table)} t SET {taken}"  # noqa: S608 - names of
                f" FROM unnest({types}) AS n(key, {names})"  # tables and columns are code
                f" WHERE t.{quote(key.column)} = n.key",
                arrays,
            )
            return int(cursor.rowcount)


def _are_plain(rows: Sequence[models.Model], columns: Sequence[Any]) -> bool:
    """Say whether plain values, one for each row, are all there is to write."""
    if any(isinstance(column, ArrayField) or column.generated for column in columns):
        return False  # an array of arrays is a table to PostgreSQL
    return all(
        row.pk is not None
        and not any(
            hasattr(getattr(row, column.attname), "resolve_expression")
            or _is_unsettled(row, column)
            for column in columns
        )
        for row in rows
    )


def _is_unsettled(row: models.Model, column: Any) -> bool:
    """A related row that was saved after it was assigned: Django settles its key, or refuses."""
    if not column.is_relation or not column.is_cached(row):
        return False
    related = column.get_cached_value(row)
    return related is not None and related.pk != getattr(row, column.attname)


def _array_type(column: Any, connection: Any) -> str:
    """Name the array's type without its length: a cast to one would cut a text off in silence."""
    kind = column.rel_db_type(connection) if column.primary_key else column.db_type(connection)
    return f"{kind.partition('(')[0]}[]"
