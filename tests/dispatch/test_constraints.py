"""What the database refuses about policies, runs, assignments and alerts."""

import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from dispatch.models import (
    AlertKind,
    Assignment,
    AssignmentStatus,
    Audience,
    Lock,
    Mode,
    NoticeKind,
    RunState,
    RunTrigger,
)
from fleet.models import ShiftStatus
from tests.constraints import (
    CHANGES,
    WAYS,
    by_sql,
    by_update,
    cases,
    check_deferred,
    refused_by,
)
from tests.factories import (
    DAY,
    AlertFactory,
    AssignmentFactory,
    BookingFactory,
    CompanyFactory,
    DispatchPolicyFactory,
    DispatchRunFactory,
    DriverFactory,
    OutboxFactory,
    ShiftFactory,
    UnassignedFactory,
    VehicleFactory,
    VehicleLayoutFactory,
    on_day,
)

pytestmark = pytest.mark.django_db

A_MOMENT = timedelta(microseconds=1)
A_MINUTE = timedelta(minutes=1)
NINE = on_day(9)
LIVE = AssignmentStatus.LIVE
ENDED = [
    status
    for status in AssignmentStatus.values
    if status not in {AssignmentStatus.LIVE, AssignmentStatus.PROPOSED}
]

POLICY_BOUNDS = {
    "window_before_min": (0, 120),
    "window_after_min": (0, 120),
    "arrive_early_min": (0, 240),
    "arrive_late_min": (0, 240),
    "service_pickup_min": (0, 120),
    "service_delivery_min": (0, 120),
    "wheelchair_extra_min": (0, 60),
    "stretcher_extra_min": (0, 60),
    "max_ride_factor": (1, 10),
    "max_ride_plus_min": (0, 240),
    "max_ride_min": (1, 480),
    "max_detour_min": (0, 240),
    "max_wait_aboard_min": (0, 240),
    "late_after_min": (0, 120),
    "max_bookings_per_driver": (1, 200),
    "fairness_weight": (0, 1),
    "fairness_days": (0, 90),
    "reserve_penalty_min": (0, 1440),
    "freeze_min": (0, 1440),
    "no_reassign_min": (0, 1440),
    "move_promise_min": (0, 1440),
    "change_driver_min": (0, 1440),
    "budget_s": (0, 600),
}
FLOATS = {"max_ride_factor", "fairness_weight", "budget_s"}
# The window of arrival stays one while one of its ends is tried.
BESIDE = {"arrive_late_min": {"arrive_early_min": 240}, "arrive_early_min": {"arrive_late_min": 0}}


def setting(name, value):
    return {name: value} | BESIDE.get(name, {})


def past_setting(name, lowest, highest):
    values = [highest + 0.001, float("nan")] if name in FLOATS else [highest + 1]
    if name in FLOATS:
        values.append(lowest - 0.001)
    elif lowest:
        values.append(lowest - 1)
    return [setting(name, value) for value in values]


def times(pickup_at, delivery_at, ends_at):
    return {"pickup_at": pickup_at, "delivery_at": delivery_at, "ends_at": ends_at}


def choices(name, values):
    return [{name: value} for value in values]


