"""Where the servers of one checkout live, who runs them, and who may look at them now."""

import fcntl
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self


class EmbeddedError(Exception):
    """An embedded server cannot run here. The message is for the person at the terminal."""


@dataclass(frozen=True)
class Account:
    """The operating-system user a server runs as; PostgreSQL refuses root."""

    uid: int
    gid: int

    @classmethod
    def for_servers(cls, data: Path) -> Self:
        """Choose this user; for root the owner of `data`, or an unprivileged user."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        if data.exists() and (owner := data.stat()).st_uid != 0:
            return cls(owner.st_uid, owner.st_gid)
        for name in ("postgres", "nobody"):
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return cls(entry.pw_uid, entry.pw_gid)
        raise EmbeddedError(
            "The embedded servers do not run as root, and there is no user postgres or nobody to"
            " run them. Work as an ordinary user, or set DATABASE_URL and REDIS_URL."
        )

    @property
    def is_us(self) -> bool:
        return self.uid == os.geteuid()

    def can_reach(self, path: Path) -> bool:
        """Tell whether every folder above `path` lets this user pass."""
        above = [folder for folder in path.resolve().parents if folder.exists()]
        return self.is_us or all(folder.stat().st_mode & stat.S_IXOTH for folder in above)

    def own(self, folder: Path) -> Path:
        """Make a folder that this user alone may enter, and refuse one of somebody else."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {self.uid, os.geteuid()}:
            raise EmbeddedError(
                f"{folder} belongs to another user. Remove it, or work as that user."
            )
        if found.st_uid != self.uid:
            os.chown(folder, self.uid, self.gid)
        folder.chmod(0o700)
        return folder

    def run(
        self, command: Sequence[str | Path], *, cwd: Path, text: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program as this user, away from this process's locale and PostgreSQL settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        options: dict[str, Any] = {"env": kept | {"LC_ALL": "C"}, "cwd": cwd}
        if not self.is_us:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return subprocess.run(  # noqa: S603 - our own command, no shell
            command, input=text, capture_output=True, text=True, check=False, **options
        )


@dataclass(frozen=True)
class Folders:
    """Where the servers of one checkout keep their things; one set for each profile."""

    state: Path
    profile: str

    @classmethod
    def of_checkout(cls, checkout: Path, *, profile: str) -> Self:
        return cls(checkout.resolve() / "var" / profile, profile)

    @property
    def name(self) -> str:
        return "atmr-" + hashlib.sha256(str(self.state).encode()).hexdigest()[:12]

    @property
    def sockets(self) -> Path:
        """A folder with a short name: the path of a socket has at most 103 bytes."""
        return Path("/tmp") / self.name  # noqa: S108 - its owner and mode are checked

    @cached_property
    def account(self) -> Account:
        return Account.for_servers(self.state / "postgres")

    @property
    def home(self) -> Path:
        """Our state, or a folder outside when the servers' user could not reach it."""
        if self.account.can_reach(self.state / "postgres"):
            return self.state
        return Path("/var/tmp") / self.name  # noqa: S108 - checked too

    def prepare(self) -> None:
        """Make the folders that are the servers' own, or find them so."""
        self.account.own(self.sockets)
        if self.home != self.state:
            self.account.own(self.home)

    def reachable(self, *programs: Path) -> Path:
        """Give the first of these folders where the servers' user can run what is in it.

        A virtual environment below a closed home is copied out, once for each version.
        """
        package = programs[0]
        if self.account.can_reach(package / "x"):
            return package
        version = package.stat().st_mtime_ns
        copy = self.home / f"programs-{package.name}-{version}"
        if not copy.exists():
            scratch = Path(tempfile.mkdtemp(prefix="programs-", dir=self.home))
            scratch.chmod(0o755)
            for folder in programs:
                if folder.exists():
                    shutil.copytree(folder, scratch / folder.name)
            scratch.rename(copy)
        return copy / package.name

    @contextmanager
    def locked(self, server: str) -> Iterator[None]:
        """One process at a time looks at a server, starts it or stops it."""
        try:
            self.state.mkdir(parents=True, exist_ok=True)
            with (self.state / f"{server}.lock").open("w") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield
        except OSError as exc:
            raise EmbeddedError(f"The embedded {server} cannot run here: {exc}.") from exc


def runs(pid: int, program: str) -> bool:
    """Tell whether `pid` is a living `program`, not a zombie or a number used again."""
    status = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            name, _, rest = status.read_text().partition("(")[2].rpartition(")")
        except FileNotFoundError:
            return False
        return program.startswith(name) and not rest.strip().startswith("Z")
    listed = subprocess.run(  # noqa: S603
        ["/bin/ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return program in listed.stdout
