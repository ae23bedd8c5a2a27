"""Files of drivers, with the days until which their documents are valid."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.utils.translation import gettext_lazy as _

from bookings.services.lookups import any_order
from exchange.services import cells
from exchange.services.kind import Column, Draft, KnownKind, Values, reference_column
from exchange.services.related import Known
from fleet.models import DocumentKind, Driver, DriverDocument, DriverKind, LicenceCategory, Skill

_DOCUMENTS = {
    "licence_until": (DocumentKind.LICENCE, "permis valable jusqu'au, führerausweis bis"),
    "professional_until": (
        DocumentKind.PROFESSIONAL,
        "permis professionnel jusqu'au, carte tpp jusqu'au, berufsausweis bis",
    ),
    "medical_until": (
        DocumentKind.MEDICAL,
        "contrôle médical jusqu'au, visite médicale jusqu'au, arztuntersuch bis",
    ),
    "first_aid_until": (DocumentKind.FIRST_AID, "premiers secours jusqu'au, nothilfe bis"),
}


class Drivers(KnownKind):
    """A driver is known by the reference, else by the name."""

    slug = "drivers"
    label = _("Drivers")
    model = Driver
    extras = tuple(_DOCUMENTS)

    def make_columns(self) -> list[Column]:
        skill = cells.read_choice(
            Skill,
            wheelchair="fauteuil, fauteuil roulant, rollstuhl",
            stretcher="brancard, civière, trage",
            oxygen="oxygène, sauerstoff",
            stairs="escaliers, treppen",
            bariatric="bariatrique, bariatrisch",
        )
        kinds = cells.read_choice(
            DriverKind,
            regular="régulier, titulaire, fixe, fest, regulär",
            reserve="réserve, auxiliaire, remplaçant, ersatz, aushilfe",
        )
        day = cells.read_day(this_year=self.this_year)
        return [
            reference_column(),
            Column("name", "nom, chauffeur, conducteur, fahrer, driver", cells.read_text(120),
                   required=True),
            Column("kind", "type, statut, art, typ", kinds, empty=DriverKind.REGULAR),
            Column("active", "actif, en service, aktiv", cells.read_yes, empty=True),
            Column("phone", "telephone, téléphone, tél, natel, mobile, telefon", cells.read_phone),
            Column("email", "e-mail, mail, courriel, adresse e-mail", cells.read_email),
            Column(
                "licence_categories",
                "licences, permis, catégories, catégories de permis, kategorien, ausweise",
                cells.read_list(cells.read_choice(LicenceCategory)),
                cells.write_list,
                empty=(),
            ),
            Column(
                "skills",
                "compétences, formations, fähigkeiten",
                cells.read_list(skill),
                cells.write_list,
                empty=(),
            ),
            Column(
                "max_bookings_per_day",
                "courses par jour, fahrten pro tag",
                cells.read_number(1, 200),
                empty=None,
            ),
            Column(
                "max_work_min_per_day",
                "minutes par jour, minuten pro tag",
                cells.read_number(1, 1440),
                empty=None,
            ),
            *(
                Column(name, words, day, empty=None)
                for name, (_kind, words) in _DOCUMENTS.items()
            ),
        ]  # fmt: skip

    def existing(self) -> Known:
        return self.related.drivers

    def same(self, values: Values) -> list[Any]:
        return self.existing().named(values["name"])

    def identity(self, row: Any, _values: Values) -> object:
        return any_order(row.name)

    def get(self, row: Any, name: str) -> Any:
        if name not in _DOCUMENTS:
            return super().get(row, name)
        document = self._document(row, name)
        return document and document.expires_day

    def _document(self, row: Any, name: str) -> DriverDocument | None:
        if row.pk is None:
            return None
        kind = _DOCUMENTS[name][0]
        return next((found for found in row.documents.all() if found.kind == kind), None)

    def save_extras(self, drafts: Sequence[Draft]) -> None:
        """Store the documents; an emptied cell takes one away."""
        kept: list[DriverDocument] = []
        gone: list[int] = []
        for draft in drafts:
            for name in sorted(draft.changed & set(_DOCUMENTS)):
                day: date | None = draft.values[name]
                found = None if draft.is_new else self._document(draft.row, name)
                if day is None and found:
                    gone.append(found.pk)
                elif day is not None:
                    kept.append(
                        DriverDocument(driver=draft.row, kind=_DOCUMENTS[name][0], expires_day=day)
                    )
        if gone:
            DriverDocument.objects.filter(pk__in=gone).delete()
        if kept:
            DriverDocument.objects.bulk_create(
                kept,
                update_conflicts=True,
                unique_fields=["driver", "kind"],
                update_fields=["expires_day"],
            )