AT_THE_BOUND = cases(
    (DispatchPolicyFactory, "policy_mode_known", choices("mode", Mode.values)),
    *[
        (
            DispatchPolicyFactory,
            f"policy_{name}_bounded",
            [setting(name, lowest), setting(name, highest)],
        )
        for name, (lowest, highest) in POLICY_BOUNDS.items()
    ],
    (DispatchPolicyFactory, "policy_max_bookings_none", [{"max_bookings_per_driver": None}]),
    (
        DispatchPolicyFactory,
        "policy_arrival_is_window",
        [{"arrive_early_min": 20, "arrive_late_min": 20}],
    ),
    (
        DispatchRunFactory,
        "dispatchrun_choices_known",
        [*choices("state", RunState.values), *choices("trigger", RunTrigger.values)],
    ),
    (
        DispatchRunFactory,
        "dispatchrun_ended_has_time",
        [
            {"state": RunState.RUNNING, "finished_at": None},
            {"state": RunState.FAILED, "finished_at": NINE},
        ],
    ),
    (
        AssignmentFactory,
        "assignment_delivers_after_pickup",
        [times(NINE, NINE + A_MOMENT, NINE + A_MOMENT)],
    ),
    (
        AssignmentFactory,
        "assignment_choices_known",
        [*choices("status", AssignmentStatus.values), *choices("lock", Lock.values)],
    ),
    (AlertFactory, "alert_kind_known", choices("kind", AlertKind.values)),
    (
        OutboxFactory,
        "outbox_audience_is_named",
        choices("kind", set(NoticeKind.values) - {NoticeKind.ROUTE_CHANGED}),
    ),
)
PAST_THE_BOUND = cases(
    (DispatchPolicyFactory, "policy_mode_known", choices("mode", ["magic"])),
    *[
        (DispatchPolicyFactory, f"policy_{name}_bounded", past_setting(name, lowest, highest))
        for name, (lowest, highest) in POLICY_BOUNDS.items()
        if name != "arrive_late_min"
    ],
    (
        DispatchPolicyFactory,
        "policy_arrival_is_window",
        [
            {"arrive_early_min": 20, "arrive_late_min": 21},
            {"arrive_early_min": 240, "arrive_late_min": 241},
        ],
    ),
    (
        DispatchRunFactory,
        "dispatchrun_choices_known",
        [{"state": "lost"}, {"trigger": "chance"}],
    ),
    (
        DispatchRunFactory,
        "dispatchrun_ended_has_time",
        [
            {"state": state, "finished_at": None}
            for state in RunState.values
            if state != RunState.RUNNING
        ],
    ),
    (
        AssignmentFactory,
        "assignment_delivers_after_pickup",
        [
            times(NINE, NINE, NINE + A_MINUTE),
            times(NINE, NINE - A_MINUTE, NINE + A_MINUTE),
            times(NINE, NINE + A_MINUTE, NINE + A_MINUTE - A_MOMENT),
        ],
    ),
    (AssignmentFactory, "assignment_choices_known", [{"status": "lost"}, {"lock": "glued"}]),
    (AlertFactory, "alert_kind_known", choices("kind", ["noise"])),
    (
        OutboxFactory,
        "outbox_audience_is_named",
        [
            {"kind": NoticeKind.ROUTE_CHANGED},
            {"kind": "noise"},
            {"audience": "all"},
            {"audience": Audience.PARTNER},
            {"audience": Audience.DRIVER},
            {"booking": None},
        ],
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


def test_late_arrival_alone_is_bounded_too():
    """Past 240 minutes the window of arrival is refused as well: see the constraint itself."""
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE dispatch_dispatchpolicy DROP CONSTRAINT policy_arrival_is_window"
        )

    with refused_by("policy_arrive_late_min_bounded"):
        by_sql(DispatchPolicyFactory(), {"arrive_late_min": 241})


def test_every_bounded_setting_is_tried():
    names = {
        name.removeprefix("policy_").removesuffix("_bounded")
        for name in (
            constraint.name for constraint in DispatchPolicyFactory._meta.model._meta.constraints
        )
        if name.endswith("_bounded")
    }

    assert names == set(POLICY_BOUNDS)


def test_company_has_one_policy():
    policy = DispatchPolicyFactory()

    with refused_by("dispatch_dispatchpolicy_company_id_key"):
        DispatchPolicyFactory(company=policy.company)


# --- runs ---------------------------------------------------------------------------------------


def test_day_of_a_company_has_one_running_run():
    run = DispatchRunFactory(state=RunState.RUNNING)
    DispatchRunFactory(state=RunState.RUNNING)  # another company
    DispatchRunFactory(company=run.company, state=RunState.RUNNING, day=DAY + timedelta(days=1))
    DispatchRunFactory(company=run.company, state=RunState.FAILED)

    with refused_by("dispatchrun_one_running"):
        DispatchRunFactory(company=run.company, state=RunState.RUNNING)


@pytest.mark.parametrize("change", CHANGES)
def test_ended_run_cannot_run_again_beside_another(change):
    run = DispatchRunFactory(state=RunState.RUNNING)
    ended = DispatchRunFactory(company=run.company)

    with refused_by("dispatchrun_one_running"):
        change(ended, {"state": RunState.RUNNING})


def test_run_names_an_unassigned_booking_once():
    row = UnassignedFactory()

    with refused_by("unassigned_once_per_run"):
        UnassignedFactory(run=row.run, booking=row.booking)


# --- one live assignment of a booking -----------------------------------------------------------


def again(assignment, **values):
    """Another assignment of the same booking, to another shift."""
    return AssignmentFactory(company=assignment.company, booking=assignment.booking, **values)


def test_booking_has_one_live_assignment():
    assignment = AssignmentFactory()

    with refused_by("assignment_one_live_per_booking"):
        again(assignment)


@pytest.mark.parametrize("change", CHANGES)
def test_proposal_cannot_go_live_beside_a_live_one(change):
    proposal = again(AssignmentFactory(), status=AssignmentStatus.PROPOSED)

    with refused_by("assignment_one_live_per_booking"):
        change(proposal, {"status": LIVE})


@pytest.mark.parametrize("status", [*ENDED, AssignmentStatus.PROPOSED])
def test_booking_has_any_number_of_others(status):
    assignment = AssignmentFactory()

    again(assignment, status=status)
    again(assignment, status=status)

    assert assignment.booking.assignments.count() == 3


def test_going_live_is_two_statements_because_one_looks_row_by_row():
    new = AssignmentFactory(status=AssignmentStatus.PROPOSED)
    old = again(new)

    with refused_by("assignment_one_live_per_booking"), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE dispatch_assignment"
            " SET status = CASE status WHEN 'live' THEN 'superseded' ELSE 'live' END"
        )
    by_update(old, {"status": AssignmentStatus.SUPERSEDED})
    by_update(new, {"status": LIVE})

    assert list(Assignment.objects.live()) == [new]


