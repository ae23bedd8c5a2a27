"""Time on duty less the time away."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fleet.availability import Interval, remaining
from tests.factories import on_day

DUTY = Interval(on_day(7), on_day(17))


def hours(start, end):
    return Interval(on_day(start), on_day(end))


def test_nobody_away_leaves_the_whole_shift():
    assert remaining(DUTY, []) == [DUTY]


def test_absence_in_the_middle_splits_the_shift():
    assert remaining(DUTY, [hours(10, 12)]) == [hours(7, 10), hours(12, 17)]


def test_absence_at_an_end_shortens_the_shift():
    assert remaining(DUTY, [hours(6, 9)]) == [hours(9, 17)]
    assert remaining(DUTY, [hours(16, 20)]) == [hours(7, 16)]


def test_absence_that_only_touches_the_shift_takes_nothing():
    assert remaining(DUTY, [hours(5, 7), hours(17, 20)]) == [DUTY]


def test_absence_all_day_leaves_nothing():
    assert remaining(DUTY, [hours(7, 17)]) == []


def test_absences_may_overlap_and_come_in_any_order():
    assert remaining(DUTY, [hours(11, 14), hours(9, 12), hours(10, 11)]) == [
        hours(7, 9),
        hours(14, 17),
    ]


def intervals():
    start = on_day(0)
    pair = st.tuples(st.integers(0, 60), st.integers(1, 30))
    return pair.map(
        lambda two: Interval(start + timedelta(minutes=two[0]), start + timedelta(minutes=sum(two)))
    )


@given(duty=intervals(), away=st.lists(intervals(), max_size=6))
def test_every_minute_of_duty_is_left_exactly_if_nobody_is_away(duty, away):
    pieces = remaining(duty, away)

    minute = duty.start
    while minute < duty.end:
        one = Interval(minute, minute + timedelta(minutes=1))
        at_work = not any(absence.overlaps(one) for absence in away)
        assert sum(piece.covers(one) for piece in pieces) == at_work
        minute = one.end


@given(duty=intervals(), away=st.lists(intervals(), max_size=6))
def test_pieces_are_inside_in_order_apart_and_never_empty(duty, away):
    pieces = remaining(duty, away)

    assert all(duty.covers(piece) and piece.start < piece.end for piece in pieces)
    assert all(one.end < other.start for one, other in pairwise(pieces))
