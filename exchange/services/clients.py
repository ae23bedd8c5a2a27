"""Files of clients."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.models import Language
from bookings.csvcells import parse_companions, parse_mobility
from bookings.csvfile import HEADINGS, Line, LineError
from bookings.models import Client, Mobility
from bookings.services.lookups import any_order
from exchange.services import cells
from exchange.services.kind import Column, Draft, KnownKind, Values, reference_column
from exchange.services.related import Known

_DRIVERS = ("preferred_drivers", "refused_drivers")


class Clients(KnownKind):
    """A client is known by the reference, else by the name and the birth date."""

    slug = "clients"
    label = _("Clients")
    model = Client
    relations = ("partner", "home")
    extras = _DRIVERS
    only_read = ("first_name",)

    def make_columns(self) -> list[Column]:
        places, partners, drivers = (
            self.related.places,
            self.related.partners,
            self.related.drivers,
        )
        language = cells.read_choice(
            Language, fr="français, französisch", de="allemand, deutsch", en="anglais, englisch"
        )
        return [
            reference_column(),
            Column("name", HEADINGS["client"], cells.read_text(120), required=True),
            Column("first_name", HEADINGS["first_name"], cells.read_text(120)),
            Column(
                "birth_day",
                HEADINGS["birth_day"],
                cells.read_day(this_year=self.this_year, born=True),
                empty=None,
            ),
            Column("phone", HEADINGS["phone"], cells.read_phone),
            Column("language", "langue, sprache", language, empty=self.company.language),
            Column(
                "home",
                "home place, domicile, adresse, lieu de domicile, zuhause, wohnort",
                places.read,
                places.write,
                empty=None,
            ),
            Column("floor", "étage, stockwerk, stock", cells.read_text(20)),
            Column("door_code", "code, code porte, türcode", cells.read_text(20)),
            Column(
                "access_notes", "accès, zugang", cells.read_notes, cells.write_notes
            ),
            Column("active", "actif, active, aktiv", cells.read_yes, empty=True),
            Column("mobility", HEADINGS["mobility"], parse_mobility, empty=Mobility.WALKS),
            Column("companions", HEADINGS["companions"], parse_companions, empty=0),
            Column(
                "partner", HEADINGS["partner"], partners.read, partners.write, empty=None
            ),
            *(
                Column(
                    name,
                    words,
                    cells.read_list(drivers.read),
                    lambda rows: cells.write_list(map(drivers.write, rows)),
                    empty=(),
                )
                for name, words in (
                    ("preferred_drivers", "chauffeurs préférés, bevorzugte fahrer"),
                    ("refused_drivers", "chauffeurs refusés, abgelehnte fahrer"),
                )
            ),
            Column(
                "boarding_min",
                "minutes d'embarquement, embarquement, einsteigezeit",
                cells.read_number(0, 60),
                empty=0,
            ),
            Column(
                "boarding_notes",
                "notes, remarques, remarque, bemerkungen, hinweise",
                cells.read_notes,
                cells.write_notes,
            ),
        ]  # fmt: skip

    def read_line(self, line: Line, headings: dict[str, str]) -> Values | list[LineError]:
        values = super().read_line(line, headings)
        if isinstance(values, list):
            return values
        if first := values.pop("first_name", ""):
            values["name"] = f"{first} {values['name']}"
        if len(values["name"]) > 120:
            text = _("Write at most %(count)s characters.") % {"count": 120}
            return [LineError(line.number, headings["name"], values["name"], text)]
        twice = set(values.get("preferred_drivers", ())) & set(values.get("refused_drivers", ()))
        if twice:
            both = _("A driver is preferred or refused, not both.")
            cell = line.cells["refused_drivers"]
            return [LineError(line.number, headings["refused_drivers"], cell, both)]
        return values

    def existing(self) -> Known:
        return self.related.clients

    def same(self, values: Values) -> list[Any]:
        """Give those of this name; of another birth date is somebody else."""
        namesakes = self.existing().named(values["name"])
        if born := values.get("birth_day"):
            namesakes = [row for row in namesakes if row.birth_day in {born, None}]
            namesakes = [row for row in namesakes if row.birth_day] or namesakes
        return namesakes

    def identity(self, row: Any, _values: Values) -> object:
        return any_order(row.name), row.birth_day

    @cached_property
    def chosen(self) -> dict[str, dict[int, list[Any]]]:
        """Give the drivers preferred and refused, by client."""
        by_id = {driver.pk: driver for driver in self.related.drivers.rows}
        chosen: dict[str, dict[int, list[Any]]] = {}
        for name in _DRIVERS:
            through = getattr(Client, name).through
            pairs = through.objects.filter(client__company=self.company).order_by("id")
            chosen[name] = {}
            for client, driver in pairs.values_list("client_id", "driver_id"):
                chosen[name].setdefault(client, []).append(by_id[driver])
        return chosen

    def get(self, row: Any, name: str) -> Any:
        if name == "first_name":
            return ""
        return self.chosen[name].get(row.pk, []) if name in _DRIVERS else super().get(row, name)

    def save_extras(self, drafts: Sequence[Draft]) -> None:
        for name in _DRIVERS:
            through: Any = getattr(Client, name).through
            changed = [draft for draft in drafts if name in draft.changed]
            if not changed:
                continue
            through.objects.filter(client__in=[draft.row.pk for draft in changed]).delete()
            through.objects.bulk_create(
                through(client_id=draft.row.pk, driver_id=driver.pk)
                for draft in changed
                for driver in draft.values[name]
            )
