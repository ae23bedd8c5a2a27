"""Days and wall times where clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atmr import clock

ZURICH = ZoneInfo("Europe/Zurich")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)

zones = st.sampled_from(
    [
        ZoneInfo(name)
        for name in ["Europe/Zurich", "Europe/Lisbon", "America/Havana", "Asia/Kathmandu", "UTC"]
    ]
)
days = st.dates(date(2000, 1, 1), date(2040, 12, 31))
times = st.times()


@pytest.mark.parametrize(
    ("day", "hours"), [(SPRING, 23), (AUTUMN, 25), (date(2026, 6, 1), 24), (date(2026, 12, 31), 24)]
)
def test_a_day_has_as_many_hours_as_the_clock_gives_it(day, hours):
    start, end = clock.day_bounds(day, ZURICH)

    assert end - start == timedelta(hours=hours)


def test_a_wall_time_that_does_not_exist_moves_forward_by_the_gap():
    instant = clock.at(SPRING, time(2, 30), ZURICH)

    assert instant.isoformat() == "2026-03-29T01:30:00+00:00"


def test_a_wall_time_that_exists_twice_is_the_first():
    for wall_time in (time(2, 30), time(2, 30, fold=1)):
        instant = clock.at(AUTUMN, wall_time, ZURICH)

        assert instant.isoformat() == "2026-10-25T00:30:00+00:00"


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 3, 28, 22, 59, tzinfo=UTC), date(2026, 3, 28)),
        (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), SPRING),
        (datetime(2026, 3, 29, 22, 0, tzinfo=UTC), date(2026, 3, 30)),
        (datetime(2026, 10, 24, 22, 0, tzinfo=UTC), AUTUMN),
        (datetime(2026, 10, 25, 22, 59, tzinfo=UTC), AUTUMN),
        (datetime(2026, 10, 25, 23, 0, tzinfo=UTC), date(2026, 10, 26)),
    ],
)
def test_the_local_day_is_the_one_on_the_wall(instant, day):
    assert clock.local_day(instant, ZURICH) == day


def test_a_naive_instant_is_refused():
    with pytest.raises(ValueError, match="no time zone"):
        clock.local_day(datetime(2026, 3, 29, 12, 0), ZURICH)


@given(days, zones, st.floats(0, 0.999999))
def test_every_instant_of_a_day_is_in_it_and_its_ends_meet_the_next(day, zone, share):
    start, end = clock.day_bounds(day, zone)

    assert clock.local_day(start + (end - start) * share, zone) == day
    assert clock.local_day(end, zone) == day + timedelta(days=1)
    assert clock.local_day(start - timedelta(microseconds=1), zone) == day - timedelta(days=1)


@given(days, times, zones)
def test_a_wall_time_is_shown_unless_it_does_not_exist(day, wall_time, zone):
    instant = clock.at(day, wall_time, zone)

    asked = datetime.combine(day, wall_time)
    gap = instant.astimezone(zone).replace(tzinfo=None) - asked
    if gap:
        before, after = (asked.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
        assert gap == abs(after - before)
    else:
        an_hour_before = (instant - timedelta(hours=1)).astimezone(zone)
        assert an_hour_before.replace(tzinfo=None) != asked  # it is the first of the two