# --- one pool at a time -------------------------------------------------------------------------


def beside(assignment, start, minutes=20, **values):
    """Another live ride of the same shift, over when the client has been delivered."""
    ends_at = start + timedelta(minutes=minutes)
    return AssignmentFactory(
        **{
            "company": assignment.company,
            "shift": assignment.shift,
            "pickup_at": start,
            "delivery_at": ends_at,
            "ends_at": ends_at,
        }
        | values
    )


class TestRidesOfOneShift:
    def test_may_touch(self):
        ride = AssignmentFactory()

        beside(ride, ride.ends_at)
        beside(ride, ride.pickup_at - timedelta(minutes=20))

    def test_cannot_overlap_by_a_moment(self):
        ride = AssignmentFactory()

        with refused_by("assignment_one_pool_at_a_time"):
            beside(ride, ride.ends_at - A_MOMENT)

    def test_last_until_the_departure_from_the_delivery(self):
        ride = AssignmentFactory()

        with refused_by("assignment_one_pool_at_a_time"):
            beside(ride, ride.delivery_at)

    def test_may_overlap_inside_a_pool(self):
        ride = AssignmentFactory()

        beside(ride, ride.pickup_at + A_MINUTE, pool=ride.pool)

    def test_cannot_overlap_those_of_another_pool(self):
        ride = AssignmentFactory()
        beside(ride, ride.pickup_at + A_MINUTE, pool=ride.pool)

        with refused_by("assignment_one_pool_at_a_time"):
            beside(ride, ride.ends_at - A_MOMENT, pool=uuid.uuid4())

    def test_have_a_pool_each_unless_told(self):
        ride = AssignmentFactory()

        assert beside(ride, ride.ends_at).pool != ride.pool

    @pytest.mark.parametrize("change", CHANGES)
    def test_cannot_be_without_a_pool(self, change):
        ride = AssignmentFactory()

        with pytest.raises(IntegrityError, match="null value"), transaction.atomic():
            change(ride, {"pool": None})

    @pytest.mark.parametrize("change", CHANGES)
    def test_cannot_be_moved_over_each_other(self, change):
        ride = AssignmentFactory()
        later = beside(ride, ride.ends_at)

        with refused_by("assignment_one_pool_at_a_time"):
            change(later, {"pickup_at": ride.ends_at - A_MOMENT})

    @pytest.mark.parametrize("status", [*ENDED, AssignmentStatus.PROPOSED])
    def test_overlap_when_they_are_not_live_and_cannot_become_so(self, status):
        ride = AssignmentFactory()
        other = beside(ride, ride.pickup_at, status=status)

        with refused_by("assignment_one_pool_at_a_time"):
            by_update(other, {"status": LIVE})

    def test_are_of_no_concern_to_another_shift(self):
        AssignmentFactory()

        AssignmentFactory()

    def test_swap_their_times_in_one_transaction_that_asks_for_it(self):
        ride = AssignmentFactory()
        later = beside(ride, ride.ends_at)
        first, second = (
            {"pickup_at": row.pickup_at, "delivery_at": row.delivery_at, "ends_at": row.ends_at}
            for row in (ride, later)
        )

        with refused_by("assignment_one_pool_at_a_time"):
            by_update(ride, second)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS assignment_one_pool_at_a_time DEFERRED")
            by_update(ride, second)
            by_update(later, first)
            check_deferred()

        ride.refresh_from_db()
        later.refresh_from_db()
        assert (ride.pickup_at, later.pickup_at) == (second["pickup_at"], first["pickup_at"])

    def test_cannot_be_left_overlapping_by_deferring(self):
        ride = AssignmentFactory()
        later = beside(ride, ride.ends_at)

        with refused_by("assignment_one_pool_at_a_time"), connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS assignment_one_pool_at_a_time DEFERRED")
            by_update(later, {"pickup_at": ride.pickup_at})


