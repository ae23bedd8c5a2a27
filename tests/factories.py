"""One factory per model: the smallest valid row, with invented people.

Every factory takes ``company=``, and the rows it makes on the way belong to that company. Given a
related row instead (``AssignmentFactory(shift=shift)``), it takes the company of that row.
"""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import factory
from django.contrib.auth.hashers import MD5PasswordHasher, make_password
from factory import LazyAttribute, SelfAttribute, Sequence, SubFactory
from factory.django import DjangoModelFactory, Password

from accounts.models import Company, Partner, PartnerAgreement, Role, SignIn, User
from atmr import clock
from bookings.models import (
    Anchor,
    Booking,
    BookingEvent,
    BookingSeries,
    Client,
    SeriesException,
    SeriesSuspension,
)
from bookings.states import BookingStatus
from dispatch.models import (
    Alert,
    AlertKind,
    Assignment,
    AssignmentStatus,
    Audience,
    DispatchPolicy,
    DispatchRun,
    NoticeKind,
    Outbox,
    RunState,
    RunTrigger,
    Unassigned,
)
from fleet.models import (
    Absence,
    AbsenceKind,
    DocumentKind,
    Driver,
    DriverDocument,
    Place,
    PlaceKind,
    Position,
    Shift,
    Vehicle,
    VehicleLayout,
)

ZONE = ZoneInfo("Europe/Zurich")
DAY = date(2027, 3, 10)  # a Wednesday far from a change of clocks
PASSWORD = "correct horse battery staple"


def on_day(hour: int, minute: int = 0, *, day: date = DAY) -> datetime:
    """Give the instant at which a clock in Geneva shows this time on `day`."""
    return clock.at(day, time(hour, minute), ZONE)


class CompanyFactory(DjangoModelFactory):
    class Meta:
        model = Company

    slug = Sequence("company-{}".format)
    name = Sequence("Company {}".format)


class _CompanyFactory(DjangoModelFactory):
    """Whose rows belong to one company, given as ``company=`` or by the first row given."""

    class Meta:
        abstract = True

    @classmethod
    def _generate(cls, strategy: str, params: dict[str, Any]) -> Any:
        if "company" not in params:
            companies = (getattr(value, "company", None) for value in params.values())
            first = next((company for company in companies if company is not None), None)
            if first is not None:
                params["company"] = first
        return super()._generate(strategy, params)


class _OfCompanyFactory(_CompanyFactory):
    """For models with a column for the company."""

    class Meta:
        abstract = True

    company = SubFactory(CompanyFactory)


class _UnderCompanyFactory(_CompanyFactory):
    """For models whose company is that of another row."""

    class Meta:
        abstract = True

    class Params:
        company = SubFactory(CompanyFactory)


def _same(maker: Any, **defaults: Any) -> SubFactory:
    """Make the related row in the company of this one."""
    return SubFactory(maker, company=SelfAttribute("..company"), **defaults)


class UserFactory(_OfCompanyFactory):
    class Meta:
        model = User

    email = Sequence("person{}@example.org".format)
    role = Role.DISPATCHER
    # Signing in must work; the cost of a real hash must not.
    password = Password(
        PASSWORD, transform=lambda text: make_password(text, hasher=MD5PasswordHasher())
    )


class SignInFactory(_OfCompanyFactory):
    class Meta:
        model = SignIn

    user = _same(UserFactory)
    at = on_day(6)
    succeeded = True


class PartnerFactory(DjangoModelFactory):
    """A partner; with ``company=``, one that has an agreement with it."""

    class Meta:
        model = Partner
        skip_postgeneration_save = True

    name = Sequence("Partner {}".format)

    @factory.post_generation
    def company(self, create: bool, extracted: Company | None) -> None:
        if create and extracted is not None:
            PartnerAgreementFactory(partner=self, company=extracted)


class PartnerAgreementFactory(_OfCompanyFactory):
    class Meta:
        model = PartnerAgreement

    partner = SubFactory(PartnerFactory)


class PlaceFactory(_OfCompanyFactory):
    class Meta:
        model = Place

    name = Sequence("Place {}".format)
    kind = PlaceKind.OTHER
    lat = Sequence(lambda n: 46.18 + n % 37 / 1000)
    lon = Sequence(lambda n: 6.10 + n % 41 / 1000)


class DriverFactory(_OfCompanyFactory):
    class Meta:
        model = Driver

    name = Sequence("Driver {}".format)


class DriverDocumentFactory(_UnderCompanyFactory):
    class Meta:
        model = DriverDocument

    driver = _same(DriverFactory)
    kind = DocumentKind.LICENCE
    expires_day = DAY + timedelta(days=365)


class VehicleFactory(_OfCompanyFactory):
    """A vehicle with one layout of three seats; ``layout=None`` leaves it without."""

    class Meta:
        model = Vehicle
        skip_postgeneration_save = True

    plate = Sequence("GE {}".format)
    layout = factory.RelatedFactory(
        "tests.factories.VehicleLayoutFactory", "vehicle", company=SelfAttribute("..company")
    )


class VehicleLayoutFactory(_UnderCompanyFactory):
    class Meta:
        model = VehicleLayout

    vehicle = _same(VehicleFactory, layout=None)
    name = Sequence("Layout {}".format)
    seats = 3


