"""The processes of a load run: the web server as it is served, and locust; ended by their ids."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.utils.translation import gettext_lazy as _

from atmr import demo
from atmr.errors import DomainError
from benchmarks.load import processors, report
from benchmarks.load.stage import Stage

PATIENCE_S = 60
COLLECTING_S = 600
RAMP_S = 10


class DidNotStart(DomainError):
    message = _("The web server did not start. What it said: %(log)s")


class NoStaticFiles(DomainError):
    message = _("The static files could not be collected. What was said: %(log)s")


class DidNotMeasure(DomainError):
    message = _("Locust ended before it measured anything. What it said: %(log)s")


def run(stage: Stage, *, folder: Path) -> dict[str, Any]:
    """Serve, let everybody in, measure, and stop all of it; give what was found.

    :raises DidNotStart, DidNotMeasure: see the logs in `folder`.
    """
    for old in folder.glob("*.json"):
        old.unlink()
    (folder / "began").unlink(missing_ok=True)
    (folder / "stage.json").write_text(json.dumps(stage.as_json()))
    port = demo.free_port("")
    hooks = ["--config", str(settings.BASE_DIR / "benchmarks/load/gunicorn_hooks.py")]
    with started([*demo.web_server(port), *hooks], folder, "web") as web:
        demo.wait_until(lambda: answers(port) or web.poll() is not None)
        if not answers(port):
            raise DidNotStart(log=folder / "web.log")
        with started(_locust(port, len(stage.people), stage.seconds), folder, "locust") as crowd:
            roots = {
                "web": web.pid,
                "PostgreSQL": processors.database_root(),
                "locust": crowd.pid,
            }
            return _measured(crowd, roots, folder)


def collect_static(folder: Path) -> None:
    """Make what the pages of production link to, unless it is there and newer than its sources.

    :raises NoStaticFiles: see the log in `folder`.
    """
    made = Path(settings.STATIC_ROOT) / "staticfiles.json"
    sources = (storage.path(path) for each in get_finders() for path, storage in each.list([]))
    newest = max(Path(source).stat().st_mtime for source in sources)
    if made.exists() and made.stat().st_mtime > newest:
        return
    with started(["django", "collectstatic", "--noinput"], folder, "static") as collecting:
        if collecting.wait(COLLECTING_S):
            raise NoStaticFiles(log=folder / "static.log")


def _measured(
    crowd: "subprocess.Popen[bytes]", roots: Mapping[str, int | None], folder: Path
) -> dict[str, Any]:
    _wait_for(folder / "began", crowd)
    began, before = time.monotonic(), processors.seconds_of(roots)
    after, ended = before, began
    while crowd.poll() is None and not (folder / "stats.json").exists():
        # Whoever has ended has taken its count with it: the last look before counts.
        after, ended = processors.seconds_of(roots), time.monotonic()
        time.sleep(0.5)
    if not (folder / "stats.json").exists():
        raise DidNotMeasure(log=folder / "locust.log")
    crowd.wait(PATIENCE_S)
    seconds = ended - began
    stats = json.loads((folder / "stats.json").read_text())
    pool = report.pool_of([json.loads(p.read_text()) for p in folder.glob("web-*.json")])
    cpu = _shares(before, after, seconds)
    return {
        "seconds": round(seconds, 1),
        "requests": report.requests_of(stats["entries"], seconds),
        "errors": stats["errors"],
        "pool": pool,
        "cores": os.cpu_count(),
        "cpu": cpu,
        "saturated": report.saturated(cpu, pool),
    }


def _shares(
    before: Mapping[str, float | None], after: Mapping[str, float | None], seconds: float
) -> dict[str, float | None]:
    """Give each family's share of all cores, and locust's of the one that it can use."""
    spent = {
        name: None if b is None or a is None else max(0.0, a - b) / seconds
        for (name, b), a in zip(before.items(), after.values(), strict=True)
    }
    cores = os.cpu_count() or 1
    shares = {
        name: used if used is None else round(used / cores, 3) for name, used in spent.items()
    }
    return shares | {"locust_core": spent["locust"]}


def _locust(port: int, users: int, seconds: int) -> list[str]:
    return [
        *("locust", "--locustfile", "benchmarks/load/locustfile.py", "--headless"),
        *("--host", f"http://{demo.HOST}:{port}", "--users", str(users)),
        *("--spawn-rate", str(max(1.0, users / RAMP_S)), "--only-summary"),
        *("--run-time", f"{seconds + PATIENCE_S}s", "--stop-timeout", "20"),
        *("--loglevel", "WARNING", "--exit-code-on-error", "0"),
    ]


@contextmanager
def started(command: list[str], folder: Path, name: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run one of our programs in a process group of its own for the time of the block."""
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            [sys.executable, "-m", *command],
            cwd=settings.BASE_DIR,
            env=environment(folder),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us, who end them in order
        )
        try:
            yield process
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    for force in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, force)
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE_S)
            return


def environment(folder: Path) -> dict[str, str]:
    """Give the environment of production, as behind a proxy that ends TLS."""
    return os.environ | {
        "DEBUG": "0",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ALLOWED_HOSTS": demo.HOST,
        "ATMR_BEHIND_PROXY": "1",
        "ATMR_EMBEDDED": "1",
        "ATMR_LOAD_FOLDER": str(folder),
        "PYTHONPATH": str(settings.BASE_DIR),
    }


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{demo.HOST}:{port}/readyz", timeout=2):
            return True
    except OSError:
        return False


def _wait_for(file: Path, crowd: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + RAMP_S + PATIENCE_S
    while not file.exists():
        if crowd.poll() is not None or time.monotonic() > deadline:
            raise DidNotMeasure(log=file.with_name("locust.log"))
        time.sleep(0.1)
