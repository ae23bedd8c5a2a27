"""The table of moves is the diagram, no more and no less."""

import pytest

from bookings.states import (
    CORRECTIONS,
    MOVES,
    REPORT_BEFORE,
    REPORTED,
    BookingStatus,
    Correction,
    IllegalMove,
    check_move,
    sources,
)

DIAGRAM = {
    ("pending", "accepted"),
    ("pending", "rejected"),
    ("pending", "cancelled"),
    ("accepted", "assigned"),
    ("assigned", "en_route"),
    ("en_route", "arrived"),
    ("arrived", "on_board"),
    ("on_board", "completed"),
    ("accepted", "cancelled"),
    ("assigned", "cancelled"),
    ("en_route", "cancelled"),
    ("arrived", "cancelled"),
    ("arrived", "no_show"),
    ("assigned", "accepted"),
    ("en_route", "accepted"),
}


def test_table_is_the_diagram():
    assert {(a.value, b.value) for a, targets in MOVES.items() for b in targets} == DIAGRAM


@pytest.mark.parametrize("to", BookingStatus)
@pytest.mark.parametrize("from_status", BookingStatus)
def test_each_pair_passes_or_is_refused_by_name(from_status, to):
    if (from_status, to) in DIAGRAM:
        check_move(from_status, to)
        assert from_status in sources(to)
    else:
        with pytest.raises(IllegalMove) as refused:
            check_move(from_status, to)
        assert refused.value.code == "illegal-move"
        assert str(from_status.label) in str(refused.value)
        assert str(to.label) in str(refused.value)
        assert from_status not in sources(to)


def test_every_correction_reverses_one_step_that_a_person_can_take():
    assert set(CORRECTIONS) == set(Correction)
    for correction, (wrong, right) in CORRECTIONS.items():
        backwards = correction is Correction.REINSTATE or wrong in MOVES[right]
        assert backwards, correction
        assert right not in MOVES[wrong], correction


def test_reports_follow_the_moves_that_brought_them():
    for to, (left, reached) in REPORT_BEFORE.items():
        assert to in REPORTED
        assert to in MOVES[reached]
        assert reached in MOVES[left]
    assert set(REPORT_BEFORE) == REPORTED - {BookingStatus.EN_ROUTE}
