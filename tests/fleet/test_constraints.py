"""What the database refuses about places, drivers, vehicles, shifts and absences."""

from datetime import timedelta

import pytest
from django.db import connection

from fleet.models import DriverKind, ShiftStatus
from tests.constraints import CHANGES, WAYS, by_sql, by_update, cases, refused_by
from tests.factories import (
    AbsenceFactory,
    CompanyFactory,
    DriverDocumentFactory,
    DriverFactory,
    PlaceFactory,
    PositionFactory,
    ShiftFactory,
    UserFactory,
    VehicleFactory,
    VehicleLayoutFactory,
    on_day,
)

pytestmark = pytest.mark.django_db

A_MOMENT = timedelta(microseconds=1)
NAN = float("nan")
START, END = on_day(7), on_day(17)  # of every shift of the factory


def at(lat, lon):
    return {"lat": lat, "lon": lon}


def room(seats=0, wheelchairs=0, stretchers=0):
    return {"seats": seats, "wheelchairs": wheelchairs, "stretchers": stretchers}


def pause(minutes, from_at, until_at):
    return {"break_min": minutes, "break_from_at": from_at, "break_until_at": until_at}


ON_EARTH = [at(90, 180), at(-90, -180), at(0, 0)]
OFF_EARTH = [at(90.001, 0), at(-90.001, 0), at(0, 180.001), at(0, -180.001), at(NAN, 0)]

AT_THE_BOUND = cases(
    (PlaceFactory, "place_on_earth", ON_EARTH),
    (PositionFactory, "position_on_earth", ON_EARTH),
    (PlaceFactory, "place_service_bounded", [{"service_min": m} for m in (None, 0, 120)]),
    (DriverFactory, "driver_kind_known", [{"kind": kind} for kind in DriverKind.values]),
    (
        DriverFactory,
        "driver_work_within_a_day",
        [{"max_work_min_per_day": m} for m in (None, 1, 1440)],
    ),
    (
        DriverFactory,
        "driver_bookings_bounded",
        [{"max_bookings_per_day": n} for n in (None, 1, 200)],
    ),
    (VehicleLayoutFactory, "layout_carries_somebody", [room(1), room(0, 1), room(0, 0, 1)]),
    (VehicleLayoutFactory, "layout_bounded", [room(60, 20, 10)]),
    (ShiftFactory, "shift_ends_after_start", [{"ends_at": START + A_MOMENT}]),
    (ShiftFactory, "shift_within_a_day", [{"ends_at": START + timedelta(hours=24)}]),
    (ShiftFactory, "shift_status_known", [{"status": status} for status in ShiftStatus.values]),
    (
        ShiftFactory,
        "shift_break_inside",
        [
            pause(0, None, None),
            pause(30, START, START + timedelta(minutes=30)),
            pause(30, END - timedelta(minutes=30), END),
            pause(600, START, END),
        ],
    ),
    (
        AbsenceFactory,
        "absence_ends_after_start",
        [{"starts_at": START, "ends_at": START + A_MOMENT}],
    ),
)
PAST_THE_BOUND = cases(
    (PlaceFactory, "place_on_earth", OFF_EARTH),
    (PositionFactory, "position_on_earth", OFF_EARTH),
    (PlaceFactory, "place_service_bounded", [{"service_min": 121}]),
    (DriverFactory, "driver_kind_known", [{"kind": "spare"}]),
    (
        DriverFactory,
        "driver_work_within_a_day",
        [{"max_work_min_per_day": 0}, {"max_work_min_per_day": 1441}],
    ),
    (
        DriverFactory,
        "driver_bookings_bounded",
        [{"max_bookings_per_day": 0}, {"max_bookings_per_day": 201}],
    ),
    (VehicleLayoutFactory, "layout_carries_somebody", [room()]),
    (VehicleLayoutFactory, "layout_bounded", [room(61), room(1, 21), room(1, 0, 11)]),
    (
        ShiftFactory,
        "shift_ends_after_start",
        [{"ends_at": START}, {"ends_at": START - timedelta(hours=1)}],
    ),
    (ShiftFactory, "shift_within_a_day", [{"ends_at": START + timedelta(hours=24) + A_MOMENT}]),
    (ShiftFactory, "shift_status_known", [{"status": "lost"}]),
    (
        ShiftFactory,
        "shift_break_inside",
        [
            pause(30, None, None),
            pause(30, START, None),
            pause(30, None, END),
            pause(30, START - A_MOMENT, END),
            pause(30, START, END + A_MOMENT),
            pause(31, START, START + timedelta(minutes=30)),
            pause(30, END, START),
        ],
    ),
    (
        AbsenceFactory,
        "absence_ends_after_start",
        [{"starts_at": END, "ends_at": END}, {"starts_at": END, "ends_at": START}],
    ),
)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("maker", "name", "values"), AT_THE_BOUND)
def test_row_at_the_bound_is_accepted(maker, name, values, change):
    change(maker(), values)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("maker", "name", "values"), PAST_THE_BOUND)
