"""Every move of a booking is recorded by the database, with who and why, and never a stale one."""

import json

import pytest
from django.db import IntegrityError, connection, transaction

from bookings.models import Booking, BookingEvent
from bookings.states import BookingStatus
from tests.constraints import by_bulk_create, by_bulk_update, by_sql, by_update, committed
from tests.factories import BookingFactory, UserFactory, on_day

pytestmark = pytest.mark.django_db

ACCEPTED, ASSIGNED = BookingStatus.ACCEPTED, BookingStatus.ASSIGNED


def say(**move):
    """Tell the transaction who moves and why."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('atmr.move', %s, true)", [json.dumps(move)])


def moves(**among):
    rows = BookingEvent.objects.filter(**among).order_by("id")
    return [(row.from_status, row.to_status, row.actor_id, row.reason) for row in rows]


class TestCreation:
    def test_is_recorded_one_by_one(self):
        booking = BookingFactory()

        assert moves(booking=booking) == [("", ACCEPTED, None, "")]

    def test_is_recorded_in_bulk(self):
        booking = BookingFactory()

        by_bulk_create(booking, {"reference": "B-1"})

        assert moves(booking__reference="B-1") == [("", ACCEPTED, None, "")]

    def test_is_recorded_with_who_and_why(self):
        user = UserFactory()

        say(actor=user.pk, reason="by phone")
        booking = BookingFactory(company=user.company)

        assert moves(booking=booking) == [("", ACCEPTED, user.pk, "by phone")]


class TestMove:
    @pytest.mark.parametrize("change", [by_update, by_bulk_update, by_sql])
    def test_is_recorded_however_it_is_written(self, change):
        user = UserFactory()
        booking = BookingFactory(company=user.company)

        say(actor=user.pk, reason="plan of the day")
        change(booking, {"status": ASSIGNED})

        assert moves(booking=booking)[1:] == [(ACCEPTED, ASSIGNED, user.pk, "plan of the day")]

    def test_is_recorded_when_a_row_is_saved(self):
        booking = BookingFactory()

        booking.status = ASSIGNED
        booking.save()

        assert moves(booking=booking)[1:] == [(ACCEPTED, ASSIGNED, None, "")]

    def test_of_many_is_recorded_for_each_that_moved(self):
        bookings = [*BookingFactory.create_batch(3), BookingFactory(status=ASSIGNED)]

        say(reason="all", reasons={str(bookings[1].pk): "its own"})
        Booking.objects.update(status=ASSIGNED)

        recorded = [moves(booking=booking)[1:] for booking in bookings]
        assert recorded == [
            [(ACCEPTED, ASSIGNED, None, "all")],
            [(ACCEPTED, ASSIGNED, None, "its own")],
            [(ACCEPTED, ASSIGNED, None, "all")],
            [],
        ]

    def test_is_recorded_with_the_company_and_the_time_that_was_reported(self):
        booking = BookingFactory()

        say(at=on_day(9).isoformat())
        by_update(booking, {"status": ASSIGNED})

        event = BookingEvent.objects.get(to_status=ASSIGNED)
        assert event.company == booking.company
        assert event.happened_at == on_day(9)
        assert event.recorded_at != event.happened_at

    def test_happened_when_it_was_recorded_unless_told(self):
        by_update(BookingFactory(), {"status": ASSIGNED})

        event = BookingEvent.objects.get(to_status=ASSIGNED)
        assert (event.recorded_at - event.happened_at).total_seconds() < 1

    def test_into_the_state_it_is_in_is_none(self):
        booking = BookingFactory()

        by_update(booking, {"status": ACCEPTED, "companions": 2})

        assert len(moves(booking=booking)) == 1

    def test_of_a_row_that_meets_itself_is_recorded_with_those_that_are_new(self):
        booking = BookingFactory()
        columns = [
            field.column for field in Booking._meta.fields if field.name not in {"scheduled_at"}
        ]
        names = ", ".join(f'"{column}"' for column in columns)

        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO bookings_booking ({names}) SELECT {names} FROM bookings_booking"
                " UNION ALL SELECT "
                + names.replace('"id"', "id + 1000").replace('"reference"', "'NEW'")
                + " FROM bookings_booking"
                " ON CONFLICT (id) DO UPDATE SET status = 'assigned'"
            )

        assert moves(booking=booking)[1:] == [(ACCEPTED, ASSIGNED, None, "")]
        assert moves(booking__reference="NEW") == [("", ACCEPTED, None, "")]

    def test_by_somebody_unknown_is_refused(self):
        booking = BookingFactory()

        say(actor=0)
        with pytest.raises(IntegrityError, match="actor_id"), committed():
            by_update(booking, {"status": ASSIGNED})

        assert len(moves(booking=booking)) == 1


class TestWhoAndWhy:
    def test_answer_for_one_move_only(self):
        user = UserFactory()
        booking = BookingFactory(company=user.company)

        say(actor=user.pk, reason="first")
        by_update(booking, {"status": ASSIGNED})
        by_update(booking, {"status": ACCEPTED})

        assert moves(booking=booking)[1:] == [
            (ACCEPTED, ASSIGNED, user.pk, "first"),
            (ASSIGNED, ACCEPTED, None, ""),
        ]

    def test_are_spent_by_a_move_that_moves_nothing(self):
        booking = BookingFactory()

        say(reason="nobody was there")
        Booking.objects.filter(pk=0).update(status=ASSIGNED)
        by_update(booking, {"status": ASSIGNED})

        assert moves(booking=booking)[1:] == [(ACCEPTED, ASSIGNED, None, "")]

    def test_are_gone_with_a_move_that_is_rolled_back(self):
        booking = BookingFactory()

        with transaction.atomic():
            say(reason="a mistake")
            by_update(booking, {"status": ASSIGNED})
            transaction.set_rollback(True)
        by_update(booking, {"status": ASSIGNED})

        assert moves(booking=booking)[1:] == [(ACCEPTED, ASSIGNED, None, "")]

    @pytest.mark.django_db(transaction=True)
    def test_do_not_outlive_their_transaction(self):
        booking = BookingFactory()

        with transaction.atomic():
            say(reason="never used")
        by_update(booking, {"status": ASSIGNED})

        assert moves(booking=booking)[1:] == [(ACCEPTED, ASSIGNED, None, "")]
