"""Real web servers on the loopback, over the tests' own database, in a mode of their own."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).parent.parent.parent
PATIENCE_S = 60
PRODUCTION = {
    "DEBUG": "0",
    "SECRET_KEY": "an-invented-key-that-is-long-enough-0123456789-abcdefghij",
    "ALLOWED_HOSTS": "127.0.0.1",
    "ATMR_BEHIND_PROXY": "1",
}
GUNICORN = ["-m", "gunicorn", "atmr.wsgi", "--workers", "2", "--threads", "2"]
GUNICORN += ["--log-level", "warning", "--no-control-socket", "--bind", "{address}"]
RUNSERVER = ["manage.py", "runserver", "--noreload", "{address}"]


def database_url():
    """Name the database of the tests, for another process."""
    given = connection.settings_dict
    query = urlencode({"host": given["HOST"]})
    account = f"{given['USER']}:{given['PASSWORD']}" if given["PASSWORD"] else given["USER"]
    port = f"127.0.0.1:{given['PORT']}" if given["PORT"] else ""
    return f"postgresql://{account}@{port}/{given['NAME']}?{query}"


class Server:
    """One that runs, and how to ask it as somebody."""

    def __init__(self, address, process, log):
        self.address = address
        self.process = process
        self.log = log

    def stop(self):
        """End it; give what it wrote on standard error."""
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        return self.log.read_text()

    def get(self, path, *, https=True, **headers):
        """Ask, without following where it leads; give status, headers and body."""
        if https:
            headers["X-Forwarded-Proto"] = "https"
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"http://{self.address}{path}", headers=headers)
        opener = urllib.request.build_opener(NoRedirect)
        try:
            with opener.open(request, timeout=PATIENCE_S) as response:
                return response.status, response.headers, response.read().decode()
        except urllib.error.HTTPError as response:
            return response.code, response.headers, response.read().decode()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args, **kwargs):
        return None


@contextmanager
def serving(command, metrics, **environ):
    """Start a server, wait until it answers, and end it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    log = Path(metrics) / "stderr.log"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, *(part.format(address=address) for part in command)],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "DATABASE_URL": database_url(),
                "REDIS_URL": os.environ.get("REDIS_URL") or _valkey(),
                "PROMETHEUS_MULTIPROC_DIR": str(metrics),
                "LOG_LEVEL": "ERROR",
                **environ,
            },
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    server = Server(address, process, log)
    try:
        _wait(server)
        yield server
    finally:
        server.stop()


def _valkey():
    return settings.EMBEDDED.valkey.url


def _wait(server):
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            if server.get("/healthz")[0] == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"The server does not answer: {server.stop()}")
