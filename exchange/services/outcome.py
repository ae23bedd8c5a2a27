"""What a file says, and what became of it."""

from dataclasses import dataclass, field

from django.db import transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from atmr.errors import DomainError
from bookings.csvfile import LineError

# So many differences are kept to be shown; all are counted.
SHOWN = 200


class ChangedMeanwhile(DomainError):
    message = _("The company's data changed since the preview. Look at the differences again.")


@dataclass(frozen=True)
class Difference:
    """What a line makes or changes."""

    line: int
    name: str
    is_new: bool
    changes: list[tuple[str, str, str]]  # heading, before, after


@dataclass
class Outcome:
    """What a file says, and what became of it."""

    lines: int = 0
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    errors: list[LineError] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    added: list[str] = field(default_factory=list)  # what lines bring beside their own rows
    digest: str = ""
    applied: bool = False

    def settle(self, *, apply: bool, expected: str) -> None:
        """Let the transaction stand when all lines are good and nothing else was expected.

        :raises ChangedMeanwhile: the differences are others than those of the preview.
        """
        self.errors.sort(key=lambda error: error.line)
        if expected and apply and not self.errors and expected != self.digest:
            raise ChangedMeanwhile
        self.applied = apply and not self.errors
        transaction.set_rollback(not self.applied)

    def summary(self) -> str:
        """Say in one line what the file holds."""
        return gettext(
            "%(lines)s lines: %(created)s new, %(changed)s changed, %(unchanged)s as they are,"
            " %(bad)s bad lines"
        ) % {
            "lines": self.lines,
            "created": self.created,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "bad": len({error.line for error in self.errors}),
        }
