"""Each declared index is what PostgreSQL takes for the query it is declared for.

Asked on tables with years of rows: on empty ones the planner would read everything whatever there
is, and an index that nobody uses would pass for one that works.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoDbBlocker

from accounts import paging
from accounts.models import Company
from benchmarks import proof
from benchmarks.proof import declared, explain, prove
from benchmarks.serving import SERVED, Statement, Subject, asked, find_subject, listed
from bookings.models import Booking, Client
from dispatch.metrics.reading import of_period
from dispatch.models import Assignment, DispatchPolicy, DispatchRun, RunState
from dispatch.services import loading, versions
from fleet.models import Shift
from tests.factories import DAY, on_day
from tests.test_database import INDEXES, TABLES

DAYS, A_DAY = 300, 200  # 60,000 bookings; the tests stand on day 250
DAY_START = on_day(0)
DAY_END = DAY_START + timedelta(days=1)

FILL = [
    """
    INSERT INTO accounts_company (slug, name, time_zone, language, requires_second_factor,
        created_at)
    SELECT 'company-' || n, 'Company ' || n, 'Europe/Zurich', 'fr', false, now()
    FROM generate_series(1, 3) n""",
    # Company 1 has four fifths of everything, company 3 a hundredth.
    """
    CREATE TEMPORARY TABLE days ON COMMIT DROP AS
    SELECT d, '{start}'::timestamptz + (d - 250) * interval '1 day' AS starts_at
    FROM generate_series(0, {days} - 1) d""",
    """
    CREATE TEMPORARY TABLE slots ON COMMIT DROP AS
    SELECT d, starts_at, slot, row_number() OVER (ORDER BY slot, d) AS n,
        CASE WHEN slot < {a_day} * 0.8 THEN 1 WHEN slot < {a_day} - 2 THEN 2 ELSE 3 END AS company
    FROM days, generate_series(0, {a_day} - 1) slot""",
    """
    CREATE TEMPORARY TABLE owner ON COMMIT DROP AS
    SELECT row_number() OVER (ORDER BY id) AS company, id FROM accounts_company""",
    """
    INSERT INTO fleet_place (company_id, name, kind, address, lat, lon, geo_origin, geo_quality,
        entrance_notes, reference)
    SELECT o.id, 'Place ' || n, 'home', '', 46.2, 6.1, 'manual', 'street', '', ''
    FROM owner o, generate_series(1, 3000) n""",
    """
    INSERT INTO bookings_client (company_id, name, phone, language, floor, door_code, access_notes,
        active, mobility, companions, boarding_min, boarding_notes, reference)
    SELECT o.id, 'Client ' || n, '', 'fr', '', '', '', true, 'walks', 0, 0, '', ''
    FROM owner o, generate_series(1, 3000) n""",
    """
    INSERT INTO fleet_driver (company_id, name, kind, active, phone, email, licence_categories,
        skills, reference)
    SELECT o.id, 'Driver ' || n, 'regular', true, '', '', '{{}}', '{{}}', ''
    FROM owner o, generate_series(1, 20) n""",
    """
    INSERT INTO fleet_vehicle (company_id, plate, name, equipment, licence_category, active)
    SELECT company_id, 'GE ' || id, '', '{{}}', 'B', true FROM fleet_driver""",
    """
    INSERT INTO fleet_vehiclelayout (vehicle_id, name, seats, wheelchairs, stretchers,
        seat_in_wheelchair_place)
    SELECT id, 'seats', 3, 0, 0, false FROM fleet_vehicle""",
    """
    CREATE TEMPORARY TABLE crew ON COMMIT DROP AS
    SELECT d.id AS driver_id, v.id AS vehicle_id, l.id AS layout_id, d.company_id,
        row_number() OVER (PARTITION BY d.company_id ORDER BY d.id) - 1 AS number
    FROM fleet_driver d
    JOIN fleet_vehicle v ON v.plate = 'GE ' || d.id
    JOIN fleet_vehiclelayout l ON l.vehicle_id = v.id""",
    """
    INSERT INTO fleet_shift (company_id, driver_id, vehicle_id, starts_at, ends_at, start_place_id,
        end_place_id, break_min, status, version, reference)
    SELECT c.company_id, c.driver_id, c.vehicle_id, d.starts_at + interval '6 hours',
        d.starts_at + interval '16 hours', p.id, p.id, 0, 'planned', 0, ''
    FROM days d, crew c
    JOIN LATERAL (
        SELECT min(id) AS id FROM fleet_place WHERE company_id = c.company_id
    ) p ON true""",
    """
    INSERT INTO fleet_absence (driver_id, kind, starts_at, ends_at, note)
    SELECT c.driver_id, 'training', d.starts_at + interval '17 hours',
        d.starts_at + interval '18 hours', ''
    FROM days d, crew c WHERE d.d % 2 = 0""",
    """
    INSERT INTO fleet_position (shift_id, at, lat, lon)
    SELECT id, starts_at + n * interval '20 minutes', 46.2, 6.1
    FROM fleet_shift, generate_series(1, 3) n""",
    """
    CREATE TEMPORARY TABLE place ON COMMIT DROP AS
    SELECT id, company_id, row_number() OVER (PARTITION BY company_id ORDER BY id) AS number
    FROM fleet_place""",
    """
    CREATE TEMPORARY TABLE client ON COMMIT DROP AS
    SELECT id, company_id, row_number() OVER (PARTITION BY company_id ORDER BY id) AS number
    FROM bookings_client""",
    """
    INSERT INTO bookings_booking (company_id, reference, partner_reference, client_id, status,
        pickup_place_id, pickup_floor, pickup_contact, delivery_place_id, delivery_floor,
        delivery_contact, anchor, requested_pickup_at, stands_alone, will_call, time_confirmed,
        priority, mobility, companions, skills, equipment, exclusive, infectious, payer,
        driver_notes, dispatcher_notes, cancel_reason, created_at, version)
    SELECT o.id, 'R' || s.n, '', c.id,
        CASE WHEN s.d >= 240 THEN 'accepted' WHEN s.n % 20 = 0 THEN 'cancelled' ELSE 'completed'
        END, p.id, '', '', q.id, '', '', 'pickup',
        s.starts_at + interval '6 hours' + s.slot * interval '3 minutes', false, false, true,
        'normal', 'walks', 0, '{{}}', '{{}}', false, false, 'client', '', '', '', now(), 0
    FROM slots s
    JOIN owner o USING (company)
    JOIN client c ON c.company_id = o.id AND c.number = 1 + s.n % 3000
    JOIN place p ON p.company_id = o.id AND p.number = 1 + s.n % 3000
    JOIN place q ON q.company_id = o.id AND q.number = 1 + (s.n + 1) % 3000""",
    """
    INSERT INTO bookings_bookingevent (booking_id, company_id, from_status, to_status, reason,
        happened_at, recorded_at)
    SELECT id, company_id, '', status, '', scheduled_at, scheduled_at
    FROM bookings_booking, generate_series(1, 2) ORDER BY scheduled_at""",
    """
    INSERT INTO dispatch_dispatchrun (company_id, day, trigger, state, started_at, finished_at,
        settings, seed)
    SELECT o.id, (d.starts_at + interval '12 hours')::date, 'command',
        CASE WHEN n = 3 THEN 'proposed' ELSE 'applied' END,
        d.starts_at, d.starts_at, '{{}}', 0
    FROM days d, owner o, generate_series(1, 3) n ORDER BY d.d, o.id, n""",
    """
    CREATE TEMPORARY TABLE run ON COMMIT DROP AS
    SELECT array_agg(id ORDER BY id) AS ids, company_id, day
    FROM dispatch_dispatchrun GROUP BY company_id, day""",
    "ANALYZE bookings_booking, fleet_shift, slots, owner, crew, run",
    # The first run's rows were ended by the second, or made by hand; then come those that are true.
    """
    INSERT INTO dispatch_assignment (company_id, booking_id, driver_id, shift_id, layout_id,
        dispatch_run_id, ended_by_run_id, status, sequence, pickup_at, delivery_at, ends_at, lock,
        pool, explanation, version, created_at)
    SELECT o.id, b.id, c.driver_id, f.id, c.layout_id,
        r.ids[turn],
        CASE WHEN turn = 1 AND s.slot % 8 = 0 THEN r.ids[2] END,
        CASE WHEN turn = 1 THEN 'superseded' WHEN turn = 3 THEN 'proposed'
            WHEN s.d < 240 THEN 'done' ELSE 'live' END,
        s.slot / 20, f.starts_at + s.slot / 20 * interval '1 hour',
        f.starts_at + s.slot / 20 * interval '1 hour' + interval '20 minutes',
        f.starts_at + s.slot / 20 * interval '1 hour' + interval '25 minutes', 'none',
        gen_random_uuid(), '{{}}', 0, f.starts_at + turn * interval '1 minute'
    FROM slots s
    JOIN owner o USING (company)
    JOIN bookings_booking b ON b.company_id = o.id AND b.reference = 'R' || s.n
    JOIN crew c ON c.company_id = o.id AND c.number = s.slot % 20
    JOIN fleet_shift f
        ON f.driver_id = c.driver_id AND f.starts_at = s.starts_at + interval '6 hours'
    JOIN run r ON r.company_id = o.id AND r.day = (s.starts_at + interval '12 hours')::date
    CROSS JOIN generate_series(1, 3) turn
    WHERE turn = 2 OR turn = 1 AND (s.n + s.slot) % 3 > 0 OR turn = 3 AND s.slot % 4 = 0""",
    """
    INSERT INTO dispatch_alert (company_id, kind, booking_id, details, raised_at, resolved_at)
    SELECT company_id, 'assignment_lost', id, '{{}}', scheduled_at,
        CASE WHEN status <> 'accepted' THEN scheduled_at END
    FROM bookings_booking WHERE id % 5 = 0""",
    """
    INSERT INTO dispatch_outbox (company_id, kind, audience, booking_id, details, created_at)
    SELECT company_id, 'ride_planned', 'client', id, '{{}}', scheduled_at FROM bookings_booking""",
]
FILLED = [
    *("accounts_company", "fleet_place", "fleet_driver", "fleet_vehicle", "fleet_vehiclelayout"),
    *("fleet_shift", "fleet_absence", "fleet_position", "bookings_client", "bookings_booking"),
    *("bookings_bookingevent", "dispatch_dispatchrun", "dispatch_assignment", "dispatch_alert"),
    "dispatch_outbox",
]


def without_checks(cursor: CursorWrapper) -> None:
    """Let rows in fast: nobody asks here what triggers and foreign keys make of them."""
    cursor.execute(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint"
        " WHERE contype = 'f' AND conrelid = ANY (%s::regclass[])",
        [FILLED],
    )
    for table, name in cursor.fetchall():
        cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    for table in FILLED:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")


@pytest.fixture(scope="module")
def filled(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Years of rows, in a transaction that every test of this module shares and nobody commits."""
    with django_db_blocker.unblock():
        with transaction.atomic(), connection.cursor() as cursor:
            without_checks(cursor)
            for statement in FILL:
                cursor.execute(statement.format(days=DAYS, a_day=A_DAY, start=DAY_START))
            cursor.execute(f"ANALYZE {', '.join(FILLED)}")
            yield
            transaction.set_rollback(True)
        with connection.cursor() as cursor:  # what was rolled back still takes room
            cursor.execute(f"VACUUM {', '.join(FILLED)}")


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("filled")]


