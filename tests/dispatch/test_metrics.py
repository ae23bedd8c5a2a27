"""Figures, redone by hand; what they are read from; and that a plan brings its own."""

from datetime import timedelta
from itertools import count
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Role
from bookings.models import Anchor
from bookings.states import BookingStatus, Correction
from dispatch.metrics.figures import (
    Duty,
    Point,
    Ride,
    Share,
    compute,
    gini,
    is_late,
    lateness,
)
from dispatch.metrics.reading import of_period
from dispatch.models import DispatchPolicy, DispatchRun, RunState
from dispatch.services import progress
from fleet.models import DriverKind
from tests.dispatch.days import STEP, Line, live, plan, policy
from tests.factories import (
    DAY,
    AssignmentFactory,
    BookingFactory,
    CompanyFactory,
    DispatchRunFactory,
    DriverFactory,
    UserFactory,
    on_day,
)

# One step of the line: 0.0135 degrees of a meridian of 6,371.0088 km radius, and a third more; at
# 22 km/h for the first 3 km and 35 km/h from there.
STEP_KM = 0.0135 * 3.14159265 / 180 * 6371.0088 * 1.35
STEP_S, TWO_STEPS_S = 332, 600

POLICY = DispatchPolicy(window_after_min=10, arrive_late_min=0, late_after_min=5)
numbers = count(1)


def at(step):
    return Point(46.18 + step * STEP, 6.14)


def ride(start, end, hour, minute=0, *, shift=1, pool=None, takes_min=20, **fields):
    number = next(numbers)
    pickup_at = on_day(hour, minute)
    return Ride(
        booking=number,
        shift=shift,
        pool=UUID(int=pool or number + 1000),
        pickup=at(start),
        delivery=at(end),
        pickup_at=pickup_at,
        delivery_at=pickup_at + timedelta(minutes=takes_min),
        ends_at=pickup_at + timedelta(minutes=takes_min + 5),
        **fields,
    )


def duty(shift=1, driver=1, base=0, *, is_reserve=False):
    return Duty(shift, driver, is_reserve, at(base), at(base))


def figures(rides=(), duties=(), *, bookings=0, assigned=0, late=()):
    return compute(bookings=bookings, assigned=assigned, late=late, rides=rides, duties=duties)


# --- Worked examples ----------------------------------------------------------------------------


def test_of_nothing_there_is_no_share():
    nothing = figures()

    assert (nothing.share_assigned, nothing.share_on_time, nothing.share_pooled) == (None,) * 3
    assert (nothing.saved_min, nothing.spread_h, nothing.gini) == (None,) * 3
    assert (nothing.share_reserve, nothing.aboard_km, nothing.empty_km) == (None, 0, 0)


def test_shares_are_of_what_is_there():
    found = figures(bookings=8, assigned=6, late=[False, False, True, None, None, False])

    assert (found.share_assigned, found.reported, found.on_time) == (0.75, 4, 3)
    assert found.share_on_time == 0.75


def test_what_nobody_reported_is_not_on_time():
    found = figures(bookings=2, assigned=2, late=[None, None])

    assert (found.reported, found.on_time, found.share_on_time) == (0, 0, None)


def test_kilometres_with_and_without_clients():
    """From base 0 to 1, aboard to 3, empty to 4, aboard to 2, back to 0: four and four steps."""
    found = figures([ride(4, 2, 10), ride(1, 3, 8)], [duty()])

    assert found.aboard_km == pytest.approx(4 * STEP_KM, abs=0.002)
    assert found.empty_km == pytest.approx(4 * STEP_KM, abs=0.002)


def test_a_shift_without_rides_drives_nowhere():
    found = figures([], [duty(base=0)])

    assert (found.aboard_km, found.empty_km) == (0, 0)
    assert found.drivers == {1: Share(0, 0.0)}


