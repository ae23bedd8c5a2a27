"""Fixtures every test may use; the embedded servers start before the first of them."""

import os

import pytest
from django.conf import settings

from atmr import embedded


def pytest_configure(config: pytest.Config) -> None:
    if not os.environ.get("DATABASE_URL"):
        embedded.Postgres(settings.EMBEDDED).ensure()
