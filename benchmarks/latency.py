"""A server on the network, as far as time goes: a proxy that holds every answer back a little.

What the client sends goes on at once; what the server answers waits for the delay asked for, so a
round trip takes that much longer and a long answer streams as fast as before. The proxy is a
process of its own, as the network is: it takes no time from the interpreter it serves.
"""

import select
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, cast

import psycopg
from django.conf import settings
from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper

CHUNK = 1 << 16
MOST_WAITING = 64 * CHUNK
# The last part of a delay is waited for awake: a sleep may be a quarter of a millisecond too long.
AWAKE_S = 0.0003
TRIPS = 200


@dataclass(eq=False)
class Pipe:
    """One direction of a connection: what was read, and from when on it may be passed on."""

    source: socket.socket
    sink: socket.socket
    delay_s: float
    waiting: deque[tuple[float, bytes]] = field(default_factory=deque)
    size: int = 0
    ended: bool = False

    @property
    def reads(self) -> bool:
        return not self.ended and self.size < MOST_WAITING

    def read(self) -> None:
        try:
            data = self.source.recv(CHUNK)
        except OSError:
            data = b""
        if not data:
            self.ended = True
            return
        self.size += len(data)
        self.waiting.append((perf_counter() + self.delay_s, data))

    def write(self) -> bool:
        """Pass on what is due; tell whether the sink takes no more just now."""
        while self.waiting and self.waiting[0][0] <= perf_counter():
            due, data = self.waiting.popleft()
            try:
                sent = self.sink.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self.ended = True
                self.waiting.clear()
                return False
            self.size -= sent
            if sent < len(data):
                self.waiting.appendleft((due, data[sent:]))
                return True
        return False


def connect(address: str) -> socket.socket:
    """Connect to `/a/path` of a socket, or to `host:port`."""
    if address.startswith("/"):
        joined = socket.socket(socket.AF_UNIX)
        joined.connect(address)
        return joined
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)))


def listen(address: str) -> socket.socket:
    if address.startswith("/"):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(address)
    else:
        host, _, port = address.rpartition(":")
        listener = socket.create_server((host, int(port)))
    listener.listen()
    return listener


def serve(listener: socket.socket, upstream: str, delay_s: float, until: Any) -> None:
    """Pass everything on until the end of `until`, a file: whoever started us has gone."""
    pipes: list[Pipe] = []
    while True:
        blocked = {pipe.sink for pipe in pipes if pipe.write()}
        _close_ended(pipes)
        due = [pipe.waiting[0][0] for pipe in pipes if pipe.waiting and pipe.sink not in blocked]
        # `select` alone waits for parts of a millisecond.
        timeout = max(0.0, min(due) - perf_counter() - AWAKE_S) if due else None
        sources = {pipe.source: pipe for pipe in pipes if pipe.reads}
        ready, _, _ = select.select([listener, until, *sources], blocked, [], timeout)
        for source in ready:
            if source is until:
                return
            if source is listener:
                pipes += _accept(listener, upstream, delay_s)
            else:
                sources[source].read()


def _accept(listener: socket.socket, upstream: str, delay_s: float) -> list[Pipe]:
    client = listener.accept()[0]
    server = connect(upstream)
    for end in (client, server):
        end.settimeout(0)
        if end.family != socket.AF_UNIX:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return [Pipe(client, server, 0.0), Pipe(server, client, delay_s)]


def _close_ended(pipes: list[Pipe]) -> None:
    """Close a connection of which one end has gone, once all that it said has arrived."""
    for pipe in [pipe for pipe in pipes if pipe.ended and not pipe.waiting]:
        for end in (pipe.source, pipe.sink):
            end.close()
    pipes[:] = [pipe for pipe in pipes if pipe.source.fileno() >= 0]


@contextmanager
def proxied(upstream: str, listener: str, delay_ms: float) -> Iterator[None]:
    """Run a proxy in front of `upstream` for the time of the block."""
    command = [sys.executable, "-m", "benchmarks.latency", upstream, listener, str(delay_ms)]
    process = subprocess.Popen(  # noqa: S603 - ourselves
        command, cwd=settings.BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise RuntimeError("The proxy did not start.")
        yield
    finally:
        process.communicate()  # the end of its input is the end of the proxy


@contextmanager
def slowed(delay_ms: float) -> Iterator[None]:
    """Send the statements of this thread through a proxy for the time of the block."""
    connection.ensure_connection()
    info: psycopg.ConnectionInfo = connection.connection.info
    kept = connection.settings_dict
    with tempfile.TemporaryDirectory(prefix="atmr-") as folder:
        if info.host.startswith("/"):
            name = f".s.PGSQL.{info.port}"
            through = {"HOST": folder, "PORT": str(info.port)}
            ends = (str(Path(info.host) / name), str(Path(folder) / name))
        else:
            port = free_port()
            # The name stays, for whoever checks the server's certificate; the address is ours.
            through = {"PORT": str(port)}
            through["OPTIONS"] = kept["OPTIONS"] | {"hostaddr": "127.0.0.1"}
            ends = (f"{info.hostaddr or info.host}:{info.port}", f"127.0.0.1:{port}")
        with proxied(*ends, delay_ms), reconnected(kept | through):
            yield


@contextmanager
def reconnected(changed: dict[str, Any]) -> Iterator[None]:
    """Connect this thread with other settings for the time of the block, pool and all."""
    kept = connection.settings_dict
    _leave()
    connection.settings_dict = changed
    try:
        yield
    finally:
        _leave()
        connection.settings_dict = kept


def _leave() -> None:
    connection.close()
    cast("DatabaseWrapper", connection).close_pool()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def round_trip_ms(trips: int = TRIPS) -> float:
    """Measure a round trip of this thread's connection: the median of many."""
    taken = []
    with connection.cursor() as cursor:
        for _ in range(trips):
            began = perf_counter()
            cursor.execute("SELECT 1")
            taken.append(perf_counter() - began)
    return round(1000 * median(taken), 3)


def main(arguments: Sequence[str]) -> None:
    upstream, listener, delay_ms = arguments
    with listen(listener) as listening:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        serve(listening, upstream, float(delay_ms) / 1000, sys.stdin)


if __name__ == "__main__":
    main(sys.argv[1:])
