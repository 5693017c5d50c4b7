"""The requests of the contract, built from plain Python values; the same for both clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypedDict, Unpack
from uuid import uuid4

from segue import errors
from segue.v1 import job_pb2, job_service_pb2, spec_pb2, system_service_pb2
from segue.values import duration, enum_value, timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

BatchItem: TypeAlias = "spec_pb2.JobSpec | job_service_pb2.SubmitJobRequest"


class JobOptions(TypedDict, total=False):
    """What can be said of a job beside its spec. Left out: the server's default."""

    priority: int | None
    """1 (first) to 10 (last); 5."""
    owner: str
    """For whom the job is done: a label to filter by, not an identity."""
    labels: Mapping[str, str]
    time_limit: timedelta | float | None
    """From first start to end, as a timedelta or in seconds; 25 minutes."""
    retention: timedelta | float | None
    """How long it is kept after its end, as a timedelta or in seconds; 24 hours."""
    max_attempts: int | None
    hold: bool
    """Accept it, but start it only after ReleaseJob."""
    on_unknown_submission: str | job_pb2.UnknownSubmissionPolicy.ValueType
    """"fail" or "resubmit": what to do when it cannot be known whether fal accepted (and bills) a submit."""
    schedule_time: datetime | None
    """Not to be started before this, at most a year ahead; at once."""
    expire_if_not_started_after: timedelta | float | None
    """Fail it, unbilled, if it waits longer than this for its start, as a timedelta or in seconds; never."""
    template_id: str
    """A saved template, which stands where the spec is silent."""


class JobFilter(TypedDict, total=False):
    """Which jobs: conditions are joined by "and", the values of a list by "or"."""

    owner: str
    states: Iterable[str | job_pb2.JobState.ValueType]
    """By name ("succeeded") or value."""
    kinds: Iterable[str | spec_pb2.JobKind.ValueType]
    """By name ("transition") or value."""
    batch_id: str
    labels: Mapping[str, str]
    create_time_from: datetime | None
    create_time_to: datetime | None


class ListOptions(JobFilter, total=False):
    """Which jobs are listed, and how."""

    page_size: int
    """How many jobs one call fetches, at most 100; it does not limit the list."""
    include_spec: bool


class Scope(TypedDict, total=False):
    """What is paused or resumed: exactly one of these."""

    everything: bool
    """All jobs of all tenants."""
    tenant: bool
    """All jobs of the caller's own tenant."""
    kind: str | spec_pb2.JobKind.ValueType
    """All jobs of a kind, by name ("transition") or value, of all tenants."""


@dataclass(frozen=True, slots=True)
class SubmittedBatch:
    """A batch as it was accepted."""

    batch: job_pb2.Batch
    jobs: Sequence[job_pb2.Job]
    """The accepted jobs in the order of the request, without their specs."""
    failures: Mapping[int, errors.SegueError]
    """Why an item was refused, by its index in the request; only with ``allow_partial_success``."""
    deduplicated: bool
    """Whether an earlier request with the same request_id made it."""

    @property
    def id(self) -> str:
        """The id of the batch."""
        return self.batch.id


def submission(
    spec: spec_pb2.JobSpec,
    *,
    priority: int | None = None,
    owner: str = "",
    labels: Mapping[str, str] | None = None,
    time_limit: timedelta | float | None = None,
    retention: timedelta | float | None = None,
    max_attempts: int | None = None,
    hold: bool = False,
    on_unknown_submission: str | job_pb2.UnknownSubmissionPolicy.ValueType = "",
    schedule_time: datetime | None = None,
    expire_if_not_started_after: timedelta | float | None = None,
    template_id: str = "",
) -> job_service_pb2.SubmitJobRequest:
    """Describe a job with its options: an item of a batch. See `JobOptions`."""
    return job_service_pb2.SubmitJobRequest(
        spec=spec,
        priority=priority,
        owner=owner,
        labels=labels,
        time_limit=duration(time_limit),
        retention=duration(retention),
        max_attempts=max_attempts,
        hold=hold,
        on_unknown_submission=enum_value(job_pb2.UnknownSubmissionPolicy, on_unknown_submission),
        schedule_time=timestamp(schedule_time),
        expire_if_not_started_after=duration(expire_if_not_started_after),
        template_id=template_id,
    )