# --- the driver of an assignment is that of its shift -------------------------------------------


class TestDriverOfTheShift:
    @pytest.mark.parametrize("change", CHANGES)
    @pytest.mark.parametrize("status", [LIVE, AssignmentStatus.PROPOSED])
    def test_is_the_driver_of_its_rides(self, status, change):
        ride = AssignmentFactory(status=status)

        with refused_by("assignment_driver_of_shift"):
            change(ride, {"driver": DriverFactory(company=ride.company)})

    @pytest.mark.parametrize("change", CHANGES)
    def test_drives_a_layout_of_the_vehicle(self, change):
        ride = AssignmentFactory()
        change(ride, {"layout": VehicleLayoutFactory(vehicle=ride.shift.vehicle)})
        stranger = VehicleLayoutFactory(vehicle=VehicleFactory(company=ride.company))

        with refused_by("assignment_driver_of_shift"):
            change(ride, {"layout": stranger})

    @pytest.mark.parametrize("change", CHANGES)
    def test_is_asked_for_when_the_shift_of_a_ride_changes(self, change):
        ride = AssignmentFactory()

        with refused_by("assignment_driver_of_shift"):
            change(ride, {"shift": ShiftFactory(company=ride.company)})

    def test_is_asked_for_when_a_proposal_goes_live(self):
        proposal = AssignmentFactory(status=AssignmentStatus.PROPOSED)
        by_update(proposal.shift, {"driver": DriverFactory(company=proposal.company)})

        with refused_by("assignment_driver_of_shift"):
            by_update(proposal, {"status": LIVE})

    @pytest.mark.parametrize("status", ENDED)
    def test_is_not_asked_for_when_a_ride_ends(self, status):
        proposal = AssignmentFactory(status=AssignmentStatus.PROPOSED)
        by_update(proposal.shift, {"driver": DriverFactory(company=proposal.company)})

        by_update(proposal, {"status": status})

    def test_has_no_live_ride_in_a_cancelled_shift(self):
        shift = ShiftFactory(status=ShiftStatus.CANCELLED)
        proposal = AssignmentFactory(shift=shift, status=AssignmentStatus.PROPOSED)

        with refused_by("assignment_driver_of_shift"):
            by_update(proposal, {"status": LIVE})

    @pytest.mark.parametrize("change", CHANGES)
    @pytest.mark.parametrize(
        "values",
        [
            lambda shift: {"driver": DriverFactory(company=shift.company)},
            lambda shift: {"vehicle": VehicleFactory(company=shift.company)},
            lambda shift: {"status": ShiftStatus.CANCELLED},
        ],
        ids=["driver", "vehicle", "status"],
    )
    def test_keeps_the_shift_while_it_has_live_rides(self, values, change):
        ride = AssignmentFactory()

        with refused_by("shift_keeps_rides"):
            change(ride.shift, values(ride.shift))

    def test_may_leave_the_shift_before_the_rides_do_in_one_transaction(self):
        ride = AssignmentFactory()

        with transaction.atomic():
            by_update(ride.shift, {"status": ShiftStatus.CANCELLED})
            by_update(ride, {"status": AssignmentStatus.CANCELLED})
            check_deferred()

        ride.refresh_from_db()
        assert ride.status == AssignmentStatus.CANCELLED