def test_pooling_saves_what_the_rides_would_take_one_after_the_other():
    """1 to 3 and 2 to 4 together: 1, 2, 3, 4. Alone: 1 to 3, back to 2, on to 4."""
    together = [ride(1, 3, 8, pool=7, takes_min=30), ride(2, 4, 8, 10, pool=7, takes_min=30)]

    found = figures([*together, ride(0, 1, 12)], [duty()])

    alone_s = TWO_STEPS_S + STEP_S + TWO_STEPS_S
    assert (found.pooled, found.share_pooled) == (2, 0.6667)
    assert found.saved_min == round((alone_s - 3 * STEP_S) / 60, 1) > 0


def test_a_pool_in_opposite_directions_saves_less_than_nothing():
    """1 to 3 while somebody rides from 2 to 1: 1, 2, 3, 1 instead of 1, 3 and 2, 1."""
    pool = [ride(1, 3, 8, pool=7, takes_min=20), ride(2, 0, 8, 10, pool=7, takes_min=40)]

    # Together 1, 2, 3, 0: one, one and three steps. Alone 1, 3, then back to 2, and 2 to 0.
    assert figures(pool, [duty()]).saved_min == round(
        (TWO_STEPS_S + STEP_S + TWO_STEPS_S - (2 * STEP_S + three_steps_s())) / 60, 1
    )


def three_steps_s():
    # 6.079 km: 3 km at 22 km/h and the rest at 35.
    return round(3 * 3600 / 22 + (3 * STEP_KM - 3) * 3600 / 35 + 0.5)


def test_hours_run_from_the_first_pickup_to_the_end_of_the_last_ride():
    planned = [ride(0, 1, 8), ride(1, 0, 11)]  # 08:00 to 11:25
    driven = [
        ride(0, 1, 8, shift=2, actual_pickup_at=on_day(8, 6)),
        ride(1, 0, 9, shift=2, actual_pickup_at=on_day(9), actual_delivery_at=on_day(10, 6)),
    ]  # 08:06 to 10:06

    found = figures(planned + driven, [duty(1, 1), duty(2, 2), duty(3, 2), duty(4, 3)])

    assert found.drivers == {1: Share(2, 3.4167), 2: Share(2, 2.0), 3: Share(0, 0.0)}
    assert found.spread_h == 3.4167


def test_gini_by_hand():
    # Mean 2; all pairs differ by 4 + 2 + 2, twice; divided by 2 x 9 x 2.
    assert gini([0.0, 2.0, 4.0]) == round(16 / 36, 4)
    assert gini([3.0, 3.0, 3.0]) == 0
    assert gini([0.0, 0.0]) is None
    assert gini([]) is None


def test_a_reserve_driver_counts_when_he_drives():
    idle, driving = duty(2, 2, is_reserve=True), duty(3, 3, is_reserve=True)

    found = figures([ride(0, 1, 8), ride(0, 1, 9, shift=3)], [duty(), idle, driving])

    assert (found.reserve_rides, found.share_reserve) == (1, 0.5)
    assert set(found.drivers) == {1, 3}


@pytest.mark.parametrize(
    ("agreed", "minutes"),
    [
        ({"promised_until": on_day(9, 15), "served_at": on_day(9, 20)}, 5),
        ({"promised_until": None, "served_at": on_day(9, 8)}, -2),
        ({"anchor": Anchor.ARRIVE_BY, "delivered_at": on_day(9, 3)}, 3),
        ({"anchor": Anchor.ARRIVE_BY, "served_at": on_day(9, 20)}, None),
        ({"delivered_at": on_day(9, 40)}, None),
    ],
)
def test_lateness_is_against_what_was_agreed(agreed, minutes):
    told = {
        "anchor": Anchor.PICKUP,
        "scheduled_at": on_day(9),
        "promised_until": None,
        "served_at": None,
        "delivered_at": None,
    } | agreed

    over = lateness(**told, policy=POLICY)

    assert over == (None if minutes is None else timedelta(minutes=minutes))


@pytest.mark.parametrize(("over_s", "late"), [(-60, False), (0, False), (299, False), (300, True)])
def test_late_begins_where_the_policy_says(over_s, late):
    assert is_late(timedelta(seconds=over_s), POLICY) is late
    assert is_late(timedelta(), DispatchPolicy(late_after_min=0)) is False


