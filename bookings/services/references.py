"""References: short enough to say on the telephone, and never given twice."""

from django.db import connection

# No vowel, so no word; no 0, 1, I, L or O, which are read as one another; and no E, so that no
# spreadsheet takes a reference for a number with an exponent.
ALPHABET = "23456789BCDFGHJKMNPQRSTVWXZ"
_LENGTH = 6
_BLOCK = len(ALPHABET) ** _LENGTH
# Prime to the block, so the multiplication only shuffles: no number meets another, and two that
# follow each other look unrelated and tell nobody how many bookings there are.
_SHUFFLE = 236_782_049


def reference_of(number: int) -> str:
    """Give the reference of the booking with this id, such as `K7M4TQ`."""
    block, place = divmod(number, _BLOCK)
    digits = _digits(place * _SHUFFLE % _BLOCK).rjust(_LENGTH, ALPHABET[0])
    return digits + _digits(block)


def reserve_ids(count: int) -> list[int]:
    """Take the next ids of bookings: a reference follows from its id, so nobody can race for it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('bookings_booking', 'id'))"
            " FROM generate_series(1, %s)",
            [count],
        )
        return sorted(number for (number,) in cursor.fetchall())


def _digits(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, len(ALPHABET))
        text = ALPHABET[digit] + text
    return text
