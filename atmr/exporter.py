"""/metrics for Prometheus: the sum of all processes of this machine, and what the database says.

Processes count in files of one folder (`prometheus_client`'s multiprocess mode), each in its own.
Those of processes that have ended are added up into one, so that the sum never falls and the
folder does not grow with restarts.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.registry import Collector

from atmr.health import Unavailable, probed
from atmr.origin import from_this_machine
from dispatch.services import gauges

ENDED = 0  # in place of a process: no process has this number


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer Prometheus; strangers are refused."""
    if not may_read(request):
        return HttpResponse("refused", status=403, content_type="text/plain")
    with locked(settings.METRICS_DIR):
        add_up_ended(settings.METRICS_DIR)
        response: HttpResponse = ExportToDjangoView(request)
    registry = CollectorRegistry()
    registry.register(FromDatabase())
    response.content += generate_latest(registry)
    return response


def may_read(request: HttpRequest) -> bool:
    """Ask for the token; where none is set, for a request made on this machine."""
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        wanted = f"Bearer {settings.METRICS_TOKEN}"
        return secrets.compare_digest(given.encode(), wanted.encode())
    return from_this_machine(request)


class FromDatabase(Collector):
    """The figures that the database knows, read by one statement when Prometheus asks."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give the gauges; without a database, only that there is none."""
        answers = GaugeMetricFamily("atmr_database_up", "1 when the database answered in time.")
        try:
            with probed() as cursor:
                found = gauges.read(cursor)
        except Unavailable:
            answers.add_metric([], 0)
            yield answers
            return
        answers.add_metric([], 1)
        yield answers
        for name, (text, label) in gauges.GAUGES.items():
            gauge = GaugeMetricFamily(name, text, labels=[label] if label else [])
            for value, number in found[name].items():
                gauge.add_metric([value] if label else [], number)
            yield gauge


# --- The folder ---------------------------------------------------------------------------------


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let one process at a time read and tidy the folder, so that nothing is counted twice."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def add_up_ended(folder: Path) -> None:
    """Add what ended processes counted to one file; their gauges say nothing any more."""
    for path in sorted(folder.glob("*.db")):
        kind, _, number = path.stem.rpartition("_")
        if int(number) == ENDED or is_alive(int(number)):
            continue
        if not kind.startswith("gauge"):
            total = MmapedDict(str(folder / f"{kind}_{ENDED}.db"))
            for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path)):
                total.write_value(key, total.read_value(key)[0] + value, 0.0)
            total.close()
        path.unlink()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, so alive
        return True
    return True
