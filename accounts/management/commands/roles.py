"""The table of roles as a document."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts import roles


class Command(BaseCommand):
    help = (
        "Print docs/roles.md, who may do what, from the table in accounts/roles.py.\n"
        "Example: manage.py roles > docs/roles.md"
    )
    requires_system_checks = ()

    def handle(self, **_options: Any) -> None:
        self.stdout.write(roles.document(), ending="")
