"""A history is written past the triggers: its rows obey all the same what they would enforce."""

import io
import json
from collections import Counter
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Count, F, Max, Q
from django.utils import timezone

from accounts.models import Company
from bookings.models import Booking, BookingEvent, Client
from bookings.states import MOVES, BookingStatus
from dispatch.demo import history, history_quiet
from dispatch.demo.history_cast import CompanyTaken
from dispatch.demo.history_clearing import NotOfTheHistory
from dispatch.demo.history_quiet import NotTheOwner, TablesBusy
from dispatch.models import Assignment, AssignmentStatus, DispatchRun, Outbox, Unassigned
from dispatch.services import applying
from fleet.models import Absence, Driver, Place, Position, Shift, Vehicle
from tests.dispatch.outside import broken_rules
from tests.factories import ZONE, BookingFactory, CompanyFactory

# Over the change of the clocks in October, with one Sunday and no holiday.
LAST = date(2026, 10, 27)
DAYS, COMPANIES, A_DAY = 4, 2, 40

pytestmark = pytest.mark.django_db


def seed(*, last_day=LAST, days=DAYS, companies=COMPANIES, a_day=A_DAY, number=0):
    return history.seed_history(
        last_day=last_day, days=days, companies=companies, bookings_per_day=a_day, seed=number
    )


