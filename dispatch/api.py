"""Runs and assignments of the caller's company."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import CompanyRelatedField, Instant, Pages, RowSerializer, company_of
from accounts.permissions import signed_in
from atmr import clock
from bookings.models import Booking
from dispatch.models import Assignment, AssignmentStatus, DispatchRun
from dispatch.services import answers, assigning
from fleet.models import Driver, Shift


class RunSerializer(RowSerializer):
    class Meta:
        model = DispatchRun
        fields = [
            *("id", "day", "trigger", "state", "started_by", "settings", "seed"),
            *("travel_source", "bookings", "assigned", "metrics", "cost", "violations"),
            *("inherited", "stale", "timings", "error"),
            *("started_at", "finished_at", "applied_at", "undone_at"),
        ]
        read_only_fields = fields


class RunQuery(serializers.Serializer):
    """What a list of runs can be asked for."""

    day = serializers.DateField(required=False)


class RunViewSet(viewsets.ReadOnlyModelViewSet):
    """The attempts to plan the company's days, latest first."""

    serializer_class = RunSerializer
    pagination_class = Pages

    def get_queryset(self) -> QuerySet[DispatchRun]:
        runs = DispatchRun.objects.for_company(company_of(self.request))
        return runs.filter(**asked(RunQuery, self))

    @action(detail=True)
    def result(self, _request: Request, pk: str | None = None) -> Response:  # noqa: ARG002
        """What came of the run: its figures, who drives whom in it, and who is left."""
        return Response(answers.result_of_run(self.get_object()))


class MetricsQuery(serializers.Serializer):
    """Which day's figures."""

    day = serializers.DateField()


class MetricsViewSet(viewsets.ViewSet):
    """What a day amounts to so far; who may see runs may see it."""

    serializer_class = RunSerializer

    def list(self, request: Request) -> Response:
        query = MetricsQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        day = query.validated_data["day"]
        figures = answers.figures_of_day(company=company_of(request), day=day)
        return Response({"day": day, **figures})


class BookingBrief(RowSerializer):
    scheduled_at = Instant(read_only=True)  # generated: the framework knows no field for it

    class Meta:
        model = Booking
        fields = ["id", "reference", "status", "scheduled_at"]


class DriverBrief(RowSerializer):
    class Meta:
        model = Driver
        fields = ["id", "name"]


class ShiftBrief(RowSerializer):
    class Meta:
        model = Shift
        fields = ["id", "starts_at", "ends_at"]


class AssignmentSerializer(RowSerializer):
    booking = BookingBrief()
    driver = DriverBrief()
    shift = ShiftBrief()

    class Meta:
        model = Assignment
        fields = [
            *("id", "booking", "driver", "shift", "layout", "dispatch_run", "status"),
            *("sequence", "pickup_at", "delivery_at", "ends_at", "lock", "pool"),
            *("explanation", "created_at"),
        ]
        read_only_fields = fields


class NewAssignment(serializers.Serializer):
    """A booking for a shift, at a time or at the best there is."""

    booking = CompanyRelatedField(queryset=Booking.objects.all())
    shift = CompanyRelatedField(queryset=Shift.objects.all())
    pickup_at = Instant(required=False)


class AssignmentQuery(serializers.Serializer):
    """What a list of assignments can be asked for."""

    day = serializers.DateField(required=False)
    run = serializers.IntegerField(required=False, source="dispatch_run")
    status = serializers.ChoiceField(AssignmentStatus.choices, required=False)


class PagesByPickup(Pages):
    ordering = ("pickup_at", "id")


class AssignmentViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Who drives whom, by time of pickup; a person gives a booking to a shift."""

    serializer_class = AssignmentSerializer
    pagination_class = PagesByPickup

    def get_queryset(self) -> QuerySet[Assignment]:
        company = company_of(self.request)
        conditions = asked(AssignmentQuery, self)
        if day := conditions.pop("day", None):
            first, last = clock.day_bounds(day, company.tz)
            conditions |= {"pickup_at__gte": first, "pickup_at__lt": last}
        return Assignment.objects.for_company(company).with_people().filter(**conditions)

    def create(self, request: Request) -> Response:
        order = NewAssignment(data=request.data, context=self.get_serializer_context())
        order.is_valid(raise_exception=True)
        made = assigning.assign(
            **order.validated_data, actor=signed_in(request), now=timezone.now()
        )
        row = self.get_serializer(self.get_queryset().get(pk=made.pk)).data
        return Response(row, status=status.HTTP_201_CREATED)


def asked(query: type[serializers.Serializer], view: viewsets.GenericViewSet) -> dict[str, Any]:
    """Read the conditions of a list from its address; one row is asked for without any."""
    if view.action != "list":
        return {}
    conditions = query(data=view.request.query_params)
    conditions.is_valid(raise_exception=True)
    return dict(conditions.validated_data)
