"""Files of places."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from bookings.csvcells import parse_lat, parse_lon
from bookings.csvfile import plain
from exchange.services import cells
from exchange.services.kind import Column, Draft, KnownKind, Values, reference_column
from exchange.services.related import Known
from fleet.models import GeoOrigin, GeoQuality, Place, PlaceKind


class Places(KnownKind):
    slug = "places"
    label = _("Places")
    model = Place
    relations = ("partner",)

    def make_columns(self) -> list[Column]:
        partners = self.related.partners
        kinds = cells.read_choice(
            PlaceKind,
            hospital="hôpital, hug, spital, krankenhaus",
            clinic="clinique, klinik",
            dialysis="dialyse, centre de dialyse",
            practice="cabinet, cabinet médical, praxis, arzt, médecin",
            nursing_home="ems, pflegeheim, altersheim, heim",
            home="domicile, maison, zuhause, privat",
            base="dépôt, garage, siège, depot, basis",
            other="autre, andere",
        )
        return [
            reference_column(),
            Column(
                "name",
                "place, nom, lieu, désignation, ort, bezeichnung",
                cells.read_text(160),
                required=True,
            ),
            Column("kind", "type, genre, catégorie, art, typ", kinds, empty=PlaceKind.OTHER),
            Column("address", "adresse, rue, anschrift, strasse", cells.read_text(200)),
            Column("lat", "latitude, breite, breitengrad", parse_lat, required=True),
            Column("lon", "lng, long, longitude, länge, längengrad", parse_lon, required=True),
            Column(
                "geo_origin",
                "origin of the coordinates, origine des coordonnées",
                cells.read_choice(GeoOrigin),
                empty=GeoOrigin.IMPORT,
            ),
            Column(
                "geo_quality",
                "quality of the coordinates, qualité des coordonnées",
                cells.read_choice(GeoQuality),
                empty=GeoQuality.STREET,
            ),
            Column(
                "partner",
                "partenaire, institution, mandant, auftraggeber",
                partners.read,
                partners.write,
                empty=None,
            ),
            Column(
                "entrance_notes",
                "notes, entrée, accès, remarques, zugang, eingang, bemerkungen",
                cells.read_notes,
                cells.write_notes,
            ),
            Column(
                "service_min",
                "service, minutes, durée, dauer",
                cells.read_number(0, 120),
                empty=None,
            ),
        ]

    def existing(self) -> Known:
        return self.related.places

    def same(self, values: Values) -> list[Any]:
        """Give the places of this name; where they are several, those of this address."""
        namesakes = self.existing().named(values["name"])
        if len(namesakes) > 1 and "address" in values:
            address = plain(values["address"])
            namesakes = [row for row in namesakes if plain(row.address) == address] or namesakes
        return namesakes

    def identity(self, row: Any, _values: Values) -> object:
        return plain(row.name), plain(row.address)

    def settle(self, draft: Draft) -> None:
        if draft.changed & {"lat", "lon"} and "geo_origin" not in draft.values:
            before = "" if draft.is_new else self.text(draft.row, "geo_origin")
            draft.row.geo_origin = GeoOrigin.IMPORT
            if before not in {"", GeoOrigin.IMPORT}:
                draft.changes.append(("geo_origin", before, GeoOrigin.IMPORT.value))
