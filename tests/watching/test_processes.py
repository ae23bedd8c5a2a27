"""Real processes: one sum for all of them, and no tool of a developer's in production."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.watching.serving import GUNICORN, PRODUCTION, serving

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def production(tmp_path):
    with serving(GUNICORN, tmp_path, **PRODUCTION, ATMR_METRICS_TOKEN="s3cret") as server:
        yield server


def figures(server):
    status, _, body = server.get("/metrics", Authorization="Bearer s3cret")
    assert status == 200
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }


def test_production_sums_its_processes_and_is_closed(production, tmp_path):
    count = ("atmr_requests_total", ("method", "GET"), ("route", "healthz"), ("status", "200"))
    before = figures(production)[count]
    for _ in range(40):
        production.get("/healthz")

    # As many files as processes that answered; each look at the figures gives the sum of all.
    assert len(list(tmp_path.glob("counter_*.db"))) == 2
    seen = {figures(production)[count] for _ in range(6)}
    assert seen == {before + 40}

    assert production.get("/metrics")[0] == 403
    assert production.get("/readyz")[0] == 200
    for path in ("/silk/", "/silk/requests/", "/__debug__/render_panel/", "/__debug__/"):
        assert production.get(path)[0] == 404, path
    assert "djdt" not in production.get("/no/such/page")[2]
