"""Absences and changed shifts: rides stay where they fit, and go back where they do not."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from bookings.models import BookingEvent
from bookings.states import BookingStatus
from dispatch.models import Alert, AlertKind, AssignmentStatus
from dispatch.services import duty
from dispatch.services.duty import (
    AbsenceEndsBeforeStart,
    AlreadyCancelled,
    ShiftCarriesRides,
    ShiftUnderWay,
)
from fleet import services
from fleet.models import Absence, AbsenceKind, Driver, Shift, ShiftStatus
from fleet.services import LicenceMissing, OverlappingShift
from fleet.triggers import DriverIsAbsent
from tests.factories import (
    AssignmentFactory,
    BookingFactory,
    CompanyFactory,
    DriverFactory,
    PlaceFactory,
    ShiftFactory,
    UserFactory,
    VehicleFactory,
    on_day,
)

NOW = on_day(6)

pytestmark = pytest.mark.django_db


@pytest.fixture
def shift():
    return ShiftFactory(break_min=30, break_from_at=on_day(11), break_until_at=on_day(13))


@pytest.fixture
def actor(shift):
    return UserFactory(company=shift.company)


def ride_at(shift, hour, status=BookingStatus.ASSIGNED, minute=0):
    booking = BookingFactory(
        company=shift.company, status=status, requested_pickup_at=on_day(hour, minute)
    )
    return AssignmentFactory(shift=shift, booking=booking)


def away(shift, start, end, actor=None):
    return duty.record_absence(
        driver=shift.driver,
        kind=AbsenceKind.SICK,
        starts_at=on_day(start),
        ends_at=on_day(end),
        actor=actor,
        now=NOW,
    )


def span(shift):
    return shift.starts_at, shift.ends_at


def fresh(row):
    row.refresh_from_db()
    return row


def waits(ride):
    """Say whether the booking waits for a driver again, and somebody was told."""
    lost = Alert.objects.filter(booking=ride.booking, kind=AlertKind.ASSIGNMENT_LOST)
    return (
        fresh(ride).status == AssignmentStatus.CANCELLED
        and fresh(ride.booking).status == BookingStatus.ACCEPTED
        and lost.count() == 1
    )


def stays(ride, shift):
    return (
        fresh(ride).status == AssignmentStatus.LIVE
        and ride.shift == shift
        and fresh(ride.booking).status == BookingStatus.ASSIGNED
        and not Alert.objects.filter(booking=ride.booking).exists()
    )


def test_absence_outside_every_shift_only_is_entered(shift):
    recorded = away(shift, 17, 20)

    assert list(Absence.objects.all()) == [recorded.absence]
    assert span(fresh(shift)) == (on_day(7), on_day(17))


def test_absence_at_the_end_shortens_the_shift_and_takes_its_late_rides_back(shift, actor):
    early, late = ride_at(shift, 9), ride_at(shift, 15)

    recorded = away(shift, 14, 24 - 1, actor)

    assert span(fresh(shift)) == (on_day(7), on_day(14))
    assert (shift.break_min, shift.break_from_at) == (30, on_day(11))
    assert stays(early, shift)
    assert waits(late)
    assert recorded.taken_back == {late.booking_id}
    event = BookingEvent.objects.filter(booking=late.booking).latest("id")
    assert (event.to_status, event.actor) == (BookingStatus.ACCEPTED, actor)


def test_absence_in_the_middle_splits_the_shift_and_the_second_part_takes_the_rides_after(shift):
    before, during, after = ride_at(shift, 8), ride_at(shift, 11), ride_at(shift, 14)

    recorded = away(shift, 10, 12)

    second = Shift.objects.planned().exclude(pk=shift.pk).get()
    assert span(fresh(shift)) == (on_day(7), on_day(10))
    assert span(second) == (on_day(12), on_day(17))
    assert recorded.opened == [second]
    assert stays(before, shift)
    assert stays(after, second)
    assert waits(during)


def test_break_goes_with_the_part_that_holds_its_window(shift):
    away(shift, 8, 10)

    second = Shift.objects.planned().exclude(pk=shift.pk).get()
    assert (fresh(shift).break_min, shift.break_from_at) == (0, None)
    assert (second.break_min, second.break_from_at) == (30, on_day(11))


def test_ride_that_leaves_no_time_to_drive_to_the_end_is_taken_back(shift):
    shift.end_place = PlaceFactory(company=shift.company, lat=46.4, lon=6.3)
    shift.save()
    tight = ride_at(shift, 13, minute=30)  # over at 13:55, an hour's drive from there

    away(shift, 14, 18)

    assert waits(tight)


def test_absence_all_day_cancels_the_shift_and_takes_every_ride_back(shift):
    rides = [ride_at(shift, 9), ride_at(shift, 15, BookingStatus.EN_ROUTE)]

    recorded = away(shift, 0, 23)

    assert fresh(shift).status == ShiftStatus.CANCELLED
    assert recorded.cancelled == [shift]
    assert all(waits(ride) for ride in rides)


@pytest.mark.parametrize("status", [BookingStatus.ARRIVED, BookingStatus.ON_BOARD])
def test_ride_under_way_stays_with_an_alert(shift, status):
    ride = ride_at(shift, 10, status)

    away(shift, 10, 23)

    assert span(fresh(shift)) == (on_day(7), on_day(10))
    assert fresh(ride).status == AssignmentStatus.LIVE
    assert fresh(ride.booking).status == status
    assert Alert.objects.get(booking=ride.booking).kind == AlertKind.INHERITED_VIOLATION


@pytest.mark.parametrize(
    ("status", "ride_status"),
    [
        (BookingStatus.ON_BOARD, AssignmentStatus.LIVE),
        (BookingStatus.COMPLETED, AssignmentStatus.DONE),
    ],
)
def test_shift_in_which_the_driver_has_driven_is_not_cancelled(shift, status, ride_status):
    ride = ride_at(shift, 9, status)
    ride.status = ride_status
    ride.save()

    with pytest.raises(ShiftUnderWay, match=ride.booking.reference):
        away(shift, 0, 23)

    assert fresh(shift).status == ShiftStatus.PLANNED
    assert not Absence.objects.exists()


def test_absence_that_ends_before_it_starts_is_refused_and_changes_nothing(shift):
    ride = ride_at(shift, 11)

    with pytest.raises(AbsenceEndsBeforeStart):
        away(shift, 12, 10)

    assert stays(ride, shift)


def test_absence_leaves_colleagues_alone(shift):
    ride = ride_at(ShiftFactory(company=shift.company), 10)

    away(shift, 0, 23)

    assert stays(ride, ride.shift)


@pytest.mark.parametrize("count", [1, 8])
def test_absence_costs_the_same_however_many_rides(shift, django_assert_num_queries, count):
    rides = [ride_at(shift, hour) for hour in range(8, 8 + count)]

    # The shifts twice, their locks and the driver's; the rides three times, what was driven; their
    # end, alerts, moves and places; the shift, the absence; five savepoints or their release.
    with django_assert_num_queries(19):
        away(shift, 7, 16)

    assert all(waits(ride) for ride in rides)


def change(shift, **changes):
    return duty.change_shift(shift=shift, actor=None, now=NOW, **changes)


def test_shift_that_carries_rides_is_shortened_only_when_they_are_taken_back(shift):
    late = ride_at(shift, 15)

    with pytest.raises(ShiftCarriesRides, match=late.booking.reference):
        change(shift, ends_at=on_day(14))
    assert span(fresh(shift)) == (on_day(7), on_day(17))

    assert change(shift, ends_at=on_day(14), take_back=True) == {late.booking_id}
    assert span(fresh(shift)) == (on_day(7), on_day(14))
    assert waits(late)


def test_shift_changes_freely_where_its_rides_still_fit(shift):
    ride = ride_at(shift, 10)

    change(shift, starts_at=on_day(8), ends_at=on_day(16), break_min=20)

    assert stays(ride, shift)
    assert fresh(shift).break_min == 20


@pytest.mark.parametrize(
    ("name", "maker"), [("driver", DriverFactory), ("vehicle", VehicleFactory)]
)
def test_another_driver_or_vehicle_takes_every_ride_back(shift, name, maker):
    rides = [ride_at(shift, 9), ride_at(shift, 15)]
    other = maker(company=shift.company)

    with pytest.raises(ShiftCarriesRides):
        change(shift, **{name: other})
    change(fresh(shift), take_back=True, **{name: other})

    assert getattr(fresh(shift), name) == other
    assert all(waits(ride) for ride in rides)


def test_ride_under_way_keeps_its_driver(shift):
    ride = ride_at(shift, 9, BookingStatus.ON_BOARD)

    with pytest.raises(ShiftUnderWay, match=ride.booking.reference):
        change(shift, driver=DriverFactory(company=shift.company), take_back=True)


def test_change_is_refused_by_the_name_of_what_is_in_the_way(shift):
    other = ShiftFactory(company=shift.company)

    with pytest.raises(OverlappingShift):
        change(shift, driver=other.driver)
    with pytest.raises(LicenceMissing):
        change(fresh(shift), vehicle=VehicleFactory(company=shift.company, licence_category="D1"))


def test_shift_is_cancelled_only_when_its_rides_are_taken_back(shift):
    ride = ride_at(shift, 9)

    with pytest.raises(ShiftCarriesRides):
        duty.cancel_shift(shift=shift, actor=None, now=NOW)
    duty.cancel_shift(shift=shift, actor=None, now=NOW, take_back=True)

    assert fresh(shift).status == ShiftStatus.CANCELLED
    assert waits(ride)
    with pytest.raises(AlreadyCancelled):
        duty.cancel_shift(shift=shift, actor=None, now=NOW)
    with pytest.raises(AlreadyCancelled):
        change(shift, ends_at=on_day(16))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("absence_first", [True, False])
def test_shift_and_absence_entered_at_once_end_up_apart(absence_first):
    """The second waits at the driver's row until the first has committed, and then sees it."""
    company = CompanyFactory()
    driver, vehicle = DriverFactory(company=company), VehicleFactory(company=company)
    base = PlaceFactory(company=company)
    first_wrote = threading.Event()

    def enter_shift():
        services.open_shift(
            driver=Driver.objects.select_related("company").get(pk=driver.pk),
            vehicle=vehicle,
            starts_at=on_day(7),
            ends_at=on_day(17),
            start_place=base,
        )

    def enter_absence():
        duty.record_absence(
            driver=driver,
            kind=AbsenceKind.SICK,
            starts_at=on_day(12),
            ends_at=on_day(14),
            actor=None,
            now=NOW,
        )

    first, second = (enter_absence, enter_shift) if absence_first else (enter_shift, enter_absence)

    def go_first():
        try:
            with transaction.atomic():
                first()
                first_wrote.set()
                wait_until_somebody_waits()
        finally:
            connection.close()

    def go_second():
        try:
            assert first_wrote.wait(20)
            second()
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        one, other = threads.submit(go_first), threads.submit(go_second)
        one.result(60)
        if absence_first:
            with pytest.raises(DriverIsAbsent):
                other.result(60)
        else:
            other.result(60)

    assert Absence.objects.count() == 1
    hours = sorted(span(shift) for shift in Shift.objects.planned())
    split = [(on_day(7), on_day(12)), (on_day(14), on_day(17))]
    assert hours == ([] if absence_first else split)


def wait_until_somebody_waits():
    """Hold on until another connection waits for what this one has locked."""
    with connection.cursor() as cursor:
        for _ in range(2000):
            cursor.execute(
                "SELECT pg_sleep(0.01), EXISTS (SELECT 1 FROM pg_stat_activity"
                " WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
            )
            if cursor.fetchone()[1]:
                return
    raise AssertionError("Nobody waits for this transaction.")