# --- Read from a day ----------------------------------------------------------------------------


@pytest.fixture
def line(db) -> Line:
    return Line(CompanyFactory())


def of_day(line, **settings):
    return of_period(
        company=line.company, first_day=DAY, last_day=DAY, policy=DispatchPolicy(**settings)
    )


def report(booking, *reports):
    for to, (hour, minute) in zip(("en_route", "arrived", "on_board", "completed"), reports):  # noqa: B905
        at_ = on_day(hour, minute)
        progress.report(booking=booking, to=BookingStatus(to), actor=None, now=at_, at=at_)


def test_punctuality_comes_from_what_was_reported(line):
    shift = line.shift()
    on_time, late, silent = (line.booking(1, 2, hour, status="assigned") for hour in (8, 10, 12))
    for booking in (on_time, late, silent):
        AssignmentFactory(booking=booking, shift=shift)
    report(on_time, (7, 50), (8, 2), (8, 9), (8, 30))
    report(late, (9, 50), (10, 16))

    found = of_day(line)

    assert (found.bookings, found.assigned) == (3, 3)
    assert (found.reported, found.on_time, found.share_on_time) == (2, 1, 0.5)


def test_a_report_that_was_corrected_is_none(line):
    booking = line.booking(1, 2, 8, status="assigned")
    AssignmentFactory(booking=booking, shift=line.shift())
    report(booking, (7, 50), (8, 30))
    assert of_day(line).reported == 1

    progress.correct(
        booking=booking,
        correction=Correction.UNDO_ARRIVED,
        actor=None,
        now=on_day(8, 31),
        reason="wrong button",
    )

    assert of_day(line).reported == 0


def test_what_is_not_to_be_served_does_not_count(line):
    line.booking(1, 2, 8)
    for status in ("pending", "rejected", "cancelled", "no_show"):
        line.booking(1, 2, 9, status=status)
    line.booking(1, 2, 9, will_call=True, time_confirmed=False)
    BookingFactory()  # another company's
    line.booking(1, 2, 8, requested_pickup_at=on_day(8) + timedelta(days=1))

    found = of_day(line)

    assert (found.bookings, found.assigned, found.share_assigned) == (1, 0, 0.0)


def test_a_night_shift_belongs_to_the_day_on_which_it_starts(line):
    night = line.shift(starts_at=on_day(20), ends_at=on_day(20) + timedelta(hours=8))
    after_midnight = on_day(0, 30) + timedelta(days=1)
    booking = line.booking(1, 2, 0, requested_pickup_at=after_midnight, status="assigned")
    AssignmentFactory(booking=booking, shift=night)

    found = of_day(line)

    assert found.bookings == 0
    assert found.drivers[night.driver_id].rides == 1
    assert found.aboard_km > 0


def test_a_period_is_all_its_days_and_no_other(line):
    """A driver who works on two of three days has the hours of both."""
    driver = DriverFactory(company=line.company)
    for after in (0, 1, 3):
        day = DAY + timedelta(days=after)
        starts_at = on_day(7, day=day)
        shift = line.shift(driver=driver, starts_at=starts_at, ends_at=on_day(17, day=day))
        booking = line.booking(
            1, 3, 9, requested_pickup_at=on_day(9, day=day), status=BookingStatus.ASSIGNED
        )
        AssignmentFactory(booking=booking, shift=shift)  # twenty minutes, and five to alight

    found = of_period(
        company=line.company,
        first_day=DAY,
        last_day=DAY + timedelta(days=2),
        policy=DispatchPolicy(),
    )

    assert (found.bookings, found.assigned) == (2, 2)
    assert found.drivers == {driver.pk: Share(2, 0.8333)}
    # Twice from 0 to 1, with the client to 3, and back to 0.
    assert found.aboard_km == pytest.approx(4 * STEP_KM, abs=0.002)
    assert found.empty_km == pytest.approx(8 * STEP_KM, abs=0.002)