def company(number: int = 1) -> Company:
    return Company.objects.get(slug=f"company-{number}")


def subject() -> Subject:
    """Stand on day 250: what is before is done, what is behind is planned."""
    found = find_subject()
    assert found is not None
    of_day = DispatchRun.objects.of_day(found.company, DAY).order_by("id")
    shifts = Shift.objects.for_company(found.company).filter(starts_at__gte=DAY_START)
    return replace(
        found,
        day=DAY,
        proposed=of_day.get(state=RunState.PROPOSED),
        moved=of_day.filter(state=RunState.APPLIED).last(),
        shift=shifts.earliest("starts_at"),
    )


def plan_of(statement: Statement) -> list[dict[str, Any]]:
    """The nodes of the plan that PostgreSQL makes for a statement."""
    nodes = [explain(statement)["Plan"]]
    for node in nodes:
        nodes += node.get("Plans", [])
    return nodes


def table_of(index: str) -> str:
    (table,) = {model._meta.db_table for model, each in INDEXES if each.name == index}
    return table


def test_tables_are_filled() -> None:
    assert Booking.objects.count() == DAYS * A_DAY
    assert Assignment.objects.count() > 80_000


def test_every_declared_index_says_what_it_serves() -> None:
    ours = {index.name for model, index in INDEXES if not hasattr(model, "pgh_tracked_model")}

    assert set(SERVED) == ours == set(declared())


