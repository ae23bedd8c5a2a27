"""Which servers of a checkout are embedded, and the one call that has them running."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from atmr.embedded.folders import Folders
from atmr.embedded.postgres import Postgres
from atmr.embedded.valkey import Valkey


@dataclass(frozen=True)
class Services:
    """PostgreSQL and Valkey, each embedded or left to the environment's own (None)."""

    postgres: Postgres | None
    valkey: Valkey | None

    @classmethod
    def of_checkout(cls, checkout: Path, *, profile: str, environ: Mapping[str, str]) -> Self:
        """Embed what the environment does not name. Without any Valkey, there is none."""
        folders = Folders.of_checkout(checkout, profile=profile)
        embeds_valkey = not environ.get("REDIS_URL") and Valkey.is_available()
        return cls(
            None if environ.get("DATABASE_URL") else Postgres(folders),
            Valkey(folders) if embeds_valkey else None,
        )

    def ensure(self) -> None:
        """Start what is not running.

        :raises EmbeddedError: a server cannot run here; the message says why.
        """
        for server in (self.postgres, self.valkey):
            if server:
                server.ensure()

    def stop(self) -> list[str]:
        """Stop what runs; name it."""
        stopped = {
            "postgres": self.postgres and self.postgres.stop(),
            "valkey": self.valkey and self.valkey.stop(),
        }
        return [name for name, was_running in stopped.items() if was_running]

    def status(self) -> dict[str, dict[str, Any]]:
        """Say of each server whether it is embedded, running, as which process, at which URL."""
        return {
            "postgres": describe(self.postgres),
            "valkey": describe(self.valkey),
        }


def describe(server: Postgres | Valkey | None) -> dict[str, Any]:
    if server is None:
        return {"embedded": False}
    pid = server.pid() if server.answers() else None
    return {"embedded": True, "running": pid is not None, "pid": pid, "url": server.url}
