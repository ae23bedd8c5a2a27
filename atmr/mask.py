"""The mask that keeps personal data out of logs: over-masking is cheaper than a leak."""

import math
import re
from collections.abc import Callable, Mapping, Sequence, Set
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

CARD, AHV, SECRET, HIDDEN = "[card]", "[ahv]", "[secret]", "[hidden]"
DEPTH_MAX = 10  # a structure may contain itself

_SECRET_WORDS = "|".join(
    [
        *("password", "passwd", "passphrase", "pwd", "secret", "token", "api[_-]?key"),
        *("private[_-]?key", "credential", "session_?(?:id|key)", "cookie", "authorization"),
    ]
)
_SECRET_HINTS = (
    *("pass", "pwd", "secret", "token", "api", "private", "credential", "session", "cookie"),
    *("authorization", "bearer", "basic", "://", "eyj", "$", "atmr_"),
)
_SECRET_KEY = re.compile(_SECRET_WORDS, re.IGNORECASE)
_SECRET = re.compile(
    rf"""
    (?P<name>(?:{_SECRET_WORDS})[\w-]{{0,30}}\\?["']?\s*[=:]\s*)
    (?: "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*'
      | \\?["']?(?:(?:bearer|basic|digest|token|api-?key)\s+)?[^\s&"'<>]+ )
    | (?P<scheme>\b(?:bearer|basic)\s+)(?=\S*[\d=._])[\w.~+/=-]{{8,}}
    | (?P<user>://[^\s:/@]{{0,100}}:)[^\s@/]{{1,200}}(?=@)
    | \beyJ[\w-]{{5,}}\.[\w-]+\.[\w-]+
    | \b(?:pbkdf2_\w{{1,20}}|argon2|bcrypt\w{{0,20}}|scrypt)\$\S+
    | \batmr_[A-Za-z0-9]{{8}}_[\w-]{{16,}}
    """,
    re.IGNORECASE | re.VERBOSE,
)
# PostgreSQL repeats the values it refuses, and an access log the words that were searched for.
_QUOTED_HINTS = ("Failing row", "Key (", "LINE ", "invalid input", " HTTP/")
_QUOTED = re.compile(
    r"""
    (?P<before>Failing[ ]row[ ]contains[ ]|\bKey[ ]\([^)\n]{0,300}\)=|\bLINE[ ]\d+:[ ]
        |invalid[ ]input[ ]syntax[ ]for[ ]type[ ][\w ]+:[ ])
    [^\n]*(?:\n(?!\s|CONTEXT:|HINT:|Traceback|The[ ]above|During[ ]handling)[^\n]+)*
  | \?\S{0,500}(?=[ ]HTTP/\d)
    """,
    re.VERBOSE,
)
_EMAIL = re.compile(
    r"(\w)[\w.+'-]{0,63}(?:@|%40)(\w)[\w-]{0,62}(?:\.[\w-]{1,63}){0,8}(\.[^\W\d_]{2,24})"
)