def test_database_has_no_index_that_no_model_declares() -> None:
    """But those of constraints, and of single columns that point at other tables."""
    single = {
        (model._meta.db_table, field.column)
        for model in TABLES
        for field in model._meta.fields
        if field.db_index or field.unique  # a unique text has one more, for LIKE
    }
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text,
                array(SELECT attname FROM pg_attribute a
                    WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey))
            FROM pg_index i
            WHERE i.indrelid = ANY (%s::regclass[]) AND NOT i.indisunique
            AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)
            """,
            [[model._meta.db_table for model in TABLES]],
        )
        found = cursor.fetchall()

    named = {name for table, name, columns in found if (table, *columns) not in single}
    assert named == {index.name for _, index in INDEXES}


@pytest.mark.parametrize("name", sorted(SERVED))
def test_planner_takes_the_index_for_what_it_serves(name) -> None:
    _, serve = SERVED[name]
    about = subject()

    with transaction.atomic():
        sent = asked(serve, about)
        transaction.set_rollback(True)

    plans = {each: plan_of(each) for each in sent}
    taken = [
        (each, nodes)
        for each, nodes in plans.items()
        if name in {node.get("Index Name") for node in nodes}
    ]
    assert taken, [[node.get("Index Name") for node in nodes] for nodes in plans.values()]
    (sql, params), nodes = taken[0]
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        assert cursor.fetchone() is not None
    read_whole = {n.get("Relation Name") for n in nodes if n["Node Type"] == "Seq Scan"}
    assert table_of(name) not in read_whole


# The lists with years of rows, in their order, and what serves a page of them.
LISTS = {
    "bookings": (
        Booking,
        ["-scheduled_at", "-id"],
        {"booking_company_scheduled", "booking_latest"},
    ),
    "assignments": (
        Assignment,
        ["-pickup_at", "-id"],
        {"assignment_company_pickup", "assignment_latest"},
    ),
    "clients": (Client, ["name", "id"], {"client_company_name"}),
}


@pytest.mark.parametrize("is_backwards", [False, True], ids=["next", "previous"])
@pytest.mark.parametrize("name", LISTS)
def test_a_page_amid_a_list_is_read_from_where_the_last_one_ended(name, is_backwards) -> None:
    model, order, indexes = LISTS[name]
    rows = model.objects.for_company(company()).order_by(*order)
    keys = paging.keys_of(rows)
    assert keys
    middle = rows[rows.count() // 2]
    edge = paging.Cursor(tuple(getattr(middle, key.attribute) for key in keys), is_backwards)

    (statement,) = asked(lambda _: paging.page_of(rows, keys, edge, 50), subject())

    reached = [
        node["Index Cond"] for node in plan_of(statement) if node.get("Index Name") in indexes
    ]
    assert reached
    column = order[0].removeprefix("-")
    assert any(column in condition for condition in reached), reached


@pytest.mark.parametrize("text", ["43210", "nowhere", "%22Client+2999%22"])
@pytest.mark.parametrize("by", ["administrator", "company"])
@pytest.mark.parametrize("model", [Booking, Assignment])
def test_a_search_for_what_few_rows_have_reads_none_of_the_others(model, by, text) -> None:
    statements = asked(listed(model, by=by, query=f"q={text}"), subject())

    read_whole = {
        node.get("Relation Name")
        for statement in statements
        for node in plan_of(statement)
        if node["Node Type"] == "Seq Scan"
    }
    walked = {
        node.get("Index Name")
        for statement in statements
        for node in plan_of(statement)
        if node["Node Type"] == "Index Scan" and "Index Cond" not in node
    }
    assert read_whole.isdisjoint({"bookings_booking", "dispatch_assignment"})
    assert walked.isdisjoint({"booking_latest", "assignment_latest"})


def test_fairness_of_a_day_is_not_looked_for_among_the_assignments_of_years() -> None:
    rows = loading.shifts_of_day(company(), DAY_START, DAY_END, DispatchPolicy())

    nodes = plan_of(rows.query.sql_with_params())

    assert "assignment_shift_pickup" in {node.get("Index Name") for node in nodes}
    assert "dispatch_assignment" not in {
        node.get("Relation Name") for node in nodes if node["Node Type"] == "Seq Scan"
    }


def test_shifts_of_a_day_are_not_looked_for_among_those_of_years() -> None:
    rows = Shift.objects.for_company(company()).planned().reaching_into(DAY_START, DAY_END)

    (condition,) = [
        node["Index Cond"] for node in plan_of(rows.query.sql_with_params()) if "Index Cond" in node
    ]

    assert "starts_at <" in condition
    assert "starts_at >" in condition


def test_figures_of_a_day_read_that_day_and_not_the_years_around_it() -> None:
    run = DispatchRun.objects.filter(company=company(), day=DAY).latest("pk")
    with CaptureQueriesContext(connection) as sent:
        versions.of_figures(company(), DAY_START, DAY_END)
        versions.of_result(run)
        found = of_period(company=company(), first_day=DAY, last_day=DAY, policy=DispatchPolicy())

    assert found.bookings > 0
    walked = {
        node.get("Relation Name")
        for query in sent.captured_queries
        for node in plan_of((query["sql"], ()))
        if node["Node Type"] == "Seq Scan"
    }
    assert walked.isdisjoint(
        {"bookings_booking", "bookings_bookingevent", "dispatch_assignment", "fleet_shift"}
    )


def test_proof_reads_more_pages_without_the_index_and_gives_it_back() -> None:
    absence, alerts = islice(prove(at_least=1_000), 2)

    assert (absence.index, alerts.index) == ("absence_driver_starts", "alert_latest")
    assert alerts.with_index
    assert alerts.without
    assert "Index Scan" in alerts.with_index.nodes
    assert "Seq Scan" in alerts.without.nodes
    assert alerts.ratio
    assert alerts.ratio > 3
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('alert_latest') IS NOT NULL")
        assert cursor.fetchone() == (True,)


def test_proof_on_few_rows_is_refused() -> None:
    with pytest.raises(CommandError, match="60000 bookings are here, and 1000000"):
        call_command("prove_indexes")


def test_command_prints_and_keeps_what_it_found(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(proof, "declared", lambda: ["ix_assignment_booking_created"])
    out, kept = io.StringIO(), tmp_path / "proof.json"

    call_command("prove_indexes", at_least=1_000, json=True, save=kept, stdout=out)
    call_command("prove_indexes", at_least=1_000, stdout=out)

    first, *table = out.getvalue().splitlines()
    (found,) = json.loads(first)["indexes"]
    assert json.loads(kept.read_text()) == json.loads(first)
    assert found["with"]["hit"] + found["with"]["read"] < 20
    assert found["ratio"] > 20
    assert any("`ix_assignment_booking_created`" in line for line in table)
