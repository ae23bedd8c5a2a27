"""Rules name days, or are refused in words that a dispatcher can act on."""

from datetime import date, timedelta

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from bookings.models import BookingSeries
from bookings.recurrence import InvalidRule, RuleNeverHappens, is_holiday, parse_rule, rule_days

MONDAY = date(2027, 3, 1)


def days(text, *, starts=MONDAY, until=date(2027, 3, 31)):
    return list(rule_days(parse_rule(text, starts), starts, until))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FREQ=WEEKLY;BYDAY=MO,FR;COUNT=3", [1, 5, 8]),
        ("rrule:freq=weekly;interval=2;byday=we", [3, 17, 31]),
        ("FREQ=DAILY;INTERVAL=10", [1, 11, 21, 31]),
        ("FREQ=DAILY;UNTIL=20270303T225959Z", [1, 2, 3]),
        ("FREQ=MONTHLY;BYDAY=-1MO", [29]),
        ("FREQ=MONTHLY;BYMONTHDAY=15,31", [15, 31]),
    ],
)
def test_rules_name_these_days_of_march(text, expected):
    assert days(text) == [date(2027, 3, day) for day in expected]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "FREQ"),
        ("every monday", "FREQ"),
        ("FREQ=HOURLY", "FREQ"),
        ("FREQ=WEEKLY;BYDAY=LU", "BYDAY=LU"),
        ("FREQ=WEEKLY;BYHOUR=7", "BYHOUR=7"),
        ("FREQ=WEEKLY;INTERVAL=0", "INTERVAL=0"),
        ("FREQ=DAILY;BYMONTHDAY=30", "BYMONTHDAY=30"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20270401", "COUNT"),
        ("FREQ=DAILY;UNTIL=20270231", "20270231"),
        ("FREQ=WEEKLY;BYDAY=MO;BYDAY=TU", "BYDAY=MO"),
    ],
)
def test_what_no_series_can_follow_is_refused_with_the_part_at_fault(text, part):
    with pytest.raises(InvalidRule, match="look at") as refused:
        parse_rule(text, MONDAY)

    assert part in str(refused.value)


@pytest.mark.parametrize(
    "text", ["FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;UNTIL=20270228"]
)
def test_a_rule_that_names_no_day_is_refused(text):
    with pytest.raises(RuleNeverHappens):
        parse_rule(text, MONDAY)


@given(st.text(max_size=40) | st.from_regex(r"FREQ=(DAI|WEEK)LY(;[A-Z]{3,10}=[A-Z0-9,]{1,8}){0,3}"))
def test_any_text_is_a_rule_or_is_refused(text):
    try:
        rule = parse_rule(text, MONDAY)
    except (InvalidRule, RuleNeverHappens):
        return
    found = list(rule_days(rule, MONDAY, MONDAY + timedelta(days=30)))
    assert found == sorted(set(found))


def test_a_form_shows_the_refusal_at_the_rule():
    with pytest.raises(ValidationError) as refused:
        BookingSeries(rule="FREQ=NEVER", starts_day=MONDAY).clean()

    assert "rule" in refused.value.message_dict


@pytest.mark.parametrize(
    "day",
    [date(2026, 1, 1), date(2026, 4, 3), date(2026, 9, 10), date(2026, 12, 31), date(2027, 5, 17)],
)
def test_geneva_rests_on_its_holidays(day):
    assert is_holiday(day)


@pytest.mark.parametrize("day", [date(2026, 9, 20), date(2026, 12, 26), date(2026, 3, 29)])
def test_sundays_and_other_cantons_holidays_are_none(day):
    assert not is_holiday(day)
