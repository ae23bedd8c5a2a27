"""Files of bookings: what `import_bookings` does, all of a file or none."""

import hashlib
from collections.abc import Callable

from django.db import transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from bookings import csvfile
from bookings.models import Booking
from bookings.services import importing
from exchange.services.kind import FileKind
from exchange.services.outcome import SHOWN, Difference, Outcome


class Bookings(FileKind):
    """Bookings are known by their partner's reference, else by client, time and places.

    They are not exported here: the list of bookings has its own.
    """

    slug = "bookings"
    label = _("Bookings")
    model = Booking

    def bring(
        self, content: bytes, *, apply: bool, expected: str, progress: Callable[[int, int], None]
    ) -> Outcome:
        """Book the lines of a file as pending, or tell what would be booked."""
        with transaction.atomic():
            report = importing.import_bookings(
                company=self.company,
                content=content,
                actor=self.actor,
                now=self.now,
                all_or_nothing=True,
                progress=progress,
            )
            table = csvfile.read(content)
            outcome = Outcome(
                lines=report.lines,
                created=len(report.created),
                unchanged=len(report.already_there),
                errors=report.errors,
                ignored=report.ignored,
            )
            known = {number for number, _same in report.already_there}
            known |= {error.line for error in report.errors}
            new = [line for line in table.lines if line.number not in known]
            outcome.differences = [_difference(line, table.headings) for line in new[:SHOWN]]
            outcome.added = [*report.places]
            if report.clients:
                outcome.added.append(gettext("%(clients)s clients") % {"clients": report.clients})
            facts = [[line.number for line in new], outcome.added, report.clients]
            outcome.digest = hashlib.sha256(repr(facts).encode()).hexdigest()
            outcome.settle(apply=apply, expected=expected)
        return outcome


def _difference(line: csvfile.Line, headings: dict[str, str]) -> Difference:
    changes = [(headings[name], "", text) for name, text in line.cells.items() if text]
    return Difference(line.number, line.cells.get("client", ""), is_new=True, changes=changes)