_GAP = r"[ \u00a0\u202f./()-]"
_LONE = r"(?<![^\W_])"  # no letter or digit just before
_DECIMAL = r"-?\d{1,3}\.\d+"
_BETWEEN = r"°?[NSEW]?(?:[ ]?[,;/|][ ]?|[ ])"
_KEYED_HINTS = ["lat", "lon", "lng", "phone", "mobile", "tel", "fax"]
_KEYED = re.compile(
    r"""
    (?P<place>\b(?:\w{0,30}_)?(?:lat|lon|lng|latitude|longitude)\\?["']?\s*[=:]?\s*
        (?:[\w.]{1,20}\()?["']?)(?P<degrees>-?\d{1,3}\.\d+)
  | (?P<phone>\b(?:phone|mobile|tel|telephone|téléphone|fax)(?:_?number)?["']?\s*[=:.]\s*["']?)
        (?P<number>\d(?:[ ./()-]?\d){5,14})(?!\d)
    """,
    re.IGNORECASE | re.VERBOSE,
)
_IBAN = re.compile(
    rf"{_LONE}(?![0-9a-f]{{32}}(?![^\W_]))[A-Z]{{2}}\d\d(?:[ \u00a0]?[A-Z0-9]{{4}}){{2,7}}"
    r"(?:[ \u00a0]?[A-Z0-9]{1,3})?(?![^\W_])",
    re.IGNORECASE,
)
# Seven digits, or a fraction of three: less is neither a number of somebody's nor a place.
_SUSPECT = re.compile(rf"\d(?:{_GAP}{{0,3}}\d){{6}}|\d\.\d{{3}}")
# One pass: what is harmless comes first, so that nothing below it takes a part of it.
_DIGITS = re.compile(
    rf"""
    (?=[\da-f+(-])(?:
    (?P<harmless>
        {_LONE}[0-9a-f]{{8}}-(?:[0-9a-f]{{4}}-){{3}}[0-9a-f]{{12}}
      | {_LONE}\d{{4}}-\d\d-\d\d
        (?:[T ]\d\d:?\d\d(?::?\d\d(?:[.,]\d+)?)?\s?(?:Z|[+-]\d\d:?\d\d)?)?(?!\d)
      | {_LONE}\d{{1,2}}(?P<mark>[./-])\d{{1,2}}(?P=mark)\d{{2}}(?:\d\d)?(?![./-]?\d)
      | {_LONE}\d{{1,2}}:\d\d(?::\d\d(?:[.,]\d+)?)?(?:\s?[+-]\d\d:\d\d)?(?!\d)
    )
  | (?P<ahv>{_LONE}756[ .-]?\d{{4}}[ .-]?\d{{4}}[ .-]?\d\d(?!\d))
  | (?P<card>{_LONE}(?:[2-6]\d{{12,18}}|[2-6]\d{{3}}(?:[ -]\d{{4}}){{2}}[ -]\d{{1,7}}
        |3\d{{3}}[ -]\d{{6}}[ -]\d{{5}})(?!\d))
  | (?P<phone>
        (?:\+|{_LONE}00)(?:41|33)(?:{_GAP}{{0,2}}\(0\))?(?:{_GAP}{{0,2}}\d){{9}}(?!\d)
      | (?:\+[1-9]\d{{0,2}}|{_LONE}00[34]\d\d?)(?:{_GAP}{{0,3}}\d){{7,12}}(?!\d)
      | {_LONE}(?<![^\W_][-_])(?<!\d[.,])\(?0[1-9](?:{_GAP}{{0,2}}\d){{8}}(?!\d)
    )
  | (?P<pair>(?<![\d.]){_DECIMAL}(?:{_BETWEEN}{_DECIMAL})+(?![\d.]))
    )
    """,
    re.IGNORECASE | re.VERBOSE,
)
_IBAN_LENGTHS = {
    "AT": 20, "BE": 16, "CH": 21, "DE": 22, "ES": 24, "FR": 27, "GB": 22, "IT": 27,
    "LI": 21, "LU": 20, "MC": 27, "NL": 18, "PL": 28, "PT": 25,
}  # fmt: skip
_PLACE_KEY = re.compile(r"(?:^|_)(?:lat|lon|lng|latitude|longitude)$", re.IGNORECASE)
_PHONE_KEY = re.compile(r"(?:^|_)(?:phone|mobile|tel|telephone|fax)(?:_number)?$", re.IGNORECASE)


def mask(text: str) -> str:
    """Mask the personal data of a text; a text without any stays as it is."""
    if any(hint in text for hint in _QUOTED_HINTS):
        text = _QUOTED.sub(lambda match: f"{match['before'] or '?'}{HIDDEN}", text)
    lower = text.lower()
    if any(hint in lower for hint in _SECRET_HINTS):
        text = _SECRET.sub(_mask_secret, text)
    if "@" in text or "%40" in text:
        text = _EMAIL.sub(r"\1***@\2***\3", text)
    if any(hint in lower for hint in _KEYED_HINTS):
        text = _KEYED.sub(_mask_keyed, text)
    if _SUSPECT.search(text):
        text = _DIGITS.sub(_mask_digits, _IBAN.sub(_mask_iban, text))
    return text


def mask_phone(number: str) -> str:
    """Keep the prefix and the last two digits: `+41***67`, `079***67`."""
    digits = re.sub(r"\D", "", number)
    plus = "+" if "+" in number else "00" if digits.startswith("00") else ""
    if plus:
        digits = digits.removeprefix("00")
        size = next((n for n in (1, 2, 3) if int(digits[:n]) in COUNTRY_CODE_TO_REGION_CODE), 2)
        return f"{plus}{digits[:size]}***{digits[-2:]}"
    return f"{digits[:3] if digits.startswith('0') else ''}***{digits[-2:]}"