def test_row_past_the_bound_is_refused_by_name(maker, name, values, way):
    row = maker()

    with refused_by(name):
        way(row, values)


def test_absence_that_ends_before_it_starts_is_refused_by_name_beside_a_shift():
    shift = ShiftFactory()

    with refused_by("absence_ends_after_start"):
        AbsenceFactory(driver=shift.driver, starts_at=on_day(19), ends_at=on_day(18))


# --- one of a kind ------------------------------------------------------------------------------


def test_driver_has_one_document_of_a_kind():
    document = DriverDocumentFactory()
    DriverDocumentFactory(kind=document.kind)

    with refused_by("document_once_per_kind"):
        DriverDocumentFactory(driver=document.driver, kind=document.kind)


def test_plate_is_unique_in_the_company_only():
    vehicle = VehicleFactory()
    VehicleFactory(plate=vehicle.plate, company=CompanyFactory())

    with refused_by("vehicle_plate_unique"):
        VehicleFactory(plate=vehicle.plate, company=vehicle.company)


def test_name_of_a_layout_is_unique_in_the_vehicle_only():
    layout = VehicleLayoutFactory()
    VehicleLayoutFactory(name=layout.name)

    with refused_by("layout_name_unique"):
        VehicleLayoutFactory(vehicle=layout.vehicle, name=layout.name)


def test_sign_in_belongs_to_one_driver():
    user = UserFactory()
    DriverFactory(company=user.company, user=user)

    with refused_by("fleet_driver_user_id_key"):
        DriverFactory(company=user.company, user=user)


# --- one thing at a time ------------------------------------------------------------------------


def beside(shift, **values):
    """Another shift of the same company, from the end of `shift` on unless told."""
    hours = {"starts_at": shift.ends_at, "ends_at": shift.ends_at + timedelta(hours=4)}
    return ShiftFactory(company=shift.company, **(hours | values))


@pytest.mark.parametrize(
    ("column", "name"),
    [("driver", "shift_driver_one_at_a_time"), ("vehicle", "shift_vehicle_one_at_a_time")],
)
class TestShiftsOfOne:
    def test_may_touch(self, column, name):
        shift = ShiftFactory()

        beside(shift, **{column: getattr(shift, column)})

    def test_cannot_overlap_by_a_moment(self, column, name):
        shift = ShiftFactory()

        with refused_by(name):
            beside(shift, starts_at=shift.ends_at - A_MOMENT, **{column: getattr(shift, column)})

    @pytest.mark.parametrize("change", CHANGES)
    def test_cannot_be_moved_over_each_other(self, column, name, change):
        shift = ShiftFactory()
        later = beside(shift, **{column: getattr(shift, column)})

        with refused_by(name):
            change(later, {"starts_at": shift.ends_at - A_MOMENT})

    @pytest.mark.parametrize("change", CHANGES)
    def test_cannot_be_given_to_one_who_is_busy(self, column, name, change):
        shift = ShiftFactory()
        other = beside(shift, starts_at=shift.starts_at, ends_at=shift.ends_at)

        with refused_by(name):
            change(other, {column: getattr(shift, column)})

    @pytest.mark.parametrize("change", CHANGES)
    def test_overlap_while_one_is_cancelled_and_not_when_it_comes_back(self, column, name, change):
        shift = ShiftFactory(status=ShiftStatus.CANCELLED)
        beside(
            shift,
            starts_at=shift.starts_at,
            ends_at=shift.ends_at,
            **{column: getattr(shift, column)},
        )

        with refused_by(name):
            change(shift, {"status": ShiftStatus.PLANNED})