def submit(
    item: job_service_pb2.SubmitJobRequest, *, request_id: str | None, validate_only: bool
) -> job_service_pb2.SubmitJobRequest:
    """Complete the submit of one job; a request_id makes it safe to repeat."""
    item.request_id = request_id or str(uuid4())
    item.validate_only = validate_only
    return item


def submit_batch(
    items: Iterable[BatchItem], *, request_id: str | None, display_name: str, allow_partial_success: bool
) -> job_service_pb2.BatchSubmitRequest:
    """Build the submit of a batch; a request_id makes it safe to repeat."""
    jobs = (submission(item) if isinstance(item, spec_pb2.JobSpec) else item for item in items)
    return job_service_pb2.BatchSubmitRequest(
        jobs=jobs,
        request_id=request_id or str(uuid4()),
        display_name=display_name,
        allow_partial_success=allow_partial_success,
    )


def submitted_batch(response: job_service_pb2.BatchSubmitResponse) -> SubmittedBatch:
    """Read the answer to the submit of a batch."""
    return SubmittedBatch(
        batch=response.batch,
        jobs=tuple(response.jobs),
        failures={index: errors.from_status(status) for index, status in sorted(response.failures.items())},
        deduplicated=response.deduplicated,
    )


def retry(job_id: str, *, request_id: str | None, resubmit_unknown: bool) -> job_service_pb2.RetryJobRequest:
    """Build the retry of one job; a request_id makes it safe to repeat."""
    return job_service_pb2.RetryJobRequest(
        job_id=job_id, request_id=request_id or str(uuid4()), resubmit_unknown=resubmit_unknown
    )


def wait(job_id: str, timeout: float) -> job_service_pb2.WaitJobRequest:
    """Build the request to wait so many seconds for the end of a job."""
    return job_service_pb2.WaitJobRequest(job_id=job_id, timeout=duration(timeout))


def job_filter(
    *,
    owner: str = "",
    states: Iterable[str | job_pb2.JobState.ValueType] = (),
    kinds: Iterable[str | spec_pb2.JobKind.ValueType] = (),
    batch_id: str = "",
    labels: Mapping[str, str] | None = None,
    create_time_from: datetime | None = None,
    create_time_to: datetime | None = None,
) -> job_service_pb2.JobFilter:
    """Build the conditions of jobs. See `JobFilter`."""
    return job_service_pb2.JobFilter(
        owner=owner,
        states=[enum_value(job_pb2.JobState, state) for state in states],
        kinds=[enum_value(spec_pb2.JobKind, kind) for kind in kinds],
        batch_id=batch_id,
        labels=labels,
        create_time_from=timestamp(create_time_from),
        create_time_to=timestamp(create_time_to),
    )


def list_jobs(
    *, page_size: int = 100, include_spec: bool = False, **conditions: Unpack[JobFilter]
) -> job_service_pb2.ListJobsRequest:
    """Build the request for the first page of a list. See `ListOptions`."""
    wanted = job_filter(**conditions)
    return job_service_pb2.ListJobsRequest(
        owner=wanted.owner,
        states=wanted.states,
        kinds=wanted.kinds,
        batch_id=wanted.batch_id,
        labels=wanted.labels,
        create_time_from=wanted.create_time_from if wanted.HasField("create_time_from") else None,
        create_time_to=wanted.create_time_to if wanted.HasField("create_time_to") else None,
        page_size=page_size,
        include_spec=include_spec,
    )


def scope(
    *, everything: bool = False, tenant: bool = False, kind: str | spec_pb2.JobKind.ValueType = ""
) -> system_service_pb2.SchedulingScope:
    """Build what is paused or resumed. See `Scope`.

    Raises:
        ValueError: it is none of the scopes, or several.
    """
    if sum((everything, tenant, bool(kind))) != 1:
        raise ValueError("give exactly one of everything=True, tenant=True, kind=...")
    if everything:
        return system_service_pb2.SchedulingScope(everything=True)
    if tenant:
        return system_service_pb2.SchedulingScope(tenant=True)
    return system_service_pb2.SchedulingScope(kind=enum_value(spec_pb2.JobKind, kind))
