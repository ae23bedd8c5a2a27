"""A streaming replica of the embedded PostgreSQL, for trying and measuring what reads from one."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from atmr.embedded.folders import EmbeddedError
from atmr.embedded.postgres import DATABASE, Postgres

FIRST_PORT = 5433  # it has its socket beside that of the server it follows


@dataclass(frozen=True)
class Standby:
    """A second server, copied from the first, which replays what that one writes."""

    primary: Postgres
    number: int = 0

    @property
    def port(self) -> int:
        return FIRST_PORT + self.number

    @property
    def data(self) -> Path:
        return self.primary.folders.home / f"standby-{self.number}"

    def url(self, database: str = DATABASE) -> str:
        host = quote(str(self.primary.folders.sockets), safe="")
        return f"postgresql://{DATABASE}@:{self.port}/{database}?host={host}"

    def create(self) -> None:
        """Copy the primary as it is now, and follow it from there."""
        self.remove()
        account, sockets = self.primary.folders.account, self.primary.folders.sockets
        account.own(self.data)
        command: list[str | Path] = [self.primary.programs() / "pg_basebackup"]
        command += [
            "--pgdata",
            self.data,
            "--host",
            sockets,
            "--username",
            DATABASE,
            "--no-sync",
            "--checkpoint=fast",
        ]
        done = account.run([*command, "--write-recovery-conf"], cwd=self.data)
        if done.returncode:
            raise EmbeddedError(f"The primary was not copied: {done.stderr.strip()}")
        for name in ("postmaster.pid", "postmaster.opts", "server.log"):
            (self.data / name).unlink(missing_ok=True)
        self.start()

    def start(self) -> None:
        done = self.primary.start_in(self.data, port=self.port)
        if done.returncode:
            raise EmbeddedError(f"The replica did not start. Its log: {self.data / 'server.log'}")

    def stop(self) -> None:
        """End it as a fallen machine ends: without a word to whoever is connected."""
        self.primary.control("stop", "-m", "immediate", data=self.data)

    def remove(self) -> None:
        if self.data.exists():
            self.stop()
            shutil.rmtree(self.data)