class ShiftFactory(_OfCompanyFactory):
    """On duty from 07:00 to 17:00 on ``day``, from one base and back to it, without a break."""

    class Meta:
        model = Shift

    class Params:
        day = DAY

    driver = _same(DriverFactory)
    vehicle = _same(VehicleFactory)
    starts_at = LazyAttribute(lambda shift: clock.at(shift.day, time(7), shift.company.tz))
    ends_at = LazyAttribute(lambda shift: clock.at(shift.day, time(17), shift.company.tz))
    start_place = _same(PlaceFactory, kind=PlaceKind.BASE)
    end_place = SelfAttribute("start_place")


class AbsenceFactory(_UnderCompanyFactory):
    """Absent for the whole of ``day``."""

    class Meta:
        model = Absence

    class Params:
        day = DAY

    driver = _same(DriverFactory)
    kind = AbsenceKind.HOLIDAY
    starts_at = LazyAttribute(lambda absence: clock.day_bounds(absence.day, ZONE)[0])
    ends_at = LazyAttribute(lambda absence: clock.day_bounds(absence.day, ZONE)[1])


class PositionFactory(_UnderCompanyFactory):
    class Meta:
        model = Position

    shift = _same(ShiftFactory)
    at = LazyAttribute(lambda position: position.shift.starts_at)
    lat = 46.2
    lon = 6.14


class ClientFactory(_OfCompanyFactory):
    class Meta:
        model = Client

    name = Sequence("Client {}".format)


class BookingSeriesFactory(_OfCompanyFactory):
    """Dialysis on Mondays, Wednesdays and Fridays at 08:00, from the day of the tests on."""

    class Meta:
        model = BookingSeries

    client = _same(ClientFactory)
    pickup_place = _same(PlaceFactory)
    delivery_place = _same(PlaceFactory)
    at_time = time(8)
    rule = "FREQ=WEEKLY;BYDAY=MO,WE,FR"
    starts_day = DAY


class SeriesExceptionFactory(_UnderCompanyFactory):
    class Meta:
        model = SeriesException

    series = _same(BookingSeriesFactory)
    day = DAY


class SeriesSuspensionFactory(_UnderCompanyFactory):
    class Meta:
        model = SeriesSuspension

    series = _same(BookingSeriesFactory)
    from_day = DAY
    until_day = DAY


class BookingFactory(_OfCompanyFactory):
    """Accepted, to be picked up at 09:00 on the day of the tests, promised from 08:55 to 09:10.

    ``arrive_by=True`` anchors it to an appointment at 09:00 instead, which promises no pickup.
    """

    class Meta:
        model = Booking

    class Params:
        arrive_by = factory.Trait(
            anchor=Anchor.ARRIVE_BY, requested_pickup_at=None, appointment_at=on_day(9)
        )

    reference = Sequence("T{:06}".format)
    client = _same(ClientFactory)
    status = BookingStatus.ACCEPTED
    pickup_place = _same(PlaceFactory)
    delivery_place = _same(PlaceFactory)
    requested_pickup_at = on_day(9)
    promised_from = LazyAttribute(lambda booking: _promised(booking, -5))
    promised_until = LazyAttribute(lambda booking: _promised(booking, 10))


def _promised(booking: Any, margin_min: int) -> datetime | None:
    requested: datetime | None = booking.requested_pickup_at
    if requested is None or booking.status == BookingStatus.PENDING:
        return None
    return requested + timedelta(minutes=margin_min)


class BookingEventFactory(_OfCompanyFactory):
    """A move reported beside the one that the trigger records of itself."""

    class Meta:
        model = BookingEvent

    booking = _same(BookingFactory)
    from_status = BookingStatus.PENDING
    to_status = BookingStatus.ACCEPTED
    actor = _same(UserFactory)
    happened_at = on_day(6)
    recorded_at = on_day(6)


class DispatchPolicyFactory(_OfCompanyFactory):
    class Meta:
        model = DispatchPolicy


class DispatchRunFactory(_OfCompanyFactory):
    """A run whose proposal awaits a person."""

    class Meta:
        model = DispatchRun

    day = DAY
    trigger = RunTrigger.COMMAND
    state = RunState.PROPOSED
    started_at = on_day(6)
    finished_at = LazyAttribute(
        lambda run: None if run.state == RunState.RUNNING else run.started_at + timedelta(seconds=2)
    )


class AssignmentFactory(_OfCompanyFactory):
    """A live ride of twenty minutes, from the booking's time on, of the shift's driver."""

    class Meta:
        model = Assignment

    booking = _same(BookingFactory, status=BookingStatus.ASSIGNED)
    shift = _same(ShiftFactory)
    driver = SelfAttribute("shift.driver")
    layout = LazyAttribute(lambda ride: ride.shift.vehicle.layouts.order_by("id").first())
    status = AssignmentStatus.LIVE
    pickup_at = SelfAttribute("booking.scheduled_at")
    delivery_at = LazyAttribute(lambda ride: ride.pickup_at + timedelta(minutes=20))
    ends_at = LazyAttribute(lambda ride: ride.delivery_at + timedelta(minutes=5))


class UnassignedFactory(_UnderCompanyFactory):
    class Meta:
        model = Unassigned

    run = _same(DispatchRunFactory)
    booking = _same(BookingFactory)
    reason = "no-driver"


class AlertFactory(_OfCompanyFactory):
    class Meta:
        model = Alert

    kind = AlertKind.RUN_FAILED
    raised_at = on_day(6)


class OutboxFactory(_OfCompanyFactory):
    """A client is to be told that the ride is planned."""

    class Meta:
        model = Outbox

    run = _same(DispatchRunFactory)
    kind = NoticeKind.RIDE_PLANNED
    audience = Audience.CLIENT
    booking = _same(BookingFactory)
    created_at = on_day(6)
