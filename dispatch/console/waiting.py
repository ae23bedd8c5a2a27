"""A booking that is in nobody's day: why, and what would help."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.models import Booking
from dispatch.console.decisions import Step
from dispatch.models import Unassigned
from dispatch.services import explaining
from fleet.models import Shift

FIXES: Mapping[str, Promise] = {
    "another_time": gettext_lazy("Another time would help."),
    "longer_shift": gettext_lazy("A longer shift would help."),
    "another_break": gettext_lazy("Another time for the break would help."),
    "other_vehicle": gettext_lazy("Another vehicle would help."),
    "other_driver": gettext_lazy("Another driver would help."),
    "higher_limit": gettext_lazy("A higher limit of bookings would help."),
    "reserve_drivers": gettext_lazy("Switching the reserve drivers on would help."),
    "renew_documents": gettext_lazy("Valid documents would help."),
}


@dataclass(frozen=True)
class Waiting:
    """A booking without a driver: what can be done, and what the last plan said."""

    booking: Booking
    steps: Sequence[Step]
    verdict: Unassigned | None = None
    is_new: bool = False  # accepted, or taken back, since the last plan
    nearest: Shift | None = None  # whose driver misses it by least

    @property
    def why(self) -> str:
        """Put the reason into words, with the nearest driver's miss where there is one."""
        if self.verdict is None:
            return ""
        reason, found = self.verdict.reason, self.verdict.nearest_fix.get("nearest", {})
        if reason not in explaining.SENTENCES:
            return reason
        sentence = explaining.sentence(reason, found.get("amount"))
        if self.nearest is None:
            return sentence
        return _("%(driver)s: %(why)s") % {"driver": self.nearest.driver, "why": sentence}

    @property
    def fix(self) -> str:
        found = self.verdict.nearest_fix.get("nearest", {}) if self.verdict else {}
        return str(FIXES.get(found.get("fix", ""), ""))