def ask(sql, *params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def count_in(table):
    return ask(f"SELECT count(*) FROM {table}")[0][0]


def snapshot():
    """Give what can be seen of the history, without the ids."""
    return [
        list(
            Booking.objects.order_by("company__slug", "reference").values_list(
                *("reference", "client__name", "pickup_place__name", "delivery_place__lat"),
                *("scheduled_at", "status", "actual_delivery_at", "outbound__reference"),
            )
        ),
        list(
            Assignment.objects.order_by("booking__reference", "created_at", "pk").values_list(
                *("driver__name", "shift__starts_at", "status", "pickup_at", "ends_at", "pool"),
            )
        ),
        list(
            BookingEvent.objects.order_by("booking__reference", "pk").values_list(
                "to_status", "happened_at", "reason"
            )
        ),
    ]


def test_rows_obey_every_rule_that_a_trigger_would_enforce():
    seed()

    crossing = [
        (Booking, ["client", "pickup_place", "delivery_place", "outbound"]),
        (BookingEvent, ["booking"]),
        (Assignment, ["booking", "shift", "dispatch_run", "ended_by_run"]),
        (Shift, ["driver", "vehicle", "start_place", "end_place"]),
        (Outbox, ["booking", "driver", "run"]),
    ]
    for model, names in crossing:
        for name in names:
            rows = model.objects.filter(**{f"{name}__isnull": False})
            assert rows.exists(), name
            assert not rows.exclude(**{f"{name}__company": F("company")}).exists(), name
    assert not Unassigned.objects.exclude(booking__company=F("run__company")).exists()
    others = Assignment.objects.exclude(
        driver=F("shift__driver"), layout__vehicle=F("shift__vehicle")
    )
    assert not others.exists()


def test_events_tell_every_move_of_every_booking_and_only_legal_ones():
    seed()

    chains = {}
    for event in BookingEvent.objects.order_by("pk"):
        chains.setdefault(event.booking_id, []).append(event)
    bookings = Booking.objects.in_bulk()
    assert chains.keys() == bookings.keys()
    for pk, events in chains.items():
        booking = bookings[pk]
        assert events[0].from_status == ""
        assert events[0].to_status in {BookingStatus.PENDING, BookingStatus.ACCEPTED}
        assert events[0].happened_at == booking.created_at
        assert events[-1].to_status == booking.status
        for one, two in pairwise(events):
            assert two.from_status == one.to_status
            assert two.to_status in MOVES[BookingStatus(two.from_status)]
            assert two.happened_at >= one.happened_at
        reported = {event.to_status: event.happened_at for event in events}
        assert booking.actual_pickup_at == reported.get(BookingStatus.ON_BOARD)
        assert booking.actual_delivery_at == reported.get(BookingStatus.COMPLETED)
        cancelled = events[-1].reason if booking.status == BookingStatus.CANCELLED else ""
        assert booking.cancel_reason == cancelled
        assert booking.version == len(events) - 1


def test_the_past_of_a_booking_is_kept_as_its_trigger_would_keep_it():
    seed(companies=1)
    kept = [name for name in history.COLUMNS["bookings_bookinghistory"] if name[:4] != "pgh_"]
    columns = ", ".join(f"b.{name} IS DISTINCT FROM h.{name}" for name in kept)

    told = ask(
        f"SELECT {columns}, h.pgh_label <> 'insert', h.pgh_created_at <> b.created_at"
        " FROM bookings_booking b LEFT JOIN bookings_bookinghistory h ON h.pgh_obj_id = b.id"
    )

    assert len(told) == Booking.objects.count() == count_in("bookings_bookinghistory")
    assert {value for row in told for value in row} == {False}


def test_assignments_follow_from_what_became_of_the_booking():
    seed()

    held = Assignment.objects.values("booking").annotate(
        done=Count("pk", filter=Q(status="done")),
        cancelled=Count("pk", filter=Q(status="cancelled")),
        live=Count("pk", filter=Q(status="live")),
    )
    held = {row["booking"]: (row["done"], row["cancelled"], row["live"]) for row in held}
    was_assigned = set(
        BookingEvent.objects.filter(to_status=BookingStatus.ASSIGNED).values_list(
            "booking", flat=True
        )
    )
    for booking in Booking.objects.all():
        done = int(booking.status == BookingStatus.COMPLETED)
        taken = int(booking.pk in was_assigned)
        assert held.get(booking.pk, (0, 0, 0)) == (done, taken - done, 0)
    superseded = Assignment.objects.filter(status=AssignmentStatus.SUPERSEDED)
    assert superseded.exists()
    for row in superseded.select_related("ended_by_run"):
        after = Assignment.objects.filter(
            booking=row.booking_id, dispatch_run=row.ended_by_run_id, created_at__gt=row.created_at
        )
        assert after.exclude(status=AssignmentStatus.PROPOSED).count() == 1


def test_every_constraint_holds_and_no_driver_carried_two_clients_at_once():
    seed()

    live = "UPDATE dispatch_assignment SET status = 'live' WHERE status = 'done'"
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        # What was done was live before: the exclusion judges the whole past at once.
        cursor.execute(live)
        cursor.execute("SELECT conrelid::regclass, conname FROM pg_constraint WHERE contype = 'f'")
        for table, name in cursor.fetchall():
            if table in history.COLUMNS:
                cursor.execute(f'ALTER TABLE {table} VALIDATE CONSTRAINT "{name}"')
    rides = Assignment.objects.filter(status="live")
    outside = rides.exclude(pickup_at__gte=F("shift__starts_at"), ends_at__lte=F("shift__ends_at"))
    assert rides.exists()
    assert not outside.exists()


def test_clients_are_told_of_each_ride_that_a_run_gave_them():
    seed(companies=1)

    by_run = Assignment.objects.exclude(status="proposed").filter(dispatch_run__isnull=False)
    told = Outbox.objects.filter(audience="client")
    assert told.exists()
    assert Counter(told.values_list("booking", "run")) == Counter(
        by_run.values_list("booking", "dispatch_run")
    )


def test_a_proposal_of_the_past_is_applied_like_any_other():
    seed(last_day=date(2026, 11, 22), days=7, companies=1)
    run = DispatchRun.objects.filter(state="proposed").latest("pk")

    left = applying.apply_run(run=run, actor=None, now=run.started_at + timedelta(days=9))

    assert len(left) == run.assignments.filter(status="proposed").count() > 0


def test_completed_days_break_no_rule_that_an_outsider_looks_for():
    seed(companies=1)
    company = Company.objects.get(slug="history-1")
    # Empty drives and breaks were guessed: they are the planner's to judge.
    guessed = {"drive", "break"}

    for n in range(DAYS):
        broken = broken_rules(company, LAST - timedelta(days=n))
        assert {each.rule for each in broken} <= guessed, broken


def test_scheduled_time_follows_from_the_anchor():
    seed(companies=1)

    anchors = Counter(Booking.objects.values_list("anchor", flat=True))
    wrong = Booking.objects.exclude(
        Q(anchor="pickup", scheduled_at=F("requested_pickup_at"))
        | Q(anchor="arrive_by", scheduled_at=F("appointment_at"))
    )
    assert min(anchors["pickup"], anchors["arrive_by"]) > 30
    assert not wrong.exists()
    instants = Booking.objects.values_list("scheduled_at", flat=True)
    days = {at.astimezone(ZONE).date() for at in instants}
    assert days == {LAST - timedelta(days=n) for n in range(DAYS)}


def test_days_are_as_days_are_in_the_trade():
    seed(last_day=date(2026, 11, 22), days=14, companies=1, a_day=100)

    shares = Booking.objects.aggregate(
        all=Count("pk"),
        completed=Count("pk", filter=Q(status="completed")),
        cancelled=Count("pk", filter=Q(status="cancelled")),
        no_show=Count("pk", filter=Q(status="no_show")),
        back=Count("pk", filter=Q(outbound__isnull=False)),
    )
    of_week = Counter(
        at.astimezone(ZONE).weekday()
        for at in Booking.objects.values_list("scheduled_at", flat=True)
    )
    assert 0.9 < shares["all"] / 1400 < 1.1
    assert 0.82 < shares["completed"] / shares["all"] < 0.95
    assert 0.02 < shares["cancelled"] / shares["all"] < 0.15
    assert 0 < shares["no_show"] / shares["all"] < 0.04
    assert 0.2 < shares["back"] / shares["all"] < 0.5
    assert of_week[6] < of_week[5] < of_week[0]
    assert DispatchRun.objects.filter(state="proposed").exists()
    assert Assignment.objects.filter(status="proposed").exists()
    assert Position.objects.exists()
    assert Absence.objects.exists()
    assert Unassigned.objects.exists()


def test_same_seed_makes_the_same_rows_and_another_seed_others():
    seed(number=1)
    first = snapshot()

    again = seed(number=1)
    second = snapshot()
    seed(number=2)

    assert second == first
    assert again.replaced == len(first[0])
    assert snapshot() != first


def test_a_longer_history_has_the_same_last_days():
    seed(days=2, companies=1)
    short = snapshot()[0]

    seed(days=3, companies=1)

    assert [row for row in snapshot()[0] if row in short] == short


def test_seeding_again_leaves_nothing_behind_and_others_alone():
    stranger = BookingFactory()
    seed(days=14, companies=1, a_day=100)
    tables = [*history.COLUMNS, "bookings_client", "fleet_place", "fleet_driver", "fleet_vehicle"]
    tables += ["fleet_shifthistory", "bookings_clienthistory", "fleet_driverhistory"]
    tables += ["fleet_absencehistory", "accounts_company", "accounts_user", "accounts_partner"]
    tables += ["fleet_placehistory", "fleet_vehiclelayouthistory", "fleet_driverdocumenthistory"]
    before = {table: count_in(table) for table in tables}
    assert all(before.values()), before

    seed(days=14, companies=1, a_day=100)

    assert {table: count_in(table) for table in tables} == before
    stranger.refresh_from_db()


def test_rows_are_counted_as_the_database_has_them():
    made = seed(companies=1)

    for table, count in made.rows.items():
        assert count == count_in(table), table
    assert made.rows.total() > 10 * A_DAY * DAYS / 2


def test_ids_come_from_the_sequences_so_the_next_row_has_a_free_one():
    seed(companies=1)

    latest = Booking.objects.aggregate(latest=Max("pk"))["latest"]
    assert BookingFactory().pk > latest


def test_triggers_act_again_when_the_history_is_written():
    seed(companies=1)

    assert ask("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'O'") == []
    booking = BookingFactory()
    assert booking.events.count() == 1


def test_company_of_that_name_which_somebody_made_is_refused():
    CompanyFactory(slug="history-1", name="Ambulances du Rhône")

    with pytest.raises(CompanyTaken, match="history-1"):
        seed(companies=1)


def test_history_in_which_somebody_entered_a_booking_is_not_thrown_away():
    seed(companies=1)
    booking = BookingFactory(company=Company.objects.get(slug="history-1"))

    with pytest.raises(NotOfTheHistory, match=booking.reference):
        seed(companies=1)

    assert Booking.objects.count() > A_DAY


def test_who_does_not_own_the_tables_is_told_so():
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE stranger")
        cursor.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO stranger")
        cursor.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO stranger")
        cursor.execute("SET LOCAL ROLE stranger")

    with pytest.raises(NotTheOwner):
        seed(companies=1)


def test_who_writes_without_end_keeps_the_history_waiting_for_seconds_only(monkeypatch):
    monkeypatch.setattr(history_quiet, "WAIT", "50ms")
    other = connection.copy()
    other.set_autocommit(False)
    with other.cursor() as cursor:
        cursor.execute("LOCK TABLE bookings_booking IN ROW EXCLUSIVE MODE")

    try:
        with pytest.raises(TablesBusy):
            seed(companies=1)
    finally:
        other.rollback()
        other.close()


def test_command_prints_one_json_object_with_the_rate():
    out = io.StringIO()

    call_command(
        "seed_history", days=2, companies=1, bookings_per_day=20, json=True,
        last_day=LAST, stdout=out, allow_production=True,
    )  # fmt: skip

    told = json.loads(out.getvalue())
    assert told["companies"] == ["history-1"]
    assert told["total"] == sum(told["rows"].values()) > 0
    assert told["rows_per_s"] > 0
    assert (told["first_day"], told["last_day"]) == ("2026-10-26", "2026-10-27")


def test_command_leaves_today_and_the_coming_days_free(settings):
    settings.DEBUG = True
    today = timezone.now().date()

    with pytest.raises(CommandError, match="yesterday at the latest"):
        call_command("seed_history", last_day=today + timedelta(days=1))
    call_command("seed_history", days=1, companies=1, bookings_per_day=5, stdout=io.StringIO())

    assert Booking.objects.aggregate(last=Max("scheduled_at"))["last"] < datetime.combine(
        today + timedelta(days=1), datetime.min.time(), ZONE
    )


def test_command_is_refused_in_production(settings):
    settings.DEBUG = False

    with pytest.raises(CommandError, match="--allow-production"):
        call_command("seed_history")

    assert not Client.objects.exists()
    for model in (Driver, Place, Vehicle):
        assert not model.objects.exists()
