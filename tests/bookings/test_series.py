"""Series are booked ahead once, on the right days and hours, and follow their changes."""

import threading
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from bookings.models import Anchor, Booking, BookingSeries, Client, ReturnKind
from bookings.services import ending, moves, series, timing
from bookings.states import BookingStatus
from tests.factories import (
    BookingSeriesFactory,
    CompanyFactory,
    PartnerFactory,
    PlaceFactory,
    SeriesExceptionFactory,
    SeriesSuspensionFactory,
    on_day,
)

pytestmark = pytest.mark.django_db

S = BookingStatus
ZONE = ZoneInfo("Europe/Zurich")
MONDAY = date(2027, 3, 1)
NOW = on_day(6, day=MONDAY)
WINDOW = {"window_before_min": 5, "window_after_min": 10}


def make(company, until=MONDAY + timedelta(days=6), now=NOW, **given):
    return series.materialise(company=company, until_day=until, now=now, **WINDOW, **given)


def dialysis(**given):
    return BookingSeriesFactory(**{"starts_day": MONDAY, "stay_min": 240, **given})


def outbounds(row):
    return Booking.objects.filter(series=row, outbound=None).order_by("series_day")


def days_of(row):
    return [booking.series_day.day for booking in outbounds(row)]


def follow(row, edit, until=MONDAY + timedelta(days=6)):
    before = series.definition_of(row)
    edit()
    return series.follow_change(before=before, until_day=until, now=NOW, actor=None, **WINDOW)


def change(row, **values):
    return follow(row, lambda: BookingSeries.objects.filter(pk=row.pk).update(**values))


def test_a_week_is_booked_and_accepted():
    row = dialysis()

    made = make(row.company)

    assert days_of(row) == [1, 3, 5]
    first = outbounds(row)[0]
    assert first.pk in made.created
    assert (first.status, first.anchor) == (S.ACCEPTED, Anchor.ARRIVE_BY)
    assert first.appointment_at == on_day(8, day=MONDAY)
    assert first.appointment_ends_at == on_day(12, day=MONDAY)


def test_a_pickup_is_promised():
    row = dialysis(anchor=Anchor.PICKUP)

    make(row.company)

    first = outbounds(row)[0]
    assert first.requested_pickup_at == on_day(8, day=MONDAY)
    assert first.promised_from == on_day(7, 55, day=MONDAY)


def test_again_and_further_adds_only_what_is_missing():
    row = dialysis()
    make(row.company)

    assert make(row.company).created == []
    make(row.company, until=MONDAY + timedelta(days=8))

    assert days_of(row) == [1, 3, 5, 8]


def test_what_has_passed_today_is_not_booked():
    row = dialysis()

    make(row.company, now=on_day(8, day=MONDAY))

    assert days_of(row) == [3, 5]


def test_a_cancelled_day_stays_cancelled():
    row = dialysis()
    make(row.company)
    wednesday = outbounds(row)[1]
    ending.cancel(booking=wednesday, actor=None, now=NOW, reason="Other transport")

    make(row.company)

    assert [booking.status for booking in outbounds(row)] == [S.ACCEPTED, S.CANCELLED, S.ACCEPTED]


def test_exceptions_are_left_out_or_served_at_their_time():
    row = dialysis()
    SeriesExceptionFactory(series=row, day=date(2027, 3, 3))
    SeriesExceptionFactory(series=row, day=date(2027, 3, 4), at_time=time(13))
    SeriesExceptionFactory(series=row, day=date(2027, 3, 5), at_time=time(14, 30))

    make(row.company)

    assert days_of(row) == [1, 4, 5]
    assert outbounds(row)[2].appointment_at == on_day(14, 30, day=date(2027, 3, 5))


def test_a_suspension_covers_both_its_ends_and_outranks_an_exception():
    row = dialysis()
    SeriesSuspensionFactory(series=row, from_day=date(2027, 3, 3), until_day=date(2027, 3, 5))
    SeriesExceptionFactory(series=row, day=date(2027, 3, 4), at_time=time(13))

    make(row.company, until=MONDAY + timedelta(days=7))

    assert days_of(row) == [1, 8]


@pytest.mark.parametrize(
    ("on_holidays", "expected"),
    # Good Friday and Easter Monday of 2027 are 26 and 29 March.
    [(False, [25, 27, 28, 30]), (True, [25, 26, 27, 28, 29, 30])],
)
def test_public_holidays_are_left_out_unless_wanted(on_holidays, expected):
    row = dialysis(rule="FREQ=DAILY", starts_day=date(2027, 3, 25), on_holidays=on_holidays)

    make(row.company, until=date(2027, 3, 30))

    assert days_of(row) == expected


