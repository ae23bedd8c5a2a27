"""Which server answers: the primary, or a replica that is near enough to it.

Doors choose, nobody else: a view that only reads is marked with `reads_replica`. Everything else,
and whatever happens inside a transaction, is on the primary. Who has written reads from a replica
only once it has replayed that far; a replica that lags, or is gone, costs no request its answer.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connection, connections
from django.db.models import Model
from django.http import HttpRequest, HttpResponse

REPLICA = "replica"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# The position of the primary's log behind what this person wrote last. After so long a replica
# that has not replayed it is not used for anybody.
COOKIE = "atmr_written"
REMEMBERED_S = 600
LOOK_EVERY_S = 1.0
LOOK_AGAIN_S = 10.0  # after it failed: one request in so long may wait for it

log = structlog.get_logger(__name__)
_alias: ContextVar[str] = ContextVar("atmr_reads_from", default=DEFAULT_DB_ALIAS)
View = Callable[..., Any]


class ReplicaRouter:
    """Django's question which database to ask, answered for the request under way."""

    def db_for_read(self, _model: type[Model], **_hints: Any) -> str:
        if connection.in_atomic_block:
            return DEFAULT_DB_ALIAS
        return _alias.get()

    def db_for_write(self, _model: type[Model], **_hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, *_: Any, **_hints: Any) -> bool:
        return True  # the rows are the same

    def allow_migrate(self, db: str, *_: Any, **_hints: Any) -> bool | None:
        return False if db == REPLICA else None


@dataclass(frozen=True)
class Sight:
    """What a look at the replica showed: how far it is, or why it cannot be used."""

    at_s: float
    replayed: int = -1
    trouble: str = ""
    again_s: float = LOOK_EVERY_S


class Watch:
    """The replica as this process sees it. It looks once in a while, not for every request."""

    def __init__(self) -> None:
        self._looking = threading.Lock()
        self.sight = Sight(at_s=float("-inf"))

    def choose(self, position: int) -> str:
        """Give where to read from what must include all that is before `position`."""
        if REPLICA not in connections:
            return DEFAULT_DB_ALIAS
        if time.monotonic() - self.sight.at_s >= self.sight.again_s:
            self.look()
        elif not self.sight.trouble and self.sight.replayed < position:
            self.look()  # it replays within milliseconds, as a rule
        is_near = not self.sight.trouble and self.sight.replayed >= position
        return REPLICA if is_near else DEFAULT_DB_ALIAS

    def look(self) -> None:
        """Ask the replica how far it is; while another thread does, keep what is known."""
        if not self._looking.acquire(blocking=False):
            return
        try:
            self._take(_looked())
        finally:
            self._looking.release()

    def _take(self, sight: Sight) -> None:
        before, self.sight = self.sight, sight
        if sight.trouble and not before.trouble:
            log.warning("replica not used", reason=sight.trouble)
        elif before.trouble and not sight.trouble:
            log.info("replica used again")


watch = Watch()


@contextmanager
def reading_from_replica(*, position: int = 0) -> Iterator[str]:
    """Read from the replica, if it is near enough; give the name of what is read from."""
    alias = watch.choose(position)
    token = _alias.set(alias)
    try:
        yield alias
    finally:
        _alias.reset(token)


def reads_replica(view: View) -> View:
    """Mark a view as one that reads only, when asked by a safe method.

    A replica that fails under it is looked at again, and the view asked again, of the primary.
    """

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method not in SAFE_METHODS or REPLICA not in connections:
            return view(request, *args, **kwargs)
        with reading_from_replica(position=position_of(request)) as alias:
            try:
                return view(request, *args, **kwargs)
            except (OperationalError, InterfaceError):
                if alias == DEFAULT_DB_ALIAS:
                    raise
                watch.look()
        return view(request, *args, **kwargs)

    return answer


class OwnWrites:
    """Remember with each person how far the primary was when they wrote last."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if REPLICA in connections and request.method not in SAFE_METHODS:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_current_wal_insert_lsn() - '0/0'")
                (position,) = cursor.fetchone()
            response.set_signed_cookie(
                COOKIE,
                str(position),
                salt=COOKIE,
                max_age=REMEMBERED_S,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
        return response


def position_of(request: HttpRequest) -> int:
    """Read how far the primary was when this person wrote last; 0 if that is long ago."""
    return int(
        request.get_signed_cookie(COOKIE, default="0", salt=COOKIE, max_age=REMEMBERED_S) or 0
    )


_LOOK = """
SELECT pg_last_wal_replay_lsn() - '0/0',
    CASE WHEN EXISTS (SELECT FROM pg_stat_wal_receiver)
            AND pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
        ELSE extract(epoch FROM now() - pg_last_xact_replay_timestamp()) END
WHERE pg_is_in_recovery()
"""


def _looked() -> Sight:
    """Ask once, on this thread's connection, which is given up when it fails."""
    replica = connections[REPLICA]
    try:
        with replica.cursor() as cursor:
            cursor.execute(_LOOK)
            found = cursor.fetchone()
    except (OperationalError, InterfaceError):
        replica.close()
        return Sight(time.monotonic(), trouble="it does not answer", again_s=LOOK_AGAIN_S)
    if found is None:
        return Sight(time.monotonic(), trouble="it is no replica", again_s=LOOK_AGAIN_S)
    replayed, lag_s = found
    if lag_s is None or lag_s > settings.REPLICA_MAX_LAG_S:
        return Sight(time.monotonic(), trouble="it lags behind")
    return Sight(time.monotonic(), replayed=int(replayed))
