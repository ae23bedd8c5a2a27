"""/metrics for Prometheus: the sum of all processes of this machine, and what the database says."""

import secrets
from collections.abc import Iterator

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from atmr.health import Unavailable, probed
from atmr.origin import from_this_machine
from atmr.watching import folder
from dispatch.services import gauges


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer Prometheus; strangers are refused."""
    if not may_read(request):
        return HttpResponse("refused", status=403, content_type="text/plain")
    with folder.tidied(settings.METRICS_DIR):
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
