"""Finding what a company has by the names that people write, and the names that come near."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Company, Partner
from atmr import geo
from bookings.csvcells import HOME, Entry, PlaceCell
from bookings.csvfile import plain
from bookings.models import Client, Mobility
from bookings.services.booking import ClientInactive
from fleet.models import GeoOrigin, GeoQuality, Place

Row = TypeVar("Row")

# A place written with coordinates this far from those known is another place of the same name.
_SAME_PLACE_M = 500


def any_order(text: str) -> str:
    """Give a person's name so that `Favre Marie` and `Marie FAVRE` are one."""
    return " ".join(sorted(plain(text).split()))


class Names(Generic[Row]):
    """Rows by their names as people write them: without case, accents and signs."""

    def __init__(
        self, rows: Iterable[tuple[str, Row]], *, key: Callable[[str], str] = plain
    ) -> None:
        self._key = key
        self._rows: dict[str, list[Row]] = defaultdict(list)
        self._names: dict[str, str] = {}
        self._holding: dict[str, set[str]] = defaultdict(set)
        self._near: dict[str, list[str]] = {}
        for name, row in rows:
            self.add(name, row)

    def add(self, name: str, row: Row) -> None:
        key = self._key(name)
        if not key:
            return
        if row not in self._rows[key]:
            self._rows[key].append(row)
        self._names.setdefault(key, name)
        for part in _trigrams(key):
            self._holding[part].add(key)
        self._near.clear()

    def find(self, name: str) -> list[Row]:
        return list(self._rows.get(self._key(name), []))

    def near(self, name: str, *, count: int = 3) -> list[str]:
        """Give the names that share most of their letters, best first."""
        key = self._key(name)
        if key not in self._near:  # a file repeats its mistakes
            self._near[key] = self._alike(key)
        return self._near[key][:count]

    def _alike(self, key: str) -> list[str]:
        parts = _trigrams(key)
        shared = Counter(other for part in parts for other in self._holding.get(part, ()))
        alike = {
            other: 2 * common / (len(parts) + len(_trigrams(other)))
            for other, common in shared.most_common(50)
        }
        best = sorted(alike, key=lambda other: (-alike[other], other))
        return [self._names[other] for other in best if alike[other] >= 0.4]


class CellRefused(Exception):
    """A cell names what cannot be booked; says which, and what to write instead."""

    def __init__(self, column: str, message: str | Promise) -> None:
        super().__init__(message)
        self.column = column
        self.message = message


class KnownNames:
    """What a company has, by the names that a file may use; what a file adds is known at once."""

    def __init__(self, company: Company) -> None:
        self.company = company
        places = list(Place.objects.for_company(company).order_by("pk"))
        self.places = Names((place.name, place) for place in places)
        self.addresses = Names((place.address, place) for place in places)
        clients = Client.objects.for_company(company).select_related("home").order_by("pk")
        self.clients = Names(((client.name, client) for client in clients), key=any_order)
        agreements = company.agreements.filter(active=True).select_related("partner")
        self.partners = Names((row.partner.name, row.partner) for row in agreements)

    def client(self, entry: Entry) -> Client:
        namesakes = self.clients.find(entry.client)
        if entry.birth_day:
            namesakes = [client for client in namesakes if client.birth_day == entry.birth_day]
        if len(namesakes) > 1:
            raise CellRefused("client", _("Several clients have this name: give the birth date."))
        if namesakes and not namesakes[0].active:
            raise CellRefused("client", str(ClientInactive(client=namesakes[0])))
        if namesakes:
            return namesakes[0]
        client = Client(
            company=self.company,
            name=entry.client,
            birth_day=entry.birth_day,
            phone=entry.phone,
            language=self.company.language,
            mobility=entry.mobility or Mobility.WALKS,
            companions=entry.companions or 0,
        )
        self.clients.add(client.name, client)
        return client

    def place(self, column: str, cell: PlaceCell, client: Client) -> Place:
        if plain(cell.name) in HOME:
            if client.home is None:
                raise CellRefused(column, _("The client has no home place yet: write the address."))
            return client.home
        namesakes = self.places.find(cell.name) or self.addresses.find(cell.name)
        if cell.lat is not None and cell.lon is not None:
            near = [row for row in namesakes if _distance_m(row, cell) <= _SAME_PLACE_M]
            if namesakes and not near:
                raise CellRefused(column, _("This name is known elsewhere: write another."))
            return near[0] if near else self._new_place(cell.name, cell.lat, cell.lon)
        if len(namesakes) > 1:
            raise CellRefused(column, _("Several places have this name: give the coordinates."))
        if not namesakes:
            near_names = self.places.near(cell.name) or self.addresses.near(cell.name)
            raise CellRefused(column, _unknown(near_names, _("Give its coordinates to create it.")))
        return namesakes[0]

    def partner(self, name: str) -> Partner | None:
        if not name:
            return None
        found = self.partners.find(name)
        if len(found) != 1:
            raise CellRefused("partner", _unknown(self.partners.near(name), ""))
        return found[0]

    def _new_place(self, name: str, lat: float, lon: float) -> Place:
        place = Place(
            company=self.company,
            name=name,
            lat=lat,
            lon=lon,
            geo_origin=GeoOrigin.IMPORT,
            geo_quality=GeoQuality.STREET,
        )
        self.places.add(name, place)
        return place


def _distance_m(place: Place, cell: PlaceCell) -> float:
    return geo.distance_m(place.lat, place.lon, cell.lat or 0, cell.lon or 0)


def _unknown(near: list[str], otherwise: str | Promise) -> str:
    if near:
        return _("This name is not known. Did you mean: %(names)s?") % {"names": ", ".join(near)}
    unknown = _("This name is not known.")  # gettext's tool reads no text inside an f-string
    return f"{unknown} {otherwise}".strip()


def _trigrams(key: str) -> set[str]:
    padded = f"  {key} "
    return {padded[place : place + 3] for place in range(len(padded) - 2)}