def test_an_exception_with_a_time_is_served_on_a_holiday():
    row = dialysis(rule="FREQ=DAILY", starts_day=date(2027, 3, 26))
    SeriesExceptionFactory(series=row, day=date(2027, 3, 26), at_time=time(13))

    make(row.company, until=date(2027, 3, 27))

    assert days_of(row) == [26, 27]


def test_it_ends_with_its_last_day():
    row = dialysis(until_day=date(2027, 3, 3))

    make(row.company, until=MONDAY + timedelta(days=20))

    assert days_of(row) == [1, 3]


@pytest.mark.parametrize(
    ("day", "wall", "instant"),
    [
        # 02:30 does not exist on this day, and moves forward by the hour that is missing.
        (date(2026, 3, 29), time(2, 30), "2026-03-29T03:30:00+02:00"),
        (date(2026, 3, 29), time(7, 30), "2026-03-29T07:30:00+02:00"),
        # 02:30 comes twice: the first counts, in summer time.
        (date(2026, 10, 25), time(2, 30), "2026-10-25T02:30:00+02:00"),
        (date(2026, 10, 25), time(7, 30), "2026-10-25T07:30:00+01:00"),
    ],
)
def test_wall_times_stay_when_the_clocks_change(day, wall, instant):
    eve = day - timedelta(days=1)
    row = dialysis(
        rule="FREQ=DAILY", starts_day=eve, at_time=wall, anchor=Anchor.PICKUP, stay_min=0
    )

    make(row.company, until=day + timedelta(days=1), now=on_day(0, day=eve))

    before, changed, after = outbounds(row)
    assert changed.requested_pickup_at == datetime.fromisoformat(instant)
    for booking in (before, after):
        assert booking.requested_pickup_at.astimezone(ZONE).time() == wall


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)])
def test_a_night_and_its_return_span_the_change_of_clocks(day):
    eve = day - timedelta(days=1)
    row = dialysis(
        rule="FREQ=DAILY;COUNT=1",
        starts_day=eve,
        at_time=time(23),
        return_kind=ReturnKind.TIMED,
        return_time=time(4),
        stay_min=0,
    )

    make(row.company, until=day, now=on_day(0, day=eve))

    back = outbounds(row).get().return_booking
    assert back.requested_pickup_at == on_day(4, day=day)
    hours = (back.requested_pickup_at - outbounds(row).get().appointment_at) / timedelta(hours=1)
    assert hours == (4 if day.month == 3 else 6)


def test_timed_returns_follow_and_shift_with_an_exception():
    row = dialysis(return_kind=ReturnKind.TIMED, return_time=time(12, 15))
    SeriesExceptionFactory(series=row, day=date(2027, 3, 3), at_time=time(10))

    make(row.company)

    backs = [booking.return_booking for booking in outbounds(row)]
    assert backs[0].requested_pickup_at == on_day(12, 15, day=MONDAY)
    assert backs[1].requested_pickup_at == on_day(14, 15, day=date(2027, 3, 3))
    assert {back.status for back in backs} == {S.ACCEPTED}


def test_will_call_returns_wait_for_the_call():
    row = dialysis(return_kind=ReturnKind.WILL_CALL)

    make(row.company)

    back = outbounds(row)[0].return_booking
    assert (back.requested_pickup_at, back.time_confirmed) == (on_day(12, day=MONDAY), False)
    assert back.promised_from is None


@pytest.mark.parametrize("weeks", [1, 8])
def test_the_number_of_statements_does_not_grow(weeks, django_assert_num_queries):
    company = CompanyFactory()
    for _ in range(weeks):
        dialysis(company=company, return_kind=ReturnKind.TIMED, return_time=time(13))

    # Two more open and close each of three savepoints.
    # constraints; series, exceptions, suspensions, days served, agreements; ids, who, rows;
    # move, promise
    with django_assert_num_queries(11 + 6):
        make(company, until=MONDAY + timedelta(weeks=weeks))


def test_one_series_that_cannot_be_served_keeps_no_other_from_it():
    good = dialysis()
    spoilt = dialysis(company=good.company, rule="FREQ=SOMETIMES")
    gone = dialysis(company=good.company)
    Client.objects.filter(pk=gone.client_id).update(active=False)
    unagreed = dialysis(company=good.company, partner=PartnerFactory())

    made = make(good.company)

    assert days_of(good) == [1, 3, 5]
    assert {pk: refusal.code for pk, refusal in made.refused.items()} == {
        spoilt.pk: "invalid-rule",
        gone.pk: "client-inactive",
        unagreed.pk: "no-agreement",
    }