def mask_value(value: Any, key: str = "", depth: int = 0) -> Any:
    """Mask a value of any kind, down into mappings and sequences; answer plain JSON types."""
    if value is None or isinstance(value, bool):
        return value
    if key and _SECRET_KEY.search(key):
        return SECRET if value else value
    if depth > DEPTH_MAX:
        return "[...]"
    if isinstance(value, Mapping):
        return {
            name if isinstance(name, int) else mask(str(name)): mask_value(
                item, str(name), depth + 1
            )
            for name, item in value.items()
        }
    if isinstance(value, (list, tuple, Set)):
        return _mask_items(value, depth)
    return _mask_scalar(value, key)


def _mask_items(items: Sequence[Any] | Set[Any], depth: int) -> list[Any]:
    # Two numbers with a fraction, within the range of degrees, are taken for a place.
    if len(items) == 2 and all(isinstance(i, float) and abs(i) <= 180 for i in items):
        return [round(item, 2) for item in items]
    return [mask_value(item, depth=depth + 1) for item in items]


def _mask_scalar(value: Any, key: str) -> Any:
    if isinstance(value, str):
        is_phone = key and _PHONE_KEY.search(key) and any(c.isdigit() for c in value)
        return mask_phone(value) if is_phone else mask(value)
    if isinstance(value, (int, float, Decimal)):
        return _mask_number(value, key)
    return mask(_identity(value))


def _mask_number(value: float | Decimal, key: str) -> Any:
    if key and _PLACE_KEY.search(key):
        return round(float(value), 2)
    if isinstance(value, int):
        text = str(value)
        masked = mask_phone(text) if key and _PHONE_KEY.search(key) else mask(text)
        return value if masked == text else masked
    return value if isinstance(value, float) and math.isfinite(value) else str(value)


def _identity(value: Any) -> str:
    """Name an object without telling who it is: rows by their id, requests by their path."""
    if isinstance(value, HttpRequest):
        return f"{value.method} {value.path}"
    meta = getattr(type(value), "_meta", None)
    if meta is not None and hasattr(value, "pk"):
        return f"{meta.label}:{value.pk}"
    if hasattr(value, "query") and hasattr(value, "model"):  # its text would read the rows
        return f"{type(value).__name__} of {value.model._meta.label}"
    return str(value)


def _mask_secret(match: re.Match[str]) -> str:
    kept = match["name"] or match["scheme"] or match["user"] or ""
    return kept + SECRET


def _mask_keyed(match: re.Match[str]) -> str:
    if match["place"]:
        return f"{match['place']}{float(match['degrees']):.2f}"
    return match["phone"] + mask_phone(match["number"])


def _mask_digits(match: re.Match[str]) -> str:
    mask_kind = _KINDS.get(match.lastgroup or "")
    return mask_kind(match[0]) if mask_kind else match[0]


def _mask_pair(text: str) -> str:
    numbers = re.findall(_DECIMAL, text)
    if any(abs(float(number)) > 180 for number in numbers):
        return text
    return re.sub(r"-?\d{1,3}\.\d{3,}", lambda number: f"{float(number[0]):.2f}", text)


def _mask_iban(match: re.Match[str]) -> str:
    """Cut the match to the country's length: a word after the number is none of it."""
    text = match[0]
    compact = re.sub(r"[ \u00a0]", "", text).upper()
    country = compact[:2]
    size = _IBAN_LENGTHS.get(country, len(compact))
    number = compact[:size]
    if len(number) < size or not (number[2:].isdigit() or _has_checksum(number)):
        return text
    end = [i for i, char in enumerate(text) if char.isalnum()][size - 1] + 1
    return f"{country}***{text[end:]}"


def _has_checksum(compact: str) -> bool:
    moved = compact[4:] + compact[:4]
    return int("".join(str(int(char, 36)) for char in moved)) % 97 == 1


def _mask_card(text: str) -> str:
    digits = [int(char) for char in reversed(text) if char.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return CARD if (sum(digits[::2]) + sum(doubled)) % 10 == 0 else text


_KINDS: dict[str, Callable[[str], str]] = {
    "pair": _mask_pair,
    "ahv": lambda _: AHV,
    "card": _mask_card,
    "phone": mask_phone,
}
