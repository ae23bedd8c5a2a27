"""Planning a day, from rows to rows."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Company
from bookings.models import BookingEvent, Mobility
from bookings.states import BookingStatus
from dispatch.models import (
    Alert,
    AlertKind,
    Assignment,
    AssignmentStatus,
    DispatchRun,
    Lock,
    RunState,
    Unassigned,
)
from dispatch.services import planning, progress
from dispatch.services.runs import RunUnderWay, open_run
from fleet.models import DriverKind, Equipment, LicenceCategory, Skill
from tests.dispatch.days import Line, live, plan, policy, reason_of
from tests.factories import (
    DAY,
    AssignmentFactory,
    BookingEventFactory,
    BookingFactory,
    CompanyFactory,
    DriverDocumentFactory,
    DriverFactory,
    PositionFactory,
    ShiftFactory,
    VehicleFactory,
    VehicleLayoutFactory,
    on_day,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def line() -> Line:
    return Line(CompanyFactory())


def test_one_booking_and_one_driver_become_one_live_assignment(line):
    booking, shift = line.booking(1, 3, 9), line.shift()

    summary = plan(line.company)

    assert (summary.state, summary.bookings, summary.assigned) == (RunState.APPLIED, 1, 1)
    row = Assignment.objects.get()
    assert (row.booking, row.shift, row.status) == (booking, shift, AssignmentStatus.LIVE)
    assert on_day(8, 55) <= row.pickup_at <= on_day(9, 10)
    booking.refresh_from_db()
    assert booking.status == BookingStatus.ASSIGNED


def test_an_empty_day_is_an_applied_run_of_zeros(line):
    summary = plan(line.company)

    assert (summary.state, summary.bookings, summary.assigned) == (RunState.APPLIED, 0, 0)


def test_a_day_without_a_shift_says_so_for_every_booking(line):
    booking = line.booking(1, 3, 9)

    summary = plan(line.company)

    assert reason_of(summary, booking) == "no_shift"
    booking.refresh_from_db()
    assert booking.status == BookingStatus.ACCEPTED


def test_a_runs_id_is_on_all_that_it_wrote(line):
    line.booking(1, 3, 9)
    line.booking(1, 3, 22)
    line.shift()

    summary = plan(line.company)

    assert set(Assignment.objects.values_list("dispatch_run", flat=True)) == {summary.run}
    assert set(Unassigned.objects.values_list("run", flat=True)) == {summary.run}
    moved = BookingEvent.objects.get(to_status=BookingStatus.ASSIGNED)
    assert moved.reason == f"run {summary.run}"


def test_a_proposal_changes_nothing_until_it_is_applied(line):
    booking = line.booking(1, 3, 9)
    line.shift()

    summary = plan(line.company, apply=False)

    assert summary.state == RunState.PROPOSED
    assert Assignment.objects.get().status == AssignmentStatus.PROPOSED
    booking.refresh_from_db()
    assert booking.status == BookingStatus.ACCEPTED


def test_applying_twice_changes_nothing(line):
    for hour in range(8, 14):
        line.booking(1, 3, hour)
    line.shift()
    line.shift()
    plan(line.company)
    rows = list(Assignment.objects.order_by("pk").values())
    events = BookingEvent.objects.count()

    summary = plan(line.company)

    assert summary.changed == 0
    assert list(Assignment.objects.order_by("pk").values()) == rows
    assert BookingEvent.objects.count() == events


def test_bookings_of_another_company_are_not_seen(line):
    line.shift()
    BookingFactory()
    other = ShiftFactory()

    summary = plan(line.company)

    assert summary.bookings == 0
    assert not Assignment.objects.filter(shift=other).exists()


def test_a_night_shift_serves_both_of_its_days(line):
    shift = line.shift(starts_at=on_day(22), ends_at=on_day(0) + timedelta(days=1, hours=6))
    late = line.booking(1, 3, 23)
    early = line.booking(1, 3, 9, requested_pickup_at=on_day(2) + timedelta(days=1))

    plan(line.company)
    plan(line.company, day=DAY + timedelta(days=1), now=on_day(0))

    assert (live(late).shift, live(early).shift) == (shift, shift)


# --- Hard rules --------------------------------------------------------------------------------


def test_a_pickup_lies_in_the_window_of_its_request(line):
    policy(line.company, window_before_min=0, window_after_min=0)
    booking = line.booking(1, 3, 9)
    line.shift()

    plan(line.company)

    assert live(booking).pickup_at == on_day(9)


def test_an_arrive_by_booking_is_out_of_the_vehicle_at_its_appointment(line):
    policy(line.company, arrive_early_min=10, arrive_late_min=5, service_delivery_min=4)
    booking = line.booking(1, 3, 9, arrive_by=True)
    line.shift()

    plan(line.company)

    row = live(booking)
    assert on_day(8, 50) <= row.ends_at <= on_day(8, 55)
    assert row.ends_at - row.delivery_at == timedelta(minutes=4)


def test_service_takes_longer_with_a_wheelchair_and_by_client(line):
    policy(line.company, service_pickup_min=3, wheelchair_extra_min=6)
    shift = line.shift()
    VehicleLayoutFactory(vehicle=shift.vehicle, seats=1, wheelchairs=1)
    walking = line.booking(1, 2, 9)
    wheeled = line.booking(1, 2, 12, mobility=Mobility.WHEELCHAIR, client__boarding_min=2)

    plan(line.company)

    def takes(booking):
        return live(booking).delivery_at - live(booking).pickup_at

    assert takes(wheeled) - takes(walking) == timedelta(minutes=8)


def test_a_wheelchair_needs_a_layout_with_room_for_it(line):
    line.shift()
    booking = line.booking(1, 3, 9, mobility=Mobility.WHEELCHAIR)

    assert reason_of(plan(line.company), booking) == "capacity"

    shift = line.shift()
    layout = VehicleLayoutFactory(vehicle=shift.vehicle, seats=0, wheelchairs=1)
    plan(line.company)
    assert live(booking).layout == layout


def test_a_free_wheelchair_place_seats_a_person_only_where_the_layout_says_so(line):
    shift = line.shift(vehicle=VehicleFactory(company=line.company, layout=None))
    layout = VehicleLayoutFactory(vehicle=shift.vehicle, seats=0, wheelchairs=1)
    booking = line.booking(1, 3, 9)
    assert reason_of(plan(line.company), booking) == "capacity"

    layout.seat_in_wheelchair_place = True
    layout.save()

    plan(line.company)
    assert live(booking).layout == layout


@pytest.mark.parametrize(
    ("needs", "driver", "vehicle", "reason"),
    [
        ({"skills": [Skill.OXYGEN]}, {"skills": [Skill.OXYGEN]}, {}, "skills"),
        ({"equipment": [Equipment.RAMP]}, {}, {"equipment": [Equipment.RAMP]}, "equipment"),
    ],
)
def test_skills_and_equipment_decide(line, needs, driver, vehicle, reason):
    line.shift()
    booking = line.booking(1, 3, 9, **needs)
    assert reason_of(plan(line.company), booking) == reason

    able = line.shift(
        driver=DriverFactory(company=line.company, **driver),
        vehicle=VehicleFactory(company=line.company, **vehicle),
    )

    plan(line.company)
    assert live(booking).shift == able


@pytest.mark.parametrize("what", ["document", "licence", "inspection", "driver", "vehicle"])
def test_nobody_rides_with_papers_that_are_not_valid(line, what):
    shift = line.shift()
    booking = line.booking(1, 3, 9)
    if what == "document":
        DriverDocumentFactory(driver=shift.driver, expires_day=DAY - timedelta(days=1))
    elif what == "licence":
        shift.vehicle.licence_category = LicenceCategory.D1
    elif what == "inspection":
        shift.vehicle.inspection_day = DAY - timedelta(days=1)
    elif what == "driver":
        shift.driver.active = False
    else:
        shift.vehicle.active = False
    shift.vehicle.save()
    shift.driver.save()

    assert reason_of(plan(line.company), booking) == "documents"


def test_a_document_is_valid_on_its_last_day(line):
    shift = line.shift()
    shift.vehicle.inspection_day = DAY
    shift.vehicle.save()
    DriverDocumentFactory(driver=shift.driver, expires_day=DAY)
    booking = line.booking(1, 3, 9)

    plan(line.company)

    assert live(booking)


def test_a_refused_driver_never_drives_the_client(line):
    shift = line.shift()
    booking = line.booking(1, 3, 9)
    booking.client.refused_drivers.add(shift.driver)

    assert reason_of(plan(line.company), booking) == "refused_driver"


def test_a_driver_rests_in_the_window_of_the_break(line):
    line.shift(break_min=60, break_from_at=on_day(11), break_until_at=on_day(13))
    policy(line.company, window_before_min=0, window_after_min=60)
    booking = line.booking(1, 3, 11, 30)

    plan(line.company)

    # He rests from 11 to 12 at the earliest, and only then drives for the ride.
    assert live(booking).pickup_at >= on_day(12)


def test_a_ride_that_takes_the_whole_break_is_not_planned(line):
    shift = line.shift(break_min=60, break_from_at=on_day(11), break_until_at=on_day(12, 30))
    booking = line.booking(1, 9, 11, 40)
    plan(line.company)
    assert live(booking) is None

    shift.break_min = 0
    shift.save()

    plan(line.company)
    assert live(booking)


def test_a_ride_ends_within_the_shift(line):
    line.shift()
    booking = line.booking(1, 3, 16, 55)

    assert reason_of(plan(line.company), booking) == "vehicle_window"


def test_a_driver_works_no_longer_than_allowed(line):
    line.shift(driver=DriverFactory(company=line.company, max_work_min_per_day=60))
    early, late = line.booking(1, 3, 8), line.booking(1, 3, 16)

    plan(line.company)

    assert (live(early) is None) != (live(late) is None)


@pytest.mark.parametrize("where", ["driver", "policy"])
def test_the_limit_per_driver_holds(line, where):
    if where == "policy":
        policy(line.company, max_bookings_per_driver=2)
        line.shift()
    else:
        line.shift(driver=DriverFactory(company=line.company, max_bookings_per_day=2))
    for hour in (9, 11, 13):
        line.booking(1, 3, hour)

    summary = plan(line.company)

    assert summary.assigned == 2
    assert [row["reason"] for row in summary.unassigned] == ["max_requests"]


# --- Pooling -----------------------------------------------------------------------------------


def test_two_bookings_of_one_place_time_and_direction_are_pooled_when_allowed(line):
    policy(line.company, pooling=True)
    line.shift()
    one, other = line.booking(1, 6, 9), line.booking(1, 6, 9)

    plan(line.company)

    assert live(one).pool == live(other).pool
    assert live(other).pickup_at < live(one).ends_at
    assert live(one).pickup_at < live(other).ends_at


@pytest.mark.parametrize("why", ["policy", "exclusive", "infectious"])
def test_two_bookings_are_never_pooled_when_it_is_not_allowed(line, why):
    policy(line.company, pooling=why != "policy")
    line.shift()
    one = line.booking(1, 6, 9, **({} if why == "policy" else {why: True}))
    other = line.booking(1, 6, 9)

    summary = plan(line.company)

    assert summary.assigned == 1
    assert (live(one) is None) != (live(other) is None)


def test_opposite_directions_are_never_pooled(line):
    policy(line.company, pooling=True, window_after_min=60)
    line.shift()
    north, south = line.booking(1, 4, 9), line.booking(4, 1, 9)

    plan(line.company)

    first, second = sorted([live(north), live(south)], key=lambda row: row.pickup_at)
    assert first.ends_at <= second.pickup_at
    assert first.pool != second.pool


def test_a_pooled_client_makes_no_longer_a_detour_than_allowed(line):
    line.shift()
    far, near = line.booking(0, 10, 9), line.booking(1, 2, 9)
    for detour in (60, 0):
        policy_row = policy(line.company, pooling=True, max_detour_min=detour, max_ride_plus_min=90)
        summary = plan(line.company, apply=False)
        assert (summary.assigned == 2) == (detour == 60), (detour, far, near)
        policy_row.delete()


# --- Wishes and fairness ------------------------------------------------------------------------


def test_a_preferred_driver_wins_when_free_and_only_then(line):
    line.shift(0)
    preferred = line.shift(2)
    free, taken = line.booking(1, 3, 9), line.booking(3, 1, 9)
    free.client.preferred_drivers.add(preferred.driver)
    taken.client.preferred_drivers.add(preferred.driver)

    plan(line.company)

    drivers = {live(free).driver, live(taken).driver}
    assert preferred.driver in drivers
    assert len(drivers) == 2


def test_fairness_lowers_the_spread(line):
    near, far = line.shift(0), line.shift(0.5)
    for hour in range(8, 16):
        line.booking(0, 1, hour)

    def spread(weight):
        rows = plan(line.company, apply=False, overrides={"fairness_weight": weight})
        counts = Assignment.objects.filter(dispatch_run=rows.run).values_list("shift", flat=True)
        found = [list(counts).count(shift.pk) for shift in (near, far)]
        return max(found) - min(found)

    assert spread(1) < spread(0)


def test_reserve_drivers_serve_only_what_regular_ones_cannot(line):
    regular = line.shift(1)
    reserve = line.shift(1, driver=DriverFactory(company=line.company, kind=DriverKind.RESERVE))
    lone = line.booking(1, 3, 9)
    plan(line.company)
    assert live(lone).shift == regular

    second = line.booking(1, 3, 9)
    plan(line.company)

    assert {live(lone).shift, live(second).shift} == {regular, reserve}


def test_reserve_drivers_switched_off_are_never_used(line):
    line.shift(driver=DriverFactory(company=line.company, kind=DriverKind.RESERVE))
    booking = line.booking(1, 3, 9)

    summary = plan(line.company, overrides={"reserve_drivers": "off"})

    assert reason_of(summary, booking) == "reserve_off"


def test_an_urgent_booking_comes_before_a_normal_one(line):
    line.shift()
    normal, urgent = line.booking(1, 6, 9), line.booking(6, 1, 9, priority="urgent")

    plan(line.company)

    assert live(urgent)
    assert live(normal) is None


# --- Round trips --------------------------------------------------------------------------------


def test_a_return_leaves_after_its_outbound(line):
    line.shift()
    out = line.booking(1, 3, 9, arrive_by=True, appointment_ends_at=on_day(9, 58))
    back = line.booking(3, 1, 10, outbound=out)

    plan(line.company)

    assert live(back).pickup_at >= on_day(9, 58)


def test_a_return_whose_outbound_is_not_served_waits_unless_it_stands_alone(line):
    line.shift()
    out = line.booking(1, 3, 5)
    back = line.booking(3, 1, 10, outbound=out)

    assert reason_of(plan(line.company), back) == "outbound_not_served"

    back.stands_alone = True
    back.save()
    plan(line.company)
    assert live(back)


def test_a_return_that_would_leave_before_the_outbound_is_over_says_so(line):
    line.shift()
    out = line.booking(1, 3, 9, arrive_by=True, appointment_ends_at=on_day(11))
    back = line.booking(3, 1, 10, outbound=out)

    assert reason_of(plan(line.company), back) == "return_before_outbound"


def test_a_will_call_is_planned_once_its_time_is_confirmed(line):
    line.shift()
    booking = line.booking(3, 1, 10, will_call=True, time_confirmed=False)
    assert plan(line.company).bookings == 0

    booking.time_confirmed = True
    booking.save()

    plan(line.company)
    assert live(booking)


# --- Locks, freezes, work under way -------------------------------------------------------------


def test_a_locked_driver_is_kept_though_another_is_nearer(line):
    far, near = line.shift(12), line.shift(1)
    booking = line.booking(1, 3, 9, status=BookingStatus.ASSIGNED)
    AssignmentFactory(booking=booking, shift=far, lock=Lock.DRIVER)
    policy(line.company, change_driver_min=0)

    plan(line.company)

    assert live(booking).shift == far
    assert not Assignment.objects.live().filter(shift=near).exists()


def test_a_lock_with_times_keeps_the_row_as_it_is(line):
    shift = line.shift()
    booking = line.booking(1, 3, 9, status=BookingStatus.ASSIGNED)
    row = AssignmentFactory(booking=booking, shift=shift, lock=Lock.TIMES, pickup_at=on_day(9, 7))

    summary = plan(line.company)

    assert (summary.changed, live(booking)) == (0, row)


def test_a_pickup_within_the_freeze_stays_and_one_after_it_may_move(line):
    policy(line.company, freeze_min=30, change_driver_min=0)
    far, _near = line.shift(12), line.shift(1)
    soon = line.booking(1, 3, 9, status=BookingStatus.ASSIGNED)
    later = line.booking(1, 3, 12, status=BookingStatus.ASSIGNED)
    for booking in (soon, later):
        AssignmentFactory(
            booking=booking,
            shift=far,
            delivery_at=None or booking.scheduled_at + timedelta(minutes=30),
        )

    plan(line.company, now=on_day(8, 40))

    assert live(soon).shift == far
    assert live(later).shift != far


@pytest.mark.parametrize(
    "status", [BookingStatus.EN_ROUTE, BookingStatus.ARRIVED, BookingStatus.ON_BOARD]
)
def test_work_under_way_is_never_touched(line, status):
    policy(line.company, change_driver_min=0)
    shift = line.shift(12)
    line.shift(1)
    booking = line.booking(1, 3, 9, status=status)
    if status == BookingStatus.ON_BOARD:
        booking.actual_pickup_at = on_day(9, 1)
        booking.save()
    row = AssignmentFactory(booking=booking, shift=shift)
    before = Assignment.objects.filter(pk=row.pk).values().get()
    other = line.booking(3, 1, 9, 40)

    summary = plan(line.company, now=on_day(9, 10))

    assert Assignment.objects.filter(pk=row.pk).values().get() == before
    assert live(other)
    assert summary.violations == []


def test_a_late_van_is_reported_and_does_not_stop_the_plan(line):
    shift = line.shift(20)
    booking = line.booking(1, 3, 9, status=BookingStatus.EN_ROUTE)
    AssignmentFactory(booking=booking, shift=shift)
    BookingEventFactory(
        booking=booking,
        from_status=BookingStatus.ASSIGNED,
        to_status=BookingStatus.EN_ROUTE,
        happened_at=on_day(9, 4),
    )
    other = line.booking(1, 3, 12)

    summary = plan(line.company, now=on_day(9, 5))

    assert summary.state == RunState.APPLIED
    assert {found["rule"] for found in summary.inherited} >= {"pickup_window"}
    assert {found["booking"] for found in summary.inherited} == {booking.reference}
    alert = Alert.objects.filter(kind=AlertKind.INHERITED_VIOLATION).first()
    assert (alert.booking, alert.run_id) == (booking, summary.run)
    assert live(other)


@pytest.mark.parametrize(("late_after_min", "alarms"), [(120, False), (0, True)])
def test_a_ride_is_an_alarm_only_once_it_counts_as_late(line, late_after_min, alarms):
    policy(line.company, late_after_min=late_after_min)
    booking = line.booking(1, 3, 9, status=BookingStatus.EN_ROUTE)
    AssignmentFactory(booking=booking, shift=line.shift(20))
    BookingEventFactory(
        booking=booking,
        from_status=BookingStatus.ASSIGNED,
        to_status=BookingStatus.EN_ROUTE,
        happened_at=on_day(9, 4),
    )

    summary = plan(line.company, now=on_day(9, 5))

    late = {"pickup_window", "delivery_window"}
    assert {found["rule"] for found in summary.inherited} & late
    told = {alert.details["rule"] for alert in Alert.objects.all()}
    assert bool(told & late) == alarms


def test_what_is_broken_already_is_told_once_until_somebody_resolves_it(line):
    booking = line.booking(1, 3, 9, status=BookingStatus.EN_ROUTE)
    AssignmentFactory(booking=booking, shift=line.shift(20))
    BookingEventFactory(
        booking=booking,
        from_status=BookingStatus.ASSIGNED,
        to_status=BookingStatus.EN_ROUTE,
        happened_at=on_day(9, 4),
    )
    plan(line.company, now=on_day(9, 5))
    told = Alert.objects.count()

    again = plan(line.company, now=on_day(9, 6))
    assert again.inherited
    assert (told > 0, Alert.objects.count()) == (True, told)

    Alert.objects.update(resolved_at=on_day(9, 6))
    plan(line.company, now=on_day(9, 7))
    assert Alert.objects.count() == 2 * told


@pytest.mark.parametrize(
    ("aboard", "inherited"),
    [
        (False, {"waiting_aboard"}),
        (True, set()),  # who is aboard leaves when it suits: no wait at a stop
    ],
)
def test_a_limit_on_waits_aboard_moves_nothing_that_is_agreed(line, aboard, inherited):
    wide = {"pooling": True, "max_detour_min": 240, "max_ride_plus_min": 120}
    line.shift()
    first, second = line.booking(0, 10, 9), line.booking(1, 2, 9, 40)
    waiting = plan(line.company, overrides=wide | {"max_wait_aboard_min": 30})
    frozen = Assignment.objects.live().order_by("pk").values("pk", "pickup_at", "delivery_at")
    before = list(frozen)
    if aboard:
        current = live(first)
        for to in (BookingStatus.EN_ROUTE, BookingStatus.ARRIVED, BookingStatus.ON_BOARD):
            first.refresh_from_db()
            at = current.pickup_at + timedelta(minutes=4 * (to == BookingStatus.ON_BOARD))
            progress.report(booking=first, to=to, actor=None, now=at, at=at)
    other = line.booking(1, 3, 14)

    summary = plan(
        line.company,
        now=on_day(9, 18) if aboard else on_day(8, 50),
        overrides=wide | {"max_wait_aboard_min": 1, "freeze_min": 60},
    )

    assert waiting.assigned == 2
    assert (summary.state, summary.violations) == (RunState.APPLIED, [])
    assert {found["rule"] for found in summary.inherited} == inherited
    assert list(frozen.exclude(booking=other)) == before
    assert live(other)
    assert live(second)


def test_a_lock_that_cannot_be_kept_is_inherited(line):
    shift = line.shift()
    one = line.booking(1, 6, 9, status=BookingStatus.ASSIGNED)
    two = line.booking(6, 1, 9, 22, status=BookingStatus.ASSIGNED)
    AssignmentFactory(booking=one, shift=shift, lock=Lock.TIMES)
    AssignmentFactory(booking=two, shift=shift, lock=Lock.TIMES, pickup_at=on_day(9, 26))
    free = line.booking(1, 3, 14)

    summary = plan(line.company)

    assert summary.state == RunState.APPLIED
    assert summary.inherited
    assert live(free)


def test_the_van_is_where_it_was_last_seen(line):
    near_base = line.shift(0)
    near_now = line.shift(0)
    PositionFactory(shift=near_now, at=on_day(8, 50), lat=line[9].lat, lon=line[9].lon)
    booking = line.booking(9, 7, 9)

    plan(line.company, now=on_day(8, 55))

    assert live(booking).shift == near_now
    assert near_base != near_now


def test_completed_rides_count_for_the_limit_of_a_driver(line):
    policy(line.company, max_bookings_per_driver=1)
    shift = line.shift()
    done = line.booking(1, 3, 8, status=BookingStatus.COMPLETED)
    AssignmentFactory(booking=done, shift=shift, status=AssignmentStatus.DONE)
    booking = line.booking(1, 3, 12)

    assert reason_of(plan(line.company, now=on_day(9)), booking) == "max_requests"


# --- Runs ---------------------------------------------------------------------------------------


def test_a_second_run_of_the_day_is_told_at_once(line, django_db_blocker):
    DispatchRun.objects.create(
        company=line.company,
        day=DAY,
        trigger="command",
        state=RunState.RUNNING,
        started_at=on_day(0),
    )
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", [line.company.pk, DAY.toordinal()])
        try:
            with pytest.raises(RunUnderWay):
                plan(line.company)
        finally:
            other.close()


def test_the_row_of_a_process_that_died_does_not_block_the_day(line):
    dead = DispatchRun.objects.create(
        company=line.company,
        day=DAY,
        trigger="command",
        state=RunState.RUNNING,
        started_at=on_day(0),
    )

    summary = plan(line.company)

    dead.refresh_from_db()
    assert (dead.state, dead.error) == (RunState.FAILED, "process died")
    assert summary.state == RunState.APPLIED
    assert Alert.objects.get().run == dead


def test_the_lock_is_let_go_however_a_run_ends(line):
    def locks():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
                " AND pid = pg_backend_pid()"
            )
            return cursor.fetchone()[0]

    DispatchRun.objects.create(
        company=line.company, day=DAY, trigger="command", started_at=on_day(0)
    )
    plan(line.company)
    assert locks() == 0

    with (
        pytest.raises(ZeroDivisionError),
        open_run(
            company=line.company,
            day=DAY,
            trigger="command",
            actor=None,
            now=on_day(0),
            settings={},
            seed=0,
        ),
    ):
        raise ZeroDivisionError
    assert locks() == 0


def test_a_failure_in_the_middle_changes_nothing_and_is_seen(line, monkeypatch):
    booking = line.booking(1, 3, 9)
    line.shift()

    def broken(**_):
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr(planning.applying.moves, "hand_out", broken)
    with pytest.raises(RuntimeError):
        plan(line.company)

    run = DispatchRun.objects.get()
    assert (run.state, run.error) == (RunState.FAILED, "RuntimeError")
    assert Assignment.objects.count() == 0
    booking.refresh_from_db()
    assert booking.status == BookingStatus.ACCEPTED
    assert Alert.objects.get().kind == AlertKind.RUN_FAILED


def test_a_plan_that_breaks_a_rule_is_refused_and_changes_nothing(line, monkeypatch):
    booking = line.booking(1, 3, 9)
    shift = line.shift()
    solve = planning.search.solve

    def careless(problem, **options):
        return solve(problem, **options)

    def sloppy_relax(problem, start=None):
        windows = [
            request.__class__(
                **{name: getattr(request, name) for name in request.__dataclass_fields__}
                | {
                    "pickup_window": request.pickup_window._replace(
                        earliest=request.pickup_window.earliest + 3600,
                        latest=request.pickup_window.latest + 3600,
                    ),
                    "delivery_window": request.delivery_window._replace(earliest=0, latest=86400),
                }
            )
            for request in problem.requests
        ]
        fields = {name: getattr(problem, name) for name in problem.__dataclass_fields__}
        return problem.__class__(**fields | {"requests": tuple(windows)})

    monkeypatch.setattr(planning, "relax", sloppy_relax)
    monkeypatch.setattr(planning.search, "solve", careless)
    summary = plan(line.company)

    assert summary.state == RunState.REFUSED
    assert {found["rule"] for found in summary.violations} >= {"pickup_window"}
    assert DispatchRun.objects.get().state == RunState.REFUSED
    assert not Assignment.objects.filter(shift=shift).exists()
    booking.refresh_from_db()
    assert booking.status == BookingStatus.ACCEPTED


def test_what_a_run_can_no_longer_serve_is_taken_back_with_an_alert(line):
    line.shift()
    booking = line.booking(1, 3, 9)
    plan(line.company)
    driver = live(booking).driver
    driver.active = False
    driver.save()

    plan(line.company)

    assert live(booking) is None
    booking.refresh_from_db()
    assert booking.status == BookingStatus.ACCEPTED
    assert Alert.objects.get(kind=AlertKind.ASSIGNMENT_LOST).booking == booking


def test_settings_of_the_run_win_over_the_companys_and_are_stored(line):
    policy(line.company, budget_s=5)

    summary = plan(line.company, overrides={"fairness_weight": "0.5"})

    stored = DispatchRun.objects.get(pk=summary.run).settings
    assert (stored["budget_s"], stored["fairness_weight"]) == (5, 0.5)


# --- Statements ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rides", [3, 30])
def test_planning_and_applying_costs_the_same_few_statements(line, rides):
    for number in range(3):
        line.shift(number)
    for number in range(rides):
        line.booking(number % 5, 6, 8 + number % 8, number % 60)
    line.booking(1, 2, 4)
    company = Company.objects.select_related("policy").get(pk=line.company.pk)

    with CaptureQueriesContext(connection) as context:
        summary = planning.plan_day(
            company=company, day=DAY, now=on_day(0), apply=True, iterations=5
        )

    sent = [
        query["sql"]
        for query in context.captured_queries
        if not query["sql"].startswith(("SAVEPOINT", "RELEASE", "SET CONSTRAINTS"))
    ]
    # Run and lock, shifts, bookings, unassigned, versions, assignments, their numbers, moves, run,
    # unlock.
    assert len(sent) == 10, "\n".join(statement[:120] for statement in sent)
    assert summary.sql["statements"] == len(sent)
