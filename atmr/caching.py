"""Answers that are kept for a while: made once however many ask, and made anew without the cache.

Whoever asks names a key that changes with what the answer is made from, so nothing here ever has to
be thrown away: what is out of date is not asked for any more, and expires.
"""

import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import redis
import structlog
from django.core.cache import caches

log = structlog.get_logger(__name__)

ALIAS = "answers"
# A maker who died keeps others waiting no longer than this; each then makes the answer itself.
PATIENCE_S = 3.0
# Longer than any answer takes to make: whoever comes later may make it, too.
HOLD_S = 15
_LOOK_EVERY_S = 0.02
_DOWN = object()
_UNREACHABLE = (redis.RedisError, OSError)

_told = threading.Lock()
_is_down = False


def remember(
    key: str, *, seconds: int, make: Callable[[], Any], still_holds: Callable[[], bool]
) -> Any:
    """Give the answer kept under `key`, or make it and keep it for `seconds`.

    Of many who ask at once one makes it, and the others wait for that. `still_holds` says, when the
    answer is there, whether the key still names what it was made from; else it is given, not kept.
    """
    lock, token = f"{key}:making", uuid.uuid4().hex
    found = _wait_for(key, lock, token)
    if found is _DOWN:
        return make()
    if found is not None:
        return found[0]
    try:
        answer = make()
        if still_holds():
            _tell(lambda: caches[ALIAS].set(key, (answer,), timeout=seconds))
        return answer
    finally:
        _release(lock, token)


def _wait_for(key: str, lock: str, token: str) -> Any:
    """Give what is kept; None to who is to make it; `_DOWN` to who does so without the cache."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := _get(key)) is None:
        if _tell(lambda: caches[ALIAS].add(lock, token, timeout=HOLD_S)):
            return _get(key)  # it may have been kept between our look and our lock
        if time.monotonic() > deadline:
            return _DOWN
        time.sleep(_LOOK_EVERY_S)
    return found


def _get(key: str) -> Any:
    return _tell(lambda: caches[ALIAS].get(key), otherwise=_DOWN)


def _release(lock: str, token: str) -> None:
    # One that expired meanwhile may be somebody else's by now.
    if _tell(lambda: caches[ALIAS].get(lock)) == token:
        _tell(lambda: caches[ALIAS].delete(lock))


def _tell(ask: Callable[[], Any], otherwise: Any = None) -> Any:
    """Ask the cache; say once that it is gone, and once that it is back."""
    try:
        answer = ask()
    except _UNREACHABLE as error:
        if _turn(down=True):
            log.warning("cache unreachable, answers are made each time", error=type(error).__name__)
        return otherwise
    if _is_down and _turn(down=False):
        log.info("cache is back")
    return answer


def _turn(*, down: bool) -> bool:
    """Note how the cache is; tell whether that is news."""
    global _is_down  # noqa: PLW0603 - one cache, seen by all threads of the process
    with _told:
        is_news = _is_down != down
        _is_down = down
    return is_news
