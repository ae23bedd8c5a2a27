"""Fixtures every test may use; the embedded servers start before the first of them."""

import pytest
from django.conf import settings

from atmr.embedded import EmbeddedError


def pytest_configure(config: pytest.Config) -> None:
    try:
        settings.EMBEDDED.ensure()
    except EmbeddedError as exc:
        pytest.exit(str(exc), returncode=1)
