"""The latest slow statements of all processes and their number, in the cache server.

Without the server there is the log alone: nothing here fails, and nothing waits for it twice.
"""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog
from django.conf import settings
from django_redis import get_redis_connection
from redis import Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

KEPT = 200
LATEST = "atmr:slow-statements"
MINUTE = "atmr:slow-statements:minute:{}"
MINUTE_KEPT_S = 30 * 60
TOLD = "atmr:slow-statements:told"
TOLD_AGAIN_S = 24 * 3600  # an outbreak that lasts is told once a day
# After a failure the server is left alone for a while: a dead one must not slow down the slow.
REST_S = 30.0

_rests_until = 0.0


def server() -> Redis | None:
    """Give the cache server; None where there is none."""
    if "redis" not in settings.CACHES["default"]["BACKEND"].lower():
        return None
    client: Redis = get_redis_connection("default")
    return client


def keep(entry: Mapping[str, Any]) -> None:
    """Put a slow statement where all processes show it, and count it in its minute."""
    global _rests_until  # noqa: PLW0603 - one clock for the process
    client = server()
    if client is None or time.monotonic() < _rests_until:
        return
    minute = MINUTE.format(int(time.time()) // 60)
    try:
        with client.pipeline() as pipe:
            pipe.lpush(LATEST, json.dumps(entry))
            pipe.ltrim(LATEST, 0, KEPT - 1)
            pipe.incr(minute)
            pipe.expire(minute, MINUTE_KEPT_S)
            pipe.execute()
    except RedisError as error:
        _rests_until = time.monotonic() + REST_S
        log.warning("slow statements are only logged", error=type(error).__name__)


def latest(most: int = KEPT) -> list[dict[str, Any]] | None:
    """Give the latest slow statements, newest first; None: nobody keeps them."""
    client = server()
    if client is None:
        return None
    try:
        return [json.loads(text) for text in client.lrange(LATEST, 0, most - 1)]
    except RedisError:
        return None


def count(now: datetime, minutes: int) -> int | None:
    """Count the slow statements of the last whole minutes; None: nobody keeps them."""
    client = server()
    if client is None:
        return None
    this = int(now.timestamp()) // 60
    try:
        found = client.mget([MINUTE.format(this - ago) for ago in range(1, minutes + 1)])
    except RedisError:
        return None
    return sum(int(number) for number in found if number)


def begin_outbreak() -> bool:
    """Mark that people are told; False when they were told already, or nobody can say."""
    client = server()
    try:
        return bool(client and client.set(TOLD, 1, nx=True, ex=TOLD_AGAIN_S))
    except RedisError:
        return False


def end_outbreak() -> None:
    """Let the next outbreak be told."""
    client = server()
    if client is not None:
        with suppress(RedisError):
            client.delete(TOLD)
