from django.apps import AppConfig


class AtmrConfig(AppConfig):
    """The project itself: wiring, system checks and the command for embedded servers."""

    name = "atmr"

    def ready(self) -> None:
        from atmr import celery, checks  # noqa: F401, PLC0415 - importing registers them
        from atmr.watching import statements, tasks  # noqa: F401, PLC0415

        statements.start()
