"""`make demo` and `make stop`: a company planned before your eyes, and the console served.

What is started here holds a lock as long as any of it lives, so that stopping finds the right
processes, also after a crash, and a number used again by another program is never signalled.
"""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from io import StringIO
from itertools import groupby
from pathlib import Path
from textwrap import fill
from typing import IO

import django
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from atmr import clock
from atmr.embedded import EmbeddedError, Services

HOST = "127.0.0.1"
FIRST_PORT = 8000
PATIENCE_S = 30
THREADS = 8
ENVIRONMENT = {
    "ATMR_DEVTOOLS": "0",
    # In a container everything is root's; Celery's long warning would hide what we have to say.
    "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
}


class DemoError(Exception):
    """The demonstration cannot go on. The message is for the person at the terminal."""


@dataclass(frozen=True)
class Serving:
    """The processes that serve this checkout, and the lock they hold."""

    folder: Path

    @contextmanager
    def locked(self) -> Iterator[IO[str]]:
        """Hold the lock, or raise: somebody serves already."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "serving.lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                raise DemoError("This checkout is served already; `make stop` ends that.") from exc
            yield handle

    def is_on(self) -> bool:
        try:
            with self.locked():
                return False
        except DemoError:
            return True

    def record(self, pids: list[int]) -> None:
        (self.folder / "serving.json").write_text(json.dumps(pids))

    def stop(self) -> None:
        """End what is recorded, gently at first."""
        for force in (signal.SIGTERM, signal.SIGKILL):
            if not self.is_on():
                return
            for pid in json.loads((self.folder / "serving.json").read_text()):
                with suppress(ProcessLookupError):
                    os.killpg(pid, force)
            wait_until(lambda: not self.is_on())
        raise DemoError("The processes that serve this checkout do not end.")


def main(arguments: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atmr.settings")
    try:
        serving = Serving(settings.BASE_DIR / "var" / "demo")
        if arguments == ["stop"]:
            serving.stop()
            stop_servers()
        else:
            demonstrate(serving, serves=os.environ.get("SERVE", "1") != "0")
    except (DemoError, EmbeddedError, ImproperlyConfigured, CommandError) as exc:
        sys.exit(str(exc))


def demonstrate(serving: Serving, *, serves: bool) -> None:
    """Plan a day of the demonstration company; then serve the console until stopped."""
    with serving.locked() as lock:
        was_running = settings.EMBEDDED.is_running()
        settings.EMBEDDED.ensure()
        sign_ins = plan_a_day()
        if not serves:
            say("\n".join([*sign_ins, "`make demo` without SERVE=0 serves the console."]))
            return
        try:
            serve(serving, lock, sign_ins)
        finally:
            if not was_running:
                settings.EMBEDDED.stop()


def plan_a_day() -> list[str]:
    """Make the company and plan its next working day; say how to sign in."""
    django.setup()
    call_command("migrate", verbosity=0)
    made = StringIO()
    call_command("seed_demo", json=True, stdout=made)
    seeded = json.loads(made.getvalue())
    day = date.fromisoformat(seeded["day"])
    say(f"Company {seeded['company']}, {day}: {seeded['bookings']} bookings to plan.")
    call_command("dispatch", company=seeded["company"], day=day, apply=True)
    show_plan(seeded["company"], day)
    return [
        f"Sign in as {person['email']} with {person['password'] or 'the password you gave it'}"
        for person in seeded["sign_ins"]
    ]


def show_plan(slug: str, day: date) -> None:
    """Print what each driver does that day."""
    company = apps.get_model("accounts.Company").objects.get(slug=slug)
    since, until = clock.day_bounds(day, company.tz)
    live = apps.get_model("dispatch.Assignment").objects.live().for_company(company)
    rows = live.filter(pickup_at__gte=since, pickup_at__lt=until).with_people()
    for driver, theirs in groupby(rows.order_by("driver_id", "pickup_at"), lambda row: row.driver):
        stops = [f"{row.pickup_at.astimezone(company.tz):%H:%M} {row.booking}" for row in theirs]
        line = f"{driver}: {', '.join(stops)}"
        say(fill(line, width=100, initial_indent="  ", subsequent_indent="      "))


def serve(serving: Serving, lock: IO[str], sign_ins: list[str]) -> None:
    """Run the web server and a worker until one of them ends or we are told to."""
    port = free_port(os.environ.get("PORT", ""))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    web = web_server(port)
    worker = ["celery", "--quiet", "-A", "atmr", "worker", "--beat", "--loglevel", "WARNING"]
    processes = [
        subprocess.Popen(  # noqa: S603 - our own commands
            [sys.executable, "-m", *command],
            cwd=settings.BASE_DIR,
            env={"ATMR_URL": f"http://{HOST}:{port}"} | os.environ | ENVIRONMENT,
            start_new_session=True,  # Ctrl-C is for us, who end them in order
            pass_fds=[lock.fileno()],
        )
        for command in (web, worker)
    ]
    try:
        serving.record([process.pid for process in processes])
        wait_until(lambda: answers(f"http://{HOST}:{port}/readyz") or ended(processes))
        say("\n".join(sign_ins))
        say(f"The console is at http://{HOST}:{port}/admin/ until Ctrl-C or `make stop`.")
        while not ended(processes):
            time.sleep(0.2)
    except KeyboardInterrupt:
        say("Stopping.")
    finally:
        for process in processes:
            process.terminate()
        codes = [process.wait(PATIENCE_S) for process in processes]
    if any(code > 0 for code in codes):
        raise DemoError("The web server or the worker failed: see what it said above.")


def web_server(port: int) -> list[str]:
    """Give the command of the web server, less its interpreter: the one that is load-tested."""
    address, processes = f"{HOST}:{port}", str(settings.WEB_PROCESSES)
    command = ["gunicorn", "atmr.wsgi", "--bind", address, "--no-control-socket"]
    return [*command, "--workers", processes, "--threads", str(THREADS), "--log-level", "warning"]


def stop_servers() -> None:
    """Stop the embedded servers of the demonstration and of the tests."""
    settings.EMBEDDED.stop()
    Services.of_checkout(settings.BASE_DIR, profile="tests", environ=os.environ).stop()


def free_port(wanted: str) -> int:
    """Take the port asked for or, when none is, the first free one."""
    ports = [int(wanted)] if wanted else list(range(FIRST_PORT, FIRST_PORT + 20))
    for port in ports:
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return port
    raise DemoError(f"Port {ports[0]} is taken: choose another with PORT=, or leave it out.")


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own address
            return True
    except OSError:
        return False


def ended(processes: list["subprocess.Popen[bytes]"]) -> bool:
    return any(process.poll() is not None for process in processes)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.1)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
