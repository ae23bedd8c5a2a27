"""A way back in for who lost telephone and paper, when nobody else can reset them."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from accounts.services import secondfactor


class Command(BaseCommand):
    help = (
        "Forget a person's second factor and end the sessions; the password stays.\n"
        "Example: manage.py reset_second_factor a.b@example.org"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    def handle(self, *, email: str, **_options: Any) -> None:
        user = User.objects.filter(email=email.lower()).first()
        if user is None:
            raise CommandError("Nobody signs in with this address.")
        secondfactor.reset(user=user)
        self.stdout.write("The second factor is forgotten, and the sessions are ended.")
