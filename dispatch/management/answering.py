"""How commands answer: a text, or with ``--json`` exactly one object, refused or not."""

import json
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Company
from atmr.errors import DomainError


@dataclass(frozen=True)
class Answer:
    """What a command found; with a `refusal`, that it did nothing and why."""

    found: dict[str, Any]
    text: str
    refusal: str = ""


class NoSuchCompany(DomainError):
    message = "There is no company “%(slug)s”."


class AnsweringCommand(BaseCommand):
    """Exits 0 with its answer, or 1 with one line that says why not."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:
        try:
            answer = self.answer(**options)
        except DomainError as error:
            answer = Answer({"error": error.code, "message": str(error)}, "", str(error))
        if options["json"]:
            self.stdout.write(json.dumps(answer.found))
        if answer.refusal:
            raise CommandError(answer.refusal)
        if not options["json"]:
            self.stdout.write(answer.text)

    @abstractmethod
    def answer(self, **options: Any) -> Answer:
        """Do the work; a refusal may also be raised as a DomainError."""


def company_of(slug: str) -> Company:
    """Give a company and its policy.

    :raises NoSuchCompany: none has this short name.
    """
    found = Company.objects.select_related("policy").filter(slug=slug).first()
    if found is None:
        raise NoSuchCompany(slug=slug)
    return found
