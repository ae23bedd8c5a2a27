"""Files of shifts."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from atmr import clock
from atmr.errors import DomainError
from bookings.csvfile import Line, LineError
from bookings.services.lookups import CellRefused
from dispatch.models import Assignment
from dispatch.services import duty
from exchange.services import cells
from exchange.services.kind import Column, Draft, Kind, Values, reference_column
from exchange.services.related import SAID_OF_TWO, id_of
from fleet import services
from fleet.models import Shift, ShiftStatus

_TIMES = ("starts_at", "ends_at", "break_from_at", "break_until_at")
_OF_VEHICLE = (services.VehicleInactive, services.InspectionExpired)


class Shifts(Kind):
    """A shift is known by the reference, else by its driver and start; the cancelled are none."""

    slug = "shifts"
    label = _("Shifts")
    model = Shift
    relations = ("driver", "vehicle", "start_place", "end_place")

    def make_columns(self) -> list[Column]:
        places = self.related.places
        drivers, vehicles = self.related.drivers, self.related.vehicles
        day = cells.read_day(this_year=self.this_year)
        return [
            reference_column(),
            Column(
                "driver",
                "chauffeur, conducteur, nom, fahrer, name",
                drivers.read,
                drivers.write,
                required=True,
            ),
            Column(
                "vehicle",
                "véhicule, plaque, immatriculation, fahrzeug, plate",
                vehicles.read,
                vehicles.write,
                required=True,
            ),
            Column("day", "date, jour, datum, tag", day, required=True),
            Column(
                "start",
                "starts at, début, de, heure de début, beginn, von",
                cells.read_clock,
                required=True,
            ),
            Column("end_day", "date de fin, jour de fin, enddatum", day, empty=None),
            Column(
                "end", "ends at, fin, à, heure de fin, ende, bis", cells.read_clock, required=True
            ),
            Column(
                "start_place",
                "starts from, lieu de début, départ, base, dépôt, startort",
                places.read,
                places.write,
                required=True,
            ),
            Column(
                "end_place",
                "lieu de fin, arrivée, retour, endort",
                places.read,
                places.write,
                empty=None,
            ),
            Column(
                "break_min",
                "break, pause, minutes de pause, pause minuten",
                cells.read_number(0, 600),
                empty=0,
            ),
            Column(
                "break_from", "pause de, pause dès, pause von", cells.read_clock, empty=None
            ),
            Column(
                "break_until", "pause à, pause jusqu'à, pause bis", cells.read_clock, empty=None
            ),
        ]  # fmt: skip

    # --- Reading --------------------------------------------------------------------------------

    def read_line(self, line: Line, headings: dict[str, str]) -> Values | list[LineError]:
        """Turn the days and times of a line into instants."""
        values = super().read_line(line, headings)
        if isinstance(values, list):
            return values
        zone, day = self.company.tz, values.pop("day")
        start, end, end_day = values.pop("start"), values.pop("end"), values.pop("end_day", None)
        values["starts_at"] = cells.instant(day, start, zone)
        values["ends_at"] = cells.instant(end_day or day, end, zone)
        if end_day is None and values["ends_at"] <= values["starts_at"]:  # over midnight
            values["ends_at"] = cells.instant(day + timedelta(days=1), end, zone)
        for name in ("break_from", "break_until"):
            if name in values:
                at = values.pop(name)
                values[f"{name}_at"] = at and self._within(at, values["starts_at"])
        if "end_place" in values or "start_place" in values:
            values["end_place"] = values.get("end_place") or values["start_place"]
        return values

    def _within(self, at: Any, starts_at: datetime) -> datetime:
        """Give the instant of a break: on the day of the start, or on the next one."""
        day = clock.local_day(starts_at, self.company.tz)
        found = cells.instant(day, at, self.company.tz)
        if found < starts_at:
            return cells.instant(day + timedelta(days=1), at, self.company.tz)
        return found

    def prepare(self, batch: Sequence[Values]) -> None:
        """Read the shifts that these lines may mean: years of others stay where they are."""
        references = {values.get("reference", "") for values in batch} - {""}
        meant = Q(reference__in=references) | Q(pk__in=set(filter(None, map(id_of, references))))
        meant |= Q(
            driver__in={values["driver"].pk for values in batch},
            starts_at__in={values["starts_at"] for values in batch},
        )
        found = list(self._planned().filter(meant).order_by("pk"))
        self._by_reference = {row.reference: row for row in found if row.reference}
        self._by_id = {row.pk: row for row in found}
        self._by_start = {(row.driver_id, row.starts_at): row for row in found}

    def _planned(self) -> QuerySet[Shift]:
        return Shift.objects.for_company(self.company).planned().with_people()

    def find(self, values: Values) -> Any | None:
        reference = values.get("reference", "")
        own, ours = self._by_reference.get(reference), self._by_id.get(id_of(reference) or 0)
        if ours is not None and ours.reference:
            ours = None
        if own is not None and ours is not None:
            raise CellRefused("reference", SAID_OF_TWO)
        if own is not None or ours is not None:
            return own or ours
        same = self._by_start.get((values["driver"].pk, values["starts_at"]))
        return None if same is not None and reference and same.reference else same

    def identity(self, _row: Any, values: Values) -> object:
        return values["driver"].pk, values["starts_at"]

    def key(self, row: Any, values: Values) -> object:
        """Tell shifts apart whatever their references: a driver starts once at a time."""
        return self.identity(row, values)

    def check(self, draft: Draft) -> Iterator[tuple[str, str | Promise]]:
        """Refuse who may not drive what on that day, as the form of a shift does."""
        if not draft.is_new and not draft.changed & {"driver", "vehicle"}:
            return
        values = draft.values
        day = clock.local_day(values["starts_at"], self.company.tz)
        try:
            services.check_may_drive(driver=values["driver"], vehicle=values["vehicle"], day=day)
        except DomainError as exc:
            yield ("vehicle" if isinstance(exc, _OF_VEHICLE) else "driver"), str(exc)

    # --- Storing --------------------------------------------------------------------------------

    def save(self, drafts: Sequence[Draft]) -> None:
        """Store new and changed shifts; what carries rides changes as a person changes it."""
        changed = sorted(draft.row.pk for draft in drafts if not draft.is_new)
        carrying: set[int] = set()
        if changed:
            rows = Shift.objects.filter(pk__in=changed).order_by("pk")
            list(rows.select_for_update(no_key=True).values_list("pk"))
            live = Assignment.objects.live().filter(shift__in=changed)
            carrying = set(live.values_list("shift_id", flat=True))
        super().save([draft for draft in drafts if draft.row.pk not in carrying])
        for draft in drafts:
            if draft.row.pk in carrying:
                self._change_under_rides(draft)

    def _change_under_rides(self, draft: Draft) -> None:
        names = draft.changed
        if "reference" in names:
            Shift.objects.filter(pk=draft.row.pk).update(reference=draft.values["reference"])
        changes: Any = {name: draft.values[name] for name in names - {"reference"}}
        if changes:
            duty.change_shift(shift=draft.row, actor=self.actor, now=self.now, **changes)

    # --- Writing --------------------------------------------------------------------------------

    def rows(self) -> QuerySet[Shift]:
        return self._planned().order_by("starts_at", "pk")

    def write(self, name: str, value: Any) -> str:
        if name not in _TIMES:
            return super().write(name, value)
        if value is None:
            return ""
        zone = self.company.tz
        return f"{clock.local_day(value, zone)} {cells.write_clock(value, zone)}"

    def lines_of(self, row: Any) -> Iterator[dict[str, str]]:
        plain = ("reference", "driver", "vehicle", "start_place", "end_place", "break_min")
        line = {name: self.text(row, name) for name in plain}
        line["day"], line["start"] = self.write("starts_at", row.starts_at).split()
        line["end_day"], line["end"] = self.write("ends_at", row.ends_at).split()
        for name in ("break_from", "break_until"):
            line[name] = self.write(f"{name}_at", getattr(row, f"{name}_at")).partition(" ")[2]
        yield line

    def new(self) -> Any:
        return Shift(company=self.company, status=ShiftStatus.PLANNED)
