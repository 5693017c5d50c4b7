"""What callers ask for, in the domain's terms. The requests have been checked (server.validation)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from core.job import JobKind, Submission
from core.store.listing import Filter
from server.limits import (
    DEFAULT_ATTEMPTS,
    DEFAULT_HEARTBEAT,
    DEFAULT_PAGE,
    DEFAULT_PRIORITY,
    DEFAULT_WAIT,
    LARGEST_PAGE,
)
from server.translate.costs import awaited_jobs, estimated_cost_of, model_of
from server.translate.enums import KIND_FROM_PROTO, STATE_FROM_PROTO, UNKNOWN_SUBMISSION_FROM_PROTO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message
    from google.protobuf.timestamp_pb2 import Timestamp

    from segue.v1 import job_service_pb2 as pb
    from server.settings import Settings

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def submission_from_proto(request: pb.SubmitJobRequest, settings: Settings) -> Submission:
    """Return a job as its caller asks for it, with the defaults filled in."""
    return Submission(
        kind=JobKind(request.spec.WhichOneof("kind") or ""),
        spec=request.spec.SerializeToString(deterministic=True),
        priority=request.priority if request.HasField("priority") else DEFAULT_PRIORITY,
        owner=request.owner,
        labels=labels_from_proto(request.labels),
        request_id=request.request_id,
        digest=digest_of(request) if request.request_id else "",
        time_limit=request.time_limit.ToTimedelta() if request.HasField("time_limit") else settings.time_limit_default,
        retention=request.retention.ToTimedelta() if request.HasField("retention") else settings.retention_default,
        max_attempts=request.max_attempts if request.HasField("max_attempts") else DEFAULT_ATTEMPTS,
        hold=request.hold,
        on_unknown_submission=UNKNOWN_SUBMISSION_FROM_PROTO[request.on_unknown_submission],
        schedule_time=_not_before(request.schedule_time) if request.HasField("schedule_time") else None,
        longest_wait=(
            request.expire_if_not_started_after.ToTimedelta()
            if request.HasField("expire_if_not_started_after")
            else None
        ),
        awaits=awaited_jobs(request.spec),
        model=model_of(request.spec),
        template_id=request.template_id,
        estimated_cost=estimated_cost_of(request.spec),
    )


def labels_from_proto(labels: Mapping[str, str]) -> Mapping[str, str]:
    """Return labels; dict() would ask the message for its items by way of Python, three times as slowly."""
    return {name: labels[name] for name in labels} if labels else {}


def digest_of(request: Message) -> str:
    """Return the SHA-256 of a request and its type, to tell a repetition from another request under the same id.

    The request_id is in it: digests are only compared between requests that share one.
    """
    content = request.SerializeToString(deterministic=True)
    return hashlib.sha256(request.DESCRIPTOR.full_name.encode() + b"\0" + content).hexdigest()


def filter_from_proto(request: pb.JobFilter | pb.ListJobsRequest) -> Filter:
    """Return which jobs are meant."""
    return Filter(
        owner=request.owner,
        states=frozenset(STATE_FROM_PROTO[state] for state in request.states),
        kinds=frozenset(KIND_FROM_PROTO[kind] for kind in request.kinds),
        batch_id=request.batch_id,
        labels=dict(request.labels),
        created_from=request.create_time_from.ToDatetime(UTC) if request.HasField("create_time_from") else None,
        created_to=request.create_time_to.ToDatetime(UTC) if request.HasField("create_time_to") else None,
    )


def page_size_from_proto(request: pb.ListJobsRequest) -> int:
    """Return how many jobs a page shall have."""
    return min(request.page_size or DEFAULT_PAGE, LARGEST_PAGE)


def heartbeat_from_proto(request: pb.WatchJobRequest | pb.WatchBatchRequest | pb.WatchJobsRequest) -> timedelta:
    """Return how long a watch may be silent."""
    return request.heartbeat_interval.ToTimedelta() if request.HasField("heartbeat_interval") else DEFAULT_HEARTBEAT


def wait_from_proto(request: pb.WaitJobRequest) -> timedelta:
    """Return how long to wait for the end of a job."""
    return request.timeout.ToTimedelta() if request.HasField("timeout") else DEFAULT_WAIT


def _not_before(when: Timestamp) -> datetime:
    """Return the first whole millisecond that is not before an instant: a job keeps its times so."""
    return _EPOCH + timedelta(seconds=when.seconds, milliseconds=-(-when.nanos // 1_000_000))
