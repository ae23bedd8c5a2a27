"""What can be wrong with an installation, found before it hurts."""

from collections.abc import Sequence
from typing import Any

from django.apps.config import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

# One operator at a shell, one scheduler, and what PostgreSQL keeps for its superusers.
CONNECTIONS_ASIDE = 3 * settings.CONNECTIONS_OTHER + 3


@register(Tags.database)
def check_connections(
    app_configs: Sequence[AppConfig] | None,  # noqa: ARG001 - Django's signature
    databases: Sequence[str] | None = None,
    **kwargs: Any,  # noqa: ARG001
) -> list[CheckMessage]:
    """All processes together must not want more connections than the server gives."""
    wanted = (
        settings.WEB_PROCESSES * settings.CONNECTIONS_WEB
        + settings.WORKER_PROCESSES * settings.CONNECTIONS_OTHER
        + CONNECTIONS_ASIDE
    )
    messages: list[CheckMessage] = []
    for alias in databases or []:
        with connections[alias].cursor() as cursor:
            cursor.execute("SHOW max_connections")
            (given,) = cursor.fetchone()
        if wanted > int(given):
            messages.append(
                Error(
                    f"Up to {wanted} connections are wanted, and the database gives {given}.",
                    hint="Lower WEB_CONCURRENCY or ATMR_WORKERS, or raise max_connections.",
                    id="atmr.E001",
                )
            )
    return messages
