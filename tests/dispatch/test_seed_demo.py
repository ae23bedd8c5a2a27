"""The demonstration day: exactly what was asked for, repeatable, and nobody else's rows."""

import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Count, F, Q

from accounts.models import Company, User
from atmr import clock
from bookings.models import Booking, BookingEvent, BookingSeries, Client
from bookings.services import series
from bookings.states import BookingStatus
from dispatch.demo import seeding
from dispatch.demo.clearing import DayBeingPlanned, DayUnderWay
from dispatch.models import Assignment, AssignmentStatus, DispatchRun
from dispatch.services import runs
from fleet.models import Absence, Driver, DriverKind, Place, Shift, Vehicle
from tests.factories import (
    DAY,
    PASSWORD,
    ZONE,
    AbsenceFactory,
    AlertFactory,
    AssignmentFactory,
    BookingFactory,
    DispatchRunFactory,
    ShiftFactory,
    UnassignedFactory,
    on_day,
)

NOW = on_day(6)
DISPATCHABLE = Q(status=BookingStatus.ACCEPTED, time_confirmed=True)

pytestmark = pytest.mark.django_db


def seed(bookings, *, drivers=None, day=DAY, seed=0):
    drivers = drivers or max(2, bookings // 10)
    return seeding.seed_day(day=day, bookings=bookings, drivers=drivers, seed=seed, now=NOW)


def of_day(day=DAY):
    return Booking.objects.filter(scheduled_at__range=clock.day_bounds(day, ZONE))


def snapshot():
    """Give what can be seen of the day, without the ids."""
    bookings = Booking.objects.order_by("reference").values_list(
        "reference", "client__name", "client__phone", "pickup_place__name", "pickup_place__lat",
        "delivery_place__name", "scheduled_at", "promised_from", "promised_until", "mobility",
        "companions", "skills", "equipment", "outbound__reference", "series__at_time", "priority",
        "client__preferred_drivers__name", "client__refused_drivers__name",
    )  # fmt: skip
    shifts = Shift.objects.order_by("driver__name").values_list(
        "driver__name", "vehicle__plate", "starts_at", "ends_at", "break_from_at", "break_min"
    )
    absences = Absence.objects.order_by("driver__name").values_list("driver__name", "starts_at")
    return [list(bookings), list(shifts), list(absences)]


@pytest.mark.parametrize(("bookings", "drivers"), [(0, 2), (1, 2), (10, 2), (57, 5)])
def test_day_has_exactly_the_dispatchable_bookings_and_drivers_asked_for(bookings, drivers):
    seeded = seed(bookings)

    assert of_day().filter(DISPATCHABLE).count() == bookings == seeded.bookings
    assert of_day().exclude(DISPATCHABLE).count() == seeded.unconfirmed
    assert Shift.objects.count() == Driver.objects.count() == Vehicle.objects.count() == drivers


@pytest.mark.parametrize(("bookings", "unservable"), [(49, 0), (50, 1), (100, 1)])
def test_few_bookings_cannot_be_served_and_those_truly_not(bookings, unservable):
    seeded = seed(bookings)

    rows = Booking.objects.filter(reference__in=seeded.unservable)
    assert len(rows) == unservable <= bookings * 0.02
    for row in rows:
        in_reach = Shift.objects.filter(
            starts_at__lte=row.scheduled_at + timedelta(minutes=10), ends_at__gte=row.scheduled_at
        )
        able = in_reach.filter(
            driver__skills__contains=row.skills, vehicle__equipment__contains=row.equipment
        )
        assert not able.exists()


@pytest.mark.parametrize("bookings", [10, 100])
def test_every_other_booking_has_its_place_in_somebody_s_day(bookings):
    assert seed(bookings).overbooked == 0


def test_same_seed_makes_the_same_day_and_another_seed_another():
    seed(30, seed=1)
    first = snapshot()

    seed(30, seed=1)
    again = snapshot()
    seed(30, seed=2)

    assert again == first
    assert snapshot() != first


def test_day_has_all_that_a_company_has_to_deal_with():
    seed(120)

    share = Count("pk", filter=~Q(mobility="walks") & ~Q(mobility="stretcher")) * 100 / Count("pk")
    assert 11 <= Booking.objects.aggregate(share=share)["share"] <= 19
    for condition in (
        Q(mobility="folding_wheelchair"),
        Q(mobility="wheelchair"),
        Q(mobility="stretcher"),
        Q(companions=1),
        Q(outbound__isnull=False, will_call=False),
        Q(will_call=True, time_confirmed=True),
        Q(will_call=True, time_confirmed=False),
        Q(series__isnull=False, series_day=DAY),
        Q(anchor="arrive_by", appointment_ends_at__gt=F("appointment_at")),
        Q(client__preferred_drivers__isnull=False),
        Q(client__refused_drivers__isnull=False),
        Q(skills__contains=["oxygen"], equipment__contains=["oxygen"]),
        Q(partner__isnull=False),
    ):
        assert of_day().filter(condition).exists(), condition
    assert Driver.objects.filter(kind=DriverKind.RESERVE).count() == 1
    assert Driver.objects.filter(documents__expires_day__gte=DAY).distinct().count() == 12
    assert Vehicle.objects.annotate(ways=Count("layouts")).filter(ways=2).exists()
    assert Shift.objects.filter(break_min__gt=0).count() == 12
    assert Absence.objects.count() == 2


def test_pickups_are_promised_as_at_acceptance_and_nothing_else_is():
    seed(30)

    promised = of_day().filter(anchor="pickup", time_confirmed=True)
    assert promised.exists()
    for row in promised:
        assert row.promised_from == row.requested_pickup_at - timedelta(minutes=5)
        assert row.promised_until == row.requested_pickup_at + timedelta(minutes=10)
    rest = of_day().exclude(pk__in=promised)
    assert rest.exists()
    assert not rest.filter(promised_from__isnull=False).exists()


def test_another_size_takes_the_place_of_the_day():
    seed(30)
    people = Client.objects.count()

    seeded = seed(10)

    assert seeded.replaced >= 30
    assert of_day().filter(DISPATCHABLE).count() == 10
    assert Shift.objects.count() == 2
    assert Client.objects.count() < people
    assert BookingEvent.objects.count() == Booking.objects.count()


def test_other_days_and_what_people_entered_stay():
    company = seed(20).company
    seed(20, day=DAY + timedelta(days=1))
    tomorrow = list(of_day(DAY + timedelta(days=1)).order_by("pk").values())
    mine = BookingFactory(company=company)
    my_shift = ShiftFactory(company=company)
    my_ride = AssignmentFactory(shift=my_shift)

    seed(20, seed=1)

    assert list(of_day(DAY + timedelta(days=1)).order_by("pk").values()) == tomorrow
    assert Booking.objects.filter(pk=mine.pk).exists()
    assert Assignment.objects.live().filter(pk=my_ride.pk, shift=my_shift).exists()


def test_plans_of_the_day_go_with_it():
    company = seed(20).company
    run = DispatchRunFactory(company=company)
    booking, other = of_day().filter(DISPATCHABLE)[:2]
    ride = AssignmentFactory(
        booking=booking, shift=Shift.objects.first(), dispatch_run=run, pickup_at=on_day(12)
    )
    UnassignedFactory(run=run, booking=other)
    AlertFactory(company=company, booking=booking)

    seed(20)

    assert not Assignment.objects.filter(pk=ride.pk).exists()
    assert not DispatchRun.objects.filter(pk=run.pk).exists()


def test_ride_that_somebody_entered_is_taken_back_from_an_invented_driver():
    company = seed(20).company
    mine = BookingFactory(company=company, status=BookingStatus.ASSIGNED)
    AssignmentFactory(booking=mine, shift=Shift.objects.first())

    seed(20)

    mine.refresh_from_db()
    assert mine.status == BookingStatus.ACCEPTED
    assert not mine.assignments.exists()


@pytest.mark.parametrize(
    ("status", "ride"),
    [
        (BookingStatus.ON_BOARD, AssignmentStatus.LIVE),
        (BookingStatus.COMPLETED, AssignmentStatus.DONE),
    ],
)
def test_day_on_which_an_invented_driver_carries_somebody_else_s_client_is_kept(status, ride):
    company = seed(20).company
    mine = BookingFactory(company=company, status=status)
    AssignmentFactory(booking=mine, shift=Shift.objects.first(), status=ride)

    with pytest.raises(DayUnderWay, match=mine.reference):
        seed(20)


@pytest.mark.django_db(transaction=True)
def test_day_that_is_being_planned_is_kept():
    company = seed(10).company
    held, done = threading.Event(), threading.Event()

    def plan():
        try:
            with runs.open_run(
                company=company,
                day=DAY,
                trigger="command",
                actor=None,
                now=NOW,
                settings={},
                seed=0,
            ):
                held.set()
                assert done.wait(60)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        planning = threads.submit(plan)
        try:
            assert held.wait(60)
            with pytest.raises(DayBeingPlanned):
                seed(10)
        finally:
            done.set()
            planning.result(60)
    assert of_day().filter(DISPATCHABLE).count() == 10


def test_driver_who_is_away_is_replaced_by_a_colleague():
    seed(20)
    away = Driver.objects.order_by("email").first()
    Absence.objects.all().delete()
    Shift.objects.filter(driver=away).delete()
    AbsenceFactory(driver=away)

    seed(20)

    assert Shift.objects.count() == 2
    assert not Shift.objects.filter(driver=away).exists()


def test_nothing_of_a_person_is_left_when_the_day_is_made_anew():
    seed(20)
    names = set(Client.objects.values_list("name", flat=True))

    seed(20, seed=1)

    kept = set(Client.objects.values_list("name", flat=True))
    history = Client.history.rel.related_model
    assert set(history.objects.values_list("name", flat=True)) == kept != names
    assert not Place.objects.filter(kind="home", history__isnull=True).exists()


def test_series_ask_for_the_bookings_that_are_there_and_for_no_other_day():
    company = seed(30).company

    made = series.materialise(
        company=company,
        until_day=DAY + timedelta(days=14),
        now=NOW - timedelta(days=14),
        window_before_min=5,
        window_after_min=10,
    )

    assert (made.created, made.refused) == ([], {})
    assert BookingSeries.objects.exists()
    for rule in BookingSeries.objects.all():
        wanted = series.definition_of(rule).trip(DAY, rule.at_time)
        assert list(map(told, rule.bookings.order_by("pk"))) == list(map(told, wanted))


def told(leg):
    times = (leg.requested_pickup_at, leg.appointment_at, leg.appointment_ends_at)
    return (leg.client, leg.partner, leg.priority, leg.anchor, *times, leg.mobility)


def test_clocks_that_change_leave_every_time_within_the_day():
    day = date(2027, 3, 28)

    seed(20, day=day)

    assert of_day(day).count() == Booking.objects.count()


def test_command_prints_one_object_and_each_password_once(settings):
    settings.DEBUG = True

    first, second = (run("--bookings=10", f"--day={DAY}", "--json") for _ in range(2))

    assert (first["company"], first["day"], first["bookings"]) == ("demo", str(DAY), 10)
    passwords = {sign_in["password"] for sign_in in first["sign_ins"]}
    assert len(passwords) == 1
    assert {user.role for user in User.objects.all() if user.check_password(*passwords)} == {
        "manager",
        "dispatcher",
        "viewer",
    }
    assert {sign_in["password"] for sign_in in second["sign_ins"]} == {None}
    assert PASSWORD not in passwords


def run(*arguments):
    out = io.StringIO()
    call_command("seed_demo", *arguments, stdout=out)
    return json.loads(out.getvalue())


def test_command_refuses_where_debug_is_off(settings):
    settings.DEBUG = False

    with pytest.raises(CommandError, match="--allow-production"):
        run("--bookings=10", "--json")
    assert not Company.objects.exists()

    assert run("--bookings=10", "--json", "--allow-production")["bookings"] == 10


@pytest.mark.parametrize("arguments", [("--bookings=-1",), ("--bookings=x",), ("--drivers=0",)])
def test_command_refuses_nonsense_in_one_line(settings, arguments):
    settings.DEBUG = True

    with pytest.raises(CommandError, match="a whole number from"):
        run(*arguments)


@pytest.mark.parametrize(
    ("today", "expected"),
    [("2027-03-10", "2027-03-11"), ("2027-03-12", "2027-03-15"), ("2027-03-25", "2027-03-30")],
)
def test_day_is_the_next_working_day_unless_told(settings, time_machine, today, expected):
    settings.DEBUG = True
    time_machine.move_to(f"{today}T12:00:00+01:00")

    assert run("--bookings=1", "--json")["day"] == expected