def test_another_company_is_left_alone():
    mine, theirs = dialysis(), dialysis()

    make(mine.company)

    assert days_of(mine)
    assert not days_of(theirs)


def test_a_changed_time_moves_what_lies_ahead_untouched():
    row = dialysis(anchor=Anchor.PICKUP, return_kind=ReturnKind.TIMED, return_time=time(12))
    make(row.company)
    monday, wednesday, friday = outbounds(row)
    moves.move(booking=monday, to=S.ASSIGNED, actor=None, now=NOW)
    timing.change_time(
        booking=wednesday, requested_pickup_at=on_day(9, day=date(2027, 3, 3)), **WINDOW
    )

    changed = change(row, at_time=time(7), return_time=time(11))

    friday.refresh_from_db()
    monday.refresh_from_db()
    wednesday.refresh_from_db()
    assert friday.requested_pickup_at == on_day(7, day=date(2027, 3, 5))
    assert friday.promised_from == on_day(6, 55, day=date(2027, 3, 5))
    assert friday.return_booking.requested_pickup_at == on_day(11, day=date(2027, 3, 5))
    assert monday.requested_pickup_at == on_day(8, day=MONDAY)
    assert wednesday.requested_pickup_at == on_day(9, day=date(2027, 3, 3))
    assert changed.updated == {friday.pk, friday.return_booking.pk}
    assert changed.kept == {
        leg.pk for out in (monday, wednesday) for leg in (out, out.return_booking)
    }


def test_a_second_change_still_finds_them_untouched():
    row = dialysis()
    make(row.company)
    change(row, at_time=time(7))

    changed = change(row, at_time=time(9))

    assert len(changed.updated) == 3
    assert not changed.kept


def test_other_days_cancel_the_old_and_book_the_new():
    row = dialysis(return_kind=ReturnKind.TIMED, return_time=time(12))
    make(row.company)

    changed = change(row, rule="FREQ=WEEKLY;BYDAY=MO,TU")

    booked = {b.series_day.day: b.status for b in outbounds(row)}
    assert booked == {1: S.ACCEPTED, 2: S.ACCEPTED, 3: S.CANCELLED, 5: S.CANCELLED}
    assert len(changed.cancelled) == 4
    assert len(changed.created) == 2
    assert outbounds(row).get(series_day__day=3).cancel_reason


def test_a_suspension_recorded_later_cancels_what_it_covers():
    row = dialysis()
    make(row.company)

    changed = follow(
        row,
        lambda: SeriesSuspensionFactory(
            series=row, from_day=date(2027, 3, 2), until_day=date(2027, 3, 31)
        ),
    )

    assert [b.status for b in outbounds(row)] == [S.ACCEPTED, S.CANCELLED, S.CANCELLED]
    assert len(changed.cancelled) == 2


def test_a_series_that_ends_cancels_what_it_had_booked():
    row = dialysis()
    make(row.company)

    change(row, active=False)

    assert {b.status for b in outbounds(row)} == {S.CANCELLED}


def test_a_return_added_later_is_booked_and_one_dropped_is_cancelled():
    row = dialysis()
    make(row.company)

    change(row, return_kind=ReturnKind.WILL_CALL)
    backs = [b.return_booking for b in outbounds(row)]
    assert {(back.status, back.will_call) for back in backs} == {(S.ACCEPTED, True)}

    change(row, return_kind=ReturnKind.NONE)
    assert {b.return_booking.status for b in outbounds(row)} == {S.CANCELLED}
    assert {b.status for b in outbounds(row)} == {S.ACCEPTED}


def test_a_change_of_place_reaches_both_ways():
    row = dialysis(return_kind=ReturnKind.WILL_CALL)
    make(row.company)
    elsewhere = PlaceFactory(company=row.company)

    change(row, delivery_place=elsewhere)

    for out in outbounds(row):
        assert (out.delivery_place, out.return_booking.pickup_place) == (elsewhere, elsewhere)


@pytest.mark.django_db(transaction=True)
def test_two_who_materialise_at_once_book_each_day_once():
    row = dialysis()

    def work():
        try:
            make(row.company)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)

    assert days_of(row) == [1, 3, 5]