class TestShiftAndAbsence:
    """Neither overlaps the other, whichever is entered first and whatever is changed."""

    def test_touch(self):
        shift = ShiftFactory()

        AbsenceFactory(driver=shift.driver, starts_at=END, ends_at=END + timedelta(hours=1))
        AbsenceFactory(driver=shift.driver, starts_at=START - timedelta(hours=1), ends_at=START)

    def test_absence_during_a_shift_is_refused(self):
        shift = ShiftFactory()

        with refused_by("absence_outside_shift"):
            AbsenceFactory(
                driver=shift.driver, starts_at=END - A_MOMENT, ends_at=END + timedelta(hours=1)
            )

    def test_absence_within_a_shift_and_around_it_is_refused(self):
        shift = ShiftFactory()

        for hours in [(9, 10), (6, 18)]:
            with refused_by("absence_outside_shift"):
                AbsenceFactory(
                    driver=shift.driver, starts_at=on_day(hours[0]), ends_at=on_day(hours[1])
                )

    def test_shift_during_an_absence_is_refused(self):
        absence = AbsenceFactory(starts_at=END - A_MOMENT, ends_at=END)

        with refused_by("shift_outside_absence"):
            ShiftFactory(driver=absence.driver)

    def test_absence_of_another_driver_is_no_matter(self):
        shift = ShiftFactory()

        AbsenceFactory(driver=DriverFactory(company=shift.company))

    @pytest.mark.parametrize("change", CHANGES)
    def test_absence_cannot_grow_into_a_shift(self, change):
        shift = ShiftFactory()
        absence = AbsenceFactory(driver=shift.driver, starts_at=END, ends_at=on_day(20))

        with refused_by("absence_outside_shift"):
            change(absence, {"starts_at": END - A_MOMENT})

    @pytest.mark.parametrize("change", CHANGES)
    def test_absence_cannot_be_given_to_a_driver_on_duty(self, change):
        shift = ShiftFactory()
        absence = AbsenceFactory(driver=DriverFactory(company=shift.company))

        with refused_by("absence_outside_shift"):
            change(absence, {"driver": shift.driver})

    @pytest.mark.parametrize("change", CHANGES)
    def test_shift_cannot_grow_into_an_absence(self, change):
        shift = ShiftFactory()
        AbsenceFactory(driver=shift.driver, starts_at=END, ends_at=on_day(20))

        with refused_by("shift_outside_absence"):
            change(shift, {"ends_at": END + A_MOMENT})

    @pytest.mark.parametrize("change", CHANGES)
    def test_shift_cannot_be_given_to_an_absent_driver(self, change):
        absence = AbsenceFactory()
        shift = ShiftFactory(company=absence.driver.company)

        with refused_by("shift_outside_absence"):
            change(shift, {"driver": absence.driver})

    @pytest.mark.parametrize("change", CHANGES)
    def test_cancelled_shift_lies_under_an_absence_and_cannot_come_back(self, change):
        shift = ShiftFactory(status=ShiftStatus.CANCELLED)
        AbsenceFactory(driver=shift.driver)

        with refused_by("shift_outside_absence"):
            change(shift, {"status": ShiftStatus.PLANNED})

    def test_no_setting_of_the_transaction_defers_it(self):
        shift = ShiftFactory()

        with refused_by("absence_outside_shift"), connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
            AbsenceFactory(driver=shift.driver)


# --- nothing crosses from one company to another ------------------------------------------------


@pytest.mark.parametrize(
    ("maker", "column", "stranger"),
    [
        (DriverFactory, "user", UserFactory),
        (ShiftFactory, "driver", DriverFactory),
        (ShiftFactory, "vehicle", VehicleFactory),
        (ShiftFactory, "start_place", PlaceFactory),
        (ShiftFactory, "end_place", PlaceFactory),
    ],
)
class TestRelatedRowOfAnotherCompany:
    @pytest.mark.parametrize("change", CHANGES)
    def test_cannot_be_put_in(self, maker, column, stranger, change):
        row = maker()

        with refused_by("same_company"):
            change(row, {column: stranger()})

    def test_cannot_come_with_a_new_row(self, maker, column, stranger):
        company = CompanyFactory()

        with refused_by("same_company"):
            maker(**{"company": company, column: stranger()})


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("maker", [PlaceFactory, DriverFactory, VehicleFactory, ShiftFactory])
def test_row_stays_with_its_company(maker, change):
    row = maker()

    with refused_by("keeps_company"):
        change(row, {"company": CompanyFactory()})


# --- versions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_a_shift_counts_once(change):
    shift = ShiftFactory()

    change(shift, {"ends_at": END + timedelta(hours=1)})
    change(shift, {"ends_at": END + timedelta(hours=2)})

    shift.refresh_from_db()
    assert shift.version == 2


def test_writing_what_is_there_counts_as_no_change():
    shift = ShiftFactory()

    by_update(shift, {"ends_at": END})
    shift.save()

    shift.refresh_from_db()
    assert shift.version == 0


def test_saving_an_old_copy_never_turns_the_version_back():
    old = ShiftFactory()
    by_update(old, {"ends_at": END + timedelta(hours=1)})
    by_update(old, {"ends_at": END})

    old.save()

    old.refresh_from_db()
    assert old.version == 3


def test_version_cannot_be_written_by_hand():
    shift = ShiftFactory()

    by_sql(shift, {"version": 40})

    shift.refresh_from_db()
    assert shift.version == 1


@pytest.mark.parametrize(
    ("factory", "constraint"),
    [
        (PlaceFactory, "place_reference_unique"),
        (DriverFactory, "driver_reference_unique"),
        (ShiftFactory, "shift_reference_unique"),
    ],
)
def test_a_reference_is_one_row_of_a_company(factory, constraint):
    first = factory(reference="R-1")
    factory(reference="R-1")  # of another company
    factory(company=first.company)
    factory(company=first.company)

    with refused_by(constraint):
        factory(company=first.company, reference="R-1")
