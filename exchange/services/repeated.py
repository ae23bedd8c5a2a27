"""Files of series: rules, exceptions and suspensions."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, time
from functools import cached_property
from typing import Any

from django.utils.translation import gettext_lazy as _

from atmr import clock
from bookings.csvcells import BadCell, parse_priority
from bookings.csvfile import HEADINGS, Line, LineError, plain
from bookings.models import (
    Anchor,
    BookingSeries,
    Priority,
    ReturnKind,
    SeriesException,
    SeriesSuspension,
)
from bookings.services import series
from dispatch.services import policies
from dispatch.services.intake import SERIES_AHEAD
from exchange.services import cells
from exchange.services.kind import Column, Draft, KnownKind, Values, reference_column
from exchange.services.related import Known

_WEEKDAYS = {
    "MO": "lundi, lun, lu, monday, mon, montag, mo",
    "TU": "mardi, mar, ma, tuesday, tue, dienstag",
    "WE": "mercredi, mer, me, wednesday, wed, mittwoch, mi",
    "TH": "jeudi, jeu, je, thursday, thu, donnerstag, do",
    "FR": "vendredi, ven, ve, friday, fri, freitag, fr",
    "SA": "samedi, sam, sa, saturday, sat, samstag",
    "SU": "dimanche, dim, sunday, sun, sonntag, so",
}
_DAY_OF = {plain(word): day for day, words in _WEEKDAYS.items() for word in words.split(",")}
_DAILY = {plain(word) for word in ("tous les jours", "chaque jour", "täglich", "daily")}
_SUSPENSION = re.compile(r"(\S+) - (\S+?)(?:: (.*))?")

Exceptions = dict[date, time | None]
Suspensions = list[tuple[date, date, str]]


class Series(KnownKind):
    """A series is known by the reference, else by client, places, first day and time."""

    slug = "series"
    label = _("Series of bookings")
    model = BookingSeries
    relations = ("client", "partner", "pickup_place", "delivery_place")
    extras = ("exceptions", "suspensions")

    def make_columns(self) -> list[Column]:
        places, clients, partners = (
            self.related.places,
            self.related.clients,
            self.related.partners,
        )
        day = cells.read_day(this_year=self.this_year)
        anchors = cells.read_choice(
            Anchor,
            pickup="prise en charge, départ, abholung",
            arrive_by="rendez-vous, rdv, arrivée, termin, ankunft",
        )
        returns = cells.read_choice(
            ReturnKind,
            none="non, aucun, sans, nein, kein, keine, no",
            timed="oui, fixe, ja, fest, yes",
            will_call="sur appel, will call, auf abruf",
        )
        return [
            reference_column(),
            Column("client", HEADINGS["client"], clients.read, clients.write, required=True),
            Column("partner", HEADINGS["partner"], partners.read, partners.write, empty=None),
            Column(
                "pickup_place", HEADINGS["pickup"] + ", pickup", places.read, places.write,
                required=True,
            ),
            Column(
                "delivery_place", HEADINGS["delivery"] + ", delivery", places.read, places.write,
                required=True,
            ),
            Column("anchor", "ancre, anker, heure de, zeit für", anchors, empty=Anchor.ARRIVE_BY),
            Column(
                "at_time", "time, heure, heure rdv, rdv, zeit, uhrzeit", cells.read_wall_time,
                _wall, required=True,
            ),
            Column("stay_min", "durée, minutes sur place, dauer", cells.read_number(0, 1440),
                   empty=0),
            Column("return_kind", "return, retour, rückfahrt", returns, empty=ReturnKind.NONE),
            Column("return_time", "heure de retour, heure retour, rückfahrt um",
                   cells.read_wall_time, _wall, empty=None),
            Column("rule", "règle, jours, days, regel, tage, wochentage", read_rule,
                   required=True),
            Column("starts_day", "first day, premier jour, dès le, début, ab, erster tag", day,
                   required=True),
            Column("until_day", "last day, dernier jour, jusqu'au, fin, bis, letzter tag", day,
                   empty=None),
            Column("on_holidays", "jours fériés, auch an feiertagen", cells.read_yes, empty=False),
            Column("priority", HEADINGS["priority"], parse_priority, empty=Priority.MEDICAL),
            Column("active", "actif, active, aktiv", cells.read_yes, empty=True),
            Column("exceptions", "ausnahmen", read_exceptions, write_exceptions, empty=None),
            Column("suspensions", "unterbrüche", read_suspensions, write_suspensions, empty=()),
        ]  # fmt: skip

    @cached_property
    def known(self) -> Known:
        rows = BookingSeries.objects.filter(company=self.company).order_by("pk")
        return Known(
            rows.select_related("company", "client", "partner", "pickup_place", "delivery_place")
        )

    def existing(self) -> Known:
        return self.known

    def read_line(self, line: Line, headings: dict[str, str]) -> Values | list[LineError]:
        values = super().read_line(line, headings)
        if isinstance(values, dict) and values.get("exceptions", ()) is None:
            values["exceptions"] = {}
        return values

    def same(self, values: Values) -> list[Any]:
        return self._alike.get(_identity(values), [])

    @cached_property
    def _alike(self) -> dict[object, list[Any]]:
        alike: dict[object, list[Any]] = defaultdict(list)
        names = ("client", "pickup_place", "delivery_place", "starts_day", "at_time")
        for row in self.known.rows:
            alike[_identity({name: getattr(row, name) for name in names})].append(row)
        return alike

    def identity(self, _row: Any, values: Values) -> object:
        return _identity(values)

    # --- Exceptions and suspensions -------------------------------------------------------------

    @cached_property
    def _stored(self) -> dict[str, dict[int, Any]]:
        exceptions: dict[int, Exceptions] = defaultdict(dict)
        suspensions: dict[int, Suspensions] = defaultdict(list)
        for found in SeriesException.objects.filter(series__company=self.company).order_by("day"):
            exceptions[found.series_id][found.day] = found.at_time
        rows = SeriesSuspension.objects.filter(series__company=self.company)
        for row in rows.order_by("from_day", "until_day", "pk"):
            suspensions[row.series_id].append((row.from_day, row.until_day, row.reason))
        return {"exceptions": exceptions, "suspensions": suspensions}

    def get(self, row: Any, name: str) -> Any:
        return self._stored[name][row.pk] if name in self.extras else super().get(row, name)

    def save(self, drafts: Sequence[Draft]) -> None:
        """Store series as their form does: bookings are made ahead, and follow what changes."""
        changed = [draft for draft in drafts if not draft.is_new]
        before = {draft.row.pk: series.definition_of(draft.row) for draft in changed}
        super().save(drafts)
        policy = policies.policy_of(self.company)
        ahead: dict[str, Any] = {
            "until_day": clock.local_day(self.now, self.company.tz) + SERIES_AHEAD,
            "now": self.now,
            "actor": self.actor,
            "window_before_min": policy.window_before_min,
            "window_after_min": policy.window_after_min,
        }
        made = [draft.row.pk for draft in drafts if draft.is_new]
        if made:
            done = series.materialise(company=self.company, only=made, **ahead)
            for refusal in done.refused.values():
                raise refusal
        for definition in before.values():
            series.follow_change(before=definition, **ahead)

    def save_extras(self, drafts: Sequence[Draft]) -> None:
        exceptions = self._to_write(drafts, "exceptions", SeriesException)
        SeriesException.objects.bulk_create(
            SeriesException(series=row, day=day, at_time=at)
            for row, given in exceptions
            for day, at in given.items()
        )
        suspensions = self._to_write(drafts, "suspensions", SeriesSuspension)
        SeriesSuspension.objects.bulk_create(
            SeriesSuspension(series=row, from_day=first, until_day=last, reason=reason)
            for row, given in suspensions
            for first, last, reason in given
        )

    def _to_write(
        self, drafts: Sequence[Draft], name: str, model: type[SeriesException | SeriesSuspension]
    ) -> Iterator[tuple[Any, Any]]:
        """Give the rows whose extras are written anew; what they had is gone."""
        chosen = [draft for draft in drafts if name in draft.changed]
        old = [draft.row.pk for draft in chosen if not draft.is_new]
        if old:
            model._default_manager.filter(series__in=old).delete()
        return ((draft.row, draft.values[name]) for draft in chosen)


def _identity(values: Values) -> object:
    names = ("client", "pickup_place", "delivery_place")
    return *(values[name].pk for name in names), values["starts_day"], values["at_time"]


def _wall(value: time | None) -> str:
    return value.isoformat(timespec="seconds" if value.second else "minutes") if value else ""


def read_rule(text: str) -> str:
    """Read an iCalendar rule, or the days of the week."""
    if "=" in text:
        return cells.read_text(200)(text)
    if plain(text) in _DAILY:
        return "FREQ=DAILY"
    days = [_DAY_OF.get(word) for word in re.split(r" (?:et |und |and )?", plain(text)) if word]
    if not days or None in days:
        raise BadCell(_("Write the days, such as lundi, mercredi, or FREQ=WEEKLY;BYDAY=MO,WE."))
    return f"FREQ=WEEKLY;BYDAY={','.join(day for day in _WEEKDAYS if day in days)}"


def read_exceptions(text: str) -> Exceptions:
    """Read days left out, or served at another time: 2027-04-05 | 2027-04-06 09:30."""
    found: Exceptions = {}
    for part in re.split(r"[|\n]", text):
        words = part.split()
        if not 1 <= len(words) <= 2:
            raise BadCell(_EXCEPTIONS)
        found[_iso(words[0], _EXCEPTIONS)] = cells.read_wall_time(words[1]) if words[1:] else None
    return found


def write_exceptions(found: Exceptions) -> str:
    return cells.write_list(f"{day} {_wall(at)}".strip() for day, at in sorted(found.items()))


def read_suspensions(text: str) -> Suspensions:
    """Read the days of rest, one to a line: 2027-04-05 - 2027-04-12: reason."""
    found: Suspensions = []
    for part in text.splitlines():
        written = _SUSPENSION.fullmatch(part.strip())
        if written is None:
            raise BadCell(_SUSPENSIONS)
        first, last = (_iso(written[place], _SUSPENSIONS) for place in (1, 2))
        if last < first:
            raise BadCell(_("The last day is not before the first."))
        found.append((first, last, cells.read_text(200)(written[3] or "")))
    return found


def write_suspensions(found: Suspensions) -> str:
    return "\n".join(
        f"{first} - {last}" + (f": {reason}" if reason else "")
        for first, last, reason in sorted(found)
    )


def _iso(text: str, accepted: Any) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise BadCell(accepted) from exc


_EXCEPTIONS = _("Write days such as 2027-04-05 | 2027-04-06 09:30: without a time, it is left out.")
_SUSPENSIONS = _("Write one to a line: 2027-04-05 - 2027-04-12: reason.")