@pytest.mark.parametrize("rides", [2, 20])
def test_figures_of_a_day_cost_three_statements(line, rides, django_assert_num_queries):
    for number in range(rides):
        booking = line.booking(1, 2, 8, status="assigned")
        AssignmentFactory(booking=booking, shift=line.shift(number))

    with django_assert_num_queries(3):  # shifts, bookings with their reports, rides with places
        found = of_day(line)

    assert found.assigned == len(found.drivers) == rides


# --- Of a run -----------------------------------------------------------------------------------


def test_a_run_keeps_the_figures_of_its_plan(line):
    """Base 0 to 1, aboard to 3, back to 0: two steps aboard, four empty."""
    shift = line.shift()
    line.booking(1, 3, 9)
    line.booking(1, 2, 3)  # before anybody is on duty

    run = DispatchRun.objects.get(pk=plan(line.company).run)

    metrics = run.metrics
    assert (metrics["bookings"], metrics["assigned"], metrics["share_assigned"]) == (2, 1, 0.5)
    assert metrics["aboard_km"] == pytest.approx(2 * STEP_KM, abs=0.002)
    assert metrics["empty_km"] == pytest.approx(4 * STEP_KM, abs=0.002)
    assert metrics["share_on_time"] is None
    assert metrics["drivers"][str(shift.driver_id)]["rides"] == 1


def test_figures_of_a_run_speak_of_rides_that_it_left_as_they_were(line):
    line.shift()
    line.booking(1, 3, 9)
    first = DispatchRun.objects.get(pk=plan(line.company).run)

    second = DispatchRun.objects.get(pk=plan(line.company).run)

    assert second.metrics == first.metrics


def test_figures_of_a_run_agree_with_those_read_from_the_day(line):
    policy(line.company, pooling=True)
    for base in range(2):
        line.shift(base)
    line.shift(3, driver=DriverFactory(company=line.company, kind=DriverKind.RESERVE))
    for number in range(8):
        line.booking(number % 4, 5, 8 + number % 3, 7 * number % 60)
    summary = plan(line.company)

    read = of_day(line).as_json()

    assert DispatchRun.objects.get(pk=summary.run).metrics == read
    assert read["assigned"] == 8


@pytest.mark.parametrize("rides", [3, 30])
def test_metrics_of_a_run_cost_no_statement_of_their_own(line, rides):
    for base in range(3):
        line.shift(base)
    for number in range(rides):
        line.booking(number % 5, 6, 8 + number % 8, number % 60)

    with CaptureQueriesContext(connection) as context:
        summary = plan(line.company, iterations=5)

    writing = [q["sql"] for q in context.captured_queries if '"metrics"' in q["sql"]]
    assert len(writing) == 1
    assert summary.sql["statements"] <= 12
    assert DispatchRun.objects.get(pk=summary.run).metrics["bookings"] == rides


def test_a_refused_run_has_no_figures(line):
    run = DispatchRunFactory(company=line.company, state=RunState.REFUSED)

    assert run.metrics == {}


# --- The endpoint -------------------------------------------------------------------------------


def ask(client, line, **query):
    client.force_login(UserFactory(company=line.company, role=Role.VIEWER))
    return client.get("/api/v1/company/metrics/", query)


def test_a_viewer_reads_the_figures_of_a_day(client, line):
    line.shift()
    booking = line.booking(1, 3, 9)
    plan(line.company)
    assert live(booking)

    answer = ask(client, line, day=DAY.isoformat()).json()

    assert answer == {"day": DAY.isoformat(), **of_day(line).as_json()}


def test_figures_of_another_company_are_not_among_them(client, line):
    AssignmentFactory()

    assert ask(client, line, day=DAY.isoformat()).json()["bookings"] == 0


@pytest.mark.parametrize("query", [{}, {"day": "yesterday"}])
def test_a_day_must_be_given(client, line, query):
    assert ask(client, line, **query).status_code == 400


@pytest.mark.parametrize("role", [Role.DRIVER, None])
def test_figures_are_for_those_who_may_see_plans(client, line, role):
    if role:
        client.force_login(UserFactory(company=line.company, role=role))

    response = client.get("/api/v1/company/metrics/", {"day": DAY.isoformat()})

    assert response.status_code == (403 if role else 401)
