"""States, roles, priorities and kinds are a contract: stored, translated and sent to partners."""

import pytest
from django.apps import apps

from accounts.models import Language, Role
from bookings.models import Anchor, Mobility, Payer, Priority, ReturnKind
from bookings.states import BookingStatus, Correction
from dispatch.models import (
    AlertKind,
    AssignmentStatus,
    Audience,
    Lock,
    Mode,
    NoticeKind,
    RunState,
    RunTrigger,
)
from fleet.models import (
    AbsenceKind,
    DocumentKind,
    DriverKind,
    Equipment,
    GeoOrigin,
    GeoQuality,
    LicenceCategory,
    PlaceKind,
    ShiftStatus,
    Skill,
)

CONTRACT = {
    AbsenceKind: "holiday sick training other",
    AlertKind: "inherited_violation assignment_lost return_in_question run_failed late",
    Anchor: "pickup arrive_by",
    AssignmentStatus: "proposed live superseded cancelled done",
    Audience: "client partner driver",
    BookingStatus: (
        "pending accepted rejected assigned en_route arrived on_board completed no_show cancelled"
    ),
    Correction: (
        "undo_accept undo_reject reinstate undo_en_route undo_arrived undo_on_board"
        " undo_completed undo_no_show"
    ),
    DocumentKind: "licence professional medical first_aid",
    DriverKind: "regular reserve",
    Equipment: "ramp lift oxygen stair_chair child_seat",
    GeoOrigin: "manual import geocoder",
    GeoQuality: "entrance street area",
    Language: "fr de en",
    LicenceCategory: "B B121 C1 D1",
    Lock: "none driver times",
    Mobility: "walks folding_wheelchair wheelchair stretcher",
    Mode: "manual semi_auto auto",
    NoticeKind: "ride_planned ride_changed ride_lost route_changed",
    Payer: "client partner insurer",
    PlaceKind: "hospital clinic dialysis practice nursing_home home base other",
    Priority: "normal medical urgent emergency",
    ReturnKind: "none timed will_call",
    Role: "administrator manager dispatcher viewer driver",
    RunState: "running proposed applied undone refused failed",
    RunTrigger: "person schedule command",
    ShiftStatus: "planned cancelled",
    Skill: "wheelchair stretcher oxygen stairs bariatric",
}


@pytest.mark.parametrize("choices", CONTRACT, ids=lambda choices: choices.__name__)
def test_values_are_the_contract(choices):
    assert choices.values == CONTRACT[choices].split()


def test_no_column_offers_values_outside_the_contract():
    listed = {tuple(choices.values) for choices in CONTRACT}
    ours = [
        getattr(field, "base_field", field)
        for app in ("accounts", "fleet", "bookings", "dispatch")
        for model in apps.get_app_config(app).get_models()
        for field in model._meta.get_fields()
    ]
    offered = [field for field in ours if getattr(field, "choices", None)]

    assert offered
    for field in offered:
        values = tuple(value for value, _ in field.choices)
        assert values in listed, field
        assert field.max_length >= max(map(len, values)), field
