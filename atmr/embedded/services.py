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
    queue: Path | None  # messages in files, where there is no Valkey at all

    @classmethod
    def of_checkout(cls, checkout: Path, *, profile: str, environ: Mapping[str, str]) -> Self:
        """Embed what the environment does not name. Without any Valkey, there is none."""
        folders = Folders.of_checkout(checkout, profile=profile)
        wants_valkey = not environ.get("REDIS_URL")
        has_valkey = wants_valkey and Valkey.is_available()
        return cls(
            postgres=None if environ.get("DATABASE_URL") else Postgres(folders),
            valkey=Valkey(folders) if has_valkey else None,
            queue=folders.state / "queue" if wants_valkey and not has_valkey else None,
        )

    @property
    def are_needed(self) -> bool:
        return any((self.postgres, self.valkey, self.queue))

    @property
    def file_queue(self) -> dict[str, str]:
        """Celery's options for messages in files."""
        return {
            "data_folder_in": f"{self.queue}/messages",
            "data_folder_out": f"{self.queue}/messages",
            "control_folder": f"{self.queue}/control",
        }

    def ensure(self) -> None:
        """Start what is not running.

        :raises EmbeddedError: a server cannot run here; the message says why.
        """
        for server in (self.postgres, self.valkey):
            if server:
                server.ensure()
        if self.queue:
            (self.queue / "messages").mkdir(parents=True, exist_ok=True)

    def is_running(self) -> bool:
        return any(server.answers() for server in (self.postgres, self.valkey) if server)

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
