"""What the models declare is what the database has: constraints, indexes and triggers."""

from pathlib import Path

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction

from tests import factories
from tests.constraints import by_sql

OURS = ["accounts", "fleet", "bookings", "dispatch"]
MODELS = [model for app in OURS for model in apps.get_app_config(app).get_models()]
TABLES = [model for model in MODELS if not model._meta.proxy]
CONSTRAINTS = [(model, each) for model in TABLES for each in model._meta.constraints]
INDEXES = [(model, each) for model in TABLES for each in model._meta.indexes]
TRIGGERS = [(model, each) for model in MODELS for each in getattr(model._meta, "triggers", [])]
KINDS = {"CheckConstraint": "c", "ExclusionConstraint": "x", "UniqueConstraint": "u"}

pytestmark = pytest.mark.django_db


def named(pairs):
    return [
        pytest.param(model, each, id=f"{model.__name__}-{getattr(each, 'name', each)}")
        for model, each in pairs
    ]


def ask(sql, *params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def columns_of(index):
    """The columns of an index in its order, descending ones with a dash; is it whole and usable."""
    return ask(
        """
        SELECT array_agg(
            CASE WHEN pg_index_column_has_property(i.indexrelid, k, 'desc') THEN '-' ELSE '' END
            || pg_get_indexdef(i.indexrelid, k, true) ORDER BY k
        ), bool_and(i.indisvalid), bool_or(i.indpred IS NOT NULL), bool_or(i.indisunique)
        FROM pg_index i, generate_series(1, i.indnkeyatts) k
        WHERE i.indexrelid = to_regclass(%s)
        """,
        f'"{index}"',
    )[0]


def declared_columns(model, names):
    fields = [(name.startswith("-"), name.removeprefix("-")) for name in names]
    return ["-" * descending + model._meta.get_field(name).column for descending, name in fields]


# --- constraints --------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "constraint"), named(CONSTRAINTS))
def test_declared_constraint_is_in_the_database_and_in_force(model, constraint):
    if isinstance(constraint, models.UniqueConstraint):
        columns, valid, partial, unique = columns_of(constraint.name)
        assert columns == declared_columns(model, constraint.fields)
        assert (valid, unique) == (True, True)
        assert partial == (constraint.condition is not None)
        return

    found = ask(
        "SELECT contype::text, convalidated, condeferrable, condeferred FROM pg_constraint"
        " WHERE conname = %s AND conrelid = %s::regclass",
        constraint.name,
        model._meta.db_table,
    )

    deferrable = getattr(constraint, "deferrable", None) is not None
    assert found == [(KINDS[type(constraint).__name__], True, deferrable, False)]


@pytest.mark.parametrize(("model", "constraint"), named(CONSTRAINTS))
def test_declared_constraint_is_tried_by_name(model, constraint):
    tried = Path(__file__).parent / model._meta.app_label / "test_constraints.py"
    source = tried.read_text()

    setting = constraint.name.removeprefix("policy_").removesuffix("_bounded")
    assert f'"{constraint.name}"' in source or f'"{setting}":' in source


POSITIVE = [
    (model, field)
    for model in TABLES
    if not hasattr(model, "pgh_tracked_model")
    for field in model._meta.fields
    if isinstance(field, models.PositiveIntegerField | models.PositiveSmallIntegerField)
    if field.name != "version"  # its trigger counts, whatever is written
]


@pytest.mark.parametrize(("model", "field"), named(POSITIVE))
def test_no_number_is_negative(model, field):
    row = getattr(factories, f"{model.__name__}Factory")()

    with pytest.raises(IntegrityError, match="violates check constraint"), transaction.atomic():
        by_sql(row, {field.name: -1})


def test_every_instant_knows_its_zone():
    naive = ask(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type = 'timestamp without time zone'"
        " AND table_name LIKE ANY (%s)",
        [f"{app}\\_%" for app in OURS],
    )

    assert naive == []


# --- indexes ------------------------------------------------------------------------------------

EXPRESSIONS = {
    "booking_reference_pieces": ["upper(reference::text)", "upper(partner_reference::text)"],
}


@pytest.mark.parametrize(("model", "index"), named(INDEXES))
def test_declared_index_is_in_the_database_with_its_columns_in_order(model, index):
    columns, valid, partial, _unique = columns_of(index.name)

    assert columns == (EXPRESSIONS.get(index.name) or declared_columns(model, index.fields))
    assert valid
    assert partial == (index.condition is not None)


@pytest.mark.parametrize(
    ("name", "on"),
    [
        (
            "ix_assignment_booking_created",
            "dispatch_assignment USING btree (booking_id, created_at)",
        ),
        (
            "ix_assignment_dispatch_run_status",
            "dispatch_assignment USING btree (dispatch_run_id, status)",
        ),
        (
            "ix_booking_status_scheduled_company",
            "bookings_booking USING btree (status, scheduled_at, company_id)",
        ),
    ],
)
def test_index_of_the_contract_has_exactly_this_name_and_these_columns(name, on):
    found = ask("SELECT indexdef FROM pg_indexes WHERE indexname = %s", name)

    assert found == [(f"CREATE INDEX {name} ON public.{on}",)]


@pytest.mark.parametrize(
    ("column", "names"),
    [
        ("booking_id", {"ix_assignment_booking_created", "assignment_one_live_per_booking"}),
        ("dispatch_run_id", {"ix_assignment_dispatch_run_status"}),
    ],
)
def test_foreign_key_of_an_assignment_has_no_index_but_the_named_ones(column, names):
    found = ask(
        "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = 'dispatch_assignment'::regclass"
        " AND pg_get_indexdef(i.indexrelid, 1, true) = %s",
        column,
    )

    assert {name for (name,) in found} == names


def test_no_index_of_one_column_doubles_one_that_begins_with_it():
    """The planner would take it instead of the named one, and every write would pay for both."""
    doubles = ask(
        """
        SELECT a.indexrelid::regclass::text, b.indexrelid::regclass::text
        FROM pg_index a JOIN pg_index b USING (indrelid)
        WHERE a.indexrelid <> b.indexrelid AND a.indpred IS NULL AND b.indpred IS NULL
        AND NOT a.indisunique AND a.indnatts = 1 AND a.indkey[0] = b.indkey[0]
        AND a.indclass[0] = b.indclass[0] AND indrelid = ANY (%s::regclass[])
        """,
        [model._meta.db_table for model in TABLES],
    )

    assert doubles == []


# --- triggers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "trigger"), named(TRIGGERS))
def test_declared_trigger_is_in_the_database_as_declared_and_enabled(model, trigger):
    assert trigger.get_installation_status(model) == ("INSTALLED", True)


def test_database_has_no_trigger_that_no_model_declares():
    found = ask("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")

    ours = {trigger.get_pgid(model) for model, trigger in TRIGGERS}
    assert ours
    assert {name for (name,) in found} == ours


def test_rows_of_a_company_stay_with_it_and_point_at_no_other():
    """Every foreign key from one company's table to another's is looked at by a trigger."""
    owned = {
        model
        for model in TABLES
        if "company" in {field.name for field in model._meta.fields}
        and not hasattr(model, "pgh_tracked_model")
    }
    people = {"actor", "started_by"}  # an administrator acts in any company
    crossing = {
        f"{model.__name__}.{field.name}"
        for model in owned
        for field in model._meta.fields
        if field.related_model in owned and field.name not in people
    }
    looked_at = {
        f"{model.__name__}.{field.name}"
        for model, trigger in TRIGGERS
        if trigger.name in {"same_company", "same_company_changed", "driver_of_shift"}
        for field in model._meta.fields
        if f'"{field.column}"' in str(trigger.operation) or f"r.{field.column} IS" in trigger.func
    }

    # An event is written by the trigger, with the company of its booking.
    assert crossing - looked_at == {"BookingEvent.booking"}
