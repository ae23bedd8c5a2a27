"""Many rows updated in one statement: the same outcome as Django's own, whatever the values."""

from datetime import timedelta

import pytest
from django.db import DataError, connection, models
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from atmr import statements
from bookings.models import Booking
from dispatch.models import Assignment
from tests.factories import AssignmentFactory, BookingFactory, ClientFactory, on_day

FIELDS = ["driver_notes", "companions", "exclusive", "requested_pickup_at", "promised_from"]
FIELDS += ["promised_until", "client"]


@pytest.mark.django_db
@pytest.mark.parametrize("rows", [1, 7])
def test_rows_are_updated_in_one_statement_of_one_shape(rows):
    bookings = BookingFactory.create_batch(rows)
    untouched = BookingFactory(driver_notes="as it was")
    for number, booking in enumerate(bookings):
        booking.driver_notes, booking.companions = f'ring {number}; it\'s "high" %s', number

    with CaptureQueriesContext(connection) as sent:
        changed = Booking.objects.bulk_update(bookings, ["driver_notes", "companions"])

    assert changed == rows
    counted = [q["sql"] for q in sent if not statements.is_control(q["sql"])]
    assert len(counted) == 1
    assert "CASE" not in counted[0]
    for booking in bookings:
        stored = Booking.objects.get(pk=booking.pk)
        assert (stored.driver_notes, stored.companions) == (
            booking.driver_notes,
            booking.companions,
        )
        assert stored.version == booking.version + 1  # triggers see it as they see any update
    assert Booking.objects.get(pk=untouched.pk).driver_notes == "as it was"


@pytest.mark.django_db
def test_batches_are_of_the_size_asked_for():
    bookings = BookingFactory.create_batch(5)

    with CaptureQueriesContext(connection) as sent:
        changed = Booking.objects.bulk_update(bookings, ["companions"], batch_size=2)

    assert changed == 5
    assert sum(statements.verb(q["sql"]) == "UPDATE" for q in sent) == 3


@pytest.mark.django_db
def test_what_arrays_cannot_say_is_written_as_well():
    booking = BookingFactory(companions=1)
    booking.skills, booking.companions = ["lift", "escort"], F("companions") + 1

    Booking.objects.bulk_update([booking], ["skills", "companions"])

    stored = Booking.objects.get(pk=booking.pk)
    assert (stored.skills, stored.companions) == (["lift", "escort"], 2)


@pytest.mark.django_db
def test_filter_of_the_queryset_still_holds():
    mine, other = BookingFactory.create_batch(2)
    mine.companions = other.companions = 3

    changed = Booking.objects.for_company(mine.company).bulk_update([mine, other], ["companions"])

    assert changed == 1
    assert Booking.objects.get(pk=other.pk).companions == 0


@pytest.mark.django_db
def test_json_is_stored_as_it_is():
    row = AssignmentFactory()
    row.explanation = {"cost": 1.5, "runners_up": [{"driver": None}], "é": "'"}

    Assignment.objects.bulk_update([row], ["explanation"])

    assert Assignment.objects.get(pk=row.pk).explanation == row.explanation


@pytest.mark.django_db
def test_text_that_is_too_long_is_refused_and_not_cut():
    booking = BookingFactory()
    booking.cancel_reason = "x" * 201

    with pytest.raises(DataError):
        Booking.objects.bulk_update([booking], ["cancel_reason"])


@pytest.mark.django_db
def test_related_row_saved_late_gets_its_key():
    booking = BookingFactory()
    client = ClientFactory.build(company=booking.company)
    booking.client = client
    client.save()

    Booking.objects.bulk_update([booking], ["client"])

    assert Booking.objects.get(pk=booking.pk).client_id == client.pk


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "error"), [([], "Field names"), (["id"], "primary key"), (["history"], "concrete")]
)
def test_wrong_arguments_are_refused_as_django_does(fields, error):
    with pytest.raises(ValueError, match=error):
        Booking.objects.bulk_update([BookingFactory()], fields)


@pytest.mark.django_db
def test_row_that_is_not_stored_is_refused():
    with pytest.raises(ValueError, match="primary key set"):
        Booking.objects.bulk_update([Booking()], ["companions"])


class SameAsDjango(TestCase):
    """Any values: what is stored is what Django's own statement stores."""

    @settings(max_examples=25, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=20),
                st.integers(0, 3),
                st.booleans(),
                st.integers(0, 10**6),
                st.booleans(),
            ),
            min_size=1,
            max_size=4,
        )
    )
    def test_same_rows_as_by_django(self, values):
        rows = BookingFactory.create_batch(len(values))
        twins = BookingFactory.create_batch(len(values))
        for batch in (rows, twins):
            for booking, (text, companions, alone, second, promised) in zip(
                batch, values, strict=True
            ):
                booking.driver_notes, booking.companions, booking.exclusive = (
                    text,
                    companions,
                    alone,
                )
                booking.requested_pickup_at = on_day(6) + timedelta(microseconds=second)
                booking.promised_from = on_day(6) if promised else None
                booking.promised_until = on_day(7) if promised else None

        Booking.objects.bulk_update(rows, FIELDS)
        models.QuerySet.bulk_update(Booking.objects.all(), twins, FIELDS)

        shown = [field for field in FIELDS if field != "client"]
        ours = Booking.objects.filter(pk__in=[b.pk for b in rows]).order_by("pk")
        theirs = Booking.objects.filter(pk__in=[b.pk for b in twins]).order_by("pk")
        assert list(ours.values(*shown)) == list(theirs.values(*shown))
