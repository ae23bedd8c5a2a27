"""Who drives whom, when: policy, runs, assignments, and what could not be assigned."""

from dispatch.models.assignments import (
    LIVE,
    Assignment,
    AssignmentQuerySet,
    AssignmentStatus,
    Lock,
    ShiftWithRides,
)
from dispatch.models.findings import Alert, AlertKind, AlertQuerySet, Unassigned, UnassignedQuerySet
from dispatch.models.outbox import Audience, NoticeKind, Outbox, OutboxQuerySet
from dispatch.models.policy import BOUNDS, DispatchPolicy, Mode
from dispatch.models.runs import RUNNING, DispatchRun, DispatchRunQuerySet, RunState, RunTrigger

__all__ = [
    "BOUNDS",
    "LIVE",
    "RUNNING",
    "Alert",
    "AlertKind",
    "AlertQuerySet",
    "Assignment",
    "AssignmentQuerySet",
    "AssignmentStatus",
    "Audience",
    "DispatchPolicy",
    "DispatchRun",
    "DispatchRunQuerySet",
    "Lock",
    "Mode",
    "NoticeKind",
    "Outbox",
    "OutboxQuerySet",
    "RunState",
    "RunTrigger",
    "ShiftWithRides",
    "Unassigned",
    "UnassignedQuerySet",
]
