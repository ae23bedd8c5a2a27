"""Fixtures every test may use; the embedded servers start before the first of them."""

import gc
import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import translation
from pytest_django.plugin import DjangoDbBlocker

from atmr.embedded import EmbeddedError
from tests.repeats import watched
from tests.template import migrated_template

CHROMIUM = next(
    filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), ""
)
INSTANCES = os.environ.get("ATMR_INSTANCES", "")


def pytest_configure(config: pytest.Config) -> None:
    if not CHROMIUM and os.environ.get("ATMR_REQUIRE_BROWSER") == "1":
        pytest.exit("ATMR_REQUIRE_BROWSER=1, and there is no Chromium.", returncode=1)
    if INSTANCES and not Path(INSTANCES).is_dir():
        pytest.exit(f"ATMR_INSTANCES names no folder: {INSTANCES}", returncode=1)
    settings.LANGUAGE_CODE = "en"  # tests quote the sources; the translations have their own
    settings.PASSWORD_HASHERS = settings.PASSWORD_HASHERS[::-1]  # the cheap one first
    settings.SLOW_STATEMENT_MS = 60_000  # a busy machine makes any slow; who tests it says when
    try:
        settings.EMBEDDED.ensure()
    except EmbeddedError as exc:
        pytest.exit(str(exc), returncode=1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this machine cannot run; the summary says so."""
    present = {
        "browser": CHROMIUM,
        "instances": INSTANCES,
        "replica": settings.EMBEDDED.postgres,  # of a server of ours a copy can be made
    }
    absent = {marker for marker, found in present.items() if not found}
    kept = [item for item in items if not absent & {mark.name for mark in item.iter_markers()}]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def pytest_collection_finish() -> None:
    """Spare the collector what lives until the end: it looked through all of it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 20)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    with watched():
        return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not CHROMIUM:
        terminalreporter.write_line("No Chromium here: the tests in a browser were left out.")
    if INSTANCES:
        terminalreporter.write_line(f"Published instances: those of {INSTANCES}")
    else:
        terminalreporter.write_line("Published instances: left out, ATMR_INSTANCES names none.")


@pytest.fixture(autouse=True)
def language() -> Generator[None]:
    """Each test begins in English, whoever signed in before it in this process."""
    with translation.override("en"):
        yield


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock():
        connection.settings_dict["TEST"]["TEMPLATE"] = migrated_template()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser of this machine."""
    return CHROMIUM


@pytest.fixture(scope="session")
def instances() -> Path:
    """The folder of the published benchmark instances."""
    return Path(INSTANCES)
