"""Where the hours of a day lie on the screen."""

from datetime import date

from atmr import clock
from dispatch.console.timeline import axis_around
from tests.factories import DAY, ZONE, on_day

BOUNDS = clock.day_bounds(DAY, ZONE)


def axis(*spans):
    return axis_around(spans, bounds=BOUNDS, zone=ZONE)


def test_the_axis_spans_full_hours_around_the_shifts():
    shown = axis((on_day(7, 30), on_day(15, 10)), (on_day(6, 45), on_day(14)))

    assert (shown.starts_at, shown.ends_at) == (on_day(6), on_day(16))


def test_night_work_is_shown_from_midnight_on():
    shown = axis((on_day(22, day=date(2027, 3, 9)), on_day(6)))

    assert (shown.starts_at, shown.ends_at) == (on_day(0), on_day(6))


def test_a_day_without_shifts_has_an_axis_all_the_same():
    assert axis().starts_at == on_day(6)


def test_a_stretch_lies_where_its_hours_are():
    shown = axis((on_day(8), on_day(18)))

    assert shown.span(on_day(9), on_day(11, 30)).left == "10.000"
    assert shown.span(on_day(9), on_day(11, 30)).width == "25.000"


def test_what_lies_beyond_the_axis_is_cut_off():
    shown = axis((on_day(8), on_day(18)))

    assert shown.span(on_day(7), on_day(9)).left == "0.000"
    assert shown.span(on_day(17), on_day(20)).width == "10.000"


def test_a_long_day_marks_every_second_hour():
    assert len(list(axis((on_day(8), on_day(18))).hours())) == 10
    assert len(list(axis((on_day(0), on_day(20))).hours())) == 10


def test_the_hours_of_the_short_day_are_those_on_the_wall():
    spring = date(2027, 3, 28)  # 02:00 does not exist
    shown = axis_around(
        [(on_day(1, day=spring), on_day(6, day=spring))],
        bounds=clock.day_bounds(spring, ZONE),
        zone=ZONE,
    )

    assert [at.astimezone(ZONE).hour for at, _left in shown.hours()] == [1, 3, 4, 5]
