"""The words for statements: kinds, shapes, fingerprints, call sites."""

import pytest
from django.db import connection

from atmr import statements
from bookings.models import Booking


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT 1", "SELECT"),
        ("  (SELECT 1) UNION (SELECT 2)", "SELECT"),
        ("INSERT INTO a SELECT * FROM b", "INSERT"),
        ("WITH x AS (SELECT 1) INSERT INTO a SELECT * FROM x", "INSERT"),
        ("WITH x AS (INSERT INTO a VALUES (1) RETURNING id)\nSELECT id FROM x", "SELECT"),
        ("WITH x AS (SELECT (1)), y AS (SELECT 2) UPDATE a SET b = (SELECT 1)", "UPDATE"),
        ("SELECT set_config('pghistory.context_id', %s, true); DELETE FROM a", "DELETE"),
        ("SELECT set_config('x', %s, true)", "SELECT"),
        ("SET CONSTRAINTS ALL IMMEDIATE", "other"),
    ],
)
def test_statement_is_of_the_kind_of_its_own_verb(sql, kind):
    assert statements.verb(sql) == kind


@pytest.mark.parametrize("sql", ["SAVEPOINT a", 'RELEASE SAVEPOINT "a"', "SET CONSTRAINTS ALL"])
def test_transaction_control_is_known(sql):
    assert statements.is_control(sql)
    assert not statements.is_control("UPDATE a SET b = 'SAVEPOINT'")


def test_statements_that_differ_in_values_alone_have_one_shape():
    one = "SELECT a FROM t WHERE id IN (1, 2, 3) AND name = 'it''s' AND n = 4"
    other = "SELECT a FROM t\n WHERE id IN (7) AND name = 'x' AND n = 55"

    assert statements.shape(one) == statements.shape(other)
    assert statements.fingerprint(one) == statements.fingerprint(other)
    assert "it" not in statements.shape(one).replace("WHERE id IN", "")


def test_rows_of_an_insert_do_not_change_its_shape():
    one = "INSERT INTO t (a) VALUES (%s, %s)"
    three = "INSERT INTO t (a) VALUES (%s, %s), (%s, %s), (%s, %s)"

    assert statements.shape(one) == statements.shape(three)


def test_other_table_is_another_shape():
    assert statements.fingerprint("SELECT 1 FROM a") != statements.fingerprint("SELECT 1 FROM b")


@pytest.mark.django_db
def test_call_site_is_the_line_that_asked():
    seen = []

    def watch(execute, sql, params, many, context):
        seen.append(statements.call_site())
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        Booking.objects.count()

    assert [place.partition(":")[0] for place in seen] == ["tests/test_statements.py"]
    assert seen[0].endswith(" test_call_site_is_the_line_that_asked")