# --- a change of a route is a change of its shift -----------------------------------------------


def version(shift):
    shift.refresh_from_db()
    return shift.version


class TestVersionOfTheShift:
    def test_counts_a_live_ride_that_enters(self):
        shift = ShiftFactory()

        AssignmentFactory(shift=shift)

        assert version(shift) == 1

    @pytest.mark.parametrize("status", [*ENDED, AssignmentStatus.PROPOSED])
    def test_counts_no_other(self, status):
        shift = ShiftFactory()

        AssignmentFactory(shift=shift, status=status)

        assert version(shift) == 0

    @pytest.mark.parametrize("change", CHANGES)
    def test_counts_a_ride_that_moves_or_ends(self, change):
        ride = AssignmentFactory()

        change(ride, {"sequence": 4})
        change(ride, {"status": AssignmentStatus.CANCELLED})

        assert version(ride.shift) == 3

    def test_counts_for_both_shifts_when_a_ride_changes_over(self):
        ride = AssignmentFactory()
        old = ride.shift
        new = ShiftFactory(company=ride.company)
        layout = new.vehicle.layouts.get()

        by_update(ride, {"shift": new, "driver": new.driver, "layout": layout})

        assert (version(old), version(new)) == (2, 1)

    def test_counts_a_ride_that_is_deleted(self):
        ride = AssignmentFactory()

        Assignment.objects.all().delete()

        assert version(ride.shift) == 2


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_an_assignment_counts_once(change):
    ride = AssignmentFactory()

    change(ride, {"sequence": 1})
    change(ride, {"sequence": 2})

    ride.refresh_from_db()
    assert ride.version == 2


# --- nothing crosses from one company to another ------------------------------------------------


@pytest.mark.parametrize(
    ("maker", "column", "stranger"),
    [
        (AssignmentFactory, "booking", BookingFactory),
        (AssignmentFactory, "dispatch_run", DispatchRunFactory),
        (AssignmentFactory, "ended_by_run", DispatchRunFactory),
        (AlertFactory, "booking", BookingFactory),
        (AlertFactory, "shift", ShiftFactory),
        (AlertFactory, "run", DispatchRunFactory),
        (OutboxFactory, "booking", BookingFactory),
        (OutboxFactory, "driver", DriverFactory),
        (OutboxFactory, "run", DispatchRunFactory),
        (UnassignedFactory, "booking", BookingFactory),
        (UnassignedFactory, "run", DispatchRunFactory),
    ],
)
@pytest.mark.parametrize("change", CHANGES)
def test_related_row_of_another_company_cannot_be_put_in(maker, column, stranger, change):
    row = maker()

    with refused_by("same_company"):
        change(row, {column: stranger()})


@pytest.mark.parametrize("maker", [AssignmentFactory, AlertFactory])
@pytest.mark.parametrize("column", ["booking", "shift"])
def test_related_row_of_another_company_cannot_come_with_a_new_row(maker, column):
    stranger = AssignmentFactory(status=AssignmentStatus.SUPERSEDED)  # and in nobody's way

    with refused_by("same_company"):
        maker(company=CompanyFactory(), **{column: getattr(stranger, column)})


@pytest.mark.parametrize("change", CHANGES)
def test_assignment_cannot_be_handed_to_another_company(change):
    ride = AssignmentFactory()

    with refused_by("same_company"):
        change(ride, {"company": CompanyFactory()})


@pytest.mark.parametrize("change", CHANGES)
def test_run_stays_with_its_company(change):
    with refused_by("keeps_company"):
        change(DispatchRunFactory(), {"company": CompanyFactory()})
