"""Files of vehicles, with a line for each of their layouts."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from atmr.rows import RowsQuerySet
from bookings.csvfile import Line, LineError, plain
from exchange.services import cells
from exchange.services.kind import Column, Draft, KnownKind, Values
from exchange.services.related import Known
from fleet.models import Equipment, LicenceCategory, Vehicle, VehicleLayout

_LAYOUT = ("layout", "seats", "wheelchairs", "stretchers", "seat_in_wheelchair_place")
Room = tuple[int, int, int, bool]  # seats, wheelchairs, stretchers, a person in a wheelchair place


class Vehicles(KnownKind):
    """A vehicle is known by its plate; its layouts by their names."""

    slug = "vehicles"
    label = _("Vehicles and layouts")
    model = Vehicle
    extras = ("layouts",)

    def make_columns(self) -> list[Column]:
        equipment = cells.read_choice(
            Equipment,
            ramp="rampe",
            lift="hayon, élévateur, hebebühne",
            oxygen="oxygène, sauerstoff",
            stair_chair="chaise d'escalier, treppenstuhl",
            child_seat="siège enfant, kindersitz",
        )
        return [
            Column(
                "plate",
                "plaque, immatriculation, plaques, kontrollschild, kennzeichen, nummernschild",
                cells.read_text(16),
                required=True,
            ),
            Column("name", "nom, désignation, véhicule, bezeichnung", cells.read_text(80)),
            Column(
                "licence_category",
                "licence needed, licence, permis, catégorie, ausweis, kategorie",
                cells.read_choice(LicenceCategory),
                empty=LicenceCategory.B,
            ),
            Column(
                "equipment",
                "équipement, ausrüstung",
                cells.read_list(equipment),
                cells.write_list,
                empty=(),
            ),
            Column(
                "inspection_day",
                "inspection, expertise, contrôle, mfk, prüfung",
                cells.read_day(this_year=self.this_year),
                empty=None,
            ),
            Column("active", "actif, en service, aktiv", cells.read_yes, empty=True),
            Column("layout", "aménagement, configuration, anordnung", cells.read_text(80)),
            Column("seats", "places, places assises, sitze", cells.read_number(0, 60), empty=0),
            Column(
                "wheelchairs",
                "fauteuils, places fauteuil, rollstühle, rollstuhlplätze",
                cells.read_number(0, 20),
                empty=0,
            ),
            Column("stretchers", "brancards, civières, tragen", cells.read_number(0, 10), empty=0),
            Column(
                "seat_in_wheelchair_place",
                "strapontins, klappsitze, folding seats",
                cells.read_yes,
                empty=False,
            ),
        ]

    def existing(self) -> Known:
        return self.related.vehicles

    def same(self, values: Values) -> list[Any]:
        return self.existing().named(values["plate"])

    def identity(self, _row: Any, values: Values) -> object:
        return plain(values["plate"])

    # --- Lines of one vehicle -------------------------------------------------------------------

    def units(self, lines: list[Line]) -> list[list[Line]]:
        units: dict[object, list[Line]] = defaultdict(list)
        for line in lines:
            plate = plain(line.cells.get("plate", ""))
            units[plate or line.number].append(line)
        return list(units.values())

    def values_of(self, lines: list[Line], headings: dict[str, str]) -> Values | list[LineError]:
        """Read the lines of a vehicle: what is said about it once, and each layout."""
        errors: list[LineError] = []
        vehicle: Values = {}
        layouts: dict[str, Room] = {}
        for line in lines:
            values = self.read_line(line, headings)
            if isinstance(values, list):
                errors += values
                continue
            layout = {name: values.pop(name) for name in _LAYOUT if name in values}
            errors += self._layout(line, headings, layout, layouts)
            errors += self._differing(line, headings, lines[0], vehicle, values)
            vehicle = vehicle or values
        if errors:
            return errors
        return vehicle | ({"layouts": layouts} if layouts else {})

    def _differing(
        self, line: Line, headings: dict[str, str], first: Line, vehicle: Values, values: Values
    ) -> Iterator[LineError]:
        """Refuse what a further line of a vehicle says otherwise; empty cells say nothing there."""
        for name, value in values.items():
            text = line.cells.get(name, "")
            if vehicle and name != "plate" and text and value != vehicle[name]:
                why = _("Line %(line)s says otherwise about this vehicle.") % {"line": first.number}
                yield LineError(line.number, headings[name], text, why)

    def _layout(
        self, line: Line, headings: dict[str, str], values: Values, layouts: dict[str, Room]
    ) -> Iterator[LineError]:
        name = values.get("layout", "")
        seats, wheelchairs, stretchers = (
            values.get(part, 0) for part in ("seats", "wheelchairs", "stretchers")
        )

        def refused(why: str | Promise) -> LineError:
            return LineError(line.number, headings.get("layout", "layout"), name, why)

        if not name and not any(values.values()):
            return  # nothing is said about a layout
        if not name:
            yield refused(_("Name the layout: a vehicle may have several."))
        elif name in layouts:
            yield refused(_("The vehicle has a layout of this name already."))
        elif not seats + wheelchairs + stretchers:
            yield refused(_("A layout has room for one client at least."))
        else:
            folding = bool(values.get("seat_in_wheelchair_place"))
            layouts[name] = (seats, wheelchairs, stretchers, folding)

    # --- A row and its layouts ------------------------------------------------------------------

    @cached_property
    def stored(self) -> dict[int, dict[str, VehicleLayout]]:
        """Give the layouts by vehicle and name."""
        stored: dict[int, dict[str, VehicleLayout]] = defaultdict(dict)
        rows = VehicleLayout.objects.filter(vehicle__company=self.company).order_by("id")
        for layout in rows:
            stored[layout.vehicle_id][layout.name] = layout
        return stored

    def get(self, row: Any, name: str) -> Any:
        if name == "layouts":
            return {layout: _room(found) for layout, found in self.stored[row.pk].items()}
        return super().get(row, name)

    def write(self, name: str, value: Any) -> str:
        return _as_text(value) if name == "layouts" else super().write(name, value)

    def difference(self, row: Any, name: str, value: Any) -> tuple[str, str]:
        """Compare the layouts that the file names; others stay as they are."""
        if name != "layouts":
            return super().difference(row, name, value)
        stored = self.get(row, name)
        return _as_text({key: stored[key] for key in value if key in stored}), _as_text(value)

    def save_extras(self, drafts: Sequence[Draft]) -> None:
        made: list[VehicleLayout] = []
        changed: list[VehicleLayout] = []
        for draft in drafts:
            stored = {} if draft.is_new else self.stored[draft.row.pk]
            for name, room in draft.values.get("layouts", {}).items():
                layout = stored.get(name) or VehicleLayout(vehicle=draft.row, name=name)
                layout.vehicle = draft.row
                if layout.pk is None or _room(layout) != room:
                    (made if layout.pk is None else changed).append(layout)
                layout.seats, layout.wheelchairs, layout.stretchers = room[:3]
                layout.seat_in_wheelchair_place = room[3]
        if made:
            VehicleLayout.objects.bulk_create(made)
        if changed:
            RowsQuerySet[VehicleLayout](VehicleLayout).bulk_update(changed, list(_LAYOUT[1:]))

    def lines_of(self, row: Any) -> Iterator[dict[str, str]]:
        vehicle = {name: self.text(row, name) for name in self.columns if name not in _LAYOUT}
        layouts = list(self.stored[row.pk].values())
        if not layouts:
            yield vehicle | dict.fromkeys(_LAYOUT, "")
        for layout in layouts:
            values = [getattr(layout, name) for name in _LAYOUT[1:]]
            texts = [layout.name, *map(cells.write_text, values)]
            yield vehicle | dict(zip(_LAYOUT, texts, strict=True))


def _room(layout: VehicleLayout) -> Room:
    return (
        layout.seats,
        layout.wheelchairs,
        layout.stretchers,
        layout.seat_in_wheelchair_place,
    )


def _as_text(layouts: dict[str, Room]) -> str:
    return " | ".join(
        f"{name}: {seats}/{wheelchairs}/{stretchers}{'+' if folding else ''}"
        for name, (seats, wheelchairs, stretchers, folding) in layouts.items()
    )
