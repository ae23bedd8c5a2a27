"""How tests ask the database what it refuses, in every way a row can be written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction


@contextmanager
def refused_by(name: str) -> Iterator[None]:
    """Expect the database to refuse what happens inside, by the constraint of this name."""
    with pytest.raises(IntegrityError) as caught, committed():
        yield
    assert caught.value.__cause__.diag.constraint_name == name


@contextmanager
def committed() -> Iterator[None]:
    """As if what happens inside were a transaction of its own."""
    with transaction.atomic():
        yield
        check_deferred()


def check_deferred() -> None:
    """Ask now what the database would ask when the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def by_update(row: models.Model, values: dict[str, Any]) -> None:
    type(row)._base_manager.filter(pk=row.pk).update(**values)


def by_bulk_update(row: models.Model, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    type(row)._base_manager.bulk_update([row], list(values))


def by_bulk_create(row: models.Model, values: dict[str, Any]) -> None:
    copy = type(row)._base_manager.get(pk=row.pk)
    copy.pk = None
    for name, value in values.items():
        setattr(copy, name, value)
    type(row)._base_manager.bulk_create([copy])


def by_sql(row: models.Model, values: dict[str, Any]) -> None:
    columns = [type(row)._meta.get_field(name).column for name in values]
    sets = ", ".join(f'"{column}" = %s' for column in columns)
    params = [getattr(value, "pk", value) for value in values.values()]
    with connection.cursor() as cursor:
        cursor.execute(f'UPDATE "{row._meta.db_table}" SET {sets} WHERE id = %s', [*params, row.pk])


CHANGES: list[Callable[[Any, dict[str, Any]], None]] = [by_update, by_bulk_update, by_sql]
WAYS = [*CHANGES, by_bulk_create]


def cases(*groups: tuple[Any, str, list[dict[str, Any]]]) -> list[Any]:
    """One test case for each of the values of each (factory, constraint, values)."""
    return [
        pytest.param(maker, name, values, id=f"{name}-{number}")
        for maker, name, many in groups
        for number, values in enumerate(many)
    ]
