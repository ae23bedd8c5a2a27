"""Every migration goes down and up again with rows present, which are still there.

One walk over the migrations of our apps, a new one included from the day it is written. It begins
at the top with a row in every table, takes the migrations back one by one, and applies them again
one by one; what a step down takes with it is put back when the walk is on that step again, so that
the steps up meet rows too. On each step, each row of a table that exists on both sides is there
with the values it had, in the columns that exist on both sides; and at the top the database is, to
the last constraint, index, trigger and function, what it was.

To take an initial migration back takes its tables, and nothing can bring their rows back. Where an
app's tables are made by two initial migrations (the second adds the foreign keys between apps), no
database with rows ever stood between them, and the second cannot invent what a row should point
at: the rows of such an app are put back after its last initial migration.
"""

import json
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from factory.django import DjangoModelFactory

from tests import factories
from tests.constraints import check_deferred
from tests.test_database import OURS, ask

Node = tuple[str, str]
Rows = dict[str, dict[int, dict[str, Any]]]

LOADER = MigrationLoader(None)
STEPS = list(
    dict.fromkeys(
        node
        for leaf in sorted(LOADER.graph.leaf_nodes())
        for node in LOADER.graph.forwards_plan(leaf)
        if node[0] in OURS
    )
)
MAKERS = [
    maker
    for maker in vars(factories).values()
    if isinstance(maker, type)
    and issubclass(maker, DjangoModelFactory)
    and not maker._meta.abstract
    and maker is not DjangoModelFactory
]


def make_one_of_everything() -> None:
    for maker in MAKERS:
        maker()
    client = factories.ClientFactory()
    for wishes in (client.preferred_drivers, client.refused_drivers):
        wishes.add(factories.DriverFactory(company=client.company))
    assert [table for table, rows in rows_there().items() if not rows] == []


def migrate(targets: list[tuple[str, str | None]]) -> None:
    check_deferred()  # PostgreSQL alters no table with checks still to be made
    executor = MigrationExecutor(connection)
    executor.migrate(targets)


def tables() -> list[str]:
    found = ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return sorted(name for (name,) in found if name.split("_")[0] in OURS)


def rows_there() -> Rows:
    found: Rows = {}
    for table in tables():
        key = "pgh_id" if table.endswith("history") else "id"
        rows = ask(f'SELECT "{key}", to_jsonb(t) FROM "{table}" t')
        found[table] = {pk: json.loads(row) for pk, row in rows}
    return found


def shape() -> dict[str, list[tuple[Any, ...]]]:
    """Everything about our tables that a migration can change, but the order of columns."""
    return {
        "columns": ask(
            "SELECT table_name, column_name, data_type, is_nullable, column_default,"
            " character_maximum_length, generation_expression, is_identity"
            " FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
        ),
        "constraints": ask(
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated"
            " FROM pg_constraint WHERE conrelid <> 0 ORDER BY 1, 2"
        ),
        "indexes": ask(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
        ),
        "triggers": ask(
            "SELECT tgname, pg_get_triggerdef(t.oid), p.prosrc, tgenabled::text"
            " FROM pg_trigger t JOIN pg_proc p ON p.oid = tgfoid"
            " WHERE NOT tgisinternal ORDER BY 1"
        ),
        "extensions": ask("SELECT extname FROM pg_extension ORDER BY 1"),
    }


def kept(before: Rows, after: Rows) -> None:
    """Assert that what is in both is the same, as far as it is in both."""
    for table in before.keys() & after.keys():
        assert before[table].keys() == after[table].keys(), table
        for key, old in before[table].items():
            new = after[table][key]
            common = old.keys() & new.keys()
            assert {name: old[name] for name in common} == {name: new[name] for name in common}


def put_back(rows: Rows, apps: set[str]) -> None:
    """Fill the empty tables of these apps with the rows they had."""
    empty = [
        each for each, there in rows_there().items() if each.split("_")[0] in apps and not there
    ]
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")  # in whatever order they come
        for table in empty:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            names = columns_to_write(table)
            cursor.execute(
                f"INSERT INTO {table} ({names})"
                f" SELECT {names} FROM jsonb_populate_recordset(NULL::{table}, %s)",
                [json.dumps(list(rows[table].values()))],
            )
        check_deferred()
        for table in empty:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def columns_to_write(table: str) -> str:
    (found,) = ask(
        "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns"
        " WHERE table_name = %s AND is_generated = 'NEVER'",
        table,
    )
    return found[0]


@pytest.mark.django_db
def test_migrations_go_down_and_up_with_rows_which_are_still_there() -> None:
    make_one_of_everything()
    top = shape()
    levels: dict[Node, Rows] = {}

    for app, name in reversed(STEPS):
        levels[app, name] = rows_there()
        earlier = [each for each in STEPS[: STEPS.index((app, name))] if each[0] == app]
        migrate([earlier[-1] if earlier else (app, None)])
        assert (app, name) not in MigrationLoader(connection).applied_migrations
        kept(levels[app, name], rows_there())
    assert tables() == []

    for step, node in enumerate(STEPS, start=1):
        before = rows_there()
        migrate([node])
        kept(before, rows_there())
        to_come = {later[0] for later in STEPS[step:] if LOADER.disk_migrations[later].initial}
        put_back(levels[node], set(OURS) - to_come)
    migrate(LOADER.graph.leaf_nodes())

    assert rows_there() == levels[STEPS[-1]]
    assert shape() == top


def test_every_app_with_tables_is_walked() -> None:
    assert {app for app, _name in STEPS} == set(OURS)
