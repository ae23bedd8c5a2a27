"""References are short, readable and never given twice."""

from hypothesis import given
from hypothesis import strategies as st

from bookings.services.references import ALPHABET, reference_of


@given(st.lists(st.integers(1, 10**12), unique=True, min_size=2, max_size=50))
def test_no_two_ids_share_a_reference(numbers):
    assert len({reference_of(number) for number in numbers}) == len(numbers)


def test_a_million_ids_have_a_million_references_of_six_characters():
    references = {reference_of(number) for number in range(1, 1_000_001, 7)}

    assert len(references) == len(range(1, 1_000_001, 7))
    assert {len(reference) for reference in references} == {6}
    assert set("".join(references)) == set(ALPHABET)


def test_references_hold_nothing_that_is_misread_or_that_a_spreadsheet_would_change():
    assert not set("01ILOEAU") & set(ALPHABET)
    assert len(reference_of(10**12)) <= 20


def test_neighbours_look_unrelated():
    assert reference_of(1)[:2] != reference_of(2)[:2]
