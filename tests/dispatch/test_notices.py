"""What a plan that goes live is to tell: written with it, in one statement, or not at all."""

from datetime import UTC, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dispatch.models import Audience, DispatchRun, NoticeKind, Outbox
from dispatch.services import applying, assigning, undoing
from tests.dispatch.days import Line, live, plan, policy
from tests.factories import DAY, AssignmentFactory, CompanyFactory, PartnerFactory, on_day

pytestmark = pytest.mark.django_db


@pytest.fixture
def line() -> Line:
    return Line(CompanyFactory())


def told(**filters):
    rows = Outbox.objects.filter(**filters).order_by("audience", "id")
    return [(row.audience, row.kind) for row in rows]


def latest():
    """Forget what was told before."""
    Outbox.objects.all().delete()


def seen(row):
    """An assignment as its client sees it."""
    return {
        "driver": row.driver_id,
        "pickup_at": row.pickup_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "delivery_at": row.delivery_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    }


def test_a_ride_that_gains_a_driver_is_told_to_client_partner_and_driver(line):
    partner = PartnerFactory(company=line.company)
    booking = line.booking(1, 3, 9, partner=partner)
    shift = line.shift()

    summary = plan(line.company)

    assert told() == [
        (Audience.CLIENT, NoticeKind.RIDE_PLANNED),
        (Audience.DRIVER, NoticeKind.ROUTE_CHANGED),
        (Audience.PARTNER, NoticeKind.RIDE_PLANNED),
    ]
    for_partner = Outbox.objects.get(audience=Audience.PARTNER)
    assert (for_partner.partner, for_partner.booking) == (partner, booking)
    assert (for_partner.run_id, for_partner.created_at) == (summary.run, on_day(0))
    assert for_partner.details == seen(live(booking))
    for_driver = Outbox.objects.get(audience=Audience.DRIVER)
    assert for_driver.driver == shift.driver
    assert for_driver.details == {
        "shift": shift.pk,
        "added": [booking.pk],
        "changed": [],
        "removed": [],
    }


def test_a_plan_equal_to_what_is_live_tells_nobody(line):
    line.booking(1, 3, 9)
    line.shift()
    plan(line.company)
    latest()

    plan(line.company)

    assert told() == []


def test_a_proposal_tells_nobody_until_it_is_applied(line):
    line.booking(1, 3, 9)
    line.shift()
    summary = plan(line.company, apply=False)
    assert told() == []

    run = DispatchRun.objects.get(pk=summary.run)
    applying.apply_run(run=run, actor=None, now=on_day(0, 10))

    assert [kind for _, kind in told(run=run, created_at=on_day(0, 10))] == [
        NoticeKind.RIDE_PLANNED,
        NoticeKind.ROUTE_CHANGED,
    ]


def test_another_driver_is_told_to_the_client_and_to_both_drivers(line):
    policy(line.company, change_driver_min=0)
    far = line.shift(12)
    booking = line.booking(1, 3, 9)
    plan(line.company)
    before = seen(live(booking))
    latest()
    near = line.shift(1)

    plan(line.company)

    notice = Outbox.objects.get(audience=Audience.CLIENT)
    assert notice.kind == NoticeKind.RIDE_CHANGED
    assert notice.details == seen(live(booking)) | {"before": before}
    routes = {
        row.driver: (row.details["added"], row.details["removed"])
        for row in Outbox.objects.filter(audience=Audience.DRIVER)
    }
    assert routes == {near.driver: ([booking.pk], []), far.driver: ([], [booking.pk])}


def test_a_change_that_no_client_notices_is_told_to_the_driver_alone(line):
    """The van is used in another layout: the same driver at the same times."""
    shift = line.shift()
    booking = line.booking(1, 3, 9)
    assigning.assign(booking=booking, shift=shift, actor=None, now=on_day(0))
    row = live(booking)
    proposal = AssignmentFactory(
        booking=booking,
        shift=shift,
        status="proposed",
        dispatch_run=DispatchRun.objects.create(
            company=line.company,
            day=DAY,
            trigger="command",
            state="proposed",
            settings={"freeze_min": 30},
            sources={"bookings": {booking.pk: 1}, "shifts": {shift.pk: 1}},
            started_at=on_day(0),
            finished_at=on_day(0),
        ),
        pickup_at=row.pickup_at,
        delivery_at=row.delivery_at,
        ends_at=row.ends_at + timedelta(minutes=1),
    )

    applying.apply_run(run=proposal.dispatch_run, actor=None, now=on_day(0, 10))

    assert told() == [(Audience.DRIVER, NoticeKind.ROUTE_CHANGED)]
    assert Outbox.objects.get().details["changed"] == [booking.pk]


def test_a_ride_that_loses_its_driver_is_told(line):
    booking = line.booking(1, 3, 9)
    shift = line.shift()
    plan(line.company)
    before = seen(live(booking))
    latest()
    shift.driver.active = False
    shift.driver.save()

    plan(line.company)

    notice = Outbox.objects.get(audience=Audience.CLIENT)
    assert (notice.kind, notice.details) == (NoticeKind.RIDE_LOST, {"before": before})
    assert Outbox.objects.get(audience=Audience.DRIVER).details["removed"] == [booking.pk]


def test_an_undo_tells_what_it_takes_back(line):
    partner = PartnerFactory(company=line.company)
    line.booking(1, 3, 9, partner=partner)
    line.shift()
    summary = plan(line.company)
    latest()

    undoing.undo(company=line.company, day=DAY, actor=None, now=on_day(0, 20))

    assert told(run=summary.run, created_at=on_day(0, 20)) == [
        (Audience.CLIENT, NoticeKind.RIDE_LOST),
        (Audience.DRIVER, NoticeKind.ROUTE_CHANGED),
        (Audience.PARTNER, NoticeKind.RIDE_LOST),
    ]


def test_a_plan_that_the_database_refuses_tells_nobody(line, monkeypatch):
    line.booking(1, 3, 9)
    line.shift()
    monkeypatch.setattr(applying.moves, "hand_out", lambda **_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        plan(line.company)

    assert told() == []


def test_notices_hold_ids_and_instants_and_nothing_else(line):
    line.booking(1, 3, 9, partner=PartnerFactory(company=line.company))
    line.shift()

    plan(line.company)

    values = {name for row in Outbox.objects.all() for name in row.details}
    assert values <= {"driver", "pickup_at", "delivery_at", "shift", "added", "changed", "removed"}


@pytest.mark.parametrize("rides", [3, 30])
def test_notices_of_a_run_are_one_statement_however_many(line, rides):
    for base in range(3):
        line.shift(base)
    for number in range(rides):
        line.booking(number % 5, 6, 8 + number % 8, number % 60)

    with CaptureQueriesContext(connection) as context:
        summary = plan(line.company, iterations=5)

    telling = [q["sql"] for q in context.captured_queries if "dispatch_outbox" in q["sql"]]
    assert len(telling) == 1
    assert Outbox.objects.filter(audience=Audience.CLIENT).count() == summary.assigned > 0
