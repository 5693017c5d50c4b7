"""What callers ask for, in the domain's terms. The requests have been checked (server.validation)."""

from __future__ import annotations

import hashlib
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from core.job import JobKind, Submission
from core.store.listing import Filter
from server.translate.enums import KIND_FROM_PROTO, STATE_FROM_PROTO, UNKNOWN_SUBMISSION_FROM_PROTO

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from segue.v1 import job_service_pb2 as pb
    from server.settings import Settings

#: Taken where a submission is silent.
DEFAULT_PRIORITY: Final = 5
DEFAULT_ATTEMPTS: Final = 3
DEFAULT_HEARTBEAT: Final = timedelta(seconds=15)
DEFAULT_PAGE: Final = 20
LARGEST_PAGE: Final = 100


def submission_from_proto(request: pb.SubmitJobRequest, settings: Settings) -> Submission:
    """Return a job as its caller asks for it, with the defaults filled in."""
    return Submission(
        kind=JobKind(request.spec.WhichOneof("kind") or ""),
        spec=request.spec.SerializeToString(deterministic=True),
        priority=request.priority if request.HasField("priority") else DEFAULT_PRIORITY,
        owner=request.owner,
        labels=dict(request.labels),
        request_id=request.request_id,
        digest=digest_of(request) if request.request_id else "",
        time_limit=request.time_limit.ToTimedelta() if request.HasField("time_limit") else settings.time_limit_default,
        retention=request.retention.ToTimedelta() if request.HasField("retention") else settings.retention_default,
        max_attempts=request.max_attempts if request.HasField("max_attempts") else DEFAULT_ATTEMPTS,
        hold=request.hold,
        on_unknown_submission=UNKNOWN_SUBMISSION_FROM_PROTO[request.on_unknown_submission],
    )


def digest_of(request: Message) -> str:
    """Return the SHA-256 of a request and its type, to tell a repetition from another request under the same id.

    The request_id is in it: digests are only compared between requests that share one.
    """
    content = request.SerializeToString(deterministic=True)
    return hashlib.sha256(request.DESCRIPTOR.full_name.encode() + b"\0" + content).hexdigest()


def filter_from_proto(request: pb.ListJobsRequest) -> Filter:
    """Return which jobs shall be listed."""
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


def heartbeat_from_proto(request: pb.WatchJobRequest) -> timedelta:
    """Return how long a watch may be silent."""
    return request.heartbeat_interval.ToTimedelta() if request.HasField("heartbeat_interval") else DEFAULT_HEARTBEAT
