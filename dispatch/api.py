"""Runs and assignments of the caller's company."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import mixins, serializers, viewsets

from accounts.api import Pages, company_of
from atmr import clock
from bookings.models import Booking
from dispatch.models import Assignment, AssignmentStatus, DispatchRun
from fleet.models import Driver, Shift


class RunSerializer(serializers.ModelSerializer):
    class Meta:
        model = DispatchRun
        fields = [
            *("id", "day", "trigger", "state", "started_by", "settings", "seed"),
            *("travel_source", "bookings", "assigned", "cost", "violations", "inherited"),
            *("stale", "timings", "error"),
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


class BookingBrief(serializers.ModelSerializer):
    class Meta:
        model = Booking
        fields = ["id", "reference", "status", "scheduled_at"]


class DriverBrief(serializers.ModelSerializer):
    class Meta:
        model = Driver
        fields = ["id", "name"]


class ShiftBrief(serializers.ModelSerializer):
    class Meta:
        model = Shift
        fields = ["id", "starts_at", "ends_at"]


class AssignmentSerializer(serializers.ModelSerializer):
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


class AssignmentQuery(serializers.Serializer):
    """What a list of assignments can be asked for."""

    day = serializers.DateField(required=False)
    run = serializers.IntegerField(required=False, source="dispatch_run")
    status = serializers.ChoiceField(AssignmentStatus.choices, required=False)


class PagesByPickup(Pages):
    ordering = ("pickup_at", "id")


class AssignmentViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Who drives whom, by time of pickup."""

    serializer_class = AssignmentSerializer
    pagination_class = PagesByPickup

    def get_queryset(self) -> QuerySet[Assignment]:
        company = company_of(self.request)
        conditions = asked(AssignmentQuery, self)
        if day := conditions.pop("day", None):
            first, last = clock.day_bounds(day, company.tz)
            conditions |= {"pickup_at__gte": first, "pickup_at__lt": last}
        return Assignment.objects.for_company(company).with_people().filter(**conditions)


def asked(query: type[serializers.Serializer], view: viewsets.GenericViewSet) -> dict[str, Any]:
    """Read the conditions of a list from its address; one row is asked for without any."""
    if view.action != "list":
        return {}
    conditions = query(data=view.request.query_params)
    conditions.is_valid(raise_exception=True)
    return dict(conditions.validated_data)
