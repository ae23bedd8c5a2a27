"""What watching costs a fast statement and a request's bookkeeping."""

import time
from argparse import ArgumentParser
from collections.abc import Callable
from statistics import median
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection
from django.test import RequestFactory
from django.urls import resolve

from atmr.watching import requests
from atmr.watching.statements import Watcher


class Command(BaseCommand):
    help = "Time a fast statement watched and unwatched. Example: manage.py bench_watching"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--statements", type=int, default=2000, help="in each round")
        parser.add_argument("--rounds", type=int, default=9, help="alternating; the median counts")

    def handle(self, *, statements: int, rounds: int, **options: Any) -> str:  # noqa: ARG002
        connection.ensure_connection()
        plain: list[float] = []
        watched: list[float] = []
        for _ in range(rounds):
            plain.append(self._statement(statements, watch=False))
            watched.append(self._statement(statements, watch=True))
        alone = timed(_watcher(), statements)
        counting = timed(_counting(), statements)
        return (
            f"a fast statement: {median(plain):.1f} us, watched {median(watched):.1f} us\n"
            f"the watcher alone: {alone:.1f} us\ncounting a request: {counting:.1f} us"
        )

    def _statement(self, times: int, *, watch: bool) -> float:
        usual = connection.execute_wrappers
        mine = [each for each in usual if watch or not isinstance(each, Watcher)]
        connection.execute_wrappers = mine
        try:
            with connection.cursor() as cursor:
                return timed(lambda: cursor.execute("SELECT 1"), times)
        finally:
            connection.execute_wrappers = usual


def timed(work: Callable[[], Any], times: int) -> float:
    """Give microseconds for one of `times`."""
    started = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - started) / times * 1e6


def _watcher() -> Callable[[], Any]:
    watcher = Watcher("default")
    return lambda: watcher(lambda *_: None, "SELECT 1", None, False, {})  # noqa: FBT003


def _counting() -> Callable[[], Any]:
    request = RequestFactory().get("/healthz")
    request.resolver_match = resolve("/healthz")
    return lambda: requests.observe(request, 200, 0.001)
