"""Alerts: rules that name figures which exist, and an e-mail once per outbreak."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
import time_machine
import yaml
from django.conf import settings as project

from accounts.models import Language, Role
from atmr import tasks
from atmr.settings import mail_server
from atmr.watching import recent
from dispatch.models import RunState
from dispatch.services import gauges
from tests.dispatch.days import Line, plan
from tests.factories import CompanyFactory, DispatchRunFactory, UserFactory
from tests.watching.test_metrics import scraped, succeeds

ROOT = Path(project.BASE_DIR)
RULES = [
    rule
    for group in yaml.safe_load((ROOT / "ops" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
NOON = datetime(2027, 3, 10, 12, 0, 5, tzinfo=UTC)


@pytest.mark.django_db
def test_every_figure_of_a_rule_is_exported(client, board, ask, everything_is_slow):
    line = Line(CompanyFactory())
    line.booking(1, 3, 9)
    plan(line.company)
    gauges.count_run(DispatchRunFactory(state=RunState.REFUSED))
    succeeds.delay()
    ask("SELECT 1")
    client.get("/healthz")
    exported = {name for family in scraped(client) for name in names(family)}

    used = {name for rule in RULES for name in re.findall(r"\batmr_\w+", rule["expr"])}

    assert len(used) > 10
    assert used - exported == set()


def names(family):
    return {family.name} | {sample.name for sample in family.samples}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_rule_says_what_is_wrong_and_leads_to_what_to_do(rule):
    file, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / file).read_text(), re.MULTILINE)

    anchors = {re.sub(r"[^\w -]", "", text).lower().replace(" ", "-") for text in headings}

    assert anchor in anchors
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["next"]
    assert rule["labels"]["severity"] in {"page", "warn"}


# --- The e-mail ---------------------------------------------------------------------------------

ENTRY = {
    "at": "2027-03-10T11:58:00+00:00", "ms": 1234, "fingerprint": "0123456789ab",
    "shape": "SELECT ? FROM x", "site": "dispatch/services/loading.py:9 load",
    "kind": "task", "sender": "dispatch.tasks.plan_day", "run": 77,
}  # fmt: skip


@pytest.fixture
def mail(settings, board, mailoutbox):
    settings.EMAIL_URL = "smtp://mail.example:587"
    settings.SLOW_STATEMENTS_MAIL_OVER = 3
    return mailoutbox


def outbreak(at, number):
    with time_machine.travel(at - timedelta(minutes=2), tick=False):
        for _ in range(number):
            recent.keep(ENTRY)


def look(at):
    with time_machine.travel(at, tick=False):
        return tasks.warn_of_slow_statements()


@pytest.mark.django_db
def test_administrators_are_told_in_their_language(mail):
    UserFactory(role=Role.ADMINISTRATOR, company=None, language=Language.ENGLISH, email="a@x.test")
    UserFactory(role=Role.ADMINISTRATOR, company=None, language=Language.GERMAN, email="b@x.test")
    UserFactory(role=Role.ADMINISTRATOR, company=None, is_active=False)
    UserFactory(role=Role.MANAGER)
    outbreak(NOON, 4)

    assert look(NOON) == 2

    assert [message.to for message in mail] == [["a@x.test"], ["b@x.test"]]
    assert mail[0].subject == "ATMR: 4 slow statements in five minutes"
    assert "SELECT ? FROM x" in mail[0].body
    assert "dispatch.tasks.plan_day" in mail[0].body
    assert mail[0].body.count("SELECT ? FROM x") == 1


@pytest.mark.django_db
def test_an_outbreak_is_told_once_and_the_next_one_again(mail):
    UserFactory(role=Role.ADMINISTRATOR, company=None)
    outbreak(NOON, 4)
    outbreak(NOON + timedelta(minutes=5), 4)
    outbreak(NOON + timedelta(minutes=15), 4)

    told = [look(NOON + timedelta(minutes=ago)) for ago in (0, 5, 10, 15)]

    assert told == [1, 0, 0, 1]
    assert len(mail) == 2


@pytest.mark.django_db
def test_what_is_not_above_the_number_or_older_is_not_told(mail):
    UserFactory(role=Role.ADMINISTRATOR, company=None)
    outbreak(NOON, 3)
    outbreak(NOON - timedelta(minutes=10), 9)

    assert look(NOON) == 0
    assert mail == []


@pytest.mark.django_db
def test_without_a_mail_server_the_log_says_so(mail, settings):
    settings.EMAIL_URL = ""
    UserFactory(role=Role.ADMINISTRATOR, company=None)
    outbreak(NOON, 4)

    with structlog.testing.capture_logs() as logs:
        look(NOON)

    assert mail == []
    assert logs[-1]["event"] == "many slow statements, and no mail server to tell it"


@pytest.mark.django_db
def test_without_a_cache_server_nobody_counts_and_the_log_says_so(mail, monkeypatch):
    monkeypatch.setattr(recent, "server", lambda: None)

    with structlog.testing.capture_logs() as logs:
        assert look(NOON) == 0

    assert logs[-1]["event"] == "slow statements are not counted: no cache server"


@pytest.mark.django_db
def test_a_mail_that_could_not_be_sent_is_tried_again(mail, monkeypatch):
    UserFactory(role=Role.ADMINISTRATOR, company=None)
    outbreak(NOON, 4)

    def refuse(*args):
        raise ConnectionRefusedError

    with monkeypatch.context() as patch:
        patch.setattr(tasks.EmailMessage, "send", refuse)
        with pytest.raises(ConnectionRefusedError):
            look(NOON)

    assert look(NOON) == 1
    assert len(mail) == 1


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("smtp://u%40x:p%2Fw@h", ("h", 587, "u@x", "p/w", False, True)),
        ("smtps://h", ("h", 465, "", "", True, False)),
        ("smtp://localhost:25", ("localhost", 25, "", "", False, False)),
    ],
)
def test_the_mail_server_is_read_from_one_address(url, read):
    assert mail_server(url) == read
