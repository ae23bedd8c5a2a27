"""A company and its first manager, from nothing."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Language
from accounts.services import companies, letters
from accounts.services.links import Purpose
from atmr.errors import DomainError


class Command(BaseCommand):
    help = (
        "Make a company, and send its first manager a letter with a link to choose a password.\n"
        "Repeated, it refuses and changes nothing.\n"
        "Example: manage.py create_company acme --name 'Acme Transport' --manager a.b@example.org"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="short name, in addresses and commands")
        parser.add_argument("--name", required=True)
        parser.add_argument("--manager", required=True, help="e-mail of the first manager")
        parser.add_argument("--manager-name", default="")
        parser.add_argument("--language", default="fr", help=", ".join(Language.values))
        parser.add_argument("--time-zone", default="Europe/Zurich")

    def handle(self, **options: Any) -> None:
        try:
            company, user = companies.open_company(
                slug=options["slug"],
                name=options["name"],
                email=options["manager"],
                manager=options["manager_name"],
                language=options["language"],
                time_zone=options["time_zone"],
            )
        except DomainError as error:
            raise CommandError(str(error)) from error
        try:
            letters.send_link(user=user, purpose=Purpose.INVITATION, now=timezone.now())
        except OSError as error:
            raise CommandError(
                f"The company {company.slug} is there, but the letter could not be sent: {error}."
                " Once the mail server answers, the manager asks for a link on the sign-in page."
            ) from error
        self.stdout.write(f"{company.slug}: made. {user.email} has a letter with a link.")
